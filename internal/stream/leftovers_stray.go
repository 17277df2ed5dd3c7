package stream

import (
	"context"
	"fmt"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// findStrays notes the partitions owned of which records that are not committed have results that stand open, where a stage
// writes, or a stream with a history: who cannot go back to before what is committed, as leftovers does. about tells which record, of
// which partition owned, a result in the topic is about.
//
// After init no transaction of ours is open. So they are of one whose abort has missed the partition (leftovers.go), and the next commit
// of our id there would make results of them, beside those that are made anew. Of the others who write there only rows of theirs stand
// open. A commit that has missed a partition looks the same where its offsets were forgotten as well: then some of its results can be
// read elsewhere, and those that stand open are left to the next commit, which is what they wait for.
func (s *consumer) findStrays(ctx context.Context, trails map[int32]*trail, topic string, about func(Record) (*trail, int64, bool)) error {
	for _, t := range trails {
		if t.last.next > t.from {
			return nil
		}
	}
	if err := s.strays(ctx, topic, about); err != nil {
		return fmt.Errorf("look for what stands open in %s: %w", topic, err)
	}
	letters := func(r Record) (*trail, int64, bool) {
		it, ok := died(r)
		t := trails[it.at.Partition]
		return t, it.at.Offset, ok && t != nil && it.topic == s.Topic && it.pipeline == s.Pipeline
	}
	if err := s.strays(ctx, s.DeadLetters, letters); err != nil {
		return fmt.Errorf("look for what stands open in %s: %w", s.DeadLetters, err)
	}
	return nil
}

// ownStrays is findStrays for the one stage of a stream with a history, whose last results are known.
func (s *consumer) ownStrays(ctx context.Context, from []int64, last []lastResult) error {
	trails := map[int32]*trail{}
	for i, p := range s.Partitions {
		trails[p] = &trail{from: from[i], last: last[i]}
	}
	err := s.findStrays(ctx, trails, s.Output, func(r Record) (*trail, int64, bool) {
		it, ok := predicted(r)
		t := trails[it.at.Partition]
		return t, it.at.Offset, ok && t != nil && it.topic == s.Topic
	})
	for i, p := range s.Partitions {
		last[i].stray = trails[p].last.stray
	}
	return err
}

// strays is findStrays of one topic.
func (s *consumer) strays(ctx context.Context, topic string, about func(Record) (*trail, int64, bool)) error {
	admin, err := kafka.NewAdminClientFromConsumer(s.c)
	if err != nil {
		return err
	}
	defer admin.Close()
	n, err := partitions(admin, topic, millis(ctx))
	if err != nil {
		return err
	}
	places := make([]ground, n)
	for p := range places {
		places[p] = ground{topic, int32(p)}
	}
	open, err := hiddenIn(ctx, admin, places)
	if err != nil || len(open) == 0 {
		return err
	}
	r, err := readerOf(s.Kafka, topic, "read_uncommitted")
	if err != nil {
		return err
	}
	defer func() { go r.Close() }() // which takes a while; nothing is lost, since a reader commits nothing
	begin, ends := map[int32]int64{}, make([]int64, n)
	for _, it := range open { // what somebody else has left open may be long; ours is from a moment ago
		begin[it.partition], ends[it.partition] = max(it.stable, it.end-stageTail), it.end
	}
	return r.between(ctx, begin, ends, tailPatience, func(rec Record) error {
		if t, offset, ok := about(rec); ok && offset >= t.from {
			t.last.stray = true
		}
		return nil
	})
}
