//go:build linux

package crossing

/*
#include <stdlib.h>
#include "crossing.h"
*/
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// client borrows the handle of a client and makes sure that it is one: the library must
// know it under the name that the client has for itself.
func client(c fmt.Stringer) (*C.rd_kafka_t, error) {
	if err := linked(); err != nil {
		return nil, err
	}
	p, err := borrow(c, "rk", "_Ctype_struct_rd_kafka_s")
	if err != nil {
		return nil, err
	}
	rk := (*C.rd_kafka_t)(p)
	if name := C.GoString(C.rd_kafka_name(rk)); name != c.String() {
		return nil, fmt.Errorf("%w: the library knows client %q as %q", ErrUnsuitable, c, name)
	}
	return rk, nil
}

// Remind tells a client which runs where brokers are, a list like that of bootstrap.servers.
//
// A broker that the controller takes for dead answers for a moment that there are no brokers. librdkafka 2.15.0 then drops all that it
// knows, those of bootstrap.servers included, and has nobody left to ask; its re-bootstrap (metadata.recovery.strategy) is not begun.
func Remind(c fmt.Stringer, brokers string) error {
	rk, err := client(c)
	if err != nil {
		return err
	}
	list := C.CString(brokers)
	defer C.free(unsafe.Pointer(list))
	if C.rd_kafka_brokers_add(rk, list) == 0 {
		return fmt.Errorf("no broker in %q", brokers)
	}
	return nil
}

// linked checks the library that is linked, before any other of its functions is called.
func linked() error {
	if missing := C.crossing_missing(); missing != nil {
		return fmt.Errorf("%w: librdkafka has no %s", ErrUnsuitable, C.GoString(missing))
	}
	got := C.GoString(C.rd_kafka_version_str())
	if _, of := kafka.LibraryVersion(); got != Library || of != Library {
		return fmt.Errorf("%w: librdkafka is %s (the client says %s), checked was %s", ErrUnsuitable, got, of, Library)
	}
	return nil
}

// bytes answers a view of C memory, nil for null.
func view(p unsafe.Pointer, n C.int64_t) []byte {
	if p == nil {
		return nil
	}
	return unsafe.Slice((*byte)(p), int(n))
}
