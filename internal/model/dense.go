package model

import (
	"fmt"

	"gorgonia.org/gorgonia"
)

// dense is a fused layer of a network: out = max(x*w + b, 0) * mask, the ReLU and the mask where it has them. Fused, the values of a
// layer are written once, where five operations would write and read them five times.
//
// Matrices of the batch are padded: rows to whole tiles, columns to whole panels. Padding columns are 0, and padding rows are computed
// like others, weigh nothing in the loss, and have a gradient of 0.
type dense struct {
	name      string
	machine   *machine
	rows      int // padded
	in, out   int // true widths
	inColumns int // of the matrix x
	columns   int // padded out
	floor     float32
	keep      float32  // what the mask holds where it is not 0; 0 without a mask
	encoder   *encoder // of the first layer: x is standardised rows, which are encoded here, block by block; else nil

	whole      span      // of an encoded row
	panels     packed    // of w, where its rows are no whole panels
	transposed packed    // of w turned round
	bias       []float32 // [columns]
	biasSums   []float32 // [columns]
}

// packed is a matrix laid out for tiles: panels of 16 columns, filled up with zeros.
type packed struct {
	values        []float32
	rows, columns int // padded columns
}

func newPacked(rows, columns int) packed {
	c := padTo(columns, panelColumns)
	return packed{make([]float32, rows*c), rows, c}
}

// pack copies a [rows, columns] matrix of which element (i, j) lies at i*row + j*column.
func (p *packed) pack(from []float32, columns, row, column int) {
	for j := range columns {
		at := j/panelColumns*p.rows*panelColumns + j%panelColumns
		for i := range p.rows {
			p.values[at+i*panelColumns] = from[i*row+j*column]
		}
	}
}

// blockRows is how many rows go through a layer while their values stay in the cache: a multiple of tileRows.
const blockRows = 8 * tileRows

// node puts the layer into the graph. mask is nil for none.
func (d *dense) node(x, w, b, mask *gorgonia.Node) (*gorgonia.Node, error) {
	d.bias, d.biasSums = make([]float32, d.columns), make([]float32, d.columns)
	if d.out != d.columns {
		d.panels = newPacked(d.in, d.out)
	}
	if d.encoder == nil {
		d.transposed = newPacked(d.out, d.in)
	} else {
		d.whole = d.encoder.span(0, d.encoder.width)
	}
	inputs := gorgonia.Nodes{x, w, b}
	if mask != nil {
		inputs = append(inputs, mask)
	}
	o := newOperation(d.name, len(inputs), d.rows, d.columns, d.forward)
	o.wrt = make([]bool, len(inputs))
	o.wrt[0], o.wrt[1], o.wrt[2] = d.encoder == nil, true, true
	o.derive = d.backward
	return gorgonia.ApplyOp(o, inputs...)
}

func (d *dense) forward(in [][]float32, out []float32) {
	t := tile{b: in[1], bStep: d.out, bPanel: panelColumns, start: d.bias, outRow: d.columns, aStep: 1, steps: d.in, floor: d.floor}
	if d.out != d.columns {
		d.panels.pack(in[1], d.out, d.out, 1)
		t.b, t.bStep, t.bPanel = d.panels.values, panelColumns, d.in*panelColumns
	}
	copy(d.bias, in[2])
	d.machine.share(d.rows/tileRows, blockRows/tileRows, func(from, to int) {
		from, to = from*tileRows, to*tileRows
		t := t
		t.a, t.aRow, t.out = in[0][from*d.inColumns:], d.inColumns, out[from*d.columns:]
		if e := d.encoder; e != nil {
			block := e.blocks.Get().(*[]float32)
			defer e.blocks.Put(block)
			for r := range to - from {
				e.encode(d.machine.kernel, d.whole, t.a[r*d.inColumns:], (*block)[r*e.stride:])
			}
			t.a, t.aRow = *block, e.stride
		}
		d.machine.product(&t, to-from, d.columns)
		if d.keep > 0 {
			d.machine.multiply(out[from*d.columns:to*d.columns], in[3][from*d.columns:to*d.columns])
		}
	})
}

// backward makes the nodes of the gradients by x, w and b. The gradient first passes the mask and the ReLU: where a result is not above
// 0, either of them has stopped it.
func (d *dense) backward(inputs gorgonia.Nodes, result, gradient *gorgonia.Node) (gorgonia.Nodes, error) {
	var err error
	if d.floor == 0 {
		keep := d.keep
		if keep == 0 {
			keep = 1
		}
		gate := newOperation("gate of "+d.name, 2, d.rows, d.columns, func(in [][]float32, out []float32) {
			d.machine.gate(in[0], in[1], keep, out)
		})
		if gradient, err = gorgonia.ApplyOp(gate, result, gradient); err != nil {
			return nil, fmt.Errorf("%s: %w", gate, err)
		}
	}
	grads := make(gorgonia.Nodes, len(inputs))
	if d.encoder == nil {
		byX := newOperation("gradient by x of "+d.name, 2, d.rows, d.inColumns, d.byX)
		if grads[0], err = gorgonia.ApplyOp(byX, inputs[1], gradient); err != nil {
			return nil, fmt.Errorf("%s: %w", byX, err)
		}
	}
	w := d.newByW()
	byW := newOperation("gradient by w of "+d.name, 2, d.in, d.out, w.compute)
	if grads[1], err = gorgonia.ApplyOp(byW, inputs[0], gradient); err != nil {
		return nil, fmt.Errorf("%s: %w", byW, err)
	}
	byB := newOperation("gradient by b of "+d.name, 1, 1, d.out, d.byB)
	if grads[2], err = gorgonia.ApplyOp(byB, gradient); err != nil {
		return nil, fmt.Errorf("%s: %w", byB, err)
	}
	return grads, nil
}
