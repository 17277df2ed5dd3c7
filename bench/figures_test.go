package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

func TestFiguresAreOneJSONObjectALine(t *testing.T) {
	var out bytes.Buffer
	b := &bench{stdout: &out}
	r := &report{bench: "stream", settings: settings{{"records", 10}, {"driver", "worker"}}}
	r.add("records_per_second", 1234.5, "records/s")
	r.add("gap_s", .5, "s", setting{"kill", 1})
	if err := b.print(r, true); err != nil {
		t.Fatal(err)
	}
	want := `{"bench":"stream","figure":"records_per_second","value":1234.5,"unit":"records/s","settings":{"records":10,"driver":"worker"}}
{"bench":"stream","figure":"gap_s","value":0.5,"unit":"s","settings":{"kill":1,"records":10,"driver":"worker"}}
`
	if out.String() != want {
		t.Fatalf("got\n%s", out.String())
	}
	for line := range strings.Lines(out.String()) {
		if !json.Valid([]byte(line)) {
			t.Fatalf("not JSON: %s", line)
		}
	}
	r.add("broken", math.NaN(), "")
	if err := b.print(r, true); err == nil {
		t.Fatal("a figure that is no number was printed")
	}
}

func TestTableHasALineForEachSubject(t *testing.T) {
	var out bytes.Buffer
	r := &report{bench: "ulb", settings: settings{{"rows", 5}}}
	for i, model := range []string{"ours", "theirs"} {
		r.add("weighted_ap", .5+float64(i)/10, "", setting{"model", model})
		r.add("auc", .9, "", setting{"model", model})
	}
	if err := (&bench{stdout: &out}).print(r, false); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"          weighted_ap  auc", "  ours    0.5000       0.9000", "  theirs  0.6000       0.9000"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("no line %q in\n%s", line, out.String())
		}
	}
}

func TestNumbersKeepFourDigits(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1: "1", .12345: "0.1235", 12.345: "12.35", 123.45: "123.5", 1234.5: "1,234", 98765432: "98,765,432", -1234: "-1,234"} {
		if got := number(v); got != want {
			t.Errorf("%v is written %q, want %q", v, got, want)
		}
	}
}

func TestListNamesEveryBenchmarkAndNoChildMode(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(context.Background(), nil, []string{"list"}, nil, &out, &errs); code != exitOK {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	for _, name := range []string{"ulb", "stream", "latency", "exactly-once", "recovery", "outage", "chaos"} {
		if !strings.Contains(out.String(), "\n"+name+" ") && !strings.HasPrefix(out.String(), name+" ") {
			t.Errorf("%s is not listed:\n%s", name, &out)
		}
	}
	if strings.Contains(out.String(), "child") {
		t.Errorf("a child mode is listed:\n%s", &out)
	}
}

func TestMistakesOnTheCommandLineAreTold(t *testing.T) {
	for _, args := range [][]string{{"nope"}, {"stream", "--nope"}, {"stream", "--runs", "0"}, {"latency", "--rate", "-1"}, {"exactly-once", "extra"}, {"recovery", "--kills", "0", "--takeovers", "0"}, {"outage", "--service", "dns"}, {"outage", "--brokers", "x:1", "--service", "kafka"}, {"chaos", "--kinds", "flood"}, {"chaos", "--kinds", "swap"}, {"chaos", "--workers", "1"}} {
		var out, errs bytes.Buffer
		if code := run(context.Background(), nil, args, nil, &out, &errs); code != exitUsage || errs.Len() == 0 || out.Len() > 0 {
			t.Errorf("%v: exit code %d, said %q, printed %q", args, code, errs.String(), out.String())
		}
	}
}

func TestProcessorTimeOfThisProcessGrowsWithWork(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("needs Linux")
	}
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	x := 0.0
	for after := before; after < before+5*tick; {
		for range 1_000_000 {
			x += math.Sqrt(x + 1)
		}
		if after, err = cpuTime(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if len(threadTimes(os.Getpid())) == 0 {
		t.Fatalf("no threads found (%v)", x)
	}
}

func TestSamplerInterpolatesBetweenItsSamples(t *testing.T) {
	at := time.Unix(100, 0)
	s := &sampler{at: []time.Time{at, at.Add(time.Second), at.Add(2 * time.Second)}, used: []time.Duration{0, time.Second, 3 * time.Second}}
	for _, it := range []struct{ from, to, want time.Duration }{
		{0, 2 * time.Second, 3 * time.Second}, {500 * time.Millisecond, 1500 * time.Millisecond, 1500 * time.Millisecond}, {-time.Hour, time.Hour, 3 * time.Second},
	} {
		if got, err := s.between(at.Add(it.from), at.Add(it.to)); err != nil || got != it.want {
			t.Errorf("%v to %v: %v, %v; want %v", it.from, it.to, got, err, it.want)
		}
	}
}

func TestKillsAreSpreadAndRepeatable(t *testing.T) {
	o := killOptions{streamFlags: streamFlags{seed: 3}, records: 200_000, rate: 4000, kills: 5}
	moments := o.moments()
	again := o.moments()
	for i, at := range moments {
		slice := 10 * time.Second
		if at != again[i] || at < time.Duration(i)*slice || at > time.Duration(i)*slice+8*time.Second {
			t.Errorf("kill %d at %v and %v", i, at, again[i])
		}
	}
	o.seed = 4
	if o.moments()[0] == moments[0] {
		t.Error("another seed kills at the same moment")
	}
}

func TestWaitsRunFromScoringToTheCommitThatWasSeen(t *testing.T) {
	at := time.Unix(50, 0)
	seen := []position{{at, []int64{0, 0}}, {at.Add(10 * time.Millisecond), []int64{0, 3}}, {at.Add(30 * time.Millisecond), []int64{5, 3}}}
	got := waits([]scoredAt{{4, 4, at}, {7, 2, at.Add(4 * time.Millisecond)}, {7, 3, at}}, []int32{4, 7}, seen)
	if len(got) != 2 || got[0] != 6*time.Millisecond || got[1] != 30*time.Millisecond {
		t.Fatal(got)
	}
}

func TestSourceIDIsFoundWithoutDecoding(t *testing.T) {
	if n, ok := sourceID([]byte(`{"id":"x","source_id":77,"offset":3}`)); !ok || n != 77 {
		t.Fatal(n, ok)
	}
	for _, bad := range []string{"", `{"id":"x"}`, `{"source_id":"x",`, `{"source_id":-1,`, `{"source_id":5`} {
		if n, ok := sourceID([]byte(bad)); ok {
			t.Errorf("%s: %d", bad, n)
		}
	}
}
