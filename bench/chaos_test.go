package main

import (
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"

	"temporal-streaming/bench/internal/ledger"
	"temporal-streaming/internal/job"
)

func steps(seed uint64, n int) (all []step) {
	s := newSchedule(seed, slices.Concat(faultKinds, orderKinds))
	for range n {
		all = append(all, s.next(math.MaxInt))
	}
	return all
}

func TestScheduleIsThatOfItsSeed(t *testing.T) {
	if !reflect.DeepEqual(steps(7, 200), steps(7, 200)) {
		t.Error("one seed, two schedules")
	}
	if reflect.DeepEqual(steps(7, 10), steps(8, 10)) {
		t.Error("two seeds, one schedule")
	}
}

func TestScheduleHasAllKindsAboutEquallyOften(t *testing.T) {
	faults, orders, together, alone := map[kind]int{}, map[kind]int{}, [4]int{}, 0
	n := 0
	for _, st := range steps(1, 300) {
		together[len(st.faults)]++
		if st.alone() {
			alone++
		}
		for _, f := range st.faults {
			faults[f.kind]++
			n++
		}
		for _, o := range st.orders {
			orders[o.kind]++
		}
	}
	for _, k := range faultKinds {
		if want := n / len(faultKinds); faults[k] < want-2 || faults[k] > want+2 {
			t.Errorf("%s: %d of %d faults", k, faults[k], n)
		}
	}
	for _, k := range orderKinds {
		if orders[k] < 30 {
			t.Errorf("%s: %d times in 300 steps", k, orders[k])
		}
	}
	if together[2] < 60 || together[3] < 60 || alone < 60 {
		t.Errorf("of 300 steps %d have two faults, %d three and %d one and nothing else", together[2], together[3], alone)
	}
}

func TestFaultsAtOnceHaveTargetsOfTheirOwn(t *testing.T) {
	frozen := time.Duration(0)
	for _, st := range steps(3, 500) {
		if len(st.faults) == 0 || len(st.faults) > 3 {
			t.Fatalf("%d faults in a step", len(st.faults))
		}
		targets := map[string]int{}
		for _, f := range st.faults {
			if f.kind == workerFreeze {
				frozen = max(frozen, f.lasts)
			}
			targets[f.kind.target()]++
		}
		for target, n := range targets {
			if n > 2 || n > 1 && target != "worker" {
				t.Errorf("%d faults of %s at once", n, target)
			}
		}
	}
	if frozen < time.Minute {
		t.Errorf("no worker is frozen past the transaction's timeout: %v at most", frozen)
	}
}

func TestScheduleKeepsToTheFaultsThatAreLeft(t *testing.T) {
	s := newSchedule(1, faultKinds)
	for range 100 {
		if st := s.next(1); len(st.faults) != 1 || len(st.orders) != 0 {
			t.Fatalf("one fault was left, no order was asked for: %+v", st)
		}
	}
}

func TestFaultsAndMinutesAreBothBounds(t *testing.T) {
	b := &bench{stdout: io.Discard, stderr: io.Discard}
	for _, c := range []struct {
		args  []string
		done  int
		after time.Duration
		want  int
	}{
		{nil, 39, time.Hour, 1},
		{[]string{"--faults", "200"}, 40, time.Hour, 160},
		{[]string{"--minutes", "2"}, 1000, time.Minute, math.MaxInt},
		{[]string{"--minutes", "2"}, 1, 2 * time.Minute, 0},
		{[]string{"--minutes", "2", "--faults", "9"}, 9, time.Minute, 0},
		{[]string{"--minutes", "2", "--faults", "9"}, 1, 3 * time.Minute, 0},
	} {
		o, err := b.chaosOptions(c.args)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.left(c.done, c.after); got != c.want {
			t.Errorf("%v, after %d faults and %v: %d left, want %d", c.args, c.done, c.after, got, c.want)
		}
	}
}

func TestGapIsAFaultsOwnOnlyIfNothingElseWasUnderWay(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	since := func(began, ended int) *deed {
		d := &deed{began: at(began), ended: at(ended), over: make(chan struct{})}
		if ended > 0 {
			close(d.over)
		}
		return d
	}
	own := since(10, 12)
	for _, c := range []struct {
		name  string
		other *deed
		want  bool
	}{
		{"one that was over before", since(1, 9), false}, {"one that came after", since(21, 22), false},
		{"one that ended meanwhile", since(1, 11), true}, {"one that began while it recovered", since(15, 30), true},
		{"one that is under way", since(1, 0), true},
	} {
		run := &chaosRun{deeds: []*deed{own, c.other}}
		if got := run.met(own, at(20)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSwapsAreReadFromTheHistory(t *testing.T) {
	receipt := job.ControlReceipt{Generation: 4, Model: job.ModelRef{Name: "m", Version: "2"}, Shards: []job.ShardReceipt{
		{Partitions: []job.PartitionReceipt{{Partition: 0, Offset: 10}, {Partition: 1, Offset: 20}}},
		{Partitions: []job.PartitionReceipt{{Partition: 2, Offset: 30}}},
	}}
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(receipt)
	if err != nil {
		t.Fatal(err)
	}
	got, err := swaps([]given{
		{name: job.PauseUpdate, done: true, receipt: payloads}, {name: job.SwapUpdate, done: true}, {name: job.SwapUpdate, done: true, receipt: payloads},
	}, 0)
	want := []ledger.Change{{Generation: 4, Version: "2", From: map[int32]int64{0: 10, 1: 20, 2: 30}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v; want %+v", got, err, want)
	}
}

func TestGapsOfFaultsThatCameWithOthersStandApart(t *testing.T) {
	c := &chaosRun{o: chaosOptions{kinds: []kind{workerKill, brokerKill}}}
	c.done = []faultDone{
		{kind: workerKill, alone: true, gap: 2 * time.Second}, {kind: workerKill, alone: true, gap: time.Second},
		{kind: workerKill, gap: 9 * time.Second}, {kind: brokerKill, gap: 9 * time.Second},
		{kind: brokerKill, quiet: true, gap: time.Hour},
	}
	want := []gapsOf{
		{string(workerKill), 3, []time.Duration{time.Second, 2 * time.Second}}, {string(brokerKill), 2, nil},
		{overlapping, 3, []time.Duration{9 * time.Second, 9 * time.Second}},
	}
	if got := c.gaps(); !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, want %+v", got, want)
	}
}

func TestCertificateTellsOffencesAndHowToRepeat(t *testing.T) {
	m := testMessages(t, 1)
	l := ledger.New(2, m.key)
	v := outcome{Count: l.Count(), offences: l.Offences()}
	c := &chaosRun{o: chaosOptions{seed: 9, faults: 3, kinds: []kind{workerKill}, workers: 2, shards: 1, rate: 5, keys: 2}, cards: m, messages: m}
	text := string(c.certificate(v, &report{settings: settings{{"cores", 2}}}))
	for _, want := range []string{"**FAILED**", "2 lost", "--seed 9 --faults 3", "--kinds worker-kill", "lost: message 0", "| cores | 2 |"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if v.broken() == nil {
		t.Error("a loss is no error")
	}
	exact := outcome{Count: ledger.Count{Sent: 2}}
	if text := string(c.certificate(exact, &report{})); !strings.Contains(text, "**passed**") || exact.broken() != nil {
		t.Errorf("nothing is wrong, and yet: %v\n%s", exact.broken(), text)
	}
}
