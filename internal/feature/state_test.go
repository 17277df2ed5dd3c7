package feature

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// Columns of the payments that the tests of histories use.
const (
	atColumn = iota
	cardColumn
	shopColumn
	centsColumn
)

var everyAggregate = []pipeline.Aggregate{
	pipeline.Count, pipeline.Sum, pipeline.Mean, pipeline.Deviation, pipeline.Min, pipeline.Max, pipeline.Distinct,
	pipeline.TimeSinceLast, pipeline.Positives, pipeline.Share, pipeline.ZScore, pipeline.RatioToMean,
}

// payments is a spec with every aggregate over several windows, shifted and not, by card (a number) and by shop (a text).
func payments(tolerance int64, labels pipeline.Arrival) Spec {
	s := Spec{Format: FormatStateful, History: &History{Key: "card", EventTime: "at", ToleranceMS: tolerance, Labels: labels}}
	for _, key := range []string{"card", "shop"} {
		for _, a := range everyAggregate {
			for _, window := range []int64{0, 5_000, 40_000} {
				for _, shift := range []int64{0, 10_000} {
					scans := a == pipeline.Min || a == pipeline.Max || a == pipeline.Distinct || a == pipeline.TimeSinceLast
					compares := a == pipeline.ZScore || a == pipeline.RatioToMean || a == pipeline.TimeSinceLast
					if scans && window == 0 || compares && shift > 0 {
						continue
					}
					in := Input{Name: fmt.Sprintf("%s %s %d %d", key, a, window, shift), Aggregate: a, Key: key, WindowMS: window, ShiftMS: shift}
					switch a {
					case pipeline.Count, pipeline.TimeSinceLast, pipeline.Positives, pipeline.Share:
					case pipeline.Distinct:
						in.Column = map[string]string{"card": "shop", "shop": "card"}[key]
					default:
						in.Column = "amount"
					}
					s.Features = append(s.Features, in)
				}
			}
		}
	}
	return s
}

func paymentProgram(t testing.TB, spec Spec) *Program {
	t.Helper()
	schema, err := record.NewSchema([]record.Field{
		{Name: "at", Kind: record.Time}, {Name: "card", Kind: record.Int}, {Name: "shop", Kind: record.Text}, {Name: "amount", Kind: record.Decimal, Places: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewProgram(spec, schema)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// newStates returns an empty state of each stage.
func newStates(p *Program) []*State {
	var states []*State
	for _, stage := range p.Stages() {
		states = append(states, stage.NewState())
	}
	return states
}

// shopStage is the last stage of payments: the shop's, which looks at labels, too.
func shopStage(p *Program) *Stage { return p.Stages()[len(p.Stages())-1] }

// past is a record of a key as the reference remembers it.
type past struct {
	at    int64 // milliseconds, moved up if it came too late
	cents int64
	other float64 // what distinct counts
	label Label
}

// reference computes one aggregate the long way: from all earlier records of the key, and the record itself at the end.
func reference(in Input, all []past, arriving bool) float64 {
	own := all[len(all)-1]
	from, to := own.at-in.ShiftMS-in.WindowMS, own.at-in.ShiftMS
	if in.WindowMS == 0 {
		from = math.MinInt64
	}
	if in.Aggregate == pipeline.ZScore || in.Aggregate == pipeline.RatioToMean || in.Aggregate == pipeline.TimeSinceLast {
		all = all[:len(all)-1]
	}
	var n, sum, squares, positives, known, last int64 = 0, 0, 0, 0, 0, math.MinInt64
	low, high := int64(math.MaxInt64), int64(math.MinInt64)
	different := map[float64]bool{}
	for _, r := range all {
		if r.at <= from || r.at > to {
			continue
		}
		n++
		sum += r.cents
		squares += r.cents * r.cents
		low, high, last = min(low, r.cents), max(high, r.cents), max(last, r.at)
		different[r.other] = true
		if r.label != Unknown {
			known++
		}
		if r.label == Positive {
			positives++
		}
	}
	deviation := 0.0
	if n > 1 {
		deviation = math.Sqrt(float64(n*squares-sum*sum) / float64(n*(n-1)))
	}
	switch in.Aggregate {
	case pipeline.Count:
		return float64(n)
	case pipeline.Sum:
		return float64(sum) / 100
	case pipeline.Mean:
		if n > 0 {
			return float64(sum) / float64(100*n)
		}
	case pipeline.Deviation:
		return deviation / 100
	case pipeline.Min:
		if n > 0 {
			return float64(low) / 100
		}
	case pipeline.Max:
		if n > 0 {
			return float64(high) / 100
		}
	case pipeline.Distinct:
		return float64(len(different))
	case pipeline.TimeSinceLast:
		if n > 0 {
			return float64(own.at-last) / 1000
		}
		return float64(in.WindowMS) / 1000
	case pipeline.Positives:
		return float64(positives)
	case pipeline.Share:
		if arriving {
			n = known
		}
		if n > 0 {
			return float64(positives) / float64(n)
		}
	case pipeline.ZScore:
		if deviation > 0 {
			return (float64(own.cents) - float64(sum)/float64(n)) / deviation
		}
	case pipeline.RatioToMean:
		if sum != 0 {
			return float64(own.cents) * float64(n) / float64(sum)
		}
	}
	return 0
}

// checkAgainstReference feeds rows to a program, and to the reference, and compares every feature bit for bit.
func checkAgainstReference(t *rapid.T, rows [][]float64, texts *record.Texts, labels []Label, tolerance int64) {
	spec := payments(tolerance, pipeline.Delayed)
	p := paymentProgram(&testing.T{}, spec)
	states := newStates(p)
	histories := map[string]map[float64][]past{"card": {}, "shop": {}}
	values := make([]float64, p.Width())
	for i, row := range rows {
		for _, s := range states {
			if !s.Update(row, texts, labels[i], values) {
				t.Fatalf("row %d is unusable", i)
			}
		}
		p.Finish(row, values)
		all := map[string][]past{}
		for key, column := range map[string]int{"card": cardColumn, "shop": shopColumn} {
			history := histories[key][row[column]]
			r := past{at: int64(math.Round(row[atColumn] * 1000)), cents: int64(math.Round(row[centsColumn] * 100)), other: row[cardColumn+shopColumn-column], label: labels[i]}
			for _, earlier := range history {
				r.at = max(r.at, earlier.at-tolerance)
			}
			histories[key][row[column]] = append(history, r)
			all[key] = histories[key][row[column]]
		}
		for f, in := range spec.Features {
			if want := reference(in, all[in.Key], false); values[f] != want {
				t.Fatalf("row %d %v, feature %q: %v, want %v", i, row, in.Name, values[f], want)
			}
		}
	}
}

// randomPayments draws rows of a few cards and shops. Each lies at most behind milliseconds before the latest so far.
func randomPayments(seed uint64, n int, behind int64) ([][]float64, *record.Texts, []Label) {
	r := rand.New(rand.NewPCG(seed, 1))
	texts := new(record.Texts)
	for _, shop := range []string{"bakery", "", "cinema", "garage"} {
		texts.Add([]byte(shop))
	}
	rows, labels := make([][]float64, n), make([]Label, n)
	latest := int64(1_000_000)
	for i := range rows {
		latest += 500 * r.Int64N(8) * r.Int64N(2)
		if r.IntN(40) == 0 {
			latest += r.Int64N(90_000)
		}
		at := latest
		if r.IntN(3) == 0 && behind > 0 {
			at -= r.Int64N(behind + 1)
		}
		rows[i] = []float64{float64(at) / 1000, float64(r.IntN(4)) - 1, float64(r.IntN(4)), float64(r.Int64N(100_000)-1000) / 100}
		labels[i] = Negative
		if r.IntN(3) == 0 {
			labels[i] = Positive
		}
	}
	return rows, texts, labels
}

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

// tableOf turns rows into a table whose labels are known 10 s after each row.
func tableOf(rows [][]float64, texts *record.Texts, labels []Label) Table {
	table := Table{Columns: make([][]float64, len(rows[0])), Texts: texts, Labels: labels}
	for _, row := range rows {
		for c, v := range row {
			table.Columns[c] = append(table.Columns[c], v)
		}
		table.KnownAt = append(table.KnownAt, row[atColumn]+10)
	}
	return table
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
