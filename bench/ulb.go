package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/evaluate"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/pipelines"
)

// uniformWeight is how many genuine payments one in creditcard_uniform stands for: that
// file has all 492 frauds of the public data set, and 22,162 of its 284,315 genuine rows.
const uniformWeight = 284315.0 / 22162

// verdict is one model on the test part, at a threshold chosen on the validation part.
type verdict struct {
	model, words string
	fit          time.Duration
	validation   float64 // weighted average precision there
	test         evaluate.Report
}

// ulb fits the shipped recipe and scikit-learn's models on the same rows.
func (b *bench) ulb(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench ulb", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "one JSON object a line")
	data := flags.String("data", filepath.Join(b.root, "..", "shared", "data", "ulb", "creditcard_uniform.csv.gz"), "CSV file of the ULB schema, plain or gzip")
	weight := flags.Float64("negative-weight", uniformWeight, "genuine rows of the world that one in the file stands for; 1 for the whole data set")
	seeds := flags.Int("seeds", 1, "fits of our model: the pipeline's seed, and more after it")
	peers := flags.Bool("peers", true, "fit scikit-learn's models, too (installs them once)")
	if err := b.parse(flags, args); err != nil {
		return err
	}
	before := conditionsNow()
	d, err := pipelines.Load(pipelineName)
	if err != nil {
		return err
	}
	table, err := readTable(*data, d)
	if err != nil {
		return err
	}
	r := newRecipe(artifact.NewMemory(0))
	if err := r.prepare(ctx, d, table, job.Dataset{Source: filepath.Base(*data), NegativeWeight: *weight}); err != nil {
		return err
	}
	parts, err := r.parts(ctx)
	if err != nil {
		return err
	}
	var verdicts []verdict
	for i := range *seeds {
		v, err := b.ours(ctx, d, r, parts, d.Model.Seed+int64(i))
		if err != nil {
			return err
		}
		verdicts = append(verdicts, v)
	}
	if *peers {
		theirs, err := b.theirs(ctx, d, parts)
		if err != nil {
			return err
		}
		verdicts = append(verdicts, theirs...)
	}
	out := &report{bench: "ulb", settings: append(ulbSettings(r, *data, *weight), b.machine(before)...)}
	for _, v := range verdicts {
		v.report(out)
	}
	return b.print(out, *asJSON)
}

// parts are the features of the split by time.
type parts struct{ train, validation, test dataset.Matrix }

func (r *recipe) parts(ctx context.Context) (p parts, err error) {
	for _, it := range []struct {
		part job.Part
		into *dataset.Matrix
	}{{r.engineered.Train, &p.train}, {r.engineered.Validation, &p.validation}, {r.engineered.Test, &p.test}} {
		if *it.into, err = r.matrix(ctx, it.part); err != nil {
			return p, err
		}
	}
	return p, nil
}

// ours trains as workflow Train does, and reads the model back from the file that would be served.
func (b *bench) ours(ctx context.Context, d *pipeline.Definition, r *recipe, p parts, seed int64) (verdict, error) {
	b.say("fitting the pipeline's model, seed %d", seed)
	begin := time.Now()
	told := begin
	err := r.fit(ctx, seed, fmt.Sprint(seed), func(e job.FitProgress) {
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			b.say("  member %d of %d, epoch %d of at most %d", e.Member, e.Members, e.Epoch, e.Epochs)
		}
	})
	if err != nil {
		return verdict{}, err
	}
	took := time.Since(begin)
	onnx, err := r.trainer.Store.Get(ctx, artifact.Ref(r.fitted.Model))
	if err != nil {
		return verdict{}, err
	}
	m, err := model.ReadONNX(onnx)
	if err != nil {
		return verdict{}, err
	}
	words := fmt.Sprintf("hidden=%v, members=%d, seed=%d", d.Model.Hidden, len(m.Members), seed)
	return judge(d, "temporal-streaming/"+d.Name, words, took, p, probabilities(m, p.validation), probabilities(m, p.test))
}

// probabilities are those of the serving kernels.
func probabilities(m *model.Model, x dataset.Matrix) []float64 {
	scored := make([]float32, x.Len())
	model.NewScorer(m, x.Len()).Score(x.X, x.Len(), scored)
	p := make([]float64, len(scored))
	for i, v := range scored {
		p[i] = float64(v)
	}
	return p
}

// judge measures probabilities of anybody's by one rule.
func judge(d *pipeline.Definition, name, words string, fit time.Duration, p parts, validation, test []float64) (verdict, error) {
	fail := func(err error) (verdict, error) { return verdict{}, fmt.Errorf("judge %s: %w", name, err) }
	known := truth(p.validation, validation)
	threshold, err := evaluate.ChooseThreshold(known, evaluate.Policy(d.Threshold.Policy), d.Threshold.Value)
	if err != nil {
		return fail(err)
	}
	onValidation, err := evaluate.NewReport(known, threshold)
	if err != nil {
		return fail(err)
	}
	onTest, err := evaluate.NewReport(truth(p.test, test), threshold)
	if err != nil {
		return fail(err)
	}
	return verdict{model: name, words: words, fit: fit, validation: onValidation.AveragePrecision, test: onTest}, nil
}

func truth(x dataset.Matrix, p []float64) evaluate.Scores {
	s := evaluate.Scores{Probability: p, Label: make([]bool, x.Len()), Weight: make([]float64, x.Len())}
	for i := range x.Y {
		s.Label[i], s.Weight[i] = x.Y[i] == 1, float64(x.W[i])
	}
	return s
}

func (v verdict) report(r *report) {
	own := []setting{{"model", v.model}, {"with", v.words}}
	r.add("weighted_ap", v.test.AveragePrecision, "", own...)
	r.add("auc", v.test.ROCAUC, "", own...)
	if v.fit > 0 {
		r.add("fit_seconds", v.fit.Seconds(), "s", own...)
	}
	r.add("precision", v.test.Precision, "", own...)
	r.add("recall", v.test.Recall, "", own...)
	r.add("validation_weighted_ap", v.validation, "", own...)
}

func ulbSettings(r *recipe, data string, weight float64) settings {
	count := func(p job.Part) string { return fmt.Sprintf("%d rows, %d frauds", p.Rows, p.Positives) }
	return settings{
		{"data", strings.TrimSuffix(filepath.Base(data), ".gz")},
		{"negative_weight", weight},
		{"split", "60/20/20 by time"},
		{"train", count(r.engineered.Train)},
		{"validation", count(r.engineered.Validation)},
		{"test", count(r.engineered.Test)},
		{"threshold", "chosen on the validation part, as the pipeline says"},
	}
}
