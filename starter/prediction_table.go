package main

import (
	"fmt"
	"time"

	"temporal-streaming/internal/score"
	"temporal-streaming/starter/internal/screen"
)

// headEvery is how many predictions stand under one header: about a screenful.
const headEvery = 30

// predictionTable lays predictions out in columns of fixed width, since rows come one
// by one and must line up with those that are printed already.
type predictionTable struct {
	style screen.Style
	under int // rows since the header
	begun bool
}

// row is a line, with the header above it where one is due.
func (t *predictionTable) row(p score.Prediction) string {
	line := ""
	if !t.begun || t.under >= headEvery {
		line = t.style.Dim(fmt.Sprintf("%-12s  %-10s  %11s  %-10s  %-9s  %-14s  %s", "scored (UTC)", "id", "probability", "", "decision", "model", "from")) + "\n"
		t.begun, t.under = true, 0
	}
	t.under++
	decision, bar := screen.Pad(screen.Short(p.Decision, 9), 9), screen.Bar(float64(p.Probability), 10)
	if p.Probability >= p.Threshold {
		decision, bar = t.style.Bad(decision), t.style.Bad(bar)
	} else {
		decision, bar = t.style.Good(decision), t.style.Dim(bar)
	}
	return line + fmt.Sprintf("%-12s  %s  %11s  %s  %s  %s  %s\n",
		clock(p.ScoredAt), screen.Pad(shortID(p.ID), 10), fmt.Sprintf("%.4f", p.Probability), bar, decision,
		screen.Pad(screen.Short(p.Model+"@"+p.ModelVersion, 14), 14), t.style.Dim(fmt.Sprintf("%d:%d", p.Partition, p.Offset)))
}

// interrupted has the next row repeat the header.
func (t *predictionTable) interrupted() { t.begun = false }

// clock is the time of day of an RFC 3339 time, in UTC.
func clock(at string) string {
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return screen.Short(at, 12)
	}
	return t.UTC().Format("15:04:05.000")
}

// shortID keeps the beginning of a UUID, and the row of a message with several.
func shortID(id string) string {
	const uuid = 36
	if len(id) < uuid || id[8] != '-' {
		return screen.Short(id, 10)
	}
	return screen.Short(id[:8]+id[uuid:], 10)
}
