package feature

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// joined is a program over payments with an id, whose label features look back ten seconds at least, and one that joins labels.
func joined(t testing.TB, labels pipeline.Arrival) (told, joins *Program) {
	t.Helper()
	schema, err := record.NewSchema([]record.Field{
		{Name: "at", Kind: record.Time}, {Name: "card", Kind: record.Int}, {Name: "shop", Kind: record.Text},
		{Name: "amount", Kind: record.Decimal, Places: 2}, {Name: "id", Kind: record.Int},
	})
	if err != nil {
		t.Fatal(err)
	}
	spec := payments(2_000, labels)
	spec.Features = slices.DeleteFunc(spec.Features, func(in Input) bool { return in.Aggregate.OfLabels() && in.ShiftMS == 0 })
	for _, p := range []**Program{&told, &joins} {
		if *p, err = NewProgram(spec, schema); err != nil {
			t.Fatal(err)
		}
	}
	if err := joins.IdentifyBy(schema, "id"); err != nil {
		t.Fatal(err)
	}
	return told, joins
}

// withIDs gives each row an id.
func withIDs(rows [][]float64) {
	for i := range rows {
		rows[i] = append(slices.Clone(rows[i]), float64(1_000_000+i))
	}
}

// Whenever labels come, before their records or after, if only before a window reaches them: the features are those of a history
// that has known all labels. Snapshots in between make no difference.
func TestLabelsThatAreJoinedByIDGiveTheSameBits(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		told, joins := joined(&testing.T{}, pipeline.Delayed)
		rows, texts, labels := randomPayments(rapid.Uint64().Draw(r, "seed"), rapid.IntRange(1, 600).Draw(r, "rows"), 3_000)
		withIDs(rows)
		due := make([][]int, len(rows)+1) // before which row each label comes
		for i, row := range rows {
			last := i + 1
			for last < len(rows) && rows[last][atColumn]-row[atColumn] < 10 {
				last++
			}
			at := rapid.IntRange(max(0, i-20), min(last, len(rows))).Draw(r, "due")
			due[at] = append(due[at], i)
		}
		last := len(told.Stages()) - 1
		one, other := told.Stages()[last].NewState(), joins.Stages()[last].NewState()
		want, got := make([]float64, told.Width()), make([]float64, joins.Width())
		for i, row := range rows {
			for _, l := range due[i] {
				if labels[l] != Positive {
					continue
				}
				at := int64(rows[l][atColumn] * 1000)
				other.LearnByID(uint64(1_000_000+l), true, at)
				if rapid.IntRange(0, 9).Draw(r, "again") == 0 {
					if o := other.LearnByID(uint64(1_000_000+l), true, at); o != Repeated {
						r.Fatalf("a label that was told twice is %v", o)
					}
				}
			}
			if rapid.IntRange(0, 200).Draw(r, "snapshot") == 0 {
				read, err := joins.Stages()[last].ReadState(bytes.NewReader(snapshotOf(t, other)))
				if err != nil {
					r.Fatal(err)
				}
				other = read
			}
			one.Update(row, texts, labels[i], want)
			other.Update(row, texts, Unknown, got)
			for f := range want {
				if want[f] != got[f] {
					r.Fatalf("row %d: %s is %v, want %v", i, told.Names()[f], got[f], want[f])
				}
			}
		}
	})
}

// Under as_they_arrive a label counts from the moment it is told, as by Learn.
func TestJoinedLabelsCountFromTheMomentTheyAreTold(t *testing.T) {
	_, joins := joined(t, pipeline.AsTheyArrive)
	last := joins.Stages()[len(joins.Stages())-1]
	rows, texts, labels := randomPayments(5, 2_000, 1_000)
	withIDs(rows)
	byRow, byID := last.NewState(), last.NewState()
	want, got := make([]float64, joins.Width()), make([]float64, joins.Width())
	for i, row := range rows {
		byRow.Update(row, texts, Unknown, want)
		byID.Update(row, texts, Unknown, got)
		if !slices.Equal(want, got) {
			t.Fatalf("row %d differs", i)
		}
		if l := i - 7; l >= 0 {
			found := byRow.Learn(rows[l], texts, 0, labels[l] == Positive)
			if o := byID.LearnByID(uint64(1_000_000+l), labels[l] == Positive, 0); found != (o == Learned) {
				t.Fatalf("label %d: found by key and time is %v, by id %v", l, found, o)
			}
		}
	}
}

func TestIDsAndLabelsOfThePastAreForgotten(t *testing.T) {
	_, joins := joined(t, pipeline.Delayed)
	s := joins.Stages()[len(joins.Stages())-1].NewState()
	texts := new(record.Texts)
	texts.Add([]byte("bakery"))
	values := make([]float64, joins.Width())
	for i := range 200_000 {
		s.LearnByID(uint64(9_000_000+i), true, int64(i)*100) // of records that never come
		s.Update([]float64{float64(i) / 10, float64(i % 50), 0, 1, float64(i)}, texts, Unknown, values)
	}
	if n := len(s.join.index); n > 3_000 {
		t.Errorf("%d ids are kept for windows of 50 s at 10 records a second", n)
	}
	if n := len(s.join.early); n > 3_000 || s.counters.Strayed < 190_000 {
		t.Errorf("%d labels still wait, %d were given up", n, s.counters.Strayed)
	}
	if c := cap(s.join.known) + cap(s.join.waiting); c > 40_000 {
		t.Errorf("room for %d entries", c)
	}
}

func TestARecordAndItsLabelAllocateNothing(t *testing.T) {
	_, joins := joined(t, pipeline.Delayed)
	s := joins.Stages()[len(joins.Stages())-1].NewState()
	texts := new(record.Texts)
	texts.Add([]byte("bakery"))
	values, row := make([]float64, joins.Width()), make([]float64, 5)
	i := 0
	feed := func() {
		for range 1_000 {
			row[atColumn], row[cardColumn], row[centsColumn], row[4] = float64(i)/10, float64(i%50), 1, float64(i)
			s.Update(row, texts, Unknown, values)
			s.LearnByID(uint64(i), true, 0)
			i++
		}
	}
	for range 30 {
		feed()
	}
	if n := testing.AllocsPerRun(20, feed); n > 2 { // a map may grow or shrink now and then
		t.Errorf("%v allocations for 1,000 records with labels", n)
	}
}

// A snapshot that is taken while the state goes on changing is that of its beginning.
func TestASnapshotTakenInStepsIsThatOfItsBeginning(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		_, joins := joined(&testing.T{}, pipeline.Delayed)
		stage := joins.Stages()[rapid.IntRange(0, len(joins.Stages())-1).Draw(r, "stage")]
		rows, texts, labels := randomPayments(rapid.Uint64().Draw(r, "seed"), rapid.IntRange(2, 1500).Draw(r, "rows"), 3_000)
		withIDs(rows)
		begin := rapid.IntRange(0, len(rows)-1).Draw(r, "begin")
		s, values := stage.NewState(), make([]float64, joins.Width())
		feed := func(i int) {
			s.Update(rows[i], texts, Unknown, values)
			if s.join != nil && labels[i] == Positive && i > 3 {
				s.LearnByID(uint64(1_000_000+i-rapid.IntRange(0, 3).Draw(r, "ago")), true, 0)
			}
		}
		for i := range begin {
			feed(i)
		}
		want := snapshotOf(t, s)
		var b bytes.Buffer
		taking, err := s.StartSnapshot(&b)
		if err != nil {
			r.Fatal(err)
		}
		for i, done := begin, false; !done; {
			for range rapid.IntRange(0, 30).Draw(r, "records") {
				if i < len(rows) {
					feed(i)
					i++
				}
			}
			if done, err = taking.Step(rapid.IntRange(1, 40).Draw(r, "keys")); err != nil {
				r.Fatal(err)
			}
		}
		read, err := stage.ReadState(&b)
		if err != nil {
			r.Fatal(err)
		}
		if !bytes.Equal(snapshotOf(t, read), want) {
			r.Fatalf("it is another state")
		}
	})
}

// A snapshot of version 2 can be read for good.
func TestTheGoldenSnapshotWithLabelsIsStillRead(t *testing.T) {
	_, joins := joined(t, pipeline.Delayed)
	stage := joins.Stages()[len(joins.Stages())-1]
	s := stage.NewState()
	rows, texts, _ := randomPayments(4, 40, 1_000)
	withIDs(rows)
	for i, row := range rows {
		s.Update(row, texts, Unknown, make([]float64, joins.Width()))
		if i%3 == 0 {
			s.LearnByID(uint64(1_000_000+i+2), true, int64(row[atColumn]*1000))
		}
	}
	golden := golden(t, "snapshot-v2.hex", stage, s)
	told, _ := joined(t, pipeline.Delayed)
	if _, err := told.Stages()[len(told.Stages())-1].ReadState(bytes.NewReader(golden)); !errors.Is(err, ErrDefinition) {
		t.Errorf("a stage that does not join labels reads it: %v", err)
	}
}
