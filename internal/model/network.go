package model

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// network is one member as a Gorgonia graph of a fixed batch size. With training set it also has labels, weights, dropout masks,
// the loss and its gradients; without, it is the forward pass alone.
//
// The backing slices are shared with Gorgonia's tensors: writing params[i] or x before run is how values go in.
type network struct {
	batch  int
	inputs int

	x, y, w []float32   // [batch, inputs], [batch, 1], [batch, 1]
	masks   [][]float32 // per hidden layer [batch, units]; 0 or 1/(1-dropout); nil without dropout
	params  [][]float32 // weights and bias of each layer in turn
	decayed []bool      // per parameter: weights decay, biases do not

	learnables gorgonia.Nodes
	logit      gorgonia.Value
	loss       gorgonia.Value
	vm         gorgonia.VM
}

// newNetwork builds the graph for layers of the given widths: widths[0] inputs, then the hidden layers, then 1.
//
// Biases come in as ones*b, a matrix product with a column of ones: in Gorgonia a broadcast copies its operand anyway, and the
// gradient of a product is the sum over the batch that a bias needs.
func newNetwork(widths []int, batch int, dropout float64, training bool) (*network, error) {
	n := &network{batch: batch, inputs: widths[0]}
	g := gorgonia.NewGraph()
	b := builder{g: g}
	var input, ones, hidden *gorgonia.Node
	input, n.x = b.matrix("x", batch, widths[0])
	ones, onesData := b.matrix("ones", batch, 1)
	for i := range onesData {
		onesData[i] = 1
	}
	hidden = input
	for i := 1; i < len(widths); i++ {
		weights, weightsData := b.matrix(fmt.Sprintf("w%d", i), widths[i-1], widths[i])
		bias, biasData := b.matrix(fmt.Sprintf("b%d", i), 1, widths[i])
		n.params = append(n.params, weightsData, biasData)
		n.decayed = append(n.decayed, true, false)
		n.learnables = append(n.learnables, weights, bias)
		hidden = b.add(b.multiply(hidden, weights), b.multiply(ones, bias))
		if i == len(widths)-1 {
			break
		}
		hidden = b.rectify(hidden)
		if training && dropout > 0 {
			mask, maskData := b.matrix(fmt.Sprintf("mask%d", i), batch, widths[i])
			n.masks = append(n.masks, maskData)
			hidden = b.hadamard(hidden, mask)
		}
	}
	b.read(hidden, &n.logit)
	options := []gorgonia.VMOpt{}
	if training {
		var label, weight *gorgonia.Node
		label, n.y = b.matrix("y", batch, 1)
		weight, n.w = b.matrix("w", batch, 1)
		// softplus(z) - y*z is the cross-entropy of sigmoid(z), and stays finite in float32 for every z.
		loss := b.mean(b.hadamard(weight, b.subtract(b.softplus(hidden), b.hadamard(label, hidden))))
		b.read(loss, &n.loss)
		b.gradients(loss, n.learnables)
		options = append(options, gorgonia.BindDualValues(n.learnables...))
	}
	if b.err != nil {
		return nil, fmt.Errorf("build network %v: %w", widths, b.err)
	}
	n.vm = gorgonia.NewTapeMachine(g, options...)
	return n, nil
}

// run executes the graph once. Where it trains, gradient(i) is valid until the next run.
func (n *network) run() error {
	n.vm.Reset()
	if err := n.vm.RunAll(); err != nil {
		return fmt.Errorf("run network: %w", err)
	}
	return nil
}

// logits are the outputs of the last run, [batch].
func (n *network) logits() []float32 { return n.logit.Data().([]float32) }

// gradient of the loss by parameter i. Gorgonia adds to it: whoever uses it sets it to zero for the next run.
func (n *network) gradient(i int) ([]float32, error) {
	value, err := n.learnables[i].Grad()
	if err != nil {
		return nil, fmt.Errorf("gradient of %s: %w", n.learnables[i].Name(), err)
	}
	return value.Data().([]float32), nil
}

func (n *network) close() error { return n.vm.Close() }

// builder applies Gorgonia's operations and keeps the first error, so that the network above reads as the formula it is.
type builder struct {
	g   *gorgonia.ExprGraph
	err error
}

func (b *builder) matrix(name string, rows, columns int) (*gorgonia.Node, []float32) {
	data := make([]float32, rows*columns)
	value := tensor.New(tensor.WithShape(rows, columns), tensor.WithBacking(data))
	return gorgonia.NewMatrix(b.g, tensor.Float32, gorgonia.WithShape(rows, columns), gorgonia.WithName(name), gorgonia.WithValue(value)), data
}

func (b *builder) apply(op func() (*gorgonia.Node, error)) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	node, err := op()
	b.err = err
	return node
}

func (b *builder) multiply(x, y *gorgonia.Node) *gorgonia.Node {
	return b.apply(func() (*gorgonia.Node, error) { return gorgonia.Mul(x, y) })
}

func (b *builder) add(x, y *gorgonia.Node) *gorgonia.Node {
	return b.apply(func() (*gorgonia.Node, error) { return gorgonia.Add(x, y) })
}

func (b *builder) subtract(x, y *gorgonia.Node) *gorgonia.Node {
	return b.apply(func() (*gorgonia.Node, error) { return gorgonia.Sub(x, y) })
}

func (b *builder) hadamard(x, y *gorgonia.Node) *gorgonia.Node {
	return b.apply(func() (*gorgonia.Node, error) { return gorgonia.HadamardProd(x, y) })
}

func (b *builder) rectify(x *gorgonia.Node) *gorgonia.Node {
	return b.apply(func() (*gorgonia.Node, error) { return gorgonia.Rectify(x) })
}

func (b *builder) softplus(x *gorgonia.Node) *gorgonia.Node {
	return b.apply(func() (*gorgonia.Node, error) { return gorgonia.Softplus(x) })
}

func (b *builder) mean(x *gorgonia.Node) *gorgonia.Node {
	return b.apply(func() (*gorgonia.Node, error) { return gorgonia.Mean(x) })
}

func (b *builder) read(x *gorgonia.Node, into *gorgonia.Value) {
	if b.err == nil {
		gorgonia.Read(x, into)
	}
}

func (b *builder) gradients(loss *gorgonia.Node, learnables gorgonia.Nodes) {
	if b.err == nil {
		_, b.err = gorgonia.Grad(loss, learnables...)
	}
}
