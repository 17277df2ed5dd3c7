package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// deaths decides how long to wait before the next start, and when to give up.
type deaths struct{ inARow int }

const (
	lastDeath  = 6               // this many in a row are too many
	longEnough = 1 * time.Minute // a run of this length was a healthy one
	firstPause = 250 * time.Millisecond
)

// next counts a death. A service that was never ready since the devstack began is given up at once: it is misconfigured,
// and its owner sits in front of the screen.
func (d *deaths) next(wasReady bool, lived time.Duration, everReady bool) (pause time.Duration, giveUp bool) {
	if wasReady && lived >= longEnough {
		d.inARow = 0
	}
	d.inARow++
	if !everReady || d.inARow >= lastDeath {
		return 0, true
	}
	return firstPause << (d.inARow - 1), false
}

// failure is the error for a service that is given up: the reason, the log's end, and the log's path.
func (u *unit) failure(err error) error {
	return fmt.Errorf("%s: %w; giving it up. The end of its log (%s):\n%s", u.service.Name, err, u.service.Log, tail(u.service.Log, 12))
}

// awaitStart waits, with the service stopped, until it is to start again; false when ctx ends first.
func (u *unit) awaitStart(ctx context.Context) bool {
	u.set(Stopped, 0)
	for {
		select {
		case <-ctx.Done():
			return false
		case r := <-u.requests:
			if r.verb == start {
				u.set(Starting, 0)
			}
			close(r.done)
			if r.verb == start {
				return true
			}
		}
	}
}

// pause waits before a restart. A request that arrives meanwhile is obeyed: start and kill cut the pause short.
func (u *unit) pause(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	case r := <-u.requests:
		close(r.done)
		if r.verb == stop || r.verb == stopNow {
			return u.awaitStart(ctx)
		}
		return true
	}
}

// exit words the end of a process.
func exit(err error) string {
	var status *exec.ExitError
	switch {
	case err == nil:
		return "exit status 0"
	case errors.As(err, &status):
		return status.Error()
	default:
		return err.Error()
	}
}

// tail returns the last lines of a log, indented; of a long log only its last part is read.
func tail(path string, lines int) string {
	const most = 16 << 10
	file, err := os.Open(path)
	if err != nil {
		return "  " + err.Error()
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > most {
		if _, err := file.Seek(-most, io.SeekEnd); err != nil {
			return "  " + err.Error()
		}
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return "  " + err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "  " + strings.Join(all[max(0, len(all)-lines):], "\n  ")
}
