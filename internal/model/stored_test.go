package model

import (
	"bytes"
	"context"
	"os"
	"testing"
)

func storedConfig() Config {
	return Config{Hidden: []int{4}, Members: 2, Epochs: 3, Batch: 64, Bins: 3, SignedLog: smallConfig().SignedLog, LearningRate: 5e-3, Dropout: 0.1, Seed: 7, Stop: StopNever}
}

// The checkpoint was written by version 4 after four of six epochs, and is never written anew: a training that was begun under an earlier
// program goes on under this one. That needs more than the layout: rows and configuration must have the fingerprint that
// they had. Who adds a field to Config sees to it that the runs that know nothing of it keep theirs; or, where the training itself has
// changed, writes another version, which passes this one's checkpoints over.
func TestCheckpointsOfThisVersionAreResumed(t *testing.T) {
	state, err := os.ReadFile("testdata/checkpoint-v4.bin")
	if err != nil {
		t.Fatal(err)
	}
	train, validation := generated(1, 300), generated(2, 200)
	heard := 0
	resumed, history, err := Fit(context.Background(), train, validation, storedConfig(), generatedNames, &kept{resume: state}, func(Epoch, float64) { heard++ })
	if err != nil {
		t.Fatal(err)
	}
	if heard != 2 || len(history) != 6 {
		t.Errorf("%d epochs were trained of %d, want the last 2 of 6", heard, len(history))
	}
	if bestKernel().name == portableKernel().name {
		return // it rounds otherwise than the one that wrote the file
	}
	whole, _, err := Fit(context.Background(), train, validation, storedConfig(), generatedNames, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file(t, resumed), file(t, whole)) {
		t.Error("what goes on from the checkpoint ends with another model than a training that was never interrupted")
	}
}
