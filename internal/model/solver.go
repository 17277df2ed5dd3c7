package model

import "math"

// adamW is Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019). Gorgonia's own
// solver keeps its moments to itself; this one keeps them in plain fields, so that a checkpoint holds all of it and a resumed
// run takes the same steps bit for bit.
type adamW struct {
	Steps         int64
	First, Second [][]float32 // moving means of the gradient and of its square, per parameter
}

const (
	adamBeta1   = 0.9
	adamBeta2   = 0.999
	adamEpsilon = 1e-8

	// tiny values are taken as 0. They cannot move a weight, but the moments of a unit that weight decay has silenced would fade into
	// subnormal numbers, on which every operation takes a hundred times as long.
	tiny = 1e-18
)

func newAdamW(params [][]float32) *adamW {
	a := &adamW{}
	for _, p := range params {
		a.First = append(a.First, make([]float32, len(p)))
		a.Second = append(a.Second, make([]float32, len(p)))
	}
	return a
}

// adamScales are the factors of one step, the same for every value of a parameter. The kernels read them by their offsets.
type adamScales struct {
	shrink  float32 // of the parameter: 1 - rate*decay
	rate    float32 // rate / (1 - beta1^steps)
	second  float32 // 1 / sqrt(1 - beta2^steps)
	fresh1  float32 // 1 - beta1
	fresh2  float32 // 1 - beta2
	epsilon float32
	tiny    float32
}

// step moves every parameter against its gradient.
func (a *adamW) step(n *network, rate, decay float64) error {
	a.Steps++
	correct1 := 1 - math.Pow(adamBeta1, float64(a.Steps))
	correct2 := 1 - math.Pow(adamBeta2, float64(a.Steps))
	scales := adamScales{rate: float32(rate / correct1), second: float32(1 / math.Sqrt(correct2)),
		fresh1: 1 - adamBeta1, fresh2: 1 - adamBeta2, epsilon: adamEpsilon, tiny: tiny}
	for i, params := range n.params {
		gradient, err := n.gradient(i)
		if err != nil {
			return err
		}
		s := scales
		s.shrink = 1
		if n.decayed[i] {
			s.shrink = float32(1 - rate*decay)
		}
		n.machine.adam(params, gradient, a.First[i], a.Second[i], s)
	}
	return nil
}

// portableAdam takes the step of one parameter.
func portableAdam(params, gradient, first, second []float32, s adamScales) {
	gradient, first, second = gradient[:len(params)], first[:len(params)], second[:len(params)]
	for j, g := range gradient {
		m, v := first[j], second[j]
		if g < s.tiny && g > -s.tiny {
			g = 0
		}
		if m < s.tiny && m > -s.tiny {
			m = 0
		}
		m += s.fresh1 * (g - m)
		v += s.fresh2 * (g*g - v)
		first[j], second[j] = m, v
		root := float32(math.Sqrt(float64(v)))
		params[j] = params[j]*s.shrink - s.rate*m/(root*s.second+s.epsilon)
	}
}

// schedule is the learning rate of a step: a short linear rise, then half a cosine down to 0 at the last step.
type schedule struct {
	Rate  float64
	Total int64
}

const warmUpSteps = 100

func (s schedule) at(step int64) float64 {
	warm := min(warmUpSteps, s.Total/10)
	if step < warm {
		return s.Rate * float64(step+1) / float64(warm)
	}
	return s.Rate * 0.5 * (1 + math.Cos(math.Pi*float64(step-warm)/float64(s.Total-warm)))
}
