package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/starter/internal/screen"
)

// inferenceOptions are the flags of inference.
type inferenceOptions struct {
	start  string
	shards int
	sink   string
	from   string
	count  int64
	detach bool
}

// inferenceAnswer is what --json prints with --detach, and before predictions on
// standard error for people.
type inferenceAnswer struct {
	Outcome string `json:"outcome"` // started or attached
	control.Run
	TemporalURL string              `json:"temporal_url"`
	Champion    string              `json:"champion,omitempty"` // MLflow's, when the stream ran already; what it scores with is in Status
	Status      job.InferenceStatus `json:"status"`
}

func (a *app) inferenceCommand() *cobra.Command {
	var o inferenceOptions
	c := &cobra.Command{
		Use:     "inference PIPELINE",
		Aliases: []string{"stream"},
		Short:   "Start or join the stream of a pipeline, and watch its predictions",
		Long: `Starts the stream that scores the pipeline's topic with its champion, exactly once, or
joins it if it runs already, and shows predictions as they are committed.

The stream goes on without starter, for months if need be: Ctrl-C only stops watching,
and "starter stop" ends it. With --json each line is one prediction, byte for byte as it
stands in the topic.`,
		Example: `  starter inference creditcard
  starter inference creditcard --from earliest --count 10 --json
  starter inference creditcard --start 2026-11-01T08:00:00Z --shards 2 --detach`,
		Args:              pipelineArg("PIPELINE", 1),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return a.inference(c.Context(), args[0], o)
		},
	}
	c.Flags().StringVar(&o.start, "start", "", "`WHERE` to begin if nothing is committed yet: earliest, latest or a time (default: the pipeline's)")
	c.Flags().IntVar(&o.shards, "shards", 0, "how many loops share the partitions (default: the pipeline's)")
	c.Flags().StringVar(&o.sink, "sink", "", "`SINK` that predictions go to: kafka or console (default: the pipeline's)")
	c.Flags().StringVar(&o.from, "from", "now", "`WHICH` predictions to show: now (new ones) or earliest (all there are)")
	c.Flags().Int64Var(&o.count, "count", 0, "end after this many predictions (0: watch until Ctrl-C)")
	c.Flags().BoolVar(&o.detach, "detach", false, "start or join the stream and return")
	return c
}

func (o inferenceOptions) check() error {
	if _, err := stream.ParseStart(o.start); err != nil {
		return misuse("For example: --start earliest, --start latest, --start 2026-11-01T08:00:00Z.", "%w", err)
	}
	switch {
	case o.shards < 0:
		return misuse("Give --shards 1 or more.", "%d shards are asked for", o.shards)
	case o.sink != "" && o.sink != string(stream.SinkKafka) && o.sink != string(stream.SinkConsole):
		return misuse("Give --sink kafka or --sink console.", "there is no sink %q", o.sink)
	case o.from != "now" && o.from != "earliest":
		return misuse("Give --from now or --from earliest.", "--from is %q", o.from)
	case o.count < 0:
		return misuse("Give --count 1 or more, or leave it out.", "%d predictions are asked for", o.count)
	}
	return nil
}

func (a *app) inference(ctx context.Context, name string, o inferenceOptions) error {
	cfg, _, err := a.about(name)
	if err != nil {
		return err
	}
	temporal, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer temporal.Close()
	answer, err := a.attach(ctx, temporal, job.InferenceRequest{
		Pipeline: name, Start: o.start, Shards: o.shards, Sink: o.sink, By: a.who(),
	})
	if err != nil {
		return err
	}
	answer.TemporalURL = cfg.WorkflowURL(answer.WorkflowID, "")
	style := a.console.style()
	a.console.say("%s", attachedScreen(style, answer, cfg))
	if answer.Outcome == "attached" && (o.start != "" || o.shards != 0 || o.sink != "") {
		a.console.say("%s\n", style.Warn("The stream ran already, so --start, --shards and --sink were not applied. They are for a new stream: starter stop "+name+" first."))
	}
	if answer.Outcome == "attached" {
		answer.Champion = a.champion(ctx, cfg, answer.Status.Plan.Model.Name)
		if line := otherChampion(answer); line != "" {
			a.console.say("%s\n", style.Warn(line))
		}
	}
	if o.detach {
		a.console.say("\n%s", waysBack(name))
		return a.emitJSON(answer)
	}
	if answer.Status.Plan.Sink == string(stream.SinkConsole) {
		a.console.say("\nThe sink is the console: predictions are in the worker's output, one a line, and not in a topic.\nThere is nothing to follow from here.\n%s", waysBack(name))
		return a.emitJSON(answer)
	}
	return a.follow(ctx, temporal, cfg, answer, o)
}

// attach starts or joins the stream, and says what it waits for while it does.
func (a *app) attach(ctx context.Context, t controlPlane, request job.InferenceRequest) (inferenceAnswer, error) {
	answer := inferenceAnswer{Outcome: "started"}
	before, err := t.Describe(ctx, control.Run{WorkflowID: job.InferenceWorkflowID(request.Pipeline)})
	switch {
	case err == nil && before.Running:
		answer.Outcome = "attached"
	case ctx.Err() != nil:
		a.console.say("Interrupted; nothing was started.\n")
		return answer, ended{exitDetached}
	case err != nil && !errors.Is(err, control.ErrNotFound):
		return answer, a.temporalProblem(err)
	}
	w := a.waitFor(ctx, t, request.Pipeline, "stream")
	answer.Status, answer.Run, err = t.Attach(ctx, request)
	if step := w.end(); err != nil && ctx.Err() != nil {
		a.console.say("%s\n%s", interrupted(w.crew.there(), step), waysBack(request.Pipeline))
		return answer, ended{exitDetached}
	}
	return answer, a.temporalProblem(err)
}

// interrupted says why a stream that was asked for had not answered yet.
func interrupted(worker bool, step string) string {
	switch {
	case step != "":
		return "Interrupted. The stream starts without you once it is past " + step + "."
	case !worker:
		return "Interrupted while waiting for a worker. The stream starts when one comes."
	}
	return "Interrupted. The stream starts without you."
}

// waysBack tells how to see a stream again and how to end it.
func waysBack(pipeline string) string {
	return fmt.Sprintf("Come back:  starter inference %[1]s\nHow it is:  starter status %[1]s\nEnd it:     starter stop %[1]s\n", pipeline)
}

func attachedScreen(s screen.Style, answer inferenceAnswer, cfg config.Config) string {
	verb := "Started"
	if answer.Outcome == "attached" {
		verb = "Joined"
	}
	p := answer.Status.Plan
	rows := [][2]string{
		{"model", fmt.Sprintf("%s version %s", p.Model.Name, p.Model.Version)},
		{"reads", fmt.Sprintf("%s at %s, partitions %s", p.Topic, cfg.Kafka.Brokers, partitionList(p.Partitions()))},
		{"writes", fmt.Sprintf("%s, and what cannot be scored to %s", p.Output, p.DeadLetters)},
		{"shards", shardList(answer.Status.Shards)},
		{"Temporal", s.Accent(answer.TemporalURL)},
	}
	if p.Sink == string(stream.SinkConsole) {
		rows[2][1] = fmt.Sprintf("the worker's console, and what cannot be scored to %s", p.DeadLetters)
	}
	if p.Model.URL != "" {
		rows = append(rows, [2]string{"MLflow", s.Accent(p.Model.URL)})
	}
	if n := answer.Status.Note; n != "" {
		rows = append(rows, [2]string{"note", n})
	}
	return fmt.Sprintf("%s the stream %s\n%s", verb, s.Strong(p.Pipeline), s.Pairs(rows))
}
