package model

import "math"

var noFloor = float32(math.Inf(-1))

// byX is gradient * w turned round.
func (d *dense) byX(in [][]float32, out []float32) {
	d.transposed.pack(in[0], d.in, 1, d.out)
	zero := make([]float32, d.inColumns)
	d.machine.share(d.rows/tileRows, blockRows/tileRows, func(from, to int) {
		from, to = from*tileRows, to*tileRows
		d.machine.product(&tile{a: in[1][from*d.columns:], aRow: d.columns, aStep: 1, b: d.transposed.values, bStep: panelColumns, bPanel: d.out * panelColumns,
			start: zero, out: out[from*d.inColumns:], outRow: d.inColumns, steps: d.out, floor: noFloor}, to-from, d.inColumns)
	})
}

// byB adds the gradient up over the batch, row after row.
func (d *dense) byB(in [][]float32, out []float32) {
	clear(d.biasSums)
	d.machine.sumRows(in[0], d.columns, d.rows, d.biasSums)
	copy(out, d.biasSums)
}

// byW computes x turned round * gradient. A row of it belongs to one input, and is summed over the batch from the first row to the
// last by whoever computes it: so cores share the inputs, and their number changes no bit.
type byW struct {
	*dense
	tiles  int       // of inputs
	width  int       // of a row of x as the tiles see it
	sums   []float32 // [tiles*tileRows, columns]
	shared int       // tiles that are one piece of work
	spans  []span    // of an encoded row, for each piece of work
}

func (d *dense) newByW() *byW {
	g := &byW{dense: d, width: d.inColumns}
	if d.encoder != nil {
		g.width = d.encoder.stride
	}
	g.tiles = padTo(g.width, tileRows) / tileRows
	g.sums = make([]float32, g.tiles*tileRows*d.columns)
	g.shared = 4 // their sums and a block of the gradient stay in the first-level cache together
	if g.tiles > 48 {
		g.shared = 8
	}
	for t := 0; t < g.tiles && d.encoder != nil; t += g.shared {
		g.spans = append(g.spans, d.encoder.span(t*tileRows, min(t+g.shared, g.tiles)*tileRows))
	}
	return g
}

// first is the input of a tile's first row. Where tiles do not end with the inputs, the last one is moved back, and computes a few of
// the sums of the one before it once more, for itself.
func (g *byW) first(tile int) int { return min(tile*tileRows, g.width-tileRows) }

func (g *byW) compute(in [][]float32, out []float32) {
	clear(g.sums)
	g.machine.share(g.tiles, g.shared, func(from, to int) { g.over(in[0], in[1], from, to) })
	for i := range g.in {
		t := i / tileRows
		copy(out[i*g.out:(i+1)*g.out], g.sums[(t*tileRows+i-g.first(t))*g.columns:])
	}
}

// over sums the tiles from..to-1 over the batch, block by block.
func (g *byW) over(x, gradient []float32, from, to int) {
	begin, end := g.first(from), g.first(to-1)+tileRows
	t := tile{aRow: 1, aStep: g.inColumns, bStep: g.columns, bPanel: panelColumns, startRow: g.columns, outRow: g.columns, floor: noFloor}
	var block []float32
	if g.encoder != nil {
		borrowed := g.encoder.blocks.Get().(*[]float32)
		defer g.encoder.blocks.Put(borrowed)
		block, t.aStep = *borrowed, end-begin
	}
	for row := 0; row < g.rows; row += blockRows {
		t.steps = min(blockRows, g.rows-row)
		if g.encoder == nil {
			block = x[row*g.inColumns+begin:]
		} else {
			for r := range t.steps {
				g.encoder.encode(g.machine.kernel, g.spans[from/g.shared], x[(row+r)*g.inColumns:], block[r*t.aStep:])
			}
		}
		for i := from; i < to; i++ {
			sums := g.sums[i*tileRows*g.columns:]
			t.a, t.b, t.start, t.out = block[g.first(i)-begin:], gradient[row*g.columns:], sums, sums
			g.machine.product(&t, tileRows, g.columns)
		}
	}
}
