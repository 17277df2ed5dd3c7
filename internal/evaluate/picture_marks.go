package evaluate

import (
	"image/color"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The colours are Okabe and Ito's, which people with any common colour blindness can tell apart. They also differ in
// lightness, and lines differ in dashes, so that a grey print still reads.
var (
	blue      = color.RGBA{R: 0x00, G: 0x72, B: 0xb2, A: 0xff}
	vermilion = color.RGBA{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff}
	green     = color.RGBA{R: 0x00, G: 0x9e, B: 0x73, A: 0xff}
	ink       = color.RGBA{R: 0x22, G: 0x22, B: 0x22, A: 0xff}
	gray      = color.RGBA{R: 0x70, G: 0x70, B: 0x70, A: 0xff}
	faint     = color.RGBA{R: 0xe4, G: 0xe4, B: 0xe4, A: 0xff}
)

func stroke(c color.Color, width float64, dashes ...vg.Length) draw.LineStyle {
	return draw.LineStyle{Color: c, Width: vg.Points(width), Dashes: dashes}
}

func dot(c color.Color) draw.GlyphStyle {
	return draw.GlyphStyle{Color: c, Radius: vg.Points(3.4), Shape: draw.CircleGlyph{}}
}

func square(c color.Color) draw.GlyphStyle {
	return draw.GlyphStyle{Color: c, Radius: vg.Points(2.8), Shape: draw.BoxGlyph{}}
}

// addLine draws a line through the points, with a legend entry unless the label is empty.
func (p *picture) addLine(label string, points plotter.XYs, style draw.LineStyle) error {
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	line.LineStyle = style
	p.plot.Add(line)
	if label != "" {
		p.legend = append(p.legend, legendEntry{label, func(c draw.Canvas, from, to vg.Point) {
			c.StrokeLine2(style, from.X, from.Y, to.X, to.Y)
		}})
	}
	return nil
}

// addDots marks points, with a legend entry unless the label is empty. A white rim sets them off from lines.
func (p *picture) addDots(label string, points plotter.XYs, style draw.GlyphStyle) error {
	rim := draw.GlyphStyle{Color: color.White, Radius: style.Radius + vg.Points(0.8), Shape: style.Shape}
	for _, s := range []draw.GlyphStyle{rim, style} {
		dots, err := plotter.NewScatter(points)
		if err != nil {
			return err
		}
		dots.GlyphStyle = s
		p.plot.Add(dots)
	}
	if label != "" {
		p.legend = append(p.legend, legendEntry{label, func(c draw.Canvas, from, to vg.Point) {
			c.DrawGlyphNoClip(style, vg.Point{X: (from.X + to.X) / 2, Y: from.Y})
		}})
	}
	return nil
}

// addMarkedLine draws a line with one of its points marked, under a single legend entry.
func (p *picture) addMarkedLine(label string, points plotter.XYs, line draw.LineStyle, at plotter.XY, mark draw.GlyphStyle) error {
	if err := p.addLine("", points, line); err != nil {
		return err
	}
	if err := p.addDots("", plotter.XYs{at}, mark); err != nil {
		return err
	}
	p.legend = append(p.legend, legendEntry{label, func(c draw.Canvas, from, to vg.Point) {
		c.StrokeLine2(line, from.X, from.Y, to.X, to.Y)
		c.DrawGlyphNoClip(mark, vg.Point{X: (from.X + to.X) / 2, Y: from.Y})
	}})
	return nil
}
