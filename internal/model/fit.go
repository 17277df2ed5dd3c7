package model

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Epoch is what one pass over the training rows came to. All of it but RowsPerSecond is reproducible.
type Epoch struct {
	Member, Epoch, Epochs int // both counted from 1; Epochs is the most this member may take
	TrainLoss             float64
	ValidationLoss        float64 // 0, as the next, where there are no validation rows
	ValidationAP          float64 // weighted average precision
	Best                  bool    // the weights of this epoch are those that its member would keep if it ended here
	RowsPerSecond         float64
}

// Checkpointer keeps the last state of a training run. Load reports false where there is none.
//
// Fit saves after every epoch. An implementation may skip saves, for instance when the last is a second old: a run resumes from
// any of them with the same result.
type Checkpointer interface {
	Load(ctx context.Context) ([]byte, bool, error)
	Save(ctx context.Context, state []byte) error
}

// Fit trains cfg.Members networks one after another, each on all training rows with a seed of its own, and keeps for each the
// weights of the epoch with the best weighted average precision on the validation rows, of equals the one with the lower loss. Where
// cfg.Stop is never, it keeps the last epoch's, whatever the validation rows say, and there need be none. The preparation is fitted on
// the training rows only. Epochs of all members are returned in order, also those done before a resume; progress, when not nil, hears
// only of new ones.
//
// Class weights serve the training only: they shift the log-odds of every row by a constant, which is taken out of the finished
// networks, so that probabilities are those of the world that Rows.W describes (Elkan, "The Foundations of Cost-Sensitive
// Learning", 2001).
//
// A checkpoint of other rows, names or configuration is refused with [ErrCheckpoint]; rows and configurations that make no sense with
// [ErrInvalid]. When ctx ends, its error is returned within a batch, and the last checkpoint stands.
func Fit(ctx context.Context, train, validation Rows, cfg Config, names []string, ck Checkpointer, progress func(Epoch)) (*Model, []Epoch, error) {
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
	t, err := newTrainer(train, validation, cfg)
	if err != nil {
		return nil, nil, err
	}
	defer t.close()
	print := fingerprint(train, validation, cfg, names)
	if ck != nil {
		if err := t.resume(ctx, ck, print); err != nil {
			return nil, nil, err
		}
	}
	for !t.done() {
		epoch, err := t.epoch(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("fit member %d epoch %d: %w", t.state.Member+1, t.state.Epoch+1, err)
		}
		if ck != nil {
			if err := ck.Save(ctx, t.state.encode(print)); err != nil {
				return nil, nil, fmt.Errorf("fit: save checkpoint: %w", err)
			}
		}
		if progress != nil {
			progress(epoch)
		}
	}
	m := &Model{Features: append([]string(nil), names...), Preparation: t.preparation, Members: t.members(), Threshold: 0.5}
	return m, t.state.History, m.Validate()
}

// trainer holds what is derived from the rows and the configuration, and the state, which is all that changes.
type trainer struct {
	cfg         Config
	preparation Preparation
	widths      []int
	train       examples
	validation  examples
	draw        draw
	logOdds     float64 // of the training weights
	correction  float32 // what class weights put into the logits, taken out again
	schedule    schedule
	learner     *network // its params are state.Params
	judge       *network // forward pass for the validation rows
	state       state
}

// examples are standardised rows: their encoding is some ten times as large, and made anew where it is needed.
type examples struct {
	x, y, w []float32
	n       int
}

func newTrainer(train, validation Rows, cfg Config) (*trainer, error) {
	t := &trainer{cfg: cfg, preparation: fitPreparation(train, cfg)}
	t.widths = append(append([]int{t.preparation.Width()}, cfg.Hidden...), 1)
	k, e := bestKernel(), newEncoder(&t.preparation)
	t.train = examples{standardiseAll(k, &t.preparation, train.X, train.Len()), train.Y, train.trainingWeights(cfg), train.Len()}
	t.validation = examples{standardiseAll(k, &t.preparation, validation.X, validation.Len()), validation.Y, validation.worldWeights(cfg), validation.Len()}
	t.logOdds = logOdds(t.train.y, t.train.w)
	t.correction = float32(logOdds(train.Y, train.worldWeights(cfg)) - t.logOdds)
	t.draw = newDraw(train, cfg)
	batches := (t.draw.rows() + cfg.Batch - 1) / cfg.Batch
	t.schedule = schedule{Rate: cfg.LearningRate, Total: int64(batches * cfg.Epochs)}
	var err error
	if t.learner, err = newNetwork(k, e, t.widths, cfg.Batch, cfg.Dropout, &loss{cfg.FocalGamma}); err != nil {
		return nil, err
	}
	if t.judge, err = newNetwork(k, e, t.widths, 1024, 0, nil); err != nil {
		return nil, err
	}
	t.state = state{Params: t.learner.params}
	t.begin()
	return t, nil
}

// begin sets the state for the first epoch of the current member.
func (t *trainer) begin() {
	initialise(t.state.Params, t.widths, t.logOdds, stream(t.cfg.Seed, t.state.Member, 0, forWeights))
	t.state.Solver = newAdamW(t.state.Params)
	t.state.Epoch, t.state.Waited, t.state.BestAP, t.state.BestLoss = 0, 0, math.Inf(-1), math.Inf(1)
	t.state.Best = clone(t.state.Params)
}

func (t *trainer) done() bool { return t.state.Member == t.cfg.Members }

// epoch trains on the rows of an epoch once, judges the result, and moves the state to the next epoch or member.
func (t *trainer) epoch(ctx context.Context) (Epoch, error) {
	s := &t.state
	started := time.Now()
	e := Epoch{Member: s.Member + 1, Epoch: s.Epoch + 1, Epochs: t.cfg.Epochs}
	var err error
	if e.TrainLoss, err = t.pass(ctx); err != nil {
		return e, err
	}
	e.RowsPerSecond = float64(t.draw.rows()) / time.Since(started).Seconds()
	if e.ValidationLoss, e.ValidationAP, err = t.judged(); err != nil {
		return e, err
	}
	if math.IsNaN(e.TrainLoss) || math.IsNaN(e.ValidationLoss) {
		return e, fmt.Errorf("the loss is not a number; a lower learning rate than %v may help: %w", t.cfg.LearningRate, ErrInvalid)
	}
	s.Epoch++
	s.Waited++
	if t.cfg.Stop == StopNever || e.ValidationAP > s.BestAP || e.ValidationAP == s.BestAP && e.ValidationLoss < s.BestLoss {
		e.Best = true
		s.BestAP, s.BestLoss, s.Waited, s.Best = e.ValidationAP, e.ValidationLoss, 0, clone(s.Params)
	}
	s.History = append(s.History, e)
	if s.Epoch == t.cfg.Epochs || s.Waited >= t.cfg.Patience {
		s.Finished = append(s.Finished, s.Best)
		s.Member++
		t.begin()
	}
	return e, nil
}

// pass takes one step per batch over the rows in a fresh random order, and returns their mean weighted loss.
func (t *trainer) pass(ctx context.Context) (float64, error) {
	s, n := &t.state, t.learner
	order := t.draw.order(t.cfg.Seed, s.Member, s.Epoch)
	dropout := source(t.cfg.Seed, s.Member, s.Epoch, forDropout)
	total := 0.0
	for from := 0; from < len(order); from += n.batch {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		t.fill(order[from:min(from+n.batch, len(order))])
		for _, mask := range n.masks {
			dropMask(n.kernel, mask, t.cfg.Dropout, dropout)
		}
		if err := n.run(); err != nil {
			return 0, err
		}
		total += float64(n.loss.Data().(float32)) * float64(n.batch)
		if err := s.Solver.step(n, t.schedule.at(s.Solver.Steps), t.cfg.WeightDecay); err != nil {
			return 0, err
		}
	}
	return total / float64(len(order)), nil
}

// fill copies the chosen rows into the learner's batch. Graphs have a fixed size: what is left over keeps weight 0, and adds nothing
// to the loss or to any gradient.
func (t *trainer) fill(chosen []int) {
	n := t.learner
	clear(n.w)
	for to, from := range chosen {
		copy(n.x[to*n.inputs:(to+1)*n.inputs], t.train.x[from*n.inputs:])
		n.y[to], n.w[to] = t.train.y[from], t.train.w[from]
	}
}

func (t *trainer) judged() (loss, ap float64, err error) {
	if t.validation.n == 0 {
		return 0, 0, nil
	}
	for i, p := range t.state.Params {
		copy(t.judge.params[i], p)
	}
	logits := make([]float32, t.validation.n)
	if err := t.judge.forward(t.validation.x, logits); err != nil {
		return 0, 0, err
	}
	for i := range logits {
		logits[i] += t.correction
	}
	return logLoss(logits, t.validation.y, t.validation.w), averagePrecision(logits, t.validation.y, t.validation.w), nil
}

// members are the finished networks as layers.
func (t *trainer) members() []MLP {
	var members []MLP
	for _, params := range t.state.Finished {
		var n MLP
		for i := 1; i < len(t.widths); i++ {
			n.Layers = append(n.Layers, Layer{In: t.widths[i-1], Out: t.widths[i], Weights: params[2*(i-1)], Bias: params[2*(i-1)+1]})
		}
		last := &n.Layers[len(n.Layers)-1]
		last.Bias = []float32{last.Bias[0] + t.correction}
		members = append(members, n)
	}
	return members
}

func (t *trainer) close() {
	t.learner.vm.Close()
	t.judge.vm.Close()
}
