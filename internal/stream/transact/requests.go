package transact

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The requests, by their keys, and the versions that make a broker take partitions and offsets in by itself.
const (
	produceKey     = 0
	produceVersion = 12 // the next one wants topics by their ids
	claimKey       = 22
	claimVersion   = 5
	offsetsKey     = 28
	offsetsVersion = 5
	endKey         = 26
	endVersion     = 5
)

const (
	ofTransaction = iota // also the keys' types, turned round
	ofGroup
)

// How long is waited before something is asked again: where the transaction before is not over yet, which takes a millisecond or two, and else.
const (
	soonAgain = 500 * time.Microsecond
	soonTimes = 40
	longAgain = 100 * time.Millisecond

	// A coordinator that has just begun is given longer. Where it reads its log twice, as on a broker that is its own controller, the first write
	// before the end makes it fail for good, and whoever asks every few milliseconds meets that moment (docs/failures.md).
	begins = time.Second

	// What a broker says of the transaction before is told people only when it lasts: after some two seconds.
	lasts = 64
)

// again waits before something is asked for the nth time more, and no longer than most. It answers an error when there is no time left.
func (p *Producer) again(ctx context.Context, n int, most time.Duration, why error) error {
	if n <= soonTimes {
		p.Nap(soonAgain)
	} else {
		if n%8 == 0 && (n >= lasts || !isBusy(why)) {
			p.Note(why)
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(time.Millisecond<<min(n-soonTimes, 10), most)):
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w: %w", why, ErrTime, context.Cause(ctx))
	}
	return nil
}

// busy tells whether a code means that the transaction before is not over yet. Brokers say it in three ways: to whom they do not trust to know the
// first one, they give the name of a trouble that every client tries again.
func busy(code int16) bool {
	switch code {
	case kerr.ConcurrentTransactions.Code, kerr.CoordinatorLoadInProgress.Code, kerr.NotEnoughReplicas.Code:
		return true
	}
	return false
}

func isBusy(err error) bool {
	var k *kerr.Error
	return errors.As(err, &k) && busy(k.Code)
}

// lasting tells whether an error of a request is not one of a connection.
func lasting(err error) bool {
	var k *kerr.Error
	return errors.As(err, &k) && !k.Retriable || errors.Is(err, ErrUnsupported)
}

// coordinate asks the coordinator of the transactional id, or of a group, until it answers with a code that is not one of a coordinator that has
// moved, or is not ready. do asks it, and answers the code of one answer.
func (p *Producer) coordinate(ctx context.Context, kind int, key, what string, do func(ctx context.Context, ask asker) (code int16, err error)) (refused int, err error) {
	for n := 1; ; n++ {
		code, err := int16(0), error(nil)
		broker := p.coords[kind]
		if broker < 0 {
			broker, err = p.coordinator(ctx, kind, key)
			p.coords[kind] = broker
		}
		if err == nil {
			code, err = do(ctx, func(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
				return p.ask(ctx, broker, req, func(ctx context.Context) bool {
					now, err := p.coordinator(ctx, kind, key)
					return err == nil && now != broker
				})
			})
		}
		if err == nil {
			err = kerr.ErrorForCode(code)
		}
		if err == nil {
			return refused, nil
		}
		err = fmt.Errorf("%s: %w", what, err)
		switch {
		case busy(code):
			refused++
		case lasting(err):
			return refused, err
		default:
			p.coords[kind] = -1
			n = max(n, soonTimes)
		}
		if err := p.again(ctx, n, begins, err); err != nil {
			return refused, err
		}
	}
}

// asker asks one broker.
type asker func(context.Context, kmsg.Request) (kmsg.Response, error)

// coordinator looks for the broker that coordinates.
func (p *Producer) coordinator(ctx context.Context, kind int, key string) (int32, error) {
	resp, err := anyone(ctx, p.AnswerTimeout, func(ctx context.Context) (*kmsg.FindCoordinatorResponse, error) {
		req := kmsg.NewFindCoordinatorRequest()
		req.CoordinatorKey, req.CoordinatorKeys = key, []string{key}
		if kind == ofTransaction {
			req.CoordinatorType = 1
		}
		return req.RequestWith(ctx, p.client)
	})
	if err != nil {
		return -1, fmt.Errorf("find coordinator: %w", err)
	}
	node, code, host, port := resp.NodeID, resp.ErrorCode, resp.Host, resp.Port
	if len(resp.Coordinators) > 0 {
		it := resp.Coordinators[0]
		node, code, host, port = it.NodeID, it.ErrorCode, it.Host, it.Port
	}
	if err := kerr.ErrorForCode(code); err != nil {
		return -1, fmt.Errorf("find coordinator: %w", err)
	}
	p.links.at(node, host, port)
	return node, nil
}

// find looks for a coordinator until there is one.
func (p *Producer) find(ctx context.Context, kind int, key string) error {
	_, err := p.coordinate(ctx, kind, key, "look for a coordinator", func(context.Context, asker) (int16, error) { return 0, nil })
	return err
}

// Claim takes the transactional id over: whoever had it before is fenced, and what that one left open is aborted. It comes before anything else
// but Prepare.
func (p *Producer) Claim(ctx context.Context) error {
	_, err := p.coordinate(ctx, ofTransaction, p.ID, "claim the transactional id", func(ctx context.Context, ask asker) (int16, error) {
		req := kmsg.NewInitProducerIDRequest()
		req.Version = claimVersion
		req.TransactionalID, req.TransactionTimeoutMillis = &p.ID, int32(p.TransactionTimeout.Milliseconds())
		req.ProducerID, req.ProducerEpoch = -1, -1
		answer, err := ask(ctx, &req)
		if err != nil {
			return 0, err
		}
		resp := answer.(*kmsg.InitProducerIDResponse)
		p.pid, p.epoch = resp.ProducerID, resp.ProducerEpoch
		return resp.ErrorCode, nil
	})
	return err
}

// sendOffsets adds offsets to the transaction.
func (p *Producer) sendOffsets(ctx context.Context, offsets []Offset) (refused int, err error) {
	req := kmsg.NewTxnOffsetCommitRequest()
	req.Version = offsetsVersion
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = p.ID, p.Group, p.pid, p.epoch
	for i := range offsets {
		o := &offsets[i]
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != o.Topic {
			t := kmsg.NewTxnOffsetCommitRequestTopic()
			t.Topic = o.Topic
			req.Topics = append(req.Topics, t)
		}
		it := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		it.Partition, it.Offset, it.Metadata = o.Partition, o.Offset, &o.Note
		t := &req.Topics[len(req.Topics)-1]
		t.Partitions = append(t.Partitions, it)
	}
	return p.coordinate(ctx, ofGroup, p.Group, "send offsets", func(ctx context.Context, ask asker) (int16, error) {
		answer, err := ask(ctx, &req)
		if err != nil {
			return 0, err
		}
		resp := answer.(*kmsg.TxnOffsetCommitResponse)
		p.held(resp.ThrottleMillis)
		for _, t := range resp.Topics {
			for _, it := range t.Partitions {
				if it.ErrorCode != 0 {
					return it.ErrorCode, nil
				}
			}
		}
		return 0, nil
	})
}

// finish ends the transaction. The next one has the epoch of the answer, in which sequence numbers begin anew. An answer that was lost is given again
// to the same question.
func (p *Producer) finish(ctx context.Context, commit bool) error {
	req := kmsg.NewEndTxnRequest()
	req.Version = endVersion
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = p.ID, p.pid, p.epoch, commit
	_, err := p.coordinate(ctx, ofTransaction, p.ID, "end the transaction", func(ctx context.Context, ask asker) (int16, error) {
		answer, err := ask(ctx, &req)
		if err != nil {
			return 0, err
		}
		resp := answer.(*kmsg.EndTxnResponse)
		p.held(resp.ThrottleMillis)
		if resp.ErrorCode == 0 {
			if p.pid == resp.ProducerID && p.epoch == resp.ProducerEpoch {
				return 0, fmt.Errorf("%w: a transaction ended without a new epoch", ErrUnsupported)
			}
			p.pid, p.epoch = resp.ProducerID, resp.ProducerEpoch
		}
		return resp.ErrorCode, nil
	})
	if err == nil {
		p.touched = false
		for _, of := range p.seq {
			clear(of)
		}
	}
	return err
}

func (p *Producer) held(millis int32) {
	if millis > 0 {
		p.Held(time.Duration(millis) * time.Millisecond)
	}
}
