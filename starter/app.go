package main

import (
	"context"
	"errors"
	"io"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"strings"
	"temporal-streaming/internal/config"
	"temporal-streaming/pipelines"
)

// app is one run of the program: its streams, its settings and its ways to the
// services. Tests replace the ways.
type app struct {
	environ []string
	in      io.Reader
	console *console
	timeout time.Duration
	now     func() time.Time
	reach   reach
	pace    pace

	interactive bool // somebody at a terminal can be asked
}

// pace is how often things are looked at. Tests hurry it.
type pace struct {
	watch    time.Duration // the steps of a run, the shards of a stream
	workers  time.Duration // the queue, for workers
	patience time.Duration // of a person who waits for a receipt, before it is said what hinders it
	quiet    time.Duration // silence after which a tail says what is happening
}

func newApp(environ []string, stdin io.Reader, stdout, stderr io.Writer) *app {
	return &app{
		environ: environ, in: stdin, now: time.Now, reach: realServices(), interactive: atTerminal(stdin),
		pace:    pace{watch: 300 * time.Millisecond, workers: 2 * time.Second, patience: 3 * time.Second, quiet: 5 * time.Second},
		console: &console{out: stdout, err: stderr, now: time.Now},
	}
}

// run parses args and runs the command they name. It returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.console.out)
	root.SetErr(a.console.err)
	command, err := root.ExecuteContextC(ctx)
	if err == nil && a.console.fails != nil && ctx.Err() == nil {
		err = a.console.fails
	}
	if err == nil {
		return exitOK
	}
	return a.report(command.CommandPath(), err)
}

// root is the command tree.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "starter",
		Short: "Train models, score streams with them, and watch both",
		Long: `starter loads data, trains models, scores Kafka streams with them, and shows how they do.

What it starts runs in workers, durably: ending starter ends nothing. Settings come
from the environment, and behind it from the local stack's file .devstack/env;
"starter doctor" checks them all.

PIPELINE is one of ` + join(pipelines.Names()) + `;
"starter pipeline show PIPELINE" draws what it does.`,
		Example: `  starter load creditcard creditcard.csv   # put a data set where training finds it
  starter train creditcard                 # train, compare, promote
  starter inference creditcard             # score the stream and watch
  starter send creditcard creditcard.csv   # something to score
  starter status                           # every stream at a glance`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return unknownCommand(c, args[0])
		},
		Args: cobra.ArbitraryArgs,
	}
	root.SetHelpTemplate(root.HelpTemplate() + "{{if not .HasParent}}\n" + exitHelp() + "{{end}}")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		said, _, _ := strings.Cut(err.Error(), ": strconv.") // the rest is for those who know Go
		return misuse("See "+c.CommandPath()+" --help.", "%s", said)
	})
	root.PersistentFlags().BoolVar(&a.console.json, "json", false, "print JSON and nothing else on standard output")
	root.PersistentFlags().BoolVar(&a.console.noColor, "no-color", a.variable("NO_COLOR") != "", "no colours (also: NO_COLOR)")
	root.PersistentFlags().DurationVar(&a.timeout, "timeout", 5*time.Second, "how long to wait for a service to answer")
	group(root, "Score streams:", a.inferenceCommand(), a.statusCommand(), a.stopCommand(), a.backfillCommand())
	group(root, "Change a running stream, with receipts:", a.swapCommand(), a.pauseCommand(), a.resumeCommand(),
		a.rateCommand(), a.scaleCommand(), a.snapshotCommand(), a.seekCommand())
	group(root, "Deal with what could not be scored:", a.dlqCommand())
	group(root, "Train models:", a.loadCommand(), a.trainCommand(), a.searchCommand(), a.evaluateCommand())
	group(root, "Try and check:", a.sendCommand(), a.simulateCommand(), a.pipelineCommand(), a.featuresCommand(), a.auditCommand(), a.doctorCommand(), a.versionCommand())
	return root
}

// group adds commands under a title of the help screen.
func group(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, c := range commands {
		c.GroupID = title
	}
	root.AddCommand(commands...)
}

// variable is an environment variable as it was given, without the local stack's file.
func (a *app) variable(name string) string {
	for _, kv := range a.environ {
		if v, ok := cutName(kv, name); ok {
			return v
		}
	}
	return ""
}

func cutName(kv, name string) (string, bool) {
	if len(kv) > len(name) && kv[:len(name)] == name && kv[len(name)] == '=' {
		return kv[len(name)+1:], true
	}
	return "", false
}

// settings reads and checks the configuration.
func (a *app) settings() (config.Config, error) {
	cfg, err := config.Load(a.environ)
	if err != nil {
		return config.Config{}, fail(err, "Mend the variable, or the file that it comes from (%s).", config.LocalStackFile)
	}
	return cfg, nil
}

// who is the person at the keyboard, for the record in histories.
func (a *app) who() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "starter"
}

func unknownCommand(c *cobra.Command, name string) error {
	next := "See " + c.CommandPath() + " --help for the commands."
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	if near := nearest(name, names); near != "" {
		next = "Did you mean: " + c.CommandPath() + " " + near + "?"
	}
	return &problem{what: errors.New("there is no command " + name), next: next, code: exitUsage}
}
