package workflows

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"temporal-streaming/internal/job"
)

// TestRecordedHistoriesReplay runs today's code over histories that earlier versions
// wrote. A run that began under one version must go on under the next: a change that
// breaks this needs workflow.GetVersion, not a new recording.
func TestRecordedHistoriesReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/histories/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, workflow := range []string{"train", "inference", "search"} {
		if !slices.ContainsFunc(files, func(f string) bool { return strings.Contains(f, "-"+workflow) }) {
			t.Errorf("no history of %s is kept", workflow)
		}
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			r := worker.NewWorkflowReplayer()
			r.RegisterWorkflowWithOptions(Train, workflow.RegisterOptions{Name: job.TrainWorkflow})
			r.RegisterWorkflowWithOptions(Inference, workflow.RegisterOptions{Name: job.InferenceWorkflow})
			r.RegisterWorkflowWithOptions(Search, workflow.RegisterOptions{Name: job.SearchWorkflow})
			if err := r.ReplayWorkflowHistoryFromJSONFile(nil, file); err != nil {
				t.Error(err)
			}
		})
	}
}
