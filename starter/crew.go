package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"temporal-streaming/starter/internal/control"
)

// crew watches whether anybody polls a task queue, and has something to say when
// that changes: nobody at first, somebody at last, or no Temporal at all.
type crew struct {
	temporal interface {
		Workers(ctx context.Context, queue string) (int, error)
	}
	queue string
	every time.Duration
	now   func() time.Time

	asked   time.Time
	workers int
	said    string
}

// note asks the queue, at most once in a while, and returns a sentence if there is
// news for a person.
func (c *crew) note(ctx context.Context) string {
	if !c.asked.IsZero() && c.now().Sub(c.asked) < c.every {
		return ""
	}
	c.asked = c.now()
	n, err := c.temporal.Workers(ctx, c.queue)
	say := ""
	switch {
	case errors.Is(err, control.ErrUnreachable):
		say = "Temporal does not answer. What runs goes on; waiting for it to come back."
	case err != nil:
		return "" // says nothing about workers
	case n == 0:
		say = fmt.Sprintf("No worker polls queue %q. Start one: `make worker` (or `make up` for the whole local stack). Waiting.", c.queue)
	case c.said != "":
		say = "A worker is there."
	}
	c.workers = n
	if say == c.said || (say == "A worker is there." && c.said == "") {
		return ""
	}
	c.said = say
	if n > 0 {
		c.said = ""
	}
	return say
}

// there reports whether somebody was polling when last asked.
func (c *crew) there() bool { return c.workers > 0 }
