package history

import (
	"bytes"
	"os"
	"testing"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/stream"
)

// The list and the snapshot were written by version 1, of what ward.live makes of 100 records from offset 40 on, and are never written
// anew. A stream that was left by that version goes on from them: it neither reads its whole log again nor stands still. That needs
// more than both formats: the digest of the same features must come out the same.
func TestHistoriesOfEveryVersionAreLoaded(t *testing.T) {
	list, err := os.ReadFile("testdata/list-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := os.ReadFile("testdata/list-v1.snapshot")
	if err != nil {
		t.Fatal(err)
	}
	store := artifact.NewMemory(0)
	if _, err := store.Put(t.Context(), "streams/counting/histories/in", "state.zst", snapshot); err != nil {
		t.Fatal(err)
	}
	if err := store.PutNamed(t.Context(), "streams/counting/histories/in/2/list.json", list); err != nil {
		t.Fatal(err)
	}
	w := newWard(t, store, "1d")
	// The log before 130 is gone, so nothing but the snapshot can tell.
	if at := w.mustLoad(stream.Want{Partition: 2, First: 130, Next: 150}); at != 140 {
		t.Fatalf("loaded what was known at %d, want 140", at)
	}
	today := newWard(t, artifact.NewMemory(0), "1d")
	today.mustLoad(stream.Want{Partition: 2, Next: 40, Fresh: true})
	today.live(2, 100)
	if !bytes.Equal(w.bytes(2), today.bytes(2)) {
		t.Error("what was loaded is not what those records come to")
	}
}
