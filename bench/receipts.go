package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"

	"temporal-streaming/bench/internal/ledger"
	"temporal-streaming/internal/job"
)

// given is an Update in the stream's history.
type given struct {
	name    string
	done    bool
	receipt *common.Payloads // nil: it was refused
}

// receipts are the changes of the model that stand in the workflow's history, those whose
// starter did not live to see the answer included. It waits for answers that are due.
func (c *chaosRun) receipts(ctx context.Context) (changes []ledger.Change, err error) {
	deadline := time.Now().Add(recovered)
	for {
		all, err := c.history(ctx)
		i := slices.IndexFunc(all, func(g given) bool { return !g.done })
		late := time.Now().After(deadline)
		switch {
		case err != nil && late:
			return nil, err
		case err != nil: // Temporal may still be busy with what was done to it
		case i < 0:
			return swaps(all, lastStage(c.plan))
		case late:
			return nil, fmt.Errorf("an order (%s) was accepted and has no receipt %v after the last fault", all[i].name, recovered)
		}
		if err := sleep(ctx, time.Second); err != nil {
			return nil, err
		}
	}
}

// swaps reads the receipts of the orders that changed the model, as far as they are about the stage that scores.
func swaps(all []given, scores int) (changes []ledger.Change, err error) {
	for _, g := range all {
		if g.name != job.SwapUpdate || g.receipt == nil {
			continue
		}
		var r job.ControlReceipt
		if err := converter.GetDefaultDataConverter().FromPayloads(g.receipt, &r); err != nil {
			return nil, fmt.Errorf("read the receipt of a swap: %w", err)
		}
		change := ledger.Change{Generation: r.Generation, Version: r.Model.Version, From: map[int32]int64{}}
		for _, shard := range r.Shards {
			if shard.Shard.Stage != scores {
				continue
			}
			for _, p := range shard.Partitions {
				change.From[p.Partition] = p.Offset
			}
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// history is the Updates of all runs of the stream's workflow, in the order of their acceptance.
func (c *chaosRun) history(ctx context.Context) (all []given, err error) {
	id, run := job.InferenceWorkflowID(c.o.pipeline), ""
	for {
		var updates []given
		index, before := map[string]int{}, ""
		events := c.temporal.GetWorkflowHistory(ctx, id, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			e, err := events.Next()
			if err != nil {
				return nil, fmt.Errorf("read the history of %s: %w", id, err)
			}
			switch e.EventType {
			case enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
				before = e.GetWorkflowExecutionStartedEventAttributes().GetContinuedExecutionRunId()
			case enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
				a := e.GetWorkflowExecutionUpdateAcceptedEventAttributes()
				index[a.GetProtocolInstanceId()] = len(updates)
				updates = append(updates, given{name: a.GetAcceptedRequest().GetInput().GetName()})
			case enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
				a := e.GetWorkflowExecutionUpdateCompletedEventAttributes()
				if i, ok := index[a.GetMeta().GetUpdateId()]; ok {
					updates[i].done, updates[i].receipt = true, a.GetOutcome().GetSuccess()
				}
			}
		}
		all = append(updates, all...)
		if run = before; run == "" {
			return all, nil
		}
	}
}
