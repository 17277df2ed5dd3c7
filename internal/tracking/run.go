package tracking

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// RunStatus is how a run stands or ended.
type RunStatus string

// The states that MLflow knows.
const (
	Running  RunStatus = "RUNNING"
	Finished RunStatus = "FINISHED"
	Failed   RunStatus = "FAILED"
	Killed   RunStatus = "KILLED"
)

// RunSpec describes the run that EnsureRun makes.
type RunSpec struct {
	ExperimentID string
	Key          string // identifies the run among all runs of the experiment: the workflow's id and run id, for instance
	Name         string
	Start        time.Time
	Tags         map[string]string
}

// Run is one training run.
type Run struct {
	ID           string
	ExperimentID string
	Name         string
	Status       RunStatus
	Artifacts    Root // where its artifacts go
	Tags         map[string]string
	Params       map[string]string
	Metrics      map[string]float64 // the last value of each
	Models       []string           // ids of the logged models it produced
}

// claimTag marks the run that EnsureRun decided for. A create whose answer was lost may be carried out late, after its
// successor was: the mark says which of the two has been handed out, and the start times cannot.
const claimTag = "idempotency_claimed"

// EnsureRun returns the run with this key, creating it if there is none. Surplus runs with the key, left by answers that
// were lost, are deleted (they hold nothing).
func (c *Client) EnsureRun(ctx context.Context, spec RunSpec) (Run, error) {
	run, err := c.ensureRun(ctx, spec)
	if err != nil {
		return Run{}, fmt.Errorf("ensure run %s: %w", spec.Key, err)
	}
	return run, nil
}

func (c *Client) ensureRun(ctx context.Context, spec RunSpec) (Run, error) {
	if err := checkKey(spec.Key); err != nil {
		return Run{}, err
	}
	if spec.Start.IsZero() {
		return Run{}, fmt.Errorf("%w: no start time", ErrInvalid)
	}
	var winner Run
	find := func() (found bool, err error) {
		winner, found, err = c.settleRuns(ctx, spec)
		return found, err
	}
	create := func() error {
		return c.postOnce(ctx, "runs/create", runCreate{
			ExperimentID: spec.ExperimentID, Name: spec.Name, Start: spec.Start.UnixMilli(), Tags: keyed(spec.Tags, spec.Key),
		}, nil)
	}
	return winner, c.ensure(ctx, find, create)
}

// settleRuns picks the run with the key, claims it and deletes the surplus.
func (c *Client) settleRuns(ctx context.Context, spec RunSpec) (Run, bool, error) {
	var answer struct {
		Runs []runAnswer `json:"runs"`
	}
	err := c.post(ctx, "runs/search", runSearch{
		Experiments: []string{spec.ExperimentID}, Filter: keyFilter(spec.Key), View: "ACTIVE_ONLY",
		Order: []string{"attributes.start_time ASC", "attributes.run_id ASC"}, MaxResults: 100,
	}, &answer)
	if err != nil || len(answer.Runs) == 0 {
		return Run{}, false, err
	}
	chosen := answer.Runs[0].run()
	for _, r := range answer.Runs {
		if run := r.run(); run.Tags[claimTag] != "" {
			chosen = run
			break
		}
	}
	if chosen.Tags[claimTag] == "" {
		if err := c.post(ctx, "runs/set-tag", runTag{ID: chosen.ID, pair: pair{claimTag, "true"}}, nil); err != nil {
			return Run{}, false, err
		}
		chosen.Tags[claimTag] = "true"
	}
	for _, r := range answer.Runs {
		if run := r.run(); run.ID != chosen.ID && run.Tags[claimTag] == "" {
			if err := c.post(ctx, "runs/delete", runID{run.ID}, nil); err != nil {
				return Run{}, false, err
			}
		}
	}
	return chosen, true, nil
}

// Run returns the run with its tags, parameters, last metrics and models, or ErrNotFound.
func (c *Client) Run(ctx context.Context, id string) (Run, error) {
	var answer struct {
		Run runAnswer `json:"run"`
	}
	if err := c.get(ctx, "runs/get", url.Values{"run_id": {id}}, &answer); err != nil {
		return Run{}, fmt.Errorf("get run %s: %w", id, err)
	}
	return answer.Run.run(), nil
}

// FinishRun sets the run's final state. Repeat it with the same end.
func (c *Client) FinishRun(ctx context.Context, id string, status RunStatus, end time.Time) error {
	if err := c.post(ctx, "runs/update", runUpdate{ID: id, Status: status, End: end.UnixMilli()}, nil); err != nil {
		return fmt.Errorf("finish run %s: %w", id, err)
	}
	return nil
}

type runCreate struct {
	ExperimentID string `json:"experiment_id"`
	Name         string `json:"run_name"`
	Start        int64  `json:"start_time"` // unix ms
	Tags         []pair `json:"tags"`
}

type runSearch struct {
	Experiments []string `json:"experiment_ids"`
	Filter      string   `json:"filter"`
	View        string   `json:"run_view_type"`
	Order       []string `json:"order_by"`
	MaxResults  int      `json:"max_results"`
}

type runTag struct {
	ID string `json:"run_id"`
	pair
}

type runID struct {
	ID string `json:"run_id"`
}

type runUpdate struct {
	ID     string    `json:"run_id"`
	Status RunStatus `json:"status"`
	End    int64     `json:"end_time"` // unix ms
}

type runAnswer struct {
	Info struct {
		ID           string    `json:"run_id"`
		ExperimentID string    `json:"experiment_id"`
		Name         string    `json:"run_name"`
		Status       RunStatus `json:"status"`
		Artifacts    Root      `json:"artifact_uri"`
	} `json:"info"`
	Data struct {
		Metrics []struct {
			Key   string `json:"key"`
			Value number `json:"value"`
		} `json:"metrics"`
		Params []pair `json:"params"`
		Tags   []pair `json:"tags"`
	} `json:"data"`
	Outputs struct {
		Models []struct {
			ID string `json:"model_id"`
		} `json:"model_outputs"`
	} `json:"outputs"`
}

func (a runAnswer) run() Run {
	run := Run{
		ID: a.Info.ID, ExperimentID: a.Info.ExperimentID, Name: a.Info.Name, Status: a.Info.Status, Artifacts: a.Info.Artifacts,
		Tags: tagsOf(a.Data.Tags), Params: tagsOf(a.Data.Params), Metrics: make(map[string]float64, len(a.Data.Metrics)),
	}
	for _, m := range a.Data.Metrics {
		run.Metrics[m.Key] = float64(m.Value)
	}
	for _, m := range a.Outputs.Models {
		run.Models = append(run.Models, m.ID)
	}
	return run
}
