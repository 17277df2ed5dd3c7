package main

import (
	"context"
	"fmt"
	"time"

	"temporal-streaming/internal/stream"
	"temporal-streaming/starter/internal/screen"
)

// sending is one run of send: it hands the messages of a script over, at the script's own
// pace if there is a speed, and draws how many were sent and how many the brokers have acknowledged.
type sending struct {
	to       sender
	toLabels sender // nil: there are none
	script   script
	count    int64   // of records; -1: until interrupted
	speed    float64 // seconds of event time in one second; 0: without a pace
	topic    string
	board    *screen.Board
	style    screen.Style
	begun    time.Time
	now      func() time.Time

	sent     int64
	labelled int64
	first    float64 // event time of the first message
	last     float64 // ... and of the last
	drawn    time.Time
	acked    int64     // when last looked
	moved    time.Time // when acked last grew
	stuck    bool
}

const (
	drawEvery  = 200 * time.Millisecond
	stuckAfter = 5 * time.Second
)

// run returns nil when all is handed over, or the first error.
func (s *sending) run(ctx context.Context) error {
	s.moved = s.begun
	for {
		e, more := s.script.next()
		if !more {
			return nil
		}
		if s.sent+s.labelled == 0 {
			s.first = e.at
		}
		s.last = e.at
		if err := s.pace(ctx, e.at); err != nil {
			return err
		}
		to, counted := s.to, &s.sent
		if e.label {
			to, counted = s.toLabels, &s.labelled
		}
		if err := to.Send(ctx, e.key, e.value); err != nil {
			return err
		}
		*counted++
		if now := s.now(); now.Sub(s.drawn) >= drawEvery {
			s.drawn = now
			s.watch(now)
		}
	}
}

// pace waits until a message of that event time is due, and draws meanwhile.
func (s *sending) pace(ctx context.Context, at float64) error {
	if s.speed <= 0 {
		return nil
	}
	due := s.begun.Add(time.Duration((at - s.first) / s.speed * float64(time.Second)))
	for {
		left := due.Sub(s.now())
		if left <= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(left, drawEvery)):
			s.watch(s.now())
		}
	}
}

// watch draws, and warns once when messages go out and nothing is acknowledged.
func (s *sending) watch(now time.Time) {
	result := s.to.Sent()
	if result.Delivered > s.acked || result.Delivered == s.sent {
		s.acked, s.moved, s.stuck = result.Delivered, now, false
	}
	if !s.stuck && now.Sub(s.moved) >= stuckAfter {
		s.stuck = true
		s.board.Say(s.style.Warn(fmt.Sprintf("Nothing was acknowledged for %s; the brokers may be away. Waiting for them; Ctrl-C ends.", screen.Span(now.Sub(s.moved)))))
	}
	s.board.Draw(s.lines(result))
}

func (s *sending) lines(result stream.Sent) []screen.Line {
	took := s.now().Sub(s.begun)
	text := fmt.Sprintf("%s sent, %s acknowledged", screen.Count(s.sent), screen.Count(result.Delivered))
	if s.toLabels != nil {
		text += fmt.Sprintf(", %s labels", screen.Count(s.labelled))
	}
	if s.last > 0 {
		text += ", at " + time.UnixMilli(int64(s.last*1000)).UTC().Format("2006-01-02 15:04")
	}
	if result.Failed > 0 {
		text += ", " + s.style.Bad(screen.Count(result.Failed)+" failed")
	}
	bar := ""
	if s.count > 0 {
		share := float64(result.Delivered) / float64(s.count)
		bar = fmt.Sprintf("%s %3.0f %%  ", screen.Bar(share, 30), 100*share)
	}
	line := screen.Line{Key: "send", Live: fmt.Sprintf("Send   %s%s  %s  %s", bar, text, screen.Rate(float64(s.sent)/max(took.Seconds(), 1e-3)), s.topic)}
	if s.speed > 0 {
		line.Live += fmt.Sprintf(", %gx", s.speed)
	}
	if step := int64(took / (5 * time.Second)); step > 0 && !s.stuck { // a log gets a line every five seconds
		line.Key, line.Plain = fmt.Sprintf("send %d", step), "Send "+text
		if s.board.Said(line.Key) {
			line.Plain = ""
		}
	}
	return []screen.Line{line}
}
