package main

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/stream"
	"temporal-streaming/internal/training"
)

// rehearse prepares to send a file as it happened: in event time, with its labels.
func (a *app) rehearse(ctx context.Context, cfg config.Config, d *pipeline.Definition, path string, o sendOptions, s *sending) error {
	what, err := o.span(d)
	if err != nil {
		return err
	}
	if s.speed, err = o.pace(); err != nil {
		return err
	}
	want := slices.Clone(d.StreamSchema())
	if what.labels {
		for _, name := range []string{d.Label.Column, d.Label.KnownAt} {
			if c, declared := d.Column(name); declared && !slices.Contains(want, c) {
				want = append(want, c)
			}
		}
	}
	table, err := readTable(path, training.Columns(want), true, func(read, size int64) {
		s.board.Draw(stageLines("Read", filepath.Base(path), read, size))
	})
	if err != nil {
		return err
	}
	script, err := newReplay(d, table, what)
	if err != nil {
		return fail(fmt.Errorf("%s: %w", path, err), "Give a file with labels, or --labels=false.")
	}
	if len(script.records) == 0 {
		return fail(fmt.Errorf("%s: no record lies between --from and --to", path), "Its records are from %s to %s.", eventTime(slices.Min(script.times)), eventTime(slices.Max(script.times)))
	}
	s.script, s.count = script, int64(len(script.records))
	if what.labels {
		if s.toLabels, err = a.reach.kafka.send(ctx, stream.SenderOptions{Kafka: kafkaOf(cfg), Topic: d.Label.Topic}); err != nil {
			return kafkaProblem(cfg, d.Name, err)
		}
	}
	return nil
}

func eventTime(seconds float64) string {
	return time.UnixMilli(int64(seconds * 1000)).UTC().Format(time.RFC3339)
}

// span reads the flags that say what is sent.
func (o sendOptions) span(d *pipeline.Definition) (span, error) {
	what := span{count: o.count, labels: o.labels && d.LooksAtLabels(), after: d.LabelDelay()}
	if o.loop {
		return what, misuse("Leave --loop out.", "the records of %s cannot be sent over and over: their event times would go back", d.Name)
	}
	var err error
	if what.from, err = instantOf("--from", o.from); err != nil {
		return what, err
	}
	if what.to, err = instantOf("--to", o.to); err != nil {
		return what, err
	}
	switch {
	case o.after != "":
		if what.after, err = pipeline.Span(o.after).Duration(); err != nil {
			return what, misuse("Write it as 30s, 10m, 1h or 7d.", "--labels-after %v", err)
		}
	case d.Labels == pipeline.Delayed:
		what.after /= 2 // a label that comes after its delay would be missing from features until it does
	}
	return what, nil
}

// instantOf reads a day, which begins at midnight UTC, or a time.
func instantOf(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, misuse("Write a day or a time, such as 2018-07-01 or 2018-07-01T08:00:00Z.", "%s %q is no time", flag, text)
}

// pace reads --speed.
func (o sendOptions) pace() (float64, error) {
	if o.speed == "" {
		return 0, nil
	}
	times, err := strconv.ParseFloat(strings.TrimSuffix(o.speed, "x"), 64)
	switch {
	case err != nil || times <= 0 || math.IsInf(times, 0) || math.IsNaN(times):
		return 0, misuse("Write how many times faster, such as 3600x for an hour in a second.", "--speed %q is none", o.speed)
	case o.rate > 0:
		return 0, misuse("Give one of them.", "--speed and --rate contradict each other")
	}
	return times, nil
}
