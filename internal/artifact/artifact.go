// Package artifact keeps the objects that steps hand to one another: data sets, feature matrices, models, reports, checkpoints.
//
// A content-addressed object is named by the SHA-256 of its bytes, so writing it twice is free, two writers cannot
// disagree, and a reader gets the bytes the reference was made for or an error: every read checks size and digest.
// A named object is a mutable pointer ("the checkpoint of this training run"), replaced as a whole.
//
//	store, err := artifact.NewS3(artifact.S3Config{Endpoint: "http://localhost:9000", Bucket: "fraud", ...})
//	ref, err := store.Put(ctx, "models/creditcard", "model.onnx", onnx)  // ref travels through workflow histories
//	onnx, err := store.Get(ctx, ref)                                      // the same bytes, or an error
//	err = store.PutNamed(ctx, "checkpoints/train-1/fit", state)           // replaced at every epoch
//
// Transient faults are retried with bounded backoff inside the package; what comes out is classified by the sentinels:
// ErrUnavailable is worth another attempt later, everything else is final.
package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// DefaultMaxObjectSize bounds an object where the configuration does not: 2 GiB.
const DefaultMaxObjectSize = 2 << 30

var (
	// ErrNotFound is returned when no object has the key.
	ErrNotFound = errors.New("object not found")
	// ErrDigest is returned when an object's bytes are not the bytes its reference promises. It is final: the object is damaged.
	ErrDigest = errors.New("object differs from its digest")
	// ErrTooLarge is returned when an object exceeds the configured maximum size, before it is transferred.
	ErrTooLarge = errors.New("object too large")
	// ErrInvalid is returned when a key, name, reference or configuration is malformed.
	ErrInvalid = errors.New("invalid argument")
	// ErrDenied is returned when the store refuses the credentials or the action.
	ErrDenied = errors.New("access denied")
	// ErrBucketMissing is returned when the bucket itself does not exist.
	ErrBucketMissing = errors.New("bucket missing")
	// ErrUnavailable is returned when the store could not be reached or failed on its side, after the retries were used up.
	// It is the only error of this package that a caller may retry.
	ErrUnavailable = errors.New("object store unavailable")
)

// Ref names one immutable object: where it is and what it must contain.
type Ref struct {
	Key    string `json:"key"`
	SHA256 string `json:"sha256"` // lower-case hex
	Size   int64  `json:"size"`   // bytes
}

// Store keeps objects. S3 and Memory are implementations; package artifacttest proves that they behave alike.
//
// All methods are safe for concurrent use. A write that returned nil is visible to every later read.
type Store interface {
	// Put stores data under prefix/<sha[:2]>/<sha>/name. The same bytes always get the same key, and are not written again.
	Put(ctx context.Context, prefix, name string, data []byte) (Ref, error)

	// PutReader is Put for data that should not be held in memory. It reads r twice from its current position to its end:
	// once for the digest and once (or more often, on retries) for the transfer.
	PutReader(ctx context.Context, prefix, name string, r io.ReadSeeker) (Ref, error)

	// Get returns the object's bytes. Three things might happen: the bytes match the reference; ErrNotFound;
	// or ErrDigest because size or digest differ.
	Get(ctx context.Context, ref Ref) ([]byte, error)

	// Open streams the object. The reader answers io.EOF only after size and digest have been found right, and ErrDigest
	// in its place otherwise, so a caller that reads to the end has verified what it read. One that stops early has not.
	Open(ctx context.Context, ref Ref) (io.ReadCloser, error)

	// Remove takes an object away. One that is not there is none to remove, and no error.
	Remove(ctx context.Context, ref Ref) error

	// PutNamed stores data under key, replacing what was there. A reader sees the old bytes or the new ones, never a mixture.
	PutNamed(ctx context.Context, key string, data []byte) error

	// GetNamed returns the bytes last stored under key, or ErrNotFound.
	GetNamed(ctx context.Context, key string) ([]byte, error)
}

// PutFile stores the file at path in the store, streaming it.
func PutFile(ctx context.Context, store Store, prefix, name, path string) (Ref, error) {
	f, err := os.Open(path)
	if err != nil {
		return Ref{}, fmt.Errorf("put object %s/%s: %w", prefix, name, err)
	}
	defer f.Close() // only read
	return store.PutReader(ctx, prefix, name, f)
}
