package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/control"
)

// trainOptions are the flags of train.
type trainOptions struct {
	dataset string
	attach  string
	seed    int64
	detach  bool
}

// trainAnswer is what --json prints.
type trainAnswer struct {
	runAnswer // or promoted, rejected

	// StreamVersion is set if the new model was promoted and the pipeline's stream runs
	// with another version: this one, until it is stopped and started again.
	StreamVersion string `json:"stream_version,omitempty"`

	Result *job.TrainResult `json:"result,omitempty"`
}

func (a *app) trainCommand() *cobra.Command {
	var o trainOptions
	c := &cobra.Command{
		Use:   "train PIPELINE",
		Short: "Train a model, compare it with the champion, promote or reject it",
		Long: `Starts a durable training run (Ingest, Engineer, Fit, Log, Validate, Promote), shows its
steps as they happen, and ends with the new model beside the champion.

The run goes on without starter: Ctrl-C only stops watching. Exit code 0: promoted;
3: rejected; 1: failed.`,
		Example: `  starter train creditcard
  starter train creditcard --seed 11 --json | jq .result.decision
  starter train creditcard --detach        # for scripts: start it and go
  starter train creditcard --attach train-creditcard-20261101-080000.000`,
		Args:              pipelineArg("PIPELINE", 1),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			if o.attach != "" && (o.detach || o.dataset != "" || o.seed != 0) {
				return misuse("Leave out --detach, --dataset and --seed; they are for a new run.", "--attach watches a run that is there already")
			}
			return a.train(c.Context(), args[0], o)
		},
	}
	datasetFlag(c, &o.dataset)
	c.Flags().Int64Var(&o.seed, "seed", 0, "`SEED` of the fit (default: the pipeline's)")
	c.Flags().BoolVar(&o.detach, "detach", false, "start the run and return")
	c.Flags().StringVar(&o.attach, "attach", "", "watch the run with this workflow `ID` instead of starting one")
	return c
}

func (a *app) train(ctx context.Context, name string, o trainOptions) error {
	cfg, _, err := a.about(name)
	if err != nil {
		return err
	}
	request := job.TrainRequest{Pipeline: name, Seed: o.seed, By: a.who()}
	if o.dataset != "" {
		if request.Dataset, err = a.loadedDataset(ctx, cfg, name, o.dataset); err != nil {
			return err
		}
	}
	temporal, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer temporal.Close()
	run, err := a.startTrain(ctx, temporal, request, o.attach)
	if err != nil {
		return a.temporalProblem(err)
	}
	answer := trainAnswer{runAnswer: started(cfg, run)}
	a.announce("Training "+name, answer.runAnswer)
	if o.detach {
		a.console.say("It runs in a worker. Watch it: %s\n", comeBack("train", name, answer.runAnswer))
		return a.emitJSON(answer)
	}
	result, err := a.watchTrain(ctx, temporal, run)
	if ctx.Err() != nil {
		answer.Outcome = "detached"
		a.console.say("\nDetached; the run goes on.\nCome back:  %s\n", comeBack("train", name, answer.runAnswer))
		return errors.Join(a.emitJSON(answer), ended{exitDetached})
	}
	if err != nil {
		return a.runFailed(err, answer.runAnswer)
	}
	answer.Result, answer.Outcome, answer.MLflowURL = &result, "rejected", result.Logged.RunURL
	if result.Decision.Promote {
		answer.Outcome = "promoted"
		answer.StreamVersion = a.outdatedStream(ctx, temporal, result)
	}
	style := a.console.style()
	a.console.say("\n%s", resultScreen(style, result, answer.TemporalURL))
	if result.Decision.Promote {
		a.console.say("\n%s", nextStep(style, result, answer.StreamVersion))
	}
	if err := a.emitJSON(answer); err != nil {
		return err
	}
	if !result.Decision.Promote {
		return ended{exitRejected}
	}
	return nil
}

// startTrain starts a run, or finds the one to watch.
func (a *app) startTrain(ctx context.Context, t controlPlane, request job.TrainRequest, attach string) (control.Run, error) {
	if attach == "" {
		return t.StartTrain(ctx, request, a.now())
	}
	x, err := find(ctx, t, attach, "starter train "+request.Pipeline)
	return x.Run, err
}
