package main

import (
	"fmt"
	"strings"
	"time"

	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/starter/internal/screen"
)

const stepWidth = 9 // cells of a step's name

// trainLines draws one line a step: its state, how long it took or takes, and what
// it came to; for a running Fit the epochs, from its heartbeat.
func trainLines(s screen.Style, steps []job.Step, pending []control.Activity, now time.Time) []screen.Line {
	lines := make([]screen.Line, 0, len(steps))
	for _, step := range steps {
		name := screen.Pad(step.Name, stepWidth)
		switch step.State {
		case job.StepRunning:
			lines = append(lines, runningLine(s, step, activityOf(step, pending), now))
		case job.StepDone:
			took := screen.Left(screen.Span(step.Ended.Sub(step.Started)), 7)
			if step.Ended.IsZero() {
				took = screen.Left("", 7)
			}
			lines = append(lines, screen.Line{
				Key:   step.Name,
				Live:  fmt.Sprintf("  %s %s %s  %s", s.Good("✓"), name, s.Dim(took), step.Detail),
				Plain: strings.TrimRight(fmt.Sprintf("%s done   %s  %s", name, took, step.Detail), " "),
			})
		case job.StepFailed:
			lines = append(lines, screen.Line{
				Key:   step.Name,
				Live:  fmt.Sprintf("  %s %s %s", s.Bad("✗"), name, s.Bad(step.Detail)),
				Plain: strings.TrimRight(fmt.Sprintf("%s failed %s", name, step.Detail), " "),
			})
		default:
			lines = append(lines, screen.Line{Key: step.Name, Live: s.Dim("  · " + name)})
		}
	}
	return lines
}

func runningLine(s screen.Style, step job.Step, a *control.Activity, now time.Time) screen.Line {
	line := screen.Line{
		Key:   step.Name,
		Live:  fmt.Sprintf("  %s %s %s", s.Accent("▸"), s.Strong(screen.Pad(step.Name, stepWidth)), s.Dim(screen.Left(screen.Span(now.Sub(step.Started)), 7))),
		Plain: screen.Pad(step.Name, stepWidth) + " running",
	}
	if a == nil {
		return line
	}
	if f, ok := a.Fit(); ok {
		line.Live += fmt.Sprintf("  %s %s  %s", s.Accent(screen.Bar(f.Done, 20)), fitText(f), s.Dim(screen.Rate(f.RowsPerSecond)))
		line.Key, line.Plain = step.Name+"/epochs", "" // a log gets some of the epochs only
		if every := max(1, f.Epochs/4); f.Epoch == 1 || f.Epoch%every == 0 {
			line.Plain = screen.Pad(step.Name, stepWidth) + " " + fitText(f)
		}
	}
	if a.Attempt > 1 && a.LastFailure != "" {
		trouble := fmt.Sprintf("attempt %d; the last failed: %s", a.Attempt, a.LastFailure)
		line.Live += "  " + s.Warn(trouble)
		line.Key, line.Plain = step.Name+"/trouble", screen.Pad(step.Name, stepWidth)+" "+trouble
	}
	return line
}

// activityOf is the pending activity that does a step. Promote is the one step with two.
func activityOf(step job.Step, pending []control.Activity) *control.Activity {
	for i := range pending {
		if t := pending[i].Type; t == step.Name || step.Name == "Promote" && t == "Reject" {
			return &pending[i]
		}
	}
	return nil
}

// fitText gives loss and average precision on the validation part.
func fitText(f job.FitProgress) string {
	return fmt.Sprintf("network %d/%d  epoch %*d/%d  loss %.4f  AP %.4f",
		f.Member, f.Members, len(fmt.Sprint(f.Epochs)), f.Epoch, f.Epochs, f.ValidationLoss, f.ValidationAP)
}
