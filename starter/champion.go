package main

import (
	"context"
	"fmt"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/tracking"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/starter/internal/screen"
)

// A stream keeps the model that it was started with until it is swapped. This file tells people when that is
// not the champion any more, and how to serve the champion.

// outdatedStream answers which version the pipeline's running stream scores with, if it
// is another than the one that was trained; empty if none runs or nobody can tell.
func (a *app) outdatedStream(ctx context.Context, t controlPlane, trained job.TrainResult) string {
	r := streamReport{State: stateUnknown}
	a.askStream(ctx, t, control.Run{WorkflowID: job.InferenceWorkflowID(trained.Pipeline)}, &r)
	if r.ended() || r.State == string(job.StreamStopping) || r.Model.Version == trained.Logged.Version {
		return ""
	}
	return r.Model.Version
}

// nextStep is what to do after a promotion. streaming is the version that a stream still
// scores with, empty if there is nothing to replace.
func nextStep(s screen.Style, trained job.TrainResult, streaming string) string {
	if streaming == "" {
		return fmt.Sprintf("Next: starter inference %s\n", trained.Pipeline)
	}
	return s.Warn(fmt.Sprintf("The stream %s still scores with version %s.", trained.Pipeline, streaming)) +
		fmt.Sprintf(" To serve version %s: starter swap %s champion\n", trained.Logged.Version, trained.Pipeline)
}

// champion answers which version is the champion; empty if MLflow names none. Watching a
// stream does not depend on MLflow, and doctor says what is wrong with one that is away.
func (a *app) champion(ctx context.Context, cfg config.Config, model string) string {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	client, err := a.reach.mlflow(cfg.MLflow)
	if err != nil {
		return ""
	}
	v, err := client.Version(ctx, model, tracking.Champion)
	if err != nil {
		return ""
	}
	return v.Number
}

// otherChampion is the line for a stream that was joined and scores with a model that is
// not the champion; empty if it is, or if nobody can tell.
func otherChampion(answer inferenceAnswer) string {
	p := answer.Status.Plan
	if answer.Champion == "" || answer.Champion == p.Model.Version {
		return ""
	}
	return fmt.Sprintf("The champion is version %s; this stream scores with version %s until it is swapped: starter swap %[3]s champion",
		answer.Champion, p.Model.Version, p.Pipeline)
}
