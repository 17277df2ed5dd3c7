package evaluate

import "fmt"

// Policy names the rule by which an operating threshold is chosen, always on the validation part.
type Policy string

// The policies. Where several thresholds satisfy one equally well, the highest is taken: it raises the fewest alerts.
const (
	MaxF1            Policy = "max_f1"             // the threshold of the highest F1; takes no value
	PrecisionAtLeast Policy = "precision_at_least" // the highest recall among thresholds whose precision is at least the value
	RecallAtLeast    Policy = "recall_at_least"    // the highest precision among thresholds whose recall is at least the value
)

// ChooseThreshold returns a probability that occurs in the scores, such that calling everything at or above it positive
// satisfies the policy best. It returns ErrUnattainable, with the best that there is, when no threshold reaches the
// value; this can only happen to PrecisionAtLeast, since the lowest threshold has a recall of one.
func ChooseThreshold(s Scores, policy Policy, value float64) (float64, error) {
	if err := policy.Check(value); err != nil {
		return 0, fmt.Errorf("choose threshold: %w", err)
	}
	if err := s.Check(); err != nil {
		return 0, fmt.Errorf("choose threshold by %s: %w", policy, err)
	}
	r := rank(s)
	var allowed func(step) bool
	var merit func(step) float64
	switch policy {
	case MaxF1:
		allowed, merit = func(step) bool { return true }, r.f1
	case PrecisionAtLeast:
		allowed, merit = func(s step) bool { return s.precision() >= value }, r.recall
	case RecallAtLeast:
		allowed, merit = func(s step) bool { return r.recall(s) >= value }, step.precision
	}
	best, found := r.best(allowed, merit)
	if !found {
		top, _ := r.best(func(step) bool { return true }, step.precision)
		return 0, fmt.Errorf("choose threshold by %s %g: %w: the highest precision on these rows is %.4f, at a recall of %.4f",
			policy, value, ErrUnattainable, top.precision(), r.recall(top))
	}
	return best.threshold, nil
}

// Check tells whether the policy is known and its value makes sense. MaxF1 ignores its value.
func (p Policy) Check(value float64) error {
	switch p {
	case MaxF1:
		return nil
	case PrecisionAtLeast, RecallAtLeast:
		if !(value > 0 && value <= 1) {
			return fmt.Errorf("policy %s: value %v is not in (0, 1]", p, value)
		}
		return nil
	}
	return fmt.Errorf("policy %q is not known: use %s, %s or %s", string(p), MaxF1, PrecisionAtLeast, RecallAtLeast)
}

func (r ranking) best(allowed func(step) bool, merit func(step) float64) (step, bool) {
	var best step
	found, top := false, 0.0
	for _, s := range r.steps {
		if !allowed(s) {
			continue
		}
		if m := merit(s); !found || m > top {
			best, found, top = s, true, m
		}
	}
	return best, found
}
