package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// A named object is stored behind a line that says what it must contain:
//
//	sha256 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
//	...the bytes...
//
// The digest stands inside the object and not in its metadata because an object's bytes are replaced as a whole everywhere,
// and bytes and metadata together are not: on a server that keeps them in two files, a reader can see the bytes of one
// writer with the metadata of another.
const (
	namedMark   = "sha256 "
	namedHeader = len(namedMark) + 2*sha256.Size + len("\n")
)

func (s *store) PutNamed(ctx context.Context, key string, data []byte) error {
	path, err := namedKey(key)
	if err == nil && int64(len(data)) > s.max {
		err = fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(data), s.max)
	}
	if err == nil {
		sealed := seal(data)
		meta := object{size: int64(len(sealed))}
		err = s.retry.do(ctx, func() error { return s.backend.write(ctx, path, bytes.NewReader(sealed), meta) })
	}
	if err != nil {
		return fmt.Errorf("put named object %s: %w", key, err)
	}
	return nil
}

func (s *store) GetNamed(ctx context.Context, key string) ([]byte, error) {
	path, err := namedKey(key)
	var data []byte
	if err == nil {
		err = s.retry.do(ctx, func() (err error) {
			data, err = s.getNamed(ctx, path)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("get named object %s: %w", key, err)
	}
	return data, nil
}

func (s *store) getNamed(ctx context.Context, path string) ([]byte, error) {
	body, found, err := s.backend.open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer body.Close() // only read
	if found.size > s.max+int64(namedHeader) {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, found.size, s.max)
	}
	sealed, err := io.ReadAll(io.LimitReader(body, s.max+int64(namedHeader)))
	if err != nil {
		return nil, err
	}
	return unseal(sealed)
}

// seal puts the line before data.
func seal(data []byte) []byte {
	sum := sha256.Sum256(data)
	sealed := make([]byte, 0, namedHeader+len(data))
	sealed = append(sealed, namedMark...)
	sealed = hex.AppendEncode(sealed, sum[:])
	sealed = append(sealed, '\n')
	return append(sealed, data...)
}

// unseal returns what seal was given, or ErrDigest.
func unseal(sealed []byte) ([]byte, error) {
	if len(sealed) < namedHeader || !strings.HasPrefix(string(sealed[:namedHeader]), namedMark) || sealed[namedHeader-1] != '\n' {
		return nil, fmt.Errorf("%w: not a named object, its first line is missing", ErrDigest)
	}
	want := string(sealed[len(namedMark) : namedHeader-1])
	data := sealed[namedHeader:]
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
		return nil, fmt.Errorf("%w: want %q, got %x", ErrDigest, want, sum)
	}
	return data, nil
}
