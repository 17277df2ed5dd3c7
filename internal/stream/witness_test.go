package stream

import (
	"context"
	"strings"
	"testing"
	"time"
)

// forgetful is a broker that had committed 5, with a result for every record, and says 2.
func forgetful(t *testing.T, o Options) (f *fakeKafka, l *Loop, asked *int) {
	t.Helper()
	f = newFake([]int32{0})
	u := startUnderOrders(t, f, Orders{Generation: 1})
	u.read(0, 5)
	u.ends(t)
	right := f.offsets[0]
	f.offsets[0] = mark{next: 2, note: note{Format: 1, Generation: 1}}
	f.proven = []int64{5}
	o.Kafka, o.Pipeline, o.Topic, o.Output, o.Partitions = Kafka{Brokers: "memory"}, "tiny", "in", "out", f.parts
	o.Stood = []Position{{Partition: 0, Next: 4}}
	l, err := NewLoop(o, engine(t, "in", time.Now))
	if err != nil {
		t.Fatal(err)
	}
	asked = new(int)
	l.wire, l.sleep = f, func(context.Context, time.Duration) {
		if *asked++; *asked == 3 { // it was started once more
			f.offsets[0] = right
		}
	}
	return f, l, asked
}

func owner(is bool) func(context.Context) bool { return func(context.Context) bool { return is } }

func TestForgottenCommitsAreTakenFromTheirResults(t *testing.T) {
	f, l, asked := forgetful(t, Options{Orders: Orders{Generation: 1}, StillOwner: owner(true)})
	f.transcript.Reset()
	ctx, stop := context.WithCancel(t.Context())
	f.idle = stop
	if c, err := l.Run(ctx); err != nil || c.Partitions[0].Next != 5 || *asked != 0 {
		t.Errorf("%+v, %v after %d pauses; want it to go on at 5, at once", c, err, *asked)
	}
	if f.offsets[0].next != 5 || f.offsets[0].Generation != 1 || len(f.visible) != 5 {
		t.Errorf("committed %+v, %d predictions are visible; want 5 of both: the broker's memory is set right", f.offsets[0], len(f.visible))
	}
	if said := f.transcript.String(); !strings.Contains(said, "results [5]\nbegin\ncommit [5]\nassign [5]\n") {
		t.Errorf("want it committed before anything is read:\n%s", said)
	}
}

func TestResultsAreNotTakenForCommits(t *testing.T) {
	for name, c := range map[string]struct {
		o      Options
		change func(*fakeKafka)
	}{
		"by a loop that has lost its lease": {Options{StillOwner: owner(false)}, func(*fakeKafka) {}},
		"where some were deleted":           {Options{StillOwner: owner(true)}, func(f *fakeKafka) { f.proven[0] = 3 }},
		"after a seek":                      {Options{StillOwner: owner(true)}, func(f *fakeKafka) { f.offsets[0].Seek = "x" }},
		"when they cannot be read":          {Options{StillOwner: owner(true)}, func(f *fakeKafka) { f.faults["results"] = []string{"transport", "transport", "transport"} }},
		"where offsets are committed later": {Options{StillOwner: owner(true), Delivery: AtLeastOnce}, func(*fakeKafka) {}},
		"where they were printed":           {Options{StillOwner: owner(true), Sink: SinkConsole, Console: &strings.Builder{}}, func(*fakeKafka) {}},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Orders = Orders{Generation: 1}
			f, l, asked := forgetful(t, c.o)
			c.change(f)
			ctx, stop := context.WithCancel(t.Context())
			f.idle = stop
			if c, err := l.Run(ctx); err != nil || c.Partitions[0].Next != 5 || *asked < 3 {
				t.Errorf("%+v, %v after %d pauses; want it to wait for the right answer", c, err, *asked)
			}
		})
	}
}

// TestLoopWithoutALeaseLeavesTheOwnerTimeToSetTheBrokerRight: each session that it opens fences whoever has the partitions now.
func TestLoopWithoutALeaseLeavesTheOwnerTimeToSetTheBrokerRight(t *testing.T) {
	f, l, _ := forgetful(t, Options{Orders: Orders{Generation: 1}, StillOwner: owner(false)})
	ctx, stop := context.WithCancel(t.Context())
	inits := func() int { return strings.Count(f.transcript.String(), "committed [") } // each session reads them after init
	before, slept := inits(), time.Duration(0)
	l.sleep = func(_ context.Context, d time.Duration) {
		if slept += d; inits() > before+2 {
			stop()
		}
	}
	if _, err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if slept < 2*standBackFor {
		t.Errorf("it took its partitions over three times within %v", slept)
	}
}

// TestResultsThatWereTakenBackAreMadeAgain: the offsets of a transaction were told, and its results not.
func TestResultsThatWereTakenBackAreMadeAgain(t *testing.T) {
	f, l, asked := forgetful(t, Options{Orders: Orders{Generation: 1}})
	f.offsets[0].next, f.visible, f.gone, f.proven = 5, f.visible[:3], map[int32]int64{0: 3}, []int64{3}
	l.stood[0] = 5
	ctx, stop := context.WithCancel(t.Context())
	f.idle = stop
	if c, err := l.Run(ctx); err != nil || c.Records != 2 || c.Partitions[0].Next != 5 || *asked != 0 {
		t.Errorf("%+v, %v after %d pauses; want 3 and 4 scored again", c, err, *asked)
	}
	if len(f.visible) != 5 {
		t.Errorf("%d predictions are visible, want 5", len(f.visible))
	}
}

func TestResultsThatWereNeverCommittedTakeNothingBack(t *testing.T) {
	f, l, _ := forgetful(t, Options{Orders: Orders{Generation: 1}})
	f.offsets[0].next, f.gone = 5, map[int32]int64{0: 5}
	ctx, stop := context.WithCancel(t.Context())
	f.idle = stop
	if c, err := l.Run(ctx); err != nil || c.Records != 0 || c.Partitions[0].Next != 5 || len(f.visible) != 5 {
		t.Errorf("%+v, %v, %d predictions; want nothing scored again", c, err, len(f.visible))
	}
}

// TestEverySessionAsksTheResults: broker and worker died within the second that the worker's last report was old.
func TestEverySessionAsksTheResults(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fakeKafka)
		from   int64
	}{
		"and goes on behind them":                {func(*fakeKafka) {}, 5},
		"and goes on at the offsets":             {func(f *fakeKafka) { f.proven[0] = 2 }, 2},
		"but not where those were deleted":       {func(f *fakeKafka) { f.proven[0] = 1 }, 2},
		"but not those of another model":         {func(f *fakeKafka) { f.provenBy = "other 1" }, 2},
		"but not those of another topic":         {func(f *fakeKafka) { f.recreated = true }, 2},
		"but not after a seek":                   {func(f *fakeKafka) { f.offsets[0].Seek = "x" }, 2},
		"but not where another tool has been":    {func(f *fakeKafka) { f.offsets[0].Generation = unordered }, 2},
		"but not before a first commit":          {func(f *fakeKafka) { f.offsets[0].Since = 2 }, 2},
		"but does without if there is no answer": {func(f *fakeKafka) { f.faults["results"] = []string{"transport"} }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			f, l, _ := forgetful(t, Options{Orders: Orders{Generation: 1}})
			l.stood[0] = 2
			f.provenBy = modelName(l.orders.Model, l.orders.ModelVersion)
			c.change(f)
			ctx, stop := context.WithCancel(t.Context())
			f.idle = stop
			got, err := l.Run(ctx)
			if err != nil || got.Records != 5-c.from || got.Partitions[0].Next != 5 {
				t.Errorf("%+v, %v; want it to go on at %d", got, err, c.from)
			}
		})
	}
}

// TestTransactionThatOffsetsAndResultsHaveLostIsForgotten: the broker had confirmed it, and kept nothing of it.
func TestTransactionThatOffsetsAndResultsHaveLostIsForgotten(t *testing.T) {
	f, l, asked := forgetful(t, Options{Orders: Orders{Generation: 1}, StillOwner: owner(true)})
	f.visible, f.proven = f.visible[:2], []int64{2}
	ctx, stop := context.WithCancel(t.Context())
	f.idle = stop
	if c, err := l.Run(ctx); err != nil || c.Records != 3 || c.Partitions[0].Next != 5 || *asked != 0 {
		t.Errorf("%+v, %v after %d pauses; want 2 to 4 scored again", c, err, *asked)
	}
	if len(f.visible) != 5 {
		t.Errorf("%d predictions are visible, want 5", len(f.visible))
	}
}

// TestForgottenCommitsOfWhatMayBeRepeatedAreRepeated: labels leave no result that says which of them were handed on.
func TestForgottenCommitsOfWhatMayBeRepeatedAreRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		owner   bool
		pauses  int
		records int64
	}{"by their owner": {true, 0, 3}, "but not by a loop that has lost its lease": {false, 3, 0}} {
		t.Run(name, func(t *testing.T) {
			f, l, asked := forgetful(t, Options{Orders: Orders{Generation: 1}, Repeatable: true, StillOwner: owner(c.owner)})
			ctx, stop := context.WithCancel(t.Context())
			f.idle = stop
			got, err := l.Run(ctx)
			if err != nil || got.Records != c.records || got.Partitions[0].Next != 5 || *asked < c.pauses || c.owner && *asked > 0 {
				t.Errorf("%+v, %v after %d pauses; want %d records again", got, err, *asked, c.records)
			}
		})
	}
}
