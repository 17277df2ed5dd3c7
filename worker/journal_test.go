package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
)

func testJournal(t *testing.T, dir string) *journal {
	t.Helper()
	return openJournal(dir, 0, config.Config{
		Temporal: config.Temporal{Address: "127.0.0.1:7233", Namespace: "default"}, Kafka: config.Kafka{Brokers: "127.0.0.1:19092"},
	}, slog.New(slog.DiscardHandler))
}

func request(generation int64) job.SegmentRequest {
	return job.SegmentRequest{Plan: job.StreamPlan{Pipeline: "creditcard", Orders: job.Orders{Generation: generation}}, Shard: job.Shard{Partitions: []int32{0}}}
}

func TestLoopsThatLivedAMomentAgoAreResumedUnderTheirLastOrders(t *testing.T) {
	dir := t.TempDir()
	j := testJournal(t, dir)
	j.Keep("creditcard/[0]", request(1))
	j.Keep("creditcard/[1]", request(1))
	j.Keep("creditcard/[2]", request(1))
	j.Change("creditcard/[0]", request(2).Plan)
	j.Drop("creditcard/[1]")
	old := time.Now().Add(-freshness - time.Second)
	if err := os.Chtimes(j.file("creditcard/[2]"), old, old); err != nil {
		t.Fatal(err)
	}
	next := testJournal(t, dir)
	got := next.recent(time.Now())
	if len(got) != 1 || got[0].Plan.Orders.Generation != 2 {
		t.Errorf("resumed %+v; want the first loop under generation 2, not the dropped one, not the one that was silent for long", got)
	}
	if again := next.recent(time.Now()); len(again) != 0 {
		t.Errorf("resumed a second time: %+v", again)
	}
}

func TestResumedLoopKnowsWhatItsPredecessorHadCommitted(t *testing.T) {
	dir := t.TempDir()
	j := testJournal(t, dir)
	kept := request(1)
	kept.Stood = []job.Position{{Partition: 0, Offset: 10}}
	j.Keep("creditcard/[0]", kept)
	j.Alive("creditcard/[0]", []job.Position{{Partition: 0, Offset: 90}})
	j.Change("creditcard/[0]", request(2).Plan)
	j.Alive("creditcard/[0]", nil) // a new session that knows nothing yet
	j.Alive("creditcard/[1]", []job.Position{{Partition: 1, Offset: 5}})
	got := testJournal(t, dir).recent(time.Now())
	if len(got) != 1 || got[0].Plan.Orders.Generation != 2 || len(got[0].Stood) != 1 || got[0].Stood[0].Offset != 90 {
		t.Errorf("resumed %+v; want the loop that was kept, under generation 2, at 90", got)
	}
}

func TestLoopsOfAnotherDeploymentAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	testJournal(t, dir).Keep("creditcard/[0]", request(1))
	other := testJournal(t, dir)
	other.deployment = "elsewhere"
	if got := other.recent(time.Now()); len(got) != 0 {
		t.Errorf("resumed a loop of another deployment: %+v", got)
	}
}

// The file was written by the version in its name and is never written anew.
func TestJournalsOfEveryFormatAreRead(t *testing.T) {
	data, err := os.ReadFile("testdata/journal-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	j := testJournal(t, t.TempDir())
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(j.dir, "some.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	got := j.recent(time.Now())
	if len(got) != 1 || got[0].Shard.Partitions[1] != 1 || got[0].Plan.Model.Spec != "cc" || !got[0].Plan.Orders.Paused || time.Duration(got[0].Lasts) != 30*time.Minute {
		t.Errorf("read %+v", got)
	}
}

func FuzzJournal(f *testing.F) {
	data, err := os.ReadFile("testdata/journal-v1.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"format":1}`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		j := testJournal(t, t.TempDir())
		file := filepath.Join(j.dir, "some.json")
		if err := os.MkdirAll(j.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := j.recent(time.Now()); len(got) > 1 {
			t.Fatalf("one file gave %d loops", len(got))
		}
		if _, err := os.Stat(file); err == nil {
			t.Fatal("what was read is still there")
		}
	})
}
