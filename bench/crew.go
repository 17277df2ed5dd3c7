package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// crew is the workers of a chaos run. What they say is kept in files.
type crew struct {
	site *site
	logs string

	mu      sync.Mutex
	members []*member // those that were not killed, in the order of their coming
	hired   int
	deserts []error // of workers that ended by themselves
}

// member is one worker process.
type member struct {
	*child
	number int
	file   *os.File
	hit    bool // by a fault that is not over
	killed bool
}

func (m *member) String() string {
	if name := m.identity(); name != "" {
		return fmt.Sprintf("worker %d (%s)", m.number, name)
	}
	return fmt.Sprintf("worker %d", m.number)
}

// hire starts a worker. It does not wait for it, since Temporal may be away.
func (c *crew) hire() (*member, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hired++
	file, err := os.Create(filepath.Join(c.logs, fmt.Sprintf("worker-%03d.log", c.hired)))
	if err != nil {
		return nil, fmt.Errorf("keep a worker's log: %w", err)
	}
	child, err := c.site.startWorker(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	m := &member{child: child, number: c.hired, file: file}
	c.members = append(c.members, m)
	go c.mind(m)
	return m, nil
}

// mind notices a worker that ends without having been killed.
func (c *crew) mind(m *member) {
	<-m.exited
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members = slices.DeleteFunc(c.members, func(other *member) bool { return other == m })
	if !m.killed {
		c.deserts = append(c.deserts, fmt.Errorf("worker %d ended by itself: %w", m.number, m.failure()))
	}
	_ = m.file.Close() // it is a log
}

var errAllDown = errors.New("every worker is down already")

// pick chooses a worker for a fault: among those that no other fault has hit, and rather
// one that runs shards.
func (c *crew) pick(number uint64, holders []string) (*member, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var free, holding []*member
	for _, m := range c.members {
		if m.hit {
			continue
		}
		free = append(free, m)
		if slices.Contains(holders, m.identity()) {
			holding = append(holding, m)
		}
	}
	if len(holding) > 0 {
		free = holding
	}
	if len(free) == 0 {
		return nil, errAllDown
	}
	m := free[number%uint64(len(free))]
	m.hit = true
	return m, nil
}

// kill is kill -9. It returns when nothing of the process is left.
func (c *crew) kill(m *member) error {
	c.mu.Lock()
	m.killed = true
	c.mu.Unlock()
	return m.kill()
}

// freeze stops a worker with SIGSTOP.
func (c *crew) freeze(m *member) error { return c.signal(m, syscall.SIGSTOP) }

// thaw lets it go on.
func (c *crew) thaw(m *member) error {
	c.mu.Lock()
	m.hit = false
	c.mu.Unlock()
	return c.signal(m, syscall.SIGCONT)
}

func (c *crew) signal(m *member, s syscall.Signal) error {
	if err := m.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("signal %v to %v: %w", s, m, err)
	}
	return nil
}

// deserted is what the workers that ended by themselves said.
func (c *crew) deserted() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(c.deserts...)
}

// ready waits until all workers poll.
func (c *crew) ready(ctx context.Context) error {
	c.mu.Lock()
	members := slices.Clone(c.members)
	c.mu.Unlock()
	for _, m := range members {
		if err := m.polls(ctx); err != nil {
			return err
		}
	}
	return nil
}

// dismiss kills all that are left.
func (c *crew) dismiss() {
	c.mu.Lock()
	members := slices.Clone(c.members)
	c.mu.Unlock()
	for _, m := range members {
		if err := c.kill(m); err != nil {
			c.site.bench.say("%v", err)
		}
	}
}
