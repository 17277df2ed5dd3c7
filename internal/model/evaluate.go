package model

import (
	"fmt"
	"math"
)

// Evaluate runs an exported file the way its nodes say, one node after another on whole tensors, for n rows of x, [n, F] row-major, and
// returns the output "probability". It is slow and plain: sums are in float64 and every node's result is rounded to float32.
// It shares no arithmetic with [Scorer] and [Forward], so that agreement of the three means something. Its error wraps
// [ErrONNX] for a file that [ReadONNX] refuses, [ErrInvalid] for rows that do not fit.
func Evaluate(onnx []byte, x []float32, n int) ([]float32, error) {
	m, g, err := readGraph(onnx)
	if err != nil {
		return nil, err
	}
	if n < 0 || len(x) != n*m.Width() {
		return nil, fmt.Errorf("evaluate: %d values for %d rows of %d features: %w", len(x), n, m.Width(), ErrInvalid)
	}
	if n == 0 {
		return []float32{}, nil
	}
	e := evaluation{inputName: {n, m.Width(), widen(x)}}
	for _, c := range g.constant {
		e[c.name] = c.tensor()
	}
	for _, node := range g.nodes {
		if err := e.run(node); err != nil {
			return nil, fmt.Errorf("evaluate node %s %q: %w", node.op, node.name, err)
		}
	}
	out := make([]float32, n)
	for i, v := range e[outputName].values {
		out[i] = float32(v)
	}
	return out, nil
}

// evaluation holds every tensor computed so far, by name.
type evaluation map[string]tensor2

// tensor2 is a matrix; scalars are [1, 1] and vectors [1, columns]. Values are those of float32, int64 or bool, held as float64.
type tensor2 struct {
	rows, columns int
	values        []float64
}

func (c constant) tensor() tensor2 {
	t := tensor2{rows: 1, columns: 1}
	switch c.kind {
	case float32Kind:
		t.values = widen(c.floats())
	case int64Kind:
		for _, v := range c.ints() {
			t.values = append(t.values, float64(v))
		}
	case boolKind:
		for _, v := range c.raw {
			t.values = append(t.values, float64(v))
		}
	}
	switch len(c.dims) {
	case 1:
		t.columns = int(c.dims[0])
	case 2:
		t.rows, t.columns = int(c.dims[0]), int(c.dims[1])
	}
	return t
}

func (e evaluation) run(n node) error {
	var in []tensor2
	for _, name := range n.inputs {
		t, found := e[name]
		if !found {
			return fmt.Errorf("input %q does not exist: %w", name, ErrONNX)
		}
		in = append(in, t)
	}
	var out tensor2
	switch n.op {
	case "Abs":
		out = each(in, func(v []float64) float64 { return math.Abs(v[0]) })
	case "Sign":
		out = each(in, func(v []float64) float64 {
			if v[0] == 0 {
				return 0
			}
			return math.Copysign(1, v[0])
		})
	case "Log":
		out = each(in, func(v []float64) float64 { return math.Log(v[0]) })
	case "Relu":
		out = each(in, func(v []float64) float64 { return math.Max(v[0], 0) })
	case "Sigmoid":
		out = each(in, func(v []float64) float64 { return 1 / (1 + math.Exp(-v[0])) })
	case "Add":
		out = each(in, func(v []float64) float64 { return v[0] + v[1] })
	case "Sub":
		out = each(in, func(v []float64) float64 { return v[0] - v[1] })
	case "Mul":
		out = each(in, func(v []float64) float64 { return v[0] * v[1] })
	case "Clip":
		out = each(in, func(v []float64) float64 { return math.Min(math.Max(v[0], v[1]), v[2]) })
	case "Where":
		out = each(in, func(v []float64) float64 {
			if v[0] != 0 {
				return v[1]
			}
			return v[2]
		})
	case "Sum":
		out = each(in, func(v []float64) (sum float64) {
			for _, x := range v {
				sum += x
			}
			return sum
		})
	case "GreaterOrEqual":
		out = each(in, func(v []float64) float64 {
			if v[0] >= v[1] {
				return 1
			}
			return 0
		})
	case "Cast":
		out = in[0]
	case "Gather":
		out = gather(in[0], in[1])
	case "Concat":
		out = concat(in[0], in[1])
	case "Gemm":
		out = gemm(in[0], in[1], in[2])
	default:
		return fmt.Errorf("the operation is not known: %w", ErrONNX)
	}
	e[n.output] = out
	return nil
}

// each applies f to every element of the inputs, which broadcast to the largest, and rounds the result to float32.
func each(in []tensor2, f func(v []float64) float64) tensor2 {
	var out tensor2
	for _, t := range in {
		out.rows, out.columns = max(out.rows, t.rows), max(out.columns, t.columns)
	}
	v := make([]float64, len(in))
	for i := range out.rows {
		for j := range out.columns {
			for k, t := range in {
				v[k] = t.values[min(i, t.rows-1)*t.columns+min(j, t.columns-1)]
			}
			out.values = append(out.values, float64(float32(f(v))))
		}
	}
	return out
}

func gather(data, columns tensor2) tensor2 {
	out := tensor2{rows: data.rows, columns: columns.columns}
	for i := range data.rows {
		for _, c := range columns.values {
			out.values = append(out.values, data.values[i*data.columns+int(c)])
		}
	}
	return out
}

func concat(a, b tensor2) tensor2 {
	out := tensor2{rows: a.rows, columns: a.columns + b.columns}
	for i := range a.rows {
		out.values = append(out.values, a.values[i*a.columns:(i+1)*a.columns]...)
		out.values = append(out.values, b.values[i*b.columns:(i+1)*b.columns]...)
	}
	return out
}

func gemm(x, weights, bias tensor2) tensor2 {
	out := tensor2{rows: x.rows, columns: weights.columns}
	for i := range x.rows {
		for j := range weights.columns {
			sum := bias.values[j]
			for k := range x.columns {
				sum += x.values[i*x.columns+k] * weights.values[k*weights.columns+j]
			}
			out.values = append(out.values, float64(float32(sum)))
		}
	}
	return out
}

func widen(values []float32) []float64 {
	wide := make([]float64, len(values))
	for i, v := range values {
		wide[i] = float64(v)
	}
	return wide
}
