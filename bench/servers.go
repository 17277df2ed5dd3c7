package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"temporal-streaming/internal/awake"
	"temporal-streaming/internal/config"
	"temporal-streaming/internal/connect"
	"temporal-streaming/internal/stream"
	"temporal-streaming/test/stack"
)

// serverFlags say which servers to use. A service whose address is given, by its flag or
// by the variable of the environment that the programs themselves read, is used as it is;
// the others are started. Credentials come from the environment alone.
//
//	--brokers   KAFKA_BOOTSTRAP_SERVERS   and KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_...
//	--temporal  TEMPORAL_ADDRESS          and TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_...
//	--s3        S3_ENDPOINT               and S3_BUCKET (--bucket), AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
//	--mlflow    MLFLOW_TRACKING_URI       and MLFLOW_TRACKING_USERNAME, ..._PASSWORD, ..._TOKEN
//
// On servers of somebody else's a benchmark makes topics of its own names, and deletes
// them again; it registers a model only if none is the champion; its workflows have names
// that begin with "bench-". Its worker takes any work of the Temporal namespace, so give
// it one where nothing else runs.
type serverFlags struct {
	address [4]string // in the order of services
	bucket  string
	data    string
	topicIn string
	output  string
}

// service is one of the servers that a stream needs.
type service struct {
	name, flag, variable string
	settings             []string // beginnings of the variables that are about it
}

var services = [4]service{
	{"kafka", "brokers", "KAFKA_BOOTSTRAP_SERVERS", []string{"KAFKA_"}},
	{"temporal", "temporal", "TEMPORAL_ADDRESS", []string{"TEMPORAL_"}},
	{"s3", "s3", "S3_ENDPOINT", []string{"S3_", "AWS_"}},
	{"mlflow", "mlflow", "MLFLOW_TRACKING_URI", []string{"MLFLOW_"}},
}

// without is an environment in which nothing leads to a service, so that the settings of
// the one that is started are those that count.
func (it service) without(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(pair string) bool {
		return slices.ContainsFunc(it.settings, func(begins string) bool { return strings.HasPrefix(pair, begins) })
	})
}

func (f *serverFlags) register(flags *flag.FlagSet, environ []string) {
	for i, s := range services {
		flags.StringVar(&f.address[i], s.flag, variable(environ, s.variable), "use this "+s.name+" instead of starting one ("+s.variable+")")
	}
	flags.StringVar(&f.bucket, "bucket", variable(environ, "S3_BUCKET"), "bucket for models (S3_BUCKET)")
	flags.StringVar(&f.data, "stack-data", "", "folder for what is started, kept afterwards (default: a temporary one)")
	flags.StringVar(&f.topicIn, "topic-in", variable(environ, "BENCH_TOPIC_IN"), "input topic, made and deleted (BENCH_TOPIC_IN; default: a new name)")
	flags.StringVar(&f.output, "topic-out", variable(environ, "BENCH_TOPIC_OUT"), "prefix of output topics, made and deleted (BENCH_TOPIC_OUT; default: of the input's name)")
}

func variable(environ []string, name string) string {
	for _, pair := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// site is where a benchmark runs: servers, the settings that lead to them, and the worker program.
type site struct {
	bench    *bench
	dir      string // for what is made on the way
	environ  []string
	cfg      config.Config
	kafka    stream.Kafka
	given    bool // Kafka is somebody else's
	devstack *stack.Servers
	worker   string    // the program
	cores    io.Closer // kept awake, or nil
	starter  string    // the program, where it was asked for
	topicIn  string
	output   string
}

// open starts what is missing and builds the worker. Close the site in any case.
func (b *bench) open(ctx context.Context, f serverFlags) (*site, error) {
	s := &site{bench: b, given: f.address[0] != ""}
	b.warnIfBusy()
	var err error
	if s.dir, err = os.MkdirTemp("", "bench-*"); err != nil {
		return s, fmt.Errorf("make a folder to work in: %w", err)
	}
	name := filepath.Base(s.dir)
	s.topicIn, s.output = or(f.topicIn, name+"-in"), or(f.output, name+"-out")
	b.say("building the worker")
	s.worker = filepath.Join(s.dir, "worker")
	if err := b.build(ctx, b.root, s.worker, "./worker"); err != nil {
		return s, err
	}
	var missing []string
	s.environ = slices.Clone(b.environ)
	for i, it := range services {
		if f.address[i] == "" {
			missing = append(missing, it.name)
			s.environ = it.without(s.environ)
		} else {
			s.environ = append(s.environ, it.variable+"="+f.address[i])
		}
	}
	if f.bucket != "" {
		s.environ = append(s.environ, "S3_BUCKET="+f.bucket)
	}
	envFile := filepath.Join(s.dir, "none.env")
	if len(missing) > 0 {
		if s.devstack, err = b.startDevstack(ctx, or(f.data, filepath.Join(s.dir, "stack")), missing); err != nil {
			return s, err
		}
		envFile = s.devstack.EnvFile
	} else if err := os.WriteFile(envFile, nil, 0o600); err != nil {
		return s, fmt.Errorf("make a folder to work in: %w", err)
	}
	// The environment wins over the file, so what was given stays given.
	s.environ = append(s.environ, "TEMPORAL_STREAMING_ENV="+envFile)
	if s.cfg, err = config.Load(s.environ); err != nil {
		return s, err
	}
	s.kafka = connect.Kafka(s.cfg.Kafka)
	if s.cfg.Worker.Awake { // for all that is measured beside the worker, too
		if s.cores, err = awake.Hold(); err != nil {
			return s, fmt.Errorf("%w: run this as root, or without WORKER_AWAKE", err)
		}
		b.awake = true
	}
	return s, nil
}

// close deletes topics that were made on somebody else's brokers, and everything else that was started.
func (s *site) close(topics ...string) {
	ctx := context.Background()
	if s.given && len(topics) > 0 {
		if err := stream.DeleteTopics(ctx, s.kafka, topics...); err != nil {
			s.bench.say("%v; delete them by hand", err)
		}
	}
	if s.devstack != nil {
		s.bench.say("stopping the servers")
		if err := s.devstack.Close(); err != nil {
			s.bench.say("%v", err)
		}
	}
	if s.cores != nil {
		s.cores.Close()
	}
	if s.dir != "" {
		if err := os.RemoveAll(s.dir); err != nil {
			s.bench.say("remove %s: %v", s.dir, err)
		}
	}
}

// build builds a Go program.
func (b *bench) build(ctx context.Context, dir, to, what string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", to, what)
	cmd.Dir = dir
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", what, err, said)
	}
	return nil
}

func or(value, fallback string) string {
	if value != "" {
		return value
	}
	return fallback
}
