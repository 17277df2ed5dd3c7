package main

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
)

//go:embed peers/pins.txt
var peerPins []byte

//go:embed peers/ulb.py
var ulbScript []byte

// peerPython is the environment of the peers that fit models.
func (b *bench) peerPython(ctx context.Context) (string, error) {
	return b.pythonWith(ctx, peerPins, "scikit-learn; about 60 MB")
}

// pythonWith makes a Python environment that peers run in, once: its name says which
// pins it holds. Every package is checked against its SHA-256, and none is built.
func (b *bench) pythonWith(ctx context.Context, packages []byte, what string) (string, error) {
	dir, err := b.once(packages, what, func(dir string) error {
		base, err := findPython(ctx)
		if err != nil {
			return err
		}
		if err := command(ctx, base, "-m", "venv", dir); err != nil {
			return fmt.Errorf("%w\nPython's venv module does not work: install it (Debian: apt-get install python3-venv)", err)
		}
		pins := filepath.Join(dir, "pins.txt")
		if err := os.WriteFile(pins, packages, 0o644); err != nil {
			return err
		}
		return command(ctx, filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", pins)
	})
	return filepath.Join(dir, "bin", "python"), err
}

// once fills a folder for peers, whose name says what it was made of, and answers it. What was half made is made again.
func (b *bench) once(of []byte, what string, fill func(dir string) error) (string, error) {
	sum := sha256.Sum256(of)
	dir := filepath.Join(b.tools(), "peers-"+hex.EncodeToString(sum[:6]))
	fail := func(err error) (string, error) { return "", fmt.Errorf("make the peers' environment: %w", err) }
	complete := filepath.Join(dir, "complete") // written last
	if _, err := os.Stat(complete); err == nil {
		return dir, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	b.say("installing the peers' pinned packages (%s, once)", what)
	if err := os.RemoveAll(dir); err != nil {
		return fail(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fail(err)
	}
	if err := fill(dir); err != nil {
		return fail(err)
	}
	return dir, os.WriteFile(complete, nil, 0o644)
}

// findPython finds a Python that is new enough for the pins, whatever its name.
func findPython(ctx context.Context) (string, error) {
	const check = "import sys; sys.exit(sys.version_info < (3, 11))"
	for _, name := range []string{"python3", "python3.13", "python3.12", "python3.11", "python"} {
		path, err := exec.LookPath(name)
		if err == nil && exec.CommandContext(ctx, path, "-c", check).Run() == nil {
			return path, nil
		}
	}
	return "", errors.New("no Python 3.11 or newer found: install it (Debian: apt-get install python3 python3-venv)")
}

// command runs a program and keeps what it says for the error.
func command(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run %s: %w: %s", cmd, err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}
