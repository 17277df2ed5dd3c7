package artifact_test

import (
	"errors"
	"io"
	"testing"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/artifact/artifacttest"
)

func TestMemoryConforms(t *testing.T) {
	artifacttest.Run(t, func(*testing.T) artifact.Store { return artifact.NewMemory(artifacttest.MaxObjectSize) })
}

func TestDamagedObjectIsNeverReturned(t *testing.T) {
	store := artifact.NewMemory(0)
	for name, damaged := range map[string]string{"one byte": "date", "shorter": "dat", "longer": "data!"} {
		ref, err := store.Put(t.Context(), "p", "x", []byte("data"))
		if err != nil {
			t.Fatal(err)
		}
		store.Corrupt(ref, []byte(damaged))
		if _, err := store.Get(t.Context(), ref); !errors.Is(err, artifact.ErrDigest) {
			t.Errorf("%s: get answers %v", name, err)
		}
		if r, err := store.Open(t.Context(), ref); err == nil {
			_, err = io.Copy(io.Discard, r)
			if !errors.Is(err, artifact.ErrDigest) {
				t.Errorf("%s: reading to the end answers %v", name, err)
			}
		} else if !errors.Is(err, artifact.ErrDigest) {
			t.Errorf("%s: open answers %v", name, err)
		}
	}
}

func TestDamagedObjectIsMendedByPuttingItAgain(t *testing.T) {
	store := artifact.NewMemory(0)
	ref, err := store.Put(t.Context(), "p", "x", []byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	store.Corrupt(ref, []byte("dat"))
	if _, err := store.Put(t.Context(), "p", "x", []byte("data")); err != nil {
		t.Fatal(err)
	}
	if got, err := store.Get(t.Context(), ref); err != nil || string(got) != "data" {
		t.Fatalf("got %q, %v", got, err)
	}
}
