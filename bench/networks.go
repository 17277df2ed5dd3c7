package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"temporal-streaming/internal/model"
)

// network is a network whose speed is measured: as many inputs as it says, as they come or,
// where fewer features are given, the piecewise-linear encoding of these.
type network struct {
	name             string
	inputs, features int
}

// networks are those of the recipes: the card payments' 29 columns, the handbook's 15 features encoded, and the 88 that
// transactions-rich had once, so that figures can be compared. The latter are measured on inputs that are encoded already, too.
func networks() []network {
	return []network{
		{"29-64-64-1", 29, 29},
		{"139-64-64-1", 139, 139},
		{"731-64-64-1", 731, 731},
		{"15 encoded, 139-64-64-1", 139, 15},
		{"88 encoded, 731-64-64-1", 731, 88},
	}
}

// model makes one with random weights.
func (n network) model() *model.Model {
	r := rand.New(rand.NewPCG(1, uint64(n.inputs*1000+n.features)))
	m := &model.Model{Threshold: 0.5, Preparation: model.Preparation{SignedLog: make([]bool, n.features), Clip: 30}}
	p := &m.Preparation
	for j := range n.features {
		m.Features = append(m.Features, fmt.Sprintf("x%d", j))
		p.Mean, p.Scale = append(p.Mean, float32(r.NormFloat64())), append(p.Scale, float32(0.5+r.Float64()))
	}
	for i := range n.inputs - n.features {
		column := i * n.features / (n.inputs - n.features)
		p.Bins = append(p.Bins, model.Bin{Column: column, Low: float32(r.NormFloat64()), Slope: float32(1 + r.Float64())})
	}
	widths := []int{n.inputs, 64, 64, 1}
	var member model.MLP
	for k, in := range widths[:len(widths)-1] {
		l := model.Layer{In: in, Out: widths[k+1], Weights: make([]float32, in*widths[k+1]), Bias: make([]float32, widths[k+1])}
		for i := range l.Weights {
			l.Weights[i] = float32(r.NormFloat64() * math.Sqrt(2/float64(in)))
		}
		member.Layers = append(member.Layers, l)
	}
	m.Members = []model.MLP{member}
	return m
}

// rows are random ones for it, [n, features].
func (n network) rows(count int) []float32 {
	r := rand.New(rand.NewPCG(2, uint64(n.features)))
	x := make([]float32, count*n.features)
	for i := range x {
		x[i] = float32(r.NormFloat64() * 2)
	}
	return x
}
