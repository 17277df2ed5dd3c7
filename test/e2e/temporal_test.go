package e2e

import (
	"context"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"temporal-streaming/internal/job"
)

// temporal is a client of this world's server, for what the command line does not show.
func (w *world) temporal() client.Client {
	w.t.Helper()
	c, err := client.Dial(client.Options{HostPort: w.Env["TEMPORAL_ADDRESS"]})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

func fromPayloads(p *common.Payloads, into any) error {
	if p == nil {
		return errorf("no heartbeat yet")
	}
	return converter.GetDefaultDataConverter().FromPayloads(p, into)
}

// trainResult waits for a training run.
func (w *world) trainResult(workflow string) job.TrainResult {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Minute)
	defer cancel()
	var r job.TrainResult
	if err := w.temporal().GetWorkflow(ctx, workflow, "").Get(ctx, &r); err != nil {
		w.t.Fatal(err)
	}
	return r
}
