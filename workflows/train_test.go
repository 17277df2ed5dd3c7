package workflows

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

var gates = job.Gates{MinAveragePrecision: 0.7, MinAUC: 0.9, MaxAPDrop: 0.02, MaxParityGap: 1e-6, MinRowsPerSecond: 1000}

func good() job.Validated {
	return job.Validated{Candidate: job.Quality{AveragePrecision: 0.8, AUC: 0.95}, RowsPerSecond: 5000}
}

// trainEnvironment answers every activity of Train with a plausible result.
func trainEnvironment(t *testing.T, validated job.Validated) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	env := newEnvironment()
	var a *activities.Training
	env.RegisterActivity(a)
	env.OnActivity(a.Ingest, mock.Anything, mock.Anything).Return(job.Ingested{Experiment: "creditcard", Gates: gates}, nil)
	env.OnActivity(a.Engineer, mock.Anything, mock.Anything).Return(job.Engineered{Features: 29}, nil)
	env.OnActivity(a.Fit, mock.Anything, mock.Anything).Return(job.Fitted{Threshold: 0.5}, nil)
	env.OnActivity(a.Log, mock.Anything, mock.Anything).Return(job.Logged{Model: "creditcard", Version: "2"}, nil)
	env.OnActivity(a.Validate, mock.Anything, mock.Anything).Return(validated, nil)
	t.Cleanup(func() { env.AssertExpectations(t) })
	return env
}

func result(t *testing.T, env *testsuite.TestWorkflowEnvironment) *job.TrainResult {
	t.Helper()
	env.ExecuteWorkflow(Train, job.TrainRequest{Pipeline: "creditcard"})
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	var r *job.TrainResult
	if err := env.GetWorkflowResult(&r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTrainPromotesAModelThatPassesEveryGate(t *testing.T) {
	env := trainEnvironment(t, good())
	var a *activities.Training
	env.OnActivity(a.Promote, mock.Anything, mock.Anything).Return(job.Promoted{Champion: "2", Previous: "1"}, nil)
	r := result(t, env)
	if !r.Decision.Promote || r.Champion != "2" {
		t.Errorf("decision %+v, champion %q; want version 2 promoted", r.Decision, r.Champion)
	}
}

func TestTrainRejectsAndStillEndsWell(t *testing.T) {
	weak := good()
	weak.Champion = &job.Quality{Version: "1", AveragePrecision: 0.9}
	env := trainEnvironment(t, weak)
	var a *activities.Training
	env.OnActivity(a.Reject, mock.Anything, mock.Anything).Return(job.Promoted{Champion: "1"}, nil)
	r := result(t, env)
	if r.Decision.Promote || r.Champion != "1" {
		t.Errorf("decision %+v, champion %q; want rejected, version 1 kept", r.Decision, r.Champion)
	}
	if len(r.Decision.Reasons) != 1 || !strings.Contains(r.Decision.Reasons[0], "champion version 1") {
		t.Errorf("reasons %q do not name the champion", r.Decision.Reasons)
	}
}

func TestFailedTrainingClosesItsRun(t *testing.T) {
	env := newEnvironment()
	var a *activities.Training
	env.RegisterActivity(a)
	env.OnActivity(a.Ingest, mock.Anything, mock.Anything).Return(job.Ingested{Experiment: "creditcard"}, nil)
	env.OnActivity(a.Engineer, mock.Anything, mock.Anything).Return(job.Engineered{}, nil)
	env.OnActivity(a.Fit, mock.Anything, mock.Anything).Return(job.Fitted{}, nil)
	env.OnActivity(a.Log, mock.Anything, mock.Anything).Return(job.Logged{},
		temporal.NewNonRetryableApplicationError("the experiment is deleted", job.ErrTypeInvalid, nil))
	closed := job.AbandonRequest{}
	env.OnActivity(a.Abandon, mock.Anything, mock.Anything).Return(func(_ context.Context, req job.AbandonRequest) error {
		closed = req
		return nil
	})
	env.ExecuteWorkflow(Train, job.TrainRequest{Pipeline: "creditcard"})
	if env.GetWorkflowError() == nil {
		t.Fatal("the workflow succeeded")
	}
	if closed.Reason != "the experiment is deleted" || closed.Cancelled {
		t.Errorf("the run was closed with %+v", closed)
	}
	v, err := env.QueryWorkflow(job.ProgressQuery)
	if err != nil {
		t.Fatal(err)
	}
	var p job.TrainProgress
	if err := v.Get(&p); err != nil {
		t.Fatal(err)
	}
	if p.Steps[logModel].State != job.StepFailed || p.Steps[validate].State != job.StepWaiting {
		t.Errorf("steps %+v; want Log failed and Validate waiting", p.Steps)
	}
}

func TestTransientErrorsAreRetriedAndFinalOnesAreNot(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"transient", temporal.NewApplicationError("mlflow unavailable", "Retryable"), 3},
		{"final", temporal.NewApplicationError("no such column", job.ErrTypeInvalid), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := newEnvironment()
			var a *activities.Training
			env.RegisterActivity(a)
			tries := 0
			env.OnActivity(a.Ingest, mock.Anything, mock.Anything).Return(func(context.Context, job.TrainRequest) (job.Ingested, error) {
				if tries++; tries == 3 {
					return job.Ingested{}, temporal.NewApplicationError("enough", job.ErrTypeInvalid)
				}
				return job.Ingested{}, c.err
			})
			env.ExecuteWorkflow(Train, job.TrainRequest{Pipeline: "creditcard"})
			if env.GetWorkflowError() == nil || tries != c.want {
				t.Errorf("tried %d times, error %v; want %d and an error", tries, env.GetWorkflowError(), c.want)
			}
		})
	}
}

func TestEveryGateCanRejectAlone(t *testing.T) {
	for name, spoil := range map[string]func(*job.Validated){
		"average precision": func(v *job.Validated) { v.Candidate.AveragePrecision = 0.69 },
		"no number":         func(v *job.Validated) { v.Candidate.AveragePrecision = math.NaN() },
		"auc":               func(v *job.Validated) { v.Candidate.AUC = 0.89 },
		"parity, training":  func(v *job.Validated) { v.GapToTraining = 2e-6 },
		"parity, file":      func(v *job.Validated) { v.GapToFile = math.Inf(1) },
		"stream differs":    func(v *job.Validated) { v.Stream = &job.StreamParity{Rows: 20000, Different: 1} },
		"nothing rehearsed": func(v *job.Validated) { v.Stream = &job.StreamParity{} },
		"speed":             func(v *job.Validated) { v.RowsPerSecond = 999 },
		"champion":          func(v *job.Validated) { v.Champion = &job.Quality{Version: "1", AveragePrecision: 0.8201} },
	} {
		v := good()
		spoil(&v)
		if d := decide(gates, v); d.Promote || len(d.Reasons) != 1 {
			t.Errorf("%s: %+v; want one reason to reject", name, d)
		}
	}
	if d := decide(gates, good()); !d.Promote {
		t.Errorf("a good model is rejected: %v", d.Reasons)
	}
}
