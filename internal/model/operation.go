package model

import (
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// operation is an operation of a Gorgonia graph that this package brings: Gorgonia places it, differentiates through it and runs
// it, and compute does the work. Its result is a matrix, or a scalar where rows is 0, and it lives in one buffer as long as
// the graph: a step of training allocates nothing here.
type operation struct {
	name          string // unique in its graph
	arity         int
	scalarLast    bool // the last input is a scalar
	rows, columns int
	out           []float32
	value         gorgonia.Value
	in            [][]float32
	compute       func(in [][]float32, out []float32)

	// How the graph goes on backwards: wrt says which inputs have a gradient, and derive makes its node from the node of this
	// result and of the gradient by it. Both are nil where nobody asks.
	wrt    []bool
	derive func(inputs gorgonia.Nodes, result, gradient *gorgonia.Node) (gorgonia.Nodes, error)
}

func newOperation(name string, arity, rows, columns int, compute func(in [][]float32, out []float32)) *operation {
	o := &operation{name: name, arity: arity, rows: rows, columns: columns, compute: compute, out: make([]float32, max(rows*columns, 1))}
	if rows > 0 {
		o.value = tensor.New(tensor.WithShape(rows, columns), tensor.WithBacking(o.out))
	}
	return o
}

// Do is called by Gorgonia's machine.
func (o *operation) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	if len(inputs) != o.arity {
		return nil, fmt.Errorf("%s: %d inputs, want %d", o.name, len(inputs), o.arity)
	}
	o.in = o.in[:0]
	for i, v := range inputs {
		switch data := v.Data().(type) {
		case []float32:
			o.in = append(o.in, data)
		case float32:
			o.in = append(o.in, []float32{data})
		default:
			return nil, fmt.Errorf("%s: input %d is a %T, want float32", o.name, i, data)
		}
	}
	o.compute(o.in, o.out)
	if o.rows == 0 {
		return gorgonia.NewF32(o.out[0]), nil
	}
	return o.value, nil
}

// Type says that inputs are matrices but for a last one that is a scalar, and what the result is.
func (o *operation) Type() hm.Type {
	matrix, scalar := hm.TypeVariable('a'), tensor.Float32
	var types []hm.Type
	for range o.arity {
		types = append(types, matrix)
	}
	if o.scalarLast {
		types[o.arity-1] = scalar
	}
	if o.rows == 0 {
		return hm.NewFnType(append(types, scalar)...)
	}
	return hm.NewFnType(append(types, matrix)...)
}

func (o *operation) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) {
	if o.rows == 0 {
		return tensor.ScalarShape(), nil
	}
	return tensor.Shape{o.rows, o.columns}, nil
}

func (o *operation) DiffWRT(inputs int) []bool {
	if o.wrt == nil {
		return make([]bool, inputs)
	}
	return o.wrt
}

func (o *operation) SymDiff(inputs gorgonia.Nodes, result, gradient *gorgonia.Node) (gorgonia.Nodes, error) {
	if o.derive == nil {
		return nil, fmt.Errorf("%s cannot be differentiated", o.name)
	}
	return o.derive(inputs, result, gradient)
}

func (o *operation) Arity() int            { return o.arity }
func (o *operation) ReturnsPtr() bool      { return false } // of an input, which the machine might then write over
func (o *operation) CallsExtern() bool     { return false }
func (o *operation) OverwritesInput() int  { return -1 }
func (o *operation) WriteHash(h hash.Hash) { fmt.Fprint(h, o.name) }
func (o *operation) String() string        { return o.name }

func (o *operation) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}
