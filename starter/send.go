package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/stream"
	"temporal-streaming/internal/training"
	"temporal-streaming/starter/internal/screen"
)

// sendOptions are the flags of send.
type sendOptions struct {
	rate  float64
	count int64
	loop  bool
	seed  uint64
	topic string

	// of pipelines with a key and an event time
	from, to, speed, after string
	labels                 bool
}

// sendAnswer is what --json prints.
type sendAnswer struct {
	Topic        string  `json:"topic"`
	Sent         int64   `json:"sent"`         // handed to the client
	Acknowledged int64   `json:"acknowledged"` // by the brokers: these are in the topic
	Failed       int64   `json:"failed"`
	Seconds      float64 `json:"seconds"`
	PerSecond    float64 `json:"per_second"`
	Interrupted  bool    `json:"interrupted"`

	Labels *sentLabels `json:"labels,omitempty"`
	From   *time.Time  `json:"from,omitempty"` // event time of the first and the last message
	To     *time.Time  `json:"to,omitempty"`
}

// sentLabels is what became of the labels.
type sentLabels struct {
	Topic        string `json:"topic"`
	Sent         int64  `json:"sent"`
	Acknowledged int64  `json:"acknowledged"`
}

func (a *app) sendCommand() *cobra.Command {
	var o sendOptions
	c := &cobra.Command{
		Use:   "send PIPELINE FILE",
		Short: "Produce messages from a CSV or Parquet file",
		Long: `Sends each row of the file to the pipeline's topic as one message: the key is a random
UUID, the value pandas split JSON with the columns that the stream needs. Ctrl-C sends what
is under way and says how many messages the brokers have acknowledged.

Rows of a pipeline with a key and an event time are sent in the order of that time, keyed by
that key, so that all of a key's messages are in one partition. With --speed they keep their
distances in time, so many times faster. Where a feature looks at labels, each is sent to the
topic of labels between the records, when it becomes known; so are those of earlier rows of
the file that become known meanwhile. Kafka's timestamp is the time of sending: the event time
is in the message, and brokers delete records by their timestamps.`,
		Example: `  starter send creditcard creditcard.csv --rate 1000
  starter send creditcard creditcard.csv --count 200000 --json
  starter send creditcard creditcard.csv --rate 50 --loop   # until Ctrl-C
  starter send transactions transactions.parquet --from 2018-07-01 --to 2018-07-08 --speed 3600x`,
		Args:              pipelineArg("PIPELINE and FILE", 2),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			if o.rate < 0 || o.count < 0 {
				return misuse("Give --rate and --count above 0, or leave them out.", "rate %g and count %d are asked for", o.rate, o.count)
			}
			return a.send(c.Context(), args[0], args[1], o)
		},
	}
	c.Flags().Float64Var(&o.rate, "rate", 0, "messages per second (0: as fast as the brokers take them)")
	c.Flags().Int64Var(&o.count, "count", 0, "messages to send (0: each row once); beyond the last row it begins again at the first")
	c.Flags().BoolVar(&o.loop, "loop", false, "send the file over and over, until --count or Ctrl-C")
	c.Flags().Uint64Var(&o.seed, "seed", 0, "seed of the keys, to send the same messages again (0: new keys)")
	c.Flags().StringVar(&o.from, "from", "", "first event `TIME` to send: 2018-07-01 or 2018-07-01T08:00:00Z")
	c.Flags().StringVar(&o.to, "to", "", "event `TIME` to stop before")
	c.Flags().StringVar(&o.speed, "speed", "", "how many `TIMES` faster than it happened, such as 3600x (default: no pace)")
	c.Flags().BoolVar(&o.labels, "labels", true, "send labels, too, where features look at them")
	c.Flags().StringVar(&o.after, "labels-after", "", "how long after its record a label is known: a `DURATION` such as 2d (default: the column that says so, or label.delay; half of that delay where the pipeline says labels: delayed)")
	c.Flags().StringVar(&o.topic, "topic", "", "`TOPIC` to send to (default: the one the pipeline reads)")
	return c
}

func (a *app) send(ctx context.Context, name, path string, o sendOptions) error {
	cfg, definition, err := a.about(name)
	if err != nil {
		return err
	}
	if err := checkData(path); err != nil {
		return err
	}
	if o.topic == "" {
		o.topic = definition.Source.Topic
	}
	dial, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	to, err := a.reach.kafka.send(dial, stream.SenderOptions{Kafka: kafkaOf(cfg), Topic: o.topic, Rate: o.rate})
	if err != nil {
		return kafkaProblem(cfg, name, err)
	}
	s := sending{to: to, board: a.console.board(), style: a.console.style(), now: a.now, topic: o.topic}
	if definition.Key != "" && definition.EventTime.Column != "" {
		err = a.rehearse(dial, cfg, definition, path, o, &s)
	} else {
		err = a.goRound(definition, path, o, &s)
	}
	if err != nil {
		return errors.Join(err, discard(ctx, to))
	}
	s.begun = a.now()
	failed := s.run(ctx)
	return a.sent(ctx, cfg, definition, &s, failed)
}

// goRound sends the file in its order, and over and over if that is asked for.
func (a *app) goRound(d *pipeline.Definition, path string, o sendOptions, s *sending) error {
	if o.from != "" || o.to != "" || o.speed != "" || o.after != "" {
		return misuse("Leave them out, or declare key and event_time.column in the pipeline's file.",
			"--from, --to, --speed and --labels-after go by event time, and pipeline %s has none or no key", d.Name)
	}
	messages, err := a.messages(s.board, d, path, o.seed)
	if err != nil {
		return err
	}
	rows := messages.table.Len()
	s.count = o.total(rows)
	s.script = &rounds{messages: messages, rows: rows, count: s.count}
	return nil
}

// messages reads the file.
func (a *app) messages(board *screen.Board, d *pipeline.Definition, path string, seed uint64) (*messages, error) {
	table, err := readTable(path, training.Columns(d.StreamSchema()), true, func(read, size int64) {
		board.Draw(stageLines("Read", filepath.Base(path), read, size))
	})
	if err != nil {
		return nil, err
	}
	return newMessages(table, seed)
}

// discard closes a sender that has nothing to send.
func discard(ctx context.Context, to sender) error {
	_, err := to.Close(ctx)
	return err
}

// total is how many messages are to be sent, -1 for no end.
func (o sendOptions) total(rows int) int64 {
	switch {
	case o.count > 0:
		return o.count
	case o.loop:
		return -1
	default:
		return int64(rows)
	}
}

// sent flushes, however sending ended, and says what became of the messages.
func (a *app) sent(ctx context.Context, cfg config.Config, d *pipeline.Definition, s *sending, failed error) error {
	interrupted := ctx.Err() != nil
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushFor)
	defer cancel()
	result, err := s.to.Close(last)
	var labels *sentLabels
	if s.toLabels != nil {
		of, e := s.toLabels.Close(last)
		labels, err = &sentLabels{Topic: d.Label.Topic, Sent: s.labelled, Acknowledged: of.Delivered}, errors.Join(err, e)
	}
	took := a.now().Sub(s.begun).Seconds()
	answer := sendAnswer{
		Topic: s.topic, Sent: s.sent, Acknowledged: result.Delivered, Failed: result.Failed,
		Seconds: took, PerSecond: float64(result.Delivered) / max(took, 1e-9), Interrupted: interrupted, Labels: labels,
	}
	if s.last > 0 {
		from, to := time.UnixMilli(int64(s.first*1000)).UTC(), time.UnixMilli(int64(s.last*1000)).UTC()
		answer.From, answer.To = &from, &to
	}
	s.board.Draw(s.lines(result))
	s.board.Leave()
	if err == nil && !interrupted {
		err = failed
	}
	if err != nil {
		return errors.Join(a.emitJSON(answer), fail(fmt.Errorf("%w; %s of %s messages were acknowledged", err, screen.Count(result.Delivered), screen.Count(s.sent)),
			"`starter doctor` checks the brokers at %s and the topic.", cfg.Kafka.Brokers))
	}
	verb := "Sent"
	if interrupted {
		verb = "Interrupted after sending"
	}
	a.console.say("%s %s messages to %s; %s acknowledged, %s.\n", verb, screen.Count(s.sent), s.topic, screen.Count(result.Delivered), screen.Rate(answer.PerSecond))
	if labels != nil {
		a.console.say("%s labels to %s; %s acknowledged.\n", screen.Count(labels.Sent), labels.Topic, screen.Count(labels.Acknowledged))
	}
	if err := a.emitJSON(answer); err != nil {
		return err
	}
	if interrupted {
		return ended{exitDetached}
	}
	return nil
}

// flushFor is how long the brokers have to acknowledge what is under way at the end.
const flushFor = 10 * time.Second
