package transact

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The requests, by their keys, and the versions that make a broker take partitions and offsets in by itself.
const (
	produceKey     = 0
	produceVersion = 12
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

	// What a broker says of the transaction before is told people only when it lasts: after some two seconds.
	lasts = 64
)

// again waits before something is asked for the nth time more. It answers an error when there is no time left.
func (p *Producer) again(ctx context.Context, n int, why error) error {
	if n <= soonTimes {
		p.Nap(soonAgain)
	} else {
		if n%8 == 0 && (n >= lasts || !isBusy(why)) {
			p.Note(why)
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(time.Millisecond<<min(n-soonTimes, 10), longAgain)):
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

// ask sends a request to a broker, once.
func (p *Producer) ask(ctx context.Context, broker int32, req kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, p.AnswerTimeout)
	defer cancel()
	return p.client.Broker(int(broker)).Request(ctx, req)
}

// lasting tells whether an error of a request is not one of a connection.
func lasting(err error) bool {
	var k *kerr.Error
	return errors.As(err, &k) && !k.Retriable || errors.Is(err, ErrUnsupported)
}

// coordinate asks the coordinator of the transactional id, or of a group, until it answers with a code that is not one of a coordinator that has
// moved, or is not ready. do answers the code of one answer.
func (p *Producer) coordinate(ctx context.Context, kind int, key, what string, do func(ctx context.Context, broker int32) (code int16, err error)) (refused int, err error) {
	for n := 1; ; n++ {
		code, err := int16(0), error(nil)
		broker := p.coords[kind]
		if broker < 0 {
			broker, err = p.coordinator(ctx, kind, key)
		}
		if err == nil {
			code, err = do(ctx, broker)
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
		if err := p.again(ctx, n, err); err != nil {
			return refused, err
		}
	}
}

// coordinator looks for the broker that coordinates.
func (p *Producer) coordinator(ctx context.Context, kind int, key string) (int32, error) {
	req := kmsg.NewFindCoordinatorRequest()
	req.CoordinatorKey, req.CoordinatorKeys = key, []string{key}
	if kind == ofTransaction {
		req.CoordinatorType = 1
	}
	ctx, cancel := context.WithTimeout(ctx, p.AnswerTimeout)
	defer cancel()
	resp, err := req.RequestWith(ctx, p.client)
	if err != nil {
		return -1, fmt.Errorf("find coordinator: %w", err)
	}
	node, code := resp.NodeID, resp.ErrorCode
	if len(resp.Coordinators) > 0 {
		node, code = resp.Coordinators[0].NodeID, resp.Coordinators[0].ErrorCode
	}
	if err := kerr.ErrorForCode(code); err != nil {
		return -1, fmt.Errorf("find coordinator: %w", err)
	}
	p.coords[kind] = node
	return node, nil
}

func (p *Producer) lookForGroup(ctx context.Context) error {
	_, err := p.coordinate(ctx, ofGroup, p.Group, "look for the group's coordinator", func(context.Context, int32) (int16, error) { return 0, nil })
	return err
}

// claim takes the transactional id over.
func (p *Producer) claim(ctx context.Context) error {
	_, err := p.coordinate(ctx, ofTransaction, p.ID, "claim the transactional id", func(ctx context.Context, broker int32) (int16, error) {
		req := kmsg.NewInitProducerIDRequest()
		req.TransactionalID, req.TransactionTimeoutMillis = &p.ID, int32(p.TransactionTimeout.Milliseconds())
		req.ProducerID, req.ProducerEpoch = -1, -1
		answer, err := p.ask(ctx, broker, &req)
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
	return p.coordinate(ctx, ofGroup, p.Group, "send offsets", func(ctx context.Context, broker int32) (int16, error) {
		answer, err := p.ask(ctx, broker, &req)
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
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = p.ID, p.pid, p.epoch, commit
	_, err := p.coordinate(ctx, ofTransaction, p.ID, "end the transaction", func(ctx context.Context, broker int32) (int16, error) {
		answer, err := p.ask(ctx, broker, &req)
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

// leaders is which broker leads each partition, by topic.
type leaders [][]int32 // -1: nobody knows

func (l leaders) get(topic int, partition int32) int32 {
	if topic >= len(l) || int(partition) >= len(l[topic]) {
		return -1
	}
	return l[topic][partition]
}

// look asks who leads.
func (p *Producer) look(ctx context.Context) error {
	req := kmsg.NewMetadataRequest()
	for i := range p.Topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &p.Topics[i]
		req.Topics = append(req.Topics, t)
	}
	ctx, cancel := context.WithTimeout(ctx, p.AnswerTimeout)
	defer cancel()
	resp, err := req.RequestWith(ctx, p.client)
	if err != nil {
		return fmt.Errorf("ask who leads: %w", err)
	}
	of := make(leaders, len(p.Topics))
	for _, t := range resp.Topics {
		if t.Topic == nil {
			continue
		}
		i := p.topics[*t.Topic]
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("ask who leads %s: %w", *t.Topic, err)
		}
		for _, it := range t.Partitions {
			for len(of[i]) <= int(it.Partition) {
				of[i] = append(of[i], -1)
			}
			of[i][it.Partition] = it.Leader
		}
	}
	p.where = of
	return nil
}

// deliver takes a parcel to the leaders of its partitions, until all of it is there. A batch that may be there already is sent with the same
// sequence numbers, by which the broker knows it.
func (p *Producer) deliver(ctx context.Context, it *parcel) error {
	left := append([]*batch(nil), it.batches...)
	blind := false
	for n := 1; ; n++ {
		var troubles []error
		busyOnly := true
		if blind {
			if err := p.look(ctx); err != nil {
				if lasting(err) {
					return err
				}
				troubles, busyOnly = append(troubles, err), false
			}
			blind = false
		}
		groups := map[int32][]*batch{}
		for _, b := range left {
			if b.sequence < 0 {
				b.seal(p.pid, p.epoch, *p.sequence(b))
			}
			leader := p.where.get(b.topic, b.partition)
			groups[leader] = append(groups[leader], b)
		}
		sent := left
		left = nil
		type outcome struct {
			left []*batch
			busy bool
			err  error
		}
		outcomes := make(chan outcome, len(groups))
		for leader, batches := range groups {
			if leader < 0 {
				blind = true
				outcomes <- outcome{batches, false, fmt.Errorf("produce to %s: %w", p.Topics[batches[0].topic], kerr.LeaderNotAvailable)}
				continue
			}
			one := func() {
				left, busy, err := p.produce(ctx, leader, batches)
				outcomes <- outcome{left, busy, err}
			}
			if len(groups) == 1 {
				one()
			} else {
				go one()
			}
		}
		var final error
		for range groups {
			o := <-outcomes
			left = append(left, o.left...)
			if o.err == nil {
				continue
			}
			if len(o.left) == 0 {
				final = errors.Join(final, o.err)
				continue
			}
			troubles = append(troubles, o.err)
			if !o.busy {
				busyOnly, blind = false, true
			}
		}
		for _, b := range sent { // here, since the leaders are asked side by side
			b.repeated = true
			if final == nil && !slices.Contains(left, b) {
				s := p.sequence(b)
				*s = after(*s, b.count)
			}
		}
		if final != nil || len(left) == 0 {
			return final
		}
		if !busyOnly {
			n = max(n, soonTimes)
		}
		if n == 1 && blind && p.where == nil {
			continue // nobody has looked yet
		}
		if err := p.again(ctx, n, errors.Join(troubles...)); err != nil {
			return err
		}
	}
}

// produce sends batches to the leader of all of them, once. It answers those that are not there yet, and why; or none and an error that will not go away.
func (p *Producer) produce(ctx context.Context, leader int32, batches []*batch) (left []*batch, isBusy bool, err error) {
	req := kmsg.NewProduceRequest()
	req.TransactionID, req.Acks, req.TimeoutMillis = &p.ID, -1, int32(p.AnswerTimeout.Milliseconds())
	for _, b := range batches {
		i := 0
		for ; i < len(req.Topics) && req.Topics[i].Topic != p.Topics[b.topic]; i++ {
		}
		if i == len(req.Topics) {
			t := kmsg.NewProduceRequestTopic()
			t.Topic = p.Topics[b.topic]
			req.Topics = append(req.Topics, t)
		}
		it := kmsg.NewProduceRequestTopicPartition()
		it.Partition, it.Records = b.partition, b.bytes
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, it)
	}
	answer, err := p.ask(ctx, leader, &req)
	if err != nil {
		if err = fmt.Errorf("produce: %w", err); lasting(err) {
			return nil, false, err
		}
		return batches, false, err
	}
	resp := answer.(*kmsg.ProduceResponse)
	p.held(resp.ThrottleMillis)
	codes := map[*batch]int16{}
	for _, b := range batches {
		codes[b] = kerr.UnknownServerError.Code // unless it is answered
	}
	for _, t := range resp.Topics {
		for _, it := range t.Partitions {
			for _, b := range batches {
				if p.Topics[b.topic] == t.Topic && b.partition == it.Partition {
					codes[b] = it.ErrorCode
				}
			}
		}
	}
	isBusy = true
	for _, b := range batches {
		code := codes[b]
		if code == 0 || code == kerr.DuplicateSequenceNumber.Code && b.repeated {
			continue
		}
		e := fmt.Errorf("produce to %s[%d]: %w", p.Topics[b.topic], b.partition, kerr.ErrorForCode(code))
		if lasting(e) && !busy(code) {
			return nil, false, e
		}
		left, err = append(left, b), e
		isBusy = isBusy && busy(code)
	}
	return left, isBusy, err
}

// sequence is the next number of a batch's partition. Each has one batch under way at a time.
func (p *Producer) sequence(b *batch) *int32 {
	of := &p.seq[b.topic]
	for len(*of) <= int(b.partition) {
		*of = append(*of, 0)
	}
	return &(*of)[b.partition]
}
