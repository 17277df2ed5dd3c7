package training

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/evaluate"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/tracking"
)

// evidence is what Log gathers before it writes anything to MLflow.
type evidence struct {
	req        job.LogRequest
	definition *pipeline.Definition
	onnx, spec []byte
	model      *model.Model
	epochs     []model.Epoch
	validation evaluate.Result
	test       evaluate.Result
	champion   *evaluate.Result
	baseline   *evaluate.Result
	findings   findings
	example    []float64 // one row of features
}

func (t *Trainer) gather(ctx context.Context, req job.LogRequest) (*evidence, error) {
	r := &evidence{req: req}
	var err error
	if r.definition, err = t.definition(ctx, req.Ingested.Definition); err != nil {
		return nil, err
	}
	if r.onnx, err = t.Store.Get(ctx, artifact.Ref(req.Fitted.Model)); err != nil {
		return nil, err
	}
	if r.spec, err = t.Store.Get(ctx, artifact.Ref(req.Engineered.Spec)); err != nil {
		return nil, err
	}
	if r.model, err = model.ReadONNX(r.onnx); err != nil {
		return nil, err
	}
	curve, err := t.Store.Get(ctx, artifact.Ref(req.Fitted.Curve))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(curve, &r.epochs); err != nil {
		return nil, fmt.Errorf("read losses: %w", err)
	}
	for _, p := range []struct {
		name string
		part job.Part
		into *evaluate.Result
	}{{"validation", req.Engineered.Validation, &r.validation}, {"test", req.Engineered.Test, &r.test}} {
		m, err := t.matrix(ctx, p.part)
		if err != nil {
			return nil, err
		}
		if *p.into, err = evaluate.NewResult("new model", scores(r.model, m), float64(r.model.Threshold)); err != nil {
			return nil, fmt.Errorf("measure on the %s part: %w", p.name, err)
		}
		r.example = make([]float64, m.Width())
		for i, v := range m.Row(0) {
			r.example[i] = float64(v)
		}
	}
	if r.champion, _, _, err = t.champion(ctx, req.Ingested, r.definition.Name, ""); err != nil {
		return nil, err
	}
	if r.baseline, err = t.baseline(ctx, req); err != nil {
		return nil, err
	}
	r.findings, err = t.find(ctx, r)
	return r, err
}

// baseline measures the plain model of Fit on the test part; nil where a Fit of an earlier version of the program left none.
func (t *Trainer) baseline(ctx context.Context, req job.LogRequest) (*evaluate.Result, error) {
	if req.Fitted.Baseline == (job.Object{}) {
		return nil, nil
	}
	onnx, err := t.Store.Get(ctx, artifact.Ref(req.Fitted.Baseline))
	if err != nil {
		return nil, err
	}
	m, err := model.ReadONNX(onnx)
	if err != nil {
		return nil, err
	}
	test, err := t.matrix(ctx, req.Engineered.Test)
	if err != nil {
		return nil, err
	}
	r, err := evaluate.NewResult("logistic regression", scores(m, test), float64(m.Threshold))
	if err != nil {
		return nil, fmt.Errorf("measure the baseline on the test part: %w", err)
	}
	return &r, nil
}

func params(r *evidence) map[string]string {
	m, tr := r.definition.Model, r.definition.Training
	return map[string]string{
		"model.kind": m.Kind, "model.hidden": fmt.Sprint(m.Hidden), "model.members": strconv.Itoa(m.Members),
		"model.parameters": strconv.Itoa(r.model.Parameters()), "model.signed_log": fmt.Sprint(m.SignedLog),
		"model.clip": number(m.Clip), "model.epochs": strconv.Itoa(m.Epochs), "model.batch": strconv.Itoa(m.Batch),
		"model.learning_rate": number(m.LearningRate), "model.weight_decay": number(m.WeightDecay),
		"model.dropout": number(m.Dropout), "model.patience": strconv.Itoa(m.Patience), "seed": strconv.FormatInt(r.req.Fitted.Seed, 10),
		"model.ratios": fmt.Sprint(m.Ratios), "model.bins": strconv.Itoa(m.Bins), "model.tail_quantiles": fmt.Sprint(m.Tails),
		"training.class_weight": string(tr.ClassWeight), "training.positive_weight": number(tr.PositiveWeight),
		"training.negative_share": number(tr.NegativeShare), "training.loss": string(tr.Loss), "training.stop": string(tr.Stop),
		"training.span":            string(tr.Span),
		"training.negative_weight": number(float64(negativeWeight(r.definition, r.req.Ingested.Dataset))),
		"split":                    fmt.Sprintf("%g / %g / %g by %s", tr.Split.Train, tr.Split.Validation, tr.Split.Test, r.definition.OrderBy),
		"threshold.policy":         string(r.definition.Threshold.Policy), "threshold": number(float64(r.model.Threshold)),
		"features": strconv.Itoa(len(r.model.Features)), "epochs.run": strconv.Itoa(len(r.epochs)),
	}
}

// epochMetrics are the losses, one step an epoch, members one after another. Their times
// are made from the start of the run, so that a second try writes the same ones.
func epochMetrics(r *evidence) []tracking.Metric {
	var list []tracking.Metric
	for i, e := range r.epochs {
		at := r.req.Started.Add(time.Duration(i+1) * time.Millisecond)
		member := fmt.Sprintf("member_%d/", e.Member)
		for _, m := range []tracking.Metric{
			{Key: member + "train_loss", Value: e.TrainLoss}, {Key: member + "validation_loss", Value: e.ValidationLoss},
			{Key: member + "validation_average_precision", Value: e.ValidationAP},
		} {
			m.Time, m.Step = at, int64(e.Epoch)
			list = append(list, m)
		}
	}
	return list
}

// reportMetrics are the metrics of both parts. With the model's id they stand on its page
// as well as on the run's.
func reportMetrics(r *evidence, modelID string) []tracking.Metric {
	var list []tracking.Metric
	for _, p := range []struct {
		prefix string
		report evaluate.Report
	}{{"validation_", r.validation.Report}, {"test_", r.test.Report}} {
		for _, m := range p.report.Metrics() {
			list = append(list, tracking.Metric{
				Key: p.prefix + m.Name, Value: m.Value, Time: r.req.Started, ModelID: modelID,
				DatasetName: r.req.Ingested.Dataset.Name, DatasetDigest: r.req.Ingested.Dataset.Object.SHA256,
			})
		}
	}
	for _, it := range []struct {
		name string
		of   evaluate.Interval
	}{{"average_precision", r.findings.uncertainty.AveragePrecision}, {"roc_auc", r.findings.uncertainty.ROCAUC}} {
		list = append(list,
			tracking.Metric{Key: "test_" + it.name + "_low", Value: it.of.Low, Time: r.req.Started, ModelID: modelID},
			tracking.Metric{Key: "test_" + it.name + "_high", Value: it.of.High, Time: r.req.Started, ModelID: modelID})
	}
	if r.baseline != nil {
		list = append(list, tracking.Metric{Key: "test_baseline_average_precision", Value: r.baseline.Report.AveragePrecision, Time: r.req.Started, ModelID: modelID})
	}
	return list
}

func inputs(r *evidence) []tracking.Input {
	set := r.req.Ingested.Dataset
	var columns []tracking.Column
	for _, c := range r.definition.Schema {
		kind := "double"
		if c.Type == pipeline.Int {
			kind = "long"
		}
		columns = append(columns, tracking.Column{Name: c.Name, Type: kind})
	}
	return []tracking.Input{{Context: "training", Name: set.Name, Digest: set.Object.SHA256, URI: set.URI, Rows: set.Rows, Columns: columns}}
}

func (r *evidence) study() evaluate.Study {
	s := evaluate.Study{
		Subject: fmt.Sprintf("%s, test part: %d rows, %d %s", r.definition.Name, r.test.Report.Rows, r.test.Report.Positives, r.definition.Decision.Positive),
		Model:   r.test, Champion: r.champion, Baseline: r.baseline, Positive: r.definition.Decision.Positive, Negative: r.definition.Decision.Negative,
	}
	s.Trained = fmt.Sprintf("%s, training part: %d rows; validation part: %d rows", r.definition.Name, r.req.Engineered.Train.Rows, r.validation.Report.Rows)
	if r.req.Ingested.Dataset.Simulated {
		s.Subject += ", simulated data"
		s.Trained += ", simulated data"
	}
	r.findings.tell(&s)
	kept := map[int]int{} // by member: the last of the epochs that were the best so far
	for _, e := range r.epochs {
		if e.Best {
			kept[e.Member] = e.Epoch
		}
	}
	for _, e := range r.epochs {
		s.Loss = append(s.Loss, evaluate.LossPoint{
			Member: e.Member - 1, Epoch: e.Epoch, Train: e.TrainLoss, Validation: e.ValidationLoss, Best: kept[e.Member] == e.Epoch,
		})
	}
	return s
}

func qualityTable(r *evidence) tracking.Table {
	table := tracking.Table{Columns: []string{"metric", "validation", "test"}}
	if r.champion != nil {
		table.Columns = append(table.Columns, r.champion.Name+", test")
	}
	test := r.test.Report.Metrics()
	for i, m := range r.validation.Report.Metrics() {
		row := []tracking.Cell{tracking.Text(m.Name), tracking.Number(m.Value), tracking.Number(test[i].Value)}
		if r.champion != nil {
			row = append(row, tracking.Number(r.champion.Report.Metrics()[i].Value))
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}

// note is the description of run and version, in Markdown.
func (t *Trainer) note(r *evidence) string {
	set, q := r.req.Ingested.Dataset, r.test.Report
	simulated := ""
	if set.Simulated {
		simulated = " **Simulated data.**"
	}
	text := fmt.Sprintf("%s, trained on %s (%d rows, %d positive).%s\n\nTest part: average precision **%.4f**, AUC ROC **%.4f**, "+
		"precision %.3f and recall %.3f at threshold %.4g.\n", r.definition.Name, set.Source, set.Rows, set.Positives, simulated,
		q.AveragePrecision, q.ROCAUC, q.Precision, q.Recall, q.Threshold)
	if t.WorkflowURL != nil {
		text += fmt.Sprintf("\n[Temporal workflow](%s)\n", t.WorkflowURL(r.req.WorkflowID, r.req.RunID))
	}
	return text
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
