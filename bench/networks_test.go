package main

import (
	"testing"

	"temporal-streaming/internal/model"
)

func TestEveryNetworkHasTheInputsItsNameSays(t *testing.T) {
	for _, n := range networks() {
		m := n.model()
		if err := m.Validate(); err != nil {
			t.Fatalf("%s: %v", n.name, err)
		}
		if m.Preparation.Width() != n.inputs || m.Width() != n.features || m.Members[0].Layers[0].In != n.inputs {
			t.Errorf("%s has %d inputs of %d features", n.name, m.Preparation.Width(), m.Width())
		}
	}
}

func TestScoringIsMeasuredWithoutItsPeer(t *testing.T) {
	rates, allocations, probabilities := scoreRates(network{"5-64-64-1", 5, 5}, 0.001)
	if len(rates) != len(scoreBatches) || rates[1] <= 0 || allocations > 0 || len(probabilities) != 1024 {
		t.Errorf("%v, %v allocations a record", rates, allocations)
	}
}

func TestTrainingIsMeasuredWithoutItsPeer(t *testing.T) {
	for _, members := range []int{1, 2} {
		rate, err := trainRate(t.Context(), trained{features: 4, bins: 3, encoded: true}, 2*trainBatch, members, 2)
		if err != nil || rate.perCPU <= 0 || rate.perSecond <= 0 {
			t.Errorf("%d members: %+v: %v", members, rate, err)
		}
	}
	if model.Kernel() == "" {
		t.Error("the kernel has no name")
	}
}
