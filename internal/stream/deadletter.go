package stream

import (
	"strconv"
	"time"

	"temporal-streaming/internal/record"
)

// Reasons that the loop itself gives for a dead letter, beside those of package record.
const (
	ReasonPanic    record.Reason = "panic"            // the processor panicked on this record
	ReasonNoResult record.Reason = "no_result"        // the processor said nothing about this record
	ReasonTooLarge record.Reason = "output_too_large" // its prediction is larger than the output topic takes
)

// Headers of a dead letter. Key and value are those of the input record, byte for byte,
// unless HeaderTruncated is there.
const (
	HeaderReason    = "reason"    // one word, stable
	HeaderDetail    = "detail"    // for people
	HeaderTopic     = "topic"     // the input's coordinates
	HeaderPartition = "partition" // decimal
	HeaderOffset    = "offset"    // decimal
	HeaderTimestamp = "timestamp" // the input's, RFC 3339 with milliseconds; absent if it has none
	HeaderPipeline  = "pipeline"
	HeaderFailedAt  = "failed_at" // RFC 3339 with milliseconds
	// HeaderTruncated is there if the dead-letter topic refused the whole record. Its value
	// is "KEY/VALUE", the original lengths in bytes; only the first bytes of both are kept.
	HeaderTruncated = "truncated"
)

const (
	detailBytes    = 1 << 10  // of a detail, at most
	truncatedKey   = 256      // of a key, kept
	truncatedValue = 16 << 10 // of a value, kept
	stamp          = "2006-01-02T15:04:05.000Z07:00"
)

// deadLetter wraps a record. Dead letters are rare; they may allocate.
func (s *session) deadLetter(m *record.Message, reason record.Reason, detail string) outgoing {
	if len(detail) > detailBytes {
		detail = detail[:detailBytes]
	}
	o := outgoing{
		to: toDeadLetters, partition: m.Partition, key: m.Key, value: m.Value,
		headers: []header{
			{HeaderReason, []byte(reason)},
			{HeaderDetail, []byte(detail)},
			{HeaderTopic, []byte(s.Topic)},
			{HeaderPartition, strconv.AppendInt(nil, int64(m.Partition), 10)},
			{HeaderOffset, strconv.AppendInt(nil, m.Offset, 10)},
			{HeaderPipeline, []byte(s.Pipeline)},
			{HeaderFailedAt, s.Now().UTC().AppendFormat(nil, stamp)},
		},
	}
	if m.Timestamp >= 0 {
		o.headers = append(o.headers, header{HeaderTimestamp, time.UnixMilli(m.Timestamp).UTC().AppendFormat(nil, stamp)})
	}
	if limit := s.limits.recordBytes; limit > 0 && len(m.Key)+len(m.Value) > limit {
		lengths := strconv.Itoa(len(m.Key)) + "/" + strconv.Itoa(len(m.Value))
		o.headers = append(o.headers, header{HeaderTruncated, []byte(lengths)})
		o.key = m.Key[:min(len(m.Key), truncatedKey)]
		o.value = m.Value[:min(len(m.Value), truncatedValue, limit/2)]
	}
	return o
}
