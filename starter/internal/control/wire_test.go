package control

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"temporal-streaming/internal/job"
)

// fakeServer is a Temporal frontend on a real socket; calls that a test does not set
// are answered as not implemented.
type fakeServer struct {
	workflowservice.UnimplementedWorkflowServiceServer
	operatorservice.UnimplementedOperatorServiceServer
	start    func(*workflowservice.StartWorkflowExecutionRequest) (*workflowservice.StartWorkflowExecutionResponse, error)
	query    func(*workflowservice.QueryWorkflowRequest) (*workflowservice.QueryWorkflowResponse, error)
	describe func(*workflowservice.DescribeWorkflowExecutionRequest) (*workflowservice.DescribeWorkflowExecutionResponse, error)
	queue    func(*workflowservice.DescribeTaskQueueRequest) (*workflowservice.DescribeTaskQueueResponse, error)
	list     func(*workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
	update   func(*workflowservice.UpdateWorkflowExecutionRequest) (*workflowservice.UpdateWorkflowExecutionResponse, error)
}

func (f *fakeServer) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{ServerVersion: "1.32.0", Capabilities: &workflowservice.GetSystemInfoResponse_Capabilities{}}, nil
}

func (f *fakeServer) DescribeNamespace(_ context.Context, r *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	if r.Namespace != "default" {
		return nil, serviceerror.ToStatus(serviceerror.NewNamespaceNotFound(r.Namespace)).Err()
	}
	return &workflowservice.DescribeNamespaceResponse{}, nil
}

func (f *fakeServer) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest) (*operatorservice.ListSearchAttributesResponse, error) {
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: map[string]enumspb.IndexedValueType{"Pipeline": enumspb.INDEXED_VALUE_TYPE_KEYWORD}}, nil
}

func (f *fakeServer) StartWorkflowExecution(_ context.Context, r *workflowservice.StartWorkflowExecutionRequest) (*workflowservice.StartWorkflowExecutionResponse, error) {
	return f.start(r)
}
func (f *fakeServer) QueryWorkflow(_ context.Context, r *workflowservice.QueryWorkflowRequest) (*workflowservice.QueryWorkflowResponse, error) {
	return f.query(r)
}
func (f *fakeServer) DescribeWorkflowExecution(_ context.Context, r *workflowservice.DescribeWorkflowExecutionRequest) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return f.describe(r)
}
func (f *fakeServer) DescribeTaskQueue(_ context.Context, r *workflowservice.DescribeTaskQueueRequest) (*workflowservice.DescribeTaskQueueResponse, error) {
	return f.queue(r)
}
func (f *fakeServer) ListWorkflowExecutions(_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	return f.list(r)
}
func (f *fakeServer) UpdateWorkflowExecution(_ context.Context, r *workflowservice.UpdateWorkflowExecutionRequest) (*workflowservice.UpdateWorkflowExecutionResponse, error) {
	return f.update(r)
}

// dial connects to a fake server with the settings that a user would give.
func dial(t *testing.T, f *fakeServer, more ...string) *Temporal {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(server, f)
	operatorservice.RegisterOperatorServiceServer(server, f)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	vars := map[string]string{"TEMPORAL_ADDRESS": listener.Addr().String(), "TEMPORAL_CONFIG_FILE": t.TempDir() + "/none"}
	for i := 0; i < len(more); i += 2 {
		vars[more[i]] = more[i+1]
	}
	temporal, err := Dial(t.Context(), vars)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(temporal.Close)
	return temporal
}

func payloads(t *testing.T, v any) *commonpb.Payloads {
	t.Helper()
	p, err := converter.GetDefaultDataConverter().ToPayloads(v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNobodyAtTheAddressIsUnreachable(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := Dial(ctx, map[string]string{"TEMPORAL_ADDRESS": "127.0.0.1:1"}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

func TestTrainStartsWithSummaryAndSearchAttribute(t *testing.T) {
	var asked *workflowservice.StartWorkflowExecutionRequest
	temporal := dial(t, &fakeServer{start: func(r *workflowservice.StartWorkflowExecutionRequest) (*workflowservice.StartWorkflowExecutionResponse, error) {
		asked = r
		return &workflowservice.StartWorkflowExecutionResponse{RunId: "run-1", Started: true}, nil
	}})
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	run, err := temporal.StartTrain(t.Context(), job.TrainRequest{Pipeline: "creditcard", Seed: 11, By: "ann"}, at)
	if err != nil || run != (Run{WorkflowID: "train-creditcard-20261101-120000.000", RunID: "run-1"}) {
		t.Fatalf("%+v, %v", run, err)
	}
	if asked.TaskQueue.Name != job.TrainQueue || asked.WorkflowType.Name != job.TrainWorkflow || asked.UserMetadata.GetSummary() == nil ||
		string(asked.SearchAttributes.IndexedFields[job.PipelineAttribute].Data) != `"creditcard"` {
		t.Errorf("asked for %v", asked)
	}
}

func TestOnlyWorkersThatPolledLatelyCount(t *testing.T) {
	temporal := dial(t, &fakeServer{queue: func(*workflowservice.DescribeTaskQueueRequest) (*workflowservice.DescribeTaskQueueResponse, error) {
		return &workflowservice.DescribeTaskQueueResponse{Pollers: []*taskqueuepb.PollerInfo{
			{Identity: "alive", LastAccessTime: timestamppb.Now()},
			{Identity: "long gone", LastAccessTime: timestamppb.New(time.Now().Add(-3 * time.Minute))},
		}}, nil
	}})
	if n, err := temporal.Workers(t.Context(), job.TrainQueue); err != nil || n != 1 {
		t.Errorf("%d workers, %v", n, err)
	}
}

func TestStreamsAreListedOnceWithTheirLatestRun(t *testing.T) {
	execution := func(id, run string, started int64, state enumspb.WorkflowExecutionStatus) *workflowpb.WorkflowExecutionInfo {
		return &workflowpb.WorkflowExecutionInfo{Execution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: run}, StartTime: &timestamppb.Timestamp{Seconds: started}, Status: state}
	}
	query := ""
	temporal := dial(t, &fakeServer{list: func(r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
		query = r.Query
		return &workflowservice.ListWorkflowExecutionsResponse{Executions: []*workflowpb.WorkflowExecutionInfo{
			execution("inference-a", "old", 10, enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW),
			execution("inference-b", "only", 5, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED),
			execution("inference-a", "new", 20, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING),
		}}, nil
	}})
	streams, err := temporal.Streams(t.Context(), "")
	if err != nil || len(streams) != 2 || streams[0].RunID != "new" || !streams[0].Running || streams[0].Pipeline != "a" || streams[1].State != "completed" {
		t.Errorf("%+v, %v", streams, err)
	}
	if _, err := temporal.Streams(t.Context(), "a"); err != nil || query != "WorkflowType = 'Inference' AND WorkflowId = 'inference-a'" {
		t.Errorf("asked %q, %v", query, err)
	}
}

func TestHeartbeatsAreReadAsWhatTheyAre(t *testing.T) {
	fit := job.FitProgress{Member: 1, Members: 3, Epoch: 7, Epochs: 40, Done: 0.2, ValidationAP: 0.8}
	shard := job.Progress{Records: 9, Partitions: []job.PartitionProgress{{Partition: 2, Offset: 4}}}
	temporal := dial(t, &fakeServer{describe: func(*workflowservice.DescribeWorkflowExecutionRequest) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
		return &workflowservice.DescribeWorkflowExecutionResponse{
			WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
			PendingActivities: []*workflowpb.PendingActivityInfo{
				{ActivityType: &commonpb.ActivityType{Name: "Fit"}, Attempt: 1, HeartbeatDetails: payloads(t, fit)},
				{ActivityType: &commonpb.ActivityType{Name: "Segment"}, Attempt: 2, HeartbeatDetails: payloads(t, shard)},
				{ActivityType: &commonpb.ActivityType{Name: "Log"}, HeartbeatDetails: payloads(t, "something else")},
			},
		}, nil
	}})
	x, err := temporal.Describe(t.Context(), Run{WorkflowID: "w"})
	if err != nil || len(x.Pending) != 3 {
		t.Fatalf("%+v, %v", x, err)
	}
	if got, ok := x.Pending[0].Fit(); !ok || got != fit {
		t.Errorf("fit: %+v, %v", got, ok)
	}
	if _, ok := x.Pending[0].Shard(); ok {
		t.Error("a fit was read as a shard")
	}
	if got, ok := x.Pending[1].Shard(); !ok || got.Partitions[0] != shard.Partitions[0] {
		t.Errorf("shard: %+v, %v", got, ok)
	}
	if _, ok := x.Pending[2].Fit(); ok {
		t.Error("a text was read as a fit")
	}
}

func TestStopOfAStreamThatIsGoneIsNotRunning(t *testing.T) {
	temporal := dial(t, &fakeServer{update: func(*workflowservice.UpdateWorkflowExecutionRequest) (*workflowservice.UpdateWorkflowExecutionResponse, error) {
		return nil, serviceerror.ToStatus(serviceerror.NewNotFound("workflow execution already completed")).Err()
	}})
	if _, err := temporal.Stop(t.Context(), "creditcard", job.StopRequest{}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}

func TestQueryThatNobodyAnswersEndsWithItsContext(t *testing.T) {
	temporal := dial(t, &fakeServer{query: func(*workflowservice.QueryWorkflowRequest) (*workflowservice.QueryWorkflowResponse, error) {
		return nil, status.Error(codes.DeadlineExceeded, "no worker")
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := temporal.TrainProgress(ctx, Run{WorkflowID: "w"}); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("got %v", err)
	}
}

func TestExamineNamesWhatIsMissing(t *testing.T) {
	server, err := dial(t, &fakeServer{}).Examine(t.Context(), []string{"Pipeline", "Decision"})
	if err != nil || server.Version != "1.32.0" || len(server.Missing) != 1 || server.Missing[0] != "Decision" {
		t.Errorf("%+v, %v", server, err)
	}
	if _, err := dial(t, &fakeServer{}, "TEMPORAL_NAMESPACE", "nowhere").Examine(t.Context(), nil); !errors.Is(err, ErrNamespace) {
		t.Errorf("got %v", err)
	}
}

func TestEveryErrorOfTheSDKIsOneOfOurs(t *testing.T) {
	for _, c := range []struct {
		from, want error
	}{
		{serviceerror.NewNotFound("x"), ErrNotFound},
		{serviceerror.NewNamespaceNotFound("x"), ErrNamespace},
		{serviceerror.NewUnavailable("x"), ErrUnreachable},
		{serviceerror.NewDeadlineExceeded("x"), ErrNoAnswer},
		{context.DeadlineExceeded, ErrNoAnswer},
		{serviceerror.NewInvalidArgument("Namespace default has no mapping defined for search attribute Pipeline"), ErrAttributes},
	} {
		if got := explain(c.from); !errors.Is(got, c.want) || !errors.Is(got, c.from) {
			t.Errorf("%v became %v", c.from, got)
		}
	}
	var refused *Refused
	if err := explain(temporal.NewApplicationError("no champion", job.ErrTypeNoChampion)); !errors.As(err, &refused) || refused.Type != job.ErrTypeNoChampion || refused.Message != "no champion" {
		t.Errorf("got %v", err)
	}
	if explain(nil) != nil {
		t.Error("nil became an error")
	}
}
