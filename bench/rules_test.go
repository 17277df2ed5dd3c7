package main

import (
	"bytes"
	"math"
	"testing"
	"time"

	"temporal-streaming/internal/dataset"
)

const ruledDelay = 7 * 24 * time.Hour

// simulatedPayments are those of a small world that follows the handbook's rules.
func simulatedPayments(t *testing.T, rows, customers int) dataset.Table {
	t.Helper()
	var file bytes.Buffer
	w, err := dataset.NewParquetWriter(&file, dataset.TransactionColumns())
	if err != nil {
		t.Fatal(err)
	}
	if err := dataset.SimulateTransactionsTo(w, dataset.TransactionOptions{Rows: rows, Customers: customers, Seed: 5}); err != nil {
		t.Fatal(err)
	}
	table, err := dataset.ReadParquet(bytes.NewReader(file.Bytes()), int64(file.Len()), dataset.TransactionColumns(), dataset.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func judgedByRules(t *testing.T, table dataset.Table) []float64 {
	t.Helper()
	p, err := fraudsByRules(table, ruledDelay)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheRulesExpectAsManyFraudsAsThereAre(t *testing.T) {
	table := simulatedPayments(t, 300_000, 1_000)
	p := judgedByRules(t, table)
	fraud, _ := table.Column("TX_FRAUD")
	bands := []struct {
		low, high float64
		within    float64 // share of what is expected
		expected  float64
		frauds    float64
	}{{low: 0, high: 0.01, within: 0.25}, {low: 0.01, high: 0.5, within: 0.25}, {low: 0.5, high: 1.01, within: 0.02}}
	for i := range p {
		if i < len(p)/3 { // what is usual for a card is to be learned first
			continue
		}
		for b := range bands {
			if p[i] >= bands[b].low && p[i] < bands[b].high {
				bands[b].expected, bands[b].frauds = bands[b].expected+p[i], bands[b].frauds+fraud[i]
			}
		}
	}
	for _, b := range bands {
		if b.frauds < 30 || math.Abs(b.expected-b.frauds) > b.within*b.expected {
			t.Errorf("of payments that are frauds with a probability of %v to %v there are %.0f, and %.1f are expected", b.low, b.high, b.frauds, b.expected)
		}
	}
}

func TestTheRulesLookAtNothingThatIsNotKnownYet(t *testing.T) {
	table := simulatedPayments(t, 30_000, 170)
	before := judgedByRules(t, table)
	at, _ := table.Column("TX_DATETIME")
	amount, _ := table.Column("TX_AMOUNT")
	fraud, _ := table.Column("TX_FRAUD")
	judged := 20_000
	changed := 0
	for i := range fraud {
		if at[i] > at[judged]-ruledDelay.Seconds() {
			fraud[i] = 1 - fraud[i]
			changed++
		}
		if i > judged {
			amount[i] *= 7
		}
	}
	after := judgedByRules(t, table)
	for i := range judged + 1 {
		if before[i] != after[i] {
			t.Fatalf("payment %d: %v became %v by labels that were not known and payments yet to come", i, before[i], after[i])
		}
	}
	if changed < 1_000 {
		t.Fatalf("only %d labels changed", changed)
	}
	if last := len(after) - 1; before[last] == after[last] {
		t.Error("known labels change nothing either")
	}
}

// payment is one of a card at a day's midnight.
type payment struct {
	day      float64
	terminal float64
	amount   float64
	fraud    float64
}

func ruled(t *testing.T, payments []payment) []float64 {
	t.Helper()
	table := dataset.Table{Columns: dataset.TransactionColumns(), Data: make([][]float64, 6)}
	for i, p := range payments {
		for c, v := range []float64{float64(i), 1_522_540_800 + 86_400*p.day, 1, p.terminal, p.amount, p.fraud} {
			table.Data[c] = append(table.Data[c], v)
		}
	}
	return judgedByRules(t, table)
}

// usualDays are a card's ordinary payments, each at a terminal of its own.
func usualDays(days int) (usual []payment) {
	for day := range days {
		usual = append(usual, payment{day: float64(day), terminal: 1_000 + float64(day), amount: 20 + float64(day%7)})
	}
	return usual
}

func TestATerminalIsSuspectedOnceAFraudIsKnownAndForFourWeeks(t *testing.T) {
	for _, c := range []struct {
		name      string
		since     float64 // days since a fraud of a usual amount there
		low, high float64
	}{
		{"not known yet", 6.5, 0, 0.01},
		{"known", 8.5, 0.5, 1},
		{"nearly over", 27.5, 0.01, 0.5},
		{"over", 28.5, 0, 0.01},
	} {
		p := ruled(t, append(usualDays(40), payment{40, 7, 22, 1}, payment{40 + c.since, 7, 22, 0}))
		if got := p[len(p)-1]; got < c.low || got > c.high {
			t.Errorf("%s: a payment there is a fraud with probability %.4f, want %v to %v", c.name, got, c.low, c.high)
		}
	}
}

func TestACardIsSuspectedForAmountsFiveTimesItsOwn(t *testing.T) {
	usual := usualDays(40)
	last := func(more ...payment) float64 {
		p := ruled(t, append(append([]payment(nil), usual...), more...))
		return p[len(p)-1]
	}
	once := last(payment{40, 1, 115, 0})
	doubtful := last(payment{40, 1, 55, 0})
	again := last(payment{40, 1, 115, 1}, payment{41, 2, 55, 0})
	later := last(payment{40, 1, 115, 1}, payment{56, 2, 55, 0})
	if once < 0.9 {
		t.Errorf("five times the usual amount is a fraud with probability %.3f", once)
	}
	if again < 10*doubtful || later > 3*doubtful { // no payment in these weeks spoke against it
		t.Errorf("a doubtful amount is a fraud with probability %.4f, a day after five times the usual %.4f, and two weeks later %.4f", doubtful, again, later)
	}
	if p := last(payment{40, 1, 220.01, 0}); p != 1 {
		t.Errorf("an amount above 220 is a fraud with probability %v", p)
	}
}
