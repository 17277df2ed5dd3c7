package model

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Epoch is what one pass over the training rows came to. All of it but RowsPerSecond is reproducible.
type Epoch struct {
	Member, Epoch, Epochs int // both counted from 1; Epochs is the most this member may take
	TrainLoss             float64
	ValidationLoss        float64 // 0, as the next, where there are no validation rows
	ValidationAP          float64 // weighted average precision
	Best                  bool    // the weights of this epoch are those that its member would keep if it ended here
	RowsPerSecond         float64 // of this member alone; others may be trained beside it
}

// Checkpointer keeps the last state of a training run. Load reports false where there is none.
//
// Fit saves after every epoch of every member, one save at a time. An implementation may skip saves, for instance when the last is
// a second old: a run resumes from any of them with the same result.
type Checkpointer interface {
	Load(ctx context.Context) ([]byte, bool, error)
	Save(ctx context.Context, state []byte) error
}

// Fit trains cfg.Members networks, as many side by side as there are cores, each on all training rows with a seed of its own, and keeps
// for each the weights of the epoch with the best weighted average precision on the validation rows, of equals the one with the
// lower loss. Where cfg.Stop is never, it keeps the last epoch's, whatever the validation rows say, and there need be none. The
// preparation is fitted on the training rows only. Epochs are returned member by member, also those done before a resume. progress,
// when not nil, hears of new ones only, one at a time as they end, and of the share of the work that is done then, 0 to 1.
//
// Class weights serve the training only: they shift the log-odds of every row by a constant, which is taken out of the finished
// networks, so that probabilities are those of the world that Rows.W describes (Elkan, "The Foundations of Cost-Sensitive
// Learning", 2001).
//
// A checkpoint of other rows, names or configuration, or of another version of this package, is refused with [ErrCheckpoint]; rows
// and configurations that make no sense with [ErrInvalid]. When ctx ends, its error is returned within a batch, and the last checkpoint
// stands.
func Fit(ctx context.Context, train, validation Rows, cfg Config, names []string, ck Checkpointer, progress func(Epoch, float64)) (*Model, []Epoch, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(len(names)); err != nil {
		return nil, nil, err
	}
	if err := train.validate("training", len(names)); err != nil {
		return nil, nil, err
	}
	if validation.Len() > 0 || cfg.Stop == StopEarly {
		if err := validation.validate("validation", len(names)); err != nil {
			return nil, nil, err
		}
	}
	t := newTrainer(train, validation, cfg)
	t.checkpointer, t.progress = ck, progress
	if ck != nil {
		t.print = fingerprint(train, validation, cfg, names)
		if err := t.resume(ctx); err != nil {
			return nil, nil, err
		}
	}
	if err := t.run(ctx); err != nil {
		return nil, nil, err
	}
	m := &Model{Features: append([]string(nil), names...), Preparation: t.preparation, Members: t.networks(), Threshold: 0.5}
	return m, t.history(), m.Validate()
}

// trainer holds what is derived from the rows and the configuration, which all members read, and where each of them stands.
type trainer struct {
	cfg         Config
	machine     *machine
	encoder     *encoder
	preparation Preparation
	widths      []int
	train       examples
	validation  examples
	draw        draw
	logOdds     float64 // of the training weights
	correction  float32 // what class weights put into the logits, taken out again
	schedule    schedule
	members     []*member

	print        [32]byte
	checkpointer Checkpointer         // nil for none
	progress     func(Epoch, float64) // nil for none
	reporting    sync.Mutex           // held while a member tells the two of an epoch
}

// examples are standardised rows: their encoding is some ten times as large, and made anew where it is needed.
type examples struct {
	x, y, w []float32
	n       int
}

func newTrainer(train, validation Rows, cfg Config) *trainer {
	t := &trainer{cfg: cfg, preparation: fitPreparation(train, cfg), machine: &machine{kernel: bestKernel()}}
	t.widths = append(append([]int{t.preparation.Width()}, cfg.Hidden...), 1)
	t.encoder = newEncoder(&t.preparation)
	k := t.machine.kernel
	t.train = examples{standardiseAll(k, &t.preparation, train.X, train.Len()), train.Y, train.trainingWeights(cfg), train.Len()}
	t.validation = examples{standardiseAll(k, &t.preparation, validation.X, validation.Len()), validation.Y, validation.worldWeights(cfg), validation.Len()}
	t.logOdds = logOdds(t.train.y, t.train.w)
	t.correction = float32(logOdds(train.Y, train.worldWeights(cfg)) - t.logOdds)
	t.draw = newDraw(train, cfg)
	t.schedule = schedule{Rate: cfg.LearningRate, Total: int64(t.batches() * cfg.Epochs)}
	for i := range cfg.Members {
		m := &member{trainer: t, index: i}
		m.saved = m.encode()
		t.members = append(t.members, m)
	}
	return t
}

// batches of an epoch.
func (t *trainer) batches() int { return (t.draw.rows() + t.cfg.Batch - 1) / t.cfg.Batch }

// run trains what the members lack. They share nothing that changes, so how many are trained at once decides no bit of them.
func (t *trainer) run(ctx context.Context) error {
	waiting := make(chan *member, len(t.members))
	for _, m := range t.members {
		if !m.done() {
			waiting <- m
		}
	}
	close(waiting)
	seats, ctx := errgroup.WithContext(ctx)
	for range min(len(waiting), runtime.GOMAXPROCS(0)) {
		t.machine.networks.Add(1)
		seats.Go(func() error {
			defer t.machine.networks.Add(-1)
			return t.take(ctx, waiting)
		})
	}
	return seats.Wait()
}

// take trains one member after another, in networks that are built once.
func (t *trainer) take(ctx context.Context, waiting <-chan *member) error {
	learner, err := newNetwork(t.machine, t.encoder, t.widths, t.cfg.Batch, t.cfg.Dropout, &loss{t.cfg.FocalGamma})
	if err != nil {
		return err
	}
	defer learner.vm.Close()
	judge, err := newNetwork(t.machine, t.encoder, t.widths, 1024, 0, nil)
	if err != nil {
		return err
	}
	defer judge.vm.Close()
	for m := range waiting {
		m.sit(learner, judge)
		for !m.done() {
			if err := m.epoch(ctx); err != nil {
				return fmt.Errorf("fit member %d epoch %d: %w", m.index+1, len(m.History)+1, err)
			}
			if err := t.report(ctx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// report keeps the state after an epoch of m, and tells of it. Of the others it keeps what they reported last: they are in the
// middle of an epoch.
func (t *trainer) report(ctx context.Context, m *member) error {
	t.reporting.Lock()
	defer t.reporting.Unlock()
	if err := ctx.Err(); err != nil {
		return err // another member has failed, or nobody waits any more
	}
	m.reported = m.share()
	if t.checkpointer != nil {
		m.saved = m.encode()
		if err := t.checkpointer.Save(ctx, t.encode()); err != nil {
			return fmt.Errorf("fit: save checkpoint: %w", err)
		}
	}
	if t.progress != nil {
		done := 0.0
		for _, m := range t.members {
			done += m.reported
		}
		t.progress(m.History[len(m.History)-1], done/float64(len(t.members)))
	}
	return nil
}

func (t *trainer) history() []Epoch {
	var all []Epoch
	for _, m := range t.members {
		all = append(all, m.History...)
	}
	return all
}

// networks are the finished members as layers.
func (t *trainer) networks() []MLP {
	var networks []MLP
	for _, m := range t.members {
		var n MLP
		for i := 1; i < len(t.widths); i++ {
			n.Layers = append(n.Layers, Layer{In: t.widths[i-1], Out: t.widths[i], Weights: m.Best[2*(i-1)], Bias: m.Best[2*(i-1)+1]})
		}
		last := &n.Layers[len(n.Layers)-1]
		last.Bias = []float32{last.Bias[0] + t.correction}
		networks = append(networks, n)
	}
	return networks
}
