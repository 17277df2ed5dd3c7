//go:build linux

package crossing

/*
#cgo LDFLAGS: -Wl,--wrap=rd_kafka_new -Wl,--wrap=rd_kafka_txn_schedule_register_partitions
#include <stdlib.h>
#include "crossing.h"
*/
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Entry tells when the broker has let a transaction in, while the call that sends the offsets still waits for them to be
// taken. From then on records can be handed over without being refused, and go to the broker together with the offsets.
//
// One goroutine calls Begin, sends the offsets, and calls End; another calls Wait in between.
type Entry struct{ c *C.crossing_entry }

// NewEntry listens to a transactional producer. ErrUnsuitable means that it cannot be heard.
func NewEntry(p *kafka.Producer) (*Entry, error) {
	rk, err := client(p)
	if err != nil {
		return nil, err
	}
	c := (*C.crossing_entry)(C.calloc(1, C.sizeof_crossing_entry))
	if c == nil {
		return nil, errMemory
	}
	c.rk = rk
	if C.crossing_entry_open(c) != 0 {
		C.free(unsafe.Pointer(c))
		return nil, fmt.Errorf("%w: the library was linked without --wrap=rd_kafka_new", ErrUnsuitable)
	}
	return &Entry{c}, nil
}

// Begin forgets what was before.
func (e *Entry) Begin() { C.crossing_entry_begin(e.c) }

// Wait answers true as soon as the broker has let the transaction in, and false if it had not when End was called.
func (e *Entry) Wait() bool { return C.crossing_entry_wait(e.c) != 0 }

// End ends the waiting, and answers how often the client asked for the transaction to be let in. It asks again where the one
// before is not over yet.
func (e *Entry) End() (asked int) { return int(C.crossing_entry_end(e.c)) }

// Close ends the listening. Nobody may wait.
func (e *Entry) Close() {
	if e.c == nil {
		return
	}
	C.crossing_entry_close(e.c)
	C.free(unsafe.Pointer(e.c))
	e.c = nil
}
