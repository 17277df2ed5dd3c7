package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/pipeline"
)

// peerSeeds is how often scikit-learn's network is fitted: its figures depend on the seed.
const peerSeeds = 3

// peerTask is what ulb.py is told, as meta.json.
type peerTask struct {
	Features  int   `json:"features"`
	SignedLog []int `json:"signed_log"` // columns to take the signed logarithm of
	Seeds     int   `json:"seeds"`
}

// peerAnswer is a line that ulb.py prints.
type peerAnswer struct {
	Model      string      `json:"model"`
	Words      string      `json:"words"`
	FitSeconds float64     `json:"fit_seconds"`
	Version    string      `json:"sklearn"`
	Test       peerMetrics `json:"test"`
}

type peerMetrics struct {
	AveragePrecision float64 `json:"average_precision"`
	AUC              float64 `json:"auc"`
}

// theirs fits scikit-learn's models on our parts and judges them as we judge ours.
func (b *bench) theirs(ctx context.Context, d *pipeline.Definition, p parts) ([]verdict, error) {
	python, err := b.peerPython(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-ulb-*")
	if err != nil {
		return nil, fmt.Errorf("make room for the peers: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := handOver(dir, d, p); err != nil {
		return nil, fmt.Errorf("hand the rows to the peers: %w", err)
	}
	b.say("fitting scikit-learn's models")
	cmd := exec.CommandContext(ctx, python, filepath.Join(dir, "ulb.py"), dir)
	cmd.Stderr = b.stderr
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("run the peers: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("run the peers: %w", err)
	}
	var t tally
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if err = t.take(d, dir, p, lines.Bytes()); err != nil {
			break
		}
		b.say("  %s", t.verdicts[len(t.verdicts)-1].model)
	}
	if ended := cmd.Wait(); err == nil && ended != nil {
		err = fmt.Errorf("run the peers: %w", ended)
	}
	if err != nil {
		return nil, err
	}
	return t.withMeans(d, p)
}

// handOver writes what ulb.py reads.
func handOver(dir string, d *pipeline.Definition, p parts) error {
	task := peerTask{Features: p.train.Width(), Seeds: peerSeeds}
	for i, f := range d.Features {
		if slices.Contains(d.Model.SignedLog, f.Name) {
			task.SignedLog = append(task.SignedLog, i)
		}
	}
	meta, err := json.Marshal(task)
	if err != nil {
		return err
	}
	files := map[string][]byte{"meta.json": meta, "ulb.py": ulbScript}
	for name, part := range map[string]dataset.Matrix{"train": p.train, "validation": p.validation, "test": p.test} {
		for suffix, values := range map[string][]float32{".x": part.X, ".y": part.Y, ".w": part.W} {
			var file []byte
			for _, v := range values {
				file = binary.LittleEndian.AppendUint32(file, math.Float32bits(v))
			}
			files[name+suffix] = file
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// tally gathers the peers' answers.
type tally struct {
	verdicts []verdict
	networks []verdict                // those of MLPClassifier
	mean     struct{ v, t []float64 } // sums of their probabilities
}

func (t *tally) take(d *pipeline.Definition, dir string, p parts, line []byte) error {
	var a peerAnswer
	if err := json.Unmarshal(line, &a); err != nil {
		return fmt.Errorf("read the peers' answer: %w", err)
	}
	name := filepath.Join(dir, strings.ReplaceAll(a.Model, "/", "-"))
	validation, err := readDoubles(name+".validation.p", p.validation.Len())
	if err != nil {
		return err
	}
	test, err := readDoubles(name+".test.p", p.test.Len())
	if err != nil {
		return err
	}
	v, err := judge(d, "scikit-learn "+a.Version+" "+a.Model, a.Words, time.Duration(a.FitSeconds*float64(time.Second)), p, validation, test)
	if err != nil {
		return err
	}
	// One ruler for all, and proof that it is no other than theirs.
	if math.Abs(v.test.AveragePrecision-a.Test.AveragePrecision) > 1e-9 || math.Abs(v.test.ROCAUC-a.Test.AUC) > 1e-9 {
		return fmt.Errorf("judge %s: scikit-learn finds average precision %v and auc %v, we find %v and %v",
			a.Model, a.Test.AveragePrecision, a.Test.AUC, v.test.AveragePrecision, v.test.ROCAUC)
	}
	t.verdicts = append(t.verdicts, v)
	if strings.HasPrefix(a.Model, "MLPClassifier") {
		t.networks = append(t.networks, v)
		t.mean.v, t.mean.t = plus(t.mean.v, validation), plus(t.mean.t, test)
	}
	return nil
}

// withMeans adds two readings of "three seeds": the mean of their figures, and the
// figures of their mean, which is an ensemble as our model is one.
func (t *tally) withMeans(d *pipeline.Definition, p parts) ([]verdict, error) {
	n := float64(len(t.networks))
	if n == 0 {
		return t.verdicts, nil
	}
	name, _, _ := strings.Cut(t.networks[0].model, "/")
	mean := verdict{model: name, words: fmt.Sprintf("mean of %d seeds", len(t.networks))}
	fit := time.Duration(0)
	for _, v := range t.networks {
		fit += v.fit
		mean.validation += v.validation / n
		mean.test.AveragePrecision += v.test.AveragePrecision / n
		mean.test.ROCAUC += v.test.ROCAUC / n
		mean.test.Precision += v.test.Precision / n
		mean.test.Recall += v.test.Recall / n
	}
	mean.fit = fit / time.Duration(len(t.networks))
	both, err := judge(d, name, fmt.Sprintf("%d seeds averaged into one model", len(t.networks)), fit, p, scaled(t.mean.v, n), scaled(t.mean.t, n))
	if err != nil {
		return nil, err
	}
	return append(t.verdicts, mean, both), nil
}

func plus(sum, p []float64) []float64 {
	if sum == nil {
		return slices.Clone(p)
	}
	for i, v := range p {
		sum[i] += v
	}
	return sum
}

func scaled(sum []float64, n float64) []float64 {
	p := make([]float64, len(sum))
	for i, v := range sum {
		p[i] = v / n
	}
	return p
}

func readDoubles(path string, n int) ([]float64, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the peers' probabilities: %w", err)
	}
	if len(file) != 8*n {
		return nil, fmt.Errorf("read the peers' probabilities: %s has %d bytes, want %d", filepath.Base(path), len(file), 8*n)
	}
	p := make([]float64, n)
	for i := range p {
		p[i] = math.Float64frombits(binary.LittleEndian.Uint64(file[8*i:]))
	}
	return p, nil
}
