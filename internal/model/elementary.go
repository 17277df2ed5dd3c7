package model

import "math"

// The exponential and the logarithm of scoring and of the loss: float64 by a table and a short series, within 1e-12 of the true
// value, which is far below the rounding to float32 that follows, and some three times as fast as those of package math. (Tang,
// "Table-Driven Implementation of the Exponential Function", 1989, and "of the Logarithm Function", 1990.)

const (
	expSteps = 64  // to a factor of 2
	logSteps = 128 // to a factor of 2
)

var (
	expTable = tableOfPowers()
	logTable = tableOfLogs()
)

func tableOfPowers() (t [expSteps]float64) {
	for i := range t {
		t[i] = math.Exp2(float64(i) / expSteps)
	}
	return t
}

// tableOfLogs has 1/centre and log(centre) of each part that the numbers from 1 to 2 are cut into. The first is that of 1 itself, so
// that the logarithm is exact where it is 0 and close by keeps its relative error.
func tableOfLogs() (t [logSteps + 1][2]float64) {
	for i := range t {
		centre := 1 + float64(i)/logSteps
		t[i] = [2]float64{1 / centre, math.Log(centre)}
	}
	return t
}

// exponential is e^x for |x| <= 700. x is whole steps of log(2)/64 and a rest below half of one.
func exponential(x float64) float64 {
	const shift = 3 << 51 // what adds it is rounded to an integer
	steps := x*(expSteps/math.Ln2) + shift
	k := int64(math.Float64bits(steps)<<12) >> 12 // the low bits are the integer
	r := x - (steps-shift)*(math.Ln2/expSteps)
	series := 1 + r*(1+r*(1.0/2+r*(1.0/6+r*(1.0/24))))
	power := math.Float64bits(expTable[k&(expSteps-1)]) + uint64(k>>6)<<52
	return math.Float64frombits(power) * series
}

// logarithm is log(x) for normal positive x: that of the nearest part's centre, and a series for what is left.
func logarithm(x float64) float64 {
	bits := math.Float64bits(x)
	exponent := float64(int64(bits>>52) - 1023)
	part := logTable[(bits>>(52-8)&0xff+1)>>1]
	r := math.Float64frombits(bits&(1<<52-1)|1023<<52)*part[0] - 1
	series := r * (1 - r*(1.0/2-r*(1.0/3-r*(1.0/4-r*(1.0/5)))))
	return exponent*math.Ln2 + (part[1] + series)
}

// sigmoid is 1/(1+e^-z).
func sigmoid(z float32) float32 {
	return float32(1 / (1 + exponential(-float64(min(max(z, -700), 700)))))
}
