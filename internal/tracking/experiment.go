package tracking

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Experiment groups runs.
type Experiment struct {
	ID   string
	Name string
}

// EnsureExperiment returns the experiment of this name, creating it if there is none. An experiment that somebody deleted
// is ErrDeleted: it owns its name still, and to bring it back is that person's decision.
func (c *Client) EnsureExperiment(ctx context.Context, name string) (Experiment, error) {
	var exp Experiment
	find := func() (found bool, err error) {
		exp, err = c.experiment(ctx, name)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	}
	create := func() error {
		return c.postOnce(ctx, "experiments/create", experimentCreate{Name: name, Tags: []pair{{experimentKindTag, "custom_model_development"}}}, nil)
	}
	if err := c.ensure(ctx, find, create); err != nil {
		return Experiment{}, fmt.Errorf("ensure experiment %s: %w", name, err)
	}
	return exp, nil
}

// Check finds out whether the server can be used: the address is right, it answers under this host name and accepts the
// credentials. MLflow's own health page says nothing about the last two.
func (c *Client) Check(ctx context.Context) error {
	if err := c.post(ctx, "experiments/search", experimentSearch{MaxResults: 1}, nil); err != nil {
		return fmt.Errorf("check mlflow: %w", err)
	}
	return nil
}

// ServerVersion is MLflow's own version: 3.17.2.
func (c *Client) ServerVersion(ctx context.Context) (string, error) {
	var version string
	err := c.retry(ctx, func() error {
		answer, err := c.do(ctx, call{method: http.MethodGet, path: "/version", limit: maxErrorBody, wait: c.cfg.Timeout})
		version = strings.TrimSpace(string(answer))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("get version of mlflow: %w", err)
	}
	if !versionForm.MatchString(version) {
		return "", fmt.Errorf("get version of mlflow: answer is not a version, is this address an MLflow server?")
	}
	return version, nil
}

var versionForm = regexp.MustCompile(`^[0-9]+\.[0-9]+[0-9A-Za-z.+-]{0,30}$`)

func (c *Client) experiment(ctx context.Context, name string) (Experiment, error) {
	var answer struct {
		Experiment struct {
			ID    string `json:"experiment_id"`
			Name  string `json:"name"`
			Stage string `json:"lifecycle_stage"`
		} `json:"experiment"`
	}
	err := c.get(ctx, "experiments/get-by-name", url.Values{"experiment_name": {name}}, &answer)
	if err != nil {
		return Experiment{}, err
	}
	if answer.Experiment.Stage == "deleted" {
		return Experiment{}, fmt.Errorf("%w: restore it (mlflow experiments restore -x %s) or choose another name", ErrDeleted, answer.Experiment.ID)
	}
	return Experiment{ID: answer.Experiment.ID, Name: answer.Experiment.Name}, nil
}

// experimentKindTag decides which pages MLflow opens an experiment with: those for model
// training and not those for language models.
const experimentKindTag = "mlflow.experimentKind"

type experimentCreate struct {
	Name string `json:"name"`
	Tags []pair `json:"tags"`
}

type experimentSearch struct {
	MaxResults int `json:"max_results"`
}
