package stream

import (
	"errors"
	"fmt"
)

// ErrBehind is the fault of a loop to which the broker answers an older offset than is known
// to be committed: by the loop itself, or by whoever had the partition before. To go on from
// there would score again what was scored. It was seen on Apache Kafka 4.1.2 after a kill -9:
// the group's coordinator answered offsets of minutes ago, though its log had the newer ones,
// until the broker was started once more. So the loop asks again, until it is answered right,
// or a person decides by a seek.
var ErrBehind = errors.New("the broker has forgotten commits")

// behind compares a committed offset with the one that is known to have been committed. It
// may be lower after a seek, which says so in its note, and after somebody has set it by hand
// with another tool, which leaves no note.
func (s *session) behind(i int, m mark) error {
	stood := s.stood[i]
	switch {
	case m.next >= stood:
		return nil
	case m.next >= 0 && m.Generation == unordered:
		return nil
	case m.Seek != "" && stood <= m.Before:
		return nil
	}
	return fmt.Errorf("read %s-%d: %w: it says that %d is committed, and %d was", s.Topic, s.Partitions[i], ErrBehind, m.next, stood)
}
