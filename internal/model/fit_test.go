package model

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"
)

// kept is a Checkpointer that remembers every state, and hands out the one chosen.
type kept struct {
	states [][]byte
	resume []byte
}

func (k *kept) Load(context.Context) ([]byte, bool, error) { return k.resume, k.resume != nil, nil }

func (k *kept) Save(_ context.Context, state []byte) error {
	k.states = append(k.states, bytes.Clone(state))
	return nil
}

func TestFitResumedAtAnyEpochEndsWithTheSameBits(t *testing.T) {
	train, validation, cfg := generated(1, 700), generated(2, 300), smallConfig()
	cfg.Epochs, cfg.Patience, cfg.NegativeShare = 4, 2, 0.3
	all := &kept{}
	m, epochs, err := Fit(context.Background(), train, validation, cfg, generatedNames, all, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := file(t, m)
	if len(all.states) != len(epochs) || len(epochs) < 4 {
		t.Fatalf("%d checkpoints for %d epochs, want one each and at least 4", len(all.states), len(epochs))
	}
	for i, state := range all.states {
		heard := 0
		resumed, history, err := Fit(context.Background(), train, validation, cfg, generatedNames, &kept{resume: state}, func(Epoch, float64) { heard++ })
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(file(t, resumed), want) {
			t.Errorf("resumed after epoch %d of %d, the model differs", i+1, len(epochs))
		}
		if heard != len(epochs)-i-1 || len(history) != len(epochs) {
			t.Errorf("resumed after epoch %d: %d epochs heard of and %d returned, want %d and %d", i+1, heard, len(history), len(epochs)-i-1, len(epochs))
		}
	}
}

func file(t testing.TB, m *Model) []byte {
	t.Helper()
	data, err := m.ONNX()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFitIsAFunctionOfItsSeed(t *testing.T) {
	cfg := smallConfig()
	cfg.Epochs, cfg.Members = 2, 1
	first, again := file(t, fitted(t, cfg)), file(t, fitted(t, cfg))
	cfg.Seed++
	other := file(t, fitted(t, cfg))
	if !bytes.Equal(first, again) {
		t.Error("two runs with one seed give two models")
	}
	if bytes.Equal(first, other) {
		t.Error("two seeds give one model")
	}
}

func TestFitRefusesACheckpointOfAnotherRun(t *testing.T) {
	train, validation, cfg := generated(1, 300), generated(2, 200), smallConfig()
	cfg.Epochs, cfg.Members = 1, 1
	all := &kept{}
	if _, _, err := Fit(context.Background(), train, validation, cfg, generatedNames, all, nil); err != nil {
		t.Fatal(err)
	}
	state := all.states[0]
	damaged := bytes.Clone(state)
	damaged[len(damaged)/2] ^= 1
	otherRows, otherConfig := generated(1, 300), cfg
	otherRows.X[17] += 1
	otherConfig.WeightDecay *= 2
	for name, try := range map[string]struct {
		rows  Rows
		cfg   Config
		state []byte
	}{
		"other rows":          {otherRows, cfg, state},
		"other configuration": {train, otherConfig, state},
		"damaged":             {train, cfg, damaged},
		"cut short":           {train, cfg, state[:len(state)-40]},
		"empty":               {train, cfg, []byte{}},
		"another version":     {train, cfg, seal(append([]byte("tsfit\x00\x00\x03"), make([]byte, 100)...))},
	} {
		_, _, err := Fit(context.Background(), try.rows, validation, try.cfg, generatedNames, &kept{resume: try.state}, nil)
		if !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%s: got %v, want ErrCheckpoint", name, err)
		}
	}
}

func TestFitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	all := &kept{}
	_, _, err := Fit(ctx, generated(1, 300), generated(2, 200), smallConfig(), generatedNames, all, func(Epoch, float64) { cancel() })
	if !errors.Is(err, context.Canceled) || len(all.states) != 1 {
		t.Errorf("got %v after %d checkpoints, want context.Canceled after 1", err, len(all.states))
	}
}

func TestFitStopsEarlyAndKeepsTheBestEpoch(t *testing.T) {
	cfg := smallConfig()
	cfg.Members, cfg.Epochs, cfg.Patience = 1, 60, 3
	m, epochs, err := Fit(context.Background(), generated(1, 600), generated(2, 300), cfg, generatedNames, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	best, loss := math.Inf(-1), math.Inf(1)
	at := 0
	for i, e := range epochs {
		if e.Best != (e.ValidationAP > best || e.ValidationAP == best && e.ValidationLoss < loss) {
			t.Errorf("epoch %d: best is %t at average precision %.4f after %.4f", e.Epoch, e.Best, e.ValidationAP, best)
		}
		if e.Best {
			best, loss, at = e.ValidationAP, e.ValidationLoss, i
		}
	}
	if len(epochs) == 60 || len(epochs) != at+1+cfg.Patience {
		t.Errorf("stopped after %d epochs with the best at %d, want %d more", len(epochs), at+1, cfg.Patience)
	}
	rows := generated(2, 300)
	p := make([]float32, rows.Len())
	NewScorer(m, 300).Score(rows.X, rows.Len(), p)
	if ap := averagePrecision(p, rows.Y, rows.worldWeights(cfg)); math.Abs(ap-best) > 1e-6 {
		t.Errorf("the model's average precision on the validation rows is %.6f, its best epoch had %.6f", ap, best)
	}
}

func TestFitRefusesRowsAndConfigurationsWithASentence(t *testing.T) {
	train, validation := generated(1, 100), generated(2, 100)
	broken := generated(1, 100)
	broken.X[3] = float32(math.NaN())
	oneClass := generated(1, 100)
	clear(oneClass.Y)
	for name, try := range map[string]struct {
		rows Rows
		cfg  Config
	}{
		"not finite":        {broken, Config{}},
		"one class":         {oneClass, Config{}},
		"too few values":    {Rows{X: train.X[1:], Y: train.Y, F: 5}, Config{}},
		"wrong width":       {Rows{F: 4}, Config{}},
		"huge layer":        {train, Config{Hidden: []int{1 << 30}}},
		"negative members":  {train, Config{Members: -1}},
		"dropout of all":    {train, Config{Dropout: 1}},
		"class weight name": {train, Config{ClassWeight: "heavy"}},
		"not a rate":        {train, Config{LearningRate: math.NaN()}},
		"tail without bins": {train, Config{TailQuantiles: []float64{0.98}}},
		"falling tail":      {train, Config{Bins: 8, TailQuantiles: []float64{0.99, 0.98}}},
		"no negatives":      {train, Config{NegativeShare: 1e-9}},
		"stop at will":      {train, Config{Stop: "at will"}},
	} {
		if _, _, err := Fit(context.Background(), try.rows, validation, try.cfg, generatedNames, nil, nil); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
}

func TestProbabilitiesAreTheWorldsWhateverTheClassWeights(t *testing.T) {
	for name, cfg := range map[string]Config{
		"none":     {NegativeWeight: 3},
		"positive": {NegativeWeight: 3, PositiveWeight: 20},
		"balanced": {NegativeWeight: 3, ClassWeight: ClassWeightBalanced},
	} {
		cfg.Hidden, cfg.Members, cfg.Epochs, cfg.Batch, cfg.LearningRate, cfg.SignedLog = []int{16}, 1, 15, 64, 5e-3, smallConfig().SignedLog
		m, _, err := Fit(context.Background(), generated(1, 3000), generated(2, 1000), cfg, generatedNames, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		rows := generated(3, 3000)
		p, w := make([]float32, rows.Len()), rows.worldWeights(cfg)
		NewScorer(m, 100).Score(rows.X, rows.Len(), p)
		var expected, positive float64
		for i := range p {
			expected += float64(p[i]) * float64(w[i])
			positive += float64(rows.Y[i]) * float64(w[i])
		}
		// The correction is exact for a network that has learned the true odds; without it the ratios are above 3.
		if ratio := expected / positive; ratio < 0.5 || ratio > 1.5 {
			t.Errorf("%s: probabilities add up to %.2f of the positive rows, want about 1", name, ratio)
		}
	}
}

func FuzzDecodeState(f *testing.F) {
	train, validation, cfg := generated(1, 60), generated(2, 60), Config{Hidden: []int{2}, Members: 2, Epochs: 2}.withDefaults()
	all := &kept{}
	if _, _, err := Fit(context.Background(), train, validation, cfg, generatedNames, all, nil); err != nil {
		f.Fatal(err)
	}
	print := fingerprint(train, validation, cfg, generatedNames)
	for _, state := range all.states {
		f.Add(state[len(checkpointMagic)+32 : len(state)-32])
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		data := seal(append(append([]byte(checkpointMagic), print[:]...), payload...))
		run := newTrainer(train, validation, cfg)
		run.print = print
		if err := run.decode(data); err != nil {
			if !errors.Is(err, ErrCheckpoint) {
				t.Errorf("got %v, want ErrCheckpoint", err)
			}
			return
		}
		if !bytes.Equal(run.encode(), data) {
			t.Error("a state that was read is written differently")
		}
		for _, m := range run.members {
			if !bytes.Equal(m.encode(), m.saved) {
				t.Errorf("member %d is kept differently from what was read", m.index+1)
			}
		}
	})
}

// BenchmarkStep is one step of training, as cfg.Batch rows of the recipes' networks take it.
func BenchmarkStep(b *testing.B) {
	for _, c := range []struct{ features, bins int }{{15, 124}, {43, 688}} {
		for _, k := range kernels() {
			b.Run(fmt.Sprintf("%s/%d", k.name, c.features+c.bins), func(b *testing.B) {
				const batch = 512
				p := &Preparation{SignedLog: make([]bool, c.features), Mean: make([]float32, c.features), Scale: make([]float32, c.features), Clip: 30}
				for i := range c.bins {
					p.Bins = append(p.Bins, Bin{Column: i * c.features / c.bins, Low: float32(i % 7), Slope: 1})
				}
				n, err := newNetwork(&machine{kernel: k}, newEncoder(p), []int{c.features + c.bins, 64, 64, 1}, batch, 0.1, &loss{})
				if err != nil {
					b.Fatal(err)
				}
				defer n.close()
				initialise(n.params, []int{c.features + c.bins, 64, 64, 1}, -3, stream(1, 0, 0, forWeights))
				solver, dropout := newAdamW(n.params), source(1, 0, 0, forDropout)
				copy(n.x, randomRows(batch, c.features))
				for i := range batch {
					n.w[i], n.y[i] = 1, float32(i%2)
				}
				before := processorTime(b)
				for b.Loop() {
					for _, mask := range n.masks {
						dropMask(k, mask, 0.1, dropout)
					}
					if err := n.run(); err != nil {
						b.Fatal(err)
					}
					if err := solver.step(n, 1e-3, 0.01); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N*batch)/(processorTime(b)-before).Seconds(), "rows/cpu-s")
			})
		}
	}
}

// Members side by side and matrices in pieces: neither may show in the model or in what is told of it.
func TestFitGivesTheSameBitsOnAnyNumberOfCores(t *testing.T) {
	cfg := smallConfig()
	cfg.Epochs, cfg.Patience, cfg.Members, cfg.Hidden, cfg.Bins, cfg.Batch = 6, 2, 3, []int{80, 24}, 30, 300
	type told struct {
		model  []byte
		epochs []Epoch
	}
	var want told
	for _, cores := range []int{1, 2, 5} {
		before := runtime.GOMAXPROCS(cores)
		last, heard := 0.0, 0
		m, epochs, err := Fit(context.Background(), generated(1, 700), generated(2, 300), cfg, generatedNames, nil, func(e Epoch, done float64) {
			if heard++; done <= last || done > 1 {
				t.Errorf("%d cores: member %d epoch %d: the share done goes from %.3f to %.3f", cores, e.Member, e.Epoch, last, done)
			}
			last = done
		})
		runtime.GOMAXPROCS(before)
		if err != nil {
			t.Fatal(err)
		}
		if last != 1 || heard != len(epochs) {
			t.Errorf("%d cores: heard of %d epochs of %d, up to a share of %.3f", cores, heard, len(epochs), last)
		}
		for i := range epochs {
			epochs[i].RowsPerSecond = 0
		}
		got := told{file(t, m), epochs}
		if want.model == nil {
			want = got
		}
		if !bytes.Equal(got.model, want.model) || !slices.Equal(got.epochs, want.epochs) {
			t.Errorf("what %d cores train differs from what one does", cores)
		}
	}
}

func TestAFailingMemberEndsTheOthers(t *testing.T) {
	cfg := smallConfig()
	cfg.Members, cfg.Epochs, cfg.LearningRate = 4, 1000, 1e30
	_, _, err := Fit(context.Background(), generated(1, 600), generated(2, 300), cfg, generatedNames, nil, nil)
	if !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
}
