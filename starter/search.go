package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/starter/internal/screen"
)

// searchOptions are the flags of search.
type searchOptions struct {
	dataset  string
	attach   string
	trials   int
	strategy string
	seed     int64
	detach   bool
	cancel   string
}

// searcher starts, watches and ends searches.
type searcher interface {
	StartSearch(ctx context.Context, request job.SearchRequest, at time.Time) (control.Run, error)
	SearchProgress(ctx context.Context, run control.Run) (job.SearchProgress, error)
	WaitSearch(ctx context.Context, run control.Run) (job.SearchResult, error)
	CancelSearch(ctx context.Context, run control.Run) error
}

// searchAnswer is what --json prints.
type searchAnswer struct {
	runAnswer                   // or finished, cancelled
	Result    *job.SearchResult `json:"result,omitempty"`
}

func (a *app) searchCommand() *cobra.Command {
	var o searchOptions
	c := &cobra.Command{
		Use:   "search PIPELINE",
		Short: "Look for a better recipe: many trials, durable, compared in MLflow",
		Long: `Starts a durable search: trials of the pipeline's recipe with other numbers, drawn from what its file
says under search.vary, each measured on the validation part. The recipe as it stands is the first
trial. Every trial is a child run in MLflow: select them and compare.

The search goes on without starter, and a trial goes on after a kill. It changes no model and no file: write what
it found into the pipeline's file, and train.`,
		Example: `  starter search transactions
  starter search transactions --trials 9 --strategy random
  starter search transactions --cancel search-transactions-20261101-080000.000`,
		Args:              pipelineArg("PIPELINE", 1),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			if (o.attach != "" || o.cancel != "") && (o.detach || o.dataset != "" || o.trials != 0 || o.strategy != "" || o.seed != 0) {
				return misuse("Leave out --detach, --dataset, --trials, --strategy and --seed; they are for a new search.", "--attach and --cancel are for a search that is there already")
			}
			if o.strategy != "" && o.strategy != "random" && o.strategy != "successive_halving" {
				return misuse("Write random or successive_halving.", "there is no --strategy %s", o.strategy)
			}
			if o.trials != 0 && (o.trials < 2 || o.trials > 1000) {
				return misuse("Write 2 to 1000.", "--trials is %d", o.trials)
			}
			return a.search(c.Context(), args[0], o)
		},
	}
	datasetFlag(c, &o.dataset)
	c.Flags().IntVar(&o.trials, "trials", 0, "how many recipes to try (default: the pipeline's)")
	c.Flags().StringVar(&o.strategy, "strategy", "", "`KIND`: random or successive_halving (default: the pipeline's)")
	c.Flags().Int64Var(&o.seed, "seed", 0, "`SEED` that draws the trials (default: the pipeline's)")
	c.Flags().BoolVar(&o.detach, "detach", false, "start the search and return")
	c.Flags().StringVar(&o.attach, "attach", "", "watch the search with this workflow `ID` instead of starting one")
	c.Flags().StringVar(&o.cancel, "cancel", "", "cancel the search with this workflow `ID`; what it found stays")
	return c
}

func (a *app) search(ctx context.Context, name string, o searchOptions) error {
	cfg, d, err := a.about(name)
	if err != nil {
		return err
	}
	if len(d.Search.Vary) == 0 {
		return fail(fmt.Errorf("the pipeline %s says nothing to vary", name), "Write search.vary into its file; docs/pipelines.md explains it.")
	}
	request := job.SearchRequest{Pipeline: name, Trials: o.trials, Strategy: o.strategy, Seed: o.seed, By: a.who()}
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
	x := control.Execution{Running: true}
	if there := cmp.Or(o.attach, o.cancel); there != "" {
		x, err = find(ctx, temporal, there, "starter search "+name)
	} else {
		x.Run, err = temporal.StartSearch(ctx, request, a.now())
	}
	if err != nil {
		return a.temporalProblem(err)
	}
	run := x.Run
	if o.cancel != "" {
		return a.cancelSearch(ctx, temporal, cfg, x)
	}
	answer := searchAnswer{runAnswer: started(cfg, run)}
	a.announce("Searching for a recipe of "+name, answer.runAnswer)
	if o.detach {
		a.console.say("It runs in a worker. Watch it: %s\n", comeBack("search", name, answer.runAnswer))
		return a.emitJSON(answer)
	}
	result, err := a.watchSearch(ctx, temporal, run)
	if ctx.Err() != nil {
		answer.Outcome = "detached"
		a.console.say("\nDetached; the search goes on.\nCome back:  %s\nEnd it:     starter search %s --cancel %s\n",
			comeBack("search", name, answer.runAnswer), name, run.WorkflowID)
		return errors.Join(a.emitJSON(answer), ended{exitDetached})
	}
	if err != nil {
		return a.runFailed(err, answer.runAnswer)
	}
	answer.Outcome, answer.Result, answer.MLflowURL = "finished", &result, result.RunURL
	a.console.say("\n%s", searchScreen(a.console.style(), result))
	return a.emitJSON(answer)
}

func (a *app) cancelSearch(ctx context.Context, t controlPlane, cfg config.Config, x control.Execution) error {
	answer := searchAnswer{runAnswer: started(cfg, x.Run)}
	if !x.Running {
		return fail(fmt.Errorf("%s has ended already", x.Run.WorkflowID), "What it found: %s", answer.TemporalURL)
	}
	if err := t.CancelSearch(ctx, x.Run); err != nil {
		return a.temporalProblem(err)
	}
	a.console.say("%s ends; the trials that are done stay in MLflow.\n", x.Run.WorkflowID)
	answer.Outcome = "cancelled"
	return a.emitJSON(answer)
}

// watchSearch draws how far the search is, and says what hinders it, until it ends or ctx does.
func (a *app) watchSearch(ctx context.Context, t controlPlane, run control.Run) (job.SearchResult, error) {
	board, style := a.console.board(), a.console.style()
	defer board.Leave()
	c := crew{temporal: t, queue: job.TrainQueue, every: a.pace.workers, now: a.now}
	fails := "" // the step that does, as it was said
	var result job.SearchResult
	err := a.watch(ctx, func() (err error) { result, err = t.WaitSearch(ctx, run); return err }, func() {
		asking, cancel := context.WithTimeout(ctx, askFor)
		defer cancel()
		if note := c.note(asking); note != "" {
			board.Say(style.Warn(note))
		}
		if x, err := t.Describe(asking, run); err == nil {
			if step := failingStep(x.Pending); step != fails {
				if fails = step; step != "" {
					board.Say(style.Warn("The search waits for " + step + "."))
				}
			}
		}
		if !c.there() {
			return
		}
		if p, err := t.SearchProgress(asking, run); err == nil {
			board.Draw(searchLines(p))
		}
	})
	if err != nil {
		return job.SearchResult{}, err
	}
	return result, nil
}

// searchLines is a bar of all trials at all rungs, and the best so far.
func searchLines(p job.SearchProgress) []screen.Line {
	total := 0
	for _, rung := range p.Plan.Rungs {
		total += rung.Trials
	}
	if total == 0 {
		return nil
	}
	lines := stageLines("Try", fmt.Sprintf("%d of %d trials", len(p.Tried), total), int64(len(p.Tried)), int64(total))
	for _, it := range p.Tried {
		said := fmt.Sprintf("trial %d, %d epochs: average precision %.4f", it.Trial.Number, it.Epochs, it.AveragePrecision)
		if it.Failed != "" {
			said = fmt.Sprintf("trial %d: %s", it.Trial.Number, it.Failed)
		}
		lines = append(lines, screen.Line{Key: fmt.Sprintf("trial %d rung %d", it.Trial.Number, it.Rung), Live: said, Plain: said})
	}
	return lines
}

func searchScreen(s screen.Style, r job.SearchResult) string {
	var rows [][]string
	for _, it := range r.Tried[:min(len(r.Tried), 10)] {
		ap, auc := fmt.Sprintf("%.4f", it.AveragePrecision), fmt.Sprintf("%.4f", it.AUC)
		if it.Failed != "" {
			ap, auc = "", ""
		}
		rows = append(rows, []string{fmt.Sprint(it.Trial.Number), fmt.Sprint(it.Epochs), ap, auc, valuesOf(it)})
	}
	return s.Table([]screen.Column{{Name: "trial", Right: true}, {Name: "epochs", Right: true}, {Name: "AP", Right: true}, {Name: "AUC", Right: true},
		{Name: "on the validation part, with"}}, rows) +
		fmt.Sprintf("\nAll %d trials: %s\nNext: write what is best into the pipeline's file, and train.\n", len(r.Tried), s.Accent(r.RunURL))
}

func valuesOf(it job.Tried) string {
	if it.Failed != "" {
		return it.Failed
	}
	if len(it.Trial.Values) == 0 {
		return "the recipe as it stands"
	}
	var words []string
	for _, v := range it.Trial.Values {
		words = append(words, v.Field+" "+v.Text)
	}
	return strings.Join(words, ", ")
}
