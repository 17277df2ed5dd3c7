package tracking

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// Input is a data set that a run used.
type Input struct {
	Context string // what for: training, validation, test
	Name    string
	Digest  string // hex SHA-256; MLflow keeps its first 36 characters
	URI     string // where it is: s3://bucket/key
	Rows    int64
	Columns []Column
}

// Column is one column of a data set or a signature.
type Column struct {
	Name string
	Type string // MLflow's: double, float, long, string, boolean
}

// LogInputs ties data sets to the run. Repeating it changes nothing.
func (c *Client) LogInputs(ctx context.Context, runID string, inputs []Input) error {
	body := inputsLog{RunID: runID}
	for _, in := range inputs {
		wire, err := in.wire()
		if err != nil {
			return fmt.Errorf("log inputs of run %s: %w", runID, err)
		}
		body.Datasets = append(body.Datasets, wire)
	}
	if err := c.post(ctx, "runs/log-inputs", body, nil); err != nil {
		return fmt.Errorf("log inputs of run %s: %w", runID, err)
	}
	return nil
}

type inputsLog struct {
	RunID    string      `json:"run_id"`
	Datasets []inputWire `json:"datasets"`
}

type inputWire struct {
	Tags    []pair      `json:"tags"`
	Dataset datasetWire `json:"dataset"`
}

// datasetWire carries JSON documents as strings, as MLflow wants them.
type datasetWire struct {
	Name       string `json:"name"`
	Digest     string `json:"digest"`
	SourceType string `json:"source_type"`
	Source     string `json:"source"`
	Schema     string `json:"schema,omitempty"`
	Profile    string `json:"profile"`
}

func (in Input) wire() (inputWire, error) {
	if in.Name == "" || in.Digest == "" || in.URI == "" {
		return inputWire{}, fmt.Errorf("%w: data set %q needs a name, a digest and an address", ErrInvalid, in.Name)
	}
	source, err := json.Marshal(struct {
		URI string `json:"uri"`
	}{in.URI})
	if err != nil {
		return inputWire{}, err
	}
	profile, err := json.Marshal(struct {
		Rows     int64 `json:"num_rows"`
		Elements int64 `json:"num_elements"`
	}{in.Rows, in.Rows * int64(len(in.Columns))})
	if err != nil {
		return inputWire{}, err
	}
	wire := inputWire{
		Tags:    []pair{{"mlflow.data.context", in.Context}},
		Dataset: datasetWire{Name: in.Name, Digest: shortDigest(in.Digest), SourceType: sourceType(in.URI), Source: string(source), Profile: string(profile)},
	}
	if len(in.Columns) > 0 {
		columns, err := columnSpec(in.Columns)
		if err != nil {
			return inputWire{}, err
		}
		wire.Dataset.Schema = `{"mlflow_colspec": ` + columns + `}`
	}
	return wire, nil
}

// columnSpec is MLflow's JSON for columns, as it stands in data set schemas and model signatures.
func columnSpec(columns []Column) (string, error) {
	type spec struct {
		Type     string `json:"type"`
		Name     string `json:"name"`
		Required bool   `json:"required"`
	}
	list := make([]spec, len(columns))
	for i, c := range columns {
		list[i] = spec{c.Type, c.Name, true}
	}
	data, err := json.Marshal(list)
	return string(data), err
}

// sourceType is one of the kinds of source that MLflow's pages know how to show.
func sourceType(uri string) string {
	switch scheme, _, _ := strings.Cut(uri, ":"); scheme {
	case "s3":
		return "s3"
	case "http", "https":
		return "http"
	default:
		return "local"
	}
}

// shortDigest fits a digest into MLflow's 36 characters, the same way wherever a data set is named.
func shortDigest(digest string) string { return digest[:min(len(digest), 36)] }
