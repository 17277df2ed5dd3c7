// Package protocol measures a pipeline's recipe by the protocols of the Fraud Detection Handbook, so that a figure can be held
// against those that others have published on the same rows: features as they would have been known, training on one span of
// time, a gap as long as labels take, and one week to test on.
//
//   - A: train on 2018-07-25 to 07-31, test on 08-08 to 08-14.
//   - B: prequential, the mean over four such test weeks. What is chosen (the recipe, its numbers) is chosen on the four
//     validation weeks before them, and never on these.
//   - C: as B, for those who learn of frauds earlier: labels are known after one or three days, in the features and in the span of
//     training. Its test rows are those of B. Its figures are never set beside those of A and B.
//
// What may be relied on:
//
//   - A test row's card was not known to be compromised, a week earlier, as in the book: rows of others are left out.
//   - Training rows end a delay before the test week; nothing in features or training looks at a label younger than the delay.
//   - The same file, pipeline and seed give the same figures to the last bit.
//
// For example:
//
//	data, err := protocol.Open(definition, table, 7*24*time.Hour)
//	result, err := data.Run(ctx, protocol.B, protocol.Options{Train: 7 * 24 * time.Hour})
//	fmt.Println(result.AP.Mean, result.AP.Deviation)
package protocol

import (
	"fmt"
	"time"
)

// Protocol is one of the handbook's ways to measure.
type Protocol string

// The protocols.
const (
	A Protocol = "a"
	B Protocol = "b"
	C Protocol = "c"
)

const (
	day  = 24 * time.Hour
	week = 7 * day

	// bookDelay is after how long a card is known to be compromised: in the choice of test rows always, and in all else for A and B.
	bookDelay = week
)

// The first days of the training weeks, of the book's folds in order of time.
var (
	testFolds       = []string{"2018-07-25", "2018-08-01", "2018-08-08", "2018-08-15"}
	validationFolds = []string{"2018-06-20", "2018-06-27", "2018-07-04", "2018-07-11"}
)

// Delays are the label delays that a protocol allows, the default first.
func (p Protocol) Delays() []time.Duration {
	switch p {
	case A, B:
		return []time.Duration{bookDelay}
	case C:
		return []time.Duration{3 * day, day}
	}
	return nil
}

// Fold is one span to train on and one week to test on, [From, To) each.
type Fold struct {
	TrainFrom, TrainTo time.Time
	TestFrom, TestTo   time.Time
}

// Folds are the protocol's, in order of time, with labels known after a delay and a span of training of this length. With
// validation set they are those on which choices are made.
func (p Protocol) Folds(delay, train time.Duration, validation bool) ([]Fold, error) {
	starts := testFolds
	if validation {
		starts = validationFolds
	}
	switch {
	case p.Delays() == nil:
		return nil, fmt.Errorf("there is no protocol %q: a, b and c are there", string(p))
	case p == A && validation:
		return nil, fmt.Errorf("protocol a is one split; choices are made on the validation folds of b")
	case p == A:
		starts = starts[:1]
	}
	var folds []Fold
	for _, start := range starts {
		from, err := time.Parse(time.DateOnly, start)
		if err != nil {
			return nil, fmt.Errorf("fold %s: %w", start, err)
		}
		test := from.Add(week + bookDelay)
		folds = append(folds, Fold{TrainFrom: test.Add(-delay - train), TrainTo: test.Add(-delay), TestFrom: test, TestTo: test.Add(week)})
	}
	return folds, nil
}

// before is the latest fold that is over, labels and all, when f is trained: what is chosen on it looks at nothing of f's future.
func (f Fold) before(delay time.Duration) Fold {
	back := -(delay + week)
	return Fold{f.TrainFrom.Add(back), f.TrainTo.Add(back), f.TestFrom.Add(back), f.TestTo.Add(back)}
}
