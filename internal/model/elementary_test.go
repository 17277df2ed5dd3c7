package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestElementaryFunctionsAreWithinTheirError(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		x := r.NormFloat64() * 100
		x = min(max(x, -700), 700)
		if got, want := exponential(x), math.Exp(x); math.Abs(got/want-1) > 1e-12 {
			t.Fatalf("exponential(%v) is %v, want %v", x, got, want)
		}
		y := math.Exp(r.NormFloat64() * 10)
		if got, want := logarithm(y), math.Log(y); math.Abs(got-want) > 1e-12 {
			t.Fatalf("logarithm(%v) is %v, want %v", y, got, want)
		}
		near := 1 + math.Abs(r.NormFloat64())*1e-6
		if got, want := logarithm(near), math.Log(near); math.Abs(got-want) > 1e-12*want {
			t.Fatalf("logarithm(%v) is %v, want %v", near, got, want)
		}
	}
	for _, edge := range []struct{ got, want float64 }{
		{logarithm(1), 0}, {logarithm(2), math.Ln2}, {exponential(0), 1}, {exponential(700), math.Exp(700)}, {exponential(-700), math.Exp(-700)},
		{float64(sigmoid(1e30)), 1}, {float64(sigmoid(-1e30)), 0}, {float64(sigmoid(0)), 0.5},
		{logarithm(1 + math.MaxFloat32), math.Log(math.MaxFloat32)},
	} {
		if math.Abs(edge.got-edge.want) > 1e-12*math.Abs(edge.want) && math.Abs(edge.got-edge.want) > 1e-300 {
			t.Errorf("got %v, want %v", edge.got, edge.want)
		}
	}
}
