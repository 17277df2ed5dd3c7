package evaluate

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

func (s Study) drawROC() ([]byte, error) {
	p := newPicture("ROC curve", s.Subject,
		fmt.Sprintf("False positive rate (share of all %s rows that raise an alert)", s.Negative),
		fmt.Sprintf("Recall (share of all %s rows found)", s.Positive))
	shares(&p.plot.X)
	shares(&p.plot.Y)
	if err := p.addLine("chance", plotter.XYs{{X: 0, Y: 0}, {X: 1, Y: 1}}, chanceLine()); err != nil {
		return nil, err
	}
	for _, r := range s.series() {
		points := plotter.XYs{{X: 0, Y: 0}}
		for _, at := range r.Curves.ROC {
			points = append(points, plotter.XY{X: at.FalsePositiveRate, Y: at.TruePositiveRate})
		}
		c := r.Report.Confusion
		operating := plotter.XY{X: ratio(c.FalsePositiveWeight, c.FalsePositiveWeight+c.TrueNegativeWeight), Y: r.Report.Recall}
		if err := p.addCurve(r, fmt.Sprintf("AUC %.4f", r.Report.ROCAUC), points, operating); err != nil {
			return nil, err
		}
	}
	slices.Reverse(p.legend) // the new model comes first in the legend, and is drawn last, on top
	return p.png()
}

func (s Study) drawPrecisionRecall() ([]byte, error) {
	p := newPicture("Precision and recall", s.Subject,
		fmt.Sprintf("Recall (share of all %s rows found)", s.Positive),
		fmt.Sprintf("Precision (share of alerts that are %s)", s.Positive))
	shares(&p.plot.X)
	shares(&p.plot.Y)
	prevalence := s.Model.Report.Prevalence
	if err := p.addLine(fmt.Sprintf("prevalence %.3g %%", 100*prevalence), plotter.XYs{{X: 0, Y: prevalence}, {X: 1, Y: prevalence}}, chanceLine()); err != nil {
		return nil, err
	}
	for _, r := range s.series() {
		// Steps, since average precision is the area under steps: the precision of a point holds from the recall before it.
		var points plotter.XYs
		recall := 0.0
		for _, at := range r.Curves.PrecisionRecall {
			points = append(points, plotter.XY{X: recall, Y: at.Precision}, plotter.XY{X: at.Recall, Y: at.Precision})
			recall = at.Recall
		}
		operating := plotter.XY{X: r.Report.Recall, Y: r.Report.Precision}
		if err := p.addCurve(r, fmt.Sprintf("average precision %.4f", r.Report.AveragePrecision), points, operating); err != nil {
			return nil, err
		}
	}
	slices.Reverse(p.legend) // the new model comes first in the legend, and is drawn last, on top
	return p.png()
}

// addCurve draws a curve with its operating point: the new model solid blue, the champion dashed vermilion.
func (p *picture) addCurve(s series, figure string, points plotter.XYs, operating plotter.XY) error {
	line, mark := stroke(blue, 1.8), dot(blue)
	if s.champion {
		line, mark = stroke(vermilion, 1.4, vg.Points(5), vg.Points(2.5)), square(vermilion)
	}
	label := fmt.Sprintf("%s: %s, marked at threshold %.3g", s.Name, figure, s.Report.Threshold)
	return p.addMarkedLine(label, points, line, operating, mark)
}

func chanceLine() draw.LineStyle { return stroke(gray, 1, vg.Points(2), vg.Points(2)) }
