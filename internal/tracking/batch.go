package tracking

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Batch is what a run is told.
type Batch struct {
	Metrics []Metric
	Params  map[string]string // an empty value is a value
	Tags    map[string]string
}

// Metric is one measurement. Value may be NaN or infinite; MLflow stores an infinity as the largest finite number.
type Metric struct {
	Key   string
	Value float64
	Time  time.Time // when it was measured; a retry must carry the same time, or the metric is recorded twice
	Step  int64     // epoch
	// ModelID, if set, shows the metric on the model's page too, under the data set that it was measured on.
	ModelID       string
	DatasetName   string
	DatasetDigest string
}

// The server's limits (mlflow/utils/validation.py).
const (
	maxMetrics    = 1000
	maxParams     = 100
	maxTags       = 100
	maxEntities   = 1000
	maxBatchBytes = 900_000 // the server counts 1,000,000 including what surrounds the entries
	maxParamValue = 6000
	maxTagValue   = 8000
	maxKeyLength  = 250
)

// LogBatch logs metrics, parameters and tags, in as many calls as the server's limits ask for. Repeating it changes nothing;
// a parameter logged again with another value is ErrInvalid.
func (c *Client) LogBatch(ctx context.Context, runID string, b Batch) error {
	chunks, err := b.chunks(runID)
	if err != nil {
		return fmt.Errorf("log batch of run %s: %w", runID, err)
	}
	for _, chunk := range chunks {
		if err := c.post(ctx, "runs/log-batch", chunk, nil); err != nil {
			return fmt.Errorf("log batch of run %s: %w", runID, err)
		}
	}
	return nil
}

// batchChunk is the body of one call.
type batchChunk struct {
	RunID   string            `json:"run_id"`
	Metrics []json.RawMessage `json:"metrics,omitempty"`
	Params  []json.RawMessage `json:"params,omitempty"`
	Tags    []json.RawMessage `json:"tags,omitempty"`
	bytes   int
}

func (b Batch) chunks(runID string) ([]batchChunk, error) {
	var list []batchChunk
	current := batchChunk{RunID: runID}
	add := func(entry any, part func(*batchChunk) *[]json.RawMessage, limit int) error {
		data, err := json.Marshal(entry)
		if err != nil {
			return err
		}
		entities := len(current.Metrics) + len(current.Params) + len(current.Tags)
		if entities >= maxEntities || len(*part(&current)) >= limit || entities > 0 && current.bytes+len(data) > maxBatchBytes {
			list = append(list, current)
			current = batchChunk{RunID: runID}
		}
		*part(&current) = append(*part(&current), data)
		current.bytes += len(data) + 1
		return nil
	}
	for _, p := range pairs(b.Params) {
		if err := checkPair("parameter", p, maxParamValue); err != nil {
			return nil, err
		}
		if err := add(p, func(c *batchChunk) *[]json.RawMessage { return &c.Params }, maxParams); err != nil {
			return nil, err
		}
	}
	for _, p := range pairs(b.Tags) {
		if err := checkPair("tag", p, maxTagValue); err != nil {
			return nil, err
		}
		if err := add(p, func(c *batchChunk) *[]json.RawMessage { return &c.Tags }, maxTags); err != nil {
			return nil, err
		}
	}
	for _, m := range b.Metrics {
		entry, err := m.wire()
		if err != nil {
			return nil, err
		}
		if err := add(entry, func(c *batchChunk) *[]json.RawMessage { return &c.Metrics }, maxMetrics); err != nil {
			return nil, err
		}
	}
	if current.bytes > 0 {
		list = append(list, current)
	}
	return list, nil
}

func checkPair(what string, p pair, maxValue int) error {
	switch {
	case p.Key == "" || len(p.Key) > maxKeyLength:
		return fmt.Errorf("%w: %s has a name of %d bytes, must have 1 to %d", ErrInvalid, what, len(p.Key), maxKeyLength)
	case len(p.Value) > maxValue:
		return fmt.Errorf("%w: %s %s has a value of %d bytes, at most %d", ErrInvalid, what, p.Key, len(p.Value), maxValue)
	}
	return nil
}

type metricWire struct {
	Key           string `json:"key"`
	Value         number `json:"value"`
	Timestamp     int64  `json:"timestamp"` // unix ms
	Step          int64  `json:"step"`
	ModelID       string `json:"model_id,omitempty"`
	DatasetName   string `json:"dataset_name,omitempty"`
	DatasetDigest string `json:"dataset_digest,omitempty"`
}

func (m Metric) wire() (metricWire, error) {
	switch {
	case m.Key == "" || len(m.Key) > maxKeyLength:
		return metricWire{}, fmt.Errorf("%w: metric has a name of %d bytes, must have 1 to %d", ErrInvalid, len(m.Key), maxKeyLength)
	case m.Time.IsZero():
		return metricWire{}, fmt.Errorf("%w: metric %s has no time", ErrInvalid, m.Key)
	}
	return metricWire{
		Key: m.Key, Value: number(m.Value), Timestamp: m.Time.UnixMilli(), Step: m.Step,
		ModelID: m.ModelID, DatasetName: m.DatasetName, DatasetDigest: shortDigest(m.DatasetDigest),
	}, nil
}
