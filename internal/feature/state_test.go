package feature

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

func TestEveryAggregateEqualsTheReferenceBitForBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, texts, labels := randomPayments(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 900).Draw(t, "rows"), 0)
		checkAgainstReference(t, rows, texts, labels, 0)
	})
}

func TestRecordsOutOfOrderTakeTheirPlaceWithinTheTolerance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, texts, labels := randomPayments(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 900).Draw(t, "rows"), 7_000)
		checkAgainstReference(t, rows, texts, labels, 7_000)
	})
}

func TestLateRecordsAreMovedUpToTheTolerance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Fewer than a block of the sweep: no key is forgotten, so that lateness is the key's matter alone.
		rows, texts, labels := randomPayments(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, sweepBlock-1).Draw(t, "rows"), 60_000)
		checkAgainstReference(t, rows, texts, labels, 3_000)
	})
}

func TestCountersTellReorderedFromLate(t *testing.T) {
	p := paymentProgram(t, payments(2_000, pipeline.Delayed))
	s := p.Stages()[0].NewState()
	texts := new(record.Texts)
	texts.Add([]byte("bakery"))
	values := make([]float64, p.Width())
	for _, at := range []float64{100, 101, 99, 98.5, 101, math.NaN(), math.Inf(1), 1e12} {
		s.Update([]float64{at, 1, 0, 5}, texts, Unknown, values)
	}
	if got, want := s.Counters(), (Counters{Records: 5, Reordered: 1, Late: 1, Unusable: 3}); got != want {
		t.Errorf("counters %+v, want %+v", got, want)
	}
}

func TestARecordAllocatesNothing(t *testing.T) {
	rows, texts, labels := randomPayments(3, 20_000, 2_000)
	p := paymentProgram(t, payments(2_000, pipeline.Delayed))
	states := newStates(p)
	values, x := make([]float64, p.Width()), make([]float32, p.Width())
	next := 0
	feed := func() {
		for _, s := range states {
			s.Update(rows[next], texts, labels[next], values)
		}
		p.Finish(rows[next], values)
		Round(values, x)
		next++
	}
	for next < 15_000 {
		feed()
	}
	if n := testing.AllocsPerRun(4_000, feed); n != 0 {
		t.Errorf("%v allocations a record", n)
	}
}

func TestIdleKeysAreForgottenAndMemoryStaysBounded(t *testing.T) {
	p := paymentProgram(t, payments(0, pipeline.Delayed))
	s := p.Stages()[0].NewState()
	bounded := *p.Stages()[0]
	bounded.forever = false // the spec's windows of all time keep every key; without them none needs to stay
	s.stage = &bounded
	texts := new(record.Texts)
	texts.Add([]byte("bakery"))
	values := make([]float64, p.Width())
	var most int64
	const records = 400_000
	for i := range records {
		if !s.Update([]float64{float64(i) / 10, float64(i / 3), 0, 1}, texts, Negative, values) {
			t.Fatal("unusable")
		}
		if i == records/2 {
			most = s.Bytes()
		}
	}
	if s.Keys() > 20_000 || s.Counters().Forgotten < records/3-20_000 {
		t.Errorf("%d keys are kept, %d forgotten", s.Keys(), s.Counters().Forgotten)
	}
	if s.Bytes() > most {
		t.Errorf("memory grew from %d to %d bytes", most, s.Bytes())
	}
}

func TestOneRecordFromTheFutureForgetsNobody(t *testing.T) {
	p := paymentProgram(t, payments(0, pipeline.Delayed))
	s := p.Stages()[0].NewState()
	texts := new(record.Texts)
	texts.Add([]byte("bakery"))
	values := make([]float64, p.Width())
	for i := range 10 * sweepBlock {
		at := 1000.0
		if i%sweepBlock == 7 {
			at = 4e9
		}
		s.Update([]float64{at, float64(i % 100), 0, 1}, texts, Negative, values)
	}
	if s.Counters().Forgotten != 0 {
		t.Errorf("%d keys are forgotten", s.Counters().Forgotten)
	}
}

func TestKeysAreFoundAfterOthersWereRemoved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := newKeyTable()
		s := &State{stage: &Stage{}, table: table, headers: [][]uint64{make([]uint64, slotsPerChunk*headerPlaces)}}
		present := map[uint64]uint32{}
		for slot := range uint32(200) {
			key := rapid.Uint64Range(0, 60).Draw(t, "key")
			if old, ok := present[key]; ok {
				s.table.remove(s.table.hashNumber(key), old)
				delete(present, key)
			} else {
				s.header(slot)[headerKey] = key
				s.table.insert(s.table.hashNumber(key), slot)
				present[key] = slot
			}
			for k := range uint64(61) {
				got, ok := s.findNumber(s.table.hashNumber(k), k)
				want, there := present[k]
				if ok != there || ok && got != want {
					t.Fatalf("key %d: slot %d %v, want %d %v", k, got, ok, want, there)
				}
			}
		}
	})
}

func TestWorkersShareKeysWithoutChangingABit(t *testing.T) {
	rows, texts, labels := randomPayments(5, 5_000, 0)
	for _, arrival := range []pipeline.Arrival{pipeline.Delayed, pipeline.AsTheyArrive} {
		table := tableOf(rows, texts, labels)
		p := paymentProgram(t, payments(1000, arrival))
		one, err := p.Replay(table, ReplayOptions{})
		if err != nil {
			t.Fatal(err)
		}
		three, err := p.Replay(table, ReplayOptions{Workers: 3})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(one.X, three.X) {
			t.Errorf("%s: the features differ", arrival)
		}
		if a, b := one.Counters(), three.Counters(); a != b {
			t.Errorf("%s: counters %+v and %+v", arrival, a, b)
		}
	}
}

func TestABatchGivesWhatItsRecordsGiveOneByOne(t *testing.T) {
	rows, texts, labels := randomPayments(8, 3_000, 1_500)
	p := paymentProgram(t, payments(1_000, pipeline.Delayed))
	for _, stage := range p.Stages() {
		one, all := stage.NewState(), stage.NewState()
		batch := record.Rows{Width: len(rows[0]), N: len(rows), Texts: *texts}
		want := make([]float64, len(rows)*p.Width())
		for i, row := range rows {
			if i%700 == 300 {
				row[atColumn] = math.NaN() // refused, and nothing else is
			}
			batch.Values = append(batch.Values, row...)
			one.Update(row, texts, labels[i], want[i*p.Width():(i+1)*p.Width()])
		}
		got, usable := make([]float64, len(want)), make([]bool, len(rows))
		all.UpdateAll(&batch, labels, p.Width(), got, usable)
		if !slices.Equal(got, want) || one.Counters() != all.Counters() || usable[300] || !usable[301] {
			t.Errorf("stage of %s: a batch gives something else; counters %+v and %+v", stage.Key(), all.Counters(), one.Counters())
		}
	}
}
