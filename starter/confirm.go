package main

import (
	"bufio"
	"context"
	"errors"
	"strings"
)

// confirm asks the person at the terminal. Without one, --yes is the only consent.
func (a *app) confirm(ctx context.Context, question string) error {
	if !a.interactive {
		return misuse("Look at what it would do, and give --yes.", "nobody is there to be asked; nothing was done")
	}
	a.console.say("%s Type yes to go on: ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.in).ReadString('\n') // an error leaves no yes
		answer <- line
	}()
	select {
	case line := <-answer:
		if strings.EqualFold(strings.TrimSpace(line), "yes") {
			return nil
		}
		return fail(errors.New("not confirmed; nothing was done"), "Run it again and type yes.")
	case <-ctx.Done():
		return &problem{what: errors.New("interrupted; nothing was done"), code: exitDetached}
	}
}
