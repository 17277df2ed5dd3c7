package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/stream"
	"temporal-streaming/starter/internal/screen"
)

// showAnswer is what --json prints. Key and Value are base64, as they may be any bytes.
type showAnswer struct {
	caseReport
	Key   []byte        `json:"key"`
	Value []byte        `json:"value"`
	Trace *stream.Trace `json:"trace,omitempty"` // of a retry: what became of the record
}

// shownBytes is how much of a value a person sees.
const shownBytes = 1 << 10

func (a *app) dlqShowCommand() *cobra.Command {
	var value bool
	c := &cobra.Command{
		Use:   "show PIPELINE PARTITION@OFFSET",
		Short: "Show a dead letter: why, what, and what became of it",
		Long: `Shows one dead letter, named as "starter dlq list" prints it: the reason, the payload (escaped
and cut), and, if it was retried, where the record stands now and whether it was scored or
died again. --value prints the payload as it is, to fix it in an editor.`,
		Example:           "  starter dlq show creditcard 0@12\n  starter dlq show creditcard 0@12 --value > message.json",
		Args:              pipelineArg("PIPELINE and PARTITION@OFFSET", 2),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			at, err := parsePlace(args[1])
			if err != nil {
				return err
			}
			return a.dlqShow(c.Context(), args[0], at, value)
		},
	}
	c.Flags().BoolVar(&value, "value", false, "print the payload and nothing else")
	return c
}

func parsePlace(text string) (stream.Place, error) {
	at, err := stream.ParsePlace(text)
	if err != nil {
		return at, misuse("Give it as `starter dlq list` prints it: PARTITION@OFFSET, such as 0@12.", "%s names no dead letter", screen.Safe(fmt.Sprintf("%.64q", text)))
	}
	return at, nil
}

func (a *app) dlqShow(ctx context.Context, name string, at stream.Place, raw bool) error {
	d, err := a.desk(name)
	if err != nil {
		return err
	}
	book, err := a.letters(ctx, d)
	if err != nil {
		return err
	}
	c := book.At(at)
	if c == nil {
		return a.lettersProblem(d, fmt.Errorf("%s/%s: %w", d.topic(), at, stream.ErrNoLetter))
	}
	answer := showAnswer{caseReport: reportCase(c)}
	for _, l := range c.Letters {
		if l.At == at {
			answer.DeadLetter = l
		}
	}
	record, err := a.reach.kafka.letter(ctx, kafkaOf(d.cfg), d.topic(), answer.At, a.timeout)
	if err != nil {
		return a.lettersProblem(d, err)
	}
	answer.Key, answer.Value = record.Key, record.Value
	if raw {
		return a.rawValue(answer)
	}
	if c.Resolution != nil && c.Resolution.Retried != nil {
		trace, err := a.followRetry(ctx, d, book, *c.Resolution)
		if err != nil {
			a.console.say("%s\n", a.console.style().Warn("! What became of it is not known: "+reasonOf(a.lettersProblem(d, err))))
		} else {
			answer.Trace = &trace
		}
	}
	a.console.say("%s", showScreen(a.console.style(), d, answer, a.now()))
	return a.emitJSON(answer)
}

// rawValue prints the payload for a file, and refuses to have it rule a terminal.
func (a *app) rawValue(answer showAnswer) error {
	if isTerminal(a.console.out) {
		return misuse("Send it to a file: --value > message.json.", "the payload may hold anything and is not printed to a terminal as it is")
	}
	if answer.Truncated {
		fmt.Fprintf(a.console.err, "Only the first %s of %s were kept.\n", screen.Bytes(int64(len(answer.Value))), screen.Bytes(int64(answer.ValueBytes)))
	}
	if _, err := a.console.out.Write(answer.Value); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}

func showScreen(s screen.Style, d desk, answer showAnswer, now time.Time) string {
	name := d.definition.Name
	pairs := [][2]string{
		{"reason", s.Warn(screen.Safe(answer.Reason))}, {"detail", screen.Safe(answer.Detail)},
		{"failed", answer.FailedAt.Format(time.RFC3339) + s.Dim(" "+ago(answer.FailedAt, now))},
		{"input", screen.Safe(answer.Source.String())}, {"pipeline", screen.Safe(answer.Pipeline)},
	}
	if answer.Letters > 1 {
		pairs = append(pairs, [2]string{"letters", fmt.Sprintf("%d of the same record", answer.Letters)})
	}
	if answer.RetryOf != "" {
		pairs = append(pairs, [2]string{"retry of", fmt.Sprintf("%s (this was try %d)", answer.RetryOf, answer.Tries)})
	}
	pairs = append(pairs, [2]string{"key", keyText(answer.DeadLetter, 200)}, [2]string{"value", valueText(answer)}, [2]string{"state", decisionText(s, name, answer)})
	return s.Strong(d.topic()+"/"+answer.At.String()) + "\n" + s.Pairs(pairs) + resolutionText(s, name, answer, now)
}

func valueText(answer showAnswer) string {
	switch {
	case answer.Value == nil:
		return "none (a tombstone)"
	case len(answer.Value) == 0:
		return "empty"
	}
	text := screen.Safe(string(answer.Value[:min(len(answer.Value), shownBytes)]))
	switch {
	case answer.Truncated:
		return text + fmt.Sprintf("… (%s in the input; only the beginning was kept here)", screen.Bytes(int64(answer.ValueBytes)))
	case len(answer.Value) > shownBytes:
		return text + fmt.Sprintf("… (%s; all of it: --value > FILE)", screen.Bytes(int64(len(answer.Value))))
	}
	return text
}

func decisionText(s screen.Style, name string, answer showAnswer) string {
	if answer.State != stateDead {
		return answer.State
	}
	return s.Warn("nobody has decided") + fmt.Sprintf("; starter dlq retry %s %s [--fix FILE], or starter dlq drop %[1]s %[2]s --why W", name, answer.At)
}

// resolutionText is the proof of what was decided, and what became of it.
func resolutionText(s screen.Style, name string, answer showAnswer, now time.Time) string {
	r := answer.Resolution
	if r == nil {
		return ""
	}
	out := fmt.Sprintf("\n%s by %s, %s, recorded at %s\n", s.Strong(answer.State), screen.Safe(r.By), ago(r.ResolvedAt, now), r.At)
	pairs := [][2]string{}
	if r.Why != "" {
		pairs = append(pairs, [2]string{"why", screen.Safe(r.Why)})
	}
	if r.Retried != nil {
		fixed := "as it was"
		if r.Retried.Fixed {
			fixed = "fixed"
		}
		pairs = append(pairs, [2]string{"put at", fmt.Sprintf("%s/%s, %s, SHA-256 %s", r.Retried.Topic, r.Retried.At, fixed, screen.Safe(r.Retried.SHA256))})
	}
	if t := answer.Trace; t != nil {
		pairs = append(pairs, [2]string{"then", traceText(s, name, *r.Retried, *t)})
	}
	return out + s.Pairs(pairs)
}

func traceText(s screen.Style, name string, r stream.Retried, t stream.Trace) string {
	switch {
	case t.Again != nil:
		return s.Bad("it died again") + fmt.Sprintf(" (%s); starter dlq show %s %s", screen.Safe(t.Again.Reason), name, t.Again.At)
	case len(t.Predictions) > 0:
		p := t.Predictions[0]
		out := s.Good("scored") + fmt.Sprintf(" %.4f %s by %s@%s", p.Probability, p.Decision, p.Model, p.ModelVersion)
		if n := len(t.Predictions); n > 1 {
			out += fmt.Sprintf(", and %s", many(n-1, "more row"))
		}
		return out
	case t.Committed < 0:
		return "the stream has not read from this partition yet"
	case t.Waiting(r):
		return fmt.Sprintf("waits: the stream stands at %s, %s before it", screen.Count(t.Committed), many(int(r.At.Offset-t.Committed), "record"))
	case t.Partial:
		return "dealt with; its prediction was not found in the time there was (--timeout)"
	}
	return "dealt with; its prediction is not in the output topic (any more)"
}
