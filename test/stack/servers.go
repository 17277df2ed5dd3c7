package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Servers are a running devstack, for programs and tests alike. Nothing of it outlives the process that opened it.
type Servers struct {
	// Env is the env file's content: TEMPORAL_ADDRESS, TEMPORAL_UI_URL, KAFKA_BOOTSTRAP_SERVERS, S3_ENDPOINT, S3_BUCKET,
	// AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, MLFLOW_TRACKING_URI, as far as the services run.
	Env     map[string]string
	EnvFile string
	Data    string
	Python  string // a Python with MLflow's client in it, when Temporal or MLflow was asked for

	process *process
}

// Open starts servers and returns when every service can be used. Options.Data must be given. Close them.
func Open(ctx context.Context, o Options) (*Servers, error) {
	program, err := Program()
	if err != nil {
		return nil, err
	}
	if o.Data == "" {
		return nil, errors.New("start devstack: no data folder was given")
	}
	return start(ctx, program, o.withDefaults())
}

// Close stops the servers and waits until nothing is left of them.
func (s *Servers) Close() error { return s.process.end() }

// Environ is this process's environment with the servers' variables, for exec.Cmd.
func (s *Servers) Environ() []string {
	env := os.Environ()
	for key, value := range s.Env {
		env = append(env, key+"="+value) // the last one counts
	}
	return env
}

// Brokers is Kafka's address.
func (s *Servers) Brokers() string { return s.Env["KAFKA_BOOTSTRAP_SERVERS"] }

// SASLBrokers is Kafka's address for those who have credentials.
func (s *Servers) SASLBrokers() string { return s.Env["KAFKA_SASL_BOOTSTRAP_SERVERS"] }

// Quota limits what a client may send to each broker and fetch from it, in bytes a second; 0 is no limit.
func (s *Servers) Quota(ctx context.Context, client string, produce, fetch int) error {
	return s.do(ctx, "quota", client, "--produce", strconv.Itoa(produce), "--fetch", strconv.Itoa(fetch))
}

// Kill sends SIGKILL to a service and returns when it has been started again and can be used.
func (s *Servers) Kill(ctx context.Context, service string) error { return s.do(ctx, "kill", service) }

// Stop asks a service to end and returns when it has; it stays down until StartService.
func (s *Servers) Stop(ctx context.Context, service string) error { return s.do(ctx, "stop", service) }

// StopNow ends a service by SIGKILL; it stays down until StartService.
func (s *Servers) StopNow(ctx context.Context, service string) error {
	return s.do(ctx, "stop", service, "--now")
}

// StartService starts a stopped service and returns when it can be used.
func (s *Servers) StartService(ctx context.Context, service string) error {
	return s.do(ctx, "start", service)
}

// Freeze stops a service's processes with SIGSTOP: connections stay open and nothing answers.
func (s *Servers) Freeze(ctx context.Context, service string) error {
	return s.signal(ctx, service, syscall.SIGSTOP)
}

// Thaw lets a frozen service go on.
func (s *Servers) Thaw(ctx context.Context, service string) error {
	return s.signal(ctx, service, syscall.SIGCONT)
}

func (s *Servers) signal(ctx context.Context, service string, signal syscall.Signal) error {
	pid, err := s.PID(ctx, service)
	if err != nil {
		return err
	}
	if err := syscall.Kill(-pid, signal); err != nil { // the whole process group
		return fmt.Errorf("signal %v to %s: %w", signal, service, err)
	}
	return nil
}

// PID is the process id of a running service, which is also its process group.
func (s *Servers) PID(ctx context.Context, service string) (int, error) {
	output, err := s.devstack(ctx, "status", "--json")
	var status struct {
		Services []struct {
			Name string
			PID  int
		}
	}
	// status fails when a service is down, and still prints its answer.
	if jsonErr := json.Unmarshal(output, &status); jsonErr != nil {
		return 0, fmt.Errorf("find the process of %s: %w", service, errors.Join(err, jsonErr))
	}
	for _, found := range status.Services {
		if found.Name == service && found.PID > 0 {
			return found.PID, nil
		}
	}
	return 0, fmt.Errorf("find the process of %s: it does not run", service)
}

// verbTakes bounds a verb: the slowest is the start of a broker or of MLflow on a busy machine.
const verbTakes = 3 * time.Minute

func (s *Servers) do(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, verbTakes)
	defer cancel()
	if _, err := s.devstack(ctx, args...); err != nil {
		return fmt.Errorf("devstack %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// devstack runs a command on these servers and returns what it printed.
func (s *Servers) devstack(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.process.program, append(args, "--data", s.Data)...)
	var errors strings.Builder
	cmd.Stderr = &errors
	output, err := cmd.Output()
	if err != nil {
		return output, fmt.Errorf("%w: %s", err, strings.TrimSpace(errors.String()))
	}
	return output, nil
}

// LogFiles are the services' logs. They go with the data folder.
func (s *Servers) LogFiles() ([]string, error) {
	return filepath.Glob(filepath.Join(s.Data, "log", "*.log"))
}

// Logs is the end of each service's log, for the message of whoever failed.
func (s *Servers) Logs() string {
	const most = 2000
	var text strings.Builder
	paths, err := s.LogFiles()
	if err != nil {
		return err.Error()
	}
	fmt.Fprintf(&text, "devstack said:\n%s\n", s.process.said)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			content = []byte(err.Error())
		}
		fmt.Fprintf(&text, "%s, its end:\n%s\n", filepath.Base(path), content[max(0, len(content)-most):])
	}
	return text.String()
}
