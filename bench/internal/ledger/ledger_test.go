package ledger

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// key of message n: messages n and n+7 share one.
func key(to []byte, n int64) { copy(to, fmt.Sprintf("%036d", n%7)) }

func keyOf(n int64) []byte {
	k := make([]byte, KeySize)
	key(k, n)
	return k
}

// predict is what the stream would write of message n.
func predict(n, offset int64, version string) (k, value []byte) {
	k = keyOf(n)
	return k, fmt.Appendf(nil, `{"id":%q,"source_id":%d,"probability":0.5,"model":"m","model_version":%q,"partition":0,"offset":%d,"event_time":null,"scored_at":"2026-01-02T03:04:05.006Z"}`,
		k, n, version, offset)
}

// enter puts the prediction of message n, read at offset, at the end of the output.
func (l *Ledger) enter(n, offset int64, version string) {
	k, v := predict(n, offset, version)
	l.Enter(0, l.records, k, v)
}

func TestLedgerIsSatisfiedByEveryMessageOnce(t *testing.T) {
	l := New(100, key)
	l.KeepOrderWithinKeys()
	for n := range int64(100) {
		if err := l.Place(n, 0, n+5); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Models("1", []int32{0}, []Change{{2, "2", map[int32]int64{0: 50}}}); err != nil {
		t.Fatal(err)
	}
	for n := range int64(100) {
		version := "1"
		if n+5 >= 50 {
			version = "2"
		}
		l.enter(n, n+5, version)
	}
	if c := l.Count(); !c.Exact() || len(l.Offences()) > 0 || l.Records() != 100 || l.Unplaced() != 0 {
		t.Fatal(c, l.Offences(), l.Records(), l.Unplaced())
	}
}

func TestLedgerCountsWhatIsWrong(t *testing.T) {
	other := keyOf(5)
	for name, it := range map[string]struct {
		spoil func(*Ledger)
		want  Count
	}{
		"lost":         {func(l *Ledger) {}, Count{Sent: 3, Lost: 1}},
		"repeated":     {func(l *Ledger) { l.enter(2, 2, ""); l.enter(2, 3, ""); l.enter(2, 4, "") }, Count{Sent: 3, Repeated: 2}},
		"never sent":   {func(l *Ledger) { l.enter(2, 2, ""); l.enter(3, 3, "") }, Count{Sent: 3, Foreign: 1}},
		"another key":  {func(l *Ledger) { _, v := predict(2, 2, ""); l.Enter(0, 2, other, v) }, Count{Sent: 3, Lost: 1, Foreign: 1}},
		"not JSON":     {func(l *Ledger) { l.enter(2, 2, ""); l.Enter(0, 3, nil, []byte("{")) }, Count{Sent: 3, Malformed: 1}},
		"no offset":    {func(l *Ledger) { l.enter(2, 2, ""); l.Enter(0, 3, nil, []byte(`{"source_id":2}`)) }, Count{Sent: 3, Malformed: 1}},
		"out of order": {func(l *Ledger) { l.enter(2, 0, "") }, Count{Sent: 3, Reordered: 1}},
	} {
		l := New(3, key)
		l.enter(0, 0, "")
		l.enter(1, 1, "")
		it.spoil(l)
		if got := l.Count(); got != it.want || got.Exact() {
			t.Errorf("%s: %v, want %v", name, got, it.want)
		}
		if again := l.Count(); again != it.want || len(l.Offences()) == 0 {
			t.Errorf("%s: counted again: %v, offences %v", name, again, l.Offences())
		}
	}
}

func TestMessageOfAKeyBeforeAnEarlierOneIsOutOfOrder(t *testing.T) {
	l := New(8, key)
	l.KeepOrderWithinKeys()
	for offset, n := range []int64{1, 2, 3, 4, 5, 6, 7, 0} { // 0 and 7 share a key
		l.enter(n, int64(offset), "")
	}
	if c := l.Count(); c != (Count{Sent: 8, Reordered: 1}) {
		t.Fatal(c, l.Offences())
	}
}

func TestPredictionThatNamesAnotherPlaceIsForeign(t *testing.T) {
	l := New(1, key)
	if err := l.Place(0, 0, 7); err != nil {
		t.Fatal(err)
	}
	l.enter(0, 8, "")
	if c := l.Count(); c != (Count{Sent: 1, Lost: 1, Foreign: 1}) {
		t.Fatal(c)
	}
	if err := l.Place(0, 0, 9); err == nil {
		t.Error("a message stands in the input twice, and nobody says so")
	}
}

func TestEveryOffsetHasTheModelOfItsGeneration(t *testing.T) {
	changes := []Change{ // in any order; generation 4 found partition 0 where generation 3 had
		{4, "1", map[int32]int64{0: 20}},
		{3, "2", map[int32]int64{0: 20}},
		{2, "2", map[int32]int64{0: 10}},
		{5, "3", map[int32]int64{0: 30}},
	}
	want := func(offset int64) string {
		switch {
		case offset < 10:
			return "1"
		case offset < 20:
			return "2"
		case offset < 30:
			return "1"
		}
		return "3"
	}
	l := New(40, key)
	if err := l.Models("1", []int32{0}, changes); err != nil {
		t.Fatal(err)
	}
	for n := range int64(40) {
		l.enter(n, n, want(n))
	}
	if c := l.Count(); !c.Exact() {
		t.Fatal(c, l.Offences())
	}
	for _, edge := range []int64{9, 10, 19, 20, 29, 30} {
		l := New(40, key)
		if err := l.Models("1", []int32{0}, changes); err != nil {
			t.Fatal(err)
		}
		for n := range int64(40) {
			version := want(n)
			if n == edge {
				version = "9"
			}
			l.enter(n, n, version)
		}
		if c := l.Count(); c != (Count{Sent: 40, WrongModel: 1}) || l.Offences()[0].Offset != edge {
			t.Errorf("offset %d by another model: %v, %v", edge, c, l.Offences())
		}
	}
}

func TestReceiptsThatContradictEachOtherAreRefused(t *testing.T) {
	for name, changes := range map[string][]Change{
		"later generation, earlier offset": {{2, "2", map[int32]int64{0: 10}}, {3, "1", map[int32]int64{0: 9}}},
		"partition missing":                {{2, "2", map[int32]int64{1: 10}}},
	} {
		if err := New(1, key).Models("1", []int32{0}, changes); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestOnlyTheFirstOffencesOfAKindAreKept(t *testing.T) {
	l := New(1000, key)
	l.Enter(0, 0, nil, nil)
	if c := l.Count(); c.Lost != 1000 || c.Malformed != 1 || len(l.Offences()) != mostOffences+1 {
		t.Fatal(c, len(l.Offences()))
	}
}

func TestLedgerSharesNoCodeWithTheStream(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for dep := range strings.Lines(string(out)) {
		dep = strings.TrimSpace(dep)
		if strings.Contains(dep, ".") || strings.HasPrefix(dep, "temporal-streaming/") && dep != "temporal-streaming/bench/internal/ledger" {
			t.Errorf("the ledger depends on %s", dep)
		}
	}
}

func FuzzDecode(f *testing.F) {
	_, v := predict(3, 4, "2")
	f.Add(v)
	f.Add([]byte(`{"source_id":1.5}`))
	f.Add([]byte(`{"source_id":1,"partition":0,"offset":1,"scored_at":"x"}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		p, err := Decode(value)
		if err != nil && p != (Prediction{}) {
			t.Fatal("an error came with half a prediction")
		}
		if err != nil {
			return
		}
		again, err := json.Marshal(map[string]any{
			"id": p.ID, "source_id": p.SourceID, "model_version": p.ModelVersion, "partition": p.Partition, "offset": p.Offset,
			"event_time": p.EventTime, "scored_at": p.ScoredAt,
		})
		if err != nil {
			return // a year that JSON has no words for
		}
		q, err := Decode(again)
		if err != nil || !q.ScoredAt.Equal(p.ScoredAt) || !q.EventTime.Equal(p.EventTime) || q.Offset != p.Offset || q.SourceID != p.SourceID || q.Partition != p.Partition {
			t.Fatalf("%+v came back as %+v, %v", p, q, err)
		}
	})
}
