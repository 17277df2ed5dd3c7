package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// object is what a backend knows of a stored object.
type object struct {
	size   int64
	digest string // SHA-256 in hex, empty if the backend was not told
}

// backend is a place that keeps bytes. It makes one attempt per call; retries are decided in one place, by store.
type backend interface {
	write(ctx context.Context, key string, r io.ReadSeeker, meta object) error
	stat(ctx context.Context, key string) (object, error)
	open(ctx context.Context, key string) (io.ReadCloser, object, error)
	remove(ctx context.Context, key string) error
}

// store gives any backend the promises of Store.
type store struct {
	backend backend
	max     int64
	retry   retry
}

func (s *store) Put(ctx context.Context, prefix, name string, data []byte) (Ref, error) {
	return s.PutReader(ctx, prefix, name, bytes.NewReader(data))
}

func (s *store) PutReader(ctx context.Context, prefix, name string, r io.ReadSeeker) (Ref, error) {
	ref, err := s.putReader(ctx, prefix, name, r)
	if err != nil {
		return Ref{}, fmt.Errorf("put object %s/%s: %w", prefix, name, err)
	}
	return ref, nil
}

func (s *store) putReader(ctx context.Context, prefix, name string, r io.ReadSeeker) (Ref, error) {
	start, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return Ref{}, err
	}
	hash := sha256.New()
	size, err := io.Copy(hash, io.LimitReader(r, s.max+1))
	if err != nil {
		return Ref{}, err
	}
	if size > s.max {
		return Ref{}, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, s.max)
	}
	ref := Ref{SHA256: hex.EncodeToString(hash.Sum(nil)), Size: size}
	if ref.Key, err = contentKey(prefix, name, ref.SHA256); err != nil {
		return Ref{}, err
	}
	meta := object{size: ref.Size, digest: ref.SHA256}
	var found object
	err = s.retry.do(ctx, func() (err error) {
		found, err = s.backend.stat(ctx, ref.Key)
		return err
	})
	if err == nil && found == meta {
		return ref, nil // already there
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Ref{}, err
	}
	// A race between two writers of this key is harmless: both write the same bytes. So no conditional write is needed.
	err = s.retry.do(ctx, func() error {
		if _, err := r.Seek(start, io.SeekStart); err != nil {
			return err
		}
		return s.backend.write(ctx, ref.Key, r, meta)
	})
	return ref, err
}

func (s *store) Get(ctx context.Context, ref Ref) ([]byte, error) {
	var data []byte
	err := s.retry.do(ctx, func() error {
		r, err := s.open(ctx, ref)
		if err != nil {
			return err
		}
		defer r.Close()               // only read
		data = make([]byte, ref.Size) // open has compared this size with the stored one
		if _, err := io.ReadFull(r, data); err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r) // nothing is left; reaching the end is what verifies the digest
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("get object %s: %w", ref.Key, err)
	}
	return data, nil
}

func (s *store) Open(ctx context.Context, ref Ref) (io.ReadCloser, error) {
	var r io.ReadCloser
	err := s.retry.do(ctx, func() (err error) {
		r, err = s.open(ctx, ref)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open object %s: %w", ref.Key, err)
	}
	return r, nil
}

func (s *store) open(ctx context.Context, ref Ref) (io.ReadCloser, error) {
	if err := ref.check(); err != nil {
		return nil, err
	}
	if ref.Size > s.max {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, ref.Size, s.max)
	}
	body, found, err := s.backend.open(ctx, ref.Key)
	if err != nil {
		return nil, err
	}
	if found.size != ref.Size {
		body.Close() // nothing was read
		return nil, fmt.Errorf("%w: %d bytes stored, %d referenced", ErrDigest, found.size, ref.Size)
	}
	return &verifier{body: body, want: ref, hash: sha256.New()}, nil
}

func (s *store) Remove(ctx context.Context, ref Ref) error {
	err := ref.check()
	if err == nil {
		err = s.retry.do(ctx, func() error { return s.backend.remove(ctx, ref.Key) })
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("remove object %s: %w", ref.Key, err)
	}
	return nil
}
