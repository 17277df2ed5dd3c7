package evaluate

import (
	"fmt"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

func (s Study) drawLoss() ([]byte, error) {
	p := newPicture("Loss by epoch", s.Subject, "Epoch", "Loss (weighted cross-entropy, nats per row)")
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
	p.plot.Y.Min, p.plot.Y.Max = max(0, p.plot.Y.Min-room), p.plot.Y.Max+room
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
