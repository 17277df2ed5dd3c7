package screen

import (
	"fmt"
	"io"
	"strings"
)

// Board shows lines that change, such as the steps of a run. On a terminal it
// redraws them in place; elsewhere it prints a line again only when what it says
// has changed, so that a log shows the course of things and nothing twice.
//
// It is not safe for concurrent use: one loop draws.
type Board struct {
	out   io.Writer
	live  bool
	width int               // cells; 0 does not bound
	tall  int               // lines that fit; 0 does not bound
	drawn int               // lines on the terminal
	said  map[string]string // what was printed last for a line, when not live
}

// Line is one line of a board. Key tells it from the others and stays the same;
// Live is drawn on terminals. Plain is what a log gets: empty for nothing yet.
type Line struct{ Key, Live, Plain string }

// NewBoard draws on out; live says that out is a terminal of that many cells.
func NewBoard(out io.Writer, live bool, width, height int) *Board {
	return &Board{out: out, live: live, width: width, tall: height - 1, said: map[string]string{}}
}

// Draw shows the lines in place of those drawn before.
func (b *Board) Draw(lines []Line) {
	if !b.live {
		b.print(lines)
		return
	}
	if b.tall > 0 && len(lines) > b.tall {
		lines = lines[:b.tall] // what scrolls away cannot be drawn again
	}
	var frame strings.Builder
	b.up(&frame)
	for _, l := range lines {
		fmt.Fprintf(&frame, "%s\x1b[K\n", Cut(l.Live, b.width))
	}
	b.drawn = len(lines)
	io.WriteString(b.out, frame.String()) // a screen that is gone shows nothing; the run goes on
}

// Say prints a message above the lines, which the next Draw shows again below it.
func (b *Board) Say(message string) {
	var frame strings.Builder
	b.up(&frame)
	frame.WriteString(strings.TrimRight(message, "\n") + "\n")
	b.drawn = 0
	io.WriteString(b.out, frame.String())
}

// Leave keeps what was drawn last; what is printed from now on follows below.
func (b *Board) Leave() { b.drawn = 0 }

// up returns to the first drawn line and clears from there.
func (b *Board) up(frame *strings.Builder) {
	if b.drawn > 0 {
		fmt.Fprintf(frame, "\x1b[%dA\x1b[J", b.drawn)
	}
}

func (b *Board) print(lines []Line) {
	for _, l := range lines {
		if l.Plain != "" && b.said[l.Key] != l.Plain {
			b.said[l.Key] = l.Plain
			fmt.Fprintln(b.out, l.Plain)
		}
	}
}

// Said reports whether a log already has a line of this key.
func (b *Board) Said(key string) bool { return b.said[key] != "" }
