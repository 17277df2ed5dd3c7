// Package supervise keeps a set of services running, each a child process that is checked by using it.
//
// A service counts as ready when its Ready function has returned nil, never because a process runs or a port answers.
// A service that dies is started again, after a pause that doubles from death to death; one that dies too often, or
// before it was ever ready, ends the whole set with an error that says what happened and where its log is.
//
//	set := supervise.New(services, os.Stdout)
//	err := set.Run(ctx) // until ctx ends (nil) or a service is given up (its error); no child is left in either case
//
// Stop, Start and Kill act on one service from another goroutine, for tests of what happens around a fault.
package supervise

import (
	"context"
	"time"

	"temporal-streaming/devstack/internal/guard"
)

// Service says how to run one service and how to tell that it can be used.
type Service struct {
	Name string
	URL  string // where it is used
	Note string // for people: what else is worth knowing
	Log  string // path of the log file, appended to

	// Command is asked for at each start; its Log is filled in here.
	Command func() (guard.Command, error)

	// Ready uses the service once, the way its users will, and creates in it what they expect to find (topics,
	// buckets). It is called again and again until it returns nil, and so must be idempotent.
	Ready func(context.Context) error

	StartWithin time.Duration // from start to ready; default 2 minutes
	StopWithin  time.Duration // from SIGTERM to SIGKILL; default 8 seconds
}

func (s Service) withDefaults() Service {
	if s.StartWithin == 0 {
		s.StartWithin = 2 * time.Minute
	}
	if s.StopWithin == 0 {
		s.StopWithin = 8 * time.Second
	}
	return s
}

// State is what a service is doing.
type State string

const (
	Starting State = "starting" // its process runs, or will after a pause, but it cannot be used yet
	Ready    State = "ready"    // it was used
	Stopped  State = "stopped"  // on request, until Start
	Failed   State = "failed"   // given up
)

// Status is a service as it is at one moment.
type Status struct {
	Name     string `json:"name"`
	URL      string `json:"url"`
	Note     string `json:"note,omitempty"`
	State    State  `json:"state"`
	PID      int    `json:"pid,omitempty"` // of its process group's leader; 0 when none runs
	Restarts int    `json:"restarts"`
	Log      string `json:"log"`
}
