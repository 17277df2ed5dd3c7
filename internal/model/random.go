package model

import (
	"math"
	"math/rand/v2"
)

// What a random stream is for. Each (seed, member, epoch, purpose) has a stream of its own, so that a checkpoint needs to hold no
// generator: the epoch it resumes at says which stream comes next.
const (
	forWeights = iota
	forShuffle
	forDropout
	forDraw
)

func stream(seed int64, member, epoch, purpose int) *rand.Rand {
	return rand.New(source(seed, member, epoch, purpose))
}

func source(seed int64, member, epoch, purpose int) *rand.PCG {
	return rand.NewPCG(uint64(seed), uint64(member)<<40|uint64(epoch)<<8|uint64(purpose))
}

// initialise fills the parameters: He-normal weights ("Delving Deep into Rectifiers", He et al., 2015), the last layer at .3 of that
// so that the first outputs stay close to the bias, which is the log-odds of the training weights; other biases 0.
func initialise(params [][]float32, widths []int, logOdds float64, r *rand.Rand) {
	last := len(widths) - 1
	for i := 1; i <= last; i++ {
		deviation := math.Sqrt(2 / float64(widths[i-1]))
		if i == last {
			deviation *= 0.3
		}
		weights, bias := params[2*(i-1)], params[2*(i-1)+1]
		for j := range weights {
			weights[j] = float32(r.NormFloat64() * deviation)
		}
		for j := range bias {
			bias[j] = 0
			if i == last {
				bias[j] = float32(logOdds)
			}
		}
	}
}

// keptScale is what kept values are multiplied by, so that the mean stays.
func keptScale(p float64) float32 { return float32(1 / (1 - p)) }

// dropMask writes 0 with probability p and 1/(1-p) otherwise, which keeps the mean. Gorgonia's own Dropout scales rightly only for
// p = 0.5. One draw of 64 bits serves four values; p is rounded to 1/65536.
func dropMask(k *kernel, mask []float32, p float64, r *rand.PCG) {
	limit, keep := uint32(math.Round(p*65536)), keptScale(p)
	var draws [256]uint64
	for len(mask) > 0 {
		part := mask[:min(4*len(draws), len(mask))]
		for i := range (len(part) + 3) / 4 {
			draws[i] = r.Uint64()
		}
		k.mask(draws[:], limit, keep, part)
		mask = mask[len(part):]
	}
}
