package evaluate

import (
	"bytes"
	"image/color"
	"strconv"

	"golang.org/x/image/font"
	"gonum.org/v1/plot"
	plotfont "gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Pictures are 900 x 650 pixels. At 144 dots per inch a point is two pixels, so that lengths below are in points.
const (
	pictureDPI    = 144
	pictureWidth  = vg.Length(450)
	pictureHeight = vg.Length(325)
	margin        = vg.Length(12)
)

// picture is a plot with a headline above it and a legend below it. The legend has a strip of its own, so that it never
// covers a curve, whatever the curve is.
type picture struct {
	title, subject string
	plot           *plot.Plot
	legend         []legendEntry
}

type legendEntry struct {
	label string
	mark  func(c draw.Canvas, from, to vg.Point) // draws a sample between two points; nil = text only
}

func newPicture(title, subject, x, y string) *picture {
	p := plot.New()
	p.BackgroundColor = color.White
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color = gray
		axis.Width = vg.Points(0.5)
		axis.Padding = 0
		axis.Label.TextStyle.Font = textStyle(9.5, font.WeightNormal, ink).Font
		axis.Label.TextStyle.Color = ink
		axis.Label.Padding = vg.Points(5)
		axis.Tick.Label.Font = textStyle(9, font.WeightNormal, ink).Font
		axis.Tick.Label.Color = ink
		axis.Tick.Color = gray
		axis.Tick.Width = vg.Points(0.5)
		axis.Tick.Length = vg.Points(3)
	}
	p.X.Label.Text, p.Y.Label.Text = x, y
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = faint, faint
	p.Add(grid)
	return &picture{title: title, subject: subject, plot: p}
}

// note adds a line of text to the legend, without a mark.
func (p *picture) note(label string) { p.legend = append(p.legend, legendEntry{label: label}) }

// png draws the picture.
func (p *picture) png() ([]byte, error) {
	canvas := vgimg.NewWith(vgimg.UseWH(pictureWidth, pictureHeight), vgimg.UseDPI(pictureDPI), vgimg.UseBackgroundColor(color.White))
	page := draw.Crop(draw.New(canvas), margin, -margin, margin, -margin)

	headline := textStyle(13, font.WeightBold, ink)
	headline.YAlign = text.YTop
	page.FillText(headline, vg.Point{X: page.Min.X, Y: page.Max.Y}, p.title)
	subject := textStyle(9, font.WeightNormal, gray)
	subject.YAlign = text.YTop
	page.FillText(subject, vg.Point{X: page.Min.X, Y: page.Max.Y - 18}, shorten(subject, p.subject, page.Size().X))

	strip := p.drawLegend(page)
	p.plot.Draw(draw.Crop(page, 0, -vg.Points(4), strip, -vg.Points(36)))

	var b bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// drawLegend writes the entries along the bottom in as many lines as they need, and returns the height it took.
func (p *picture) drawLegend(page draw.Canvas) vg.Length {
	const sample, gap, between, line = vg.Length(22), vg.Length(5), vg.Length(16), vg.Length(14)
	style := textStyle(9, font.WeightNormal, ink)
	style.YAlign = text.YCenter

	indent := func(entry legendEntry) vg.Length {
		if entry.mark == nil {
			return 0
		}
		return sample + gap
	}
	var lines [][]legendEntry
	room := vg.Length(0)
	for _, entry := range p.legend {
		entry.label = shorten(style, entry.label, page.Size().X-indent(entry))
		width := indent(entry) + style.Width(entry.label) + between
		if room < width || len(lines) == 0 {
			lines, room = append(lines, nil), page.Size().X+between
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], entry)
		room -= width
	}
	for i, entries := range lines {
		at := vg.Point{X: page.Min.X, Y: page.Min.Y + line*vg.Length(len(lines)-1-i) + line/2}
		for _, entry := range entries {
			if entry.mark != nil {
				entry.mark(page, at, vg.Point{X: at.X + sample, Y: at.Y})
			}
			at.X += indent(entry)
			page.FillText(style, vg.Point{X: at.X, Y: at.Y}, entry.label)
			at.X += style.Width(entry.label) + between
		}
	}
	if len(lines) == 0 {
		return 0
	}
	return line*vg.Length(len(lines)) + vg.Points(6)
}

// textStyle is the sans-serif font of all pictures; it is embedded in the plotting library.
func textStyle(size float64, weight font.Weight, c color.Color) text.Style {
	return text.Style{
		Color:   c,
		Font:    plotfont.Font{Typeface: "Liberation", Variant: "Sans", Weight: weight, Size: vg.Points(size)},
		Handler: plot.DefaultTextHandler,
	}
}

// shorten cuts a line of text to a width.
func shorten(style text.Style, line string, width vg.Length) string {
	if style.Width(line) <= width {
		return line
	}
	runes := []rune(line)
	for len(runes) > 0 && style.Width(string(runes)+"…") > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}

// shares ticks an axis from 0 to 1.
func shares(axis *plot.Axis) {
	axis.Min, axis.Max = 0, 1
	var ticks []plot.Tick
	for i := range 11 {
		tick := plot.Tick{Value: float64(i) / 10}
		if i%2 == 0 {
			tick.Label = strconv.FormatFloat(tick.Value, 'f', 1, 64)
		}
		ticks = append(ticks, tick)
	}
	axis.Tick.Marker = plot.ConstantTicks(ticks)
}
