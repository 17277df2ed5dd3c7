package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"temporal-streaming/starter/internal/screen"
)

// console is where output goes: tables for people, or JSON for scripts.
type console struct {
	out, err io.Writer
	json     bool
	noColor  bool
	now      func() time.Time
	fails    error // the first write to standard output that failed
}

// people is where text for people goes: standard error if standard output is JSON.
func (c *console) people() io.Writer {
	if c.json {
		return c.err
	}
	return c.out
}

// say prints text for people.
func (c *console) say(format string, args ...any) {
	if _, err := fmt.Fprintf(c.people(), format, args...); err != nil && c.fails == nil {
		c.fails = err
	}
}

// emit prints one JSON value on a line of its own.
func (c *console) emit(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return c.line(line)
}

// line prints bytes and a newline to standard output.
func (c *console) line(b []byte) error {
	if _, err := c.out.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}

func (c *console) style() screen.Style {
	return screen.Style{Color: !c.noColor && isTerminal(c.people())}
}

func (c *console) errStyle() screen.Style {
	return screen.Style{Color: !c.noColor && isTerminal(c.err)}
}

// board is for lines that change while something runs.
func (c *console) board() *screen.Board {
	width, height := size(c.people())
	return screen.NewBoard(c.people(), c.live(), width, height)
}

// live reports that people watch on a terminal, where lines can be drawn again.
func (c *console) live() bool { return isTerminal(c.people()) }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// atTerminal reports that a person can type into r.
func atTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// size is that of a terminal in cells; it bounds nothing if w is none.
func size(w io.Writer) (width, height int) {
	if f, ok := w.(*os.File); ok {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 && height > 0 {
			return width, height
		}
	}
	return 0, 0
}
