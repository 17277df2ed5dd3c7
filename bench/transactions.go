package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strconv"

	"temporal-streaming/bench/internal/ledger"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/pipeline"
)

// transactionsName is the pipeline of card payments: two stages, with histories of customer and terminal, and labels.
const transactionsName = "transactions"

// transactions are the payments that such a stream is sent, and their labels: those of a file in the order of their time, over and
// over, each time with new numbers at later times. They are written as `starter send` writes them: payments keyed by customer,
// and between them each payment's label when half of the label's delay has passed, so that it is there before it counts.
type transactions struct {
	rows   []ledger.Payment
	round  int64  // seconds from a row to the same row of the next round
	about  string // where they come from, for people
	labels string // the topic
	after  int64  // seconds from a payment to its label
	told   int64  // labels of payments before this one were sent
}

// transactionsFrom reads a file, or the handbook's where it lies beside the repository; where it does not, it simulates
// payments in a world as large as the handbook's.
func (b *bench) transactionsFrom(file string, d *pipeline.Definition, seed uint64) (*transactions, error) {
	t := &transactions{labels: d.Label.Topic, after: int64(d.LabelDelay().Seconds()) / 2, about: "the Fraud Detection Handbook's"}
	path := or(file, filepath.Join(b.root, handbookFile))
	table, err := readHandbook(path, d)
	switch {
	case err == nil && file != "":
		t.about = filepath.Base(file)
	case file == "" && errors.Is(err, fs.ErrNotExist):
		b.say("%s is not there: simulating payments instead (starter simulate transactions)", handbookFile)
		t.about = "simulated, as by starter simulate transactions"
		table, err = simulateTransactions(dataset.TransactionOptions{Seed: seed})
	}
	if err != nil {
		return nil, err
	}
	return t, t.take(table)
}

// take reads the rows of a table, which are in the order of their time.
func (t *transactions) take(table dataset.Table) error {
	column := func(name string) []float64 {
		values, _ := table.Column(name)
		return values
	}
	at, customer, terminal := column("TX_DATETIME"), column("CUSTOMER_ID"), column("TERMINAL_ID")
	amount, fraud := column("TX_AMOUNT"), column("TX_FRAUD")
	t.rows = make([]ledger.Payment, table.Len())
	for i := range t.rows {
		p := ledger.Payment{At: int64(at[i]), Customer: int64(customer[i]), Terminal: int64(terminal[i]), Cents: int64(math.Round(100 * amount[i])), Fraud: fraud[i] == 1}
		if t.rows[i] = p; i > 0 && p.At < t.rows[i-1].At {
			return fmt.Errorf("payments must be in the order of their time, and row %d is before the one before", i)
		}
	}
	if len(t.rows) == 0 {
		return errors.New("there are no payments")
	}
	const day = 24 * 3600
	first, last := t.rows[0].At/day, t.rows[len(t.rows)-1].At/day
	t.round = (last + 1 - first) * day
	return nil
}

// payment is number n.
func (t *transactions) payment(n int64) ledger.Payment {
	rows := int64(len(t.rows))
	p := t.rows[n%rows]
	p.At += n / rows * t.round
	return p
}

func (t *transactions) message(key, value []byte, n int64) (k, v []byte) {
	p := t.payment(n)
	key = strconv.AppendInt(key, p.Customer, 10)
	value = append(value, `{"columns":["TRANSACTION_ID","TX_DATETIME","CUSTOMER_ID","TERMINAL_ID","TX_AMOUNT"],"data":[[`...)
	for _, number := range []int64{n, p.At, p.Customer, p.Terminal} {
		value = append(strconv.AppendInt(value, number, 10), ',')
	}
	value = strconv.AppendInt(value, p.Cents/100, 10)
	value = append(value, '.', byte('0'+p.Cents/10%10), byte('0'+p.Cents%10))
	value = append(value, `]],"id":`...)
	return key, append(strconv.AppendInt(value, n, 10), '}')
}

// beside sends the labels that have become known.
func (t *transactions) beside(n int64, send func(topic string, key, value []byte) error) error {
	now := t.payment(n).At
	for t.told < n {
		p := t.payment(t.told)
		if p.At+t.after >= now {
			break
		}
		fraud := byte('0')
		if p.Fraud {
			fraud = '1'
		}
		value := strconv.AppendInt([]byte(`{"TRANSACTION_ID":`), t.told, 10)
		value = append(append(value, `,"TX_FRAUD":`...), fraud)
		value = append(strconv.AppendInt(append(value, `,"known_at":`...), p.At+t.after, 10), '}')
		if err := send(t.labels, strconv.AppendInt(nil, t.told, 10), value); err != nil {
			return err
		}
		t.told++
	}
	return nil
}

func (t *transactions) bytes() int {
	sum, some := 0, min(10_000, len(t.rows))
	for n := range some {
		_, value := t.message(nil, nil, int64(n))
		sum += len(value)
	}
	return sum / some
}

// simulateTransactions is simulated payments as a table.
func simulateTransactions(o dataset.TransactionOptions) (dataset.Table, error) {
	w := &tableWriter{dataset.Table{Columns: dataset.TransactionColumns(), Data: make([][]float64, len(dataset.TransactionColumns()))}}
	err := dataset.SimulateTransactionsTo(w, o)
	return w.Table, err
}

// tableWriter keeps the rows that are written.
type tableWriter struct{ dataset.Table }

func (w *tableWriter) WriteRow(row []float64) error {
	for c, v := range row {
		w.Data[c] = append(w.Data[c], v)
	}
	return nil
}

func (w *tableWriter) Close() error { return nil }
