package ledger

import (
	"fmt"
	"math"
	"time"
)

// relay is what a ledger knows of the topic between two stages.
type relay struct {
	of         func(n int64) Payment
	partitions int
	places     []place  // of payments, where they were handed on first
	times      []uint8  // how often that was
	reported   []uint32 // of payments: the partitions that know it for a fraud, as bits
	told       int64    // labels of payments before this one were sent
	again      int64    // labels that stand in a partition more than once

	known  []aggregates // of payments: what the first stage knows
	prints []string     // of payments: the fingerprint of all features

	customers map[int64][]int64
	terminals map[int64][]taken
	homes     map[int64]int32    // of terminals: their partition
	reached   map[[2]int32]int64 // by partition of input and of the topic: the offset of the last payment
}

// mostPartitions is how many fit into the bits of relay.reported.
const mostPartitions = 32

func newRelay(sent int64, of func(n int64) Payment, partitions int) *relay {
	if partitions > mostPartitions {
		panic(fmt.Sprintf("a ledger of payments knows up to %d partitions, not %d", mostPartitions, partitions))
	}
	return &relay{
		of: of, partitions: partitions, places: make([]place, sent), times: make([]uint8, sent), reported: make([]uint32, sent),
		known: make([]aggregates, sent), prints: make([]string, sent),
		customers: map[int64][]int64{}, terminals: map[int64][]taken{}, homes: map[int64]int32{}, reached: map[[2]int32]int64{},
	}
}

// enter takes a payment of the input.
func (r *relay) enter(n int64) { r.known[n] = r.customer(n) }

// Reported tells that labels of payments 0 to n-1 were sent. Of the frauds among them every partition must hear.
func (l *Ledger) Reported(n int64) { l.relay.told = n }

// ReportedAgain is how many labels a partition heard of more than once. That is no offence: of a payment's labels a stage takes
// the first, so that all which could come of it are wrong features.
func (l *Ledger) ReportedAgain() int64 { return l.relay.again }

// Hand takes one record of the topic between the stages, as a reader of committed records sees it.
func (l *Ledger) Hand(partition int32, offset int64, value []byte) {
	h, err := decodeHanded(value)
	words := ""
	switch {
	case err != nil:
		words = err.Error()
	case h.n < 0 || h.n >= int64(len(l.times)):
		words = "this payment was never sent"
	case h.label:
		words = l.relay.report(partition, h)
	default:
		words = l.relay.hand(partition, offset, l.places[h.n], h)
	}
	if words != "" {
		l.offend(Offence{
			Kind: HandedOn, Message: h.n, Partition: h.partition, Offset: h.offset, OutputPartition: partition, OutputOffset: offset,
			Words: words + " (the output's place is that between the stages)",
		})
	}
}

// hand takes a payment, and says what is wrong with it.
func (r *relay) hand(partition int32, offset int64, from place, h handed) string {
	n := h.n
	if from != (place{true, h.partition, h.offset}) {
		return fmt.Sprintf("the payment stands at offset %d of partition %d", from.offset, from.partition)
	}
	if r.times[n] = min(r.times[n]+1, 254); r.times[n] > 1 {
		return fmt.Sprintf("handed on %d times", r.times[n])
	}
	r.places[n] = place{true, partition, offset}
	terminal := r.of(n).Terminal
	home, settled := r.homes[terminal]
	if !settled {
		r.homes[terminal] = partition
	}
	way := [2]int32{h.partition, partition}
	before, some := r.reached[way]
	r.reached[way] = h.offset
	r.prints[n] = r.print(n, r.terminal(partition, n))
	switch {
	case settled && home != partition:
		return fmt.Sprintf("payments of terminal %d were in partition %d before", terminal, home)
	case some && h.offset <= before:
		return fmt.Sprintf("after offset %d", before)
	case h.customer != r.known[n]:
		return fmt.Sprintf("with %v known of the customer, want %v", h.customer, r.known[n])
	}
	return ""
}

// report takes a label, and says what is wrong with it.
func (r *relay) report(partition int32, h handed) string {
	bit := uint32(1) << partition
	switch {
	case h.n >= r.told:
		return "a label that was not sent"
	case !h.fraud || !r.of(h.n).Fraud:
		return "a label of a payment that is no fraud"
	case r.reported[h.n]&bit != 0:
		r.again++
		return ""
	}
	r.reported[h.n] |= bit
	return ""
}

// neverHandedOn notes what should stand between the stages and does not.
func (l *Ledger) neverHandedOn() {
	r := l.relay
	for n := range int64(len(r.times)) {
		if r.times[n] == 0 {
			l.offend(l.without(HandedOn, n, "never handed on"))
		}
		if all := uint32(1)<<r.partitions - 1; n < r.told && r.of(n).Fraud && r.reported[n] != all {
			l.offend(l.without(HandedOn, n, fmt.Sprintf("its label is in partitions %b of %b, as bits", r.reported[n], all)))
		}
	}
}

// print is what a prediction of a payment must say of its features: FNV-1a over the bits of each as a float32, in hex.
func (r *relay) print(n int64, terminal aggregates) string {
	p := r.of(n)
	at := time.Unix(p.At, 0).UTC()
	weekend, night := 0., 0.
	if w := at.Weekday(); w == time.Saturday || w == time.Sunday {
		weekend = 1
	}
	if at.Hour() <= 6 {
		night = 1
	}
	hash := uint64(14695981039346656037)
	for _, some := range [][]float64{{float64(p.Cents) / 100, weekend, night}, r.known[n][:], terminal[:]} {
		for _, v := range some {
			hash = (hash ^ uint64(math.Float32bits(float32(v)))) * 1099511628211
		}
	}
	return fmt.Sprintf("%016x", hash)
}
