// Package modeltest makes models for tests that do not care what a model has learned.
package modeltest

import (
	"math/rand/v2"

	"temporal-streaming/internal/model"
)

// Random is a model of these features whose weights are random, of about this size: the same ones every time. All features are
// taken as logarithms.
func Random(features []string, members int, size float64, hidden ...int) *model.Model {
	r := rand.New(rand.NewPCG(5, 5))
	width := len(features)
	m := &model.Model{Features: features, Threshold: 0.5, Preparation: model.Preparation{
		SignedLog: make([]bool, width), Mean: make([]float32, width), Scale: make([]float32, width), Clip: 30,
	}}
	for i := range width {
		m.Preparation.SignedLog[i], m.Preparation.Scale[i] = true, 1
	}
	for range members {
		var member model.MLP
		in := width
		for _, out := range append(hidden[:len(hidden):len(hidden)], 1) {
			l := model.Layer{In: in, Out: out, Weights: make([]float32, in*out), Bias: make([]float32, out)}
			for i := range l.Weights {
				l.Weights[i] = float32(r.NormFloat64() * size)
			}
			member.Layers, in = append(member.Layers, l), out
		}
		m.Members = append(m.Members, member)
	}
	return m
}
