package artifacttest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"temporal-streaming/internal/artifact"
)

func sameBytesGetSameKey(t *testing.T, s artifact.Store) {
	p, data := prefix(t), sample(1, 1000)
	first := mustPut(t, s, p, "x.bin", data)
	if again := mustPut(t, s, p, "x.bin", data); again != first {
		t.Fatalf("second put answers %v, first %v", again, first)
	}
	if other := mustPut(t, s, p, "x.bin", sample(2, 1000)); other.Key == first.Key {
		t.Fatal("other bytes got the same key")
	}
	mustGet(t, s, first, data)
}

func keyCarriesDigestAndName(t *testing.T, s artifact.Store) {
	p, data := prefix(t), sample(3, 10)
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	want := artifact.Ref{Key: p + "/" + digest[:2] + "/" + digest + "/model.onnx", SHA256: digest, Size: 10}
	if ref := mustPut(t, s, p, "model.onnx", data); ref != want {
		t.Fatalf("got %v, want %v", ref, want)
	}
}

func emptyObjectIsAnObject(t *testing.T, s artifact.Store) {
	p := prefix(t)
	mustGet(t, s, mustPut(t, s, p, "empty", nil), nil)
	if err := s.PutNamed(t.Context(), p+"/empty", nil); err != nil {
		t.Fatal(err)
	}
	if data, err := s.GetNamed(t.Context(), p+"/empty"); err != nil || len(data) != 0 {
		t.Fatalf("got %d bytes, %v", len(data), err)
	}
}

func largeObjectStreamsThrough(t *testing.T, s artifact.Store) {
	data := sample(4, 17<<20+3)
	ref, err := s.PutReader(t.Context(), prefix(t), "large.bin", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("streamed %d bytes of %d, %v", len(got), len(data), err)
	}
}

func fileIsStoredFromItsStart(t *testing.T, s artifact.Store) {
	data, path := sample(5, 5000), filepath.Join(t.TempDir(), "rows")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	ref, err := artifact.PutFile(t.Context(), s, prefix(t), "rows.parquet", path)
	if err != nil {
		t.Fatal(err)
	}
	mustGet(t, s, ref, data)
	_, err = artifact.PutFile(t.Context(), s, prefix(t), "rows.parquet", path+".absent")
	wantError(t, err, os.ErrNotExist)
}

func readerIsStoredFromItsPosition(t *testing.T, s artifact.Store) {
	data := sample(6, 500)
	r := bytes.NewReader(data)
	if _, err := r.Seek(100, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	ref, err := s.PutReader(t.Context(), prefix(t), "tail", r)
	if err != nil {
		t.Fatal(err)
	}
	mustGet(t, s, ref, data[100:])
}

func missingObjectIsNotFound(t *testing.T, s artifact.Store) {
	p := prefix(t)
	ref := mustPut(t, s, p, "here", sample(7, 10))
	ref.Key = strings.TrimSuffix(ref.Key, "here") + "there"
	_, err := s.Get(t.Context(), ref)
	wantError(t, err, artifact.ErrNotFound)
	_, err = s.Open(t.Context(), ref)
	wantError(t, err, artifact.ErrNotFound)
}

func wrongSizeIsRefused(t *testing.T, s artifact.Store) {
	ref := mustPut(t, s, prefix(t), "x", sample(8, 10))
	ref.Size = 9
	_, err := s.Get(t.Context(), ref)
	wantError(t, err, artifact.ErrDigest)
}

func openVerifiesAtTheEnd(t *testing.T, s artifact.Store) {
	data := sample(9, 100)
	r, err := s.Open(t.Context(), mustPut(t, s, prefix(t), "x", data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := make([]byte, len(data))
	if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("read %x, %v", got, err)
	}
	for range 2 { // the verdict stays
		if n, err := r.Read(got); n != 0 || err != io.EOF {
			t.Fatalf("at the end: %d bytes, %v", n, err)
		}
	}
}

func forgedReferenceIsRefused(t *testing.T, s artifact.Store) {
	ref := mustPut(t, s, prefix(t), "x", sample(10, 10))
	other := strings.Repeat("ab", 32)
	for _, forged := range []artifact.Ref{
		{},
		{Key: ref.Key, Size: 10},
		{Key: ref.Key, SHA256: other, Size: 10},
		{Key: ref.Key, SHA256: ref.SHA256, Size: -1},
		{Key: "../" + ref.Key, SHA256: ref.SHA256, Size: 10},
		{Key: ref.SHA256, SHA256: ref.SHA256, Size: 10},
	} {
		_, err := s.Get(t.Context(), forged)
		wantError(t, err, artifact.ErrInvalid)
	}
}

func oversizedObjectIsRefused(t *testing.T, s artifact.Store) {
	p, data := prefix(t), make([]byte, MaxObjectSize+1)
	_, err := s.Put(t.Context(), p, "x", data)
	wantError(t, err, artifact.ErrTooLarge)
	wantError(t, s.PutNamed(t.Context(), p+"/x", data), artifact.ErrTooLarge)
	digest := strings.Repeat("ab", 32)
	_, err = s.Get(t.Context(), artifact.Ref{Key: p + "/ab/" + digest + "/x", SHA256: digest, Size: MaxObjectSize + 1})
	wantError(t, err, artifact.ErrTooLarge)
}

func cancelledContextEndsEveryCall(t *testing.T, s artifact.Store) {
	p := prefix(t)
	ref := mustPut(t, s, p, "x", sample(16, 10))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Put(ctx, p, "y", sample(17, 10))
	wantError(t, err, context.Canceled)
	_, err = s.Get(ctx, ref)
	wantError(t, err, context.Canceled)
	_, err = s.Open(ctx, ref)
	wantError(t, err, context.Canceled)
	wantError(t, s.PutNamed(ctx, p+"/z", nil), context.Canceled)
	_, err = s.GetNamed(ctx, p+"/z")
	wantError(t, err, context.Canceled)
}

func callerMayReuseItsBuffer(t *testing.T, s artifact.Store) {
	p, data := prefix(t), sample(18, 100)
	want := bytes.Clone(data)
	ref := mustPut(t, s, p, "x", data)
	if err := s.PutNamed(t.Context(), p+"/x", data); err != nil {
		t.Fatal(err)
	}
	clear(data)
	mustGet(t, s, ref, want)
	got, err := s.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	clear(got) // what a reader does to its bytes is its own affair too
	mustGet(t, s, ref, want)
	if named, err := s.GetNamed(t.Context(), p+"/x"); err != nil || !bytes.Equal(named, want) {
		t.Fatalf("got %x, %v", named, err)
	}
}

func concurrentWritersAgree(t *testing.T, s artifact.Store) {
	p, data := prefix(t), sample(19, 100_000)
	refs := make([]artifact.Ref, 8)
	errs := make([]error, len(refs))
	var group sync.WaitGroup
	for i := range refs {
		group.Go(func() { refs[i], errs[i] = s.Put(t.Context(), p, "x", data) })
	}
	group.Wait()
	for i := range refs {
		if errs[i] != nil || refs[i] != refs[0] {
			t.Fatalf("writer %d: %v, %v", i, refs[i], errs[i])
		}
	}
	mustGet(t, s, refs[0], data)
}
