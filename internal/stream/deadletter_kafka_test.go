package stream

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// poison sends records between good ones and answers their values by key.
func poison(t *testing.T, o Options, values map[string][]byte) {
	t.Helper()
	preload(t, o.Kafka, o.Topic, 0, 300)
	send(t, o, values)
	preload(t, o.Kafka, o.Topic, 300, 600)
}

// send sends records by key and value.
func send(t *testing.T, o Options, values map[string][]byte) {
	t.Helper()
	ctx := within(t, 30*time.Second)
	s, err := NewSender(ctx, SenderOptions{Kafka: o.Kafka, Topic: o.Topic})
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range values {
		if err := s.Send(ctx, []byte(key), value); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestWhatCannotBeScoredGoesToTheDeadLetters(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 2)
	values := map[string][]byte{
		"text":      []byte("hello"),
		"empty":     {},
		"tombstone": nil,
		"missing":   []byte(`{"Other":1}`),
		"panics":    []byte(`{"Amount":1,"note":"panic"}`),
		"forgotten": []byte(`{"Amount":1,"note":"forget"}`),
	}
	reasons := map[string]string{"text": "not_json", "empty": "empty", "tombstone": "tombstone", "missing": "missing_column",
		"panics": "panic", "forgotten": "no_result"}
	poison(t, o, values)
	r := start(t, o, &mischief{*engine(t, o.Topic, nil)})
	r.until(t, "all are dealt with", func(p Progress) bool { return p.Records == 606 })
	r.stop()
	if got := r.wait(t, 10*time.Second); got.err != nil || got.Predictions != 600 || got.DeadLetters != 6 || got.Aborts != 0 {
		t.Fatalf("ended with %+v", got)
	}
	wantOnce(t, o.Kafka, o.Output, 600)
	letters := contents(t, o.Kafka, o.DeadLetters)
	if len(letters) != len(values) {
		t.Fatalf("%d dead letters, want %d", len(letters), len(values))
	}
	inputs := map[string]Record{}
	for _, in := range contents(t, o.Kafka, o.Topic) {
		inputs[string(in.Key)] = in
	}
	for _, l := range letters {
		key := string(l.Key)
		if !bytes.Equal(l.Value, values[key]) || (l.Value == nil) != (values[key] == nil) {
			t.Errorf("%s: value %q was changed to %q", key, values[key], l.Value)
		}
		in := inputs[key]
		for name, want := range map[string]string{
			HeaderReason: reasons[key], HeaderTopic: o.Topic, HeaderPipeline: o.Pipeline,
			HeaderPartition: fmt.Sprint(in.Partition), HeaderOffset: fmt.Sprint(in.Offset),
			HeaderTimestamp: in.Timestamp.UTC().Format(stamp),
		} {
			if got, _ := l.Header(name); got != want {
				t.Errorf("%s: header %s is %q, want %q", key, name, got, want)
			}
		}
	}
}

func TestDeadLetterThatTheBrokerRefusesIsCutAndTheStreamGoesOn(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 1)
	o.DeadLetters += ".small"
	err := EnsureTopics(within(t, 20*time.Second), o.Kafka, TopicSpec{Name: o.DeadLetters, Config: map[string]string{"max.message.bytes": "30000"}})
	if err != nil {
		t.Fatal(err)
	}
	huge := bytes.Repeat([]byte("x"), 500_000)
	poison(t, o, map[string][]byte{"huge": huge, "small": []byte("hello")})
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "all are dealt with", func(p Progress) bool { return p.Records == 602 })
	r.stop()
	if got := r.wait(t, 10*time.Second); got.err != nil || got.DeadLetters != 2 {
		t.Fatalf("ended with %+v", got)
	}
	wantOnce(t, o.Kafka, o.Output, 600)
	letters := map[string]Record{}
	for _, l := range contents(t, o.Kafka, o.DeadLetters) {
		letters[string(l.Key)] = l
	}
	if cut, _ := letters["huge"].Header(HeaderTruncated); cut != "4/500000" || !bytes.HasPrefix(huge, letters["huge"].Value) || len(letters["huge"].Value) < 1000 {
		t.Errorf("huge record: truncated %q, %d bytes kept", cut, len(letters["huge"].Value))
	}
	if _, cut := letters["small"].Header(HeaderTruncated); cut || string(letters["small"].Value) != "hello" {
		t.Errorf("small record was changed to %q", letters["small"].Value)
	}
}

func TestLargestRecordsAreDeadLetteredWhole(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 1)
	o.Topic, o.DeadLetters = o.Topic+".large", o.DeadLetters+".large"
	config := map[string]string{"max.message.bytes": "20000000"}
	err := EnsureTopics(within(t, 20*time.Second), o.Kafka, TopicSpec{Name: o.Topic, Config: config}, TopicSpec{Name: o.DeadLetters, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	large := []byte(strings.Repeat("y", 15<<20))
	poison(t, o, map[string][]byte{"large": large})
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "all are dealt with", func(p Progress) bool { return p.Records == 601 })
	r.stop()
	if got := r.wait(t, 20*time.Second); got.err != nil || got.DeadLetters != 1 {
		t.Fatalf("ended with %+v", got)
	}
	if l := contents(t, o.Kafka, o.DeadLetters); len(l) != 1 || !bytes.Equal(l[0].Value, large) {
		t.Errorf("the large record did not arrive whole")
	}
}
