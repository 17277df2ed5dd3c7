// Package registry opens registered models for scoring: it finds a version in MLflow,
// downloads its files, and hands them to score.Open with the digests that were recorded
// when the version was registered.
//
// What was downloaded once stays in a folder, named by its digest, so that a worker that
// starts again needs neither MLflow nor the object store to go on scoring.
//
//	pinned, err := models.Find(ctx, "creditcard", registry.Champion)
//	bundle, err := models.Open(ctx, pinned)
package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

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
	Cache  string // folder for downloaded files; empty: none are kept
	Logger *slog.Logger
}

// Pinned is a version with the SHA-256 of each of its files, in hex.
type Pinned struct {
	Name, Number           string
	ONNX, Definition, Spec string
	URL                    string // where people see it
}

// Find returns the version that a number or an alias names, pinned as it is now.
func (r *Registry) Find(ctx context.Context, name, numberOrAlias string) (Pinned, error) {
	v, err := r.MLflow.Version(ctx, name, numberOrAlias)
	if errors.Is(err, tracking.ErrNotFound) && numberOrAlias == Champion {
		return Pinned{}, fmt.Errorf("%w: %s has no champion; train one with: starter train %s", ErrNoChampion, name, name)
	}
	if err != nil {
		return Pinned{}, fmt.Errorf("find model %s: %w", name, err)
	}
	return Pinned{
		Name: v.Name, Number: v.Number, URL: r.MLflow.Links().Version(v.Name, v.Number),
		ONNX: v.Digest(tracking.ONNXFile), Definition: v.Digest(tracking.PipelineFile), Spec: v.Digest(tracking.FeatureSpecFile),
	}, nil
}

// Open makes a bundle of a pinned version. Nothing is parsed before the bytes are known
// to be those that were registered, wherever they come from.
func (r *Registry) Open(ctx context.Context, p Pinned) (*score.Bundle, error) {
	files := score.BundleFiles{
		Name: p.Name, Version: p.Number,
		ONNX: score.File{SHA256: p.ONNX}, Definition: score.File{SHA256: p.Definition}, Spec: score.File{SHA256: p.Spec},
	}
	for _, f := range []struct {
		name string
		file *score.File
	}{
		{tracking.ONNXFile, &files.ONNX}, {tracking.PipelineFile, &files.Definition}, {tracking.FeatureSpecFile, &files.Spec},
	} {
		data, err := r.file(ctx, p, f.name, f.file.SHA256)
		if err != nil {
			return nil, fmt.Errorf("open model %s@%s: %w", p.Name, p.Number, err)
		}
		f.file.Data = data
	}
	return score.Open(files)
}

// file takes a file from the cache or from MLflow.
func (r *Registry) file(ctx context.Context, p Pinned, name, digest string) ([]byte, error) {
	if data, ok := r.cached(digest); ok {
		return data, nil
	}
	v, err := r.MLflow.Version(ctx, p.Name, p.Number)
	if err != nil {
		return nil, err
	}
	data, err := r.MLflow.ModelFile(ctx, v, name)
	if err != nil {
		return nil, err
	}
	if err := r.keep(digest, data); err != nil {
		r.Logger.Warn("a restart while MLflow is away will not find this model", "model", p.Name+"@"+p.Number, "error", err)
	}
	return data, nil
}
