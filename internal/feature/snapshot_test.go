package feature

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"temporal-streaming/internal/pipeline"
)

var update = flag.Bool("update", false, "write the golden files anew")

func snapshotOf(t testing.TB, s *State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A state that was written and read goes on as if nothing had happened: the same features, counters and snapshots.
func TestAStateGoesOnFromItsSnapshot(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := paymentProgram(t, payments(2_000, pipeline.Delayed))
		stage := p.Stages()[rapid.IntRange(0, len(p.Stages())-1).Draw(r, "stage")]
		rows, texts, labels := randomPayments(rapid.Uint64().Draw(r, "seed"), rapid.IntRange(1, 1500).Draw(r, "rows"), 3_000)
		at := rapid.IntRange(0, len(rows)).Draw(r, "at")
		one := stage.NewState()
		values, others := make([]float64, p.Width()), make([]float64, p.Width())
		for i := range at {
			one.Update(rows[i], texts, labels[i], values)
		}
		other, err := stage.ReadState(bytes.NewReader(snapshotOf(t, one)))
		if err != nil {
			r.Fatal(err)
		}
		for i := at; i < len(rows); i++ {
			one.Update(rows[i], texts, labels[i], values)
			other.Update(rows[i], texts, labels[i], others)
			if !slices.Equal(values, others) {
				r.Fatalf("row %d: %v, after the snapshot %v", i, values, others)
			}
		}
		if one.Counters() != other.Counters() || one.Keys() != other.Keys() {
			r.Fatalf("counters %+v of %d keys, after the snapshot %+v of %d", one.Counters(), one.Keys(), other.Counters(), other.Keys())
		}
		if !bytes.Equal(snapshotOf(t, one), snapshotOf(t, other)) {
			r.Fatal("the snapshots that follow differ")
		}
	})
}

func goldenState(t testing.TB) (*Stage, *State) {
	t.Helper()
	p := paymentProgram(t, payments(2_000, pipeline.Delayed))
	s := shopStage(p).NewState()
	rows, texts, labels := randomPayments(4, 40, 1_000)
	for i, row := range rows {
		s.Update(row, texts, labels[i], make([]float64, p.Width()))
	}
	return shopStage(p), s
}

// A snapshot of version 1 can be read for good.
func TestTheGoldenSnapshotIsStillRead(t *testing.T) {
	stage, s := goldenState(t)
	golden(t, "snapshot-v1.hex", stage, s)
}

// golden sees to it that a stored snapshot still holds the state, and returns it.
func golden(t *testing.T, name string, stage *Stage, s *State) []byte {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, []byte(hex.EncodeToString(snapshotOf(t, s))+"\n"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil {
		t.Fatal(err)
	}
	read, err := stage.ReadState(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(snapshotOf(t, read), snapshotOf(t, s)) {
		t.Errorf("%s holds another state", name)
	}
	return whole
}

func TestADamagedSnapshotIsRefused(t *testing.T) {
	stage, s := goldenState(t)
	whole := snapshotOf(t, s)
	for n := range whole {
		if _, err := stage.ReadState(bytes.NewReader(whole[:n])); !errors.Is(err, ErrSnapshot) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
		damaged := slices.Clone(whole)
		damaged[n] ^= 0x10
		// A bit without a meaning in the compression's frame may change; the state may not.
		if read, err := stage.ReadState(bytes.NewReader(damaged)); err == nil && !bytes.Equal(snapshotOf(t, read), whole) {
			t.Fatalf("byte %d was changed and nobody saw it", n)
		}
	}
	if _, err := stage.ReadState(bytes.NewReader(append(slices.Clone(whole), 0))); !errors.Is(err, ErrSnapshot) {
		t.Errorf("with a byte behind its end: %v", err)
	}
	next := slices.Clone(whole)
	binary.LittleEndian.PutUint32(next[len(snapshotMagic):], 4)
	if _, err := stage.ReadState(bytes.NewReader(next)); !errors.Is(err, ErrSnapshot) {
		t.Errorf("of a later version: %v", err)
	}
}

func TestASnapshotOfOtherFeaturesSaysSo(t *testing.T) {
	_, s := goldenState(t)
	for _, spec := range []Spec{payments(1_000, pipeline.Delayed), payments(2_000, pipeline.AsTheyArrive)} {
		if _, err := shopStage(paymentProgram(t, spec)).ReadState(bytes.NewReader(snapshotOf(t, s))); !errors.Is(err, ErrDefinition) {
			t.Errorf("error %v", err)
		}
	}
}

func FuzzReadStateNeverPanics(f *testing.F) {
	stage, s := goldenState(f)
	f.Add(snapshotOf(f, s))
	f.Add(snapshotOf(f, stage.NewState()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := stage.ReadState(bytes.NewReader(b)); err == nil && len(snapshotOf(t, s)) == 0 {
			t.Error("a state without bytes")
		}
	})
}

// The snapshot's inside, without compression and digest, which the fuzzer cannot see through.
func FuzzReadingABodyNeverPanics(f *testing.F) {
	stage, s := goldenState(f)
	var body bytes.Buffer
	out := newSnapshotWriter(&body)
	s.writeHead(out)
	for slot := range s.slots {
		s.writeSlot(out, slot)
	}
	if err := out.flush(); err != nil {
		f.Fatal(err)
	}
	f.Add(body.Bytes())
	width := len(payments(2_000, pipeline.Delayed).Features)
	f.Fuzz(func(t *testing.T, b []byte) {
		in := newSnapshotReader(bytes.NewReader(b))
		read := stage.NewState()
		read.read1(in)
		if in.err != nil {
			return
		}
		rows, texts, labels := randomPayments(9, 30, 1_000)
		for i, row := range rows {
			read.Update(row, texts, labels[i], make([]float64, width))
		}
	})
}
