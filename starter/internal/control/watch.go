package control

import (
	"context"
	"fmt"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"temporal-streaming/internal/job"
)

// Activity is one pending activity of a workflow: what runs, and how it fares.
type Activity struct {
	Type        string
	Attempt     int32
	Started     bool
	Worker      string
	LastFailure string
	NextAttempt time.Time          // zero unless it waits for a retry
	Heartbeat   *commonpb.Payloads // as it was reported last; nil if never
}

// Execution is what the server knows of a workflow without asking a worker.
type Execution struct {
	Run
	State    string // running, completed, failed, canceled, terminated, timed out
	Running  bool
	Started  time.Time
	Closed   time.Time // zero while it runs
	Pipeline string
	Pending  []Activity
}

// Describe reads a workflow's state from the server alone. An empty run id means the latest.
func (t *Temporal) Describe(ctx context.Context, run Run) (Execution, error) {
	answer, err := t.client.DescribeWorkflowExecution(ctx, run.WorkflowID, run.RunID)
	if err != nil {
		return Execution{}, fmt.Errorf("describe %s: %w", run.WorkflowID, explain(err))
	}
	x := execution(answer.GetWorkflowExecutionInfo())
	for _, p := range answer.GetPendingActivities() {
		a := Activity{
			Type: p.GetActivityType().GetName(), Attempt: p.GetAttempt(), Worker: p.GetLastWorkerIdentity(),
			Started:     p.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED,
			LastFailure: p.GetLastFailure().GetMessage(), Heartbeat: p.GetHeartbeatDetails(),
		}
		if next := p.GetNextAttemptScheduleTime(); next != nil {
			a.NextAttempt = next.AsTime()
		}
		x.Pending = append(x.Pending, a)
	}
	return x, nil
}

// Fit reads the epoch that a running Fit reported last.
func (a Activity) Fit() (job.FitProgress, bool) {
	var p job.FitProgress
	return p, a.decode(&p) && p.Epochs > 0
}

// Shard reads the progress that a running segment reported last.
func (a Activity) Shard() (job.Progress, bool) {
	var p job.Progress
	return p, a.decode(&p) && len(p.Partitions) > 0
}

func (a Activity) decode(into any) bool {
	return a.Heartbeat != nil && converter.GetDefaultDataConverter().FromPayloads(a.Heartbeat, into) == nil
}

// Streams lists the streams of a pipeline (all of them if pipeline is empty), each
// once with its latest run, newest first: those that run and those that ended recently.
func (t *Temporal) Streams(ctx context.Context, pipeline string) ([]Execution, error) {
	query := fmt.Sprintf("WorkflowType = '%s'", job.InferenceWorkflow)
	if pipeline != "" {
		query += fmt.Sprintf(" AND WorkflowId = '%s'", strings.ReplaceAll(job.InferenceWorkflowID(pipeline), "'", ""))
	}
	answer, err := t.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: t.namespace, PageSize: 200, Query: query,
	})
	if err != nil {
		return nil, fmt.Errorf("list the streams: %w", explain(err))
	}
	latest := map[string]int{}
	var out []Execution
	for _, info := range answer.GetExecutions() {
		x := execution(info)
		at, seen := latest[x.WorkflowID]
		switch {
		case !seen:
			latest[x.WorkflowID] = len(out)
			out = append(out, x)
		case x.Started.After(out[at].Started):
			out[at] = x
		}
	}
	return out, nil
}

func execution(info *workflowpb.WorkflowExecutionInfo) Execution {
	x := Execution{
		Run:     Run{WorkflowID: info.GetExecution().GetWorkflowId(), RunID: info.GetExecution().GetRunId()},
		State:   states[info.GetStatus()],
		Running: info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
		Started: info.GetStartTime().AsTime(),
	}
	if closed := info.GetCloseTime(); closed != nil {
		x.Closed = closed.AsTime()
	}
	x.Pipeline, _ = strings.CutPrefix(x.WorkflowID, job.InferenceWorkflowID(""))
	return x
}

// states are the words for people.
var states = map[enumspb.WorkflowExecutionStatus]string{
	enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:          "running",
	enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:        "completed",
	enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:           "failed",
	enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:         "cancelled",
	enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:       "terminated",
	enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW: "continued",
	enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:        "timed out",
	enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED:           "paused",
}
