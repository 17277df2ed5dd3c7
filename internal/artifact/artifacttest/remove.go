package artifacttest

import (
	"bytes"
	"testing"

	"temporal-streaming/internal/artifact"
)

func removedObjectIsGone(t *testing.T, s artifact.Store) {
	p := prefix(t)
	gone, stays := mustPut(t, s, p, "gone", sample(1, 1000)), mustPut(t, s, p, "stays", sample(2, 1000))
	for range 2 { // the second time there is nothing to remove
		if err := s.Remove(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
		_, err := s.Get(t.Context(), gone)
		wantError(t, err, artifact.ErrNotFound)
	}
	if data, err := s.Get(t.Context(), stays); err != nil || !bytes.Equal(data, sample(2, 1000)) {
		t.Errorf("another object was touched: %v", err)
	}
	// It can come back.
	mustPut(t, s, p, "gone", sample(1, 1000))
	if _, err := s.Get(t.Context(), gone); err != nil {
		t.Error(err)
	}
}
