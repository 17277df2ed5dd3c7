package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/stream"
)

// desk is where dead letters of a pipeline are dealt with: who it is, and which topics.
type desk struct {
	cfg        config.Config
	definition *pipeline.Definition
}

func (d desk) topic() string { return d.definition.Sink.DeadLetters }

func (a *app) dlqCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "dlq",
		Aliases: []string{"deadletters"},
		Short:   "See what could not be scored, fix it, and put it back once",
		Long: `A record that cannot be scored goes to the pipeline's dead-letter topic, with the reason, and
the stream goes on. Here you see why, and decide: retry puts the record, fixed if need be,
into the input topic again; drop leaves it. Either is recorded in the dead-letter topic, with
who and why, and can be done once: a second time is refused with the proof of the first, also
if two people try at the same time or a command is killed half-way. Nothing is ever deleted.`,
		Example: `  starter dlq list creditcard
  starter dlq show creditcard 0@12
  starter dlq show creditcard 0@12 --value > message.json    # fix it in an editor, then
  starter dlq retry creditcard 0@12 --fix message.json`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return unknownCommand(c, args[0])
		},
		Args: cobra.ArbitraryArgs,
	}
	c.AddCommand(a.dlqListCommand(), a.dlqShowCommand(), a.dlqRetryCommand(), a.dlqDropCommand())
	return c
}

// desk finds a pipeline's topics.
func (a *app) desk(name string) (desk, error) {
	cfg, d, err := a.about(name)
	return desk{cfg: cfg, definition: d}, err
}

// letters reads the dead-letter topic. A transaction that is open hides its end: what is
// known then is answered, with a warning for the person who looks.
func (a *app) letters(ctx context.Context, d desk) (*stream.DeadLetters, error) {
	book, err := a.reach.kafka.letters(ctx, kafkaOf(d.cfg), d.topic(), a.timeout)
	if errors.Is(err, stream.ErrUnsettled) {
		a.console.say("%s\n\n", a.console.style().Warn("! "+err.Error()+". What stands behind it is not shown; it ends within a minute."))
		return book, nil
	}
	return book, a.lettersProblem(d, err)
}

// lettersProblem says what to do about an error of the dead-letter topic.
func (a *app) lettersProblem(d desk, err error) error {
	name := d.definition.Name
	switch {
	case err == nil:
		return nil
	case errors.Is(err, stream.ErrUnknownTopic):
		return fail(fmt.Errorf("the topic %s does not exist, so %s has no dead letters", d.topic(), name),
			"The stream makes it when it starts: starter inference %s. Another name? See sink.dead_letters in the pipeline.", name)
	case errors.Is(err, stream.ErrUnsettled):
		return fail(err, "Nothing was done. It ends within a minute: try again, or wait for it with --timeout 2m.")
	case errors.Is(err, stream.ErrOvertaken):
		return fail(fmt.Errorf("%w and took over", stream.ErrOvertaken), "What was committed before stands, the rest was left alone. See: starter dlq list %s.", name)
	case errors.Is(err, stream.ErrUndecided):
		return fail(err, "See what was done: starter dlq list %s --all. To repeat the command does no harm: what is resolved is refused.", name)
	case errors.Is(err, stream.ErrNoLetter):
		return fail(err, "See which there are: starter dlq list %s --all.", name)
	}
	return kafkaProblem(d.cfg, name, err)
}

// followRetry says what became of a retried record, within a few seconds.
func (a *app) followRetry(ctx context.Context, d desk, book *stream.DeadLetters, r stream.Resolution) (stream.Trace, error) {
	ctx, cancel := context.WithTimeout(ctx, max(a.timeout, 5*time.Second))
	defer cancel()
	output := ""
	if d.definition.Sink.Kind == pipeline.Kafka {
		output = d.definition.Sink.Topic
	}
	return a.reach.kafka.follow(ctx, kafkaOf(d.cfg), book, stream.GroupID(d.definition.Name), output, r)
}
