package stream

import (
	"errors"
	"fmt"
)

// ErrBehind is the fault of a loop to which the broker answers an older offset than is known
// to be committed: by the loop itself, or by whoever had the partition before. To go on from
// there would score again what was scored. So the loop asks the results (witness.go); where
// those do not tell, it asks the broker again, until that answers right, or a person decides
// by a seek.
//
// It happens on Apache Kafka 4.1.2 and 4.4.0 when a broker that is its own controller is
// started after a kill -9. It believes to lead its partitions, is told that it does not, and is
// made their leader again. Each time it reads the group's log. If the first reading ends
// while the second is under way (their log is long, or the machine is busy), the coordinator
// takes that for the end of the second, and begins to answer and to write; its first write
// makes the rest of the second fail, in silence. What that had not read is forgotten until the
// broker is started once more, offsets and ends of transactions alike.
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
