package main

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// townLog keeps the lines that a worker writes about snapshots and histories.
type townLog struct {
	mu    sync.Mutex
	rest  []byte
	all   io.Writer // gets everything; may be nil
	lines []string
}

func (l *townLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all != nil {
		_, _ = l.all.Write(b) // a log of a benchmark
	}
	l.rest = append(l.rest, b...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		if bytes.Contains(line, []byte("snapshot kept")) || bytes.Contains(line, []byte("histories are loaded")) {
			l.lines = append(l.lines, string(line))
		}
		l.rest = append(l.rest[:0], rest...)
	}
}

// keep writes everything to w from now on.
func (l *townLog) keep(w io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = w
}

// with answers the lines that hold a text.
func (l *townLog) with(text string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}
