package main

import (
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/control"
)

// statusWith is the screen of a stream of one shard, in this state since a minute ago,
// whose loop reports this progress.
func statusWith(t *testing.T, state job.ShardState, failure string, beats bool, p job.Progress) string {
	t.Helper()
	b := streaming(t)
	p.Partitions = liveShard.Partitions
	live := control.Execution{Run: streamRun, Pipeline: "creditcard", State: "running", Running: true}
	if beats {
		live.Pending = []control.Activity{reported(t, "Segment", p)}
	}
	b.temporal.describe = func(control.Run) (control.Execution, error) { return live, nil }
	b.temporal.status = func() (job.InferenceStatus, error) {
		s := streamStatus(job.StreamRunning)
		s.Shards = s.Shards[:1]
		s.Shards[0].State, s.Shards[0].Since, s.Shards[0].LastError, s.Shards[0].Last = state, noon.Add(-time.Minute), failure, p
		return s, nil
	}
	r := b.run(t.Context(), "status")
	if r.code != exitOK {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	return r.out
}

func TestLoopErrorShowsWithItsAgeUntilTheNextCommit(t *testing.T) {
	p := job.Progress{LastError: "kafka is away", LastErrorAt: noon.Add(-12 * time.Second), LastCommit: noon.Add(-13 * time.Second)}
	if out := statusWith(t, job.ShardRunning, "", true, p); !strings.Contains(out, "last error  12s ago: kafka is away\n") {
		t.Errorf("nothing is committed since:\n%s", out)
	}
	p.LastCommit = noon.Add(-11 * time.Second)
	if out := statusWith(t, job.ShardRunning, "", true, p); strings.Contains(out, "last error") {
		t.Errorf("committed since:\n%s", out)
	}
}

func TestSegmentErrorShowsUntilTheShardCommitsAgain(t *testing.T) {
	const failure = "the worker stopped answering"
	before, after := job.Progress{LastCommit: noon.Add(-2 * time.Minute)}, job.Progress{LastCommit: noon.Add(-time.Second)}
	for _, c := range []struct {
		name  string
		state job.ShardState
		beats bool
		p     job.Progress
		want  string
	}{
		{"no worker yet", job.ShardLeasing, false, before, "last error  1m0s ago: " + failure + "\n"},
		{"a clock that is ahead, no worker yet", job.ShardLeasing, false, after, "last error  1m0s ago: " + failure + "\n"},
		{"the new loop has committed nothing", job.ShardRunning, true, job.Progress{}, "last error  " + failure + "\n"},
		{"a loop that committed before", job.ShardRunning, true, before, "last error  " + failure + "\n"},
		{"committed since", job.ShardRunning, true, after, ""},
	} {
		out := statusWith(t, c.state, failure, c.beats, c.p)
		if c.want == "" && strings.Contains(out, "last error") || !strings.Contains(out, c.want) {
			t.Errorf("%s: want %q in:\n%s", c.name, c.want, out)
		}
	}
}

func TestNewestErrorOfSeveralShardsShows(t *testing.T) {
	var r streamReport
	r.add(job.Progress{LastError: "newer", LastErrorAt: noon}, 0, 0)
	r.add(job.Progress{LastError: "older", LastErrorAt: noon.Add(-time.Hour)}, 0, 1)
	if r.LastError != "newer" || !r.LastErrorAt.Equal(noon) {
		t.Errorf("got %q of %s", r.LastError, r.LastErrorAt)
	}
}

func TestStuckLoopShowsWithWhatToDo(t *testing.T) {
	p := job.Progress{Stuck: "no record was committed for 41s; new clients take over"}
	if out := statusWith(t, job.ShardRunning, "", true, p); !strings.Contains(out, "stuck") || !strings.Contains(out, ": "+p.Stuck+"\n") {
		t.Errorf("the loop is stuck:\n%s", out)
	}
	if out := statusWith(t, job.ShardLeasing, "", false, p); strings.Contains(out, p.Stuck) {
		t.Errorf("that loop does not report any more:\n%s", out)
	}
}
