package stream

import (
	"context"
	"errors"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// claim makes a producer that owns its transactional id: whoever had it before is fenced, and
// what that one left open is aborted. It answers how many producers that took.
//
// The first request for an id whose transaction is open begins its abort, which takes the
// broker a few milliseconds, and is refused meanwhile. The client asks again only after half a
// second. A new producer costs a tenth of that, so one that was refused is closed, and
// the next one asks. It is closed first: one that asked later than its successor would fence it.
//
// The same half second passes where a producer looks for its coordinator before it has found
// any broker. So it asks for metadata first.
func claim(ctx context.Context, config *kafka.ConfigMap, logs func(kafka.LogEvent)) (p *kafka.Producer, tries int, err error) {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		tries++
		p, refused, err := makeProducer(config, logs)
		if err != nil {
			return nil, tries, err
		}
		err = claimOnce(ctx, p, refused)
		if err == nil {
			return p, tries, nil
		}
		go discardEvents(p.Events())
		p.Close()
		if !errors.Is(err, errRefused) || ctx.Err() != nil {
			return nil, tries, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// errRefused says that the client is going to wait before it asks again for its id.
var errRefused = errors.New("the transactional id is busy: what its owner before left open is being aborted")

// refusal is the tag of the client's log line for a refused request. Without such lines a
// claim takes as long as the client waits.
const refusal = "GETPID"

// makeProducer answers with a producer and what is told when its claim was refused.
func makeProducer(config *kafka.ConfigMap, logs func(kafka.LogEvent)) (*kafka.Producer, <-chan struct{}, error) {
	p, err := kafka.NewProducer(config)
	if err != nil {
		return nil, nil, err
	}
	refused := make(chan struct{}, 1)
	go func() {
		for e := range p.Logs() {
			if e.Tag == refusal {
				select {
				case refused <- struct{}{}:
				default:
				}
			}
			logs(e)
		}
	}()
	return p, refused, nil
}

// claimOnce claims the id once. The call into the client is made in short turns, each of which goes on
// with the same claim, so that a refusal is noticed.
func claimOnce(ctx context.Context, p *kafka.Producer, refused <-chan struct{}) error {
	if err := patiently(ctx, func(ms int) error { _, err := p.GetMetadata(nil, false, ms); return err }); err != nil {
		return err
	}
	for {
		err := initTransactions(p, min(20, millis(ctx)))
		if err == nil || ctx.Err() != nil || !retryable(err) {
			return err
		}
		select {
		case <-refused:
			return errRefused
		case <-time.After(time.Millisecond): // for calls that fail at once
		}
	}
}

// initTransactions can be resumed: after a timeout the next call waits for the same answer.
func initTransactions(p *kafka.Producer, ms int) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(ms)*time.Millisecond)
	defer cancel()
	return p.InitTransactions(ctx)
}
