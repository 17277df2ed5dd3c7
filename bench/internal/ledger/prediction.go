package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Prediction is what the ledger reads of one.
type Prediction struct {
	ID           string
	SourceID     int64
	ModelVersion string
	Partition    int32
	Offset       int64
	EventTime    time.Time // zero: none
	ScoredAt     time.Time
	Features     string // what it says of the features that it was made of; "": nothing
}

// Decode reads a prediction. Its own words for the fields make it independent of the
// code that wrote them.
func Decode(value []byte) (Prediction, error) {
	var p struct {
		ID           string     `json:"id"`
		SourceID     *int64     `json:"source_id"`
		ModelVersion string     `json:"model_version"`
		Partition    *int32     `json:"partition"`
		Offset       *int64     `json:"offset"`
		EventTime    *time.Time `json:"event_time"`
		ScoredAt     *time.Time `json:"scored_at"`
		Features     string     `json:"features"`
	}
	if err := json.Unmarshal(value, &p); err != nil {
		return Prediction{}, fmt.Errorf("decode prediction: %w", err)
	}
	if p.SourceID == nil || p.Partition == nil || p.Offset == nil || p.ScoredAt == nil {
		return Prediction{}, errors.New("decode prediction: it has no source_id, partition, offset or scored_at")
	}
	out := Prediction{ID: p.ID, SourceID: *p.SourceID, ModelVersion: p.ModelVersion, Partition: *p.Partition, Offset: *p.Offset, ScoredAt: *p.ScoredAt, Features: p.Features}
	if p.EventTime != nil {
		out.EventTime = *p.EventTime
	}
	return out, nil
}
