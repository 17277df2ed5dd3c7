package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
	"temporal-streaming/test/stack"
)

// trained is what `starter train --json` prints, as far as these tests read it.
type trained struct {
	Outcome string          `json:"outcome"`
	Result  job.TrainResult `json:"result"`
}

func TestMainJobOnTheEmbeddedBroker(t *testing.T) { mainJob(t, stack.Embedded) }

func TestMainJobOnApacheKafka(t *testing.T) { mainJob(t, stack.Apache) }

// mainJob is what the README shows: load, train, stream, look, stop.
func mainJob(t *testing.T, kafka string) {
	w := newWorld(t, kafka)
	worker := w.worker()
	w.must(nil, "load", "creditcard", w.dataFile())

	var first trained
	w.must(&first, "train", "creditcard")
	if first.Outcome != "promoted" || first.Result.Champion != "1" {
		t.Fatalf("the first model was %s, champion %q: %v", first.Outcome, first.Result.Champion, first.Result.Decision.Reasons)
	}
	if q := first.Result.Validated.Candidate; q.AUC < 0.95 || q.AveragePrecision < 0.6 {
		t.Errorf("AUC %.3f, average precision %.3f on the test part", q.AUC, q.AveragePrecision)
	}

	var found struct {
		Outcome string           `json:"outcome"`
		Result  job.SearchResult `json:"result"`
	}
	w.must(&found, "search", "creditcard", "--trials", "2")
	if r := found.Result; found.Outcome != "finished" || len(r.Tried) != 2 || r.Best.RunID == "" || r.Best.AveragePrecision < r.Tried[1].AveragePrecision {
		t.Errorf("the search %s: %+v", found.Outcome, r)
	}

	w.must(nil, "inference", "creditcard", "--detach")
	messages := seedMessages(t, 3000, 1)
	w.send(messages[:2000])
	w.send(badMessages())
	w.send(messages[2000:])
	l := w.read(messages, time.Minute)
	l.exactlyOnce(t, messages)
	for _, p := range l.last {
		if p.Model != "creditcard" || p.ModelVersion != "1" || p.Topic != "hello-fraud" || p.EventTime == "" {
			t.Fatalf("prediction %+v does not say which model scored what", p)
		}
	}
	w.checkDeadLetters()
	w.checkStarterReads(messages)
	w.checkReadback(messages, l, first)

	// Starting it again joins the stream that runs.
	var joined struct {
		Stream struct {
			WorkflowID string `json:"workflow_id"`
		} `json:"stream"`
	}
	w.must(&joined, "inference", "creditcard", "--detach")

	took, err := worker.stop(30 * time.Second)
	if err != nil {
		t.Errorf("the worker answered SIGTERM with %v", err)
	}
	t.Logf("drained and ended %v after SIGTERM", took)
	w.worker()
	more := seedMessages(t, 200, 2)
	w.send(more)
	w.read(append(messages, more...), time.Minute).exactlyOnce(t, append(messages, more...))

	var receipt struct {
		Shards []job.ShardStatus `json:"shards"`
	}
	w.must(&receipt, "stop", "creditcard", "--reason", "the test is over")
	if _, stderr, code := w.starter("stop", "creditcard"); code != 0 {
		t.Errorf("stopping a stopped stream: exit %d, %s", code, stderr)
	}
}

// badMessages are what a stream meets sooner or later.
func badMessages() []message {
	key := func(name string) []byte { return []byte("bad-" + name) }
	return []message{
		{key("not-json"), []byte("{")},
		{key("missing"), []byte(`{"columns":["V1"],"data":[[1]],"id":1}`)},
		{key("type"), bytes.Replace([]byte(plainObject()), []byte(`"V1":0.5`), []byte(`"V1":"0.5"`), 1)},
		{key("nan"), bytes.Replace([]byte(plainObject()), []byte(`"V1":0.5`), []byte(`"V1":NaN`), 1)},
		{key("huge"), bytes.Repeat([]byte("x"), 1_040_000)},
		{key("empty"), []byte{}},
		{key("tombstone"), nil},
	}
}

func plainObject() string {
	var b strings.Builder
	b.WriteString(`{`)
	for i := 1; i <= 28; i++ {
		b.WriteString(`"V` + string(rune('0'+i/10)) + string(rune('0'+i%10)) + `":0.5,`)
	}
	b.WriteString(`"Amount":10}`)
	return strings.ReplaceAll(b.String(), `"V0`, `"V`)
}

// checkDeadLetters finds every bad message with its reason, its bytes and its origin.
func (w *world) checkDeadLetters() {
	w.t.Helper()
	r, err := stream.NewReader(w.t.Context(), w.kafka(), "hello-fraud.dlq", stream.StartEarliest())
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	reasons := map[string]string{}
	if err := r.ToEnd(w.t.Context(), func(rec stream.Record) error {
		reason, _ := rec.Header("reason")
		topic, _ := rec.Header("topic")
		offset, _ := rec.Header("offset")
		if topic != "hello-fraud" || offset == "" {
			w.t.Errorf("dead letter %s does not say where it is from: %v", rec.Key, rec.Headers)
		}
		reasons[string(rec.Key)] = reason
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	want := map[string]string{
		"bad-not-json": "not_json", "bad-missing": "missing_column", "bad-type": "wrong_type", "bad-nan": "not_finite",
		"bad-huge": "not_json", "bad-empty": "empty", "bad-tombstone": "tombstone",
	}
	for key, reason := range want {
		if reasons[key] != reason {
			w.t.Errorf("dead letter %s has the reason %q, want %q", key, reasons[key], reason)
		}
	}
	if len(reasons) != len(want) {
		w.t.Errorf("%d dead letters, want %d: %v", len(reasons), len(want), reasons)
	}
}

// checkStarterReads looks at the stream as its user does.
func (w *world) checkStarterReads(messages []message) {
	w.t.Helper()
	stdout, stderr, code := w.starter("inference", "creditcard", "--from", "earliest", "--count", "10", "--json")
	if lines := strings.Count(stdout, "\n"); code != 0 || lines != 10 {
		w.t.Errorf("the tail of 10 predictions has %d lines, exit %d: %s", lines, code, stderr)
	}
	eventually(w.t, 20*time.Second, func() error {
		var s struct {
			Streams []struct {
				Pipeline    string `json:"pipeline"`
				State       string `json:"state"`
				Lag         int64  `json:"lag"`
				DeadLetters int64  `json:"dead_letters"`
				Predictions int64  `json:"predictions"`
			} `json:"streams"`
		}
		w.must(&s, "status")
		if len(s.Streams) != 1 || s.Streams[0].State != "running" || s.Streams[0].Lag != 0 ||
			s.Streams[0].DeadLetters != 7 || s.Streams[0].Predictions != int64(len(messages)) {
			return errorf("status says %+v", s.Streams)
		}
		return nil
	})
	if stdout, stderr, code := w.starter("doctor"); code != 0 {
		w.t.Errorf("doctor: exit %d\n%s%s", code, stdout, stderr)
	}
}

// checkReadback lets MLflow's Python client load the champion, and holds its
// probabilities against those that the stream wrote.
func (w *world) checkReadback(messages []message, l ledger, model trained) {
	w.t.Helper()
	type value struct {
		Columns []string    `json:"columns"`
		Data    [][]float64 `json:"data"`
	}
	var rows struct {
		Columns       []string    `json:"columns"`
		Data          [][]float64 `json:"data"`
		Probabilities []float64   `json:"probabilities"`
	}
	for _, m := range messages[:500] {
		var v value
		if err := json.Unmarshal(m.value, &v); err != nil {
			w.t.Fatal(err)
		}
		rows.Columns = v.Columns
		rows.Data = append(rows.Data, v.Data[0])
		rows.Probabilities = append(rows.Probabilities, float64(l.last[string(m.key)].Probability))
	}
	file, err := json.Marshal(rows)
	if err != nil {
		w.t.Fatal(err)
	}
	path := filepath.Join(w.dir, "rows.json")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.CommandContext(w.t.Context(), w.Python, "testdata/readback.py", "creditcard", path)
	cmd.Env = w.environ()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		w.t.Fatalf("read back: %v\n%s", err, errs.String())
	}
	var back struct {
		Gap         float64            `json:"gap"`
		Version     string             `json:"version"`
		VersionTags map[string]string  `json:"version_tags"`
		Status      string             `json:"status"`
		Tags        map[string]string  `json:"tags"`
		Metrics     map[string]float64 `json:"metrics"`
		Losses      int                `json:"losses"`
		Inputs      []string           `json:"inputs"`
		Artifacts   []string           `json:"artifacts"`
		Runs        int                `json:"runs"`
		Versions    int                `json:"versions"`
		Columns     []string           `json:"inputs_of_model"`
	}
	if err := json.Unmarshal(out.Bytes(), &back); err != nil {
		w.t.Fatalf("read back: %v in %s", err, out.String())
	}
	if back.Gap > 1e-6 {
		w.t.Errorf("Python's probabilities differ from the stream's by up to %g", back.Gap)
	}
	if back.Runs != 1 || back.Versions != 1 || back.Version != "1" || back.Status != "FINISHED" {
		w.t.Errorf("%d runs, %d versions, champion %s, run %s; want one of each, FINISHED", back.Runs, back.Versions, back.Version, back.Status)
	}
	if back.VersionTags["validation_status"] != "approved" || !strings.HasPrefix(back.Tags["temporal.workflow_id"], "train-creditcard-") {
		w.t.Errorf("tags do not explain the model: %v, %v", back.VersionTags, back.Tags)
	}
	if got, want := back.Metrics["test_average_precision"], model.Result.Validated.Candidate.AveragePrecision; got != want {
		w.t.Errorf("MLflow has average precision %v, the workflow %v", got, want)
	}
	if back.Losses == 0 || len(back.Inputs) != 1 || !strings.HasPrefix(model.Result.Dataset.Object.SHA256, back.Inputs[0]) {
		w.t.Errorf("%d losses, inputs %v", back.Losses, back.Inputs)
	}
	for _, picture := range []string{"roc_curve_plot", "precision_recall_curve_plot", "calibration_curve_plot", "score_histogram", "confusion_matrix", "loss_curve", "cost_curve", "days", "feature_importance"} {
		if !slices.Contains(back.Artifacts, "plots/"+picture+".png") {
			w.t.Errorf("no picture %s among %v", picture, back.Artifacts)
		}
	}
	if len(back.Columns) != 29 || back.Columns[28] != "Amount" {
		w.t.Errorf("the model's signature has the columns %v", back.Columns)
	}
}
