package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"temporal-streaming/internal/model"
)

//go:embed peers/score.pins.txt
var scorePins []byte

//go:embed peers/score.py
var scoreScript []byte

// scoreBatches are how many records are scored at once.
var scoreBatches = []int{1, 64, 1024}

// score measures the scorer beside ONNX Runtime: one thread each, the same exported file, the
// same rows. They take turns, so that what disturbs the one disturbs the other.
func (b *bench) score(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench score", flag.ContinueOnError)
	runs := flags.Int("runs", 3, "of each program; the fastest counts")
	seconds := flags.Float64("seconds", 0.3, "of processor time that each measurement takes")
	peers := flags.Bool("peers", true, "run ONNX Runtime, too")
	asJSON := flags.Bool("json", false, "one JSON object a line")
	if err := b.parse(flags, args); err != nil {
		return err
	}
	if *runs < 1 || *seconds <= 0 {
		return fmt.Errorf("%w: runs and seconds must be positive", errUsage)
	}
	before := conditionsNow()
	b.warnIfBusy()
	dir, err := os.MkdirTemp("", "bench-score-*")
	if err != nil {
		return fmt.Errorf("make room for the models: %w", err)
	}
	defer os.RemoveAll(dir)
	var python string
	if *peers {
		if python, err = b.pythonWith(ctx, scorePins, "ONNX Runtime; about 50 MB"); err != nil {
			return err
		}
	}
	out := &report{bench: "score"}
	least, most, gap, version := math.Inf(1), 0.0, 0.0, ""
	for i, n := range networks() {
		ours, theirs := map[int]float64{}, map[int]float64{}
		var allocations float64
		for range *runs {
			rates, allocated, probabilities := scoreRates(n, *seconds)
			allocations = max(allocations, allocated)
			keepBest(ours, rates)
			if !*peers {
				continue
			}
			answer, err := b.onnxRuntime(ctx, python, filepath.Join(dir, strconv.Itoa(i)), n, *seconds)
			if err != nil {
				return err
			}
			version = answer.Version
			keepBest(theirs, answer.rates())
			for k, p := range answer.Probabilities {
				gap = max(gap, math.Abs(p-float64(probabilities[k])))
			}
		}
		b.say("  %s", n.name)
		for _, batch := range scoreBatches {
			subject := setting{"network", fmt.Sprintf("%s, batch %d", n.name, batch)}
			out.add("per_cpu_second", ours[batch], "1/s", subject)
			if *peers {
				out.add("onnxruntime", theirs[batch], "1/s", subject)
				out.add("times", ours[batch]/theirs[batch], "x", subject)
				least = min(least, ours[batch]/theirs[batch])
			}
		}
		most = max(most, allocations)
	}
	out.add("allocations_per_record", most, "")
	own := settings{{"threads", 1}, {"runs", *runs}, {"seconds", *seconds}}
	if *peers {
		out.add("min_times_onnxruntime", least, "x")
		out.add("greatest_difference", gap, "")
		own = append(own, setting{"onnxruntime", version})
	}
	out.settings = append(own, b.machine(before)...)
	return b.print(out, *asJSON)
}

func keepBest(best, rates map[int]float64) {
	for batch, rate := range rates {
		best[batch] = max(best[batch], rate)
	}
}

// scoreRates measures records per second of processor time by size of batch, and what a record allocates.
func scoreRates(n network, seconds float64) (rates map[int]float64, allocations float64, probabilities []float32) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	m, x := n.model(), n.rows(1024)
	probabilities = make([]float32, 1024)
	rates = map[int]float64{}
	for _, batch := range scoreBatches {
		scorer := model.NewScorer(m, batch)
		scorer.Score(x, 1024, probabilities)
		out := make([]float32, batch)
		records, from := 0, 0
		var first, last runtime.MemStats
		runtime.ReadMemStats(&first)
		begin := processorTime()
		for took := time.Duration(0); took.Seconds() < seconds; took = processorTime() - begin {
			for range 1 + 20_000/batch {
				scorer.Score(x[from*n.features:], batch, out)
				if from += batch; from+batch > 1024 {
					from = 0
				}
				records += batch
			}
		}
		rates[batch] = float64(records) / (processorTime() - begin).Seconds()
		runtime.ReadMemStats(&last)
		allocations = max(allocations, math.Floor(float64(last.Mallocs-first.Mallocs)/float64(records)*1000)/1000)
	}
	return rates, allocations, probabilities
}

// runtimeAnswer is what score.py prints.
type runtimeAnswer struct {
	Version       string             `json:"onnxruntime"`
	Rates         map[string]float64 `json:"rates"`
	Probabilities []float64          `json:"probabilities"` // of the 1,024 rows
}

func (a *runtimeAnswer) rates() map[int]float64 {
	rates := map[int]float64{}
	for batch, rate := range a.Rates {
		if n, err := strconv.Atoi(batch); err == nil {
			rates[n] = rate
		}
	}
	return rates
}

// onnxRuntime lets ONNX Runtime score the same rows with the exported file.
func (b *bench) onnxRuntime(ctx context.Context, python, dir string, n network, seconds float64) (runtimeAnswer, error) {
	fail := func(err error) (runtimeAnswer, error) {
		return runtimeAnswer{}, fmt.Errorf("run ONNX Runtime: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(err)
	}
	file, err := n.model().ONNX()
	if err != nil {
		return fail(err)
	}
	var rows bytes.Buffer
	if err := binary.Write(&rows, binary.LittleEndian, n.rows(1024)); err != nil {
		return fail(err)
	}
	for name, content := range map[string][]byte{"model.onnx": file, "rows.f32": rows.Bytes(), "score.py": scoreScript} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return fail(err)
		}
	}
	args := []string{filepath.Join(dir, "score.py"), dir, fmt.Sprint(seconds)}
	for _, batch := range scoreBatches {
		args = append(args, strconv.Itoa(batch))
	}
	cmd := exec.CommandContext(ctx, python, args...)
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1")
	cmd.Stderr = b.stderr
	said, err := cmd.Output()
	if err != nil {
		return fail(err)
	}
	var a runtimeAnswer
	if err := json.Unmarshal(said, &a); err != nil {
		return fail(err)
	}
	if len(a.Rates) != len(scoreBatches) || len(a.Probabilities) != 1024 {
		return fail(fmt.Errorf("it answered %d rates and %d probabilities", len(a.Rates), len(a.Probabilities)))
	}
	return a, nil
}
