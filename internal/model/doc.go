// Package model is the classifier of a pipeline: how it is trained, written down, checked and run.
//
// A [Model] is data, never code: a [Preparation] fitted on the training rows (signed logarithm, standardising, clipping) and a
// few small networks whose probabilities are averaged. It has one file format, ONNX, which holds the preparation inside the
// graph, so that a reader in any language gives it raw features:
//
//	input [batch, F] float32  ->  probability [batch, 1] float32, label [batch, 1] int64 (probability >= threshold)
//
// Four programs compute the same probabilities, and are compared before a model may serve:
//
//   - [Scorer], flat kernels without allocation, for the stream;
//   - [Forward], the forward pass of the Gorgonia graph that was trained; its layers are operations of this package, which share
//     their matrix product with the Scorer;
//   - [Evaluate], a plain interpreter of the exported file, which shares no code with the other two;
//   - ONNX Runtime, outside this module, through the same file.
//
// The matrix products are kernels in assembly for AVX-512 and AVX2, chosen by what the processor has, with one in plain Go beside
// them; the build tag purego leaves only that one.
//
// What may be relied on:
//
//   - [Fit] is a function of its rows, its Config and its names: the same input gives the same weights bit for bit on the same kind of
//     processor, whatever the number of cores, also when it was killed and resumed from the checkpoint of any epoch.
//   - [ReadONNX] accepts what [Model.ONNX] writes and refuses everything else with a sentence; it never panics, and its memory
//     is bounded by the size of the file.
//   - [Scorer.Score] gives a row the same bits whatever batch it comes in and wherever it stands there.
//
// From rows to scores:
//
//	m, epochs, err := model.Fit(ctx, train, validation, model.Config{Members: 3, Seed: 7}, names, nil, nil)
//	m.Threshold = 0.4                       // chosen by the caller, on validation rows
//	file, err := m.ONNX()
//	...
//	m, err = model.ReadONNX(file)
//	scorer := model.NewScorer(m, 4096)      // one per goroutine
//	scorer.Score(x, n, probabilities)       // x is [n, F] row-major
package model
