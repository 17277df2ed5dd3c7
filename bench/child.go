package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// child is a program that is measured from outside: the worker, or one of this program's
// own child modes.
type child struct {
	cmd     *exec.Cmd
	said    *saying
	log     io.Writer      // where all that it says is kept, besides; may be nil
	ready   chan struct{}  // closed when it is a worker that polls
	name    atomic.Value   // string: the identity that a worker gave itself; set before ready is closed
	running chan time.Time // when it said that it has its partitions; once for each time
	exited  chan struct{}
	err     error // of Wait, once exited is closed
}

// runsLine is what the loop logs when its session is open: it has its partitions and
// polls from here on. The bare loop prints the same.
const runsLine = "stream runs"

// readyLine is what the worker logs when it polls for work, with its identity.
const readyLine = "worker is ready"

// start starts a worker.
func (s *site) start() (*child, error) { return s.startWorker(nil) }

// startWorker starts a worker and keeps all that it says.
func (s *site) startWorker(log io.Writer) (*child, error) {
	cmd := exec.Command(s.worker)
	// Slots, from which identities are made, are locked below the temporary folder: with
	// one of its own the worker is slot 0 again after each kill, whatever else runs here.
	cmd.Env = append(slices.Clone(s.environ), "WORKER_METRICS_ADDRESS=127.0.0.1:0", "TMPDIR="+s.dir, "LOG_LEVEL=info",
		"WORKER_CACHE="+filepath.Join(s.dir, "models"))
	return launch(cmd, nil, log)
}

// launchSelf starts this program again in one of its child modes.
func (s *site) launchSelf(mode string, task []byte) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", mode, err)
	}
	cmd := exec.Command(self, mode)
	cmd.Env = s.environ
	cmd.Dir = s.bench.root
	return launch(cmd, task, nil)
}

func launch(cmd *exec.Cmd, task []byte, log io.Writer) (*child, error) {
	c := &child{
		cmd: cmd, said: &saying{}, log: log, ready: make(chan struct{}), running: make(chan time.Time, 64), exited: make(chan struct{}),
	}
	cmd.Stdin = strings.NewReader(string(task))
	bind(cmd)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	go func() {
		c.listen(stderr)
		c.err = cmd.Wait()
		close(c.exited)
	}()
	return c, nil
}

func (c *child) listen(stderr io.Reader) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		now := time.Now()
		if c.identity() == "" && strings.Contains(lines.Text(), readyLine) {
			c.name.Store(logged(lines.Text(), "identity"))
			close(c.ready)
		}
		if strings.Contains(lines.Text(), runsLine) {
			select {
			case c.running <- now:
			default: // nobody asks any more
			}
		}
		line := append(lines.Bytes(), '\n')
		_, _ = c.said.Write(line) // never fails
		if c.log != nil {
			_, _ = c.log.Write(line) // a full disk is no reason to hold up who is watched
		}
	}
	_, _ = io.Copy(io.Discard, stderr) // after a line that was too long
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// runs waits until the child has its partitions.
func (c *child) runs(ctx context.Context) (time.Time, error) {
	select {
	case at := <-c.running:
		return at, nil
	case <-c.exited:
		return time.Time{}, c.failure()
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("wait for the stream to run: %w; the program said:\n%s", ctx.Err(), c.said)
	}
}

func (c *child) failure() error {
	return fmt.Errorf("%s ended: %v; it said:\n%s", c.cmd.Path, c.err, c.said)
}

// identity is the name that a worker gave itself, once it is ready.
func (c *child) identity() string {
	name, _ := c.name.Load().(string)
	return name
}

// logged finds the value of an attribute in a line of a log.
func logged(line, attribute string) string {
	_, rest, _ := strings.Cut(line, " "+attribute+"=")
	value, _, _ := strings.Cut(rest, " ")
	return value
}

// polls waits until a worker is ready.
func (c *child) polls(ctx context.Context) error {
	select {
	case <-c.ready:
		return nil
	case <-c.exited:
		return c.failure()
	case <-ctx.Done():
		return fmt.Errorf("wait for the worker: %w; it said:\n%s", ctx.Err(), c.said)
	}
}

// kill is kill -9. It returns when nothing of the process is left.
func (c *child) kill() error {
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", c.cmd.Path, err)
	}
	<-c.exited
	return nil
}

// stop asks the child to end, and waits for it.
func (c *child) stop() error {
	select {
	case <-c.exited:
		return c.failure()
	default:
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w", c.cmd.Path, err)
	}
	select {
	case <-c.exited:
	case <-time.After(time.Minute):
		return fmt.Errorf("stop %s: it still runs after a minute; killing it: %v", c.cmd.Path, c.kill())
	}
	if c.err != nil {
		return c.failure()
	}
	return nil
}
