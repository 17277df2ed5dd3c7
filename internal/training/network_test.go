package training

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/model"
)

// fittable is a part of a training that a small network learns in no time.
func fittable(rows int, shift float32) dataset.Matrix {
	m := dataset.Matrix{Names: []string{"A", "B"}}
	for i := range rows {
		a, b := float32(i%13)-6+shift, float32(i%7)-3
		y := float32(0)
		if a*b > 4 {
			y = 1
		}
		m.X, m.Y = append(m.X, a, b), append(m.Y, y)
	}
	return m
}

// fitInterrupted fits until the given number of epochs has ended, 0 for all of them, and answers the model's file and how many it heard of.
func fitInterrupted(t *testing.T, trainer *Trainer, config model.Config, after int) (file []byte, heard int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m, _, err := trainer.network(ctx, fittable(400, 0), fittable(200, .5), config, "checkpoints/one", func(job.FitProgress) {
		if heard++; heard == after {
			cancel()
		}
	})
	if after > 0 {
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted, it ended with %v", err)
		}
		return nil, heard
	}
	if err != nil {
		t.Fatal(err)
	}
	if file, err = m.ONNX(); err != nil {
		t.Fatal(err)
	}
	return file, heard
}

func TestAFitGoesOnFromItsCheckpointAndBeginsAnewWhereThatCannotBeUsed(t *testing.T) {
	config := model.Config{Hidden: []int{4}, Members: 2, Epochs: 3, Batch: 50, LearningRate: 0.01, Stop: model.StopNever, Seed: 3}
	want, all := fitInterrupted(t, &Trainer{Store: artifact.NewMemory(0)}, config, 0)
	for name, c := range map[string]struct {
		spoil func(store *artifact.Memory, state []byte) error
		heard int
		says  string
	}{
		"as it was kept": {nil, all - 2, ""},
		"damaged before it was kept": {func(store *artifact.Memory, state []byte) error {
			state[len(state)/2] ^= 1
			return store.PutNamed(t.Context(), "checkpoints/one", state)
		}, all, "damaged"},
		"damaged in the store": {func(store *artifact.Memory, state []byte) error {
			store.Corrupt(artifact.Ref{Key: "checkpoints/one.named"}, append([]byte("sha256 "+strings.Repeat("0", 64)+"\n"), state...))
			return nil
		}, all, "digest"},
	} {
		store, log := artifact.NewMemory(0), &bytes.Buffer{}
		trainer := &Trainer{Store: store, Logger: slog.New(slog.NewTextHandler(log, nil))}
		fitInterrupted(t, trainer, config, 2)
		state, err := store.GetNamed(t.Context(), "checkpoints/one")
		if err != nil {
			t.Fatal(err)
		}
		if c.spoil != nil {
			if err := c.spoil(store, state); err != nil {
				t.Fatal(err)
			}
		}
		file, heard := fitInterrupted(t, trainer, config, 0)
		if !bytes.Equal(file, want) {
			t.Errorf("%s: the model differs from that of an undisturbed fit", name)
		}
		if heard != c.heard {
			t.Errorf("%s: %d epochs were trained, want %d", name, heard, c.heard)
		}
		if said := log.String(); (said != "") != (c.says != "") || !strings.Contains(said, c.says) {
			t.Errorf("%s: the log says %q, want %q", name, said, c.says)
		}
	}
	// Another program's words for the same fit: a configuration with one number more has another fingerprint.
	store := artifact.NewMemory(0)
	other := config
	other.WeightDecay = 1e-9
	fitInterrupted(t, &Trainer{Store: store}, other, 2)
	if file, heard := fitInterrupted(t, &Trainer{Store: store}, config, 0); heard != all || !bytes.Equal(file, want) {
		t.Errorf("behind another fit's checkpoint %d epochs were trained, want all %d", heard, all)
	}
}
