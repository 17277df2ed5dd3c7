package stream

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/record"
)

var update = flag.Bool("update", false, "write the transcripts that the loop gives now to testdata")

// TestTranscripts plays the scripts under testdata. A script is what happens to the loop;
// what follows its "----" is every call that the loop made, what readers of committed
// records see afterwards, and what Run returned. Lines of a script:
//
//	in P VALUE              a record in partition P: a number is an amount, "N bytes" is that long, the rest is verbatim
//	fault CALL NAME...      the next calls of CALL fail with NAME, one after the other; "-" is no failure
//	committed OFFSET...     what the group has committed
//	delete OFFSET           records below it are gone
//	limit BYTES             larger records are refused by the broker
//	batch N, partitions N, start WHEN, sink console, delivery KIND, owner yes|no
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			script, want, _ := strings.Cut(string(text), "----\n")
			got := play(t, script)
			if *update {
				if err := os.WriteFile(file, []byte(script+"----\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != want {
				t.Errorf("the transcript has changed; look at it with -update and git diff.\ngot:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// play runs one script and answers its transcript.
func play(t *testing.T, script string) string {
	f := newFake([]int32{0})
	clock := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	now := func() time.Time { return clock }
	var console strings.Builder
	o := Options{Kafka: Kafka{Brokers: "memory"}, Pipeline: "tiny", Topic: "in", Output: "out", Partitions: f.parts, Console: &console, Now: now}
	for line := range strings.Lines(script) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			if err := instruct(f, &o, strings.Fields(line)); err != nil {
				t.Fatalf("script line %q: %v", line, err)
			}
		}
	}
	l, err := NewLoop(o, &mischief{*engine(t, o.Topic, now)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	f.idle = stop
	l.wire = f
	l.sleep = func(_ context.Context, d time.Duration) { f.say("rest %s", d); clock = clock.Add(d) }
	c, err := l.Run(ctx)
	f.say("")
	for _, v := range f.visible {
		f.say("visible: %s", v)
	}
	if console.Len() > 0 {
		f.say("printed: %d predictions", strings.Count(console.String(), "\n"))
	}
	f.say("checkpoint: %+v", c)
	f.say("error: %v", err)
	return f.transcript.String()
}

func instruct(f *fakeKafka, o *Options, words []string) (err error) {
	verb, args := words[0], words[1:]
	number := func(i int) int64 {
		n, e := strconv.ParseInt(args[i], 10, 64)
		if e != nil {
			err = e
		}
		return n
	}
	switch verb {
	case "in":
		p := int32(number(0))
		value := strings.Join(args[1:], " ")
		if _, e := strconv.ParseFloat(value, 64); e == nil {
			value = `{"Amount":` + value + `}`
		} else if len(args) == 3 && args[2] == "bytes" {
			value = strings.Repeat("x", int(number(1)))
		}
		offset := int64(len(f.records(p)))
		f.add(record.Message{
			Partition: p, Offset: offset, Timestamp: o.Now().Add(-time.Duration(10-offset) * time.Minute).UnixMilli(),
			Key: fmt.Appendf(nil, "p%d-%d", p, offset), Value: []byte(value),
		})
	case "fault":
		f.faults[args[0]] = append(f.faults[args[0]], args[1:]...)
	case "committed":
		for i := range args {
			f.offsets[i].next = number(i)
		}
	case "delete":
		f.first = number(0)
	case "limit":
		f.largest = int(number(0))
	case "batch":
		o.MaxBatch = int(number(0))
	case "partitions":
		for p := int32(1); p < int32(number(0)); p++ {
			f.parts, f.offsets = append(f.parts, p), append(f.offsets, f.offsets[0])
		}
		o.Partitions = f.parts
	case "start":
		o.Start, err = ParseStart(args[0])
	case "sink":
		o.Sink = SinkKind(args[0])
	case "delivery":
		o.Delivery = Delivery(args[0])
	case "owner":
		o.StillOwner = func(context.Context) bool { f.say("still owner? %s", args[0]); return args[0] == "yes" }
	default:
		err = fmt.Errorf("unknown verb")
	}
	return err
}
