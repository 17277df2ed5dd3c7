package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// devstack is the local stack as a child process. It ends when its standard input does,
// so it does not outlive this program, however that ends.
type devstack struct {
	program string
	data    string
	envFile string
	input   io.Closer
	exited  chan error
	said    *saying
}

// startDevstack starts some services, with Apache Kafka as the broker, on free ports.
func (b *bench) startDevstack(ctx context.Context, data string, only []string) (*devstack, error) {
	program := filepath.Join(b.root, ".devstack", "bin", "devstack")
	if _, err := os.Stat(program); errors.Is(err, fs.ErrNotExist) {
		b.say("building the devstack (a minute, once)")
		if err := b.build(ctx, filepath.Join(b.root, "devstack"), program, "."); err != nil {
			return nil, err
		}
	}
	b.say("starting %s", strings.Join(only, ", "))
	cmd := exec.Command(program, "run", "--json", "--until-eof", "--data", data, "--tools", b.tools(), "--kafka", "apache",
		"--only", strings.Join(only, ","),
		"--temporal-port", "0", "--ui-port", "0", "--s3-port", "0", "--kafka-port", "0", "--mlflow-port", "0")
	// It would answer Ctrl-C before the worker has drained.
	ownGroup(cmd)
	d := &devstack{program: program, data: data, exited: make(chan error, 1), said: &saying{}}
	cmd.Stderr = d.said
	var err error
	if d.input, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start devstack: %w", err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start devstack: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start devstack: %w", err)
	}
	ready := make(chan string, 1)
	go func() {
		var first struct {
			EnvFile string `json:"env_file"`
		}
		if json.NewDecoder(output).Decode(&first) == nil {
			ready <- first.EnvFile
		}
		_, _ = io.Copy(io.Discard, output) // until it ends
		d.exited <- cmd.Wait()
	}()
	select {
	case d.envFile = <-ready:
		return d, nil
	case err := <-d.exited:
		return nil, fmt.Errorf("start devstack: it ended (%v):\n%s", err, d.said)
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), d.end())
	}
}

// pid is the process of a running service.
func (d *devstack) pid(ctx context.Context, service string) (int, error) {
	output, err := exec.CommandContext(ctx, d.program, "status", "--json", "--data", d.data).Output()
	var status struct {
		Services []struct {
			Name string `json:"name"`
			PID  int    `json:"pid"`
		} `json:"services"`
	}
	if bad := json.Unmarshal(output, &status); bad != nil {
		return 0, fmt.Errorf("find the process of %s: %w", service, errors.Join(err, bad))
	}
	for _, s := range status.Services {
		if s.Name == service && s.PID > 0 {
			return s.PID, nil
		}
	}
	return 0, fmt.Errorf("find the process of %s: it does not run", service)
}

// end stops the services.
func (d *devstack) end() error {
	d.input.Close()
	select {
	case err := <-d.exited:
		if err != nil {
			return fmt.Errorf("stop devstack: %w:\n%s", err, d.said)
		}
		return nil
	case <-time.After(time.Minute):
		return fmt.Errorf("stop devstack: it still runs after a minute:\n%s", d.said)
	}
}

// saying keeps the end of what a child prints, for the error when it fails.
type saying struct {
	mu   sync.Mutex
	text []byte
}

const mostSaid = 8 << 10

func (s *saying) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, p...)
	if extra := len(s.text) - mostSaid; extra > 0 {
		s.text = append(s.text[:0], s.text[extra:]...)
	}
	return len(p), nil
}

func (s *saying) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(bytes.TrimSpace(s.text))
}
