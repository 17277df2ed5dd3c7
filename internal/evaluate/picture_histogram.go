package evaluate

import (
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// histogramFloor is where bars start, as a power of ten: a count of one must show, and zero has no logarithm.
const histogramFloor = -0.15

func (s Study) drawHistogram() ([]byte, error) {
	p := newPicture("Scores by class", s.Subject, "Predicted probability", "Rows per bin (logarithmic)")
	shares(&p.plot.X)
	bins := s.Model.Curves.Histogram
	most := 10
	for _, b := range bins {
		most = max(most, b.Negatives, b.Positives)
	}
	// The axis is linear in the logarithm: the library's own log axis misplaces its label.
	p.plot.Y.Min, p.plot.Y.Max = histogramFloor, math.Ceil(math.Log10(float64(most)))
	p.plot.Y.Tick.Marker = powersOfTen(int(p.plot.Y.Max))

	report := s.Model.Report
	p.addBars(fmt.Sprintf("%s (%s rows)", s.Negative, thousands(report.Negatives)), blue, bins, 0, func(b HistogramBin) int { return b.Negatives })
	p.addBars(fmt.Sprintf("%s (%s rows)", s.Positive, thousands(report.Positives)), vermilion, bins, 0.5, func(b HistogramBin) int { return b.Positives })
	if report.Threshold >= 0 && report.Threshold <= 1 {
		line := plotter.XYs{{X: report.Threshold, Y: histogramFloor}, {X: report.Threshold, Y: p.plot.Y.Max}}
		if err := p.addLine(fmt.Sprintf("threshold %.3g", report.Threshold), line, stroke(ink, 1.2, vg.Points(4), vg.Points(2.5))); err != nil {
			return nil, err
		}
	}
	return p.png()
}

// bars draws one class: a bar in the left or the right half of every bin, so that no class hides another.
type bars struct {
	fill   color.Color
	bins   []HistogramBin
	offset float64 // of a bin's width
	count  func(HistogramBin) int
}

func (p *picture) addBars(label string, fill color.Color, bins []HistogramBin, offset float64, count func(HistogramBin) int) {
	p.plot.Add(bars{fill, bins, offset, count})
	p.legend = append(p.legend, legendEntry{label, func(c draw.Canvas, from, to vg.Point) {
		c.FillPolygon(fill, box(from.X+6, from.Y-4, to.X-6, to.Y+4))
	}})
}

// Plot implements plot.Plotter.
func (b bars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, bin := range b.bins {
		n := b.count(bin)
		if n == 0 {
			continue
		}
		half := (bin.High - bin.Low) / 2
		left := bin.Low + 2*half*b.offset
		c.FillPolygon(b.fill, box(x(left), y(histogramFloor), x(left+0.92*half), y(math.Log10(float64(n)))))
	}
}

func box(x0, y0, x1, y1 vg.Length) []vg.Point {
	return []vg.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}}
}

func powersOfTen(top int) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for decade, power := 1, 0; power <= top; decade, power = decade*10, power+1 {
		ticks = append(ticks, plot.Tick{Value: float64(power), Label: thousands(decade)})
		for k := 2; k < 10 && power < top; k++ {
			ticks = append(ticks, plot.Tick{Value: math.Log10(float64(k * decade))})
		}
	}
	return ticks
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	if n < 0 {
		return "-" + thousands(-n)
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
