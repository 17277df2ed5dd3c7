package serving

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/job"
)

// The files under testdata were written by the version in their name, and must be readable
// for ever: they are never written anew.
func TestSnapshotsOfEveryFormatAreRead(t *testing.T) {
	data, err := os.ReadFile("testdata/snapshot-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := ReadSnapshot(data)
	if err != nil {
		t.Fatal(err)
	}
	if s.Topic != "hello-fraud" || s.Model.Version != "3" || s.Orders.Generation != 6 || s.Orders.Seek.Positions[0].Partition != 0 ||
		len(s.Positions) != 2 || s.Positions[1] != (job.Position{Partition: 1, Offset: 5594}) || s.By != "ana@desk" || s.At.IsZero() {
		t.Errorf("read %+v", s)
	}
	again, err := json.MarshalIndent(s, "", "  ")
	if err != nil || !bytes.Equal(append(again, '\n'), data) {
		t.Errorf("written again it is %s, %v; a field of format 1 was lost", again, err)
	}
}

func TestSnapshotOfALaterFormatIsRefused(t *testing.T) {
	for _, text := range []string{`{"format":2}`, `{"format":0}`, `{}`, `[]`, ``, `{"format":"1"}`} {
		if s, err := ReadSnapshot([]byte(text)); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %+v, %v; want ErrRequest", text, s, err)
		}
	}
}

func TestSnapshotIsKeptAndFoundAgain(t *testing.T) {
	s := &Server{Store: artifact.NewMemory(0)}
	want := job.Snapshot{Pipeline: "creditcard", Topic: "in", Positions: []job.Position{{Partition: 3, Offset: 9}}}
	object, err := s.KeepSnapshot(context.Background(), want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.snapshot(context.Background(), object)
	if err != nil || got.Format != job.SnapshotFormat || got.Positions[0] != want.Positions[0] {
		t.Errorf("got %+v, %v", got, err)
	}
}

func FuzzReadSnapshot(f *testing.F) {
	data, err := os.ReadFile("testdata/snapshot-v1.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"format":1,"positions":[{"partition":-1,"offset":-5}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := ReadSnapshot(data); err != nil && !errors.Is(err, ErrRequest) {
			t.Fatal(err)
		}
	})
}
