package main

import (
	"bytes"
	"sync"
)

// saying keeps the end of what a child prints, for the error when it fails.
type saying struct {
	mu   sync.Mutex
	text []byte
}

const mostSaid = 8 << 10

func (s *saying) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, p...)
	if extra := len(s.text) - mostSaid; extra > 0 {
		s.text = append(s.text[:0], s.text[extra:]...)
	}
	return len(p), nil
}

func (s *saying) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(bytes.TrimSpace(s.text))
}
