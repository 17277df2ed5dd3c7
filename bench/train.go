package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"temporal-streaming/internal/model"
)

//go:embed peers/train.pins.txt
var trainPins []byte

//go:embed peers/train.py
var trainScript []byte

// trained is a network whose training is measured: of features as they come, or encoded in
// intervals. PyTorch is given the encoded inputs; ours encodes each batch anew.
type trained struct {
	features, bins int
	encoded        bool
}

func (t trained) inputs() int { return t.features * (1 + t.bins) }

func (t trained) name() string {
	if t.encoded {
		return fmt.Sprintf("%d encoded, %d-64-64-1", t.features, t.inputs())
	}
	return fmt.Sprintf("%d-64-64-1", t.features)
}

const (
	trainBatch  = 512
	trainEpochs = 6 // the first one warms up
)

// train measures rows per second of training beside PyTorch: the same networks, batches,
// solver and number of threads. They take turns. What a second core is worth is measured of one network, whose
// matrices both cores share, and of two, as a recipe has them, which are trained side by side.
func (b *bench) train(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench train", flag.ContinueOnError)
	runs := flags.Int("runs", 3, "of each program; the fastest epoch counts")
	rows := flags.Int("rows", 100*trainBatch, "of an epoch")
	peers := flags.Bool("peers", true, "run PyTorch, too; it takes 3 GB to install, since the registry has no build without CUDA")
	asJSON := flags.Bool("json", false, "one JSON object a line")
	if err := b.parse(flags, args); err != nil {
		return err
	}
	if *runs < 1 || *rows < trainBatch {
		return fmt.Errorf("%w: runs must be positive, and an epoch has %d rows at least", errUsage, trainBatch)
	}
	before := conditionsNow()
	b.warnIfBusy()
	var python string
	if *peers {
		var err error
		if python, err = b.pythonWith(ctx, trainPins, "PyTorch; about 3 GB"); err != nil {
			return err
		}
	}
	out := &report{bench: "train"}
	least, version := math.Inf(1), ""
	for _, n := range []trained{{features: 139}, {features: 731}, {15, 8, true}, {88, 8, true}} {
		var one, oneOnTwo, two, twoOnTwo, theirs pace
		for range *runs {
			for _, it := range []struct {
				members, cores int
				best           *pace
			}{{1, 1, &one}, {1, 2, &oneOnTwo}, {2, 1, &two}, {2, 2, &twoOnTwo}} {
				rate, err := trainRate(ctx, n, *rows, it.members, it.cores)
				if err != nil {
					return err
				}
				it.best.keep(rate)
			}
			if *peers {
				answer, err := b.pyTorch(ctx, python, n, *rows)
				if err != nil {
					return err
				}
				version = answer.Version
				theirs.keep(pace{answer.PerCPUSecond, answer.PerSecond})
			}
		}
		b.say("  %s", n.name())
		subject := setting{"network", n.name()}
		out.add("rows_per_cpu_second", one.perCPU, "1/s", subject)
		if *peers {
			out.add("pytorch", theirs.perCPU, "1/s", subject)
			out.add("times", one.perCPU/theirs.perCPU, "x", subject)
			if !n.encoded {
				least = min(least, one.perCPU/theirs.perCPU)
			}
		}
		out.add("rows_per_second", one.perSecond, "1/s", subject)
		out.add("on_two_cores", twoOnTwo.perSecond, "1/s", subject)
		out.add("speed_up", twoOnTwo.perSecond/two.perSecond, "x", subject)
		out.add("speed_up_of_one_network", oneOnTwo.perSecond/one.perSecond, "x", subject)
	}
	own := settings{{"batch", trainBatch}, {"rows", *rows}, {"solver", "AdamW"}, {"dropout", 0.1}, {"threads", 1}, {"runs", *runs}, {"kernel", model.Kernel()}}
	if *peers {
		out.add("times_pytorch", least, "x")
		own = append(own, setting{"pytorch", version})
	}
	out.settings = append(own, b.machine(before)...)
	return b.print(out, *asJSON)
}

// pace is rows per second of processor time, and by the clock.
type pace struct{ perCPU, perSecond float64 }

func (p *pace) keep(q pace) {
	p.perCPU, p.perSecond = max(p.perCPU, q.perCPU), max(p.perSecond, q.perSecond)
}

// trainRate trains members of a network on random rows, and answers the pace of their fastest epoch: as many rows for each.
func trainRate(ctx context.Context, n trained, count, members, cores int) (pace, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	r := rand.New(rand.NewPCG(1, uint64(n.features)))
	rows := model.Rows{X: make([]float32, count*n.features), Y: make([]float32, count), F: n.features}
	for i := range rows.X {
		rows.X[i] = float32(r.NormFloat64())
	}
	names := make([]string, n.features)
	for j := range names {
		names[j] = "x" + strconv.Itoa(j)
	}
	for i := range rows.Y {
		if rows.X[i*n.features] > 2 {
			rows.Y[i] = 1
		}
	}
	cfg := model.Config{
		Hidden: []int{64, 64}, Members: members, Bins: n.bins, Epochs: trainEpochs, Batch: trainBatch, LearningRate: 3e-3, WeightDecay: 1e-4,
		Dropout: 0.1, Stop: model.StopNever,
	}
	var best pace
	var at time.Time
	var used time.Duration
	ended := 0
	progress := func(model.Epoch, float64) {
		if ended++; ended%members != 0 {
			return
		}
		now, cpu, trained := time.Now(), processorTime(), float64(count*members)
		if !at.IsZero() {
			best.keep(pace{trained / (cpu - used).Seconds(), trained / now.Sub(at).Seconds()})
		}
		at, used = now, cpu
	}
	_, _, err := model.Fit(ctx, rows, model.Rows{F: n.features}, cfg, names, nil, progress)
	return best, err
}

// torchAnswer is what train.py prints.
type torchAnswer struct {
	Version      string  `json:"torch"`
	PerCPUSecond float64 `json:"rows_per_cpu_second"`
	PerSecond    float64 `json:"rows_per_second"`
}

// pyTorch trains the same network with PyTorch on one thread.
func (b *bench) pyTorch(ctx context.Context, python string, n trained, rows int) (torchAnswer, error) {
	fail := func(err error) (torchAnswer, error) { return torchAnswer{}, fmt.Errorf("run PyTorch: %w", err) }
	dir, err := os.MkdirTemp("", "bench-train-*")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "train.py")
	if err := os.WriteFile(script, trainScript, 0o600); err != nil {
		return fail(err)
	}
	cmd := exec.CommandContext(ctx, python, script, strconv.Itoa(n.inputs()), strconv.Itoa(rows), strconv.Itoa(trainBatch), strconv.Itoa(trainEpochs))
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "MKL_NUM_THREADS=1", "PYTHONWARNINGS=ignore")
	cmd.Stderr = b.stderr
	said, err := cmd.Output()
	if err != nil {
		return fail(err)
	}
	var a torchAnswer
	if err := json.Unmarshal(said, &a); err != nil {
		return fail(err)
	}
	if !(a.PerCPUSecond > 0 && a.PerSecond > 0) {
		return fail(fmt.Errorf("it answered %+v", a))
	}
	return a, nil
}
