package model

import (
	"context"
	"fmt"
	"math"
	"time"
)

// member is one of the networks that are trained.
type member struct {
	*trainer
	index          int
	learner, judge *network // trains, and passes the validation rows; lent by a seat
	state

	saved    []byte  // the state after the epoch that was reported last
	reported float64 // the share of its epochs that was done then
}

// state is all of a member that changes while it is trained. A checkpoint keeps every bit of it.
type state struct {
	History []Epoch     // one for each epoch that has ended
	Best    [][]float32 // parameters of the last epoch in History that is the best
	Params  [][]float32 // this and the next only while there are epochs to come
	Solver  *adamW
}

// sit takes the networks that the member is trained in, and begins, or goes on.
func (m *member) sit(learner, judge *network) {
	m.learner, m.judge = learner, judge
	if len(m.History) == 0 {
		initialise(learner.params, m.widths, m.logOdds, stream(m.cfg.Seed, m.index, 0, forWeights))
		m.Solver = newAdamW(learner.params)
	}
	for i, p := range m.Params { // the graph holds on to its slices
		copy(learner.params[i], p)
	}
	m.Params = learner.params
}

func (m *member) done() bool {
	_, _, since := m.best()
	return len(m.History) == m.cfg.Epochs || since >= m.cfg.Patience
}

// share of its epochs that is done. A member that stopped early has done all that it will.
func (m *member) share() float64 {
	if m.done() {
		return 1
	}
	return float64(len(m.History)) / float64(m.cfg.Epochs)
}

// best is how well the best epoch did, and how many have passed since.
func (m *member) best() (ap, loss float64, since int) {
	for i := len(m.History) - 1; i >= 0; i-- {
		if e := m.History[i]; e.Best {
			return e.ValidationAP, e.ValidationLoss, len(m.History) - 1 - i
		}
	}
	return math.Inf(-1), math.Inf(1), len(m.History)
}

// epoch trains on the rows of an epoch once, and judges the result.
func (m *member) epoch(ctx context.Context) error {
	started := time.Now()
	e := Epoch{Member: m.index + 1, Epoch: len(m.History) + 1, Epochs: m.cfg.Epochs}
	var err error
	if e.TrainLoss, err = m.pass(ctx); err != nil {
		return err
	}
	e.RowsPerSecond = float64(m.draw.rows()) / time.Since(started).Seconds()
	if e.ValidationLoss, e.ValidationAP, err = m.judged(); err != nil {
		return err
	}
	if math.IsNaN(e.TrainLoss) || math.IsNaN(e.ValidationLoss) {
		return fmt.Errorf("the loss is not a number; a lower learning rate than %v may help: %w", m.cfg.LearningRate, ErrInvalid)
	}
	ap, loss, _ := m.best()
	if m.cfg.Stop == StopNever || e.ValidationAP > ap || e.ValidationAP == ap && e.ValidationLoss < loss {
		e.Best, m.Best = true, clone(m.Params)
	}
	m.History = append(m.History, e)
	return nil
}

// pass takes one step per batch over the rows in a fresh random order, and returns their mean weighted loss.
func (m *member) pass(ctx context.Context) (float64, error) {
	n, epoch := m.learner, len(m.History)
	order := m.draw.order(m.cfg.Seed, m.index, epoch)
	dropout := source(m.cfg.Seed, m.index, epoch, forDropout)
	total := 0.0
	for from := 0; from < len(order); from += n.batch {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		m.fill(order[from:min(from+n.batch, len(order))])
		for _, mask := range n.masks {
			dropMask(m.machine.kernel, mask, m.cfg.Dropout, dropout)
		}
		if err := n.run(); err != nil {
			return 0, err
		}
		total += float64(n.loss.Data().(float32)) * float64(n.batch)
		if err := m.Solver.step(n, m.schedule.at(m.Solver.Steps), m.cfg.WeightDecay); err != nil {
			return 0, err
		}
	}
	return total / float64(len(order)), nil
}

// fill copies the chosen rows into the learner's batch. Graphs have a fixed size: what is left over keeps weight 0, and adds nothing
// to the loss or to any gradient.
func (m *member) fill(chosen []int) {
	n, train := m.learner, m.train
	clear(n.w)
	for to, from := range chosen {
		copy(n.x[to*n.inputs:(to+1)*n.inputs], train.x[from*n.inputs:])
		n.y[to], n.w[to] = train.y[from], train.w[from]
	}
}

func (m *member) judged() (loss, ap float64, err error) {
	rows := m.validation
	if rows.n == 0 {
		return 0, 0, nil
	}
	for i, p := range m.Params {
		copy(m.judge.params[i], p)
	}
	logits := make([]float32, rows.n)
	if err := m.judge.forward(rows.x, logits); err != nil {
		return 0, 0, err
	}
	for i := range logits {
		logits[i] += m.correction
	}
	return logLoss(logits, rows.y, rows.w), averagePrecision(logits, rows.y, rows.w), nil
}
