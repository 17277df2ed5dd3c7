package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/audit"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/registry"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/starter/internal/screen"
)

// auditAnswer is what --json prints.
type auditAnswer struct {
	audit.Report
	Passed bool `json:"passed"`
}

func (a *app) auditCommand() *cobra.Command {
	sample, model := 10_000, ""
	c := &cobra.Command{
		Use:   "audit PIPELINE",
		Short: "Compute a stream's predictions anew from its topics, and compare them bit for bit",
		Long: `Reads a stream's topics again, from where snapshots or the beginning of the log say what was
before, computes every record anew, and compares what each stage has handed on, and the features,
probabilities and decisions of the sampled predictions. Then it computes the same records as
training does, in the order of their events, and tells how many features differ: a record that
came late, or a label that came after its delay, was not known to the stream in time.

It only reads; the stream may run meanwhile. It fails with exit code 1 if a bit differs, a
prediction is missing, or one is there twice.`,
		Example:           "  starter audit transactions --sample 100000\n  starter audit transactions --model 3 --json | jq .passed",
		Args:              pipelineArg("PIPELINE", 1),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			if sample < 0 {
				return misuse("Give --sample 1 or more, or 0 for all.", "--sample is %d", sample)
			}
			return a.audit(c.Context(), args[0], model, sample)
		},
	}
	c.Flags().IntVar(&sample, "sample", sample, "how many predictions to compare, about (0: all)")
	c.Flags().StringVar(&model, "model", "", "`VERSION` or alias whose predictions are compared (default: the one that the stream scores with, or the champion)")
	return c
}

func (a *app) audit(ctx context.Context, name, model string, sample int) error {
	cfg, _, err := a.about(name)
	if err != nil {
		return err
	}
	if model == "" {
		model = a.serving(ctx, name)
	}
	server, err := a.server(cfg)
	if err != nil {
		return err
	}
	board := a.console.board()
	report, err := server.Audit(ctx, name, model, sample, func(what string, messages int64) {
		board.Draw([]screen.Line{{Key: what, Live: what + "  " + screen.Count(messages), Plain: what}})
	})
	switch {
	case errors.Is(err, audit.ErrStateless):
		return fail(err, "A record's prediction then follows from the record and the model alone; there is nothing to audit between records.")
	case errors.Is(err, registry.ErrNoChampion):
		return fail(err, "Train a model first: starter train %s", name)
	case err != nil:
		return kafkaProblem(cfg, name, err)
	}
	board.Leave()
	a.console.say("%s", auditScreen(a.console.style(), report))
	if err := a.emitJSON(auditAnswer{report, report.Passed()}); err != nil {
		return err
	}
	if !report.Passed() {
		if a.console.json {
			return ended{exitFailed} // the answer that was printed says why
		}
		return fail(errors.New("the topics do not hold what the stream must have written"),
			"Keep the topics and streams/%s in the object store as they are, and report it with the output of: starter audit %s --json", name, name)
	}
	return nil
}

func auditScreen(s screen.Style, r audit.Report) string {
	verdict := func(n int64) string {
		if n == 0 {
			return s.Good("0")
		}
		return s.Bad(screen.Count(n))
	}
	order := fmt.Sprintf("%s of %s differ from what training computes in the order of the events",
		screen.Count(r.EventOrder.Different), screen.Count(r.EventOrder.Compared))
	if r.EventOrder.Skipped != "" {
		order = "not compared: " + r.EventOrder.Skipped
	}
	pairs := [][2]string{
		{"model", r.Model + "@" + r.Version},
		{"predictions", screen.Count(r.Predictions) + others(r)},
		{"compared", screen.Count(r.Compared) + ", " + verdict(r.Different) + " different in a feature, the probability or the decision"},
		{"handed on", screen.Count(r.Handed) + " messages between stages, " + verdict(r.HandedDifferent) + " different"},
		{"missing", verdict(r.Missing)},
		{"repeated", verdict(r.Repeated)},
		{"event order", order},
	}
	if r.Unreached > 0 {
		pairs = append(pairs, [2]string{"unreached", screen.Count(r.Unreached) + " sampled predictions are older than what log and snapshots tell"})
	}
	out := "\n" + s.Pairs(pairs)
	if len(r.Differences) > 0 {
		var rows [][]string
		for _, d := range r.Differences {
			rows = append(rows, []string{d.What, d.Record, d.Was, d.Is})
		}
		out += "\n" + s.Table([]screen.Column{{Name: "difference"}, {Name: "record"}, {Name: "stands there"}, {Name: "computed now"}}, rows)
	}
	return out
}

func others(r audit.Report) string {
	if r.Others == 0 {
		return ""
	}
	return ", and " + screen.Count(r.Others) + " of other versions, which --model names"
}

// serving is the version that a stream scores with, or else the alias of the champion.
func (a *app) serving(ctx context.Context, name string) string {
	t, err := a.temporal(ctx)
	if err != nil {
		return registry.Champion
	}
	defer t.Close()
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	status, err := t.StreamStatus(ctx, control.Run{WorkflowID: job.InferenceWorkflowID(name)})
	if err != nil || status.Plan.Model.Version == "" {
		return registry.Champion
	}
	return status.Plan.Model.Version
}
