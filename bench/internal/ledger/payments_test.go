package ledger

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
)

// Five payments at two terminals, an hour apart but for the last, which is eight days later. Number 1 is a fraud. Terminal 0 is in
// partition 0 of the topic between the stages, terminal 1 in partition 1; the input has one partition.
func paymentOf(n int64) Payment {
	p := Payment{At: 1_700_000_000 + n*3600, Customer: 7, Terminal: n % 2, Cents: 100 * (n + 1), Fraud: n == 1}
	if n == 4 {
		p.At, p.Terminal = p.At+8*day, 1
	}
	return p
}

// town is a ledger to which a stream's outcome is told, in order, and how to spoil it.
type town struct {
	*Ledger
	at [2]int64
}

func newTown(t *testing.T) *town {
	l := NewOfPayments(5, paymentOf, 2)
	for n := range int64(5) {
		if err := l.Place(n, 0, n); err != nil {
			t.Fatal(err)
		}
	}
	l.Reported(5)
	if err := l.Models("1", []int32{0, 1}, []Change{{2, "2", map[int32]int64{0: 2, 1: 9}}}); err != nil {
		t.Fatal(err)
	}
	return &town{Ledger: l}
}

func (w *town) write(p int32, value []byte) { w.Hand(p, w.at[p], value); w.at[p]++ }

func (w *town) pay(n int64) { w.write(int32(paymentOf(n).Terminal), message(n, n, w.relay.known[n])) }

func (w *town) label(n int64, partitions ...int32) {
	for _, p := range partitions {
		b := append([]byte{0xF7, 1, 2}, make([]byte, 8)...)
		w.write(p, binary.AppendVarint(append(binary.LittleEndian.AppendUint64(b, uint64(n)), 1), 0))
	}
}

func (w *town) predict(n int64, version, features string) {
	w.Enter(int32(paymentOf(n).Terminal), w.records, []byte("7"), fmt.Appendf(nil,
		`{"id":"%d","source_id":%d,"model_version":%q,"partition":0,"offset":%d,"features":%q,"scored_at":"2026-01-02T03:04:05.006Z"}`, n, n, version, n, features))
}

func message(n, offset int64, known aggregates) []byte {
	b := append([]byte{0xF7, 1, 1}, make([]byte, 8)...)
	for _, v := range []int64{0, offset, 0, 0, 1} {
		b = binary.AppendVarint(b, v)
	}
	id := fmt.Append(nil, n)
	b = append(binary.AppendUvarint(append(b, 0), uint64(len(id))+1), id...)
	for _, v := range known {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

// versions of payments by their place between the stages: 0 and 2 are at 0 and 2 of partition 0 behind a label, 1, 3, 4 in partition 1.
func versionOf(n int64) string {
	if n == 2 {
		return "2"
	}
	return "1"
}

func TestLedgerOfPaymentsIsSatisfiedByWhatShouldBe(t *testing.T) {
	w := newTown(t)
	w.pay(0)
	w.label(1, 0, 1) // before its payment
	for _, n := range []int64{1, 2, 3, 4} {
		w.pay(n)
	}
	for n := range int64(5) {
		w.predict(n, versionOf(n), w.relay.prints[n])
	}
	w.label(1, 0) // of which the stage takes the first
	if c := w.Count(); !c.Exact() || w.ReportedAgain() != 1 {
		t.Fatal(c, w.Offences(), w.ReportedAgain())
	}
	// What terminal 1 is known for by number 4: two payments seven days before and earlier, one of them a fraud.
	if got, want := w.relay.known[4], (aggregates{1, 1, 5, 5, 5, 3}); got != want {
		t.Errorf("of the customer %v is known, want %v", got, want)
	}
	again := newRelay(5, paymentOf, 2)
	again.reported[1] = 0b10
	again.terminal(1, 1)
	again.terminal(1, 3)
	if got, want := again.terminal(1, 4), (aggregates{0, 2, 2, 0, .5, .5}); got != want {
		t.Errorf("of the terminal %v is known, want %v", got, want)
	}
}

func TestLedgerOfPaymentsCountsWhatIsWrong(t *testing.T) {
	type spoil = func(w *town)
	for name, it := range map[string]struct {
		hand, predict spoil
		want          Count
		words         string
	}{
		"handed on twice":     {func(w *town) { w.pay(4) }, nil, Count{HandedOn: 1}, "2 times"},
		"never handed on":     {func(w *town) { w.relay.times[4], w.relay.places[4].known = 0, false }, nil, Count{HandedOn: 1}, "never"},
		"of nobody":           {func(w *town) { w.write(0, message(9, 9, aggregates{})) }, nil, Count{HandedOn: 1}, "never sent"},
		"of another place":    {func(w *town) { w.write(0, message(2, 7, aggregates{})) }, nil, Count{HandedOn: 1}, "stands at offset 2"},
		"no message":          {func(w *town) { w.write(0, []byte("{}")) }, nil, Count{HandedOn: 1}, "no message"},
		"torn":                {func(w *town) { w.write(0, message(2, 2, aggregates{})[:20]) }, nil, Count{HandedOn: 1}, "no message"},
		"a label of no fraud": {func(w *town) { w.label(2, 0) }, nil, Count{HandedOn: 1}, "no fraud"},
		"a label not sent":    {func(w *town) { w.Reported(1); w.label(1, 0) }, nil, Count{HandedOn: 1}, "not sent"},
		"a label missing":     {func(w *town) { w.relay.reported[1] = 1 }, nil, Count{HandedOn: 1}, "partitions 1 of 11"},
		"other features":      {nil, func(w *town) { w.predict(4, "1", "00") }, Count{WrongFeatures: 1}, "features 00, want"},
		"no features":         {nil, func(w *town) { w.predict(4, "1", "") }, Count{WrongFeatures: 1}, "features , want"},
		"another model":       {nil, func(w *town) { w.predict(4, "2", w.relay.prints[4]) }, Count{WrongModel: 1}, "version 2, want 1"},
		"lost":                {nil, func(w *town) {}, Count{Lost: 1}, "lost"},
		"repeated": {nil, func(w *town) { w.predict(4, "1", w.relay.prints[4]); w.predict(4, "1", w.relay.prints[4]) },
			Count{Repeated: 1, Reordered: 1}, "2 times"},
		"out of order": {nil, func(w *town) {
			w.reached[1] = 5
			w.predict(4, "1", w.relay.prints[4])
		}, Count{Reordered: 1}, "after offset 5"},
	} {
		w := newTown(t)
		w.label(1, 0, 1)
		for n := range int64(5) {
			w.pay(n)
		}
		if it.hand != nil {
			it.hand(w)
		}
		for n := range int64(4) {
			w.predict(n, versionOf(n), w.relay.prints[n])
		}
		if it.predict == nil {
			w.predict(4, "1", w.relay.prints[4])
		} else {
			it.predict(w)
		}
		it.want.Sent = 5
		got := w.Count()
		if got != it.want || got.Exact() || !strings.Contains(fmt.Sprint(w.Offences()), it.words) {
			t.Errorf("%s: %v, want %v: %v", name, got, it.want, w.Offences())
		}
	}
}

func TestHandedOnOutOfOrderOrToAnotherPartitionIsWrong(t *testing.T) {
	w := newTown(t)
	w.label(1, 0, 1)
	w.pay(2)
	w.pay(0)
	if o := fmt.Sprint(w.Offences()); !strings.Contains(o, "after offset 2") {
		t.Error(o)
	}
	w.write(1, message(4, 4, w.relay.known[4]))
	w.write(0, message(3, 3, w.relay.known[3])) // of the same terminal
	if o := fmt.Sprint(w.Offences()); !strings.Contains(o, "terminal 1 were in partition 1 before") {
		t.Error(o)
	}
	w = newTown(t)
	spoilt := w.relay.known[1]
	spoilt[0]++
	w.write(1, message(1, 1, spoilt))
	if o := fmt.Sprint(w.Offences()); !strings.Contains(o, "known of the customer, want") {
		t.Error(o)
	}
}

func TestPaymentThatIsTooLateCountsAsLateByTheTolerance(t *testing.T) {
	times := []int64{100 * day, 92 * day, 92*day + 5, 107 * day} // the second and third count as if 99 days
	r := newRelay(4, func(n int64) Payment { return Payment{At: times[n], Terminal: 1, Fraud: true} }, 1)
	r.reported = []uint32{0, 1, 0, 0}
	for n := range int64(3) {
		r.terminal(0, n)
	}
	// From 99 to 100 days: all three, of which those at 99 are on the edge of the shortest window, and outside.
	if got, want := r.terminal(0, 3), (aggregates{1, 3, 3, 0, 1. / 3, 1. / 3}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func FuzzDecodeHanded(f *testing.F) {
	f.Add(message(3, 4, aggregates{1, 2, 3, 4, 5, 6}))
	f.Add([]byte{0xF7, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeHanded(b)
		if err != nil && (h.label || h.n != -1) {
			t.Fatal("an error came with half a message")
		}
	})
}
