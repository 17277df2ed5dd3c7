package dataset

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// TransactionOptions says what to simulate. The zero value of a field takes its default; with all defaults the world is as large
// as the Fraud Detection Handbook's.
type TransactionOptions struct {
	Rows      int     // exactly so many transactions, for as many days as they take; default 1,754,155
	Customers int     // default one for each 351 rows, as many as make that in the book's 183 days; at least 50
	Seed      uint64  // draws everything, the world too
	Start     float64 // unix seconds of the first day's midnight; default 2018-04-01
}

func (o TransactionOptions) withDefaults() TransactionOptions {
	if o.Rows == 0 {
		o.Rows = 1_754_155
	}
	if o.Customers == 0 {
		o.Customers = max(50, (o.Rows+175)/351)
	}
	if o.Start == 0 {
		o.Start = 1522540800
	}
	return o
}

// TransactionColumns is the schema of the handbook's transactions, without the scenario that made a fraud.
func TransactionColumns() []Column {
	return []Column{
		{Name: "TRANSACTION_ID", Kind: Int}, {Name: "TX_DATETIME", Kind: Time}, {Name: "CUSTOMER_ID", Kind: Int},
		{Name: "TERMINAL_ID", Kind: Int}, {Name: "TX_AMOUNT", Kind: Decimal, Places: 2}, {Name: "TX_FRAUD", Kind: Int},
	}
}

// TransactionSimulation draws the transactions of customers at terminals in order of time, after the process that the
// handbook publishes (chapter 3, "Transaction data simulator"). The same options give the same rows.
//
// Customers and terminals lie at random in a square; a customer uses the terminals within 5 units. A customer makes Poisson(m)
// transactions a day, m uniform in [0, 4), at normal times of the day (noon, sd 20,000 s; those outside of the day are left out),
// of normal amounts (mean uniform in [5, 100), sd half of it; a negative one is drawn again, uniform up to twice the mean).
//
// Three scenarios make frauds. (1) Every amount above 220. (2) Two terminals a day are compromised: all that happens there
// for 28 days is fraud. (3) Three customers a day have their card data stolen: for 14 days a third of their transactions is
// fraud, of five times the amount.
//
// In a world of another size than the book's 5,000 customers and 10,000 terminals, the square, and the numbers of compromised
// customers and terminals a day, are in proportion.
type TransactionSimulation struct {
	random    *rand.Rand
	options   TransactionOptions
	customers []customer
	terminals int

	stolen      []int // by customer: the day until which the card's data are used; 0: never stolen
	compromised []int // by terminal: the day until which it is compromised

	day  int
	rows []transaction // of the day, in order of time
	next int           // of rows
	id   int
}

type customer struct {
	mean, perDay float64
	terminals    []int32 // within reach
}

type transaction struct {
	second             int // of the day
	customer, terminal int32
	cents              int64
	fraud              bool
}

// NewTransactionSimulation prepares a simulation.
func NewTransactionSimulation(opts TransactionOptions) (*TransactionSimulation, error) {
	o := opts.withDefaults()
	if o.Rows < 1 || o.Customers < 50 || o.Customers > 1<<24 {
		return nil, fmt.Errorf("simulate transactions: %d rows of %d customers: at least 1 row, and 50 to %d customers", o.Rows, o.Customers, 1<<24)
	}
	s := &TransactionSimulation{
		random: rand.New(rand.NewPCG(o.Seed, 0x68616e64626f6f6b)), options: o, terminals: 2 * o.Customers,
		stolen: make([]int, o.Customers), compromised: make([]int, 2*o.Customers),
	}
	s.settle()
	return s, nil
}

// reach is how far a customer goes, in units; the book's world has one terminal in each square unit.
const reach = 5

// settle places customers and terminals. Terminals are looked up by cells of the square as wide as a customer reaches.
func (s *TransactionSimulation) settle() {
	side := math.Sqrt(float64(s.terminals))
	cells := int(side/reach) + 1
	type point struct{ x, y float64 }
	places := make([]point, s.terminals)
	at := make([][]int32, cells*cells)
	for i := range places {
		places[i] = point{s.random.Float64() * side, s.random.Float64() * side}
		cell := int(places[i].y/reach)*cells + int(places[i].x/reach)
		at[cell] = append(at[cell], int32(i))
	}
	s.customers = make([]customer, s.options.Customers)
	for i := range s.customers {
		c := &s.customers[i]
		home := point{s.random.Float64() * side, s.random.Float64() * side}
		c.mean, c.perDay = 5+95*s.random.Float64(), 4*s.random.Float64()
		column, row := int(home.x/reach), int(home.y/reach)
		for y := max(0, row-1); y <= min(cells-1, row+1); y++ {
			for x := max(0, column-1); x <= min(cells-1, column+1); x++ {
				for _, t := range at[y*cells+x] {
					if dx, dy := places[t].x-home.x, places[t].y-home.y; dx*dx+dy*dy < reach*reach {
						c.terminals = append(c.terminals, t)
					}
				}
			}
		}
	}
}

// Next fills row with the TransactionColumns of the next transaction, and tells whether there was one more.
func (s *TransactionSimulation) Next(row []float64) bool {
	if s.id == s.options.Rows {
		return false
	}
	for s.next == len(s.rows) {
		s.draw()
	}
	t := &s.rows[s.next]
	s.next++
	row[0], row[1] = float64(s.id), s.options.Start+float64((s.day-1)*24*3600+t.second)
	row[2], row[3], row[4] = float64(t.customer), float64(t.terminal), float64(t.cents)/100
	row[5] = 0
	if t.fraud {
		row[5] = 1
	}
	s.id++
	return true
}

// draw makes the transactions of the next day.
func (s *TransactionSimulation) draw() {
	s.rows, s.next = s.rows[:0], 0
	s.spread(s.compromised, 2, 10_000, 28)
	s.spread(s.stolen, 3, 5_000, 14)
	for i := range s.customers {
		c := &s.customers[i]
		for range s.poisson(c.perDay) {
			second := int(s.random.NormFloat64()*20_000 + 43_200)
			if second <= 0 || second >= 86_400 || len(c.terminals) == 0 {
				continue
			}
			amount := s.random.NormFloat64()*c.mean/2 + c.mean
			if amount < 0 {
				amount = s.random.Float64() * 2 * c.mean
			}
			t := transaction{second: second, customer: int32(i), terminal: c.terminals[s.random.IntN(len(c.terminals))], cents: int64(math.Round(amount * 100))}
			t.fraud = t.cents > 220_00 || s.compromised[t.terminal] > s.day
			if s.stolen[i] > s.day && s.random.IntN(3) == 0 {
				t.cents, t.fraud = 5*t.cents, true
			}
			s.rows = append(s.rows, t)
		}
	}
	slices.SortStableFunc(s.rows, func(a, b transaction) int { return cmp.Compare(a.second, b.second) })
	s.day++
}

// spread marks some of a world's inhabitants for days to come: perDay of them in a world that has so many.
func (s *TransactionSimulation) spread(until []int, perDay, of float64, days int) {
	n := int(perDay*float64(len(until))/of + s.random.Float64()) // a whole number on average
	for range n {
		until[s.random.IntN(len(until))] = s.day + days
	}
}

// poisson draws by multiplying uniform numbers (Knuth); the means are small.
func (s *TransactionSimulation) poisson(mean float64) int {
	limit, product, n := math.Exp(-mean), s.random.Float64(), 0
	for product > limit {
		product *= s.random.Float64()
		n++
	}
	return n
}

// SimulateTransactionsTo writes simulated transactions to a writer made for the TransactionColumns, and closes it. It needs the memory
// of the world and of a day.
func SimulateTransactionsTo(w RowWriter, opts TransactionOptions) error {
	s, err := NewTransactionSimulation(opts)
	if err != nil {
		return err
	}
	row := make([]float64, len(TransactionColumns()))
	for s.Next(row) {
		if err := w.WriteRow(row); err != nil {
			return err
		}
	}
	return w.Close()
}
