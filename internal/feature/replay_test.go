package feature

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// A replay goes from key to key, the stream from record to record: the bits are the same, whatever the keys look like and in
// whatever order the table has its rows.
func TestAReplayGivesWhatTheStreamGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		spec := payments(0, pipeline.Delayed)
		if rapid.Bool().Draw(t, "chosen") {
			spec = chosenPayments(seed, 0, pipeline.Delayed)
		}
		p := paymentProgram(&testing.T{}, spec)
		rows, texts, labels := randomPayments(seed, rapid.IntRange(1, 900).Draw(t, "rows"), 0)
		if rapid.Bool().Draw(t, "sparse") {
			for _, row := range rows {
				row[cardColumn] *= 1e12
			}
		}
		order := make([]int, len(rows)) // of the stream, in the table
		for i := range order {
			order[i] = i
		}
		if rapid.Bool().Draw(t, "shuffled") {
			r := rand.New(rand.NewPCG(seed, 4))
			r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j], labels[i], labels[j] = rows[j], rows[i], labels[j], labels[i] })
			slices.SortStableFunc(order, func(a, b int) int { return int(1000*rows[a][atColumn]) - int(1000*rows[b][atColumn]) })
		}
		out, err := p.Replay(tableOf(rows, texts, labels), ReplayOptions{Workers: rapid.IntRange(1, 4).Draw(t, "workers")})
		if err != nil {
			t.Fatal(err)
		}
		states := newStates(p)
		values := make([]float64, p.Width())
		for _, i := range order {
			batch := record.Rows{Width: len(rows[i]), N: 1, Texts: *texts, Values: rows[i]}
			for _, s := range states {
				s.UpdateAll(&batch, labels[i:i+1], p.Width(), values, []bool{true})
			}
			p.Finish(rows[i], values)
			same(t, spec, i, out.X[i*p.Width():(i+1)*p.Width()], values)
		}
	})
}

func TestAReplayOfNothingHasNothing(t *testing.T) {
	p := paymentProgram(t, payments(0, pipeline.Delayed))
	out, err := p.Replay(Table{Columns: make([][]float64, 4), Texts: new(record.Texts)}, ReplayOptions{Workers: 2})
	if err != nil || len(out.X) != 0 {
		t.Errorf("%v: %v", out.X, err)
	}
}
