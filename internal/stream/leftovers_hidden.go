package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// A transaction in hand, of whoever shares a partition, takes milliseconds.
const (
	hiddenLooks = 3
	hiddenPause = 30 * time.Millisecond
)

// hiddenIn answers where of some places a transaction stands open.
func hiddenIn(ctx context.Context, admin *kafka.AdminClient, places []ground) ([]standing, error) {
	stood := map[ground]int64{}
	var hidden []standing
	for look := range hiddenLooks {
		if look > 0 {
			time.Sleep(hiddenPause)
		}
		found, err := standings(ctx, admin, places)
		if err != nil {
			return nil, fmt.Errorf("look for open transactions: %w", err)
		}
		places, hidden = places[:0], hidden[:0]
		for _, it := range found {
			at, seen := stood[it.ground]
			if it.stable < it.end && (!seen || at == it.stable) {
				places, hidden = append(places, it.ground), append(hidden, it)
				stood[it.ground] = it.stable
			}
		}
		if len(hidden) == 0 {
			break
		}
	}
	return hidden, nil
}

// ended waits until what was open before a standing's end is open no more.
// Its end is then that of what can be read.
func ended(ctx context.Context, admin *kafka.AdminClient, was *standing) (bool, error) {
	for deadline := time.Now().Add(answerTimeout); ; time.Sleep(hiddenPause) {
		found, err := standings(ctx, admin, []ground{was.ground})
		if err != nil {
			return false, fmt.Errorf("look for open transactions: %w", err)
		}
		if found[0].stable >= was.end {
			was.end = found[0].stable
			return true, nil
		}
		if time.Now().After(deadline) {
			return false, nil
		}
	}
}

// written are the partitions that results of the partitions owned go to.
func (s *producer) written() (places []ground) {
	seen := map[ground]bool{}
	for _, to := range []destination{toOutput, toDeadLetters} {
		for _, p := range s.Partitions {
			if n := s.sizes[to]; n > 0 {
				if at := (ground{*s.topic(to), p % n}); !seen[at] {
					seen[at] = true
					places = append(places, at)
				}
			}
		}
	}
	return places
}
