package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/score"
	"temporal-streaming/internal/stream"
	"temporal-streaming/test/golden"
)

// letterAt is a dead letter in partition 0 of the topic, of the input record with offset 100 + offset.
func letterAt(offset int64, pipeline, reason, detail, key, value string) stream.Record {
	r := stream.Record{Topic: "hello-fraud.dlq", Offset: offset, Key: []byte(key), Value: []byte(value)}
	for _, h := range [][2]string{
		{stream.HeaderReason, reason}, {stream.HeaderDetail, detail}, {stream.HeaderTopic, "hello-fraud"}, {stream.HeaderPartition, "0"},
		{stream.HeaderOffset, fmt.Sprint(100 + offset)}, {stream.HeaderPipeline, pipeline}, {stream.HeaderFailedAt, noon.Add(time.Duration(offset-20) * time.Minute).Format(time.RFC3339)},
	} {
		r.Headers = append(r.Headers, stream.Header{Key: h[0], Value: []byte(h[1])})
	}
	return r
}

// decision is a resolution of the letter at offset of.
func decision(offset, of int64, action stream.Action, more ...string) stream.Record {
	r := stream.Record{Topic: "hello-fraud.dlq", Offset: offset}
	h := []string{
		stream.HeaderResolution, string(action), stream.HeaderLetter, fmt.Sprintf("0@%d", of), stream.HeaderTopic, "hello-fraud", stream.HeaderPartition, "0",
		stream.HeaderOffset, fmt.Sprint(100 + of), stream.HeaderPipeline, "creditcard", stream.HeaderBy, "ann", stream.HeaderWhy, "a \x1b[31mtest", stream.HeaderResolvedAt, noon.Add(-5 * time.Minute).Format(time.RFC3339),
	}
	for h = append(h, more...); len(h) > 0; h = h[2:] {
		r.Headers = append(r.Headers, stream.Header{Key: h[0], Value: []byte(h[1])})
	}
	return r
}

func letters() []stream.Record {
	return []stream.Record{
		letterAt(0, "creditcard", "missing_column", `column "V2" is missing`, "5f0c1d2e-0000-4000-8000-000000000000", `{"V1":1}`),
		letterAt(1, "creditcard", "not_json", "malformed at byte 0", "", "\x1b[2J\x00\xff hello\n"),
		letterAt(2, "creditcard", "missing_column", `column "V2" is missing`, "order-7", `{"V1":2}`),
		letterAt(3, "other", "not_json", "another pipeline's", "x", "x"),
		{Topic: "hello-fraud.dlq", Offset: 4, Value: []byte("nobody's")},
		letterAt(5, "creditcard", "\x1b[31mred", "made up", "\x07bell", strings.Repeat("x", 5000)),
		decision(6, 0, stream.Retry, stream.HeaderRetriedAt, "0@900", stream.HeaderRetriedSHA256, "ab12", stream.HeaderFixed, "true"),
		decision(7, 2, stream.Drop),
	}
}

// dying is a bench whose dead-letter topic holds letters().
func dying(t *testing.T) *bench {
	b := newBench(t)
	b.app.reach.kafka.letters = func(_ context.Context, _ stream.Kafka, topic string, _ time.Duration) (*stream.DeadLetters, error) {
		return stream.FoldDeadLetters(topic, letters()), nil
	}
	b.app.reach.kafka.letter = func(_ context.Context, _ stream.Kafka, _ string, at stream.Place, _ time.Duration) (stream.Record, error) {
		return letters()[at.Offset], nil
	}
	b.app.reach.kafka.follow = func(context.Context, stream.Kafka, *stream.DeadLetters, string, string, stream.Resolution) (stream.Trace, error) {
		return stream.Trace{Committed: 901, Predictions: []score.Prediction{{Probability: 0.96, Decision: "fraud", Model: "creditcard", ModelVersion: "3"}}}, nil
	}
	return b
}

// resolving answers what each letter became, and keeps what it was asked.
type resolving struct {
	resolver stream.Resolver
	action   stream.Action
	places   []stream.Place
	values   []string // after the fix
	refusals []string
}

func (r *resolving) resolve(ctx context.Context, resolver stream.Resolver, action stream.Action, places []stream.Place, fix stream.Fix) ([]stream.Resolved, error) {
	r.resolver, r.action, r.places = resolver, action, places
	book := stream.FoldDeadLetters(resolver.DeadLetters, letters())
	var done []stream.Resolved
	for _, at := range places {
		c := book.At(at)
		if c == nil {
			done = append(done, stream.Resolved{Letter: stream.DeadLetter{At: at}, Err: fmt.Errorf("hello-fraud.dlq/%s: %w", at, stream.ErrNoLetter)})
			continue
		}
		if c.Resolution != nil {
			done = append(done, stream.Resolved{Letter: c.Letter(), Resolution: c.Resolution, Err: fmt.Errorf("hello-fraud.dlq/%s: %w", at, stream.ErrResolved)})
			continue
		}
		resolution := stream.Resolution{Action: action, Letter: at, At: stream.Place{Offset: 8}}
		if fix != nil {
			value, err := fix(ctx, c.Letter(), letters()[at.Offset].Value)
			if err != nil {
				r.refusals = append(r.refusals, err.Error())
				done = append(done, stream.Resolved{Letter: c.Letter(), Err: fmt.Errorf("hello-fraud.dlq/%s: %w", at, err)})
				continue
			}
			r.values = append(r.values, string(value))
			resolution.Retried = &stream.Retried{Topic: resolver.Topic, At: stream.Place{Offset: 901}, Fixed: true}
		}
		done = append(done, stream.Resolved{Letter: c.Letter(), Resolution: &resolution})
	}
	return done, nil
}

func resolvable(t *testing.T) (*bench, *resolving) {
	b, r := dying(t), &resolving{}
	b.app.reach.kafka.resolve = r.resolve
	return b, r
}

func TestDeadLettersAreListedAndShown(t *testing.T) {
	var transcript strings.Builder
	for _, line := range []string{"dlq list creditcard", "dlq list creditcard --all --limit 3", "dlq list creditcard --reason not_json", "dlq show creditcard 0@0", "dlq show creditcard 0@1", "dlq show creditcard 0@2", "dlq show creditcard 0@5", "dlq show creditcard 0@6"} {
		r := dying(t).run(t.Context(), strings.Fields(line)...)
		fmt.Fprintf(&transcript, "$ starter %s\n%s\n", line, r.all())
	}
	text := transcript.String()
	for _, c := range text {
		if c != '\n' && c < ' ' {
			t.Fatalf("the screens hold the control character %q", c)
		}
	}
	golden.Compare(t, "dlq.txt", text)
}

func TestDeadLettersForScripts(t *testing.T) {
	var list listAnswer
	r := dying(t).run(t.Context(), "dlq", "list", "creditcard", "--json")
	if err := json.Unmarshal([]byte(r.out), &list); err != nil || list.Unresolved != 2 || list.Retried != 1 || list.Dropped != 1 || list.Foreign != 2 || len(list.Letters) != 2 || list.Reasons["not_json"] != 1 {
		t.Errorf("%v: %s", err, r.out)
	}
	var show showAnswer
	r = dying(t).run(t.Context(), "dlq", "show", "creditcard", "0@1", "--json")
	if err := json.Unmarshal([]byte(r.out), &show); err != nil || string(show.Value) != string(letters()[1].Value) || show.State != stateDead {
		t.Errorf("%v: %s", err, r.out)
	}
	if r := dying(t).run(t.Context(), "dlq", "show", "creditcard", "0@1", "--value"); r.out != string(letters()[1].Value) {
		t.Errorf("--value printed %q", r.out)
	}
}

func TestRetriedLetterIsFollowed(t *testing.T) {
	again := stream.DeadLetter{At: stream.Place{Offset: 9}, Reason: "not_json"}
	for want, trace := range map[string]stream.Trace{
		"it died again (not_json); starter dlq show creditcard 0@9":      {Again: &again},
		"waits: the stream stands at 890, 10 records before it":          {Committed: 890},
		"the stream has not read from this partition yet":                {Committed: -1},
		"dealt with; its prediction was not found in the time there was": {Committed: 901, Partial: true},
		"dealt with; its prediction is not in the output topic":          {Committed: 901},
		"scored 0.5000 genuine by creditcard@4, and 1 more row":          {Committed: 901, Predictions: []score.Prediction{{Probability: .5, Decision: "genuine", Model: "creditcard", ModelVersion: "4"}, {}}},
	} {
		b := dying(t)
		b.app.reach.kafka.follow = func(context.Context, stream.Kafka, *stream.DeadLetters, string, string, stream.Resolution) (stream.Trace, error) {
			return trace, nil
		}
		if r := b.run(t.Context(), "dlq", "show", "creditcard", "0@0"); r.code != exitOK || !strings.Contains(r.out, want) {
			t.Errorf("exit %d, want %q: %s", r.code, want, r.out)
		}
	}
}

// goodMessage can be scored by creditcard.
func goodMessage(t *testing.T) string {
	file := smallCSV(t)
	table, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(table), "\n")
	names, cells := strings.Split(strings.TrimSpace(lines[0]), ","), strings.Split(strings.TrimSpace(lines[1]), ",")
	var parts []string
	for i, name := range names {
		parts = append(parts, fmt.Sprintf("%q:%s", strings.Trim(name, `"`), strings.Trim(cells[i], `"`)))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func TestRetryChecksTheFixAndPrintsReceipts(t *testing.T) {
	good := filepath.Join(t.TempDir(), "message.json")
	if err := os.WriteFile(good, []byte(goodMessage(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	b, asked := resolvable(t)
	r := b.run(t.Context(), "dlq", "retry", "creditcard", "0@1", "--fix", good, "--why", "it was cut")
	if r.code != exitOK || asked.values[0] != goodMessage(t) || asked.resolver.Why != "it was cut" || asked.resolver.Topic != "hello-fraud" || asked.action != stream.Retry {
		t.Errorf("exit %d, asked %+v", r.code, asked)
	}
	golden.Compare(t, "dlq-retry.txt", r.all())

	b, asked = resolvable(t)
	r = b.run(t.Context(), "dlq", "retry", "creditcard", "0@1", "0@0", "0@2", "0@99")
	if r.code != exitFailed || len(asked.values) != 0 || !strings.Contains(asked.refusals[0], "it would die again: decode message: not_json") {
		t.Errorf("exit %d, asked %+v", r.code, asked)
	}
	golden.Compare(t, "dlq-refused.txt", r.all())

	b, asked = resolvable(t)
	if r := b.run(t.Context(), "dlq", "retry", "creditcard", "0@1", "--anyway"); r.code != exitOK || asked.values[0] != string(letters()[1].Value) {
		t.Errorf("--anyway: exit %d, asked %+v", r.code, asked)
	}
	b, asked = resolvable(t)
	if r := b.run(t.Context(), "dlq", "retry", "creditcard", "--reason", "not_json", "--yes", "--through", `test "$REASON $LETTER" = "not_json 0@1" && grep -qa hello && cat `+good); r.code != exitOK || len(asked.values) != 1 || asked.values[0] != goodMessage(t) {
		t.Errorf("--through: exit %d, asked %+v: %s", r.code, asked, r.out)
	}
	b, _ = resolvable(t)
	if r := b.run(t.Context(), "dlq", "retry", "creditcard", "0@1", "--through", "echo '\x1b[31mno' >&2; exit 3"); r.code != exitFailed || !strings.Contains(r.out, `the command fails with exit code 3: \x1b[31mno`) {
		t.Errorf("a command that fails: exit %d: %q", r.code, r.out)
	}
}

func TestBulkAsksFirst(t *testing.T) {
	b, asked := resolvable(t)
	b.app.interactive, b.app.in = true, strings.NewReader("yes\n")
	r := b.run(t.Context(), "dlq", "drop", "creditcard", "--all", "--why", "a test")
	want := []stream.Place{{Offset: 1}, {Offset: 5}} // not those that are resolved, nor another pipeline's
	if r.code != exitOK || !reflect.DeepEqual(asked.places, want) || asked.action != stream.Drop || !strings.Contains(r.out, "Drop 2 dead letters of creditcard?") || !strings.Contains(r.out, "2 letters dropped.") {
		t.Errorf("exit %d, asked %+v: %s", r.code, asked, r.out)
	}
	b, asked = resolvable(t)
	if r := b.run(t.Context(), "dlq", "drop", "creditcard", "--all", "--why", "a test"); r.code != exitUsage || asked.places != nil {
		t.Errorf("with nobody there: exit %d, asked %+v", r.code, asked)
	}
	b, asked = resolvable(t)
	if r := b.run(t.Context(), "dlq", "retry", "creditcard", "--reason", "panic", "--yes"); r.code != exitOK || asked.places != nil || !strings.Contains(r.out, "no unresolved dead letter with reason panic") {
		t.Errorf("nothing to do: exit %d: %s", r.code, r.out)
	}
}

func TestDeadLetterTopicThatCannotBeReadIsASentence(t *testing.T) {
	var transcript strings.Builder
	for _, c := range []struct {
		name string
		err  error
	}{
		{"no broker", stream.ErrUnreachable}, {"no topic", fmt.Errorf("describe topic: %w", stream.ErrUnknownTopic)},
		{"overtaken", fmt.Errorf("commit: %w", stream.ErrOvertaken)}, {"undecided", fmt.Errorf("commit: %w", stream.ErrUndecided)}, {"open transaction", fmt.Errorf("read: %w", stream.ErrUnsettled)},
	} {
		b := newBench(t)
		b.app.reach.kafka.resolve = func(context.Context, stream.Resolver, stream.Action, []stream.Place, stream.Fix) ([]stream.Resolved, error) {
			return nil, c.err
		}
		r := b.run(t.Context(), "dlq", "retry", "creditcard", "0@1")
		if r.code != exitFailed {
			t.Errorf("%s: exit %d", c.name, r.code)
		}
		fmt.Fprintf(&transcript, "%s\n%s\n", c.name, r.stderr)
	}
	golden.Compare(t, "dlq-away.txt", transcript.String())
	b := dying(t)
	b.app.reach.kafka.letters = func(_ context.Context, _ stream.Kafka, topic string, _ time.Duration) (*stream.DeadLetters, error) {
		return stream.FoldDeadLetters(topic, letters()), errors.Join(errors.New("read hello-fraud.dlq-0"), stream.ErrUnsettled)
	}
	if r := b.run(t.Context(), "dlq", "list", "creditcard"); r.code != exitOK || !strings.Contains(r.out, "open transaction") || !strings.Contains(r.out, "0@1") {
		t.Errorf("a list with an open transaction: exit %d: %s", r.code, r.out)
	}
}
