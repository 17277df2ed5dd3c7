package evaluate

import (
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

func (s Study) drawLoss() ([]byte, error) {
	p := newPicture("Loss by epoch", s.Trained, "Epoch", "Loss (weighted cross-entropy, nats per row)")
	members, last := splitMembers(s.Loss)
	p.plot.X.Tick.Marker = epochTicks(last)
	var best plotter.XYs
	for i, points := range members {
		var train, validation plotter.XYs
		for _, at := range points {
			train = append(train, plotter.XY{X: float64(at.Epoch), Y: at.Train})
			validation = append(validation, plotter.XY{X: float64(at.Epoch), Y: at.Validation})
			if at.Best {
				best = append(best, plotter.XY{X: float64(at.Epoch), Y: at.Validation})
			}
		}
		label := func(name string) string { // one entry for all members
			if i > 0 {
				return ""
			}
			if len(members) > 1 {
				return fmt.Sprintf("%s (%d members)", name, len(members))
			}
			return name
		}
		if err := p.addLine(label("training part"), train, stroke(vermilion, 1.3, vg.Points(5), vg.Points(2.5))); err != nil {
			return nil, err
		}
		if err := p.addLine(label("validation part"), validation, stroke(blue, 1.6)); err != nil {
			return nil, err
		}
	}
	if len(best) > 0 {
		label := "epoch kept"
		if len(best) == 1 {
			label = fmt.Sprintf("epoch kept: %.0f, validation loss %.4g", best[0].X, best[0].Y)
		}
		if err := p.addDots(label, best, dot(green)); err != nil {
			return nil, err
		}
	}
	p.plot.X.Min, p.plot.X.Max = 1, max(2, float64(last))
	room := 0.06 * (p.plot.Y.Max - p.plot.Y.Min)
	if room == 0 { // a flat line still needs an axis
		room = max(0.1*p.plot.Y.Max, 1e-6)
	}
	p.plot.Y.Min, p.plot.Y.Max = max(0, p.plot.Y.Min-room), p.plot.Y.Max+room
	p.plot.Y.Tick.Marker = roundTicks(p.plot.Y.Min, p.plot.Y.Max)
	return p.png()
}

// splitMembers groups the points by member, in order of first appearance, and finds the last epoch.
func splitMembers(points []LossPoint) (members [][]LossPoint, last int) {
	place := make(map[int]int)
	for _, at := range points {
		i, ok := place[at.Member]
		if !ok {
			i = len(members)
			place[at.Member] = i
			members = append(members, nil)
		}
		members[i] = append(members[i], at)
		last = max(last, at.Epoch)
	}
	return members, last
}

// roundTicks labels four to ten round numbers of an interval.
func roundTicks(low, high float64) plot.ConstantTicks {
	apart := math.Pow(10, math.Floor(math.Log10((high-low)/4)))
	digits := int(max(0, -math.Floor(math.Log10(apart)+1e-9)))
	for _, factor := range []float64{5, 2} {
		if (high-low)/(factor*apart) >= 4 {
			apart *= factor
			break
		}
	}
	var ticks plot.ConstantTicks
	for k := math.Ceil(low / apart); k*apart <= high; k++ {
		ticks = append(ticks, plot.Tick{Value: k * apart, Label: strconv.FormatFloat(k*apart, 'f', digits, 64)})
	}
	return ticks
}

// epochTicks labels about ten whole epochs.
func epochTicks(last int) plot.ConstantTicks {
	apart := 1
	for _, step := range []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000} {
		if apart = step; last/step <= 10 {
			break
		}
	}
	var ticks plot.ConstantTicks
	for epoch := apart; epoch <= max(last, 2); epoch += apart {
		ticks = append(ticks, plot.Tick{Value: float64(epoch), Label: strconv.Itoa(epoch)})
	}
	return ticks
}
