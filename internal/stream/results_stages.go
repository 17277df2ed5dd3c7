package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"temporal-streaming/internal/score"
)

// What a stage hands on, and what the last one predicts, names the row of the source that it is about. To the first stage that is
// its own record. A later one reads its own topic, too, around the committed offset, to learn which of its records are about which
// rows. It also finds labels there, which have no result. That does no harm where one is read twice: what is known is a
// function of the log, and each label stands in it once.
//
// Results of a partition may go to every partition of the next topic. Its last one is known when each of those has been read
// back to a result from before the committed offset, or to its beginning: what came later stands behind.

// trail is what is found about one partition owned.
type trail struct {
	from   int64 // the committed offset
	last   lastResult
	before map[int32]bool      // partitions of the results' topic that were read back to before from
	first  int64               // of window
	window []ownRecord         // of the own topic; none for the first stage
	index  map[sourceRow]int64 // row of the source -> offset in window
}

// sourceRow is a row of the source.
type sourceRow struct {
	partition int32
	offset    int64
	row       int
}

// ownRecord is one that a later stage reads.
type ownRecord struct {
	label bool
	time  string
}

// How far a stage looks for results where nothing speaks against the offsets, and where something does.
const (
	stageTail  = 16 * firstTail
	stageTails = 16 * stageTail
)

// stageResults is results of a stream with stages.
func (s *consumer) stageResults(ctx context.Context, from []int64, most int64) ([]lastResult, error) {
	doubted := most > firstTail
	limit := int64(stageTail)
	if doubted {
		limit = stageTails
	}
	trails := map[int32]*trail{}
	for i, p := range s.Partitions {
		trails[p] = &trail{from: from[i], last: lastResult{next: -1, upTo: -1}, before: map[int32]bool{}}
	}
	if s.Stage > 0 {
		some, err := s.readOwn(ctx, trails, limit, doubted)
		if err != nil {
			return nil, fmt.Errorf("look at what stands in %s: %w", s.Topic, err)
		}
		if !some { // these are labels alone
			return lastOf(s.Partitions, trails), nil
		}
	}
	topic, of := s.Output, rowPredicted
	if len(s.Forward) > 0 {
		topic, of = s.Forward[0], rowHandedOn
	}
	if err := s.follow(ctx, trails, topic, of, limit, doubted); err != nil {
		return nil, fmt.Errorf("find the last results in %s: %w", topic, err)
	}
	letters, err := s.lastResults(ctx, s.DeadLetters, firstTail, limit, doubted, died)
	if err != nil {
		return nil, fmt.Errorf("find the last results in %s: %w", s.DeadLetters, err)
	}
	for p, it := range letters {
		if t := trails[p]; t.last.next >= 0 && it.next > t.last.next {
			t.last = lastResult{next: it.next, time: it.time}
		}
	}
	for _, t := range trails {
		t.passLabels()
	}
	if !doubted {
		about := func(r Record) (*trail, int64, bool) {
			at, _, ok := of(r)
			if !ok {
				return nil, 0, false
			}
			return s.own(trails, at)
		}
		if err := s.findStrays(ctx, trails, topic, about); err != nil {
			return nil, err
		}
	}
	return lastOf(s.Partitions, trails), nil
}

func lastOf(partitions []int32, trails map[int32]*trail) []lastResult {
	last := make([]lastResult, len(partitions))
	for i, p := range partitions {
		last[i] = trails[p].last
	}
	return last
}

// passLabels finds up to where nothing but labels follows the last result.
func (t *trail) passLabels() {
	if t.last.next < 0 {
		return
	}
	t.last.upTo = t.last.next
	for at := t.last.next - t.first; at >= 0 && at < int64(len(t.window)) && t.window[at].label; at++ {
		t.last.upTo = t.first + at + 1
	}
}

// rowPredicted and rowHandedOn tell which row of the source a result is about, and the model or the time that it names.
func rowPredicted(r Record) (at sourceRow, last lastResult, ok bool) {
	p, err := score.DecodePrediction(r.Value)
	return sourceRow{p.Partition, p.Offset, p.Row}, lastResult{time: p.EventTime, model: modelName(p.Model, p.ModelVersion)}, err == nil
}

func rowHandedOn(r Record) (at sourceRow, last lastResult, ok bool) {
	o, ok := score.OriginOf(r.Value)
	if o.Timestamp >= 0 {
		last.time = time.UnixMilli(o.Timestamp).UTC().Format(stamp)
	}
	return sourceRow{o.Partition, o.Offset, o.Row}, last, ok
}

// own finds the partition and the offset that a row has for this stage.
func (s *consumer) own(trails map[int32]*trail, at sourceRow) (t *trail, offset int64, ok bool) {
	if s.Stage == 0 {
		t, ok = trails[at.partition]
		return t, at.offset, ok
	}
	for _, t := range trails {
		if offset, ok = t.index[at]; ok {
			return t, offset, true
		}
	}
	return nil, 0, false
}

// follow reads the end of the topic of the results, and further back until everything behind the committed offsets was read. Of
// partitions for which that takes too much nothing is told.
func (s *consumer) follow(ctx context.Context, trails map[int32]*trail, topic string, of func(Record) (sourceRow, lastResult, bool), limit int64, doubted bool) error {
	first, ends, err := s.extent(ctx, topic, doubted)
	if err != nil {
		return err
	}
	whole := func(p int32, t *trail) (missing []int32) {
		for h := range int32(len(ends)) {
			if (len(s.Forward) > 0 || h == p%int32(len(ends))) && !t.before[h] {
				missing = append(missing, h)
			}
		}
		return missing
	}
	for tail := int64(firstTail); tail <= limit; tail *= 16 {
		begin := map[int32]int64{}
		for p, t := range trails {
			for _, h := range whole(p, t) {
				begin[h] = max(first[h], ends[h]-tail)
			}
		}
		if err := s.readTail(ctx, topic, begin, ends, func(r Record) {
			at, last, ok := of(r)
			if !ok {
				return
			}
			t, offset, ok := s.own(trails, at)
			if !ok {
				return
			}
			if offset < t.from {
				t.before[r.Partition] = true
			}
			if offset < t.last.next {
				return
			}
			t.last = last
			if t.last.next = offset + 1; s.Stage > 0 {
				t.last.time = t.window[offset-t.first].time
			}
		}); err != nil {
			return err
		}
		for _, t := range trails {
			for h, at := range begin {
				t.before[h] = t.before[h] || at == first[h]
			}
		}
	}
	for p, t := range trails {
		if len(whole(p, t)) > 0 {
			t.last = lastResult{next: -1, upTo: -1}
		}
	}
	return nil
}

// readOwn reads the own topic around the committed offsets. some tells whether there is a row of the source in it.
func (s *consumer) readOwn(ctx context.Context, trails map[int32]*trail, limit int64, doubted bool) (some bool, err error) {
	first, ends, err := s.extent(ctx, s.Topic, doubted)
	if err != nil {
		return false, err
	}
	begin := map[int32]int64{}
	for p, t := range trails {
		if int(p) >= len(ends) {
			return false, errors.New("a partition is not there")
		}
		t.first, t.index = max(first[p], t.from-firstTail), map[sourceRow]int64{}
		begin[p], ends[p] = t.first, min(ends[p], max(t.from, 0)+limit)
	}
	return some, s.readTail(ctx, s.Topic, begin, ends, func(r Record) {
		t := trails[r.Partition]
		for int64(len(t.window)) < r.Offset-t.first { // ends of transactions, which have offsets, too
			t.window = append(t.window, ownRecord{label: true})
		}
		o, is := score.OriginOf(r.Value)
		if is {
			some = true
			t.index[sourceRow{o.Partition, o.Offset, o.Row}] = r.Offset
		}
		t.window = append(t.window, ownRecord{label: !is, time: r.Timestamp.UTC().Format(stamp)})
	})
}
