package main

import (
	"errors"
	"fmt"
	"strings"
)

// problem is an error for a person: what went wrong, and what to do next.
type problem struct {
	what error
	next string
	code int // exit code; 0 is exitFailed
}

func (p *problem) Error() string { return p.what.Error() }
func (p *problem) Unwrap() error { return p.what }

// fail pairs an error with what to do next.
func fail(what error, next string, args ...any) error {
	return &problem{what: what, next: fmt.Sprintf(next, args...)}
}

// misuse is a wrong command line.
func misuse(next string, what string, args ...any) error {
	return &problem{what: fmt.Errorf(what, args...), next: next, code: exitUsage}
}

// ended is how a command ends that did its work but exits with another code than 0.
type ended struct{ code int }

func (e ended) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// failure is what --json prints when a command fails.
type failure struct {
	Error string `json:"error"`
	Next  string `json:"next,omitempty"`
	Exit  int    `json:"exit"`
}

// report tells a person or a script what went wrong and returns the exit code.
func (a *app) report(command string, err error) int {
	var done ended
	if errors.As(err, &done) {
		return done.code
	}
	f := failure{Error: strings.TrimSpace(err.Error()), Exit: exitFailed}
	var p *problem
	if errors.As(err, &p) {
		f.Next = p.next
		if p.code != 0 {
			f.Exit = p.code
		}
	}
	style := a.console.errStyle()
	fmt.Fprintf(a.console.err, "%s %s\n", style.Bad(command+":"), f.Error)
	if f.Next != "" {
		fmt.Fprintln(a.console.err, f.Next)
	}
	if a.console.json {
		if err := a.console.emit(f); err != nil {
			fmt.Fprintln(a.console.err, err)
		}
	}
	return f.Exit
}
