package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"temporal-streaming/internal/stream"
	"temporal-streaming/pipelines"
)

// town is the stream of a pipeline whose features have a history, run as its users run it: by the starter and the worker, on the
// pipeline's own topics. So it starts servers of its own and takes no one else's.
type town struct {
	*site
	pipeline   string
	partitions int
	before     string
	worker     *child
	log        townLog

	mu      sync.Mutex
	seen    map[int32][]uint8 // predictions of each record, by its place in the source
	total   int64
	last    time.Time
	visit   func(id int64, at time.Time) // told of each; may be nil
	reading context.CancelFunc
	read    chan error
}

// townOf are the pipelines that a town can send payments of.
var townOf = []string{"transactions", "transactions-rich"}

// settle opens servers, trains a model on simulated payments, and makes the topics.
func (b *bench) settle(ctx context.Context, o serverFlags, name string, partitions int) (*town, error) {
	if !slices.Contains(townOf, name) {
		return nil, fmt.Errorf("%w: --pipeline %s: this benchmark sends the payments of %s", errUsage, name, strings.Join(townOf, " or "))
	}
	if o.address[0] != "" {
		return nil, fmt.Errorf("%w: a stream with stages runs on the pipeline's own topics: on servers that the benchmark starts itself", errUsage)
	}
	t := &town{pipeline: name, partitions: partitions, before: load(), seen: map[int32][]uint8{}}
	var err error
	if t.site, err = b.open(ctx, o); err != nil {
		return t, err
	}
	t.starter = filepath.Join(t.dir, "starter")
	if err := b.build(ctx, b.root, t.starter, "./starter"); err != nil {
		return t, err
	}
	d, err := pipelines.Load(name)
	if err != nil {
		return t, err
	}
	if err := t.makeTopics(ctx, partitions, d.Source.Topic, d.Sink.Topic, d.Sink.DeadLetters, d.Label.Topic); err != nil {
		return t, err
	}
	if t.worker, err = t.startWorker(&t.log); err != nil {
		return t, err
	}
	b.say("training a model of %s on 60,000 simulated payments", name)
	data := filepath.Join(t.dir, "simulated.parquet")
	for _, args := range [][]string{
		{"simulate", "transactions", "--rows", "60000", "--out", data}, {"load", name, data}, {"train", name},
	} {
		if err := t.command(ctx, args...); err != nil {
			return t, err
		}
	}
	return t, nil
}

// leave takes everything down.
func (t *town) leave() {
	if t == nil {
		return
	}
	if t.reading != nil {
		t.reading()
		<-t.read
	}
	if t.worker != nil {
		_ = t.worker.kill() // it may have ended
	}
	if t.site != nil {
		t.close()
	}
}

// command runs the starter.
func (t *town) command(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, t.starter, append(args, "--json")...)
	bind(cmd)
	cmd.Dir, cmd.Env = t.dir, append(slices.Clone(t.environ), "NO_COLOR=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("starter %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return nil
}

// infer starts the stream and waits until all of its loops run. It answers when the first did.
func (t *town) infer(ctx context.Context) (began time.Time, err error) {
	started := make(chan error, 1)
	go func() { started <- t.command(ctx, "inference", t.pipeline, "--detach") }()
	for i := range 3 { // two stages and the labels
		at, err := t.worker.runs(ctx)
		if err != nil {
			return began, err
		}
		if i == 0 {
			began = at
		}
	}
	return began, <-started
}

// listen reads the predictions.
func (t *town) listen(ctx context.Context) error {
	d, err := pipelines.Load(t.pipeline)
	if err != nil {
		return err
	}
	r, err := stream.NewReader(ctx, t.kafka, d.Sink.Topic, stream.StartEarliest())
	if err != nil {
		return err
	}
	ctx, t.reading = context.WithCancel(ctx)
	t.read = make(chan error, 1)
	go func() {
		defer r.Close() // nothing is lost: a reader commits nothing
		for {
			rec, err := r.Next(ctx)
			if err != nil {
				t.read <- err
				return
			}
			t.note(rec.Value)
		}
	}()
	return nil
}

func (t *town) note(value []byte) {
	partition, offset, id, ok := named(value)
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := t.seen[partition]
	for int64(len(seen)) <= offset {
		seen = append(seen, 0)
	}
	seen[offset]++
	t.seen[partition] = seen
	t.total++
	t.last = time.Now()
	if t.visit != nil {
		t.visit(id, t.last)
	}
}

// named finds quickly which record a prediction is of: decoding everything would take the reader's time from the measured.
func named(value []byte) (partition int32, offset, id int64, ok bool) {
	number := func(name string) (int64, bool) {
		_, rest, found := bytes.Cut(value, []byte(name))
		end := 0
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			end++
		}
		n, err := strconv.ParseInt(string(rest[:end]), 10, 64)
		return n, found && err == nil
	}
	p, ok1 := number(`"partition":`)
	offset, ok2 := number(`"offset":`)
	id, ok3 := number(`"id":"`)
	return int32(p), offset, id, ok1 && ok2 && ok3
}

// await waits until so many predictions were seen, and answers when the last was.
func (t *town) await(ctx context.Context, n int64, within time.Duration) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		t.mu.Lock()
		total, last := t.total, t.last
		t.mu.Unlock()
		if total >= n {
			return last, nil
		}
		select {
		case err := <-t.read:
			return last, fmt.Errorf("read predictions: %w", err)
		case <-t.worker.exited:
			return last, t.worker.failure()
		case <-ctx.Done():
			return last, fmt.Errorf("%d of %d predictions came: %w; the worker said:\n%s", total, n, ctx.Err(), t.worker.said)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// exact fails if a record has no prediction, or more than one.
func (t *town) exact(n int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	once, more := int64(0), int64(0)
	for _, seen := range t.seen {
		for _, times := range seen {
			switch {
			case times == 1:
				once++
			case times > 1:
				more++
			}
		}
	}
	if once != n || more > 0 {
		return fmt.Errorf("the stream broke its promise: of %d payments %d have one prediction, %d more than one", n, once, more)
	}
	return nil
}

// audit has the starter compute a sample anew and compare it bit for bit.
func (t *town) audit(ctx context.Context) error {
	t.bench.say("auditing the features and scores")
	return t.command(ctx, "audit", t.pipeline, "--sample", "20000")
}

// payments sends payments, keyed by their customers.
type payments struct {
	to *stream.Sender
	b  []byte
}

func (t *town) payments(ctx context.Context) (*payments, error) {
	d, err := pipelines.Load(t.pipeline)
	if err != nil {
		return nil, err
	}
	to, err := stream.NewSender(ctx, stream.SenderOptions{Kafka: t.kafka, Topic: d.Source.Topic, Linger: 4 * time.Millisecond})
	return &payments{to: to}, err
}

func (p *payments) send(ctx context.Context, id, at, customer, terminal, cents int64) error {
	b := append(p.b[:0], `{"TRANSACTION_ID":`...)
	b = strconv.AppendInt(b, id, 10)
	b = strconv.AppendInt(append(b, `,"TX_DATETIME":`...), at, 10)
	b = strconv.AppendInt(append(b, `,"CUSTOMER_ID":`...), customer, 10)
	b = strconv.AppendInt(append(b, `,"TERMINAL_ID":`...), terminal, 10)
	b = strconv.AppendInt(append(b, `,"TX_AMOUNT":`...), cents/100, 10)
	b = append(b, '.', byte('0'+cents/10%10), byte('0'+cents%10), '}')
	p.b = b
	return p.to.Send(ctx, strconv.AppendInt(nil, customer, 10), b)
}

func (p *payments) close(ctx context.Context) error {
	sent, err := p.to.Close(ctx)
	if err == nil && sent.Failed > 0 {
		err = errors.New("some payments were not acknowledged")
	}
	return err
}

// townLog keeps the lines that a worker writes about snapshots and histories.
type townLog struct {
	mu    sync.Mutex
	rest  []byte
	all   io.Writer // gets everything; may be nil
	lines []string
}

func (l *townLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all != nil {
		_, _ = l.all.Write(b) // a log of a benchmark
	}
	l.rest = append(l.rest, b...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		if bytes.Contains(line, []byte("snapshot kept")) || bytes.Contains(line, []byte("histories are loaded")) {
			l.lines = append(l.lines, string(line))
		}
		l.rest = append(l.rest[:0], rest...)
	}
}

// keep writes everything to w from now on.
func (l *townLog) keep(w io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = w
}

// with answers the lines that hold a text.
func (l *townLog) with(text string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}
