package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// leaver is a server that has gone away between dialling and the first poll, for some requests.
type leaver struct {
	workflowservice.UnimplementedWorkflowServiceServer
	silent atomic.Int32 // so many requests it does not answer
	answer error
}

func (*leaver) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (l *leaver) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	if l.silent.Add(-1) >= 0 {
		return nil, status.Error(codes.DeadlineExceeded, "nobody is there")
	}
	return &workflowservice.DescribeNamespaceResponse{}, l.answer
}

// dialLeaver serves l and answers what makes workers that poll it.
func dialLeaver(t *testing.T, l *leaver) func() []worker.Worker {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(server, l)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	quiet := sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
	c, err := client.Dial(client.Options{HostPort: listener.Addr().String(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return func() []worker.Worker {
		return []worker.Worker{worker.New(c, "one", worker.Options{}), worker.New(c, "two", worker.Options{})}
	}
}

func TestWorkerWaitsForTemporalThatWentAwayAfterItWasDialled(t *testing.T) {
	l := &leaver{}
	workers := dialLeaver(t, l)
	l.silent.Store(2)
	var said bytes.Buffer
	started, err := begin(t.Context(), workers, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil || len(started) != 2 {
		t.Fatalf("%d workers, %v; want 2", len(started), err)
	}
	for _, w := range started {
		w.Stop()
	}
	if told := strings.Count(said.String(), "trying again"); told != 2 {
		t.Errorf("told %d times that it tries again, want 2:\n%s", told, &said)
	}
}

func TestWorkerDoesNotWaitForANamespaceThatDoesNotExist(t *testing.T) {
	l := &leaver{answer: serviceerror.ToStatus(serviceerror.NewNamespaceNotFound("elsewhere")).Err()}
	var gone *serviceerror.NamespaceNotFound
	if _, err := begin(t.Context(), dialLeaver(t, l), slog.New(slog.DiscardHandler)); !errors.As(err, &gone) {
		t.Errorf("%v, want that the namespace is not found", err)
	}
}

func TestWorkerStopsWaitingWhenItIsAskedTo(t *testing.T) {
	l := &leaver{}
	l.silent.Store(1 << 20)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := begin(ctx, dialLeaver(t, l), slog.New(slog.DiscardHandler)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}
