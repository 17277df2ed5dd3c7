//go:build linux

package crossing

/*
#include <stdlib.h>
#include "crossing.h"
*/
import "C"

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Sender produces in batches: Add collects records, Send hands them over.
//
// Delivery reports come as they do for records that were produced one by one.
type Sender struct {
	c       *C.crossing_sender
	bytes   []byte // keys, values and headers of what was added
	records []C.crossing_outgoing
	headers []C.crossing_header
	taken   int // of records
}

// NewSender borrows a producer to send to these topics, eight at most, which records name
// by their index. ErrUnsuitable means that it cannot.
func NewSender(p *kafka.Producer, topics ...string) (*Sender, error) {
	rk, err := client(p)
	if err != nil {
		return nil, err
	}
	if len(topics) > C.CROSSING_TOPICS {
		return nil, fmt.Errorf("%w: %d topics, at most %d", ErrUnsuitable, len(topics), C.CROSSING_TOPICS)
	}
	c := (*C.crossing_sender)(C.calloc(1, C.sizeof_crossing_sender))
	if c == nil {
		return nil, errMemory
	}
	c.rk = rk
	s := &Sender{c: c, bytes: make([]byte, 0, keptBytes)}
	for i, topic := range topics {
		if topic == "" {
			continue // not written to
		}
		name := C.CString(topic)
		c.topics[i] = C.rd_kafka_topic_new(rk, name, nil)
		C.free(unsafe.Pointer(name))
		if c.topics[i] == nil {
			err := kafka.NewError(kafka.ErrorCode(C.rd_kafka_last_error()), "", false)
			s.Close()
			return nil, fmt.Errorf("open topic %s: %w", topic, err)
		}
	}
	return s, nil
}

// keptBytes is how much a Sender collects before it is full. Small enough to stay in the
// processor's cache between Add and Send, large enough for a thousand predictions.
const keptBytes = 256 << 10

// Full tells whether it is time to send.
func (s *Sender) Full() bool { return len(s.bytes) >= keptBytes }

// Bytes is how much was added.
func (s *Sender) Bytes() int { return len(s.bytes) }

// Add copies a record. A nil key or value is null, which is not the same as empty.
func (s *Sender) Add(topic int, partition int32, key, value []byte) {
	s.records = append(s.records, C.crossing_outgoing{
		key: s.keep(key), key_len: C.int64_t(len(key)), value: s.keep(value), value_len: C.int64_t(len(value)),
		topic: C.int32_t(topic), partition: C.int32_t(partition), header: C.int32_t(len(s.headers)),
	})
}

// Header adds a header to the record that was added last.
func (s *Sender) Header(name string, value []byte) {
	from := C.int64_t(len(s.bytes))
	s.bytes = append(s.bytes, name...)
	s.headers = append(s.headers, C.crossing_header{
		name: from, name_len: C.int64_t(len(name)), value: s.keep(value), value_len: C.int64_t(len(value)),
	})
	s.records[len(s.records)-1].headers++
}

func (s *Sender) keep(b []byte) C.int64_t {
	if b == nil {
		return -1
	}
	from := len(s.bytes)
	s.bytes = append(s.bytes, b...)
	return C.int64_t(from)
}

// Send hands over what was added and not yet taken. If a record is refused it answers why:
// that one and those behind it wait for the next Send, or for Forget.
func (s *Sender) Send() error {
	waiting := s.records[s.taken:]
	if len(waiting) == 0 {
		s.Forget()
		return nil
	}
	s.taken += int(C.crossing_send(s.c, (*C.char)(unsafe.Pointer(unsafe.SliceData(s.bytes))),
		unsafe.SliceData(waiting), C.int32_t(len(waiting)), unsafe.SliceData(s.headers)))
	if s.c.code != 0 {
		return kafka.NewError(kafka.ErrorCode(s.c.code), "", false)
	}
	s.Forget()
	return nil
}

// Flush waits until everything that was sent has been acknowledged or has failed, and the
// producer's events about it are taken; at most wait. Nothing lingers meanwhile. It answers
// whether all is done. Unlike the producer's own Flush it takes no events, and therefore
// returns at once when there are no more.
func (s *Sender) Flush(wait time.Duration) bool {
	return C.rd_kafka_flush(s.c.rk, C.int((wait+time.Millisecond-1)/time.Millisecond)) == 0
}

// OnlyFailures ends the reports of records that were delivered; those that failed are reported as before. It belongs between the
// making of the producer and its first record.
//
// Each report is one more thread that must be woken before Flush, and a commit, return: that of the producer's events, which makes a
// Go message of it and throws it away. The setting, delivery.report.only.error, is refused by the Go client for the sake of channels
// and opaque values per record, which a Sender has not. It is read anew for every batch, so it can be set while the client runs.
func (s *Sender) OnlyFailures() error {
	if code := C.crossing_only_failures(s.c.rk); code != 0 {
		return fmt.Errorf("%w: librdkafka refuses delivery.report.only.error", ErrUnsuitable)
	}
	return nil
}

// Forget drops what was added, and memory beyond what batches usually need.
func (s *Sender) Forget() {
	s.records, s.headers, s.taken = s.records[:0], s.headers[:0], 0
	if cap(s.bytes) > 16*keptBytes {
		s.bytes = make([]byte, 0, keptBytes)
	}
	s.bytes = s.bytes[:0]
}

// Close lets go of the topics. The producer can be closed then, and must not before.
func (s *Sender) Close() {
	if s.c == nil {
		return
	}
	for _, t := range s.c.topics {
		if t != nil {
			C.rd_kafka_topic_destroy(t)
		}
	}
	C.free(unsafe.Pointer(s.c))
	s.c = nil
}
