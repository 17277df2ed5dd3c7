package feature

import (
	"fmt"
	"math"
	"math/rand/v2"
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
