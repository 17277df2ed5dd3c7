package evaluate

import (
	"fmt"

	"gonum.org/v1/plot/plotter"
)

func (s Study) drawCalibration() ([]byte, error) {
	p := newPicture("Calibration", s.Subject,
		"Predicted probability (weighted mean of the bin)",
		fmt.Sprintf("Observed share of %s rows (weighted)", s.Positive))
	shares(&p.plot.X)
	shares(&p.plot.Y)
	if err := p.addLine("perfect", plotter.XYs{{X: 0, Y: 0}, {X: 1, Y: 1}}, chanceLine()); err != nil {
		return nil, err
	}
	points := make(plotter.XYs, 0, len(s.Model.Curves.Calibration))
	for _, b := range s.Model.Curves.Calibration {
		points = append(points, plotter.XY{X: b.Predicted, Y: b.Observed})
		interval := plotter.XYs{{X: b.Predicted, Y: b.ObservedLow}, {X: b.Predicted, Y: b.ObservedHigh}}
		if err := p.addLine("", interval, stroke(blue, 1)); err != nil {
			return nil, err
		}
	}
	if err := p.addLine("", points, stroke(blue, 1.2)); err != nil {
		return nil, err
	}
	label := fmt.Sprintf("%s, %d bins of equal expected %s rows, 95 %% intervals", s.Model.Name, len(points), s.Positive)
	if err := p.addDots(label, points, dot(blue)); err != nil {
		return nil, err
	}
	p.note(fmt.Sprintf("expected calibration error %.2g, Brier score %.2g", s.Model.Report.CalibrationError, s.Model.Report.Brier))
	return p.png()
}
