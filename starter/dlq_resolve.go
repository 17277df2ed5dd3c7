package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/stream"
	"temporal-streaming/pipelines"
	"temporal-streaming/starter/internal/screen"
)

// choice is which letters a command is about, and how.
type choice struct {
	places  []stream.Place
	reason  string // all that are unresolved and have this reason
	all     bool
	yes     bool
	why     string
	fix     string
	through string
	anyway  bool
}

// resolveAnswer is what --json prints.
type resolveAnswer struct {
	Topic   string           `json:"topic"`
	Done    int              `json:"done"`
	Refused int              `json:"refused"`
	Letters []resolvedReport `json:"letters"`
}

type resolvedReport struct {
	stream.Resolved
	Refused string `json:"refused,omitempty"`
}

func (a *app) dlqRetryCommand() *cobra.Command {
	var o choice
	c := &cobra.Command{
		Use:   "retry PIPELINE (PARTITION@OFFSET ... | --reason X | --all)",
		Short: "Put dead letters back into the input, fixed if need be, once",
		Long: `Puts the records into the partitions that they came from, with their keys and timestamps, and
records that in the dead-letter topic, in one transaction. What would only die again is
refused before that; --anyway puts it back all the same.

--fix FILE replaces the payload of one letter. --through COMMAND runs a shell command for each,
with the payload on its standard input, and takes what it prints.`,
		Example: `  starter dlq retry creditcard 0@12 --fix message.json --why "Amount was a string"
  starter dlq retry creditcard --reason wrong_type --through "jq -c '.Amount |= tonumber'"
  starter dlq retry creditcard --reason panic --yes    # after an upgrade that mends it`,
		Args:              lettersArg(&o),
		ValidArgsFunction: completePipeline,
		RunE:              func(c *cobra.Command, args []string) error { return a.dlqRetry(c.Context(), args[0], o) },
	}
	o.flags(c)
	c.Flags().StringVar(&o.why, "why", notGiven, "`WHY`, for the record in the topic")
	c.Flags().StringVar(&o.fix, "fix", "", "`FILE` that holds the payload to put back (for one letter)")
	c.Flags().StringVar(&o.through, "through", "", "shell `COMMAND` that fixes each payload")
	c.Flags().BoolVar(&o.anyway, "anyway", false, "also what would die again")
	return c
}

func (a *app) dlqDropCommand() *cobra.Command {
	var o choice
	c := &cobra.Command{
		Use:   "drop PIPELINE (PARTITION@OFFSET ... | --reason X | --all) --why W",
		Short: "Record that dead letters are not to be retried",
		Long: `Records in the dead-letter topic that these letters stay as they are, and why. They are not
deleted, only no longer listed, and cannot be retried after that.`,
		Example:           `  starter dlq drop creditcard 0@12 --why "a test message"`,
		Args:              lettersArg(&o),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			if o.why == "" {
				return misuse(`Say it, for the record in the topic: --why "a test message".`, "a drop needs a why")
			}
			return a.dlqDrop(c.Context(), args[0], o)
		},
	}
	o.flags(c)
	c.Flags().StringVar(&o.why, "why", "", "`WHY`, for the record in the topic (required)")
	return c
}

func (o *choice) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.reason, "reason", "", "all unresolved ones with this `REASON`, such as missing_column")
	c.Flags().BoolVar(&o.all, "all", false, "all unresolved ones")
	c.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
}

// lettersArg reads a pipeline and any number of letters.
func lettersArg(o *choice) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return misuse("Known pipelines: "+join(pipelines.Names())+". See "+c.CommandPath()+" --help.", "give PIPELINE")
		}
		for _, text := range args[1:] {
			at, err := parsePlace(text)
			if err != nil {
				return err
			}
			o.places = append(o.places, at)
		}
		ways := 0
		for _, given := range []bool{len(o.places) > 0, o.reason != "", o.all} {
			if given {
				ways++
			}
		}
		switch {
		case len(o.places) > 0 && o.reason != "":
			return misuse(`Leave it out. What is said for the record is --why "a test message".`, "--reason chooses letters by their reason, and letters are named already")
		case ways != 1:
			return misuse("Name letters as `starter dlq list` prints them, or all of a reason, or --all. See "+c.CommandPath()+" --help.", "give one way to say which letters; %d are given", ways)
		case o.fix != "" && o.through != "":
			return misuse("Give --fix FILE for one letter, or --through COMMAND for each.", "--fix and --through are both given")
		case o.fix != "" && len(o.places) != 1:
			return misuse("Retry them one by one, or give --through COMMAND, which fixes each.", "one file cannot fix several letters")
		}
		return nil
	}
}

func (a *app) dlqRetry(ctx context.Context, name string, o choice) error {
	d, err := a.desk(name)
	if err != nil {
		return err
	}
	fix, err := a.fixer(d, o)
	if err != nil {
		return err
	}
	return a.resolve(ctx, d, stream.Retry, o, fix)
}

func (a *app) dlqDrop(ctx context.Context, name string, o choice) error {
	d, err := a.desk(name)
	if err != nil {
		return err
	}
	return a.resolve(ctx, d, stream.Drop, o, nil)
}

// resolve chooses the letters, asks where they are many, and has them resolved.
func (a *app) resolve(ctx context.Context, d desk, action stream.Action, o choice, fix stream.Fix) error {
	name := d.definition.Name
	if len(o.places) == 0 {
		book, err := a.letters(ctx, d)
		if err != nil {
			return err
		}
		if o.places = chosen(book, name, o); len(o.places) == 0 {
			a.console.say("%s has no unresolved dead letter%s.\n", name, ofReason(o))
			return a.emitJSON(resolveAnswer{Topic: d.topic(), Letters: []resolvedReport{}})
		}
		if !o.yes {
			question := fmt.Sprintf("%s %s%s of %s?", map[stream.Action]string{stream.Retry: "Put back", stream.Drop: "Drop"}[action], many(len(o.places), "dead letter"), ofReason(o), name)
			if err := a.confirm(ctx, question); err != nil {
				return err
			}
		}
	}
	done, err := a.resolveEach(ctx, d, action, o, fix)
	answer := resolveAnswer{Topic: d.topic(), Letters: make([]resolvedReport, len(done))}
	for i, r := range done {
		answer.Letters[i] = resolvedReport{Resolved: r, Refused: reasonOf(r.Err)}
		if r.Err == nil {
			answer.Done++
		} else {
			answer.Refused++
		}
	}
	if err == nil || len(done) > 0 {
		a.console.say("%s", resolvedScreen(a.console.style(), name, action, answer))
	}
	if err := errors.Join(a.emitJSON(answer), a.lettersProblem(d, err)); err != nil {
		return err
	}
	if answer.Refused > 0 {
		return ended{exitFailed} // what was printed says why
	}
	return nil
}

// resolveEach has the letters resolved, those of each topic that the stream reads for themselves: a record of a later stage, or a label,
// goes back to where it came from.
func (a *app) resolveEach(ctx context.Context, d desk, action stream.Action, o choice, fix stream.Fix) ([]stream.Resolved, error) {
	topics := topicsRead(d.definition)
	places := map[string][]stream.Place{topics[0]: o.places}
	if len(topics) > 1 {
		book, err := a.letters(ctx, d)
		if err != nil {
			return nil, err
		}
		from := map[stream.Place]string{}
		for _, c := range book.Cases() {
			for _, l := range c.Letters {
				from[l.At] = l.Source.Topic
			}
		}
		clear(places)
		for _, at := range o.places {
			topic := from[at]
			if !slices.Contains(topics, topic) {
				topic = topics[0] // which it is refused for
			}
			places[topic] = append(places[topic], at)
		}
	}
	var done []stream.Resolved
	for _, topic := range topics {
		if len(places[topic]) == 0 {
			continue
		}
		some, err := a.reach.kafka.resolve(ctx, stream.Resolver{
			Kafka: kafkaOf(d.cfg), Pipeline: d.definition.Name, Topic: topic, DeadLetters: d.topic(), By: a.who(), Why: o.why, Patience: a.timeout,
		}, action, places[topic], fix)
		if done = append(done, some...); err != nil {
			return done, err
		}
	}
	return done, nil
}

// chosen are the unresolved letters that the flags mean.
func chosen(book *stream.DeadLetters, name string, o choice) []stream.Place {
	var places []stream.Place
	for _, c := range book.Cases() {
		if l := c.Letter(); c.Resolution == nil && l.Pipeline == name && (o.all || l.Reason == o.reason) {
			places = append(places, l.At)
		}
	}
	return places
}

func ofReason(o choice) string {
	if o.reason == "" {
		return ""
	}
	return " with reason " + screen.Safe(o.reason)
}
