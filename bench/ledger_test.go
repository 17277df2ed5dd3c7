package main

import (
	"fmt"
	"testing"
)

// predict is what the stream would write of message n.
func predict(m *messages, n, offset int64) (key, value []byte) {
	key = make([]byte, 36)
	m.key(key, n)
	return key, fmt.Appendf(nil, `{"id":%q,"source_id":%d,"partition":0,"offset":%d,"scored_at":"2026-01-02T03:04:05.006Z"}`, key, n, offset)
}

func TestLedgerIsSatisfiedByEveryMessageOnce(t *testing.T) {
	m := testMessages(t, 1)
	l := newLedger(m, 100)
	for n := range int64(100) {
		l.enter(predict(m, n, n))
	}
	if c := l.count(); !c.exact() {
		t.Fatal(c)
	}
}

func TestLedgerCountsWhatIsWrong(t *testing.T) {
	m := testMessages(t, 1)
	other, _ := predict(m, 5, 0)
	for name, it := range map[string]struct {
		spoil func(*ledger)
		want  count
	}{
		"lost":         {func(l *ledger) {}, count{sent: 3, lost: 1}},
		"repeated":     {func(l *ledger) { l.enter(predict(m, 2, 2)); l.enter(predict(m, 2, 3)); l.enter(predict(m, 2, 4)) }, count{sent: 3, repeated: 2}},
		"never sent":   {func(l *ledger) { l.enter(predict(m, 2, 2)); l.enter(predict(m, 3, 3)) }, count{sent: 3, foreign: 1}},
		"another key":  {func(l *ledger) { _, v := predict(m, 2, 2); l.enter(other, v) }, count{sent: 3, lost: 1, foreign: 1}},
		"not JSON":     {func(l *ledger) { l.enter(predict(m, 2, 2)); l.enter(nil, []byte("{")) }, count{sent: 3, malformed: 1}},
		"out of order": {func(l *ledger) { l.enter(predict(m, 2, 0)) }, count{sent: 3, reordered: 1}},
	} {
		l := newLedger(m, 3)
		l.enter(predict(m, 0, 0))
		l.enter(predict(m, 1, 1))
		it.spoil(l)
		if got := l.count(); got != it.want || got.exact() {
			t.Errorf("%s: %v, want %v", name, got, it.want)
		}
	}
}
