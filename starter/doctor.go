package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/config"
	"temporal-streaming/starter/internal/screen"
)

// Verdicts of a check.
const (
	checkOK   = "ok"
	checkWarn = "warn" // works, or will when something is started
	checkFail = "fail"
)

// finding is one line of doctor.
type finding struct {
	Service string `json:"service"`
	Check   string `json:"check"`
	Verdict string `json:"verdict"` // ok, warn or fail
	Detail  string `json:"detail"`
	Fix     string `json:"fix,omitempty"`
}

// doctorAnswer is what --json prints.
type doctorAnswer struct {
	OK       bool      `json:"ok"`
	Findings []finding `json:"findings"`
}

// checkFor is how long one check may take; all run at once.
const checkFor = 3 * time.Second

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check every service, credential, topic, bucket and version, and say what to fix",
		Long: `Checks all that the program needs, at once, in a few seconds. It changes nothing but a
probe object in the bucket and a transactional id of its own. Exit code 1 if a check fails;
a warning is something that is missing but need not be there yet.`,
		Example: "  starter doctor\n  starter doctor --json | jq '.findings[] | select(.verdict != \"ok\")'",
		Args:    none,
		RunE:    func(c *cobra.Command, _ []string) error { return a.doctor(c.Context()) },
	}
}

func (a *app) doctor(ctx context.Context) error {
	cfg, err := a.settings()
	if err != nil {
		return err
	}
	checks := []func(*diagnosis, context.Context){
		(*diagnosis).temporal, (*diagnosis).brokers, (*diagnosis).transactions, (*diagnosis).bucket,
		(*diagnosis).mlflow, (*diagnosis).pipelines, (*diagnosis).worker,
	}
	found := make([][]finding, len(checks))
	var all sync.WaitGroup
	for i, check := range checks {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, checkFor)
			defer cancel()
			d := &diagnosis{app: a, cfg: cfg}
			check(d, ctx)
			found[i] = d.findings
		})
	}
	all.Wait()
	answer := doctorAnswer{OK: true, Findings: slices.Concat(found...)}
	for _, f := range answer.Findings {
		answer.OK = answer.OK && f.Verdict != checkFail
	}
	a.console.say("%s", doctorScreen(a.console.style(), answer))
	if err := a.emitJSON(answer); err != nil {
		return err
	}
	if !answer.OK {
		return ended{exitFailed}
	}
	return nil
}

// diagnosis collects the findings of one check.
type diagnosis struct {
	app      *app
	cfg      config.Config
	findings []finding
}

func (d *diagnosis) ok(service, check, detail string, args ...any) {
	d.findings = append(d.findings, finding{Service: service, Check: check, Verdict: checkOK, Detail: fmt.Sprintf(detail, args...)})
}

func (d *diagnosis) warn(service, check, detail, fix string) {
	d.findings = append(d.findings, finding{Service: service, Check: check, Verdict: checkWarn, Detail: detail, Fix: fix})
}

func (d *diagnosis) fail(service, check, detail, fix string) {
	d.findings = append(d.findings, finding{Service: service, Check: check, Verdict: checkFail, Detail: detail, Fix: fix})
}

// problem records an error together with what the commands would advise.
func (d *diagnosis) problem(service, check string, err error) {
	next := ""
	var p *problem
	if errors.As(err, &p) {
		next = p.next
	}
	d.fail(service, check, strings.TrimSpace(err.Error()), next)
}

func doctorScreen(s screen.Style, answer doctorAnswer) string {
	out, service := "", ""
	for _, f := range answer.Findings {
		mark := s.Good("ok  ")
		switch f.Verdict {
		case checkWarn:
			mark = s.Warn("warn")
		case checkFail:
			mark = s.Bad("fail")
		}
		name := f.Service
		if name == service {
			name = ""
		}
		service = f.Service
		out += fmt.Sprintf("%s  %s  %s  %s\n", mark, s.Strong(screen.Pad(name, 9)), screen.Pad(f.Check, 19), f.Detail)
		if f.Fix != "" {
			out += fmt.Sprintf("%s%s %s\n", strings.Repeat(" ", 38), s.Accent("→"), f.Fix)
		}
	}
	if answer.OK {
		return out + "\n" + s.Good("Everything that is needed works.") + "\n"
	}
	return out + "\n" + s.Bad("Something is wrong; the arrows say what to do.") + "\n"
}
