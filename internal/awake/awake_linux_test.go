package awake

import (
	"encoding/binary"
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

// TestTheKernelTakesIt reads the limit that holds for the machine while this process asks for it.
func TestTheKernelTakesIt(t *testing.T) {
	held, err := Hold()
	if err != nil {
		t.Skip(err) // no root, or a container without the device
	}
	defer held.Close()
	f, err := os.Open(device)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var limit [4]byte
	if _, err := f.Read(limit[:]); err != nil || binary.NativeEndian.Uint32(limit[:]) != 0 {
		t.Errorf("the limit is %v, %v", limit, err)
	}
}
