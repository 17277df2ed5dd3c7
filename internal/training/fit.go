package training

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/evaluate"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/pipeline"
)

// Fit trains the pipeline's network, or continues to from its checkpoint, chooses the
// decision threshold on the validation part, and stores the model as ONNX. progress is
// told of every epoch.
func (t *Trainer) Fit(ctx context.Context, req job.FitRequest, progress func(job.FitProgress)) (job.Fitted, error) {
	fail := func(err error) (job.Fitted, error) {
		return job.Fitted{}, fmt.Errorf("fit %s: %w", req.Ingested.Experiment, err)
	}
	d, err := t.definition(ctx, req.Ingested.Definition)
	if err != nil {
		return fail(err)
	}
	train, validation, err := t.matrices(ctx, req.Engineered)
	if err != nil {
		return fail(err)
	}
	config := NetworkConfig(d, req.Seed)
	m, epochs, err := t.network(ctx, train, validation, config, req.Checkpoint, progress)
	if err != nil {
		return fail(err)
	}
	threshold, err := evaluate.ChooseThreshold(scores(m, validation), evaluate.Policy(d.Threshold.Policy), d.Threshold.Value)
	if err != nil {
		return fail(fmt.Errorf("choose threshold on the validation part: %w", err))
	}
	m.Threshold = float32(threshold)
	baseline, err := fitBaseline(ctx, d, train, validation, config)
	if err != nil {
		return fail(err)
	}
	return t.keep(ctx, d, m, baseline, epochs, config.Seed)
}

// fitBaseline trains a logistic regression on the same rows with the same scaling: what a model without a hidden layer and without
// bins can do. It takes seconds, and needs no checkpoint.
func fitBaseline(ctx context.Context, d *pipeline.Definition, train, validation dataset.Matrix, config model.Config) (*model.Model, error) {
	m, _, err := model.Fit(ctx, rows(train), model.Rows{}, model.Config{
		Linear: true, Members: 1, SignedLog: config.SignedLog, Clip: config.Clip, Epochs: 10, Batch: 512, LearningRate: 0.01,
		Stop: model.StopNever, Seed: config.Seed,
	}, train.Names, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	threshold, err := evaluate.ChooseThreshold(scores(m, validation), evaluate.Policy(d.Threshold.Policy), d.Threshold.Value)
	if errors.Is(err, evaluate.ErrUnattainable) {
		threshold, err = 1, nil // so good it is not: it alerts nobody
	}
	if err != nil {
		return nil, fmt.Errorf("baseline: choose threshold on the validation part: %w", err)
	}
	m.Threshold = float32(threshold)
	return m, nil
}

func (t *Trainer) keep(ctx context.Context, d *pipeline.Definition, m, baseline *model.Model, epochs []model.Epoch, seed int64) (job.Fitted, error) {
	fail := func(err error) (job.Fitted, error) {
		return job.Fitted{}, fmt.Errorf("keep model of %s: %w", d.Name, err)
	}
	onnx, err := m.ONNX()
	if err != nil {
		return fail(err)
	}
	ref, err := t.Store.Put(ctx, "models/"+d.Name, "model.onnx", onnx)
	if err != nil {
		return fail(err)
	}
	plain, err := baseline.ONNX()
	if err != nil {
		return fail(err)
	}
	plainRef, err := t.Store.Put(ctx, "models/"+d.Name, "baseline.onnx", plain)
	if err != nil {
		return fail(err)
	}
	for i := range epochs {
		epochs[i].RowsPerSecond = 0 // all that is kept is reproducible, so that the object of a second try is the same
	}
	curve, err := json.Marshal(epochs)
	if err != nil {
		return fail(err)
	}
	curveRef, err := t.Store.Put(ctx, "models/"+d.Name, "epochs.json", curve)
	if err != nil {
		return fail(err)
	}
	return job.Fitted{
		Model: job.Object(ref), Curve: job.Object(curveRef), Baseline: job.Object(plainRef), Threshold: float64(m.Threshold),
		Epochs: len(epochs), Members: len(m.Members), Seed: seed,
	}, nil
}

// NetworkConfig is what a pipeline's file says of its network; seed 0 is the file's own.
func NetworkConfig(d *pipeline.Definition, seed int64) model.Config {
	c := model.Config{
		Hidden: d.Model.Hidden, Members: d.Model.Members, Clip: float32(d.Model.Clip), Epochs: d.Model.Epochs,
		Batch: d.Model.Batch, LearningRate: d.Model.LearningRate, WeightDecay: d.Model.WeightDecay,
		Dropout: d.Model.Dropout, Patience: d.Model.Patience, Seed: d.Model.Seed,
		ClassWeight: string(d.Training.ClassWeight), PositiveWeight: d.Training.PositiveWeight,
		Bins: d.Model.Bins, TailQuantiles: d.Model.Tails, SignedLog: make([]bool, len(d.Features)),
		NegativeShare: d.Training.NegativeShare, Stop: string(d.Training.Stop),
	}
	if d.Training.Loss == pipeline.Focal {
		c.FocalGamma = d.Training.FocalGamma
	}
	for i, f := range d.Features {
		c.SignedLog[i] = slices.Contains(d.Model.SignedLog, f.Name)
	}
	place := func(name string) int {
		return slices.IndexFunc(d.Features, func(f pipeline.Feature) bool { return f.Name == name })
	}
	for _, pair := range d.Model.Ratios { // Parse saw that they are two features each
		c.Ratios = append(c.Ratios, model.Ratio{Over: place(pair[0]), Under: place(pair[1])})
	}
	if seed != 0 {
		c.Seed = seed
	}
	return c
}

// matrices are those that a network is fitted with.
func (t *Trainer) matrices(ctx context.Context, e job.Engineered) (train, validation dataset.Matrix, err error) {
	if train, err = t.matrix(ctx, e.Train); err == nil {
		validation, err = t.matrix(ctx, e.Validation)
	}
	return train, validation, err
}

func (t *Trainer) matrix(ctx context.Context, part job.Part) (dataset.Matrix, error) {
	file, err := t.Store.Get(ctx, artifact.Ref(part.Matrix))
	if err != nil {
		return dataset.Matrix{}, err
	}
	return dataset.DecodeMatrix(file)
}

func rows(m dataset.Matrix) model.Rows { return model.Rows{X: m.X, Y: m.Y, W: m.W, F: m.Width()} }
