package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
)

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestKeptFileIsFoundByItsDigest(t *testing.T) {
	r := &Registry{Cache: filepath.Join(t.TempDir(), "models")}
	data := []byte("a model")
	if _, ok := r.cached(digest(data)); ok {
		t.Fatal("found before it was kept")
	}
	if err := r.keep(digest(data), data); err != nil {
		t.Fatal(err)
	}
	if got, ok := r.cached(digest(data)); !ok || string(got) != "a model" {
		t.Errorf("got %q, %v", got, ok)
	}
}

func TestDamagedFileCountsAsAbsent(t *testing.T) {
	r := &Registry{Cache: t.TempDir()}
	data := []byte("a model")
	if err := r.keep(digest(data), data); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.Cache, digest(data)), []byte("a moDel"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.cached(digest(data)); ok {
		t.Error("a damaged file was taken")
	}
}

func TestOnlyADigestNamesAFile(t *testing.T) {
	r := &Registry{Cache: filepath.Join(t.TempDir(), "models")}
	for _, name := range []string{"", "../outside", "abc", digest(nil) + "00", "/etc/passwd"} {
		if err := r.keep(name, []byte("x")); err != nil {
			t.Errorf("keep %q: %v", name, err)
		}
		if _, ok := r.cached(name); ok {
			t.Errorf("%q was taken as a digest", name)
		}
	}
	if _, err := os.Stat(r.Cache); !os.IsNotExist(err) {
		t.Error("something was written")
	}
}

func TestWithoutAFolderNothingIsKept(t *testing.T) {
	r := &Registry{}
	if err := r.keep(digest([]byte("x")), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.cached(digest([]byte("x"))); ok {
		t.Error("found without a folder")
	}
}
