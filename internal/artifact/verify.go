package artifact

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// verifier passes an object's bytes on and turns its end into ErrDigest when they were not the promised ones.
type verifier struct {
	body io.ReadCloser
	want Ref
	hash hash.Hash
	read int64
	end  error // sticky, once the end or a fault has been seen
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.end != nil {
		return 0, v.end
	}
	n, err := v.body.Read(p)
	v.hash.Write(p[:n]) // a hash never fails
	v.read += int64(n)
	if v.read > v.want.Size {
		v.end = fmt.Errorf("%w: more than the %d bytes referenced", ErrDigest, v.want.Size)
		return n, v.end
	}
	if errors.Is(err, io.EOF) {
		err = v.verdict()
	}
	v.end = err
	return n, err
}

func (v *verifier) verdict() error {
	if v.read != v.want.Size {
		return fmt.Errorf("%w: %d bytes read, %d referenced", ErrDigest, v.read, v.want.Size)
	}
	if got := hex.EncodeToString(v.hash.Sum(nil)); got != v.want.SHA256 {
		return fmt.Errorf("%w: want %s, got %s", ErrDigest, v.want.SHA256, got)
	}
	return io.EOF
}

func (v *verifier) Close() error { return v.body.Close() }
