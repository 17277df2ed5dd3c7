package model

// draw says which rows an epoch trains on: all positive ones and a share of the negative ones, drawn anew each time. Negative rows
// are many and alike; a fifth of them a time costs a fifth, and all of them come in turn.
type draw struct {
	positives, negatives []int
	drawn                int // of the negatives
}

func newDraw(train Rows, cfg Config) draw {
	var d draw
	for i, y := range train.Y {
		if y == 1 {
			d.positives = append(d.positives, i)
		} else {
			d.negatives = append(d.negatives, i)
		}
	}
	_, d.drawn = train.draw(cfg)
	return d
}

// rows is how many rows an epoch has.
func (d *draw) rows() int { return len(d.positives) + d.drawn }

// order is the rows of an epoch in the order in which they are trained on: a function of seed, member and epoch, so that a resumed
// run meets the same ones.
func (d *draw) order(seed int64, member, epoch int) []int {
	shuffle := stream(seed, member, epoch, forShuffle)
	if d.drawn == len(d.negatives) {
		return shuffle.Perm(d.rows())
	}
	negatives := append([]int(nil), d.negatives...)
	random := stream(seed, member, epoch, forDraw)
	for i := range d.drawn {
		j := i + random.IntN(len(negatives)-i)
		negatives[i], negatives[j] = negatives[j], negatives[i]
	}
	order := append(append(make([]int, 0, d.rows()), d.positives...), negatives[:d.drawn]...)
	shuffle.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}
