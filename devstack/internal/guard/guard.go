// Package guard runs child processes that cannot outlive the process that started them.
//
// It guarantees that every process of a child's group is gone once Done is closed, and that none is left when the
// starting process itself dies, even by kill -9, which no handler of ours can see:
//
//	child, err := guard.Start(guard.Command{Path: "/usr/bin/java", Args: []string{"-version"}, Log: file})
//	...
//	child.Stop(8 * time.Second) // SIGTERM to the group, SIGKILL to what is left after 8 s
//
// The means is a pipe. The child begins as a shell in a process group of its own; the shell leaves a watcher behind that
// reads the pipe, and becomes the command by exec. Nobody writes to the pipe: the watcher's read ends when the last
// writer, which is us, is gone, and then it kills its group. Because the shell starts the watcher before it becomes the
// command, there is no moment at which the command runs unwatched.
package guard

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// script ignores the signals of an orderly stop in the watcher only: the command must see them, the watcher must stay.
const script = `( trap '' TERM INT HUP; read _ <&3; kill -9 0 ) >/dev/null 2>&1 & exec 3<&-; exec "$@"`

// Command is what to run. Both output streams go to Log.
type Command struct {
	Path string
	Args []string
	Env  []string // the whole environment, as in exec.Cmd
	Dir  string
	Log  *os.File
}

// Child is a running command with its process group.
type Child struct {
	cmd  *exec.Cmd
	pipe *os.File
	done chan struct{}
	err  error
}

// Start runs the command in a new process group under a watcher.
func Start(c Command) (*Child, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	defer read.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "sh", c.Path}, c.Args...)...)
	cmd.Env, cmd.Dir = c.Env, c.Dir
	cmd.Stdout, cmd.Stderr = c.Log, c.Log
	cmd.ExtraFiles = []*os.File{read} // becomes descriptor 3
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		write.Close()
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	child := &Child{cmd: cmd, pipe: write, done: make(chan struct{})}
	go child.wait()
	return child, nil
}

// wait sweeps the group as soon as its leader has ended: a server's worker processes would otherwise hold its port.
// The watcher is still a member at that time, so the group's number cannot have been given to anybody else.
func (c *Child) wait() {
	c.err = c.cmd.Wait()
	c.signal(syscall.SIGKILL)
	c.pipe.Close()
	awaitGroup(c.cmd.Process.Pid, 5*time.Second)
	close(c.done)
}

// PID is the command's process id, which is also the number of its process group.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Done is closed when the command and everything in its group have ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Err says how the command ended; nil is an exit with status 0. Call it after Done is closed.
func (c *Child) Err() error {
	<-c.done
	return c.err
}

// Kill ends the group at once with SIGKILL and waits for its end.
func (c *Child) Kill() {
	c.signal(syscall.SIGKILL)
	<-c.done
}

// Stop asks the group to end with SIGTERM, and kills what is left after grace.
func (c *Child) Stop(grace time.Duration) {
	c.signal(syscall.SIGTERM)
	c.signal(syscall.SIGCONT) // a frozen process would otherwise never see the request
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
		c.Kill()
	}
}

// signal reaches every process of the group. A group that has ended is not an error.
func (c *Child) signal(s syscall.Signal) {
	select {
	case <-c.done:
		return // the number may belong to somebody else by now
	default:
	}
	if err := syscall.Kill(-c.PID(), s); err != nil && !errors.Is(err, syscall.ESRCH) {
		// EPERM would mean a setuid child, which none of ours is: there is nobody to hand this to but the log.
		fmt.Fprintf(os.Stderr, "signal %v to group %d: %v\n", s, c.PID(), err)
	}
}
