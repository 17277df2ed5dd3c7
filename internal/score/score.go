// Package score makes predictions of messages: decode, features, model, encode, for a batch at once.
//
// A Bundle is what a registered model consists of: the ONNX file, the pipeline definition it was trained under, and its feature
// spec, all checked against their digests before any of them is parsed. An Engine runs a bundle for one loop:
//
//	bundle, err := score.Open(files)
//	engine, err := bundle.NewEngine(score.EngineOptions{MaxBatch: 4096})
//	var out score.Output
//	engine.Process(messages, &out)
//	for i, r := range out.Results { produce(r.Kind, out.Key(i), out.Value(i)) }
//
// Guarantees:
//   - Every message gives at least one result: one prediction per row, or exactly one dead letter. Nothing stops the engine.
//   - Results come in the order of the messages, and of the rows within each.
//   - A row's probability does not depend, to the last bit, on the batch it was scored in.
//   - In the steady state nothing is allocated, except for the detail of a dead letter.
package score

import (
	"encoding/json"
	"fmt"

	"temporal-streaming/internal/record"
)

// NotScorable is the reason of a dead letter whose message is well formed, but for which the model has no finite answer.
const NotScorable record.Reason = "not_scorable"

// Prediction is what a sink receives for one row, as JSON with these names in this order.
//
// ID is what the record's id column says, of a pipeline whose features have state and that names one. Otherwise it is the message's key where that is text; where it is missing, empty or not UTF-8 it is topic-partition-offset. A message
// of several rows adds #row. Probability and Threshold are float32, written with as few digits as identify them.
type Prediction struct {
	ID           string          `json:"id"`
	SourceID     json.RawMessage `json:"source_id,omitempty"` // the value's own "id", a JSON number or string as it was written
	Probability  float32         `json:"probability"`
	Decision     string          `json:"decision"`
	Threshold    float32         `json:"threshold"`
	Model        string          `json:"model"`
	ModelVersion string          `json:"model_version"`
	Topic        string          `json:"topic"`
	Partition    int32           `json:"partition"`
	Offset       int64           `json:"offset"`
	Row          int             `json:"row"`
	Features     string          `json:"features,omitempty"` // see Fingerprint; of a pipeline whose features have state
	EventTime    string          `json:"event_time"`         // RFC 3339 in UTC, milliseconds; null where Kafka gave none
	ScoredAt     string          `json:"scored_at"`          // the same; when the batch was scored
}

// DecodePrediction reads a prediction. Fields that it does not know are ignored: a later version may add some.
func DecodePrediction(value []byte) (Prediction, error) {
	var p Prediction
	if err := json.Unmarshal(value, &p); err != nil {
		return Prediction{}, fmt.Errorf("decode prediction: %w", err)
	}
	if p.ID == "" || p.Topic == "" {
		return Prediction{}, fmt.Errorf("decode prediction: id or topic is missing: this is no prediction")
	}
	return p, nil
}
