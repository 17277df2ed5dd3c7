// Package control is the control plane as the command line sees it: it starts,
// watches and ends the workflows of package job, and answers in their plain types.
//
// Every call is bounded by the context that it is given. Whatever goes wrong comes
// back as one of the errors below, so that a command can say what to do next
// without knowing Temporal's errors; no call prints, logs or retries behind its
// caller's back, except that WaitTrain, Attach, Stop, Scale and Order wait as long as their
// context lives.
//
//	temporal, err := control.Dial(ctx, vars)
//	run, err := temporal.StartTrain(ctx, job.TrainRequest{Pipeline: "creditcard"})
//	progress, err := temporal.TrainProgress(ctx, run)
package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"

	"temporal-streaming/internal/config"
)

// What can go wrong, told apart by what a person does about it.
var (
	// ErrUnreachable is returned when no Temporal server answers at the address.
	ErrUnreachable = errors.New("no Temporal server answers")
	// ErrNamespace is returned when the server answers but lacks the namespace.
	ErrNamespace = errors.New("the namespace does not exist")
	// ErrAttributes is returned when the server does not know our search attributes.
	ErrAttributes = errors.New("the search attributes are not registered")
	// ErrNotFound is returned when no such workflow is there, running or closed.
	ErrNotFound = errors.New("there is no such workflow")
	// ErrNotRunning is returned when a workflow that was to be asked has ended.
	ErrNotRunning = errors.New("the workflow is not running")
	// ErrNoAnswer is returned when no worker answered a query or an update in time.
	ErrNoAnswer = errors.New("no worker answers")
)

// Refused is the failure of a workflow or of an update, in the workflow's own words.
type Refused struct {
	Type    string // one of job.ErrType..., or empty
	Message string
}

func (e *Refused) Error() string { return e.Message }

// Temporal talks to one namespace of one server.
type Temporal struct {
	client    client.Client
	address   string
	namespace string
}

// Dial connects with the SDK's own variables (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
// TEMPORAL_API_KEY, TEMPORAL_TLS_...) as vars has them.
func Dial(ctx context.Context, vars config.Vars) (*Temporal, error) {
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{EnvLookup: vars})
	if err != nil {
		return nil, fmt.Errorf("read the Temporal settings: %w", err)
	}
	if options.HostPort == "" {
		options.HostPort = client.DefaultHostPort
	}
	if options.Namespace == "" {
		options.Namespace = client.DefaultNamespace
	}
	options.Logger = log.NewStructuredLogger(slog.New(slog.DiscardHandler))
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("dial Temporal at %s: %w: %w", options.HostPort, ErrUnreachable, err)
	}
	return &Temporal{client: c, address: options.HostPort, namespace: options.Namespace}, nil
}

// Address is host:port of the server.
func (t *Temporal) Address() string { return t.address }

// Namespace is the one that all calls go to.
func (t *Temporal) Namespace() string { return t.namespace }

// Close ends the connection.
func (t *Temporal) Close() { t.client.Close() }

// explain turns the SDK's errors into ours, keeping the original in the chain.
func explain(err error) error {
	if err == nil {
		return nil
	}
	var (
		application *temporal.ApplicationError
		notFound    *serviceerror.NotFound
		namespace   *serviceerror.NamespaceNotFound
		unavailable *serviceerror.Unavailable
		deadline    *serviceerror.DeadlineExceeded
		failed      *serviceerror.QueryFailed
		rejected    *serviceerror.WorkflowNotReady
		invalid     *serviceerror.InvalidArgument
		timeout     *client.WorkflowUpdateServiceTimeoutOrCanceledError
		canceled    *temporal.CanceledError
		terminated  *temporal.TerminatedError
	)
	switch {
	case errors.As(err, &application):
		return &Refused{Type: application.Type(), Message: application.Message()}
	case errors.As(err, &canceled):
		return &Refused{Message: "the workflow was cancelled"}
	case errors.As(err, &terminated):
		return &Refused{Message: "the workflow was terminated"}
	case errors.As(err, &namespace):
		return fmt.Errorf("%w: %w", ErrNamespace, err)
	case errors.As(err, &notFound):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case errors.As(err, &invalid) && mentionsAttribute(err):
		return fmt.Errorf("%w: %w", ErrAttributes, err)
	case errors.As(err, &unavailable):
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	case errors.As(err, &timeout), errors.As(err, &deadline), errors.As(err, &failed), errors.As(err, &rejected),
		errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	default:
		return err
	}
}

// mentionsAttribute tells the one invalid argument that a person can mend: the
// server names the search attribute that it does not know.
func mentionsAttribute(err error) bool { return strings.Contains(err.Error(), "search attribute") }
