package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/test/golden"
)

// seekable is an obedient stream whose group stands at 41,500 and 39,990 of two partitions,
// and at nothing of a third.
func seekable(t *testing.T) (*bench, *control.Order) {
	b, last := obedient(t)
	b.app.reach.kafka.group = func(context.Context, stream.Kafka, string, string) ([]stream.GroupPosition, error) {
		return []stream.GroupPosition{
			{Partition: 1, Committed: 39_990, First: 0, End: 40_000},
			{Partition: 0, Committed: 41_500, First: 1_000, End: 42_000},
			{Partition: 2, Committed: -1, First: 0, End: 60},
		}, nil
	}
	b.app.reach.kafka.since = func(_ context.Context, _ stream.Kafka, _ string, at time.Time) ([]int64, error) {
		if !at.Equal(noon) {
			t.Errorf("asked for %s", at)
		}
		return []int64{41_000, 40_000, 10}, nil
	}
	return b, last
}

func TestSeekSaysWhatWillHappenAndAsks(t *testing.T) {
	b, last := seekable(t)
	b.app.interactive, b.app.in = true, strings.NewReader("yes\n")
	r := b.run(t.Context(), "seek", "creditcard", "--to", "2026-11-01T12:00:00Z", "--reason", "scored wrongly")
	golden.Compare(t, "seek.txt", r.all())
	want := job.SeekRequest{To: "2026-11-01T12:00:00Z", Reason: "scored wrongly", By: b.app.who()}
	if !reflect.DeepEqual(last.Request, want) {
		t.Errorf("asked %+v, want %+v", last.Request, want)
	}
}

func TestSeekWithoutConsentDoesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		interactive bool
		types       string
		code        int
	}{"no": {true, "no\n", exitFailed}, "end of input": {true, "", exitFailed}, "nobody there": {false, "yes\n", exitUsage}} {
		b, last := seekable(t)
		b.app.interactive, b.app.in = c.interactive, bytes.NewBufferString(c.types)
		r := b.run(t.Context(), "seek", "creditcard", "--to", "earliest", "--reason", "r")
		if r.code != c.code || last.Update != "" || !strings.Contains(r.stderr, "nothing was done") {
			t.Errorf("%s: exit %d, ordered %q: %s", name, r.code, last.Update, r.stderr)
		}
	}
}

func TestSeekCountsRecordsAgainAndSkipped(t *testing.T) {
	for to, want := range map[string]string{
		"earliest": "Up to 80,490 records are scored again", // 40,500 and 39,990; nothing is committed of partition 2
		"latest":   "Up to 510 records are skipped",
	} {
		b, _ := seekable(t)
		if r := b.run(t.Context(), "seek", "creditcard", "--to", to, "--reason", "r", "--yes"); r.code != exitOK || !strings.Contains(r.out, want) {
			t.Errorf("%s: exit %d: %s", to, r.code, r.out)
		}
	}
}

func TestSeekOfSomePartitionsLeavesTheOthers(t *testing.T) {
	b, last := seekable(t)
	r := b.run(t.Context(), "seek", "creditcard", "--partition", "0", "--offset", "1000", "--partition", "1", "--offset", "40000", "--reason", "r", "--yes")
	want := []job.Position{{Partition: 0, Offset: 1000}, {Partition: 1, Offset: 40_000}}
	if got := last.Request.(job.SeekRequest).Positions; r.code != exitOK || !reflect.DeepEqual(got, want) {
		t.Errorf("exit %d, asked %v: %s", r.code, got, r.stderr)
	}
	if !strings.Contains(r.out, "2     300     300  stays") { // the receipt's Before is of the partitions that were named
		t.Errorf("a partition that was not named did not stay: %s", r.out)
	}
	for line, says := range map[string]string{
		"--partition 0 --offset 999":                              "Give an offset from 1000 to 42000.",
		"--partition 0 --offset 42001":                            "Give an offset from 1000 to 42000.",
		"--partition 3 --offset 0":                                "has no partition 3",
		"--partition 1 --offset 5 --partition 1 --offset 6":       "named twice",
		"--partition 1,2 --offset 5,6 --partition 0 --offset 7,8": "in pairs",
	} {
		b, last := seekable(t)
		r := b.run(t.Context(), append([]string{"seek", "creditcard", "--reason", "r", "--yes"}, strings.Fields(line)...)...)
		if r.code != exitUsage || !strings.Contains(r.stderr, says) || last.Update != "" {
			t.Errorf("%s: exit %d, ordered %q: %s", line, r.code, last.Update, r.stderr)
		}
	}
}

func TestSeekReturnsToASnapshot(t *testing.T) {
	b, last := seekable(t)
	snapshot := job.Snapshot{Format: job.SnapshotFormat, Pipeline: "creditcard", Positions: []job.Position{{Partition: 0, Offset: 41_000}, {Partition: 1, Offset: 39_000}}}
	text, err := json.Marshal(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := b.store.Put(t.Context(), "snapshots/creditcard", "snapshot.json", text)
	if err != nil {
		t.Fatal(err)
	}
	object := job.Object{Key: ref.Key, SHA256: ref.SHA256, Size: ref.Size}
	receipt := receiptOf(job.SnapshotUpdate)
	receipt.Snapshot = &object
	for name, want := range map[string]job.SeekRequest{
		snapshotName(object):   {Snapshot: &object},
		inFile(t, receipt):     {Snapshot: &object},
		inFile(t, snapshot):    {Positions: snapshot.Positions},
		inFile(t, "something"): {},
		inFile(t, job.Snapshot{Format: 1, Pipeline: "other", Positions: snapshot.Positions}):                  {},
		inFile(t, job.Snapshot{Format: job.SnapshotFormat + 1, Pipeline: "creditcard"}):                       {},
		snapshotName(job.Object{Key: strings.ReplaceAll(ref.Key, ref.SHA256[:3], "000"), SHA256: ref.SHA256}): {},
		snapshotName(artifactThatIsGone(t)): {},
	} {
		*last = control.Order{}
		r := b.run(t.Context(), "seek", "creditcard", "--snapshot", name, "--reason", "r", "--yes")
		if want.Snapshot == nil && want.Positions == nil {
			if r.code == exitOK || last.Update != "" || r.stderr == "" {
				t.Errorf("%s: exit %d: %s", name, r.code, r.out)
			}
			continue
		}
		want.Reason, want.By = "r", b.app.who()
		if r.code != exitOK || !reflect.DeepEqual(last.Request, want) || !strings.Contains(r.out, "Up to 1,490 records are scored again") {
			t.Errorf("%s: exit %d, asked %+v: %s%s", name, r.code, last.Request, r.out, r.stderr)
		}
	}
}

func artifactThatIsGone(t *testing.T) job.Object {
	ref, err := artifact.NewMemory(0).Put(t.Context(), "snapshots/creditcard", "snapshot.json", []byte("another bucket's"))
	if err != nil {
		t.Fatal(err)
	}
	return job.Object{Key: ref.Key, SHA256: ref.SHA256, Size: ref.Size}
}

func inFile(t *testing.T, v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "file.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
