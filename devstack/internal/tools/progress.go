package tools

import (
	"fmt"
	"io"
	"time"
)

// Progress shows long steps to a person: a line when one begins, one every two seconds while it lasts, one when it ends.
type Progress struct{ Out io.Writer }

// During runs a step.
func (p Progress) During(what string, step func() error) error {
	began := time.Now()
	p.line("%s ...", what)
	result := make(chan error, 1)
	go func() { result <- step() }()
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-result:
			if err == nil {
				p.line("%s: done in %.1f s", what, time.Since(began).Seconds())
			}
			return err
		case <-tick.C:
			p.line("%s ... %.0f s", what, time.Since(began).Seconds())
		}
	}
}

func (p Progress) line(format string, args ...any) {
	fmt.Fprintf(p.Out, "  "+format+"\n", args...) // a closed terminal must not fail an installation
}
