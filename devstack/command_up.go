package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"temporal-streaming/devstack/internal/control"
)

// commandUp starts devstack run in the background, unless one runs already, and waits until all can be used. It shows
// what the other prints meanwhile. Ctrl-C ends the waiting and the devstack that was being started.
func commandUp(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse("up", args, true, stderr)
	if err != nil {
		return err
	}
	if err := o.none(); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	people := stdout
	if o.json {
		people = stderr
	}
	here, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find working directory: %w", err)
	}
	if err := o.enter(true); err != nil {
		return err
	}
	running, err := control.Running()
	if err != nil {
		return err
	}
	wait := waiting{people: people, ended: make(chan error, 1)}
	if running {
		fmt.Fprintln(people, "a devstack runs on", o.Data, "already")
	} else if err := wait.launch(program, withoutJSON(args), here, o.Log("devstack")); err != nil {
		return err
	}
	answer, err := wait.ready(ctx)
	if err != nil {
		return err
	}
	if running || o.json { // the one that was launched has shown its table itself
		show(answer, o.json, stdout)
	}
	return nil
}

// withoutJSON takes --json out: that is for the one who waits, the log is for people.
func withoutJSON(args []string) []string {
	var rest []string
	for _, arg := range args {
		if arg != "--json" && arg != "-json" {
			rest = append(rest, arg)
		}
	}
	return rest
}

// waiting follows a devstack that is starting.
type waiting struct {
	people io.Writer
	log    *os.File // what the one that was launched prints; nil when it was there before
	child  *os.Process
	ended  chan error
}

// launch starts devstack run in a session of its own, which no closing terminal and no Ctrl-C reaches.
func (w *waiting) launch(program string, args []string, dir, log string) error {
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer output.Close()
	if w.log, err = os.Open(log); err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	if _, err := w.log.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	cmd := exec.Command(program, append([]string{"run"}, args...)...)
	cmd.Dir = dir // relative flags mean what they meant to us
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	w.child = cmd.Process
	go func() { w.ended <- cmd.Wait() }()
	return nil
}

// ready returns when every service can be used, or the devstack has ended.
func (w *waiting) ready(ctx context.Context) (control.Answer, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return control.Answer{}, w.abandon()
		case <-w.ended:
			w.copyLog()
			running, err := control.Running()
			if err != nil || !running {
				return control.Answer{}, errors.Join(errors.New("the stack did not start; the reason is above"), err)
			}
			w.child, w.ended = nil, nil // another up was faster: wait for its devstack
		case <-tick.C:
			w.copyLog()
			answer, err := control.Ask(ctx, control.Request{Verb: "status"})
			switch {
			case err == nil && answer.Ready:
				w.copyLog()
				return answer, nil
			case errors.Is(err, control.ErrNotRunning) && w.child == nil:
				if running, lockErr := control.Running(); lockErr != nil || !running {
					return control.Answer{}, errors.Join(errors.New("the devstack that was starting has ended: see log/devstack.log in the data folder"), lockErr)
				}
			case err != nil && !errors.Is(err, control.ErrNotRunning) && ctx.Err() == nil:
				return control.Answer{}, err
			}
		}
	}
}

// abandon ends the devstack that was launched, and waits for it.
func (w *waiting) abandon() error {
	if w.child == nil {
		return errors.New("interrupted; the devstack that was starting goes on")
	}
	if err := w.child.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("interrupted; end process %d: %w", w.child.Pid, err)
	}
	<-w.ended
	w.copyLog()
	return errors.New("interrupted; everything that was started is stopped again")
}

func (w *waiting) copyLog() {
	if w.log != nil {
		_, _ = io.Copy(w.people, w.log) // for the eye only: the log itself stays
	}
}
