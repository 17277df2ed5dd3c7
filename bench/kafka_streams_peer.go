package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/registry"
	"temporal-streaming/internal/serving"
)

//go:embed peers/kafka-streams-pom.xml
var streamsPOM string

//go:embed peers/StreamsPeer.java
var streamsProgram string

// kafkaStreams is Kafka Streams with the work of pipeline creditcard: the same messages, the same networks, the same predictions.
type kafkaStreams struct {
	*site
	java    string
	home    string // of its jars and classes
	model   streamsModel
	threads int
}

// streamsModel is what StreamsPeer.java reads of a model.
type streamsModel struct {
	Name      string           `json:"name"`
	Version   string           `json:"version"`
	Positive  string           `json:"positive"`
	Negative  string           `json:"negative"`
	Threshold float32          `json:"threshold"`
	Features  []string         `json:"features"`
	SignedLog []bool           `json:"signedLog"`
	Mean      []float32        `json:"mean"`
	Scale     []float32        `json:"scale"`
	Clip      float32          `json:"clip"`
	Members   [][]streamsLayer `json:"members"`
}

type streamsLayer struct {
	In      int       `json:"in"`
	Out     int       `json:"out"`
	Weights []float32 `json:"weights"` // [In, Out], row by row
	Bias    []float32 `json:"bias"`
}

// streamsTask is what StreamsPeer.java reads on standard input.
type streamsTask struct {
	Properties map[string]string `json:"properties"`
	Topic      string            `json:"topic"`
	Output     string            `json:"output"`
	WarmOutput string            `json:"warmOutput,omitempty"` // the topic is drained to this one before
	Records    int64             `json:"records"`              // of the topic
	Model      streamsModel      `json:"model"`
}

// Kafka Streams commits every 100 ms where it does so exactly once, unless it is told otherwise. That is what drains fastest; for its
// latency it is told 25 ms.
const (
	streamsCommit     = 100 * time.Millisecond
	streamsSoonCommit = 25 * time.Millisecond
)

// streamsHeap bounds its memory. The rest is Java's own choice.
const streamsHeap = "-Xmx1g"

// kafkaStreams installs Kafka Streams and takes the champion over. threads are its stream threads.
func (s *site) kafkaStreams(ctx context.Context, server *serving.Server, threads int) (*kafkaStreams, error) {
	if protocol := s.cfg.Kafka.SecurityProtocol; protocol != "" && !strings.EqualFold(protocol, "plaintext") {
		return nil, fmt.Errorf("%w: Kafka Streams is run without %s here: give other brokers, or none", errUsage, protocol)
	}
	k := &kafkaStreams{site: s, threads: threads}
	var err error
	if k.java, k.home, err = s.bench.streamsClasses(ctx); err != nil {
		return nil, err
	}
	pinned, err := server.Models.Find(ctx, pipelineName, registry.Champion)
	if err != nil {
		return nil, err
	}
	bundle, err := server.Models.Open(ctx, pinned)
	if err != nil {
		return nil, err
	}
	m := bundle.Model
	if len(m.Preparation.Ratios) > 0 || len(m.Preparation.Bins) > 0 {
		return nil, errors.New("give Kafka Streams the model: its program computes no ratios and no bins")
	}
	k.model = streamsModel{
		Name: bundle.Name, Version: bundle.Version, Positive: bundle.Definition.Decision.Positive, Negative: bundle.Definition.Decision.Negative,
		Threshold: m.Threshold, Features: m.Features, SignedLog: m.Preparation.SignedLog, Mean: m.Preparation.Mean, Scale: m.Preparation.Scale,
		Clip: m.Preparation.Clip,
	}
	for _, member := range m.Members {
		layers := make([]streamsLayer, len(member.Layers))
		for i, l := range member.Layers {
			layers[i] = streamsLayer(l)
		}
		k.model.Members = append(k.model.Members, layers)
	}
	return k, nil
}

// streamsClasses fetches the jars and compiles the program, once.
func (b *bench) streamsClasses(ctx context.Context) (java, home string, err error) {
	java = "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", java)
	}
	java, noJava := exec.LookPath(java)
	maven, noMaven := exec.LookPath("mvn")
	if err := errors.Join(noJava, noMaven); err != nil {
		return "", "", fmt.Errorf("find what Kafka Streams runs on: %w: install Java 17 or newer, and Maven (Debian: apt-get install openjdk-17-jre-headless maven)", err)
	}
	home, err = b.once([]byte(streamsPOM+streamsProgram), "Kafka Streams "+streamsVersion()+" and a compiler; 12 jars, 28 MB", func(dir string) error {
		pom, program, lib := filepath.Join(dir, "pom.xml"), filepath.Join(dir, "StreamsPeer.java"), filepath.Join(dir, "lib")
		if err := errors.Join(os.WriteFile(pom, []byte(streamsPOM), 0o644), os.WriteFile(program, []byte(streamsProgram), 0o644)); err != nil {
			return err
		}
		if err := command(ctx, maven, "-B", "-q", "-f", pom, "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
			"-DincludeScope=runtime", "-DoutputDirectory="+lib); err != nil {
			return err
		}
		jars, err := filepath.Glob(filepath.Join(lib, "*.jar"))
		if err != nil {
			return err
		}
		return command(ctx, java, "-cp", filepath.Join(lib, "*"), "org.eclipse.jdt.internal.compiler.batch.Main", "--release", "17", "-proc:none",
			"-cp", strings.Join(jars, string(os.PathListSeparator)), "-d", filepath.Join(dir, "classes"), program)
	})
	return java, home, err
}

// streamsVersion is the one that is pinned.
func streamsVersion() string {
	_, rest, _ := strings.Cut(streamsPOM, "<streams.version>")
	version, _, _ := strings.Cut(rest, "<")
	return version
}

// start starts it between two topics, under a group of its own.
func (k *kafkaStreams) start(p job.StreamPlan, commit time.Duration, records int64, warmOutput string) (*child, error) {
	task, err := json.Marshal(streamsTask{
		Properties: k.properties(p.Group, commit), Topic: p.Topic, Output: p.Output, WarmOutput: warmOutput, Records: records, Model: k.model,
	})
	if err != nil {
		return nil, fmt.Errorf("start Kafka Streams: %w", err)
	}
	path := strings.Join([]string{filepath.Join(k.home, "classes"), filepath.Join(k.home, "lib", "*")}, string(os.PathListSeparator))
	cmd := exec.Command(k.java, streamsHeap, "-cp", path, "StreamsPeer")
	cmd.Dir = k.dir
	return launch(cmd, task, nil)
}

// properties are those of one who has read the documentation for speed: what is not named is the default.
func (k *kafkaStreams) properties(group string, commit time.Duration) map[string]string {
	return map[string]string{
		"application.id":       group,
		"bootstrap.servers":    k.kafka.Brokers,
		"processing.guarantee": "exactly_once_v2",
		"num.stream.threads":   strconv.Itoa(k.threads),
		"commit.interval.ms":   strconv.FormatInt(commit.Milliseconds(), 10),
		"auto.offset.reset":    "earliest",
		"max.poll.records":     "4096",
		"producer.linger.ms":   "5",
		"producer.batch.size":  "262144",
		// The shortest that brokers allow unless they are told otherwise: after so long a dead one's partitions are free.
		"session.timeout.ms":              "6000",
		"heartbeat.interval.ms":           "1000",
		"producer.transaction.timeout.ms": "3000",
		"enable.metrics.push":             "false",
		"state.dir":                       filepath.Join(k.dir, "kafka-streams"),
	}
}
