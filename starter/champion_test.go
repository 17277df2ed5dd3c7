package main

import (
	"encoding/json"
	"strings"
	"testing"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/tracking"
	"temporal-streaming/starter/internal/control"
)

// trainingBeside is a bench on which version 4 is promoted while a stream of the pipeline
// scores with this version, or has ended if that is empty.
func trainingBeside(t *testing.T, version string) *bench {
	b := trainingBench(t, trained(true), nil)
	run := b.temporal.describe
	b.temporal.describe = func(r control.Run) (control.Execution, error) {
		switch {
		case r.WorkflowID != streamRun.WorkflowID:
			return run(r)
		case version == "":
			return control.Execution{Run: streamRun, State: "completed"}, nil
		}
		beat := liveShard
		beat.Model.Version = version
		return control.Execution{Run: streamRun, State: "running", Running: true, Pending: []control.Activity{reported(t, "Segment", beat)}}, nil
	}
	b.temporal.status = func() (job.InferenceStatus, error) {
		s := streamStatus(job.StreamRunning)
		s.Plan.Model.Version = version
		return s, nil
	}
	return b
}

const beginAnew = "Next: starter inference creditcard"

func TestPromotionBesideAnOlderStreamSaysHowToServeTheNewModel(t *testing.T) {
	r := trainingBeside(t, "3").run(t.Context(), "train", "creditcard")
	_, end, _ := strings.Cut(r.out, "MLflow model")
	want := "\nThe stream creditcard still scores with version 3. To serve version 4: starter swap creditcard champion\n"
	if r.code != exitOK || !strings.HasSuffix(end, want) || strings.Contains(end, beginAnew) {
		t.Errorf("exit %d, it ends with:\n%s\nwant:\n%s", r.code, end, want)
	}
}

func TestPromotionBesideAnOlderStreamIsSeenWithoutAWorker(t *testing.T) {
	b := trainingBeside(t, "3")
	b.temporal.status = func() (job.InferenceStatus, error) { return job.InferenceStatus{}, control.ErrNoAnswer }
	if r := b.run(t.Context(), "train", "creditcard"); !strings.Contains(r.out, "still scores with version 3") {
		t.Errorf("the heartbeat's version is not told:\n%s", r.out)
	}
}

func TestPromotionWithNothingToReplaceSaysToStream(t *testing.T) {
	stopping := trainingBeside(t, "3")
	stopping.temporal.status = func() (job.InferenceStatus, error) { return streamStatus(job.StreamStopping), nil }
	for name, b := range map[string]*bench{"no stream": trainingBeside(t, ""), "a stream of the new version": trainingBeside(t, "4"), "a stream that stops": stopping} {
		if r := b.run(t.Context(), "train", "creditcard"); !strings.Contains(r.out, beginAnew) || strings.Contains(r.out, "still scores") {
			t.Errorf("%s: %s", name, r.out)
		}
	}
}

func TestStreamVersionIsForScripts(t *testing.T) {
	for version, want := range map[string]string{"3": "3", "4": "", "": ""} {
		r := trainingBeside(t, version).run(t.Context(), "train", "creditcard", "--json")
		var answer trainAnswer
		if err := json.Unmarshal([]byte(r.out), &answer); err != nil || answer.StreamVersion != want {
			t.Errorf("a stream of version %q: stream_version %q, want %q (%v)", version, answer.StreamVersion, want, err)
		}
	}
}

// withChampion lets MLflow answer that this version is the champion.
func (b *bench) withChampion(version string) *bench {
	b.app.reach.mlflow = func(config.MLflow) (modelRegistry, error) {
		return &fakeRegistry{versions: map[string]tracking.Version{"creditcard": {Name: "creditcard", Number: version}}}, nil
	}
	return b
}

func TestJoiningAStreamOfAnotherModelNamesTheChampion(t *testing.T) {
	const line = "The champion is version 4; this stream scores with version 3 until it is swapped: starter swap creditcard champion\n"
	if r := streaming(t).withChampion("4").run(t.Context(), "inference", "creditcard", "--detach"); r.code != exitOK || !strings.Contains(r.out, line) {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
	for name, b := range map[string]*bench{"the champion's own stream": streaming(t).withChampion("3"), "MLflow is away": streaming(t)} {
		if r := b.run(t.Context(), "inference", "creditcard", "--detach"); r.code != exitOK || strings.Contains(r.out+r.stderr, "champion") {
			t.Errorf("%s: exit %d: %s%s", name, r.code, r.out, r.stderr)
		}
	}
	fresh := streaming(t).withChampion("4")
	fresh.temporal.describe = nil
	if r := fresh.run(t.Context(), "inference", "creditcard", "--detach"); strings.Contains(r.out, "champion") {
		t.Errorf("a stream that has just started: %s", r.out)
	}
}

func TestChampionIsForScripts(t *testing.T) {
	r := streaming(t).withChampion("4").run(t.Context(), "inference", "creditcard", "--detach", "--json")
	var answer inferenceAnswer
	if err := json.Unmarshal([]byte(r.out), &answer); err != nil || answer.Champion != "4" || answer.Status.Plan.Model.Version != "3" {
		t.Errorf("%v: %s", err, r.out)
	}
}
