package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
	"temporal-streaming/pipelines"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/starter/internal/screen"
)

// statusAnswer is what --json prints.
type statusAnswer struct {
	Streams []streamReport `json:"streams"`
	Problem string         `json:"problem,omitempty"` // Temporal cannot be reached: only Kafka was asked
}

func (a *app) statusCommand() *cobra.Command {
	var watch bool
	c := &cobra.Command{
		Use:   "status [PIPELINE]",
		Short: "Show every stream: model, offsets, lag, rate, latency, errors, links",
		Long: `Shows the streams that run and those that ended lately. Figures are live, from the
workers' heartbeats; where there are none, offsets and lag come from Kafka itself, so that
status still tells how far a stream is when Temporal is away.`,
		Example: `  starter status
  starter status creditcard --watch
  starter status --json | jq '.streams[] | {pipeline, lag}'`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return pipelineArg("one PIPELINE or none", 1)(c, args)
		},
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			return a.status(c.Context(), strings.Join(args, ""), watch)
		},
	}
	c.Flags().BoolVar(&watch, "watch", false, "show it again every two seconds until Ctrl-C")
	return c
}

func (a *app) status(ctx context.Context, name string, watch bool) error {
	cfg, err := a.settings()
	if err != nil {
		return err
	}
	if name != "" {
		if _, err := a.pipeline(name); err != nil {
			return err
		}
	}
	board := a.console.board()
	for {
		answer := a.gather(ctx, cfg, name)
		if ctx.Err() != nil {
			return nil
		}
		if a.console.json {
			if err := a.console.emit(answer); err != nil {
				return err
			}
		} else if text := statusScreen(a.console.style(), answer, a.now()); watch && a.console.live() {
			board.Draw(wholeLines(text))
		} else {
			a.console.say("%s", text)
		}
		if !watch {
			return a.statusOutcome(answer)
		}
		if !sleep(ctx, a.pace.workers) {
			return nil
		}
	}
}

// statusOutcome fails if nothing at all could be found out.
func (a *app) statusOutcome(answer statusAnswer) error {
	if answer.Problem == "" {
		return nil
	}
	for _, r := range answer.Streams {
		if len(r.Partitions) > 0 {
			return nil
		}
	}
	if a.console.json {
		return ended{exitFailed} // the answer that was printed says why
	}
	return fail(fmt.Errorf("neither Temporal nor Kafka answers"), "Start the local stack with `make up`; `starter doctor` checks every service.")
}

// gather asks about all streams at once.
func (a *app) gather(ctx context.Context, cfg config.Config, name string) statusAnswer {
	t, err := a.temporal(ctx)
	if err != nil {
		return a.withoutTemporal(ctx, cfg, name, err)
	}
	defer t.Close()
	listing, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	found, err := t.Streams(listing, name)
	if err != nil {
		return a.withoutTemporal(ctx, cfg, name, a.temporalProblem(err))
	}
	answer := statusAnswer{Streams: make([]streamReport, len(found))}
	a.each(len(found), func(i int) { answer.Streams[i] = a.reportStream(ctx, t, cfg, found[i]) })
	return answer
}

// withoutTemporal reports what Kafka alone knows.
func (a *app) withoutTemporal(ctx context.Context, cfg config.Config, name string, why error) statusAnswer {
	names := []string{name}
	if name == "" {
		names = pipelines.Names()
	}
	answer := statusAnswer{Streams: make([]streamReport, len(names)), Problem: reasonOf(why) + "; offsets are from Kafka"}
	a.each(len(names), func(i int) {
		answer.Streams[i] = a.reportStream(ctx, nil, cfg, control.Execution{
			Run: control.Run{WorkflowID: job.InferenceWorkflowID(names[i])}, Pipeline: names[i],
		})
	})
	return answer
}

func (a *app) each(n int, do func(int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

func statusScreen(s screen.Style, answer statusAnswer, now time.Time) string {
	out := ""
	if answer.Problem != "" {
		out += s.Warn("! "+answer.Problem) + "\n\n"
	}
	if len(answer.Streams) == 0 {
		return out + "No stream runs, and none ended lately.\nStart one: starter inference " + strings.Join(pipelines.Names(), " | ") + "\n"
	}
	out += streamsTable(s, answer.Streams, now)
	for _, r := range answer.Streams {
		out += "\n" + streamDetail(s, r, now)
	}
	return out
}

// wholeLines makes board lines of a screen, for --watch.
func wholeLines(text string) []screen.Line {
	var lines []screen.Line
	for i, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		lines = append(lines, screen.Line{Key: fmt.Sprint(i), Live: l, Plain: l})
	}
	return lines
}
