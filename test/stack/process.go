package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// firstStart is long because the first devstack on a machine installs Python packages and Kafka's jars.
const firstStart = 10 * time.Minute

// process is devstack run as a child. It ends when its standard input does, so it cannot outlive this process.
type process struct {
	program string
	data    string
	input   io.Closer
	said    *said
	exited  chan error
}

// announcement is the line that devstack prints when everything can be used.
type announcement struct {
	EnvFile string `json:"env_file"`
	Python  string `json:"python"`
}

func start(ctx context.Context, program string, o Options) (*Servers, error) {
	root, err := root()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "run", "--json", "--until-eof", "--data", o.Data,
		"--tools", filepath.Join(root, ".devstack", "tools"), // shared by all: installed once
		"--only", strings.Join(o.Services, ","), "--kafka", o.Kafka,
		"--temporal-port", "0", "--ui-port", "0", "--s3-port", "0", "--kafka-port", "0", "--mlflow-port", "0")
	if o.Brokers > 0 {
		cmd.Args = append(cmd.Args, "--brokers", strconv.Itoa(o.Brokers))
	}
	if o.SASL {
		cmd.Args = append(cmd.Args, "--kafka-sasl")
	}
	for _, line := range o.KafkaSet {
		cmd.Args = append(cmd.Args, "--kafka-set", line)
	}
	// In a group of its own it does not answer Ctrl-C before those who use it have drained.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := &process{program: program, data: o.Data, said: &said{}, exited: make(chan error, 1)}
	cmd.Stderr = p.said
	if p.input, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start devstack: %w", err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start devstack: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start devstack: %w", err)
	}
	line := make(chan announcement, 1)
	go func() {
		var a announcement
		if json.NewDecoder(output).Decode(&a) == nil {
			line <- a
		}
		_, _ = io.Copy(io.Discard, output) // until it ends
		p.exited <- cmd.Wait()
	}()
	select {
	case a := <-line:
		return p.servers(a)
	case err := <-p.exited:
		return nil, fmt.Errorf("start devstack: it ended (%w):\n%s", orNil(err), p.said)
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("start devstack: %w", ctx.Err()), p.end())
	case <-time.After(firstStart):
		return nil, errors.Join(fmt.Errorf("start devstack: not ready after %v:\n%s", firstStart, p.said), p.end())
	}
}

func (p *process) servers(a announcement) (*Servers, error) {
	env, err := readEnv(a.EnvFile)
	if err != nil {
		return nil, errors.Join(err, p.end())
	}
	return &Servers{Env: env, EnvFile: a.EnvFile, Data: p.data, Python: a.Python, process: p}, nil
}

// end stops the stack and waits until nothing is left of it.
func (p *process) end() error {
	p.input.Close()
	select {
	case err := <-p.exited:
		if err != nil {
			return fmt.Errorf("end devstack: %w:\n%s", err, p.said)
		}
		return nil
	case <-time.After(time.Minute):
		return fmt.Errorf("end devstack: it still runs after a minute:\n%s", p.said)
	}
}

// readEnv reads the KEY=VALUE lines of the env file.
func readEnv(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read env file: %w", err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, found := strings.Cut(strings.TrimSpace(line), "="); found && !strings.HasPrefix(key, "#") {
			env[key] = value
		}
	}
	return env, nil
}

// said keeps what devstack prints, for the message of a test that fails.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// orNil words an exit without an error.
func orNil(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}
