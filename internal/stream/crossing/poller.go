//go:build linux

package crossing

/*
#include <stdlib.h>
#include "crossing.h"
*/
import "C"

import (
	"errors"
	"time"
	"unsafe"

	"temporal-streaming/internal/record"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Poller polls a consumer in batches. Nothing else may poll the consumer meanwhile.
type Poller struct {
	batch *C.crossing_batch
}

// Event is what the consumer reports between its records: an error, or statistics.
type Event struct {
	Err        kafka.Error
	Partition  int32  // whose fetching failed; -1 if it is not about one partition
	Statistics string // JSON; if there is some, there is no error
}

// NewPoller borrows the queue of a consumer. ErrUnsuitable means that it cannot.
func NewPoller(c *kafka.Consumer) (*Poller, error) {
	rk, err := client(c)
	if err != nil {
		return nil, err
	}
	queue, err := borrow(c, "rkq", "_Ctype_struct_rd_kafka_queue_s")
	if err != nil {
		return nil, err
	}
	b := (*C.crossing_batch)(C.calloc(1, C.sizeof_crossing_batch))
	if b == nil {
		return nil, errMemory
	}
	b.rk, b.queue = rk, (*C.rd_kafka_queue_t)(queue)
	return &Poller{batch: b}, nil
}

var errMemory = errors.New("out of memory")

// Poll gives up the records of the poll before, and appends what has been fetched since: at
// most max records and about maxBytes. It waits for the first at most wait, in steps of a
// millisecond. An event ends the batch; the records before it are valid.
func (p *Poller) Poll(in []record.Message, max, maxBytes int, wait time.Duration) ([]record.Message, *Event, error) {
	b := p.batch
	// A wait below a millisecond would become none, and its caller would spin.
	timeout := C.int((wait + time.Millisecond - 1) / time.Millisecond)
	if C.crossing_poll(b, C.int32_t(max), C.int64_t(maxBytes), timeout) != 0 {
		return in, nil, errMemory
	}
	records := unsafe.Slice(b.records, int(b.count))
	for i := range records {
		r := &records[i]
		in = append(in, record.Message{
			Partition: int32(r.partition), Offset: int64(r.offset), Timestamp: int64(r.timestamp),
			Key: view(r.key, r.key_len), Value: view(r.value, r.value_len),
		})
	}
	switch {
	case b.statistics != nil:
		return in, &Event{Partition: -1, Statistics: C.GoString(b.statistics)}, nil
	case b.code == 0:
		return in, nil, nil
	}
	return in, &Event{
		Err:       kafka.NewError(kafka.ErrorCode(b.code), C.GoString(&b.text[0]), b.fatal != 0),
		Partition: int32(b.partition),
	}, nil
}

// Close gives up the records of the last poll. The consumer can be closed then, and must
// not before.
func (p *Poller) Close() {
	if p.batch == nil {
		return
	}
	C.crossing_release(p.batch)
	C.free(unsafe.Pointer(p.batch.records))
	C.free(unsafe.Pointer(p.batch.events))
	C.free(unsafe.Pointer(p.batch))
	p.batch = nil
}
