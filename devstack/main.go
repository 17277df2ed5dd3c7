// Command devstack is everything that temporal-streaming needs around it, on one machine, without Docker: Temporal with
// its Web UI, an S3 server, a Kafka broker and MLflow.
//
//	devstack run       in the foreground, until Ctrl-C
//	devstack up        in the background; returns when every service can be used
//	devstack status    what runs, and where
//	devstack down      stop it
//	devstack stop|start|kill SERVICE    one service of a running devstack, for trying out faults
//
// All state is in one folder (--data), which one devstack at a time may use, and survives kill -9. No service outlives
// devstack. Programs find the services by the env file in the folder: set -a; . .devstack/env; set +a
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"temporal-streaming/devstack/internal/control"
	"temporal-streaming/devstack/internal/services"
	"temporal-streaming/devstack/internal/settings"
)

// Exit codes.
const (
	success    = 0
	failure    = 1
	usage      = 2
	notRunning = 3 // status, down and the verbs about a service
)

const usageText = `usage: devstack COMMAND [FLAGS]

  run                      run the stack in the foreground, until Ctrl-C
  up                       run it in the background; returns when every service can be used
  setup                    only install what run and up need; they do it themselves otherwise
  status                   show what runs, and where
  down                     stop it
  stop SERVICE [--now]     stop one service (temporal, s3, kafka or kafka-1.., mlflow); --now kills it
  start SERVICE            start it again, and wait until it can be used
  quota CLIENT             limit what a Kafka client sends (--produce N) and fetches (--fetch N); "-" is every client
  kill SERVICE             kill it (SIGKILL); it is started again by itself

devstack COMMAND -h shows the flags.
`

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usageText)
		return usage
	}
	var err error
	switch verb, rest := args[0], args[1:]; verb {
	case "run":
		err = commandRun(ctx, rest, stdout, stderr)
	case "up":
		err = commandUp(ctx, rest, stdout, stderr)
	case "setup":
		err = commandSetup(ctx, rest, stdout, stderr)
	case "status":
		err = commandStatus(ctx, rest, stdout, stderr)
	case "down":
		err = commandDown(ctx, rest, stdout, stderr)
	case "stop", "start", "kill":
		err = commandService(ctx, verb, rest, stdout, stderr)
	case "quota":
		err = commandQuota(ctx, rest, stdout, stderr)
	case "serve": // this program as one of the services in it; see services.S3 and services.EmbeddedKafka
		err = serve(ctx, rest)
	case "help", "-h", "--help":
		fmt.Fprint(stdout, usageText)
		return success
	default:
		err = usageError(fmt.Sprintf("unknown command %q; devstack help lists them", verb))
	}
	return report(err, stderr)
}

// report turns an error into a sentence and an exit code.
func report(err error, stderr io.Writer) int {
	var wrong usageError
	switch {
	case err == nil, errors.Is(err, errHelp):
		return success
	case errors.As(err, &wrong):
		fmt.Fprintln(stderr, "devstack:", err)
		return usage
	case errors.Is(err, control.ErrNotRunning):
		fmt.Fprintln(stderr, "devstack:", err)
		return notRunning
	default:
		fmt.Fprintln(stderr, "devstack:", err)
		return failure
	}
}

func serve(ctx context.Context, args []string) error {
	if len(args) == 1 && args[0] == settings.S3 {
		return services.ServeS3(ctx)
	}
	if len(args) == 1 && args[0] == settings.Kafka {
		return services.ServeKafka(ctx)
	}
	return usageError("serve is used by devstack itself")
}
