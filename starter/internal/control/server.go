package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
)

// pollerAge is how long after its last poll a worker still counts as there. A long
// poll lasts a minute, so a worker that lives has polled within that; one that was
// killed is counted for that long, too.
const pollerAge = 70 * time.Second

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

// Server is what doctor asks of a server.
type Server struct {
	Version string
	Missing []string // search attributes of ours that are not registered
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
	known, err := t.client.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: t.namespace})
	if err != nil {
		return Server{}, fmt.Errorf("list the search attributes: %w", explain(err))
	}
	s := Server{Version: info.GetServerVersion()}
	for _, name := range want {
		if _, ok := known.GetCustomAttributes()[name]; !ok {
			s.Missing = append(s.Missing, name)
		}
	}
	return s, nil
}
