package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/uuid"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/stream"
)

// fakeSender keeps what it was sent.
type fakeSender struct {
	keys, values []string
	onSend       func(n int) error
	failed       error
}

func (f *fakeSender) Send(ctx context.Context, key, value []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.keys, f.values = append(f.keys, string(key)), append(f.values, string(value))
	if f.onSend != nil {
		return f.onSend(len(f.keys))
	}
	return nil
}

func (f *fakeSender) Sent() stream.Sent { return stream.Sent{Delivered: int64(len(f.keys))} }
func (f *fakeSender) Close(context.Context) (stream.Sent, error) {
	return f.Sent(), f.failed
}

func sendingTo(t *testing.T, to *fakeSender, options *stream.SenderOptions) *bench {
	b := newBench(t)
	b.app.reach.kafka.send = func(_ context.Context, o stream.SenderOptions) (sender, error) {
		*options = o
		return to, nil
	}
	return b
}

// message is the seed's format.
type message struct {
	Columns []string    `json:"columns"`
	Data    [][]float64 `json:"data"`
	ID      int64       `json:"id"`
}

func TestSendProducesTheSeedsMessages(t *testing.T) {
	var to fakeSender
	var options stream.SenderOptions
	r := sendingTo(t, &to, &options).run(t.Context(), "send", "creditcard", smallCSV(t), "--rate", "5000", "--json")
	if r.code != exitOK || options.Topic != "hello-fraud" || options.Rate != 5000 {
		t.Fatalf("exit %d to %+v: %s", r.code, options, r.stderr)
	}
	if len(to.keys) != 200 {
		t.Fatalf("%d messages for 200 rows", len(to.keys))
	}
	for i, value := range to.values {
		var m message
		if err := json.Unmarshal([]byte(value), &m); err != nil {
			t.Fatalf("message %d is %s: %v", i, value, err)
		}
		if m.ID != int64(i) || len(m.Columns) != 29 || m.Columns[0] != "V1" || m.Columns[28] != "Amount" || len(m.Data) != 1 || len(m.Data[0]) != 29 {
			t.Fatalf("message %d is %s", i, value)
		}
		if id, err := uuid.Parse(to.keys[i]); err != nil || id.Version() != 4 {
			t.Fatalf("key %d is %q: %v", i, to.keys[i], err)
		}
	}
	var answer sendAnswer
	if err := json.Unmarshal([]byte(r.out), &answer); err != nil || answer.Acknowledged != 200 || answer.Interrupted {
		t.Errorf("standard output is %q: %v", r.out, err)
	}
}

func TestSendCountGoesRoundAndSeedsRepeatKeys(t *testing.T) {
	var first, second fakeSender
	var options stream.SenderOptions
	file := smallCSV(t)
	for _, to := range []*fakeSender{&first, &second} {
		if r := sendingTo(t, to, &options).run(t.Context(), "send", "creditcard", file, "--count", "450", "--seed", "9"); r.code != exitOK {
			t.Fatalf("exit %d: %s", r.code, r.stderr)
		}
	}
	if len(first.keys) != 450 || strings.Join(first.keys, "") != strings.Join(second.keys, "") {
		t.Errorf("%d keys, the same: %v", len(first.keys), strings.Join(first.keys, "") == strings.Join(second.keys, ""))
	}
	data := func(i int) string { return first.values[i][:strings.Index(first.values[i], `"id"`)] }
	if data(0) != data(200) || data(0) == data(1) || first.keys[0] == first.keys[200] {
		t.Error("message 200 should be row 0 again under a key of its own")
	}
}

func TestInterruptedSendTellsWhatWasAcknowledged(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	to := fakeSender{onSend: func(n int) error {
		if n == 50 {
			interrupt()
		}
		return nil
	}}
	var options stream.SenderOptions
	r := sendingTo(t, &to, &options).run(ctx, "send", "creditcard", smallCSV(t), "--loop")
	if r.code != exitDetached || !strings.Contains(r.out, "Interrupted after sending 50 messages to hello-fraud; 50 acknowledged") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.stderr)
	}
}

func TestFailedSendTellsWhatWasAcknowledged(t *testing.T) {
	to := fakeSender{failed: errors.New("message timed out")}
	var options stream.SenderOptions
	r := sendingTo(t, &to, &options).run(t.Context(), "send", "creditcard", smallCSV(t))
	if r.code != exitFailed || !strings.Contains(r.stderr, "message timed out; 200 of 200 messages were acknowledged") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestUnknownTopicSaysWhoMakesIt(t *testing.T) {
	b := newBench(t)
	b.app.reach.kafka.send = func(context.Context, stream.SenderOptions) (sender, error) {
		return nil, fmt.Errorf("hello-fraud: %w", stream.ErrUnknownTopic)
	}
	if r := b.run(t.Context(), "send", "creditcard", smallCSV(t)); r.code != exitFailed || !strings.Contains(r.stderr, "starter inference creditcard") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestMessagesRoundTripEveryFloat(t *testing.T) {
	values := []float64{0, math.Copysign(0, -1), 1, -1, 0.1, 1.0 / 3, 149.62, 1e21, -1e-7, 5e-324, math.MaxFloat64, math.Nextafter(1, 2), 123456789.123456789}
	table := dataset.Table{Columns: []dataset.Column{{Name: "V1"}}, Data: [][]float64{values}}
	m, err := newMessages(table, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range values {
		_, value := m.encode(i, int64(i))
		var got message
		if err := json.Unmarshal(value, &got); err != nil || math.Float64bits(got.Data[0][0]) != math.Float64bits(want) {
			t.Errorf("%v became %s: %v", want, value, err)
		}
	}
}

func TestEncodingAMessageAllocatesNothing(t *testing.T) {
	table, err := dataset.Simulate(dataset.SimulateOptions{Rows: 100, Seed: 1, FraudShare: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	m, err := newMessages(table, 1)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	one := func() { m.encode(i%100, int64(i)); i++ }
	for range 200 {
		one()
	}
	if n := testing.AllocsPerRun(1000, one); n > 0 {
		t.Errorf("%v allocations a message", n)
	}
}
