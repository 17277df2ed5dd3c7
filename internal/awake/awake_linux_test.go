package awake

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHoldAsksForNoSleepAtAll(t *testing.T) {
	file := filepath.Join(t.TempDir(), "latency")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := hold(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Close(); err != nil {
		t.Error(err)
	}
	if asked, err := os.ReadFile(file); err != nil || string(asked) != "\x00\x00\x00\x00" {
		t.Errorf("asked for %q, %v", asked, err)
	}
	if _, err := hold(file + "/none"); err == nil || !strings.Contains(err.Error(), "keep the cores awake: open "+file) {
		t.Errorf("no such device: %v", err)
	}
}
