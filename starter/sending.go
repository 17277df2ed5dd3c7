package main

import (
	"context"
	"fmt"
	"time"

	"temporal-streaming/internal/stream"
	"temporal-streaming/starter/internal/screen"
)

// sending is one run of send: it hands rows over, in a circle if need be, and draws
// how many were sent and how many the brokers have acknowledged.
type sending struct {
	to       sender
	messages *messages
	rows     int
	count    int64 // -1: until interrupted
	topic    string
	board    *screen.Board
	style    screen.Style
	begun    time.Time
	now      func() time.Time

	sent  int64
	drawn time.Time
	acked int64     // when last looked
	moved time.Time // when acked last grew
	stuck bool
}

const (
	drawEvery  = 200 * time.Millisecond
	stuckAfter = 5 * time.Second
)

// run returns nil when all is handed over, or the first error.
func (s *sending) run(ctx context.Context) error {
	s.moved = s.begun
	for s.count < 0 || s.sent < s.count {
		key, value := s.messages.encode(int(s.sent%int64(s.rows)), s.sent)
		if err := s.to.Send(ctx, key, value); err != nil {
			return err
		}
		s.sent++
		if now := s.now(); now.Sub(s.drawn) >= drawEvery {
			s.drawn = now
			s.watch(now)
		}
	}
	return nil
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
	if result.Failed > 0 {
		text += ", " + s.style.Bad(screen.Count(result.Failed)+" failed")
	}
	bar := ""
	if s.count > 0 {
		share := float64(result.Delivered) / float64(s.count)
		bar = fmt.Sprintf("%s %3.0f %%  ", screen.Bar(share, 30), 100*share)
	}
	line := screen.Line{Key: "send", Live: fmt.Sprintf("Send   %s%s  %s  %s", bar, text, screen.Rate(float64(s.sent)/max(took.Seconds(), 1e-3)), s.topic)}
	if step := int64(took / (5 * time.Second)); step > 0 && !s.stuck { // a log gets a line every five seconds
		line.Key, line.Plain = fmt.Sprintf("send %d", step), "Send "+text
		if s.board.Said(line.Key) {
			line.Plain = ""
		}
	}
	return []screen.Line{line}
}
