package main

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/registry"
	"temporal-streaming/internal/serving"
)

//go:embed peers/CardScorer.java
var cardScorerProgram string

//go:embed peers/kafka-streams-pom.xml
var streamsPOM string

//go:embed peers/StreamsPeer.java
var streamsProgram string

//go:embed peers/flink-pom.xml
var flinkPOM string

//go:embed peers/FlinkPeer.java
var flinkProgram string

//go:embed peers/spark-pom.xml
var sparkPOM string

//go:embed peers/SparkPeer.java
var sparkProgram string

//go:embed peers/quix.pins.txt
var quixPins []byte

//go:embed peers/quix_peer.py
var quixProgram []byte

// peer is another stream processor, with a program that does the work of pipeline creditcard: the same messages, the same networks,
// the same predictions. Each is set up as one would who has read its documentation for speed; what is not named is its default.
type peer struct {
	name    string // on the command line
	title   string
	version string
	threads int // what its work is divided among, where it can be; 0: as many as there are partitions
	commits commitEvery
	warms   bool // drains before it counts, until its compilers rest
	repeats bool // delivers at least once, and no better
	// properties are settings by the peer's own names; but for Kafka Streams those of its clients begin with "consumer." and "producer.",
	// and those of Spark's sink with "sink.".
	properties map[string]string
	install    func(context.Context, *bench) (argv []string, err error)

	argv []string // once installed
}

// commitEvery is how often a peer commits. 0 is as soon as it can.
type commitEvery struct{ draining, soon time.Duration }

func (p *peer) String() string { return p.title + " " + p.version }

// peers are those that the worker is measured beside.
func peers() []*peer {
	return []*peer{
		{
			name: "kafka-streams", title: "Kafka Streams", version: pomVersion(streamsPOM), threads: 2, warms: true,
			// 100 ms is its own choice where it works exactly once, and what drains fastest.
			commits: commitEvery{draining: 100 * time.Millisecond, soon: 25 * time.Millisecond},
			properties: map[string]string{
				"auto.offset.reset":   "earliest",
				"max.poll.records":    "4096",
				"producer.linger.ms":  "5",
				"producer.batch.size": "262144",
				// The shortest that brokers allow unless they are told otherwise: after so long a dead one's partitions are free.
				"session.timeout.ms":              "6000",
				"heartbeat.interval.ms":           "1000",
				"main.consumer.group.instance.id": "bench", // who comes back under its name need not wait for that
				"producer.transaction.timeout.ms": "3000",
				"enable.metrics.push":             "false",
			},
			install: func(ctx context.Context, b *bench) ([]string, error) {
				return b.javaPeer(ctx, "StreamsPeer", streamsPOM, streamsProgram, "Kafka Streams; 28 MB")
			},
		},
		{
			name: "flink", title: "Flink", version: pomVersion(flinkPOM), threads: 2, warms: true,
			commits: commitEvery{draining: time.Second, soon: 100 * time.Millisecond},
			properties: map[string]string{
				"execution.checkpointing.storage":                           "filesystem",
				"execution.checkpointing.mode":                              "EXACTLY_ONCE",
				"execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
				"pipeline.object-reuse":                                     "true",
				"restart-strategy.type":                                     "none", // the benchmark starts it again, as it does the others
				"consumer.max.poll.records":                                 "4096",
				"producer.linger.ms":                                        "5",
				"producer.batch.size":                                       "262144",
				"producer.transaction.timeout.ms":                           "60000", // it ends what it left open when it starts again
			},
			install: func(ctx context.Context, b *bench) ([]string, error) {
				return b.javaPeer(ctx, "FlinkPeer", flinkPOM, flinkProgram, "Flink; 90 MB", opened("java.lang", "java.time", "java.util", "java.util.concurrent")...)
			},
		},
		{
			name: "spark", title: "Spark", version: pomVersion(sparkPOM), threads: 2, warms: true, repeats: true,
			// What a batch has done is written to the checkpoint beside the next ones, once a second.
			properties: spark(map[string]string{"sink.asyncProgressTrackingEnabled": "true"}),
			install:    installSpark,
		},
		{
			// A task for each partition runs all the time, and a checkpoint is made every five minutes, which is Spark's own choice here. One every
			// five seconds, the least that it allows, held the output up for 0.2 s each time.
			name: "spark-real-time", title: "Spark in real-time mode", version: pomVersion(sparkPOM), warms: true, repeats: true,
			commits:    commitEvery{draining: 5 * time.Minute, soon: 5 * time.Minute},
			properties: spark(map[string]string{"trigger": "real-time"}),
			install:    installSpark,
		},
		{
			name: "quix", title: "Quix Streams", version: pinnedVersion(quixPins, "quixstreams"), threads: 1,
			commits: commitEvery{draining: 500 * time.Millisecond, soon: 25 * time.Millisecond},
			properties: map[string]string{
				"consumer.session.timeout.ms":     "6000",
				"consumer.heartbeat.interval.ms":  "1000",
				"consumer.group.instance.id":      "bench",
				"producer.linger.ms":              "5",
				"producer.transactional.id":       "bench", // one of its own: the next one fences it at once
				"producer.transaction.timeout.ms": "3000",
			},
			install: func(ctx context.Context, b *bench) ([]string, error) {
				python, err := b.pythonWith(ctx, quixPins, "Quix Streams, NumPy, orjson; about 60 MB")
				if err != nil {
					return nil, err
				}
				dir, err := b.once(quixProgram, "a program", func(dir string) error {
					return os.WriteFile(filepath.Join(dir, "quix_peer.py"), quixProgram, 0o644)
				})
				return []string{python, filepath.Join(dir, "quix_peer.py")}, err
			},
		},
	}
}

// spark adds what Spark is given in both of its modes.
func spark(properties map[string]string) map[string]string {
	maps.Copy(properties, map[string]string{
		"spark.driver.bindAddress":  "127.0.0.1",
		"spark.driver.host":         "127.0.0.1",
		"spark.ui.enabled":          "false",
		"spark.locality.wait":       "0",
		"consumer.max.poll.records": "4096",
		"producer.linger.ms":        "5",
		"producer.batch.size":       "262144",
	})
	return properties
}

func installSpark(ctx context.Context, b *bench) ([]string, error) {
	return b.javaPeer(ctx, "SparkPeer", sparkPOM, sparkProgram, "Spark; 290 MB", opened("java.io", "java.lang", "java.lang.invoke", "java.lang.reflect", "java.net", "java.nio",
		"java.util", "java.util.concurrent", "java.util.concurrent.atomic", "sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar")...)
}

// peersNamed finds them by their names, with commas between.
func peersNamed(names string) ([]*peer, error) {
	var found []*peer
	for name := range strings.SplitSeq(names, ",") {
		var known []string
		before := len(found)
		for _, p := range peers() {
			known = append(known, p.name)
			if p.name == strings.TrimSpace(name) {
				found = append(found, p)
			}
		}
		if len(found) == before {
			return nil, fmt.Errorf("%w: there is no %q among %s", errUsage, name, strings.Join(known, ", "))
		}
	}
	return found, nil
}

// pomVersion is what a pom pins.
func pomVersion(pom string) string {
	_, rest, _ := strings.Cut(pom, "<peer.version>")
	version, _, _ := strings.Cut(rest, "<")
	return version
}

// pinnedVersion is what pins say of a Python package.
func pinnedVersion(pins []byte, name string) string {
	_, rest, _ := strings.Cut(string(pins), "\n"+name+"==")
	version, _, _ := strings.Cut(rest, " ")
	return version
}

// javaHeap bounds the memory of those in Java. The rest is Java's own choice.
const javaHeap = "-Xmx1g"

// opened lets those in Java look into packages of Java's own, which they do.
func opened(packages ...string) (options []string) {
	for _, name := range packages {
		options = append(options, "--add-opens=java.base/"+name+"=ALL-UNNAMED")
	}
	return options
}

// javaPeer fetches the jars of a pom and compiles a program, once, and answers the command that runs it.
func (b *bench) javaPeer(ctx context.Context, class, pom, program, what string, options ...string) ([]string, error) {
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", java)
	}
	java, noJava := exec.LookPath(java)
	maven, noMaven := exec.LookPath("mvn")
	if err := errors.Join(noJava, noMaven); err != nil {
		return nil, fmt.Errorf("find what %s runs on: %w: install Java 17 or newer, and Maven (Debian: apt-get install openjdk-17-jre-headless maven)", class, err)
	}
	home, err := b.once([]byte(pom+cardScorerProgram+program), what, func(dir string) error {
		files := map[string]string{"pom.xml": pom, "CardScorer.java": cardScorerProgram, class + ".java": program}
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				return err
			}
		}
		lib := filepath.Join(dir, "lib")
		if err := command(ctx, maven, "-B", "-q", "-f", filepath.Join(dir, "pom.xml"), "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
			"-DincludeScope=runtime", "-DoutputDirectory="+lib); err != nil {
			return err
		}
		jars, err := filepath.Glob(filepath.Join(lib, "*.jar"))
		if err != nil {
			return err
		}
		return command(ctx, java, "-cp", filepath.Join(lib, "*"), "org.eclipse.jdt.internal.compiler.batch.Main", "--release", "17", "-proc:none", "-nowarn",
			"-cp", strings.Join(jars, string(os.PathListSeparator)), "-d", filepath.Join(dir, "classes"),
			filepath.Join(dir, "CardScorer.java"), filepath.Join(dir, class+".java"))
	})
	path := strings.Join([]string{filepath.Join(home, "classes"), filepath.Join(home, "lib", "*")}, string(os.PathListSeparator))
	return append(append([]string{java, javaHeap}, options...), "-cp", path, class), err
}

// rivalModel is what the programs are told of a model.
type rivalModel struct {
	Name      string         `json:"name"`
	Version   string         `json:"version"`
	Positive  string         `json:"positive"`
	Negative  string         `json:"negative"`
	Threshold float32        `json:"threshold"`
	Features  []string       `json:"features"`
	SignedLog []bool         `json:"signedLog"`
	Mean      []float32      `json:"mean"`
	Scale     []float32      `json:"scale"`
	Clip      float32        `json:"clip"`
	Members   [][]rivalLayer `json:"members"`
}

type rivalLayer struct {
	In      int       `json:"in"`
	Out     int       `json:"out"`
	Weights []float32 `json:"weights"` // [In, Out], row by row
	Bias    []float32 `json:"bias"`
}

// rivalTask is what the programs read on standard input.
type rivalTask struct {
	Name         string            `json:"name"` // of the application: its group
	Brokers      string            `json:"brokers"`
	Topic        string            `json:"topic"`
	Output       string            `json:"output"`
	Folder       string            `json:"folder"` // for files of its own
	Threads      int               `json:"threads"`
	CommitMillis int64             `json:"commitMillis"`
	Properties   map[string]string `json:"properties"`
	WarmOutput   string            `json:"warmOutput,omitempty"` // the topic is drained to this one before
	Records      int64             `json:"records"`              // of the topic, where it is drained; 0: they come later
	Model        rivalModel        `json:"model"`
}

// championFor takes the champion over for the programs.
func (s *site) championFor(ctx context.Context, server *serving.Server) (rivalModel, error) {
	pinned, err := server.Models.Find(ctx, pipelineName, registry.Champion)
	if err != nil {
		return rivalModel{}, err
	}
	bundle, err := server.Models.Open(ctx, pinned)
	if err != nil {
		return rivalModel{}, err
	}
	m := bundle.Model
	if len(m.Preparation.Ratios) > 0 || len(m.Preparation.Bins) > 0 {
		return rivalModel{}, errors.New("give others the model: their programs compute no ratios and no bins")
	}
	out := rivalModel{
		Name: bundle.Name, Version: bundle.Version, Positive: bundle.Definition.Decision.Positive, Negative: bundle.Definition.Decision.Negative,
		Threshold: m.Threshold, Features: m.Features, SignedLog: m.Preparation.SignedLog, Mean: m.Preparation.Mean, Scale: m.Preparation.Scale,
		Clip: m.Preparation.Clip,
	}
	for _, member := range m.Members {
		layers := make([]rivalLayer, len(member.Layers))
		for i, l := range member.Layers {
			layers[i] = rivalLayer(l)
		}
		out.Members = append(out.Members, layers)
	}
	return out, nil
}

func (c *contest) threads(of *peer) int { return cmp.Or(of.threads, c.o.partitions) }

// startPeer starts a peer between two topics, under a group of its own. records are those of the topic, if it is to be drained.
func (c *contest) startPeer(by *peer, p job.StreamPlan, commit time.Duration, records int64, warmOutput string) (*child, error) {
	task, err := json.Marshal(rivalTask{
		Name: p.Group, Brokers: c.kafka.Brokers, Topic: p.Topic, Output: p.Output, Folder: filepath.Join(c.dir, by.name), Threads: c.threads(by),
		CommitMillis: commit.Milliseconds(), Properties: by.properties, WarmOutput: warmOutput, Records: records, Model: c.model,
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", by.title, err)
	}
	cmd := exec.Command(by.argv[0], by.argv[1:]...)
	cmd.Dir = c.dir
	return launch(cmd, task, nil)
}
