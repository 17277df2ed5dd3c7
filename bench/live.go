package main

import (
	"context"
	"errors"

	"temporal-streaming/internal/job"
)

// live is a stream that runs on topics of its own.
type live struct {
	*site
	plan   job.StreamPlan
	flow   *running // nil: the program that streams is not our worker
	worker *child
	again  func() (*child, error) // starts another of its kind
}

// live makes topics and a model, starts worker and workflow, and waits until the stream runs.
func (s *site) live(ctx context.Context, partitions, shards int) (*live, error) {
	server, err := s.serving()
	if err != nil {
		return nil, err
	}
	if err := s.champion(ctx, server); err != nil {
		return nil, err
	}
	if err := s.makeTopics(ctx, partitions, s.topicIn, s.output, s.output+".dlq"); err != nil {
		return nil, err
	}
	l := &live{site: s, again: s.start}
	if l.plan, err = plan(ctx, server, s.topicIn, s.output, shards); err != nil {
		return nil, err
	}
	if l.flow, err = s.infer(ctx, l.plan); err != nil {
		return nil, err
	}
	if l.worker, err = s.start(); err != nil {
		return nil, err
	}
	s.bench.say("waiting for the stream")
	for range max(1, len(l.plan.Shards)) {
		if _, err = l.worker.runs(ctx); err != nil {
			return nil, errors.Join(err, l.worker.kill())
		}
	}
	return l, nil
}

// stop ends the stream and the program.
func (l *live) stop(ctx context.Context) (err error) {
	if l.flow != nil {
		err = l.flow.stop(ctx)
	}
	return errors.Join(err, l.worker.stop())
}

// abandon kills the program if it still runs, as after an error.
func (l *live) abandon() {
	if err := l.worker.end(); err != nil {
		l.bench.say("%v", err)
	}
}
