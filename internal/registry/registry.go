// Package registry opens registered models for scoring: it finds a version in MLflow,
// downloads its files, and hands them to score.Open with the digests that were recorded
// when the version was registered.
//
//	version, err := models.Find(ctx, "creditcard", registry.Champion)
//	bundle, err := models.Open(ctx, version.Name, version.Number)
package registry

import (
	"context"
	"errors"
	"fmt"

	"temporal-streaming/internal/score"
	"temporal-streaming/internal/tracking"
)

// The aliases that say who serves.
const (
	Champion = tracking.Champion
	Previous = tracking.Previous
)

// ErrNoChampion is returned when no version of a model holds the alias champion.
var ErrNoChampion = errors.New("no model serves yet")

// Registry opens models from one MLflow.
type Registry struct {
	MLflow *tracking.Client
}

// Found is a version and where people see it.
type Found struct {
	tracking.Version
	URL string
}

// Find returns the version that a number or an alias names.
func (r *Registry) Find(ctx context.Context, name, numberOrAlias string) (Found, error) {
	v, err := r.MLflow.Version(ctx, name, numberOrAlias)
	if errors.Is(err, tracking.ErrNotFound) && numberOrAlias == Champion {
		return Found{}, fmt.Errorf("%w: %s has no champion; train one with: starter train %s", ErrNoChampion, name, name)
	}
	if err != nil {
		return Found{}, fmt.Errorf("find model %s: %w", name, err)
	}
	return Found{Version: v, URL: r.MLflow.Links().Version(v.Name, v.Number)}, nil
}

// Open downloads a version and makes a bundle of it. Nothing is parsed before the bytes
// are known to be those that were registered.
func (r *Registry) Open(ctx context.Context, name, number string) (*score.Bundle, error) {
	v, err := r.MLflow.Version(ctx, name, number)
	if err != nil {
		return nil, fmt.Errorf("open model %s@%s: %w", name, number, err)
	}
	files := score.BundleFiles{Name: v.Name, Version: v.Number}
	for _, f := range []struct {
		name string
		into *score.File
	}{
		{tracking.ONNXFile, &files.ONNX}, {tracking.PipelineFile, &files.Definition}, {tracking.FeatureSpecFile, &files.Spec},
	} {
		data, err := r.MLflow.ModelFile(ctx, v, f.name)
		if err != nil {
			return nil, fmt.Errorf("open model %s@%s: %w", name, number, err)
		}
		*f.into = score.File{Data: data, SHA256: v.Digest(f.name)}
	}
	return score.Open(files)
}
