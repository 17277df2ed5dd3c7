package services

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// format gives a new storage folder its cluster id; one that has it already is left alone. All brokers of a cluster must
// have the same, so the first one's folder is formatted and the others' are copies of it under names of their own. That
// also spares them the start of a Java each.
func (a apache) format() error {
	a.formatting.Lock()
	defer a.formatting.Unlock()
	first := a
	first.number = 0
	if err := first.formatFirst(); err != nil || a.number == 0 {
		return err
	}
	return a.copyFormat(first.file("log"))
}

// initialMetadata is where formatting leaves the features that a cluster begins with.
const initialMetadata = "__cluster_metadata-0/00000000000000000000-0000000000.checkpoint"

func (a apache) formatted() (bool, error) {
	_, err := os.Stat(filepath.Join(a.file("log"), "meta.properties"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (a apache) formatFirst() error {
	if done, err := a.formatted(); done || err != nil {
		return err
	}
	if err := a.configure(); err != nil {
		return err
	}
	// One argument: an id may begin with a dash, and would else be taken for a flag.
	args := append(a.jvm("-Xmx256m", "-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool", "format", "--ignore-formatted",
		"--cluster-id="+uuid(), "-c", a.file("server.properties"))
	if output, err := exec.Command(a.broker.Java, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(output)))
	}
	return nil
}

// copyFormat makes a folder as formatFirst would: the initial metadata is the same, the names of node and folder are not.
func (a apache) copyFormat(from string) error {
	if done, err := a.formatted(); done || err != nil {
		return err
	}
	meta, err := os.ReadFile(filepath.Join(from, "meta.properties"))
	if err != nil {
		return err
	}
	initial, err := os.ReadFile(filepath.Join(from, initialMetadata))
	if err != nil {
		return err
	}
	var own []string
	for line := range strings.Lines(string(meta)) {
		switch key, _, _ := strings.Cut(line, "="); key {
		case "node.id":
			line = fmt.Sprintf("node.id=%d\n", a.number+1)
		case "directory.id":
			line = "directory.id=" + uuid() + "\n"
		}
		own = append(own, line)
	}
	checkpoint := filepath.Join(a.file("log"), initialMetadata)
	if err := os.MkdirAll(filepath.Dir(checkpoint), 0o700); err != nil {
		return err
	}
	// The properties last: they are what tells that the folder is complete.
	if err := os.WriteFile(checkpoint, initial, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(a.file("log"), "meta.properties"), []byte(strings.Join(own, "")), 0o600)
}

// uuid is a random id in Kafka's notation.
func uuid() string {
	id := make([]byte, 16)
	rand.Read(id)
	return base64.RawURLEncoding.EncodeToString(id)
}
