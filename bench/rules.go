package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"temporal-streaming/internal/dataset"
)

// rules judge payments by how the handbook's frauds are simulated (chapter 3, "Transaction data simulator"), of which a model is told
// nothing: an amount above 220 is one; two of 10,000 terminals a day are compromised, and all that happens there for 28 days is
// one; three of 5,000 cards a day are stolen, and for 14 days a third of their payments is one, of five times an amount of mean m and
// deviation m/2. What they say of the coming payment from amounts and known labels is the probability of a fraud as nearly as can be
// told. So no model can be expected to rank payments better, and what one reaches above it on the same weeks is luck.
//
// Nothing looks at a label younger than the delay, nor at a payment that is yet to come.
type rules struct {
	delay float64 // seconds

	time, amount []float64
	fraud        []bool

	// What is said of each payment as it comes, and needed again once its label is known.
	usual []float64 // mean of the card's amounts before it, frauds left out as far as they are known
	fifth []float64 // probability that it is five times an amount
	bad   []float64 // probability that its terminal is compromised, by the labels of all payments there before it

	cards     map[float64]*ruledCard
	terminals map[float64]*ruledTerminal
}

const (
	secondsOfDay     = 86_400
	certainAmount    = 220
	stolenShare      = 1.0 / 3
	stolenFactor     = 5
	cardDays         = 14
	terminalDays     = 28
	stolenADay       = 3.0 / 5_000
	compromisedADay  = 2.0 / 10_000
	meanOfMeans      = 52.5 // of the cards' means, uniform from 5 to 100: what is expected of a card without payments
	smallProbability = 1e-9 // the means of cards are estimates: nothing is impossible
	smallDensity     = 1e-7
)

// fraudsByRules are the probabilities of the payments of a table in order of time.
func fraudsByRules(table dataset.Table, delay time.Duration) ([]float64, error) {
	column := func(name string) []float64 {
		values, _ := table.Column(name)
		return values
	}
	n := table.Len()
	r := rules{
		delay: delay.Seconds(), time: column("TX_DATETIME"), amount: column("TX_AMOUNT"), fraud: make([]bool, n),
		usual: make([]float64, n), fifth: make([]float64, n), bad: make([]float64, n),
		cards: map[float64]*ruledCard{}, terminals: map[float64]*ruledTerminal{},
	}
	card, terminal, fraud := column("CUSTOMER_ID"), column("TERMINAL_ID"), column("TX_FRAUD")
	if r.time == nil || r.amount == nil || card == nil || terminal == nil || fraud == nil || !slices.IsSorted(r.time) {
		return nil, fmt.Errorf("the handbook's rules: %w: want its columns, in order of time", dataset.ErrSchema)
	}
	probability := make([]float64, n)
	for i := range probability {
		c, t := r.card(card[i]), r.terminal(terminal[i])
		r.usual[i] = c.sum / c.weight
		r.fifth[i] = r.stolen(c, i)
		r.bad[i] = r.compromised(&t.soon, t.payments, i, 0)
		known := r.compromised(&t.late, t.payments, i, r.delay)
		probability[i] = 1 - (1-known)*(1-r.fifth[i])
		if r.amount[i] > certainAmount {
			probability[i] = 1
		}
		c.sum, c.weight = c.sum+(1-r.fifth[i])*r.amount[i], c.weight+1-r.fifth[i]
		c.payments, t.payments = append(c.payments, i), append(t.payments, i)
		r.fraud[i] = fraud[i] == 1
	}
	return probability, nil
}

// ruledCard is what is known of a card: its labelled payments lie in the belief.
type ruledCard struct {
	payments    []int
	known       filter
	sum, weight float64 // of its own amounts
}

func (r *rules) card(id float64) *ruledCard {
	if r.cards[id] == nil {
		r.cards[id] = &ruledCard{known: newFilter(cardDays, stolenADay, r.day(0)), sum: meanOfMeans, weight: 1}
	}
	return r.cards[id]
}

// ruledTerminal is what is known of a terminal once labels are, and what will be known of it by then.
type ruledTerminal struct {
	payments   []int
	late, soon filter
}

func (r *rules) terminal(id float64) *ruledTerminal {
	if r.terminals[id] == nil {
		r.terminals[id] = &ruledTerminal{late: newFilter(terminalDays, compromisedADay, r.day(0)), soon: newFilter(terminalDays, compromisedADay, r.day(0))}
	}
	return r.terminals[id]
}

func (r *rules) day(payment int) int { return int(r.time[payment]) / secondsOfDay }

// stolen is the probability that a payment is five times an amount. Payments of the card whose labels are not known yet count by
// their amounts.
func (r *rules) stolen(c *ruledCard, payment int) float64 {
	for ; c.known.seen < len(c.payments) && r.time[c.payments[c.known.seen]] <= r.time[payment]-r.delay; c.known.seen++ {
		i := c.payments[c.known.seen]
		c.known.until(r.day(i))
		plain, times := r.densities(i)
		own := (1 - stolenShare) * plain
		switch {
		case r.amount[i] > certainAmount: // the label says no more than the amount
			c.known.weigh(plain, own+stolenShare*times)
		case r.fraud[i]:
			c.known.weigh(r.bad[i]*plain+smallProbability, r.bad[i]*(own+stolenShare*times)+(1-r.bad[i])*stolenShare*times+smallProbability)
		default:
			c.known.weigh((1-r.bad[i])*plain+smallProbability, (1-r.bad[i])*own+smallProbability)
		}
	}
	now := c.known.clone()
	for _, i := range c.payments[c.known.seen:] {
		now.until(r.day(i))
		plain, times := r.densities(i)
		now.weigh(plain, (1-stolenShare)*plain+stolenShare*times)
	}
	now.until(r.day(payment))
	plain, times := r.densities(payment)
	bad := now.bad()
	return bad * stolenShare * times / (bad*((1-stolenShare)*plain+stolenShare*times) + (1-bad)*plain)
}

// compromised is the probability that the terminal of a payment is compromised, by labels older than a delay.
func (r *rules) compromised(f *filter, payments []int, payment int, delay float64) float64 {
	for ; f.seen < len(payments) && r.time[payments[f.seen]] <= r.time[payment]-delay; f.seen++ {
		i := payments[f.seen]
		f.until(r.day(i))
		switch {
		case r.amount[i] > certainAmount: // a fraud wherever it is
		case r.fraud[i]:
			f.weigh(r.fifth[i]+smallProbability, 1)
		default:
			f.weigh(1-r.fifth[i], smallProbability)
		}
	}
	now := f.clone()
	now.until(r.day(payment))
	return now.bad()
}

// densities are those of a payment's amount if it is the card's own, and if it is five times that.
func (r *rules) densities(payment int) (plain, times float64) {
	own := func(amount float64) float64 {
		mean := r.usual[payment]
		z := (amount - mean) / (mean / 2)
		d := math.Exp(-z*z/2) / (mean / 2 * math.Sqrt(2*math.Pi))
		if amount < 2*mean {
			d += 0.02275 / (2 * mean) // those that were below 0 are drawn again
		}
		return d
	}
	return own(r.amount[payment]) + smallDensity, own(r.amount[payment]/stolenFactor)/stolenFactor + smallDensity
}

// filter is the distribution of the days that a card or terminal stays bad, today's included; at 0 it is sound. (The forward
// algorithm of hidden Markov models.)
type filter struct {
	left    []float64
	perDay  float64 // probability of turning bad
	day     int
	seen    int // of the payments, those whose labels are in it
	scratch []float64
}

func newFilter(days int, perDay float64, first int) filter {
	f := filter{left: make([]float64, days+1), perDay: perDay, day: first - 1}
	f.left[0] = 1
	return f
}

// clone is f without its memory of payments; what becomes of it does not touch f.
func (f *filter) clone() filter {
	f.scratch = append(f.scratch[:0], f.left...)
	return filter{left: f.scratch, perDay: f.perDay, day: f.day}
}

func (f *filter) until(day int) {
	last := len(f.left) - 1
	for ; f.day < day; f.day++ {
		f.left[0] = (f.left[0] + f.left[1]) * (1 - f.perDay)
		for days := 1; days < last; days++ {
			f.left[days] = f.left[days+1] * (1 - f.perDay)
		}
		f.left[last] = f.perDay
	}
}

// weigh takes in what was seen, with its probability for one that is sound and for one that is bad.
func (f *filter) weigh(sound, bad float64) {
	sum := 0.0
	for days := range f.left {
		if days == 0 {
			f.left[0] *= sound
		} else {
			f.left[days] *= bad
		}
		sum += f.left[days]
	}
	for days := range f.left {
		f.left[days] /= sum
	}
}

func (f *filter) bad() float64 { return 1 - f.left[0] }
