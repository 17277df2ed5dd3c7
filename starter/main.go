// Command starter is how people and scripts work with temporal-streaming: it
// loads data, trains models, starts, watches and stops streams, and finds out what
// is wrong when something is.
//
// It holds nothing: what it starts goes on when it ends, and every command can be
// run again. People read tables on standard output; with --json standard output
// holds JSON and nothing else, and what is said to people goes to standard error.
// Exit codes are listed in exit.go and in `starter --help`. An error is one
// sentence that says what went wrong, and one that says what to do next.
//
//	starter train creditcard && starter inference creditcard
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Environ(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program: tests call it. It returns the exit code.
func run(ctx context.Context, environ, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return newApp(environ, stdin, stdout, stderr).run(ctx, args)
}
