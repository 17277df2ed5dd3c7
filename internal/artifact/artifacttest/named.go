package artifacttest

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"temporal-streaming/internal/artifact"
)

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
