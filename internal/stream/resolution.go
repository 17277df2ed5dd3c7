package stream

import (
	"strconv"
	"time"
)

// Action is what was decided about a dead letter.
type Action string

const (
	Retry Action = "retry" // its record was put into the input topic again
	Drop  Action = "drop"  // it is left as it is
)

// Headers of a resolution, besides those of the dead letter's source (HeaderTopic to
// HeaderTimestamp, HeaderPipeline). A resolution is a record in the dead-letter topic, in
// the partition of the letter that it is about, after it: so retention never deletes a
// resolution before its letter. Its key is the letter's, its value empty.
const (
	HeaderResolution    = "resolution"     // retry or drop
	HeaderLetter        = "letter"         // PARTITION@OFFSET of the dead letter
	HeaderBy            = "by"             // who decided
	HeaderWhy           = "why"            // for people
	HeaderResolvedAt    = "resolved_at"    // RFC 3339 with milliseconds
	HeaderRetriedAt     = "retried_at"     // of a retry: PARTITION@OFFSET of the new record in the input topic
	HeaderRetriedSHA256 = "retried_sha256" // of a retry: of the value that was put there
	HeaderFixed         = "fixed"          // of a retry: true if that is not the value of the dead letter
)

// HeaderRetryOf is on a record that was put into the input topic again: TOPIC/PARTITION@OFFSET
// of its dead letter.
const HeaderRetryOf = "retry_of"

// Resolution is what was decided about a dead letter, once and for good.
type Resolution struct {
	At         Place     `json:"at"` // in the dead-letter topic
	Action     Action    `json:"action"`
	Letter     Place     `json:"letter"` // in the dead-letter topic
	Source     Source    `json:"source"`
	Pipeline   string    `json:"pipeline"`
	By         string    `json:"by"`
	Why        string    `json:"why"`
	ResolvedAt time.Time `json:"resolved_at"`
	Retried    *Retried  `json:"retried,omitempty"` // of a retry
}

// Retried is the record that a retry put into the input topic.
type Retried struct {
	Topic  string `json:"topic"`
	At     Place  `json:"at"`
	SHA256 string `json:"sha256"` // of its value
	Fixed  bool   `json:"fixed"`  // its value is not that of the dead letter
}

// headers are what readResolution reads.
func (r Resolution) headers() []header {
	text := func(name, value string) header { return header{name, []byte(value)} }
	h := []header{
		text(HeaderResolution, string(r.Action)),
		text(HeaderLetter, r.Letter.String()),
		text(HeaderTopic, r.Source.Topic),
		text(HeaderPartition, strconv.Itoa(int(r.Source.Partition))),
		text(HeaderOffset, strconv.FormatInt(r.Source.Offset, 10)),
		text(HeaderPipeline, r.Pipeline),
		text(HeaderBy, cut(r.By, detailBytes)),
		text(HeaderWhy, cut(r.Why, detailBytes)),
		text(HeaderResolvedAt, r.ResolvedAt.UTC().Format(stamp)),
	}
	if r.Source.Timestamp != "" {
		h = append(h, text(HeaderTimestamp, r.Source.Timestamp))
	}
	if r.Retried != nil {
		h = append(h, text(HeaderRetriedAt, r.Retried.At.String()), text(HeaderRetriedSHA256, r.Retried.SHA256), text(HeaderFixed, strconv.FormatBool(r.Retried.Fixed)))
	}
	return h
}

// readResolution reads a record of a dead-letter topic; false if it is no resolution.
func readResolution(rec Record) (Resolution, bool) {
	r := Resolution{
		At: Place{rec.Partition, rec.Offset}, Action: Action(head(rec, HeaderResolution)), Pipeline: head(rec, HeaderPipeline),
		By: head(rec, HeaderBy), Why: head(rec, HeaderWhy),
	}
	if r.Action != Retry && r.Action != Drop {
		return Resolution{}, false
	}
	var ok bool
	if r.Source, ok = readSource(rec); !ok {
		return Resolution{}, false
	}
	var err error
	if r.Letter, err = ParsePlace(head(rec, HeaderLetter)); err != nil {
		return Resolution{}, false
	}
	r.ResolvedAt, _ = time.Parse(time.RFC3339, head(rec, HeaderResolvedAt)) // zero if it is broken
	if r.Action == Retry {
		at, err := ParsePlace(head(rec, HeaderRetriedAt))
		if err != nil {
			return Resolution{}, false
		}
		r.Retried = &Retried{Topic: r.Source.Topic, At: at, SHA256: head(rec, HeaderRetriedSHA256), Fixed: head(rec, HeaderFixed) == "true"}
	}
	return r, true
}
