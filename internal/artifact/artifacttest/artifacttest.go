// Package artifacttest proves that a backend keeps the promises of artifact.Store. Every backend's tests call Run:
//
//	func TestMemoryConforms(t *testing.T) {
//		artifacttest.Run(t, func(t *testing.T) artifact.Store { return artifact.NewMemory(artifacttest.MaxObjectSize) })
//	}
package artifacttest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"temporal-streaming/internal/artifact"
)

// MaxObjectSize is the limit in bytes that the stores under test must be opened with. It is above what one request of an
// S3 client carries (16 MiB), so that uploads in parts are tested too.
const MaxObjectSize = 20 << 20

// Run checks the stores that open returns. They may share what they hold: keys are unlike for each test and each run.
func Run(t *testing.T, open func(t *testing.T) artifact.Store) {
	for name, test := range map[string]func(*testing.T, artifact.Store){
		"SameBytesGetSameKey":               sameBytesGetSameKey,
		"KeyCarriesDigestAndName":           keyCarriesDigestAndName,
		"EmptyObjectIsAnObject":             emptyObjectIsAnObject,
		"LargeObjectStreamsThrough":         largeObjectStreamsThrough,
		"FileIsStoredFromItsStart":          fileIsStoredFromItsStart,
		"ReaderIsStoredFromItsPosition":     readerIsStoredFromItsPosition,
		"MissingObjectIsNotFound":           missingObjectIsNotFound,
		"WrongSizeIsRefused":                wrongSizeIsRefused,
		"OpenVerifiesAtTheEnd":              openVerifiesAtTheEnd,
		"ForgedReferenceIsRefused":          forgedReferenceIsRefused,
		"OversizedObjectIsRefused":          oversizedObjectIsRefused,
		"NamedObjectIsReplaced":             namedObjectIsReplaced,
		"MissingNamedObjectIsNotFound":      missingNamedObjectIsNotFound,
		"KeyBelowAKeyIsPossible":            keyBelowAKeyIsPossible,
		"MalformedKeysAreRefused":           malformedKeysAreRefused,
		"CancelledContextEndsEveryCall":     cancelledContextEndsEveryCall,
		"CallerMayReuseItsBuffer":           callerMayReuseItsBuffer,
		"ConcurrentWritersAgree":            concurrentWritersAgree,
		"ReadersOfANamedObjectSeeOneWriter": readersOfANamedObjectSeeOneWriter,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// prefix is a place of this test and run alone.
func prefix(t *testing.T) string {
	_, name, _ := strings.Cut(t.Name(), "/")
	return fmt.Sprintf("conformance/%s-%x", name, rand.Uint64())
}

// sample is n bytes that depend on the seed.
func sample(seed uint64, n int) []byte {
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	data := make([]byte, n)
	source.Read(data) // never fails
	return data
}

func mustPut(t *testing.T, s artifact.Store, prefix, name string, data []byte) artifact.Ref {
	t.Helper()
	ref, err := s.Put(t.Context(), prefix, name, data)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func mustGet(t *testing.T, s artifact.Store, ref artifact.Ref, want []byte) {
	t.Helper()
	got, err := s.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes that differ from the %d stored", len(got), len(want))
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

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

func namedObjectIsReplaced(t *testing.T, s artifact.Store) {
	key := prefix(t) + "/checkpoint"
	for _, data := range [][]byte{sample(11, 1000), sample(12, 10), sample(13, 5000)} {
		if err := s.PutNamed(t.Context(), key, data); err != nil {
			t.Fatal(err)
		}
		if got, err := s.GetNamed(t.Context(), key); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("got %d bytes, %v, want the %d last stored", len(got), err, len(data))
		}
	}
}

func missingNamedObjectIsNotFound(t *testing.T, s artifact.Store) {
	_, err := s.GetNamed(t.Context(), prefix(t)+"/nothing")
	wantError(t, err, artifact.ErrNotFound)
}

// A store on a file system can not hold both a and a/b as they are.
func keyBelowAKeyIsPossible(t *testing.T, s artifact.Store) {
	p := prefix(t)
	keys := []string{p + "/a", p + "/a/b", p + "/a/b/c", p}
	for i, key := range keys {
		if err := s.PutNamed(t.Context(), key, sample(uint64(i), 10)); err != nil {
			t.Fatal(err)
		}
	}
	ref := mustPut(t, s, p+"/a", "b", sample(14, 10))
	mustGet(t, s, ref, sample(14, 10))
	for i, key := range keys {
		if got, err := s.GetNamed(t.Context(), key); err != nil || !bytes.Equal(got, sample(uint64(i), 10)) {
			t.Fatalf("%s: got %x, %v", key, got, err)
		}
	}
}

func malformedKeysAreRefused(t *testing.T, s artifact.Store) {
	ref := mustPut(t, s, prefix(t), "x", sample(15, 10))
	for _, key := range []string{
		"", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a b", "a\\b", "a\x00", "a?b", "a%2fb", "ä",
		"a.named", "a.named/b", ref.Key, ref.Key + "/below", strings.Repeat("a", 201), strings.Repeat("a/", 450) + "a",
	} {
		wantError(t, s.PutNamed(t.Context(), key, nil), artifact.ErrInvalid)
		_, err := s.GetNamed(t.Context(), key)
		wantError(t, err, artifact.ErrInvalid)
		_, err = s.Put(t.Context(), key, "name", nil)
		wantError(t, err, artifact.ErrInvalid)
		_, err = s.Put(t.Context(), "prefix", key, nil)
		wantError(t, err, artifact.ErrInvalid)
	}
	_, err := s.Put(t.Context(), "prefix", "a/b", nil)
	wantError(t, err, artifact.ErrInvalid)
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

func readersOfANamedObjectSeeOneWriter(t *testing.T, s artifact.Store) {
	key := prefix(t) + "/checkpoint"
	written := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 1000*(i+1)) }
	if err := s.PutNamed(t.Context(), key, written(0)); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for range 5 {
				if err := s.PutNamed(t.Context(), key, written(i)); err != nil {
					t.Error(err)
				}
			}
		})
		group.Go(func() {
			for range 5 {
				got, err := s.GetNamed(t.Context(), key)
				if err != nil || len(got) == 0 || !bytes.Equal(got, written(int(got[0]-'a'))) {
					t.Errorf("read a mixture of %d bytes, %v", len(got), err)
				}
			}
		})
	}
	group.Wait()
}
