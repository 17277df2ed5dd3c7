package model

import (
	"errors"
	"fmt"
	"math"
)

// ErrInvalid is returned when rows, a configuration or a model contradict themselves. Trying again cannot help.
var ErrInvalid = errors.New("invalid")

// Model is a fitted classifier: raw features in, one probability out.
//
// Its probability is the mean over Members of sigmoid(logit of the member). Values must not change once a [Scorer] was made
// from it; Threshold may, before [Model.ONNX] is called.
type Model struct {
	Features    []string // names of the inputs, in the order of the columns
	Preparation Preparation
	Members     []MLP
	Threshold   float32 // a probability at or above it is labelled 1
}

// MLP is one network: affine layers with a ReLU between them; the last layer has one output, the logit.
type MLP struct{ Layers []Layer }

// Layer computes y = x*Weights + Bias. Weights is [In, Out] row-major.
type Layer struct {
	In, Out int
	Weights []float32
	Bias    []float32
}

// Width is the number of raw features of a row.
func (m *Model) Width() int { return len(m.Features) }

// Parameters is the number of trained values in all members.
func (m *Model) Parameters() int {
	n := 0
	for _, member := range m.Members {
		for _, l := range member.Layers {
			n += len(l.Weights) + len(l.Bias)
		}
	}
	return n
}

// Bounds on what a model may be. They are far above any use and keep a hostile file from asking for the memory of the machine.
const (
	maxFeatures = 4096
	maxBins     = 65536
	maxMembers  = 64
	maxLayers   = 16
	maxUnits    = 8192
)

// Validate says whether the parts fit together and every number is finite. Models from [Fit] and [ReadONNX] always pass.
// It returns an error that wraps [ErrInvalid].
func (m *Model) Validate() error {
	if len(m.Features) == 0 || len(m.Features) > maxFeatures {
		return fmt.Errorf("model: %d features, want 1 to %d: %w", len(m.Features), maxFeatures, ErrInvalid)
	}
	seen := make(map[string]bool, len(m.Features))
	for _, name := range m.Features {
		if name == "" || seen[name] {
			return fmt.Errorf("model: feature name %q is empty or stands twice: %w", name, ErrInvalid)
		}
		seen[name] = true
	}
	if err := m.Preparation.validate(len(m.Features)); err != nil {
		return err
	}
	if len(m.Members) == 0 || len(m.Members) > maxMembers {
		return fmt.Errorf("model: %d members, want 1 to %d: %w", len(m.Members), maxMembers, ErrInvalid)
	}
	for i, member := range m.Members {
		if err := member.validate(m.Preparation.Width()); err != nil {
			return fmt.Errorf("model: member %d: %w", i, err)
		}
	}
	if !(m.Threshold >= 0 && m.Threshold <= 1) {
		return fmt.Errorf("model: threshold %v is not within 0 and 1: %w", m.Threshold, ErrInvalid)
	}
	return nil
}

func (n MLP) validate(inputs int) error {
	if len(n.Layers) == 0 || len(n.Layers) > maxLayers {
		return fmt.Errorf("%d layers, want 1 to %d: %w", len(n.Layers), maxLayers, ErrInvalid)
	}
	for i, l := range n.Layers {
		last := i == len(n.Layers)-1
		switch {
		case l.In != inputs:
			return fmt.Errorf("layer %d takes %d values where %d arrive: %w", i, l.In, inputs, ErrInvalid)
		case l.Out < 1 || l.Out > maxUnits:
			return fmt.Errorf("layer %d has %d outputs, want 1 to %d: %w", i, l.Out, maxUnits, ErrInvalid)
		case last && l.Out != 1:
			return fmt.Errorf("the last layer has %d outputs, want 1: %w", l.Out, ErrInvalid)
		case len(l.Weights) != l.In*l.Out || len(l.Bias) != l.Out:
			return fmt.Errorf("layer %d has %d weights and %d biases, want %d and %d: %w", i, len(l.Weights), len(l.Bias), l.In*l.Out, l.Out, ErrInvalid)
		case !finite(l.Weights) || !finite(l.Bias):
			return fmt.Errorf("layer %d holds a value that is not finite: %w", i, ErrInvalid)
		}
		inputs = l.Out
	}
	return nil
}

func finite(values []float32) bool {
	for _, v := range values {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return false
		}
	}
	return true
}
