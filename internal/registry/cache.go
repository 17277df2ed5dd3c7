package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// cached returns the file of that digest. One that is damaged counts as absent.
func (r *Registry) cached(digest string) ([]byte, bool) {
	if r.Cache == "" || !isDigest(digest) {
		return nil, false
	}
	data, err := os.ReadFile(filepath.Join(r.Cache, digest))
	if err != nil {
		return nil, false
	}
	sum := sha256.Sum256(data)
	return data, hex.EncodeToString(sum[:]) == digest
}

// keep writes a file that others may read at the same time: they see all of it or none.
func (r *Registry) keep(digest string, data []byte) error {
	if r.Cache == "" || !isDigest(digest) {
		return nil
	}
	fail := func(err error) error {
		return fmt.Errorf("keep a model file in %s (WORKER_CACHE): %w", r.Cache, err)
	}
	if err := os.MkdirAll(r.Cache, 0o700); err != nil {
		return fail(err)
	}
	f, err := os.CreateTemp(r.Cache, "new-*")
	if err != nil {
		return fail(err)
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(data); err != nil {
		f.Close()
		return fail(err)
	}
	if err := f.Close(); err != nil {
		return fail(err)
	}
	if err := os.Rename(f.Name(), filepath.Join(r.Cache, digest)); err != nil {
		return fail(err)
	}
	return nil
}

// isDigest keeps whatever else stands in a message from naming a path.
func isDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}
