package evaluate

import (
	"fmt"
	"image/color"

	"golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

func (s Study) drawConfusion() ([]byte, error) {
	p := newPicture(fmt.Sprintf("Confusion matrix at threshold %.3g", s.Model.Report.Threshold), s.Subject, "Model says", "Truth")
	p.plot.X.Min, p.plot.X.Max, p.plot.Y.Min, p.plot.Y.Max = 0, 2, 0, 2
	p.plot.X.Tick.Marker = plot.ConstantTicks{{Value: 0.5, Label: s.Negative}, {Value: 1.5, Label: s.Positive}}
	p.plot.Y.Tick.Marker = plot.ConstantTicks{{Value: 0.5, Label: s.Positive}, {Value: 1.5, Label: s.Negative}}
	p.plot.X.Tick.Length, p.plot.Y.Tick.Length = 0, 0
	c := s.Model.Report.Confusion
	p.plot.Add(matrix{
		classes: [2]string{s.Negative, s.Positive},
		counts:  [2][2]int{{c.TrueNegatives, c.FalsePositives}, {c.FalseNegatives, c.TruePositives}},
		weights: [2][2]float64{
			{c.TrueNegativeWeight, c.FalsePositiveWeight},
			{c.FalseNegativeWeight, c.TruePositiveWeight},
		},
	})
	p.note(fmt.Sprintf("precision %.3f, recall %.3f, F1 %.3f; shares are by weight, and the colour follows them", s.Model.Report.Precision, s.Model.Report.Recall, s.Model.Report.F1))
	return p.png()
}

// matrix is the heat map: the first row is the negatives, the second the positives; columns are what the model says.
type matrix struct {
	classes [2]string
	counts  [2][2]int
	weights [2][2]float64
}

// Plot implements plot.Plotter.
func (m matrix) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for row := range 2 {
		whole := m.weights[row][0] + m.weights[row][1]
		for column := range 2 {
			share := ratio(m.weights[row][column], whole)
			left, top := float64(column), float64(2-row)
			c.FillPolygon(heat(share), box(x(left)+1, y(top)-1, x(left+1)-1, y(top-1)+1))

			shade := ink
			if share > 0.65 { // white reads better than ink from here on
				shade = color.RGBA{R: 0xff, G: 0xff, B: 0xff, A: 0xff}
			}
			middle := vg.Point{X: x(left + 0.5), Y: y(top - 0.5)}
			big, small := textStyle(17, font.WeightBold, shade), textStyle(9.5, font.WeightNormal, shade)
			for _, style := range []*text.Style{&big, &small} {
				style.XAlign, style.YAlign = text.XCenter, text.YCenter
			}
			c.FillText(big, middle.Add(vg.Point{Y: 9}), thousands(m.counts[row][column]))
			c.FillText(small, middle.Add(vg.Point{Y: -8}), fmt.Sprintf("%.2f %% of all %s", 100*share, m.classes[row]))
			if m.weighted() {
				c.FillText(small, middle.Add(vg.Point{Y: -21}), fmt.Sprintf("stands for %s rows", thousands(int(m.weights[row][column]+0.5))))
			}
		}
	}
}

func (m matrix) weighted() bool {
	for row := range 2 {
		for column := range 2 {
			if m.weights[row][column] != float64(m.counts[row][column]) {
				return true
			}
		}
	}
	return false
}

// heat goes from a pale to the full blue.
func heat(share float64) color.Color {
	mix := func(from, to uint8) uint8 { return uint8(float64(from) + share*(float64(to)-float64(from)) + 0.5) }
	return color.RGBA{R: mix(0xee, blue.R), G: mix(0xf4, blue.G), B: mix(0xf9, blue.B), A: 0xff}
}
