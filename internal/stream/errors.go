package stream

import (
	"errors"
	"fmt"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// ErrFenced is returned by Run when another loop has taken the partitions over, and
// StillOwner does not contradict. Nothing of the transaction in hand was committed. It is
// final: the successor continues where the last commit stands.
var ErrFenced = errors.New("fenced: another loop owns these partitions now")

// ErrOffsetLost is returned by Run when the broker no longer has the records at a
// committed offset, or has a shorter log than was read before. It is final: a person
// must decide what to do about the gap. errors.As with *OffsetLost gives the gap.
var ErrOffsetLost = errors.New("committed offset is lost")

// OffsetLost states the gap behind ErrOffsetLost.
type OffsetLost struct {
	Topic     string
	Partition int32
	Committed int64 // the next offset to be read
	First     int64 // the oldest that the broker has, -1 unknown
	End       int64 // after the newest, -1 unknown
}

func (e *OffsetLost) Error() string {
	at := fmt.Sprintf("read %s-%d: %v: offset %d is committed, the broker has %d to %d",
		e.Topic, e.Partition, ErrOffsetLost, e.Committed, e.First, e.End)
	switch {
	case e.First > e.Committed:
		return at + fmt.Sprintf("; %d records were deleted before they were scored (retention is shorter than the backlog);"+
			" to accept that, set the group's offset of this partition to %d"+e.seek(e.First), e.First-e.Committed, e.First)
	case e.End >= 0 && e.End < e.Committed:
		return at + "; the topic was made anew or has lost its end; check it, then set the group's offset of this partition" + e.seek(e.First)
	}
	return at + "; check the topic, then set the group's offset of this partition"
}

// seek is the command that does it.
func (e *OffsetLost) seek(to int64) string {
	return fmt.Sprintf(" (starter seek PIPELINE --partition %d --offset %d --reason WHY)", e.Partition, max(0, to))
}

func (e *OffsetLost) Is(target error) bool { return target == ErrOffsetLost }

// errTooLarge is a refusal of a record for its size, by the client or the broker.
type errTooLarge struct {
	size  int // of the largest record refused, 0 unknown
	cause error
}

func (e *errTooLarge) Error() string { return e.cause.Error() }
func (e *errTooLarge) Unwrap() error { return e.cause }

// fenced tells the errors by which the broker, or the client on its behalf, refuses a
// loop whose transactional id belongs to another instance, or whose transaction timed out.
func fenced(err error) bool {
	return faultOfCode(code(err)) == FaultFenced
}

// retryable tells the errors after which the same call may be made again: the client says
// so, or nobody has answered yet.
func retryable(err error) bool {
	var k kafka.Error
	if !errors.As(err, &k) {
		return false
	}
	switch k.Code() {
	case kafka.ErrNotCoordinator, kafka.ErrCoordinatorNotAvailable, kafka.ErrCoordinatorLoadInProgress,
		kafka.ErrTransport, kafka.ErrTimedOut, kafka.ErrTimedOutQueue, kafka.ErrWaitCoord:
		return true
	}
	return k.IsRetriable()
}

// code is the client's code of an error, or ErrNoError if it is not the client's.
func code(err error) kafka.ErrorCode {
	var k kafka.Error
	if errors.As(err, &k) {
		return k.Code()
	}
	return kafka.ErrNoError
}
