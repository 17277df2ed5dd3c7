package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/starter/internal/screen"
)

// Orders change a stream while it runs. All of them go this one way: look whether the
// stream is there, send the update, say so if no worker is there to answer, wait for the
// receipt of every shard, show it.

// notGiven is the reason in the history when a person gave none.
const notGiven = "asked for on the command line"

func reasonFlag(c *cobra.Command, reason *string) {
	c.Flags().StringVar(reason, "reason", notGiven, "`WHY`, for the record in the history")
}

// order gives an order and shows its receipt under a headline.
func (a *app) order(ctx context.Context, name string, o control.Order, headline func(screen.Style, job.ControlReceipt) string) error {
	receipt, err := obey(ctx, a, name, func(ctx context.Context, t controlPlane) (job.ControlReceipt, error) { return t.Order(ctx, name, o) })
	if err != nil {
		return a.orderProblem(ctx, name, err)
	}
	if request, ok := o.Request.(job.SeekRequest); ok {
		completeBefore(receipt, request)
	}
	style := a.console.style()
	a.console.say("%s\n%s", headline(style, receipt), controlTable(style, receipt))
	return a.emitJSON(receipt)
}

// completeBefore fills in where partitions stood before a seek that did not name them: the
// receipt leaves that out, and it is where they stand.
func completeBefore(r job.ControlReceipt, request job.SeekRequest) {
	if len(request.Positions) == 0 {
		return
	}
	for _, shard := range r.Shards {
		for i, p := range shard.Partitions {
			if !slices.ContainsFunc(request.Positions, func(q job.Position) bool { return q.Partition == p.Partition }) {
				shard.Partitions[i].Before = p.Offset
			}
		}
	}
}

// obey has a running stream do something, and minds the workers while it waits.
func obey[Receipt any](ctx context.Context, a *app, name string, ask func(context.Context, controlPlane) (Receipt, error)) (receipt Receipt, err error) {
	if _, _, err := a.about(name); err != nil {
		return receipt, err
	}
	t, err := a.temporal(ctx)
	if err != nil {
		return receipt, err
	}
	defer t.Close()
	looking, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	x, err := t.Describe(looking, control.Run{WorkflowID: job.InferenceWorkflowID(name)})
	switch {
	case errors.Is(err, control.ErrNotFound), err == nil && !x.Running:
		return receipt, control.ErrNotRunning
	case err != nil:
		return receipt, err
	}
	defer a.waitFor(ctx, t, name, "order").end()
	return ask(ctx, t)
}

// orderProblem says what to do about an order that was not obeyed.
func (a *app) orderProblem(ctx context.Context, name string, err error) error {
	var refused *control.Refused
	switch {
	case errors.Is(err, control.ErrNotRunning):
		return fail(fmt.Errorf("the stream %s does not run", name), "Start it: starter inference %s.", name)
	case ctx.Err() != nil:
		return &problem{
			what: errors.New("interrupted; the stream has the order and may still carry it out"),
			next: "See: starter status " + name + ".", code: exitDetached,
		}
	case errors.As(err, &refused) && (refused.Type == "" || refused.Type == job.ErrTypeInvalid):
		return fail(refused, "Nothing was changed. How the stream stands: starter status %s.", name)
	case errors.As(err, &refused):
		return fail(refused, "%s", nextFor(refused.Type))
	}
	return a.temporalProblem(err)
}

// controlTable shows from which offset of which partition on an order is in force.
func controlTable(s screen.Style, r job.ControlReceipt) string {
	columns := []screen.Column{{Name: "shard", Right: true}, {Name: "worker"}, {Name: "partition", Right: true}, {Name: "first offset", Right: true}}
	if r.What == job.SeekUpdate {
		columns = append(columns[:3:3], screen.Column{Name: "before", Right: true}, screen.Column{Name: "after", Right: true}, screen.Column{Name: "that is"})
	}
	if r.What == job.SnapshotUpdate {
		columns[3].Name = "next offset"
	}
	var rows [][]string
	for _, shard := range r.Shards {
		for _, p := range shard.Partitions {
			if r.What == job.SnapshotUpdate {
				p.Offset = p.Next
			}
			row := []string{fmt.Sprint(shard.Shard.ID), shard.Worker, fmt.Sprint(p.Partition), screen.Count(p.Offset)}
			if r.What == job.SeekUpdate {
				row = append(row[:3], screen.Count(p.Before), screen.Count(p.Offset), jump{from: p.Before, to: p.Offset}.text(s))
			}
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return "  no shard runs; it holds for those that will\n"
	}
	return s.Table(columns, rows)
}
