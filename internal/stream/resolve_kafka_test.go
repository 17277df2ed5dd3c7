package stream

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func TestDeadLetterIsListedFixedRetriedAndScoredOnce(t *testing.T) {
	t.Parallel()
	o := dying(t, 2, map[string][]byte{"text": []byte("hello"), "missing": []byte(`{"Other":1}`), "tombstone": nil})
	d := book(t, o)
	if len(d.Cases()) != 3 || d.Foreign != 0 {
		t.Fatalf("%d cases, %d foreign", len(d.Cases()), d.Foreign)
	}
	letter := of(t, d, "missing").Letter()
	whole, err := ReadLetter(within(t, 10*time.Second), o.Kafka, o.DeadLetters, letter.At, 10*time.Second)
	if err != nil || string(whole.Value) != `{"Other":1}` || letter.Reason != "missing_column" || letter.ValueBytes != len(whole.Value) {
		t.Fatalf("%+v, %q, %v", letter, whole.Value, err)
	}

	first := resolveOne(t, resolver(o), Retry, letter.At, always)
	if first.Err != nil || first.Resolution.Retried == nil || !first.Resolution.Retried.Fixed {
		t.Fatalf("got %+v", first)
	}
	before, after := copies(t, o, "missing")[0], copies(t, o, "missing")[1]
	if at := first.Resolution.Retried.At; after.Partition != before.Partition || at != (Place{after.Partition, after.Offset}) || !after.Timestamp.Equal(before.Timestamp) || string(after.Value) != `{"Amount":9.5}` {
		t.Errorf("retried at %v: %+v, before it was %+v", at, after, before)
	}
	if of, _ := after.Header(HeaderRetryOf); of != o.DeadLetters+"/"+letter.At.String() {
		t.Errorf("the new record says that it is of %q", of)
	}

	second := resolveOne(t, resolver(o), Retry, letter.At, always)
	if !errors.Is(second.Err, ErrResolved) || second.Resolution == nil || second.Resolution.Retried.At != first.Resolution.Retried.At || second.Resolution.By != "ann" {
		t.Errorf("a second retry: %+v", second)
	}
	dropped := resolveOne(t, resolver(o), Drop, of(t, d, "text").Letter().At, nil)
	if dropped.Err != nil || dropped.Resolution.Action != Drop {
		t.Errorf("a drop: %+v", dropped)
	}
	if again := resolveOne(t, resolver(o), Retry, of(t, d, "text").Letter().At, nil); !errors.Is(again.Err, ErrResolved) {
		t.Errorf("a retry after a drop: %+v", again)
	}

	d = book(t, o)
	trace, err := d.Follow(within(t, 10*time.Second), o.Kafka, GroupID(o.Pipeline), o.Output, *of(t, d, "missing").Resolution)
	if err != nil || !trace.Waiting(*first.Resolution.Retried) {
		t.Errorf("before the loop runs: %+v, %v", trace, err)
	}
	drain(t, o, 1)
	trace, err = d.Follow(within(t, 10*time.Second), o.Kafka, GroupID(o.Pipeline), o.Output, *of(t, d, "missing").Resolution)
	if err != nil || len(trace.Predictions) != 1 || trace.Predictions[0].ID != "missing" || trace.Again != nil {
		t.Errorf("after it was scored: %+v, %v", trace, err)
	}
	if n := len(copies(t, o, "missing")); n != 2 {
		t.Errorf("%d copies in the input", n)
	}
}

func TestRetriedRecordThatDiesAgainIsLinkedToItsLetter(t *testing.T) {
	t.Parallel()
	o := dying(t, 2, map[string][]byte{"text": []byte("hello")})
	first := resolveOne(t, resolver(o), Retry, of(t, book(t, o), "text").Letter().At, nil)
	if first.Err != nil || first.Resolution.Retried.Fixed {
		t.Fatalf("got %+v", first)
	}
	drain(t, o, 1)
	d := book(t, o)
	c := of(t, d, "text")
	trace, err := d.Follow(within(t, 10*time.Second), o.Kafka, GroupID(o.Pipeline), o.Output, *c.Resolution)
	if err != nil || trace.Again == nil || trace.Again.Reason != "not_json" {
		t.Fatalf("%+v, %v", trace, err)
	}
	again := d.At(trace.Again.At)
	if again.RetryOf != c || again.Tries() != 2 || again.Resolution != nil {
		t.Errorf("the new letter is %+v", again)
	}
	if third := resolveOne(t, resolver(o), Retry, trace.Again.At, always); third.Err != nil {
		t.Errorf("the new letter cannot be retried: %v", third.Err)
	}
}

func TestSecondResolverFencesTheFirst(t *testing.T) {
	t.Parallel()
	o := dying(t, 1, map[string][]byte{"text": []byte("hello")})
	at := of(t, book(t, o), "text").Letter().At
	slow := resolver(o)
	slow.beforeCommit = func() {
		if r := resolveOne(t, resolver(o), Retry, at, nil); r.Err != nil {
			t.Errorf("the second: %v", r.Err)
		}
	}
	done, err := slow.Resolve(within(t, 60*time.Second), Retry, []Place{at}, nil)
	if !errors.Is(err, ErrOvertaken) || len(done) != 0 {
		t.Errorf("the first ends with %v: %+v", err, done)
	}
	if n := len(copies(t, o, "text")); n != 2 {
		t.Errorf("%d copies in the input, want the first and one more", n)
	}
}

func TestManyResolversAtOnceRetryEachLetterOnce(t *testing.T) {
	t.Parallel()
	values := map[string][]byte{}
	for i := range 40 {
		values[fmt.Sprintf("bad-%d", i)] = []byte("hello")
	}
	o := dying(t, 2, values)
	var all []Place
	for _, c := range book(t, o).Cases() {
		all = append(all, c.Letter().At)
	}
	results := make(chan error, 6)
	for range cap(results) {
		go func() {
			_, err := resolver(o).Resolve(context.Background(), Retry, all, nil)
			results <- err
		}()
	}
	won := 0
	for range cap(results) {
		switch err := <-results; {
		case err == nil:
			won++
		case !errors.Is(err, ErrOvertaken):
			t.Error(err)
		}
	}
	if won == 0 {
		t.Error("nobody came through")
	}
	for key := range values {
		if n := len(copies(t, o, key)); n != 2 {
			t.Errorf("%s: %d copies in the input, want the first and one more", key, n)
		}
	}
}

// resolverVariable makes this binary a resolver that waits before its commit, to be killed.
const resolverVariable = "STREAM_TEST_RESOLVER"

type resolverSpec struct {
	Brokers, Pipeline, Topic, DeadLetters string
	At                                    Place
}

func doomedResolver(text string) int {
	var spec resolverSpec
	err := json.Unmarshal([]byte(text), &spec)
	if err == nil {
		r := Resolver{Kafka: Kafka{Brokers: spec.Brokers}, Pipeline: spec.Pipeline, Topic: spec.Topic, DeadLetters: spec.DeadLetters, Patience: 10 * time.Second}
		r.beforeCommit = func() {
			fmt.Println("produced")
			bufio.NewReader(os.Stdin).ReadString('\n') // for ever: the test kills this process
		}
		_, err = r.Resolve(context.Background(), Retry, []Place{spec.At}, nil)
	}
	fmt.Fprintln(os.Stderr, err)
	return exitFailed
}

func TestKilledResolverLeavesTheLetterAsItWas(t *testing.T) {
	t.Parallel()
	o := dying(t, 2, map[string][]byte{"text": []byte("hello")})
	at := of(t, book(t, o), "text").Letter().At
	text, err := json.Marshal(resolverSpec{o.Kafka.Brokers, o.Pipeline, o.Topic, o.DeadLetters, at})
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), resolverVariable+"="+string(text))
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if lines := bufio.NewScanner(out); !lines.Scan() || lines.Text() != "produced" {
		t.Fatal("the child did not get as far as to produce")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}

	r := resolveOne(t, resolver(o), Retry, at, nil)
	if r.Err != nil {
		t.Fatalf("after the kill: %v", r.Err)
	}
	found := copies(t, o, "text")
	if len(found) != 2 || (Place{found[1].Partition, found[1].Offset}) != r.Resolution.Retried.At {
		t.Errorf("%d copies in the input for readers of what is committed, want the first and that of the second try", len(found))
	}
	if c := book(t, o).At(at); c.Resolution == nil || c.Resolution.Retried.At != r.Resolution.Retried.At {
		t.Errorf("the resolution is %+v", c.Resolution)
	}
}

// TestResolutionBehindAnOpenTransactionIsNotOverlooked: a reader of committed records sees
// nothing that stands behind the first record of an open transaction.
func TestResolutionBehindAnOpenTransactionIsNotOverlooked(t *testing.T) {
	t.Parallel()
	o := dying(t, 1, map[string][]byte{"text": []byte("hello")})
	at := of(t, book(t, o), "text").Letter().At
	other := stranger(t, o)
	openFirst := func(_ context.Context, _ DeadLetter, value []byte) ([]byte, error) {
		other.open(t) // after the first has read the topic, in front of its resolution
		return value, nil
	}
	if r := resolveOne(t, resolver(o), Retry, at, openFirst); r.Err != nil {
		t.Fatal(r.Err)
	}
	second := resolver(o) // as patient as the others: all that comes before the reading has to be done in that time, too
	if done, err := second.Resolve(within(t, time.Minute), Retry, []Place{at}, nil); !errors.Is(err, ErrUnsettled) || len(done) != 0 {
		t.Errorf("while the transaction is open: %v, %+v", err, done)
	}
	other.commit(t)
	if r := resolveOne(t, second, Retry, at, nil); !errors.Is(r.Err, ErrResolved) {
		t.Errorf("afterwards: %+v", r)
	}
	if n := len(copies(t, o, "text")); n != 2 {
		t.Errorf("%d copies in the input, want the first and one more", n)
	}
}

// transaction is somebody else's in the dead-letter topic.
type transaction struct {
	p     *kafka.Producer
	topic string
}

func stranger(t *testing.T, o Options) *transaction {
	t.Helper()
	p, err := kafka.NewProducer(o.Kafka.client("stranger", kafka.ConfigMap{"transactional.id": o.Pipeline + ".stranger", "go.logs.channel.enable": true}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	go discardLogs(p.Logs())
	go discardEvents(p.Events())
	if err := p.InitTransactions(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	return &transaction{p, o.DeadLetters}
}

func (s *transaction) open(t *testing.T) {
	t.Helper()
	reports := make(chan kafka.Event, 1)
	err := s.p.BeginTransaction()
	if err == nil {
		err = s.p.Produce(&kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &s.topic, Partition: 0}, Value: []byte("\x1b[2J nobody's")}, reports)
	}
	if err != nil {
		t.Fatal(err)
	}
	if m := (<-reports).(*kafka.Message); m.TopicPartition.Error != nil {
		t.Fatal(m.TopicPartition.Error)
	}
}

func (s *transaction) commit(t *testing.T) {
	t.Helper()
	if err := s.p.CommitTransaction(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
}

func TestCutLetterIsRetriedWholeFromTheInput(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 1)
	o.DeadLetters += ".small"
	if err := EnsureTopics(within(t, 20*time.Second), o.Kafka, TopicSpec{Name: o.DeadLetters, Config: map[string]string{"max.message.bytes": "30000"}}); err != nil {
		t.Fatal(err)
	}
	huge := bytes.Repeat([]byte("x"), 500_000)
	poison(t, o, map[string][]byte{"huge": huge})
	drain(t, o, 601)
	letter := of(t, book(t, o), "huge").Letter()
	if !letter.Truncated || letter.ValueBytes != len(huge) {
		t.Fatalf("got %+v", letter)
	}
	if r := resolveOne(t, resolver(o), Retry, letter.At, nil); r.Err != nil || r.Resolution.Retried.Fixed {
		t.Fatalf("got %+v", r)
	}
	if all := copies(t, o, "huge"); len(all) != 2 || !bytes.Equal(all[1].Value, huge) {
		t.Errorf("%d copies, or not the whole record", len(all))
	}
}

func TestWhatCannotBeResolvedIsLeftAlone(t *testing.T) {
	t.Parallel()
	o := dying(t, 1, map[string][]byte{"text": []byte("hello")})
	at := of(t, book(t, o), "text").Letter().At
	other := resolver(o)
	other.Pipeline += "-other"
	elsewhere := resolver(o)
	elsewhere.Topic = o.Output
	broken := func(context.Context, DeadLetter, []byte) ([]byte, error) { return nil, errors.New("jq: no") }
	for name, c := range map[string]struct {
		r    Resolver
		at   Place
		fix  Fix
		want error
	}{
		"no letter":             {resolver(o), Place{0, 4711}, nil, ErrNoLetter},
		"no partition":          {resolver(o), Place{9, 0}, nil, ErrNoLetter},
		"another pipeline's":    {other, at, nil, ErrForeign},
		"another topic's":       {elsewhere, at, nil, ErrForeign},
		"it could not be fixed": {resolver(o), at, broken, nil},
	} {
		if r := resolveOne(t, c.r, Retry, c.at, c.fix); r.Err == nil || (c.want != nil && !errors.Is(r.Err, c.want)) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if n := len(copies(t, o, "text")); n != 1 {
		t.Errorf("%d copies in the input", n)
	}
	if _, err := ReadDeadLetters(within(t, 20*time.Second), o.Kafka, "nobody.dlq", time.Second); !errors.Is(err, ErrUnknownTopic) {
		t.Errorf("a topic that is not there: %v", err)
	}
	began := time.Now()
	if _, err := ReadDeadLetters(within(t, 20*time.Second), Kafka{Brokers: "127.0.0.1:1"}, o.DeadLetters, time.Second); !errors.Is(err, ErrUnreachable) || time.Since(began) > 5*time.Second {
		t.Errorf("nobody at the address: %v after %s", err, time.Since(began))
	}
}
