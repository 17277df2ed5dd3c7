package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// evidence gathers what a failure can be explained by: where each partition's output
// stands, what the workflow says, what every worker is doing, and the servers' logs.
func (c *chaosRun) evidence(failed error) {
	c.note("%v", failed)
	if c.sending != nil {
		c.note("  %s", c.sending)
	}
	if c.out != nil {
		for p, at := range c.out.lastSeen() {
			c.note("  last output of partition %d at %s", p, at.UTC().Format("15:04:05.000"))
		}
	}
	if c.temporal != nil {
		status, err := c.status(context.Background())
		text, bad := json.MarshalIndent(status, "", "  ")
		c.note("status: %v\n%s", errors.Join(err, bad), text)
	}
	if c.plan.Group != "" {
		for range 2 { // what goes on, and what stands still
			text, err := c.ask(c.stands)
			c.note("output, for readers of committed records, and its ends: %v:%s", err, text)
			time.Sleep(time.Second)
		}
		for _, stable := range []bool{false, true} {
			text, err := c.ask(func(ctx context.Context, admin *kafka.AdminClient) (string, error) {
				return c.offsets(ctx, admin, stable)
			})
			c.note("committed offsets, %s: %v: %s", map[bool]string{false: "whatever is pending", true: "if no transaction is pending"}[stable], err, text)
		}
	}
	if c.crew != nil {
		c.crew.dump()
	}
}

// ask puts one question to the brokers.
func (c *chaosRun) ask(question func(context.Context, *kafka.AdminClient) (string, error)) (string, error) {
	admin, err := kafka.NewAdminClient(clientOf(c.kafka, "evidence", nil))
	if err != nil {
		return "", err
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return question(ctx, admin)
}

// offsets are those of the stream's group. A transaction that nobody ends holds back the
// stable ones, and with them whoever takes the partitions over.
func (c *chaosRun) offsets(ctx context.Context, admin *kafka.AdminClient, stable bool) (string, error) {
	group := kafka.ConsumerGroupTopicPartitions{Group: c.plan.Group}
	for number := range max(1, len(c.plan.Stages)) {
		stage := c.plan.Stage(number)
		for p := range int32(stage.Partitions) {
			group.Partitions = append(group.Partitions, kafka.TopicPartition{Topic: &stage.Topic, Partition: p})
		}
	}
	found, err := admin.ListConsumerGroupOffsets(ctx, []kafka.ConsumerGroupTopicPartitions{group}, kafka.SetAdminRequireStableOffsets(stable))
	var text strings.Builder
	for _, g := range found.ConsumerGroupsTopicPartitions {
		for _, p := range g.Partitions {
			metadata := ""
			if p.Metadata != nil {
				metadata = *p.Metadata
			}
			fmt.Fprintf(&text, " %s-%d: %v %s %v;", *p.Topic, p.Partition, p.Offset, metadata, p.Error)
		}
	}
	return text.String(), err
}

// stands are, for each partition that the stream writes to, the last stable offset and the end. A reader
// of committed records that is behind the first is late by itself; where the first is behind
// the second for long, a transaction hangs.
func (c *chaosRun) stands(ctx context.Context, admin *kafka.AdminClient) (string, error) {
	ask := map[kafka.TopicPartition]kafka.OffsetSpec{}
	type place struct {
		topic     string
		partition int32
	}
	topics := []string{c.plan.Output}
	if last := lastStage(c.plan); last > 0 {
		topics = append(topics, c.plan.Stage(last).Topic)
	}
	var places []place
	for _, topic := range topics {
		for _, p := range c.plan.Partitions() {
			places = append(places, place{topic, p})
			ask[kafka.TopicPartition{Topic: &topic, Partition: p}] = kafka.LatestOffsetSpec
		}
	}
	ends := map[place][2]kafka.Offset{}
	for i, level := range []kafka.IsolationLevel{kafka.IsolationLevelReadCommitted, kafka.IsolationLevelReadUncommitted} {
		found, err := admin.ListOffsets(ctx, ask, kafka.SetAdminIsolationLevel(level))
		if err != nil {
			return "", err
		}
		for at, info := range found.ResultInfos {
			where := place{*at.Topic, at.Partition}
			of := ends[where]
			of[i] = info.Offset
			ends[where] = of
		}
	}
	var text strings.Builder
	for _, at := range places {
		fmt.Fprintf(&text, " %s-%d: %v of %v;", at.topic, at.partition, ends[at][0], ends[at][1])
	}
	return text.String(), nil
}

// dump has every worker write what its goroutines are doing to its log, and end.
func (c *crew) dump() {
	c.mu.Lock()
	for _, m := range c.members {
		m.killed = true
	}
	members := append([]*member(nil), c.members...)
	c.mu.Unlock()
	for _, m := range members {
		_ = c.signal(m, syscall.SIGCONT) // one that is frozen; whoever has ended is not asked
		_ = c.signal(m, syscall.SIGQUIT)
	}
	patience := time.After(10 * time.Second)
	for _, m := range members {
		select {
		case <-m.exited:
		case <-patience:
			return
		}
	}
}

// lastSeen is when each partition's last output came.
func (f *follower) lastSeen() map[int32]time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := map[int32]time.Time{}
	for p, list := range f.seen {
		at[p] = f.begun.Add(list[len(list)-1].at)
	}
	return at
}

// keepServerLogs copies the logs of the servers, and tells where everything is, if the run
// failed or was told to keep it.
func (c *chaosRun) keepServerLogs(failed error) {
	if err := c.journal.Close(); err != nil {
		c.site.bench.say("%v", err)
	}
	if failed == nil && c.o.logs == "" {
		if err := os.RemoveAll(c.logs); err != nil {
			c.site.bench.say("%v", err)
		}
		return
	}
	if c.devstack != nil {
		paths, err := c.devstack.LogFiles()
		for _, path := range paths {
			text, readErr := os.ReadFile(path)
			err = errors.Join(err, readErr, os.WriteFile(filepath.Join(c.logs, "server-"+filepath.Base(path)), text, 0o600))
		}
		if err != nil {
			c.site.bench.say("keep the servers' logs: %v", err)
		}
	}
	c.site.bench.say("journal and logs are in %s", c.logs)
}
