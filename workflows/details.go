package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"temporal-streaming/internal/job"
)

// What people read in the Web UI: search attributes, and the details panel as Markdown.

var (
	pipelineAttribute = temporal.NewSearchAttributeKeyKeyword(job.PipelineAttribute)
	modelVersion      = temporal.NewSearchAttributeKeyKeyword(job.ModelVersionAttribute)
	datasetDigest     = temporal.NewSearchAttributeKeyKeyword(job.DatasetDigestAttribute)
	streamState       = temporal.NewSearchAttributeKeyKeyword(job.StreamStateAttribute)
	decisionAttribute = temporal.NewSearchAttributeKeyKeyword(job.DecisionAttribute)
)

// mark sets search attributes. The only error is an invalid key, which is a mistake
// in this package and must not fail a run that is otherwise sound.
func mark(ctx workflow.Context, updates ...temporal.SearchAttributeUpdate) {
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		workflow.GetLogger(ctx).Warn("search attributes were not set", "error", err)
	}
}

func trainDetails(t *training) string {
	var b []byte // built with Appendf, which the checker of workflow code knows to be deterministic
	if d := t.ingested.Dataset; d.Name != "" {
		b = fmt.Appendf(b, "**%s** on `%s`%s\n\n", t.req.Pipeline, d.URI, simulated(d))
	}
	b = tableHead(b, "step", "state", "took", "result")
	for _, s := range t.progress.Steps {
		took := ""
		if !s.Ended.IsZero() {
			took = s.Ended.Sub(s.Started).Round(10 * time.Millisecond).String()
		}
		b = tableRow(b, s.Name, string(s.State), took, s.Detail)
	}
	if t.logged.RunURL != "" {
		b = fmt.Appendf(b, "\n[MLflow run](%s) · [version %s](%s)\n", t.logged.RunURL, t.logged.Version, t.logged.VersionURL)
	}
	return string(b)
}

func describeIngested(in *job.Ingested) func() string {
	return func() string {
		return fmt.Sprintf("%d rows, %d positive%s", in.Dataset.Rows, in.Dataset.Positives, simulated(in.Dataset))
	}
}

func describeEngineered(e *job.Engineered) func() string {
	return func() string {
		return fmt.Sprintf("%d features; train %d/%d, validation %d/%d, test %d/%d rows/positive", e.Features,
			e.Train.Rows, e.Train.Positives, e.Validation.Rows, e.Validation.Positives, e.Test.Rows, e.Test.Positives)
	}
}

func describeFitted(f *job.Fitted) func() string {
	return func() string {
		return fmt.Sprintf("%d epochs over %d members, threshold %.4g", f.Epochs, f.Members, f.Threshold)
	}
}

func describeLogged(l *job.Logged) func() string {
	return func() string { return fmt.Sprintf("%s version %s", l.Model, l.Version) }
}

func describeValidated(v *job.Validated) func() string {
	return func() string {
		text := fmt.Sprintf("average precision %.4f, AUC %.4f, %.0f rows/s", v.Candidate.AveragePrecision, v.Candidate.AUC, v.RowsPerSecond)
		if v.Champion != nil {
			text += fmt.Sprintf("; champion %.4f", v.Champion.AveragePrecision)
		}
		return text
	}
}

func (t *training) describeDecision() string {
	if t.decision.Promote {
		return "promoted: " + strings.Join(t.decision.Reasons, "; ")
	}
	return "rejected: " + strings.Join(t.decision.Reasons, "; ")
}

func streamDetails(s *job.InferenceStatus) string {
	var b []byte // built with Appendf, which the checker of workflow code knows to be deterministic
	b = fmt.Appendf(b, "**%s** is %s: `%s` → `%s`, model **%s version %s**", s.Plan.Pipeline, s.State,
		s.Plan.Topic, s.Plan.Output, s.Plan.Model.Name, s.Plan.Model.Version)
	if s.Plan.Model.URL != "" {
		b = fmt.Appendf(b, " ([MLflow](%s))", s.Plan.Model.URL)
	}
	if s.Note != "" {
		b = fmt.Appendf(b, "\n\n%s", s.Note)
	}
	b = append(b, "\n\n"...)
	b = tableHead(b, "shard", "partitions", "state", "worker", "segment", "offsets", "last error")
	for _, sh := range s.Shards {
		b = tableRow(b, fmt.Sprint(sh.Shard.ID), fmt.Sprint(sh.Shard.Partitions), string(sh.State), sh.Lease.Worker,
			fmt.Sprint(sh.Segment), offsets(sh.Last), sh.LastError)
	}
	b = append(b, "\nLive figures are in the heartbeats of the pending Segment activities.\n"...)
	return string(b)
}

// tableHead and tableRow write Markdown. The Web UI draws tables without any room between
// columns, so each cell brings its own: spaces that do not collapse.
func tableHead(b []byte, cells ...string) []byte {
	b = tableRow(b, cells...)
	return append(b, strings.Repeat("|---", len(cells))+"|\n"...)
}

func tableRow(b []byte, cells ...string) []byte {
	for _, c := range cells {
		b = fmt.Appendf(b, "| %s\u00a0\u00a0\u00a0", strings.ReplaceAll(c, "|", `\|`))
	}
	return append(b, "|\n"...)
}

func offsets(p job.Progress) string {
	parts := make([]string, len(p.Partitions))
	for i, q := range p.Partitions {
		parts[i] = fmt.Sprintf("%d:%d", q.Partition, q.Offset)
	}
	return strings.Join(parts, " ")
}

func simulated(d job.Dataset) string {
	if d.Simulated {
		return " (simulated)"
	}
	return ""
}

// reason is the sentence of an error that a person needs: the activity's own message
// without Temporal's frames around it.
func reason(err error) string {
	var app *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	switch {
	case err == nil:
		return ""
	case temporal.IsCanceledError(err):
		return "cancelled"
	case errors.As(err, &app):
		return app.Message()
	case errors.As(err, &timeout):
		return fmt.Sprintf("no answer from the worker (%s timeout)", timeout.TimeoutType())
	default:
		return err.Error()
	}
}
