package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"time"

	"temporal-streaming/internal/job"
)

// fitKillOptions are the flags of fit-kills.
type fitKillOptions struct {
	servers serverFlags
	kills   int
	rows    int
	seed    uint64
	json    bool
}

// fitKills trains once undisturbed, and then as often as asked with the worker killed (-9) at a random moment of Fit; and holds the
// results against one another: the model's bytes, the losses, the measures, and all that the MLflow run holds.
func (b *bench) fitKills(ctx context.Context, args []string) error {
	var o fitKillOptions
	flags := flag.NewFlagSet("bench fit-kills", flag.ContinueOnError)
	o.servers.register(flags, b.environ)
	flags.IntVar(&o.kills, "kills", 10, "trainings whose worker is killed once")
	flags.IntVar(&o.rows, "rows", 20_000, "simulated rows to train on")
	flags.Uint64Var(&o.seed, "seed", 1, "of the data and the moments")
	flags.BoolVar(&o.json, "json", false, "one JSON object a line")
	if err := b.parse(flags, args); err != nil {
		return err
	}
	if o.kills < 1 || o.rows < 2000 {
		return fmt.Errorf("%w: --kills is at least 1, and --rows 2000", errUsage)
	}
	before := conditionsNow()
	s, err := b.open(ctx, o.servers)
	defer func() { s.close() }()
	if err != nil {
		return err
	}
	t, err := s.trainings(ctx, o)
	if err != nil {
		return err
	}
	defer t.close()
	undisturbed, err := t.run(ctx, nil)
	if err != nil {
		return err
	}
	b.say("undisturbed: Fit took %.1f s, %d epochs, model %s", undisturbed.fit.Seconds(), undisturbed.result.Fitted.Epochs, undisturbed.result.Fitted.Model.SHA256[:12])
	random := rand.New(rand.NewPCG(o.seed, 9))
	out := &report{bench: "fit-kills"}
	same, attempts := 0, 0
	var differ []error
	lasts := undisturbed.fit
	for i := range o.kills {
		var killed outcomeOfTraining
		var after time.Duration
		for {
			after = time.Duration(random.Float64() * 0.9 * float64(lasts))
			if killed, err = t.run(ctx, &after); !errors.Is(err, errTooLate) {
				break
			}
			lasts = lasts * 3 / 4 // the machine has less to do than it had
		}
		if err != nil {
			return err
		}
		attempts += killed.attempts - 1
		err = undisturbed.equals(killed)
		if err == nil {
			same++
		} else {
			differ = append(differ, fmt.Errorf("kill %d: %w", i+1, err))
		}
		b.say("kill -9 number %d, %.2f s into Fit at epoch %d of member %d: attempt %d ended it, the same: %v", i+1, after.Seconds(), killed.epoch, killed.member, killed.attempts, err == nil)
	}
	out.add("kills_in_fit", float64(attempts), "")
	out.add("identical_runs", float64(same), "")
	out.add("undisturbed_fit_s", undisturbed.fit.Seconds(), "s")
	out.add("compared_metrics", float64(len(undisturbed.mlflow.metrics)), "")
	out.add("compared_files", float64(len(undisturbed.mlflow.files)), "")
	out.settings = append(settings{{"pipeline", pipelineName}, {"rows", o.rows}, {"epochs", undisturbed.result.Fitted.Epochs},
		{"members", undisturbed.result.Fitted.Members}, {"seed", o.seed}}, b.machine(before)...)
	if attempts != o.kills {
		differ = append(differ, fmt.Errorf("%d of %d kills met Fit", attempts, o.kills))
	}
	return errors.Join(append([]error{b.print(out, o.json)}, differ...)...)
}

// errTooLate is returned where Fit had ended before its worker was to be killed.
var errTooLate = errors.New("the training was faster than its worker's death")

// equals says in what another training differs. Both results are as they stand in the workflows' histories.
func (o outcomeOfTraining) equals(other outcomeOfTraining) error {
	want, got := o.result, other.result
	for _, r := range []*job.TrainResult{&want, &got} {
		r.Validated.RowsPerSecond = 0 // a time
		r.Validated.Candidate.Version = ""
	}
	for _, it := range []struct {
		what      string
		want, got any
	}{
		{"model, losses and threshold", want.Fitted, got.Fitted}, {"features", want.Parts, got.Parts},
		{"measures", want.Validated, got.Validated}, {"decision", want.Decision, got.Decision},
	} {
		if !reflect.DeepEqual(it.want, it.got) {
			return fmt.Errorf("%s: %+v, undisturbed %+v", it.what, it.got, it.want)
		}
	}
	return o.mlflow.equals(other.mlflow)
}
