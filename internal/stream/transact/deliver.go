package transact

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// leaders is which broker leads each partition, by topic.
type leaders [][]int32 // -1: nobody knows

func (l leaders) get(topic int, partition int32) int32 {
	if topic >= len(l) || int(partition) >= len(l[topic]) {
		return -1
	}
	return l[topic][partition]
}

// look asks who leads.
func (p *Producer) look(ctx context.Context) (leaders, error) {
	resp, err := anyone(ctx, p.AnswerTimeout, func(ctx context.Context) (*kmsg.MetadataResponse, error) {
		req := kmsg.NewMetadataRequest()
		for i := range p.Topics {
			t := kmsg.NewMetadataRequestTopic()
			t.Topic = &p.Topics[i]
			req.Topics = append(req.Topics, t)
		}
		return req.RequestWith(ctx, p.client)
	})
	if err != nil {
		return nil, fmt.Errorf("ask who leads: %w", err)
	}
	for _, b := range resp.Brokers {
		p.links.at(b.NodeID, b.Host, b.Port)
	}
	of := make(leaders, len(p.Topics))
	for _, t := range resp.Topics {
		if t.Topic == nil {
			continue
		}
		i := p.topics[*t.Topic]
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return nil, fmt.Errorf("ask who leads %s: %w", *t.Topic, err)
		}
		for _, it := range t.Partitions {
			for len(of[i]) <= int(it.Partition) {
				of[i] = append(of[i], -1)
			}
			of[i][it.Partition] = it.Leader
		}
	}
	return of, nil
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
			where, err := p.look(ctx)
			switch {
			case err == nil:
				p.where = where
			case lasting(err):
				return err
			default:
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
		if err := p.again(ctx, n, longAgain, errors.Join(troubles...)); err != nil {
			return err
		}
	}
}

// produce sends batches to the leader of all of them, once. It answers those that are not there yet, and why; or none and an error that will not go away.
func (p *Producer) produce(ctx context.Context, leader int32, batches []*batch) (left []*batch, isBusy bool, err error) {
	req := kmsg.NewProduceRequest()
	req.Version = produceVersion
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
	answer, err := p.ask(ctx, leader, &req, func(ctx context.Context) bool {
		now, err := p.look(ctx)
		return err == nil && slices.ContainsFunc(batches, func(b *batch) bool {
			it := now.get(b.topic, b.partition)
			return it >= 0 && it != leader
		})
	})
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
