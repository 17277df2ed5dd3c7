package training

import (
	"context"
	"encoding/json"
	"fmt"

	"temporal-streaming/internal/audit"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/score"
)

// rehearsedRows is how many rows of the data set a stream is rehearsed with: enough for keys to come again and labels to count,
// and a second or two of work.
const rehearsedRows = 20_000

// rehearsalFile is the artifact of the run that says what came of it.
const rehearsalFile = "stream_parity.json"

// rehearse streams the first rows of the data set as a worker would, and compares what the stream says with what training
// computes, bit for bit. What it finds is an artifact of the run.
func (t *Trainer) rehearse(ctx context.Context, req job.ValidateRequest, candidate *score.Bundle) (*job.StreamParity, error) {
	d, err := t.definition(ctx, req.Ingested.Definition)
	if err != nil {
		return nil, err
	}
	table, err := t.table(ctx, d, req.Ingested.Dataset)
	if err != nil {
		return nil, err
	}
	rows, err := feature.TableOf(d, table.Column, table.Texts)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", dataset.ErrSchema, err)
	}
	found, err := audit.Rehearse(ctx, candidate, rows, rehearsedRows)
	if err != nil {
		return nil, err
	}
	report, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return nil, err
	}
	run, err := t.MLflow.Run(ctx, req.Logged.RunID)
	if err != nil {
		return nil, err
	}
	if err := t.MLflow.PutArtifact(ctx, run.Artifacts, rehearsalFile, report); err != nil {
		return nil, err
	}
	return &job.StreamParity{Rows: found.Rows, Different: found.Different + found.Missing}, nil
}
