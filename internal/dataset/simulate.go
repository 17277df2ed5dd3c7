package dataset

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
)

// SimulateOptions says what to simulate. The zero value of a field takes its default.
type SimulateOptions struct {
	Rows       int     // default 284,807, as many as the public data set has
	Seed       uint64  // draws the rows; the world they are drawn from is always the same
	FraudShare float64 // of the rows, in (0, 0.5]; default 0.00173, that of the public data set
}

func (o SimulateOptions) withDefaults() SimulateOptions {
	if o.Rows == 0 {
		o.Rows = 284_807
	}
	if o.FraudShare == 0 {
		o.FraudShare = 0.00173
	}
	return o
}

// CreditCardColumns is the schema of the public ULB "creditcard" data set: Time (seconds), V1..V28, Amount, Class.
func CreditCardColumns() []Column {
	columns := []Column{{Name: "Time"}}
	for j := 1; j <= components; j++ {
		columns = append(columns, Column{Name: fmt.Sprintf("V%d", j)})
	}
	return append(columns, Column{Name: "Amount"}, Column{Name: "Class", Kind: Int})
}

// RowWriter takes rows one by one; ParquetWriter and CSVWriter are two.
type RowWriter interface {
	WriteRow(row []float64) error
	Close() error
}

// SimulateTo writes simulated rows of the CreditCardColumns to a writer made for them, and closes it. It needs the
// memory of a few rows, however many it writes.
func SimulateTo(w RowWriter, opts SimulateOptions) error {
	s, err := NewSimulation(opts)
	if err != nil {
		return err
	}
	row := make([]float64, components+3)
	for s.Next(row) {
		if err := w.WriteRow(row); err != nil {
			return err
		}
	}
	return w.Close()
}

// Simulate gives simulated rows as a table.
func Simulate(opts SimulateOptions) (Table, error) {
	s, err := NewSimulation(opts)
	if err != nil {
		return Table{}, err
	}
	t := Table{Columns: CreditCardColumns(), Data: make([][]float64, components+3)}
	row := make([]float64, components+3)
	for s.Next(row) {
		for c, v := range row {
			t.Data[c] = append(t.Data[c], v)
		}
	}
	return t, nil
}

// SimulateParquet writes simulated rows as a Parquet file.
func SimulateParquet(w io.Writer, opts SimulateOptions) error {
	p, err := NewParquetWriter(w, CreditCardColumns())
	if err != nil {
		return err
	}
	return SimulateTo(p, opts)
}

// Simulation draws the rows of one simulated file in order of time. The same options give the same rows. The number of
// frauds is exact: round(Rows * FraudShare), at least one.
//
// Genuine and fraudulent rows are two sequences that are merged by time. The i-th of n rows of a sequence takes place at
// the ((i + u) / n)-quantile, u uniform in [0, 1), of its daily rhythm; so each sequence is in order as it is drawn. What
// a row looks like is told in world.go.
type Simulation struct {
	random  *rand.Rand
	world   *world
	genuine sequence
	fraud   sequence
}

// NewSimulation prepares a simulation.
func NewSimulation(opts SimulateOptions) (*Simulation, error) {
	opts = opts.withDefaults()
	if opts.Rows < 2 {
		return nil, fmt.Errorf("simulate: %d rows are too few", opts.Rows)
	}
	if !(opts.FraudShare > 0 && opts.FraudShare <= 0.5) {
		return nil, fmt.Errorf("simulate: fraud share %v is not in (0, 0.5]", opts.FraudShare)
	}
	frauds := max(1, int(math.Round(float64(opts.Rows)*opts.FraudShare)))
	s := &Simulation{
		random:  rand.New(rand.NewPCG(opts.Seed, 0x7472616e73616374)),
		world:   newWorld(),
		genuine: sequence{rows: opts.Rows - frauds, rhythm: 0.75},
		fraud:   sequence{rows: frauds, rhythm: 0.25},
	}
	s.genuine.advance(s.random)
	s.fraud.advance(s.random)
	return s, nil
}

// Next fills row with Time, V1..V28, Amount and Class, and tells whether there was one more.
func (s *Simulation) Next(row []float64) bool {
	if s.genuine.done() && s.fraud.done() {
		return false
	}
	from, class := &s.genuine, 0.0
	if s.genuine.done() || (!s.fraud.done() && s.fraud.next < s.genuine.next) {
		from, class = &s.fraud, 1
	}
	row[0] = math.Floor(from.next)
	v := row[1 : 1+components]
	if class == 0 {
		row[components+1] = s.world.drawGenuine(s.random, v)
	} else {
		row[components+1] = s.world.drawFraud(s.random, v)
	}
	row[components+2] = class
	from.advance(s.random)
	return true
}

// sequence is rows in order of time, drawn one at a time.
type sequence struct {
	rows   int     // in all
	drawn  int     // so far, the one at next included
	rhythm float64 // depth of the daily rhythm, 0 = flat
	next   float64 // time in seconds of the row to come
}

func (s *sequence) done() bool { return s.drawn > s.rows }

func (s *sequence) advance(random *rand.Rand) {
	if s.drawn < s.rows {
		s.next = quantileOfDay((float64(s.drawn)+random.Float64())/float64(s.rows), s.rhythm)
	}
	s.drawn++
}
