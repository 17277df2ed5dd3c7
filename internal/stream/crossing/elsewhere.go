//go:build !linux

package crossing

import (
	"fmt"
	"time"

	"temporal-streaming/internal/record"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Elsewhere the weak declarations of crossing.h cannot be linked, so there are only the
// public calls.
var errElsewhere = fmt.Errorf("%w: only on Linux", ErrUnsuitable)

// Poller polls a consumer in batches; on this system there is none.
type Poller struct{}

// Event is what the consumer reports between its records.
type Event struct {
	Err        kafka.Error
	Partition  int32
	Statistics string
}

// NewPoller answers ErrUnsuitable.
func NewPoller(*kafka.Consumer) (*Poller, error) { return nil, errElsewhere }

func (*Poller) Poll(in []record.Message, _, _ int, _ time.Duration) ([]record.Message, *Event, error) {
	return in, nil, errElsewhere
}

func (*Poller) Close() {}

// Sender produces in batches; on this system there is none.
type Sender struct{}

// NewSender answers ErrUnsuitable.
func NewSender(*kafka.Producer, ...string) (*Sender, error) { return nil, errElsewhere }

func (*Sender) Full() bool                     { return false }
func (*Sender) Bytes() int                     { return 0 }
func (*Sender) Add(int, int32, []byte, []byte) {}
func (*Sender) Header(string, []byte)          {}
func (*Sender) Send() error                    { return errElsewhere }
func (*Sender) OnlyFailures() error            { return ErrUnsuitable }
func (*Sender) Flush(time.Duration) bool       { return false }
func (*Sender) Forget()                        {}
func (*Sender) Close()                         {}

// Remind answers ErrUnsuitable.
func Remind(fmt.Stringer, string) error { return errElsewhere }

// Entry tells when the broker has let a transaction in; on this system nothing does.
type Entry struct{}

// NewEntry answers ErrUnsuitable.
func NewEntry(*kafka.Producer) (*Entry, error) { return nil, errElsewhere }

func (*Entry) Begin()     {}
func (*Entry) Wait() bool { return false }
func (*Entry) End() int   { return 0 }
func (*Entry) Close()     {}
