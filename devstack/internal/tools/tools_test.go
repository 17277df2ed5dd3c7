package tools

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// once is a tool that counts its installations.
func once(count *atomic.Int32) tool {
	return tool{name: "hammer", pins: []string{"1.2.3"}, install: func(_ context.Context, dir string, _ Progress) error {
		count.Add(1)
		return os.MkdirAll(dir, 0o755)
	}}
}

var silent = Progress{Out: io.Discard}

func TestManyAtOnceInstallOnce(t *testing.T) {
	cache := t.TempDir()
	var count atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := provide(t.Context(), cache, once(&count), silent); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if count.Load() != 1 {
		t.Errorf("installed %d times", count.Load())
	}
}

func TestInterruptedInstallationIsBegunAnew(t *testing.T) {
	cache := t.TempDir()
	broken := errors.New("no space left")
	_, err := provide(t.Context(), cache, tool{name: "hammer", pins: []string{"1.2.3"}, install: func(_ context.Context, dir string, _ Progress) error {
		return errors.Join(os.MkdirAll(filepath.Join(dir, "half"), 0o755), broken)
	}}, silent)
	if !errors.Is(err, broken) {
		t.Fatalf("got %v, want %v", err, broken)
	}
	var count atomic.Int32
	dir, err := provide(t.Context(), cache, once(&count), silent)
	if err != nil || count.Load() != 1 {
		t.Fatalf("installed %d times: %v", count.Load(), err)
	}
	if _, err := os.Stat(filepath.Join(dir, "half")); err == nil {
		t.Error("the interrupted installation's files are still there")
	}
}

func TestNewPinMakesANewFolder(t *testing.T) {
	cache := t.TempDir()
	var count atomic.Int32
	old := once(&count)
	young := old
	young.pins = []string{"1.2.4"}
	first, err := provide(t.Context(), cache, old, silent)
	if err != nil {
		t.Fatal(err)
	}
	second, err := provide(t.Context(), cache, young, silent)
	if err != nil {
		t.Fatal(err)
	}
	if first == second || count.Load() != 2 {
		t.Errorf("folders %s and %s, %d installations", first, second, count.Load())
	}
}

func TestWaitForALockEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	_, err = lock(ctx, path, func(wait func() error) error {
		cancel()
		return wait()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the wait to be cancelled", err)
	}
}

func TestEveryPythonPackageIsPinnedByHash(t *testing.T) {
	for name, pins := range map[string]string{"uv": uvPins, "python": pythonPins} {
		for pin := range strings.SplitSeq(strings.ReplaceAll(pins, "\\\n", " "), "\n") {
			if pin = strings.TrimSpace(pin); pin == "" {
				continue
			}
			if !strings.Contains(pin, "==") || !strings.Contains(pin, "--hash=sha256:") {
				t.Errorf("%s: %.60s... has no version or no hash", name, pin)
			}
		}
	}
}

func TestJavaVersionsAreReadOldAndNew(t *testing.T) {
	for output, want := range map[string]int{
		`openjdk version "17.0.15" 2025-04-15`:     17,
		`openjdk version "21" 2023-09-19`:          21,
		`openjdk version "26-ea" 2026-03-17`:       26,
		`java version "1.8.0_402"`:                 8,
		`Error: could not find libjvm.so`:          0,
		`openjdk version "not a number" 2025-04-1`: 0,
	} {
		if got := javaMajor(output); got != want {
			t.Errorf("%s: got %d, want %d", output, got, want)
		}
	}
}

func TestChangedTemporalBinaryIsRefused(t *testing.T) {
	if _, known := temporalDigests[platform()]; !known {
		t.Skipf("no digest is pinned for %s", platform())
	}
	path := filepath.Join(t.TempDir(), "temporal")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := verifyTemporal(path); err == nil {
		t.Error("another binary passed for Temporal's")
	}
}

func TestFailedCommandsOutputIsInItsError(t *testing.T) {
	err := command(t.Context(), []string{"GREETING=hello"}, "/bin/sh", "-c", "echo $GREETING; exit 4")
	if err == nil || !strings.Contains(err.Error(), "exit status 4") || !strings.Contains(err.Error(), "hello") {
		t.Errorf("got %v", err)
	}
}
