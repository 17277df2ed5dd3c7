package supervise_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"temporal-streaming/devstack/internal/guard"
	"temporal-streaming/devstack/internal/supervise"
)

// service is a shell script that counts as ready when it has made a file.
type service struct {
	supervise.Service
	file string
}

func script(t *testing.T, text string) service {
	t.Helper()
	dir := t.TempDir()
	s := service{file: filepath.Join(dir, "ready")}
	s.Service = supervise.Service{
		Name: "server",
		Log:  filepath.Join(dir, "log"),
		Command: func() (guard.Command, error) {
			if err := os.RemoveAll(s.file); err != nil {
				return guard.Command{}, err
			}
			return guard.Command{Path: "/bin/sh", Args: []string{"-c", text}, Env: append(os.Environ(), "READY="+s.file)}, nil
		},
		Ready: func(context.Context) error {
			_, err := os.Stat(s.file)
			return err
		},
		StartWithin: 20 * time.Second,
	}
	return s
}

const serves = `touch "$READY"; exec sleep 1000`

// running is a set in a goroutine.
type running struct {
	*supervise.Set
	end    func()
	result chan error
	said   *safeBuffer
}

func run(t *testing.T, services ...service) *running {
	t.Helper()
	var list []supervise.Service
	for _, s := range services {
		list = append(list, s.Service)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{end: cancel, result: make(chan error, 1), said: &safeBuffer{}}
	r.Set = supervise.New(list, r.said)
	go func() { r.result <- r.Run(ctx) }()
	return r
}

func (r *running) awaitReady(t *testing.T) {
	t.Helper()
	select {
	case <-r.Ready():
	case err := <-r.result:
		t.Fatalf("ended before it was ready: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("not ready after 30 s")
	}
}

func (r *running) awaitEnd(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.result:
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("still running after 30 s")
		return nil
	}
}

// awaitStatus polls until the first service is as wanted.
func (r *running) awaitStatus(t *testing.T, what string, wanted func(supervise.Status) bool) supervise.Status {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for {
		if status := r.Status()[0]; wanted(status) {
			return status
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not %s after 30 s: %+v\n%s", what, r.Status()[0], r.said)
		}
	}
}

type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
