package stream

import (
	"errors"
	"fmt"
	"sync"

	"temporal-streaming/internal/stream/crossing"
)

// errForgotten is noted of a client that knows no broker any more.
//
// A broker is taken for dead when its heartbeats do not come for nine seconds (broker.session.timeout.ms), as when its machine was frozen
// or too busy. If there is no other it may answer clients that have come back before it was let in again, and says that there are no
// brokers. librdkafka then drops all that it knows, and would not ask anybody again: it fetches and sends nothing, and reports no error.
var errForgotten = errors.New("the kafka client was told that there are no brokers, and forgot those it knew")

// forgotten tells whether the client knows no broker, be it given or found. Coordinators do not count: they are asked for.
func (s *statistics) forgotten() bool {
	for _, b := range s.Brokers {
		if b.Source == "configured" || b.Source == "learned" {
			return false
		}
	}
	return true
}

// Remind tells a client where the brokers are if by its own statistics it knows none, and goes on from where it was. forgot is whether it
// did. The error says that the client cannot be told, and another must take its place. Whoever keeps a client for longer than a call
// asks for statistics (statistics.interval.ms) and hands them to this.
func (k Kafka) Remind(client fmt.Stringer, text string) (forgot bool, err error) {
	s, err := readStatistics(text)
	if err != nil {
		return false, err
	}
	return k.remind(client, s)
}

func (k Kafka) remind(client fmt.Stringer, s *statistics) (forgot bool, err error) {
	if !s.forgotten() {
		return false, nil
	}
	if err := crossing.Remind(client, k.Brokers); err != nil {
		return true, fmt.Errorf("%w; it cannot be reminded: %w", errForgotten, err)
	}
	return true, nil
}

// Reminder reminds a client whose statistics another goroutine takes than the one that closes it: a closed client must not be touched.
type Reminder struct {
	Kafka Kafka
	mu    sync.Mutex
	over  bool
}

// Remind is that of Kafka, until End.
func (r *Reminder) Remind(client fmt.Stringer, text string) (forgot bool, err error) {
	s, err := readStatistics(text)
	if err != nil {
		return false, err
	}
	return r.remind(client, s)
}

func (r *Reminder) remind(client fmt.Stringer, s *statistics) (forgot bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return false, nil
	}
	return r.Kafka.remind(client, s)
}

// End is called before the client is closed. It waits for a call that is under way.
func (r *Reminder) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
}
