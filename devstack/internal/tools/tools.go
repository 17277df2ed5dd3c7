// Package tools provides what a devstack needs beside itself: a Python environment with MLflow and Temporal's release
// binary, and the jars of Apache Kafka. Every version is pinned, and every Python package by SHA-256 as well.
//
// A tool is installed once into a folder named after the digest of its pins, so a new pin makes a new folder and two
// versions of devstack can share one cache:
//
//	python, err := tools.Python(ctx, ".devstack/tools", progress) // returns at once when it is there
//
// Many processes may call at the same time: a file lock lets one of them install while the others wait. An installation
// that was interrupted has no stamp, and is begun anew.
package tools

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// stamp is written into a tool's folder when it is complete.
const stamp = ".complete"

// tool is something that is installed into a folder of its own.
type tool struct {
	name    string
	pins    []string // what the folder's name is the digest of
	install func(ctx context.Context, dir string, progress Progress) error
}

// provide returns the tool's folder, installing it first if need be.
func provide(ctx context.Context, cache string, t tool, progress Progress) (string, error) {
	dir := filepath.Join(cache, t.name+"-"+digest(t.pins))
	if complete(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("install %s: %w", t.name, err)
	}
	unlock, err := lock(ctx, dir+".lock", func(waiting func() error) error {
		return progress.During("waiting for another devstack that installs "+t.name, waiting)
	})
	if err != nil {
		return "", fmt.Errorf("install %s: %w", t.name, err)
	}
	defer unlock()
	if complete(dir) {
		return dir, nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("install %s: %w", t.name, err)
	}
	if err := t.install(ctx, dir, progress); err != nil {
		return "", fmt.Errorf("install %s: %w", t.name, err)
	}
	if err := os.WriteFile(filepath.Join(dir, stamp), []byte(digest(t.pins)+"\n"), 0o644); err != nil {
		return "", fmt.Errorf("install %s: %w", t.name, err)
	}
	return dir, nil
}

func complete(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, stamp))
	return !errors.Is(err, fs.ErrNotExist) && err == nil
}

func digest(pins []string) string {
	sum := sha256.Sum256([]byte(strings.Join(pins, "\x00")))
	return hex.EncodeToString(sum[:6])
}

// command runs a program to its end. What it printed is part of the error, and otherwise forgotten.
func command(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, lastLines(output.String(), 15))
	}
	return nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
