package model

// Scorer computes probabilities with flat kernels: no allocation, no locks, and a row's result does not depend on the other
// rows of its batch, to the last bit. It is not safe for concurrent use; make one per goroutine, they are small.
type Scorer struct {
	m   *Model
	buf [2][]float32
}

// NewScorer makes a scorer for a model that passed [Model.Validate]. maxRows is the batch size expected; larger ones work as well.
func NewScorer(m *Model, maxRows int) *Scorer {
	s := &Scorer{m: m}
	widest := m.Preparation.Width()
	for _, member := range m.Members {
		for _, l := range member.Layers {
			widest = max(widest, l.Out)
		}
	}
	for i := range s.buf {
		s.buf[i] = make([]float32, widest)
	}
	return s
}

// Score writes the probabilities of the first n rows of x, [n, F] row-major, to out[:n].
func (s *Scorer) Score(x []float32, n int, out []float32) {
	f := s.m.Width()
	for i := range n {
		sum := float32(0)
		for _, member := range s.m.Members {
			a, b := s.buf[0], s.buf[1]
			s.m.Preparation.Apply(x[i*f:(i+1)*f], a)
			for k, l := range member.Layers {
				copy(b[:l.Out], l.Bias)
				for p := range l.In {
					for q, w := range l.Weights[p*l.Out : (p+1)*l.Out] {
						b[q] += a[p] * w
					}
				}
				if k+1 < len(member.Layers) {
					for q := range b[:l.Out] {
						b[q] = max(b[q], 0)
					}
				}
				a, b = b, a
			}
			sum += sigmoid(a[0])
		}
		out[i] = sum * (1 / float32(len(s.m.Members)))
	}
}
