package artifact

import (
	"bytes"
	"context"
	"io"
	"sync"
)

// Memory is a Store in the process's memory, for tests. The zero value is not usable; see NewMemory.
type Memory struct {
	store
	objects memory
}

// NewMemory returns an empty store. Objects above maxObjectSize bytes are refused; 0 means DefaultMaxObjectSize.
func NewMemory(maxObjectSize int64) *Memory {
	if maxObjectSize <= 0 {
		maxObjectSize = DefaultMaxObjectSize
	}
	m := &Memory{objects: memory{held: map[string]held{}}}
	m.store = store{backend: &m.objects, max: maxObjectSize, retry: retry{attempts: 1}}
	return m
}

// Corrupt overwrites the stored bytes of ref with data, as a failing disk would, so that a test can see it noticed.
func (m *Memory) Corrupt(ref Ref, data []byte) {
	m.objects.mu.Lock()
	defer m.objects.mu.Unlock()
	h := m.objects.held[ref.Key]
	h.data = bytes.Clone(data)
	m.objects.held[ref.Key] = h
}

type held struct {
	data []byte
	meta object
}

type memory struct {
	mu   sync.RWMutex
	held map[string]held
}

func (m *memory) write(ctx context.Context, key string, r io.ReadSeeker, meta object) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held[key] = held{data: data, meta: meta}
	return nil
}

func (m *memory) stat(ctx context.Context, key string) (object, error) {
	body, meta, err := m.open(ctx, key)
	if err != nil {
		return object{}, err
	}
	return meta, body.Close()
}

func (m *memory) open(ctx context.Context, key string) (io.ReadCloser, object, error) {
	if err := ctx.Err(); err != nil {
		return nil, object{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	h, ok := m.held[key]
	if !ok {
		return nil, object{}, ErrNotFound
	}
	// The slice is never written to after it was stored (it is only replaced), so readers share it.
	return io.NopCloser(bytes.NewReader(h.data)), object{size: int64(len(h.data)), digest: h.meta.digest}, nil
}

func (m *memory) remove(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.held, key)
	return nil
}
