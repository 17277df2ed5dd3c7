package control

import (
	"errors"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	updatepb "go.temporal.io/api/update/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"temporal-streaming/internal/job"
)

// answered is an update that the workflow has completed.
func answered(outcome *updatepb.Outcome) *workflowservice.UpdateWorkflowExecutionResponse {
	return &workflowservice.UpdateWorkflowExecutionResponse{Stage: enumspb.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED, Outcome: outcome}
}

func TestOrderIsOneUpdateHoweverLongItTakes(t *testing.T) {
	var asked []*workflowservice.UpdateWorkflowExecutionRequest
	temporal := dial(t, &fakeServer{update: func(r *workflowservice.UpdateWorkflowExecutionRequest) (*workflowservice.UpdateWorkflowExecutionResponse, error) {
		if asked = append(asked, r); len(asked) < 3 {
			return nil, status.Error(codes.DeadlineExceeded, "the long poll is over")
		}
		return answered(&updatepb.Outcome{Value: &updatepb.Outcome_Success{Success: payloads(t, job.ControlReceipt{What: "swap", Generation: 7})}}), nil
	}})
	receipt, err := temporal.Order(t.Context(), "creditcard", Order{Update: job.SwapUpdate, Request: job.SwapRequest{Model: "4", Reason: "r"}})
	if err != nil || receipt.Generation != 7 || len(asked) != 3 {
		t.Fatalf("%+v after %d attempts, %v", receipt, len(asked), err)
	}
	for _, r := range asked {
		if r.Request.Meta.UpdateId != asked[0].Request.Meta.UpdateId || r.Request.Input.Name != "swap" || r.WorkflowExecution.WorkflowId != "inference-creditcard" {
			t.Errorf("asked for %v", r.Request)
		}
	}
}

func TestOrderToABusyStreamIsGivenAnew(t *testing.T) {
	ids := map[string]bool{}
	temporal := dial(t, &fakeServer{update: func(r *workflowservice.UpdateWorkflowExecutionRequest) (*workflowservice.UpdateWorkflowExecutionResponse, error) {
		if ids[r.Request.Meta.UpdateId] = true; len(ids) < 3 {
			return answered(failed(job.ErrTypeBusy, "the stream is handing over")), nil
		}
		return answered(&updatepb.Outcome{Value: &updatepb.Outcome_Success{Success: payloads(t, job.ControlReceipt{Generation: 7})}}), nil
	}})
	if receipt, err := temporal.Order(t.Context(), "creditcard", Order{Update: job.PauseUpdate, Request: job.PauseRequest{}}); err != nil || receipt.Generation != 7 {
		t.Errorf("%+v, %v", receipt, err)
	}
}

func failed(kind, message string) *updatepb.Outcome {
	return &updatepb.Outcome{Value: &updatepb.Outcome_Failure{Failure: &failurepb.Failure{
		Message:     message,
		FailureInfo: &failurepb.Failure_ApplicationFailureInfo{ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{Type: kind}},
	}}}
}

func TestOrderThatIsRefusedIsInTheStreamsWords(t *testing.T) {
	temporal := dial(t, &fakeServer{update: func(*workflowservice.UpdateWorkflowExecutionRequest) (*workflowservice.UpdateWorkflowExecutionResponse, error) {
		return answered(failed(job.ErrTypeInvalid, "the stream is stopping")), nil
	}})
	_, err := temporal.Scale(t.Context(), "creditcard", job.ScaleRequest{Shards: 2})
	var refused *Refused
	if !errors.As(err, &refused) || refused.Type != job.ErrTypeInvalid || refused.Message != "the stream is stopping" {
		t.Errorf("got %v", err)
	}
}
