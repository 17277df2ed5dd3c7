package tracking

import (
	"context"
	"fmt"
	"net/http"
	"slices"
)

// LoggedModelSpec describes the model that EnsureLoggedModel makes.
type LoggedModelSpec struct {
	ExperimentID string
	RunID        string // the run that produced it
	Key          string // identifies the model among all models of the experiment
	Name         string // without / : . % " '
	Params       map[string]string
	Tags         map[string]string
	Step         int64 // the epoch it stems from
}

// LoggedModel is a model with a place for its files, before and apart from any registration.
type LoggedModel struct {
	ID        string // m-...
	Name      string
	RunID     string
	Artifacts Root
	Ready     bool // all files are there
	Tags      map[string]string
}

// EnsureLoggedModel returns the model with this key, creating it if there is none, and ties it to its run as an output.
// Surplus models with the key, left by answers that were lost, are deleted while they are empty.
func (c *Client) EnsureLoggedModel(ctx context.Context, spec LoggedModelSpec) (LoggedModel, error) {
	model, err := c.ensureLoggedModel(ctx, spec)
	if err != nil {
		return LoggedModel{}, fmt.Errorf("ensure logged model %s: %w", spec.Name, err)
	}
	return model, nil
}

func (c *Client) ensureLoggedModel(ctx context.Context, spec LoggedModelSpec) (LoggedModel, error) {
	if err := checkKey(spec.Key); err != nil {
		return LoggedModel{}, err
	}
	var model LoggedModel
	find := func() (found bool, err error) {
		model, found, err = c.settleModels(ctx, spec)
		return found, err
	}
	create := func() error {
		return c.postOnce(ctx, "logged-models", modelCreate{
			ExperimentID: spec.ExperimentID, Name: spec.Name, Type: "Classifier", RunID: spec.RunID,
			Params: pairs(spec.Params), Tags: keyed(spec.Tags, spec.Key),
		}, nil)
	}
	if err := c.ensure(ctx, find, create); err != nil {
		return LoggedModel{}, err
	}
	return model, c.ensureOutput(ctx, spec.RunID, model.ID, spec.Step)
}

// settleModels picks the oldest model with the key by the server's own clock and deletes younger ones that are still empty.
func (c *Client) settleModels(ctx context.Context, spec LoggedModelSpec) (LoggedModel, bool, error) {
	var answer struct {
		Models []modelAnswer `json:"models"`
	}
	err := c.post(ctx, "logged-models/search", modelSearch{
		Experiments: []string{spec.ExperimentID}, Filter: keyFilter(spec.Key), MaxResults: 50,
		Order: []modelOrder{{Field: "creation_timestamp", Ascending: true}},
	}, &answer)
	if err != nil || len(answer.Models) == 0 {
		return LoggedModel{}, false, err
	}
	chosen := answer.Models[0].model()
	for _, a := range answer.Models[1:] {
		if m := a.model(); !m.Ready {
			if err := c.send(ctx, http.MethodDelete, "logged-models/"+m.ID, struct{}{}, nil); err != nil {
				return LoggedModel{}, false, err
			}
		}
	}
	return chosen, true, nil
}

// ensureOutput ties the model to the run. The server takes that once and answers a repetition with a database error, so the
// run is asked first, and again after whatever went wrong.
func (c *Client) ensureOutput(ctx context.Context, runID, modelID string, step int64) error {
	find := func() (bool, error) {
		run, err := c.Run(ctx, runID)
		return slices.Contains(run.Models, modelID), err
	}
	create := func() error {
		return c.postOnce(ctx, "runs/outputs", runOutputs{RunID: runID, Models: []modelOutput{{ID: modelID, Step: step}}}, nil)
	}
	return c.ensure(ctx, find, create)
}

func (c *Client) markReady(ctx context.Context, modelID string) error {
	return c.send(ctx, http.MethodPatch, "logged-models/"+modelID, modelStatus{ID: modelID, Status: readyStatus}, nil)
}

const readyStatus = "LOGGED_MODEL_READY"

type modelCreate struct {
	ExperimentID string `json:"experiment_id"`
	Name         string `json:"name"`
	Type         string `json:"model_type"`
	RunID        string `json:"source_run_id"`
	Params       []pair `json:"params"`
	Tags         []pair `json:"tags"`
}

type modelSearch struct {
	Experiments []string     `json:"experiment_ids"`
	Filter      string       `json:"filter"`
	Order       []modelOrder `json:"order_by"`
	MaxResults  int          `json:"max_results"`
}

type modelOrder struct {
	Field     string `json:"field_name"`
	Ascending bool   `json:"ascending"`
}

type modelStatus struct {
	ID     string `json:"model_id"`
	Status string `json:"status"`
}

type runOutputs struct {
	RunID  string        `json:"run_id"`
	Models []modelOutput `json:"models"`
}

type modelOutput struct {
	ID   string `json:"model_id"`
	Step int64  `json:"step"`
}

type modelAnswer struct {
	Info struct {
		ID        string `json:"model_id"`
		Name      string `json:"name"`
		RunID     string `json:"source_run_id"`
		Artifacts Root   `json:"artifact_uri"`
		Status    string `json:"status"`
		Tags      []pair `json:"tags"`
	} `json:"info"`
}

func (a modelAnswer) model() LoggedModel {
	return LoggedModel{
		ID: a.Info.ID, Name: a.Info.Name, RunID: a.Info.RunID, Artifacts: a.Info.Artifacts,
		Ready: a.Info.Status == readyStatus, Tags: tagsOf(a.Info.Tags),
	}
}
