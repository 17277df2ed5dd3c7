package artifact

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// No key that the store accepts may ever be a folder of another one.
func FuzzKeysNeverNest(f *testing.F) {
	digest := strings.Repeat("ab", 32)
	f.Add("a", "a/b", "name")
	f.Add("a.named", "a", "b")
	f.Add("a/ab/"+digest+"/name", "a", "name")
	f.Add("a/ab", digest+"/name/x", digest)
	f.Fuzz(func(t *testing.T, first, second, name string) {
		var keys []string
		for _, path := range []string{first, second} {
			if key, err := namedKey(path); err == nil {
				keys = append(keys, key)
			}
			if key, err := contentKey(path, name, digest); err == nil {
				keys = append(keys, key)
			}
		}
		for _, a := range keys {
			for _, b := range keys {
				if strings.HasPrefix(b, a+"/") {
					t.Fatalf("%q lies below %q", b, a)
				}
			}
		}
	})
}

// References come back from workflow histories: whatever stands there, one that passes must be canonical.
func FuzzRefIsCanonicalOrRefused(f *testing.F) {
	digest := strings.Repeat("ab", 32)
	f.Add(`{"key":"p/ab/` + digest + `/x","sha256":"` + digest + `","size":3}`)
	f.Add(`{"key":"p/../ab/` + digest + `/x","sha256":"` + digest + `","size":3}`)
	f.Add(`{"sha256":"ab"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var ref Ref
		if json.Unmarshal([]byte(text), &ref) != nil || ref.check() != nil {
			return
		}
		if strings.Contains(ref.Key, "..") && strings.Contains("/"+ref.Key+"/", "/../") || !strings.Contains(ref.Key, "/"+ref.SHA256+"/") {
			t.Fatalf("accepted %+v", ref)
		}
	})
}

func FuzzUnsealAnswersWhatWasSealed(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("data"))
	f.Add(seal([]byte("data")))
	f.Add([]byte(namedMark + strings.Repeat("0", 64) + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := unseal(seal(data)); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("sealed %q, got %q, %v", data, got, err)
		}
		got, err := unseal(data) // arbitrary bytes: refused, or exactly what seal writes
		if err == nil && !bytes.Equal(seal(got), data) || err != nil && !errors.Is(err, ErrDigest) {
			t.Fatalf("unsealed %q from %q, %v", got, data, err)
		}
	})
}
