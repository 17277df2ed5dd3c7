package artifact

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// On a store that keeps objects as files, an object `a` forbids an object `a/b`. Two rules make that impossible here,
// whatever callers name things:
//
//   - no segment of a prefix or of a named key looks like a SHA-256, so nothing is ever stored beneath a content-addressed object;
//   - a named object's key ends in namedSuffix and no other segment may, so nothing is ever stored beneath a named object.
const namedSuffix = ".named"

const (
	maxKey     = 900 // S3 allows 1024 bytes
	maxSegment = 200 // file systems allow 255 bytes, and backends add temporary suffixes
)

// contentKey is where the object with this digest lives.
func contentKey(prefix, name, digest string) (string, error) {
	if err := checkPath("prefix", prefix); err != nil {
		return "", err
	}
	if strings.Contains(name, "/") {
		return "", fmt.Errorf("%w: name %q contains a slash: put directories into the prefix", ErrInvalid, name)
	}
	if err := checkPath("name", name); err != nil {
		return "", err
	}
	key := prefix + "/" + digest[:2] + "/" + digest + "/" + name
	if len(key) > maxKey {
		return "", fmt.Errorf("%w: key of %d bytes, at most %d", ErrInvalid, len(key), maxKey)
	}
	return key, nil
}

// namedKey is where the named object lives.
func namedKey(key string) (string, error) {
	if err := checkPath("key", key); err != nil {
		return "", err
	}
	return key + namedSuffix, nil
}

func checkPath(what, path string) error {
	if path == "" || len(path) > maxKey-100 {
		return fmt.Errorf("%w: %s of %d bytes, must have 1 to %d", ErrInvalid, what, len(path), maxKey-100)
	}
	for segment := range strings.SplitSeq(path, "/") {
		switch {
		case segment == "" || segment == "." || segment == "..":
			return fmt.Errorf("%w: %s %q has an empty or relative segment", ErrInvalid, what, path)
		case len(segment) > maxSegment:
			return fmt.Errorf("%w: %s has a segment of %d bytes, at most %d", ErrInvalid, what, len(segment), maxSegment)
		case strings.HasSuffix(segment, namedSuffix):
			return fmt.Errorf("%w: %s %q has a segment that ends in %s, which is reserved", ErrInvalid, what, path, namedSuffix)
		case isDigest(segment):
			return fmt.Errorf("%w: %s %q has a segment that looks like a digest", ErrInvalid, what, path)
		}
		for i := range len(segment) {
			if !allowed(segment[i]) {
				return fmt.Errorf("%w: %s %q has the character %q: use letters, digits and -_.=@:+~", ErrInvalid, what, path, segment[i])
			}
		}
	}
	return nil
}

// allowed is what S3, file systems and URLs all take without escapes that change meaning.
func allowed(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.=@:+~", c) >= 0
}

func isDigest(s string) bool {
	if len(s) != 64 || strings.ToLower(s) != s {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}

// check refuses a reference that no Put can have returned, before anything is asked of the store.
func (r Ref) check() error {
	switch {
	case !isDigest(r.SHA256):
		return fmt.Errorf("%w: reference to %q has no SHA-256", ErrInvalid, r.Key)
	case r.Size < 0:
		return fmt.Errorf("%w: reference to %q has the size %d", ErrInvalid, r.Key, r.Size)
	case r.Key == "" || len(r.Key) > maxKey:
		return fmt.Errorf("%w: reference has a key of %d bytes", ErrInvalid, len(r.Key))
	}
	parts := strings.Split(r.Key, "/")
	n := len(parts)
	if n < 4 || parts[n-2] != r.SHA256 || parts[n-3] != r.SHA256[:2] {
		return fmt.Errorf("%w: reference to %q does not carry the digest %s in its key", ErrInvalid, r.Key, r.SHA256)
	}
	want, err := contentKey(strings.Join(parts[:n-3], "/"), parts[n-1], r.SHA256)
	if err != nil {
		return err
	}
	if want != r.Key {
		return fmt.Errorf("%w: reference to %q is not in canonical form", ErrInvalid, r.Key)
	}
	return nil
}
