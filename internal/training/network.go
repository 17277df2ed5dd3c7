package training

import (
	"context"
	"errors"
	"log/slog"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/model"
)

// network fits a network, or goes on from the checkpoint under key. A checkpoint that is damaged, or that was made by a program
// which describes the same fit in other words, says nothing: the fit begins anew, aloud, and ends with the same model. To fail
// instead would be to fail at every attempt.
func (t *Trainer) network(ctx context.Context, train, validation dataset.Matrix, config model.Config, key string, progress func(job.FitProgress)) (*model.Model, []model.Epoch, error) {
	kept := &checkpoint{store: t.Store, key: key}
	m, epochs, err := model.Fit(ctx, rows(train), rows(validation), config, train.Names, kept, told(progress, config))
	if errors.Is(err, model.ErrCheckpoint) || errors.Is(err, artifact.ErrDigest) {
		t.logger().Warn("the checkpoint of a fit cannot be used; the fit begins anew, with the same end", "checkpoint", key, "error", err)
		kept.useless = true
		m, epochs, err = model.Fit(ctx, rows(train), rows(validation), config, train.Names, kept, told(progress, config))
	}
	return m, epochs, err
}

func (t *Trainer) logger() *slog.Logger {
	if t.Logger != nil {
		return t.Logger
	}
	return slog.New(slog.DiscardHandler)
}

// told passes epochs on as progress.
func told(progress func(job.FitProgress), config model.Config) func(model.Epoch, float64) {
	return func(e model.Epoch, done float64) {
		progress(job.FitProgress{
			Member: e.Member, Members: config.Members, Epoch: e.Epoch, Epochs: e.Epochs, Done: done, TrainLoss: e.TrainLoss,
			ValidationLoss: e.ValidationLoss, ValidationAP: e.ValidationAP, RowsPerSecond: e.RowsPerSecond,
		})
	}
}

// checkpoint keeps the state of a fit under one key of the object store.
type checkpoint struct {
	store   artifact.Store
	key     string
	useless bool // what is there is not to be read, only replaced
}

func (c *checkpoint) Load(ctx context.Context) ([]byte, bool, error) {
	if c.useless {
		return nil, false, nil
	}
	state, err := c.store.GetNamed(ctx, c.key)
	if errors.Is(err, artifact.ErrNotFound) {
		return nil, false, nil
	}
	return state, err == nil, err
}

func (c *checkpoint) Save(ctx context.Context, state []byte) error {
	return c.store.PutNamed(ctx, c.key, state)
}
