package protocol

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"temporal-streaming/internal/model"
	"temporal-streaming/internal/training"
)

// ErrRows is returned for data that lack the rows of a protocol's weeks.
var ErrRows = errors.New("too few rows for the protocol")

// topCards is how many cards a day the book's card precision looks at.
const topCards = 100

// Options say what a Run measures; the zero value is the book's.
type Options struct {
	Train      time.Duration // span of training; default a week
	Validation bool          // the folds on which choices are made, instead of those that are reported
	Members    int           // networks whose probabilities are averaged; default the pipeline's
	Progress   func(Progress)
}

func (o Options) withDefaults() Options {
	if o.Train == 0 {
		o.Train = week
	}
	return o
}

// Progress is one more epoch of one of the folds, which are trained side by side.
type Progress struct {
	Done, Total int // epochs of all folds; fewer may come where a network stops early
	Fold        int // from 1
	Epoch       model.Epoch
}

// Result is what a recipe is worth by a protocol. Its JSON is stable: names are only ever added.
type Result struct {
	Protocol   Protocol  `json:"protocol"`
	DelayDays  float64   `json:"label_delay_days"`
	TrainDays  float64   `json:"train_days"`
	Validation bool      `json:"validation_folds"`
	Features   int       `json:"features"`
	Inputs     int       `json:"inputs"` // of the networks, the encoding included
	Members    int       `json:"members"`
	AUC        Spread    `json:"auc"`
	AP         Spread    `json:"ap"`
	CP100      Spread    `json:"cp100"`
	Expected   *Expected `json:"expected,omitempty"` // where the data's [Data.Truth] is known
	Folds      []Week    `json:"folds"`
}

// Week is one fold's.
type Week struct {
	Test           string  `json:"test_from"` // its first day
	TrainRows      int     `json:"train_rows"`
	TrainPositives int     `json:"train_frauds"`
	TestRows       int     `json:"test_rows"`
	TestPositives  int     `json:"test_frauds"`
	AUC            float64 `json:"auc"`
	AP             float64 `json:"ap"`
	CP100          float64 `json:"cp100"`
	ExpectedAUC    float64 `json:"expected_auc,omitempty"`
	ExpectedAP     float64 `json:"expected_ap,omitempty"`
	FitSeconds     float64 `json:"fit_seconds"` // beside other folds
}

// Spread is a mean over folds, and their standard deviation (of the folds as they are, divided by their number).
type Spread struct {
	Mean      float64 `json:"mean"`
	Deviation float64 `json:"sd"`
}

// Run trains the recipe anew for each fold of a protocol and measures it on the fold's week. Folds are trained side by side on
// all cores.
func (d *Data) Run(ctx context.Context, p Protocol, o Options) (Result, error) {
	o = o.withDefaults()
	folds, err := d.folds(p, o)
	if err != nil {
		return Result{}, err
	}
	cfg := training.NetworkConfig(d.Definition, 0)
	if o.Members > 0 {
		cfg.Members = o.Members
	}
	r := Result{Protocol: p, DelayDays: d.Delay.Hours() / 24, TrainDays: o.Train.Hours() / 24, Validation: o.Validation,
		Features: len(d.names), Members: cfg.Members, Folds: make([]Week, len(folds))}
	progress := counted(o.Progress, len(folds)*cfg.Members*cfg.Epochs)
	inputs, failed := make([]int, len(folds)), make([]error, len(folds))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var workers sync.WaitGroup
	next := make(chan int)
	for range min(runtime.GOMAXPROCS(0), len(folds)) {
		workers.Go(func() {
			for i := range next {
				r.Folds[i], inputs[i], failed[i] = d.week(ctx, folds[i], cfg, func(e model.Epoch, _ float64) { progress(i+1, e) })
				if failed[i] != nil {
					cancel() // the others are in vain
				}
			}
		})
	}
	for i := range folds {
		next <- i
	}
	close(next)
	workers.Wait()
	if err := first(failed); err != nil {
		return Result{}, err
	}
	r.Inputs = slices.Max(inputs)
	r.spread()
	return r, nil
}

// folds are those of a protocol that allows the data's delay.
func (d *Data) folds(p Protocol, o Options) ([]Fold, error) {
	folds, err := p.Folds(d.Delay, o.Train, o.Validation)
	if err == nil && !slices.Contains(p.Delays(), d.Delay) {
		err = fmt.Errorf("protocol %s knows labels after %v, not %v", p, p.Delays(), d.Delay)
	}
	return folds, err
}

// first is the error that made the others end, where there is one.
func first(failed []error) error {
	for _, err := range failed {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(failed...)
}

// week trains one fold and measures it.
func (d *Data) week(ctx context.Context, f Fold, cfg model.Config, progress func(model.Epoch, float64)) (Week, int, error) {
	fail := func(err error) (Week, int, error) {
		return Week{}, 0, fmt.Errorf("test week of %s: %w", f.TestFrom.Format(time.DateOnly), err)
	}
	begin := time.Now()
	train, test := d.train(f), d.test(f)
	for _, rows := range [][]int{train, test} {
		if frauds := d.frauds(rows); frauds == 0 || frauds == len(rows) {
			return fail(fmt.Errorf("%w: %d rows, %d of them positive", ErrRows, len(rows), frauds))
		}
	}
	m, err := d.fit(ctx, f, cfg, progress)
	if err != nil {
		return fail(err)
	}
	seconds := time.Since(begin).Seconds()
	w, err := d.judge(f, test, probabilities(m, d.rows(test)))
	if err != nil {
		return fail(err)
	}
	w.TrainRows, w.TrainPositives, w.FitSeconds = len(train), d.frauds(train), seconds
	return w, m.Preparation.Width(), nil
}

// fit trains on a fold. A recipe that stops early is given the number of its epochs by the fold before, which it is trained on
// first: the test week must not say when to stop.
func (d *Data) fit(ctx context.Context, f Fold, cfg model.Config, progress func(model.Epoch, float64)) (*model.Model, error) {
	rows := d.rows(d.train(f))
	if cfg.Stop != model.StopNever {
		earlier := f.before(d.Delay)
		_, epochs, err := model.Fit(ctx, d.rows(d.train(earlier)), d.rows(d.test(earlier)), cfg, d.names, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("the fold before, which says when to stop: %w", err)
		}
		cfg.Epochs, cfg.Stop = typicalBest(epochs), model.StopNever
	}
	m, _, err := model.Fit(ctx, rows, model.Rows{}, cfg, d.names, nil, progress)
	return m, err
}

// typicalBest is the median over the members of their best epoch.
func typicalBest(epochs []model.Epoch) int {
	best := map[int]int{}
	for _, e := range epochs {
		if e.Best {
			best[e.Member] = e.Epoch
		}
	}
	var list []int
	for _, epoch := range best {
		list = append(list, epoch)
	}
	slices.Sort(list)
	return list[len(list)/2]
}

func probabilities(m *model.Model, rows model.Rows) []float64 {
	scored := make([]float32, rows.Len())
	model.NewScorer(m, 1024).Score(rows.X, rows.Len(), scored)
	p := make([]float64, len(scored))
	for i, v := range scored {
		p[i] = float64(v)
	}
	return p
}

// counted numbers the epochs of all folds, and tells of one at a time.
func counted(tell func(Progress), total int) func(fold int, e model.Epoch) {
	var mu sync.Mutex
	done := 0
	return func(fold int, e model.Epoch) {
		mu.Lock()
		defer mu.Unlock()
		done++
		if tell != nil {
			tell(Progress{Done: done, Total: total, Fold: fold, Epoch: e})
		}
	}
}
