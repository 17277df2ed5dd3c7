package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/stream"
	"temporal-streaming/starter/internal/screen"
)

// listOptions are the flags of dlq list.
type listOptions struct {
	reason string
	limit  int
	all    bool
}

// listAnswer is what --json prints.
type listAnswer struct {
	Topic      string         `json:"topic"`
	Unresolved int            `json:"unresolved"`
	Retried    int            `json:"retried"`
	Dropped    int            `json:"dropped"`
	Foreign    int            `json:"foreign"` // records of the topic that are no dead letters of ours
	Reasons    map[string]int `json:"reasons"` // of what is unresolved
	Letters    []caseReport   `json:"letters"`
}

// caseReport is one record that could not be scored.
type caseReport struct {
	stream.DeadLetter
	State      string             `json:"state"` // dead, retried, dropped
	Letters    int                `json:"letters"`
	Tries      int                `json:"tries"`
	RetryOf    string             `json:"retry_of,omitempty"` // the letter whose retry this record is
	Resolution *stream.Resolution `json:"resolution,omitempty"`
}

const stateDead = "dead"

func reportCase(c *stream.Case) caseReport {
	r := caseReport{DeadLetter: c.Letter(), State: stateDead, Letters: len(c.Letters), Tries: c.Tries(), Resolution: c.Resolution}
	if c.RetryOf != nil {
		r.RetryOf = c.RetryOf.Letter().At.String()
	}
	if c.Resolution != nil {
		r.State = map[stream.Action]string{stream.Retry: "retried", stream.Drop: "dropped"}[c.Resolution.Action]
	}
	return r
}

func (a *app) dlqListCommand() *cobra.Command {
	var o listOptions
	c := &cobra.Command{
		Use:   "list PIPELINE",
		Short: "List dead letters that nobody has decided about",
		Long: `Lists what could not be scored and is neither retried nor dropped, oldest first. Of a record
that died several times the newest letter is shown.`,
		Example:           "  starter dlq list creditcard\n  starter dlq list creditcard --reason missing_column --limit 0\n  starter dlq list creditcard --all --json | jq .reasons",
		Args:              pipelineArg("PIPELINE", 1),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			if o.limit < 0 {
				return misuse("Give --limit 1 or more, or 0 for all.", "--limit is %d", o.limit)
			}
			return a.dlqList(c.Context(), args[0], o)
		},
	}
	c.Flags().StringVar(&o.reason, "reason", "", "only those with this `REASON`, such as missing_column")
	c.Flags().IntVar(&o.limit, "limit", 50, "show the newest of them, at most this many (0: all)")
	c.Flags().BoolVar(&o.all, "all", false, "also those that were retried or dropped, and those of other pipelines")
	return c
}

func (a *app) dlqList(ctx context.Context, name string, o listOptions) error {
	d, err := a.desk(name)
	if err != nil {
		return err
	}
	book, err := a.letters(ctx, d)
	if err != nil {
		return err
	}
	answer := listAnswer{Topic: d.topic(), Foreign: book.Foreign, Reasons: map[string]int{}, Letters: []caseReport{}}
	for _, c := range book.Cases() {
		r := reportCase(c)
		if !o.all && r.Pipeline != name {
			answer.Foreign++
			continue
		}
		if o.reason != "" && r.Reason != o.reason {
			continue
		}
		switch r.State {
		case stateDead:
			answer.Unresolved++
			answer.Reasons[r.Reason]++
		case "retried":
			answer.Retried++
		default:
			answer.Dropped++
		}
		if o.all || r.State == stateDead {
			answer.Letters = append(answer.Letters, r)
		}
	}
	total := len(answer.Letters)
	if o.limit > 0 && total > o.limit {
		answer.Letters = answer.Letters[total-o.limit:]
	}
	a.console.say("%s", listScreen(a.console.style(), name, answer, total, a.now()))
	return a.emitJSON(answer)
}

func listScreen(s screen.Style, name string, answer listAnswer, total int, now time.Time) string {
	out := fmt.Sprintf("%s: %s unresolved%s, %s retried, %s dropped", s.Strong(answer.Topic), screen.Count(int64(answer.Unresolved)),
		reasonsText(answer.Reasons), screen.Count(int64(answer.Retried)), screen.Count(int64(answer.Dropped)))
	if answer.Foreign > 0 {
		out += fmt.Sprintf("; %s not of %s", many(answer.Foreign, "record"), name)
	}
	out += "\n"
	if total == 0 {
		return out
	}
	if len(answer.Letters) < total {
		out += s.Dim(fmt.Sprintf("The newest %d of %s; --limit 0 shows all.", len(answer.Letters), screen.Count(int64(total)))) + "\n"
	}
	var rows [][]string
	for _, r := range answer.Letters {
		rows = append(rows, []string{
			r.At.String(), ago(r.FailedAt, now), s.Warn(screen.Safe(r.Reason)), stateCell(s, r),
			screen.Safe(fmt.Sprintf("%d@%d", r.Source.Partition, r.Source.Offset)), keyText(r.DeadLetter, 20), screen.Bytes(int64(r.ValueBytes)), screen.Short(screen.Safe(r.Detail), 60),
		})
	}
	return out + s.Table([]screen.Column{
		{Name: "letter", Right: true}, {Name: "failed", Right: true}, {Name: "reason"}, {Name: "state"}, {Name: "input", Right: true},
		{Name: "key"}, {Name: "value", Right: true}, {Name: "detail"},
	}, rows) + "\n" + fmt.Sprintf("Look at one: starter dlq show %s %s\n", name, answer.Letters[len(answer.Letters)-1].At)
}

func stateCell(s screen.Style, r caseReport) string {
	state := r.State
	if r.Tries > 1 {
		state += fmt.Sprintf(", try %d", r.Tries)
	}
	if r.State == stateDead {
		return state
	}
	return s.Dim(state)
}

// reasonsText counts the reasons, most frequent first.
func reasonsText(reasons map[string]int) string {
	if len(reasons) == 0 {
		return ""
	}
	var parts []string
	for reason := range reasons {
		parts = append(parts, reason)
	}
	slices.SortFunc(parts, func(a, b string) int { return cmp.Or(reasons[b]-reasons[a], strings.Compare(a, b)) })
	for i, reason := range parts {
		parts[i] = fmt.Sprintf("%s %d", screen.Short(screen.Safe(reason), 30), reasons[reason])
	}
	if len(parts) > 8 {
		parts = append(parts[:8], fmt.Sprintf("%d more reasons", len(parts)-8))
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func keyText(l stream.DeadLetter, width int) string {
	switch {
	case l.KeyBytes < 0:
		return "none"
	case l.KeyBytes == 0:
		return "empty"
	}
	key := screen.Safe(string(l.KeyHead))
	if l.KeyBytes > len(l.KeyHead) {
		key += "…"
	}
	return screen.Short(key, width)
}

func ago(t, now time.Time) string {
	if t.IsZero() {
		return "?"
	}
	return screen.Span(now.Sub(t)) + " ago"
}
