package training

import (
	"context"
	"errors"
	"fmt"
	"math"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/evaluate"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/registry"
	"temporal-streaming/internal/score"
	"temporal-streaming/internal/tracking"
)

// parityRows is how many rows of the test part the parity gates compare.
const parityRows = 4096

// Validate measures the registered candidate as the stream would load it, and the
// champion on the same rows. It judges nothing.
func (t *Trainer) Validate(ctx context.Context, req job.ValidateRequest) (job.Validated, error) {
	fail := func(err error) (job.Validated, error) {
		return job.Validated{}, fmt.Errorf("validate %s version %s: %w", req.Logged.Model, req.Logged.Version, err)
	}
	pinned, err := t.Models.Find(ctx, req.Logged.Model, req.Logged.Version)
	if err != nil {
		return fail(err)
	}
	candidate, err := t.Models.Open(ctx, pinned)
	if err != nil {
		return fail(err)
	}
	test, err := t.matrix(ctx, req.Engineered.Test)
	if err != nil {
		return fail(err)
	}
	report, err := evaluate.NewReport(scores(candidate.Model, test), float64(candidate.Model.Threshold))
	if err != nil {
		return fail(err)
	}
	out := job.Validated{Candidate: quality(report, candidate.Version), RowsPerSecond: rowsPerSecond(candidate.Model, test)}
	if out.GapToTraining, out.GapToFile, err = parity(candidate.Model, test); err != nil {
		return fail(err)
	}
	if candidate.Stateful() {
		if out.Stream, err = t.rehearse(ctx, req, candidate); err != nil {
			return fail(err)
		}
	}
	champion, number, problem, err := t.champion(ctx, req.Ingested, req.Logged.Model, req.Logged.Version)
	if err != nil {
		return fail(err)
	}
	out.ChampionProblems = problem
	if champion != nil {
		q := quality(champion.Report, number)
		out.Champion = &q
	}
	return out, nil
}

// parity is the largest difference between a probability of the serving kernels and
// that of Gorgonia's forward pass, and that of an interpreter of the exported file.
func parity(m *model.Model, test dataset.Matrix) (toTraining, toFile float64, err error) {
	n := min(test.Len(), parityRows)
	x := test.X[:n*test.Width()]
	served := make([]float32, n)
	model.NewScorer(m, n).Score(x, n, served)
	forward, err := model.Forward(m, x, n)
	if err != nil {
		return 0, 0, err
	}
	onnx, err := m.ONNX()
	if err != nil {
		return 0, 0, err
	}
	exported, err := model.Evaluate(onnx, x, n)
	if err != nil {
		return 0, 0, err
	}
	return gap(served, forward), gap(served, exported), nil
}

func gap(a, b []float32) float64 {
	worst := 0.0
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		worst = max(worst, d)
	}
	return worst
}

// champion measures the serving model on the rows of the test part, with the features
// that it was trained with; nil where version itself serves, or nothing does. One that
// cannot be measured, because its files are damaged or the data lack its columns, is
// reported in problem and does not stand in the way of a successor.
func (t *Trainer) champion(ctx context.Context, in job.Ingested, name, version string) (result *evaluate.Result, number, problem string, err error) {
	v, err := t.Models.Find(ctx, name, registry.Champion)
	if errors.Is(err, registry.ErrNoChampion) || (err == nil && v.Number == version) {
		return nil, "", "", nil
	}
	if err != nil {
		return nil, "", "", err
	}
	bundle, err := t.Models.Open(ctx, v)
	if isDamaged(err) {
		return nil, v.Number, err.Error(), nil
	}
	if err != nil {
		return nil, "", "", err
	}
	d, err := t.definition(ctx, in.Definition)
	if err != nil {
		return nil, "", "", err
	}
	r, err := t.measureOn(ctx, d, bundle, in.Dataset)
	if errors.Is(err, dataset.ErrSchema) {
		return nil, v.Number, fmt.Sprintf("champion version %s needs columns that the data set does not have: %v", v.Number, err), nil
	}
	if err != nil {
		return nil, "", "", err
	}
	return &r, v.Number, "", nil
}

func (t *Trainer) measureOn(ctx context.Context, d *pipeline.Definition, bundle *score.Bundle, set job.Dataset) (evaluate.Result, error) {
	table, err := t.table(ctx, d, set)
	if err != nil {
		return evaluate.Result{}, err
	}
	as := *bundle.Definition
	as.Label, as.Training.NegativeWeight = d.Label, d.Training.NegativeWeight // the truth of today, the features of then
	as.OrderBy, as.Training.Split, as.Training.Span = d.OrderBy, d.Training.Split, d.Training.Span
	whole, cuts, err := history(&as, set, bundle.Spec, table)
	if err != nil {
		return evaluate.Result{}, err
	}
	test := whole.Part(cuts.Test)
	if err := test.Check(); err != nil {
		return evaluate.Result{}, err
	}
	return evaluate.NewResult("champion, version "+bundle.Version, scores(bundle.Model, test), float64(bundle.Model.Threshold))
}

// isDamaged tells a model that can never be opened from one that cannot be had just now.
func isDamaged(err error) bool {
	for _, final := range []error{score.ErrDigest, score.ErrMismatch, model.ErrONNX, model.ErrInvalid, tracking.ErrDigest, tracking.ErrNotFound} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}
