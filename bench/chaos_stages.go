package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"temporal-streaming/bench/internal/ledger"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/pipeline"
)

// What a chaos run does otherwise where the pipeline has stages: what it sends, which ways it follows, and what it checks
// besides. There is one topic between the stages, and its partitions are as many as the input's.

// makeMessages decides what is sent.
func (c *chaosRun) makeMessages(ctx context.Context, d *pipeline.Definition) (err error) {
	if d.Name == pipelineName {
		if c.cards, err = newMessages(c.o.seed); err == nil {
			c.cards.keys, c.messages = c.o.keys, c.cards
		}
		return err
	}
	if c.payments, err = c.site.bench.transactionsFrom(c.o.file, d, c.o.seed); err != nil {
		return err
	}
	c.messages = c.payments
	return c.makeTopics(ctx, stagedPartitions, d.Source.Topic, d.Label.Topic, d.Sink.Topic)
}

// stagedPartitions is how many partitions the topics of a pipeline with stages get.
const stagedPartitions = 4

// way numbers the pairs of input and output partitions of a stream with stages; nil: it has none.
func (c *chaosRun) way() func(from, to int32) int32 {
	if c.payments == nil {
		return nil
	}
	return func(from, to int32) int32 { return from*stagedPartitions + to }
}

// ways are what must never be silent for long: the partitions, or all ways through both stages.
func (c *chaosRun) ways() []int32 {
	partitions := c.plan.Partitions()
	if c.payments == nil {
		return partitions
	}
	all := make([]int32, stagedPartitions*stagedPartitions)
	for i := range all {
		all[i] = int32(i)
	}
	return all
}

// lastStage is the one that scores.
func lastStage(p job.StreamPlan) (last int) {
	for i, s := range p.Stages {
		if s.Kind == job.StageRecords {
			last = i
		}
	}
	return last
}

// hand reads the topic between the stages into the ledger, as a reader of committed records sees it.
func (c *chaosRun) hand(ctx context.Context, l *ledger.Ledger) error {
	r, err := c.read(c.plan.Stage(lastStage(c.plan)).Topic, readCommitted, false)
	if err != nil {
		return err
	}
	defer r.close()
	return r.each(ctx, func(m *kafka.Message) {
		l.Hand(m.TopicPartition.Partition, int64(m.TopicPartition.Offset), m.Value)
	})
}

// replayed is what `starter audit` says of all versions that have served: it computes every record anew from the stream's topics,
// with nothing in the way.
type replayed struct {
	Compared        int64 `json:"compared"`
	Different       int64 `json:"different"`
	Unreached       int64 `json:"unreached"`
	Handed          int64 `json:"handed_on"`
	HandedDifferent int64 `json:"handed_on_different"`
	Missing         int64 `json:"missing"`
	Repeated        int64 `json:"repeated"`
	EventOrder      struct {
		Compared  int64  `json:"compared"`
		Different int64  `json:"different"`
		Skipped   string `json:"skipped"`
	} `json:"event_order"`
	retold int64 // labels that a partition heard of again, as the ledger has it
}

// exact tells whether all of so many payments are what the replay says.
func (r replayed) exact(sent int64) bool {
	return r.Compared == sent && r.Handed == sent && r.Different+r.Unreached+r.HandedDifferent+r.Missing+r.Repeated == 0
}

func (r replayed) String() string {
	return fmt.Sprintf("replayed: %d compared, %d different, %d out of reach; %d handed on, %d different; %d missing, %d repeated",
		r.Compared, r.Different, r.Unreached, r.Handed, r.HandedDifferent, r.Missing, r.Repeated)
}

// stagesText is what the certificate says of the stages and their histories.
func (c *chaosRun) stagesText(v outcome) string {
	number := func(n int64) string { return thousands(fmt.Sprint(n)) }
	labels := c.payments.told
	r := v.replay
	text := fmt.Sprintf("Between the stages, where each payment must stand once and, in each partition, the label of each fraud among %s labels: **%d handed on wrongly**; %s labels again, of which the stage takes the first. "+
		"The 15 features of each prediction, computed anew by the ledger: **%d wrong**.\n\n", number(labels), v.HandedOn, number(r.retold), v.WrongFeatures)
	text += fmt.Sprintf("Computed anew by `starter audit`: %s predictions, **%d different** in a feature, the probability or the decision; %s handed on, **%d different**; %d missing, %d repeated, %d out of reach.",
		number(r.Compared), r.Different, number(r.Handed), r.HandedDifferent, r.Missing, r.Repeated, r.Unreached)
	if r.EventOrder.Skipped != "" {
		return text + " Not compared with training: " + r.EventOrder.Skipped
	}
	return text + fmt.Sprintf(" %s of %s differ from what training computes in the order of the events: records that faults made later than the tolerance, or that overtook a label.",
		number(r.EventOrder.Different), number(r.EventOrder.Compared))
}

// mostReplay is how long an audit of one version may take.
const mostReplay = 10 * time.Minute

// replay has the starter compute everything anew, for each version of the model.
func (c *chaosRun) replay(ctx context.Context) (*replayed, error) {
	all := &replayed{}
	for _, version := range c.versions {
		c.site.bench.say("computing the predictions of version %s anew", version)
		text, failed := c.answer(ctx, mostReplay, "audit", c.o.pipeline, "--model", version, "--sample", "0")
		var one replayed
		if err := json.Unmarshal(text, &one); err != nil {
			return nil, errors.Join(failed, fmt.Errorf("read the audit: %w", err))
		}
		// What is handed on, missing or repeated is the same, whatever the version.
		one.Compared, one.Different, one.Unreached = one.Compared+all.Compared, one.Different+all.Different, one.Unreached+all.Unreached
		one.EventOrder.Compared, one.EventOrder.Different = one.EventOrder.Compared+all.EventOrder.Compared, one.EventOrder.Different+all.EventOrder.Different
		all = &one
	}
	return all, nil
}
