package main

import (
	"errors"
	"fmt"

	"temporal-streaming/internal/stream"
	"temporal-streaming/starter/internal/screen"
)

// shownReceipts is how many of a bulk a person sees; --json has all.
const shownReceipts = 20

func resolvedScreen(s screen.Style, name string, action stream.Action, answer resolveAnswer) string {
	out, rows, hidden := "", [][]string{}, 0
	for _, l := range answer.Letters {
		if l.Err == nil && len(rows) >= shownReceipts {
			hidden++
			continue
		}
		rows = append(rows, resolvedRow(s, l))
	}
	if len(rows) > 0 {
		out += s.Table([]screen.Column{{Name: "letter", Right: true}, {Name: "reason"}, {Name: "outcome"}}, rows)
	}
	if hidden > 0 {
		out += s.Dim(fmt.Sprintf("and %s more; --json names all.", screen.Count(int64(hidden)))) + "\n"
	}
	verb := map[stream.Action]string{stream.Retry: "put back", stream.Drop: "dropped"}[action]
	out += fmt.Sprintf("%s %s", many(answer.Done, "letter"), verb)
	if answer.Refused > 0 {
		out += s.Warn(fmt.Sprintf(", %d refused", answer.Refused))
	}
	out += ".\n"
	if action == stream.Retry && answer.Done > 0 {
		for _, l := range answer.Letters {
			if l.Err == nil {
				return out + fmt.Sprintf("What became of them: starter dlq show %s %s\n", name, l.Letter.At)
			}
		}
	}
	return out
}

func resolvedRow(s screen.Style, l resolvedReport) []string {
	outcome := ""
	switch {
	case l.Err == nil && l.Resolution.Retried != nil:
		r := l.Resolution.Retried
		outcome = s.Good("put back") + fmt.Sprintf(" at %s/%s", r.Topic, r.At)
		if r.Fixed {
			outcome += ", fixed"
		}
	case l.Err == nil:
		outcome = s.Good("dropped")
	case resolvedBefore(l.Resolved) && l.Resolution != nil:
		outcome = s.Warn("refused: ") + proofText(*l.Resolution)
	default:
		outcome = s.Warn("refused: ") + screen.Safe(rootText(l.Err))
	}
	return []string{l.Letter.At.String(), screen.Safe(l.Letter.Reason), outcome}
}

// proofText says what was decided before.
func proofText(r stream.Resolution) string {
	when := r.ResolvedAt.UTC().Format("2006-01-02 15:04:05")
	if r.Retried != nil {
		return fmt.Sprintf("put back at %s/%s by %s on %s UTC (recorded at %s)", screen.Safe(r.Retried.Topic), r.Retried.At, screen.Safe(r.By), when, r.At)
	}
	return fmt.Sprintf("dropped by %s on %s UTC: %s (recorded at %s)", screen.Safe(r.By), when, screen.Safe(r.Why), r.At)
}

// rootText leaves out the place, which stands in its own column.
func rootText(err error) string {
	if cause := errors.Unwrap(err); cause != nil {
		return cause.Error()
	}
	return err.Error()
}

// resolvedBefore reports that an outcome is a refusal because of an earlier decision.
func resolvedBefore(r stream.Resolved) bool { return errors.Is(r.Err, stream.ErrResolved) }
