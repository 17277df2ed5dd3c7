package ledger

import "strconv"

// Payment is a card payment, as its sender knows it.
type Payment struct {
	At       int64 // unix seconds
	Customer int64
	Terminal int64
	Cents    int64
	Fraud    bool // the truth
}

// NewOfPayments is an empty ledger about payments 0 to sent-1, in the order of their time, and a stream of pipeline
// transactions. That has two stages: the first reads payments, keyed by customer, and hands them on, keyed by terminal, with
// what it knows of the customer; the second, which hears of frauds, too, knows of the terminal, and predicts. So beside what every
// ledger checks this one checks
//
//   - what is handed on: every payment once, in the order of the input, with the customer's features; every fraud that
//     was reported, in each partition;
//   - the 15 features of each prediction, computed from the payments by the words of the documentation, through their
//     fingerprint in it.
//
// The second stage's order is that of the topic between the two. In order:
//
//	l := ledger.NewOfPayments(sent, payment, partitions)
//	l.Place(n, partition, offset)                 // every record of the input
//	l.Reported(n)                                 // labels of payments 0 to n-1 were sent
//	l.Hand(partition, offset, value)              // every record of the topic between the stages
//	l.Models(...), l.Enter(...), l.Count()        // partitions and offsets of Models are those of that topic
func NewOfPayments(sent int64, of func(n int64) Payment, partitions int) *Ledger {
	customer := func(to []byte, n int64) []byte { return strconv.AppendInt(to, of(n).Customer, 10) }
	id := func(to []byte, n int64) []byte { return strconv.AppendInt(to, n, 10) }
	l := named(sent, customer, id)
	l.relay = newRelay(sent, of, partitions)
	return l
}

// The windows of the features, and the delay after which a fraud is known: pipelines/transactions.yaml.
const (
	day       = 24 * 3600
	delay     = 7 * day
	tolerance = day
)

var windows = [...]int64{1 * day, 7 * day, 30 * day}

// aggregates are two features over each of the windows.
type aggregates [2 * len(windows)]float64

// window is what lies in one: (end-length, end].
type window struct{ payments, sum int64 }

// gather counts a payment in the windows that have it. It answers false for one that no window reaches.
func gather(in *[len(windows)]window, end, at, value int64) bool {
	for i, length := range windows {
		if at > end-length && at <= end {
			in[i].payments++
			in[i].sum += value
		}
	}
	return at > end-windows[len(windows)-1]
}

// over makes features of the windows: how many payments, and a sum over their number.
func over(in *[len(windows)]window, scale float64) (out aggregates) {
	for i, w := range in {
		out[i] = float64(w.payments)
		if w.payments > 0 {
			out[len(windows)+i] = float64(w.sum) / (float64(w.payments) * scale)
		}
	}
	return out
}

// customer makes a payment history of its customer, and computes the features of that: how many payments are in each window
// that ends with it, and their mean amount. A customer's payments come in the order of their time.
func (r *relay) customer(n int64) aggregates {
	p := r.of(n)
	made := append(r.customers[p.Customer], n)
	r.customers[p.Customer] = made
	var in [len(windows)]window
	for i := len(made) - 1; i >= 0; i-- {
		if q := r.of(made[i]); !gather(&in, p.At, q.At, q.Cents) {
			break
		}
	}
	return over(&in, 100)
}

// taken is a payment at a terminal, and the time that it counts as.
type taken struct{ at, n int64 }

// terminal makes a payment history of its terminal, and computes the features of that: how many payments are in each window that
// ends the delay before it, and which share of them is known for fraud. Payments of other customers may come out of order. One
// that is late by more than the tolerance counts as if it were late by just that.
func (r *relay) terminal(partition int32, n int64) aggregates {
	p := r.of(n)
	at, all := p.At, r.terminals[p.Terminal]
	if len(all) > 0 {
		at = max(at, all[len(all)-1].at-tolerance)
	}
	i := len(all)
	for i > 0 && all[i-1].at > at {
		i--
	}
	all = append(all, taken{})
	copy(all[i+1:], all[i:])
	all[i] = taken{at, n}
	r.terminals[p.Terminal] = all
	var in [len(windows)]window
	for i--; i >= 0; i-- {
		fraud := int64(0)
		if r.reported[all[i].n]>>partition&1 == 1 {
			fraud = 1
		}
		if !gather(&in, at-delay, all[i].at, fraud) {
			break
		}
	}
	return over(&in, 1)
}
