package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
)

// shortDigest is as many letters of a SHA-256 as name a data set here.
const shortDigest = 12

// describedDataset is the key of the description of any data set that was loaded.
func describedDataset(pipeline, digest string) string {
	return "datasets/" + pipeline + "/loaded/" + digest[:shortDigest] + ".json"
}

// datasetFlag names a data set; see loadedDataset.
func datasetFlag(c *cobra.Command, dataset *string) {
	c.Flags().StringVar(dataset, "dataset", "", "a loaded `DATASET`: its SHA-256 (12 letters are enough), key or URI (default: the one loaded last)")
}

// loadedDataset finds a data set by its SHA-256 (or how that begins), key or URI.
func (a *app) loadedDataset(ctx context.Context, cfg config.Config, pipeline, name string) (*job.Dataset, error) {
	digest := digestIn(name)
	if digest == "" {
		return nil, misuse("Give the SHA-256 that `starter load` printed, its first 12 letters, or the key or URI that holds it.", "%q names no data set", name)
	}
	store, err := a.objects(cfg)
	if err != nil {
		return nil, err
	}
	described, err := store.GetNamed(ctx, describedDataset(pipeline, digest))
	if errors.Is(err, artifact.ErrNotFound) {
		return nil, fail(fmt.Errorf("no data set %s… has been loaded for %s", digest[:shortDigest], pipeline), "Load it: starter load %s FILE.", pipeline)
	}
	if err != nil {
		return nil, objectProblem(cfg, err)
	}
	var d job.Dataset
	if err := json.Unmarshal(described, &d); err != nil {
		return nil, fail(fmt.Errorf("read the description of data set %s: %w", digest[:shortDigest], err), "Load it again: starter load %s FILE.", pipeline)
	}
	if !strings.HasPrefix(d.Object.SHA256, digest) {
		return nil, fail(fmt.Errorf("no data set %s… has been loaded for %s", digest, pipeline), "Another begins with the same %d letters: %s.", shortDigest, d.Object.SHA256)
	}
	return &d, nil
}

// digestIn finds a SHA-256, or how one begins, in a digest, a key or a URI.
func digestIn(name string) string {
	for segment := range strings.SplitSeq(strings.ToLower(name), "/") {
		if len(segment) >= shortDigest && len(segment) <= 64 && strings.Trim(segment, "0123456789abcdef") == "" {
			return segment
		}
	}
	return ""
}
