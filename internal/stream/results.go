package stream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"temporal-streaming/internal/score"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// lastResult is where the results of a partition end.
type lastResult struct {
	next  int64  // the offset behind the last record that has one; -1: none has, or nobody knows
	upTo  int64  // up to there stand only labels behind it, which have no results
	time  string // that record's timestamp, as the result has it; "" unknown
	model string // that scored it, with its version; "": it is a dead letter of this pipeline
	stray bool   // results of records from the committed offset on stand open, and none is committed (leftovers_stray.go)
}

func modelName(name, version string) string { return name + " " + version }

// results answers where the committed predictions and dead letters of every partition owned
// end. Of each topic's end up to most records a partition are read, in steps. from are the committed offsets.
func (s *consumer) results(ctx context.Context, from []int64, most int64) ([]lastResult, error) {
	if s.Stage > 0 || len(s.Forward) > 0 {
		return s.stageResults(ctx, from, most)
	}
	doubted := s.History == nil || most > firstTail // without a history, what stood open was ended before
	type answer struct {
		last map[int32]lastResult
		err  error
	}
	ask := func(topic string, tail int64, of func(Record) (result, bool)) <-chan answer {
		done := make(chan answer, 1)
		go func() {
			last, err := s.lastResults(ctx, topic, tail, most, doubted, of)
			if err != nil {
				err = fmt.Errorf("find the last results in %s: %w", topic, err)
			}
			done <- answer{last, err}
		}()
		return done
	}
	predictions, letters := ask(s.Output, nearTail, predicted), ask(s.DeadLetters, firstTail, died)
	a, b := <-predictions, <-letters
	if err := errors.Join(a.err, b.err); err != nil {
		return nil, err
	}
	last := make([]lastResult, len(s.Partitions))
	for i, p := range s.Partitions {
		last[i] = lastResult{next: -1}
		for _, found := range []map[int32]lastResult{a.last, b.last} {
			if it, some := found[p]; some && it.next > last[i].next {
				last[i] = it
			}
		}
		last[i].upTo = last[i].next
	}
	if !doubted {
		return last, s.ownStrays(ctx, from, last)
	}
	return last, nil
}

// result tells which record a prediction or a dead letter is about.
type result struct {
	topic    string
	at       Place
	time     string
	model    string // of a prediction
	pipeline string // of a dead letter
}

func predicted(r Record) (result, bool) {
	p, err := score.DecodePrediction(r.Value)
	return result{topic: p.Topic, at: Place{p.Partition, p.Offset}, time: p.EventTime, model: modelName(p.Model, p.ModelVersion)}, err == nil
}

func died(r Record) (result, bool) {
	topic, _ := r.Header(HeaderTopic)
	partition, _ := r.Header(HeaderPartition)
	offset, _ := r.Header(HeaderOffset)
	stamp, _ := r.Header(HeaderTimestamp)
	pipeline, _ := r.Header(HeaderPipeline)
	p, err1 := strconv.ParseInt(partition, 10, 32)
	o, err2 := strconv.ParseInt(offset, 10, 64)
	return result{topic: topic, at: Place{int32(p), o}, time: stamp, pipeline: pipeline}, err1 == nil && err2 == nil
}

// How many records of a partition's end are read for the last results: of predictions, the last of which is
// nearly always right there; at first, where nothing speaks against the offsets; and at most, where the end has none.
const (
	nearTail  = 80
	firstTail = 16 * nearTail
	lastTail  = 16 * 16 * 16 * firstTail
)

// tailPatience is how long the end of a topic may hold back what is behind an open transaction.
const tailPatience = 5 * time.Second

// lastResults reads the end of a topic for the last result of each partition owned that has
// one there. Predictions stand in the order of their records. Among dead letters there are also decisions
// about older ones, so that the highest offset counts. From least to most records of each partition are read, in steps.
func (s *consumer) lastResults(ctx context.Context, topic string, least, most int64, doubted bool, of func(Record) (result, bool)) (map[int32]lastResult, error) {
	first, ends, err := s.extent(ctx, topic, doubted)
	if err != nil {
		return nil, err
	}
	last := map[int32]lastResult{}
	for tail := least; tail <= most; tail *= 16 {
		begin := map[int32]int64{}
		for _, p := range s.Partitions {
			at := p % int32(len(ends))
			if _, found := last[p]; !found && first[at] < ends[at] && (tail == least || ends[at]-tail/16 > first[at]) {
				begin[at] = max(first[at], ends[at]-tail)
			}
		}
		if len(begin) == 0 {
			break
		}
		if err := s.readTail(ctx, topic, begin, ends, func(r Record) {
			it, ok := of(r)
			if !ok || it.topic != s.Topic || it.model == "" && it.pipeline != s.Pipeline {
				return
			}
			if before, known := last[it.at.Partition]; it.model != "" || !known || it.at.Offset >= before.next {
				last[it.at.Partition] = lastResult{next: it.at.Offset + 1, time: it.time, model: it.model}
			}
		}); err != nil {
			return nil, err
		}
	}
	return last, nil
}

// extent is where the partitions of a topic begin and end. Where nothing is in doubt, what stands behind somebody's open transaction
// is not waited for. It asks through the client that is connected already.
func (s *consumer) extent(ctx context.Context, topic string, doubted bool) (first, ends []int64, err error) {
	level := kafka.IsolationLevelReadCommitted
	if doubted {
		level = kafka.IsolationLevelReadUncommitted
	}
	a, err := kafka.NewAdminClientFromConsumer(s.c)
	if err != nil {
		return nil, nil, err
	}
	defer a.Close()
	n, err := partitions(a, topic, millis(ctx))
	if err != nil {
		return nil, nil, err
	}
	if first, err = listOffsets(ctx, a, topic, n, kafka.EarliestOffsetSpec); err == nil {
		ends, err = listOffsets(ctx, a, topic, n, kafka.LatestOffsetSpec, kafka.SetAdminIsolationLevel(level))
	}
	return first, ends, err
}

// readTail fails if it cannot read to the ends, as where a transaction is open: what it hides
// may be results.
func (s *consumer) readTail(ctx context.Context, topic string, begin map[int32]int64, ends []int64, visit func(Record)) error {
	r, err := idleReader(s.Kafka, topic)
	if err != nil {
		return err
	}
	defer func() { go r.Close() }() // which takes a while; nothing is lost, since a reader commits nothing
	return r.between(ctx, begin, ends, tailPatience, func(rec Record) error {
		visit(rec)
		return nil
	})
}

// holds tells whether the record that a partition's last result is about is still there: a
// topic that was deleted and made anew has others at the same offsets.
func (s *consumer) holds(ctx context.Context, partition int32, last lastResult) (same bool, err error) {
	r, err := idleReader(s.Kafka, s.Topic)
	if err != nil {
		return false, err
	}
	defer r.Close() // nothing is lost: a reader commits nothing
	first, end, err := bounds(ctx, r.c, []kafka.TopicPartition{{Topic: &s.Topic, Partition: partition}}, millis(ctx))
	if err != nil {
		return false, unreachable(err)
	}
	at := last.next - 1
	if at < first[0] || at >= end[0] || last.time == "" {
		return false, nil
	}
	ends := make([]int64, partition+1)
	ends[partition] = last.next
	err = r.between(ctx, map[int32]int64{partition: at}, ends, tailPatience, func(rec Record) error {
		same = rec.Offset == at && rec.Timestamp.UTC().Format(stamp) == last.time
		return nil
	})
	return same, err
}
