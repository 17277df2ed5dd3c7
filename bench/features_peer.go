package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

//go:embed peers/features.pins.txt
var featurePins []byte

//go:embed peers/features.py
var featureScript []byte

// polarsAnswer is what features.py prints.
type polarsAnswer struct {
	Polars     string    `json:"polars"`
	Threads    int       `json:"threads"`
	Rows       int       `json:"rows"`
	Seconds    []float64 `json:"seconds"`
	CPUSeconds []float64 `json:"cpu_seconds"`
}

// polarsRun is the fastest of polars' runs, and its features where they were asked for.
type polarsRun struct {
	version      string
	threads      int
	seconds, cpu time.Duration
	features     map[string][]float64
}

// theirFeatures lets polars compute the features from the same file, on one thread.
func (b *bench) theirFeatures(ctx context.Context, h *handbook, data string, runs int, keep bool) (polarsRun, error) {
	fail := func(err error) (polarsRun, error) { return polarsRun{}, fmt.Errorf("run polars: %w", err) }
	python, err := b.pythonWith(ctx, featurePins, "polars; about 50 MB")
	if err != nil {
		return fail(err)
	}
	dir, err := os.MkdirTemp("", "bench-features-*")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "features.py")
	if err := os.WriteFile(script, featureScript, 0o600); err != nil {
		return fail(err)
	}
	b.say("computing the same with polars on one thread")
	args := []string{script, data, strconv.Itoa(runs)}
	if keep {
		args = append(args, dir)
	}
	cmd := exec.CommandContext(ctx, python, args...)
	cmd.Env = append(os.Environ(), "POLARS_MAX_THREADS=1")
	cmd.Stderr = b.stderr
	said, err := cmd.Output()
	if err != nil {
		return fail(err)
	}
	var a polarsAnswer
	if err := json.Unmarshal(said, &a); err != nil {
		return fail(err)
	}
	if a.Rows != len(h.table.Labels) || len(a.Seconds) != runs || len(a.CPUSeconds) != runs {
		return fail(fmt.Errorf("it computed %d rows, %d times; want %d, %d times", a.Rows, len(a.Seconds), len(h.table.Labels), runs))
	}
	r := polarsRun{version: a.Polars, threads: a.Threads, seconds: fastest(a.Seconds), cpu: fastest(a.CPUSeconds)}
	if keep {
		r.features = make(map[string][]float64, h.program.Width())
		for _, name := range h.program.Names() {
			if r.features[name], err = readDoubles(filepath.Join(dir, name+".f64"), a.Rows); err != nil {
				return fail(err)
			}
		}
	}
	return r, nil
}

func fastest(seconds []float64) time.Duration {
	return time.Duration(slices.Min(seconds) * float64(time.Second))
}
