package control

import (
	"context"
	"errors"
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

// pollerAge is how long after its last poll a worker still counts as there. A long
// poll lasts a minute, so a worker that lives has polled within that.
const pollerAge = 70 * time.Second

// Activity is one pending activity of a workflow: what runs, and how it fares.
type Activity struct {
	Type        string
	Attempt     int32
	Started     bool
	Worker      string
	LastFailure string
	NextAttempt time.Time // zero unless it waits for a retry
	heartbeat   *commonpb.Payloads
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
			LastFailure: p.GetLastFailure().GetMessage(), heartbeat: p.GetHeartbeatDetails(),
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
	return a.heartbeat != nil && converter.GetDefaultDataConverter().FromPayloads(a.heartbeat, into) == nil
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

// Workers is how many workers poll a task queue now.
func (t *Temporal) Workers(ctx context.Context, queue string) (int, error) {
	answer, err := t.client.DescribeTaskQueue(ctx, queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		return 0, fmt.Errorf("look for workers on queue %s: %w", queue, explain(err))
	}
	n := 0
	for _, p := range answer.GetPollers() {
		if time.Since(p.GetLastAccessTime().AsTime()) < pollerAge {
			n++
		}
	}
	return n, nil
}

func execution(info *workflowpb.WorkflowExecutionInfo) Execution {
	state, _ := strings.CutPrefix(info.GetStatus().String(), "WORKFLOW_EXECUTION_STATUS_")
	x := Execution{
		Run:     Run{WorkflowID: info.GetExecution().GetWorkflowId(), RunID: info.GetExecution().GetRunId()},
		State:   strings.ToLower(state),
		Running: info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
		Started: info.GetStartTime().AsTime(),
	}
	if closed := info.GetCloseTime(); closed != nil {
		x.Closed = closed.AsTime()
	}
	x.Pipeline, _ = strings.CutPrefix(x.WorkflowID, job.InferenceWorkflowID(""))
	return x
}

// Server is what doctor asks of a server.
type Server struct {
	Version    string
	Attributes []string // search attributes of ours that are not registered
}

// Examine asks the server for its version, the namespace, and which of our search
// attributes it lacks.
func (t *Temporal) Examine(ctx context.Context, want []string) (Server, error) {
	info, err := t.client.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		return Server{}, fmt.Errorf("ask Temporal for its version: %w", explain(err))
	}
	if _, err := t.client.WorkflowService().DescribeNamespace(ctx,
		&workflowservice.DescribeNamespaceRequest{Namespace: t.namespace}); err != nil {
		return Server{}, fmt.Errorf("look for namespace %s: %w", t.namespace, errors.Join(ErrNamespace, explain(err)))
	}
	known, err := t.client.GetSearchAttributes(ctx)
	if err != nil {
		return Server{}, fmt.Errorf("list the search attributes: %w", explain(err))
	}
	s := Server{Version: info.GetServerVersion()}
	for _, name := range want {
		if _, ok := known.GetKeys()[name]; !ok {
			s.Attributes = append(s.Attributes, name)
		}
	}
	return s, nil
}
