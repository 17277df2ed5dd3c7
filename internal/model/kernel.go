package model

// A tile is the work of a kernel: 6 rows of a matrix product, 16 columns of it per panel,
//
//	out[r*outRow + p*16+c] = max(floor, start[r*startRow + p*16+c] + sum over i of a[r*aRow + i*aStep] * b[i*bStep + p*bPanel + c])
//
// for r in 0..5, i in 0..steps-1, c in 0..15. With startRow 0 start is a bias; with start = out the sum goes on from an earlier one.
//
// Every output is one chain of multiply-adds over i in ascending order. That is what makes a row's result independent of its
// place in a batch, and a gradient independent of how many cores share the work: tiling decides which chains run side by side, never
// the order within one.
type tile struct {
	a             []float32
	aRow, aStep   int
	b             []float32
	bStep, bPanel int
	start         []float32
	startRow      int
	out           []float32
	outRow        int
	steps         int     // at least 1
	floor         float32 // 0 for a ReLU, -Inf for none
}

const (
	tileRows     = 6
	panelColumns = 16
	pairPanels   = 2 // how many panels a kernel's form for pairs takes at once
	widePanels   = 4 // and its wide form
)

// A kernel is one way to compute what training and scoring spend their time on. All that use fused multiply-adds agree to the
// bit, whatever the width of their registers. The portable one rounds every step twice, product and sum; it agrees closely.
type kernel struct {
	name   string
	narrow func(t *tile) // one panel
	pair   func(t *tile) // two panels; nil for none
	wide   func(t *tile) // four panels; nil where there is no pair
	vectors
}

// vectors are the element-wise parts. They give the same bits in every kernel but dot, which adds in 16 lanes, fused or not.
type vectors struct {
	// dot writes bias + the products of each row's first n values with w, n a multiple of 16.
	dot func(x []float32, row, rows int, w []float32, n int, bias float32, out []float32)
	// standardise writes clip((x-mean)*scale).
	standardise func(x, mean, scale []float32, clip float32, out []float32)
	// encode writes clip((v-low)*slope, 0, 1) for the bins of each run, where v is the run's value of x. Up to 7 more values of low, slope
	// and out may be touched.
	encode func(x []float32, runs []run, low, slope, out []float32)
	// multiply scales x by y.
	multiply func(x, y []float32)
	// mask writes for each 16 bits of draws, the lowest first, 0 where they are below limit, else keep.
	mask func(draws []uint64, limit uint32, keep float32, out []float32)
	// sumRows adds the rows of x to out, one after the other; len(out) is a multiple of 16.
	sumRows func(x []float32, row, rows int, out []float32)
	// gate writes dy*keep where y > 0, else 0.
	gate func(y, dy []float32, keep float32, out []float32)
	// adam is one step of the solver; see adamStep.
	adam func(params, gradient, first, second []float32, s adamScales)
}

// product fills rows x columns of out; rows is a multiple of tileRows, columns of panelColumns. The fields of t say where the first
// tile lies, and are moved on. Columns go in the outer loop: their weights stay in the cache while all rows pass.
func (k *kernel) product(t *tile, rows, columns int) {
	a, b, start, out := t.a, t.b, t.start, t.out
	for column := 0; column < columns; {
		panels, run := 1, k.narrow
		switch left := (columns - column) / panelColumns; {
		case k.pair == nil:
		case left >= widePanels:
			panels, run = widePanels, k.wide
		case left >= pairPanels:
			panels, run = pairPanels, k.pair
		}
		t.b, t.start = b[column/panelColumns*t.bPanel:], start[column:]
		for r := 0; r < rows; r += tileRows {
			t.a, t.out = a[r*t.aRow:], out[r*t.outRow+column:]
			if t.startRow > 0 {
				t.start = start[r*t.startRow+column:]
			}
			run(t)
		}
		column += panels * panelColumns
	}
}

func padTo(n, multiple int) int { return (n + multiple - 1) / multiple * multiple }

// Kernel names the kernel that models are trained and scored with here: avx512, avx2 or portable.
func Kernel() string { return bestKernel().name }
