package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/stream"
)

// sentTo runs send and returns what came to each topic, and to both in order.
func sentTo(t *testing.T, args ...string) (r result, records, labels *fakeSender, order []string) {
	t.Helper()
	records, labels = &fakeSender{}, &fakeSender{}
	records.onSend = func(n int) error { order = append(order, "record "+records.keys[n-1]); return nil }
	labels.onSend = func(n int) error { order = append(order, "label "+labels.keys[n-1]); return nil }
	b := newBench(t)
	b.app.now = time.Now // a pace is kept by the clock
	b.app.reach.kafka.send = func(_ context.Context, o stream.SenderOptions) (sender, error) {
		if o.Topic == "transactions.labels" {
			return labels, nil
		}
		return records, nil
	}
	return b.run(t.Context(), args...), records, labels, order
}

// fivePayments are five transactions, of which the file has the third before the second.
func fivePayments(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "payments.csv")
	if err := os.WriteFile(path, []byte(`TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD
1,2018-04-01 00:00:00,1000001,20,57.16,0
3,2018-04-03 00:00:00,7,20,146.00,1
2,2018-04-02 00:00:00,9,21,0.1,0
4,2018-04-08 12:00:00,7,20,3,0
5,2018-04-12 00:00:00,9,21,4.05,0
`), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSendReplaysHistoryWithItsLabels(t *testing.T) {
	r, records, labels, order := sentTo(t, "send", "transactions", fivePayments(t), "--labels-after", "5d", "--json")
	if r.code != exitOK {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	want := []string{"record 1000001", "record 9", "record 7", "label 1", "label 2", "label 3", "record 7", "record 9"}
	if !slices.Equal(order, want) {
		t.Errorf("sent %q, want %q", order, want)
	}
	if got, want := records.values[0], `{"columns":["TRANSACTION_ID","TX_DATETIME","CUSTOMER_ID","TERMINAL_ID","TX_AMOUNT"],"data":[[1,1522540800,1000001,20,57.16]],"id":1}`; got != want {
		t.Errorf("a record is\n%s, want\n%s", got, want)
	}
	if got, want := labels.values[2], `{"TRANSACTION_ID":3,"TX_FRAUD":1,"known_at":1523145600}`; got != want {
		t.Errorf("a label is\n%s, want\n%s", got, want)
	}
	var answer sendAnswer
	if err := json.Unmarshal([]byte(r.out), &answer); err != nil || answer.Acknowledged != 5 || answer.Labels == nil || answer.Labels.Acknowledged != 3 {
		t.Errorf("standard output is %s: %v", r.out, err)
	}
}

func TestLabelsArriveHalfWayThroughTheirDelay(t *testing.T) {
	_, _, labels, _ := sentTo(t, "send", "transactions", fivePayments(t), "--to", "2018-04-09")
	if len(labels.values) != 3 || !strings.HasSuffix(labels.values[0], `"known_at":1522843200}`) {
		t.Errorf("labels %q", labels.values)
	}
}

func TestSendOfASpanHasTheLabelsThatBecomeKnownInIt(t *testing.T) {
	r, records, labels, _ := sentTo(t, "send", "transactions", fivePayments(t), "--from", "2018-04-08", "--to", "2018-04-13", "--labels-after", "7d")
	if r.code != exitOK || len(records.keys) != 2 || !slices.Equal(labels.keys, []string{"2", "3"}) {
		t.Errorf("exit %d: records of %q, labels of %q: %s", r.code, records.keys, labels.keys, r.stderr)
	}
	if r, records, labels, _ = sentTo(t, "send", "transactions", fivePayments(t), "--labels=false", "--count", "2"); len(records.keys) != 2 || len(labels.keys) != 0 {
		t.Errorf("records of %q, labels of %q: %s", records.keys, labels.keys, r.stderr)
	}
}

func TestSendPacesByEventTime(t *testing.T) {
	r, records, _, _ := sentTo(t, "send", "transactions", fivePayments(t), "--speed", "10000000x", "--json")
	var answer sendAnswer
	// Eleven days, ten million times faster, take 0.095 s.
	if err := json.Unmarshal([]byte(r.out), &answer); err != nil || r.code != exitOK || len(records.keys) != 5 || answer.Seconds < 0.09 {
		t.Errorf("exit %d after %v s: %v %s", r.code, answer.Seconds, err, r.stderr)
	}
}

func TestSendSaysWhatCannotBeSentInEventTime(t *testing.T) {
	for want, args := range map[string][]string{
		"is none":         {"transactions", fivePayments(t), "--speed", "fast"},
		"is no time":      {"transactions", fivePayments(t), "--from", "july"},
		"contradict":      {"transactions", fivePayments(t), "--speed", "2x", "--rate", "5"},
		"no record lies":  {"transactions", fivePayments(t), "--from", "2019-01-01"},
		"over and over":   {"transactions", fivePayments(t), "--loop"},
		"has none or no":  {"creditcard", smallCSV(t), "--from", "2018-04-01"},
		"--labels-after ": {"transactions", fivePayments(t), "--labels-after", "week"},
	} {
		if r, _, _, _ := sentTo(t, append([]string{"send"}, args...)...); r.code == exitOK || !strings.Contains(r.stderr, want) {
			t.Errorf("%v: exit %d: %s", args, r.code, r.stderr)
		}
	}
}
