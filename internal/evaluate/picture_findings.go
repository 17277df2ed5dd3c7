package evaluate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// mostBars is how many features the picture of importance has room for.
const mostBars = 15

// drawImportance draws the most important features as bars, each with the range of its shuffles.
func (s Study) drawImportance() ([]byte, error) {
	shown := s.Importance[:min(len(s.Importance), mostBars)]
	p := newPicture("What carries it", "each feature shuffled among the rows of the validation part", "Average precision lost", "")
	p.plot.Y.Min, p.plot.Y.Max = -0.7, float64(len(shown))-0.3
	low, high := 0.0, 1e-6
	var ticks []plot.Tick
	for i, it := range shown {
		low, high = min(low, it.Low), max(high, it.High)
		ticks = append(ticks, plot.Tick{Value: float64(len(shown) - 1 - i), Label: brief(it.Feature)})
	}
	p.plot.X.Min, p.plot.X.Max = low-0.02*(high-low), high*1.04
	p.plot.Y.Tick.Marker = plot.ConstantTicks(ticks)
	p.plot.Add(importanceBars(shown))
	for i, it := range shown {
		y := float64(len(shown) - 1 - i)
		if err := p.addLine("", plotter.XYs{{X: it.Low, Y: y}, {X: it.High, Y: y}}, stroke(ink, 1)); err != nil {
			return nil, err
		}
	}
	p.note(fmt.Sprintf("mean of %d shuffles and their range; %d of %d features", shuffles, len(shown), len(s.Importance)))
	return p.png()
}

// brief cuts a long name in its middle, where names of one family are alike.
func brief(name string) string {
	const most = 30
	runes := []rune(name)
	if len(runes) <= most {
		return name
	}
	return string(runes[:most/2]) + "…" + string(runes[len(runes)-most/2+1:])
}

type importanceBars []Importance

// Plot implements plot.Plotter.
func (b importanceBars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for i, it := range b {
		at := float64(len(b) - 1 - i)
		c.FillPolygon(blue, box(x(0), y(at-0.36), x(it.Drop), y(at+0.36)))
	}
}

// drawCosts draws what alerts buy: recall and precision over alerts a day.
func (s Study) drawCosts() ([]byte, error) {
	p := newPicture("What a threshold costs", s.Subject, "Alerts a day (logarithmic)", "")
	shares(&p.plot.Y)
	costs := s.Costs
	p.plot.X.Min = math.Floor(10*math.Log10(costs[0].Alerts)) / 10
	p.plot.X.Max = max(p.plot.X.Min+1, math.Ceil(10*math.Log10(costs[len(costs)-1].Alerts))/10)
	p.plot.X.Tick.Marker = logTicks(p.plot.X.Min, p.plot.X.Max)
	lines := []struct {
		label string
		of    func(Cost) float64
		style draw.LineStyle
		mark  draw.GlyphStyle
	}{
		{fmt.Sprintf("recall: share of %s rows found", s.Positive), func(c Cost) float64 { return c.Recall }, stroke(blue, 1.8), dot(blue)},
		{fmt.Sprintf("precision: share of alerts that are %s", s.Positive), func(c Cost) float64 { return c.Precision }, stroke(vermilion, 1.6, vg.Points(5), vg.Points(2.5)), square(vermilion)},
		{fmt.Sprintf("share of the %s amount found", s.Positive), func(c Cost) float64 { return c.Amount }, stroke(green, 1.2, vg.Points(1.5), vg.Points(2)), dot(green)},
	}
	for i, line := range lines {
		if i == 2 && costs[len(costs)-1].Amount == 0 {
			continue // no amounts are known
		}
		var points plotter.XYs
		var own plotter.XYs
		for _, c := range costs {
			at := plotter.XY{X: math.Log10(c.Alerts), Y: line.of(c)}
			points = append(points, at)
			if c.Chosen {
				own = append(own, at)
			}
		}
		if len(own) == 0 {
			own = points[:1]
		}
		if err := p.addMarkedLine(line.label, points, line.style, own[0], line.mark); err != nil {
			return nil, err
		}
	}
	p.note(fmt.Sprintf("marked: the chosen threshold %.3g", s.Model.Report.Threshold))
	return p.png()
}

// logTicks ticks an axis that is linear in the logarithm at 1, 2 and 5 of each power of ten.
func logTicks(low, high float64) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for power := math.Floor(low); power <= high; power++ {
		for k := 1; k < 10; k++ {
			value := float64(k) * math.Pow(10, power)
			tick := plot.Tick{Value: math.Log10(value)}
			if tick.Value < low-1e-9 || tick.Value > high+1e-9 {
				continue
			}
			if k == 1 || k == 2 || k == 5 {
				tick.Label = strings.TrimSuffix(fmt.Sprintf("%.3g", value), ".0")
				if value >= 1000 {
					tick.Label = thousands(int(value))
				}
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}

// drawDays draws how the model does from day to day.
func (s Study) drawDays() ([]byte, error) {
	days := slices.DeleteFunc(slices.Clone(s.Slices), func(it Slice) bool { return it.By != ByDay })
	p := newPicture("Day by day", s.Subject, "Day of the test part", "")
	shares(&p.plot.Y)
	p.plot.X.Min, p.plot.X.Max = -0.5, float64(len(days))-0.5
	every := max(1, (len(days)+7)/8)
	var ticks []plot.Tick
	var recall, precision plotter.XYs
	for i, it := range days {
		tick := plot.Tick{Value: float64(i)}
		if i%every == 0 {
			tick.Label = it.Name
		}
		ticks = append(ticks, tick)
		if it.Positives > 0 {
			recall = append(recall, plotter.XY{X: float64(i), Y: it.Recall})
		}
		if it.Caught+it.False > 0 {
			precision = append(precision, plotter.XY{X: float64(i), Y: it.Precision})
		}
	}
	p.plot.X.Tick.Marker = plot.ConstantTicks(ticks)
	for _, line := range []struct {
		label  string
		points plotter.XYs
		style  draw.LineStyle
		mark   draw.GlyphStyle
	}{
		{fmt.Sprintf("precision of alerts at threshold %.3g", s.Model.Report.Threshold), precision, stroke(vermilion, 1.4, vg.Points(5), vg.Points(2.5)), square(vermilion)},
		{fmt.Sprintf("recall of %s rows", s.Positive), recall, stroke(blue, 1.8), dot(blue)},
	} {
		if len(line.points) == 0 {
			continue
		}
		if err := p.addLine("", line.points, line.style); err != nil {
			return nil, err
		}
		if err := p.addDots(line.label, line.points, line.mark); err != nil {
			return nil, err
		}
	}
	return p.png()
}
