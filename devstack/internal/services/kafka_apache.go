package services

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"temporal-streaming/devstack/internal/guard"
	"temporal-streaming/devstack/internal/settings"
	"temporal-streaming/devstack/internal/supervise"
	"temporal-streaming/devstack/internal/tools"
)

//go:embed server.properties
var serverProperties string

//go:embed log4j2.properties
var log4jProperties string

// ApacheKafka is a real broker in KRaft mode, or several, each its own controller too: slower to start than the embedded
// one, and the one to believe.
func ApacheKafka(s *settings.Settings, broker tools.Broker) []supervise.Service {
	var list []supervise.Service
	formatting := &sync.Mutex{}
	for i := range s.Cluster {
		a := apache{s: s, broker: broker, number: i, formatting: formatting}
		list = append(list, supervise.Service{
			Name:        s.KafkaName(i),
			URL:         a.address(),
			Note:        "Apache Kafka " + tools.KafkaVersion(),
			Log:         s.Log(s.KafkaName(i)),
			Command:     a.command,
			Ready:       a.ready,
			StartWithin: 2 * time.Minute,
			StopWithin:  20 * time.Second, // a clean shutdown writes what a recovery would otherwise have to find out
		})
	}
	return list
}

// apache is one broker, counted from 0; its node id is one more.
type apache struct {
	s          *settings.Settings
	broker     tools.Broker
	number     int
	formatting *sync.Mutex // held by the one that formats
}

func (a apache) address() string {
	return fmt.Sprintf("%s:%d", a.s.Host(), a.s.Cluster[a.number].Port)
}

// ready asks this broker and no other; it may lead and follow again when it has caught up with every topic.
func (a apache) ready(ctx context.Context) error {
	return kafkaReady(ctx, a.address(), a.copies(), int32(a.number+1))
}

// copies is on how many brokers each partition is kept.
func (a apache) copies() int { return min(3, len(a.s.Cluster)) }

func (a apache) command() (guard.Command, error) {
	if err := need(a.broker.Java); err != nil {
		return guard.Command{}, err
	}
	if err := a.configure(); err != nil {
		return guard.Command{}, fmt.Errorf("configure Apache Kafka: %w", err)
	}
	if err := a.format(); err != nil {
		return guard.Command{}, fmt.Errorf("format Apache Kafka's storage: %w", err)
	}
	// Kafka's own scripts ask G1 for pauses of 20 ms. On two cores it cannot keep that: it makes its young generation as small as may be,
	// 11 MB, and stops the broker twice a second for 25 ms. Left alone it stops it every ten to fifteen seconds, for 30 to 50 ms; and for
	// half of that if it does not copy fifteen times what stays.
	memory := []string{"-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxTenuringThreshold=2"}
	if len(a.s.Cluster) > 1 { // what is tried on several is faults, not speed
		memory = []string{"-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}
	}
	args := append(a.jvm(memory...), "kafka.Kafka", a.file("server.properties"))
	return guard.Command{Path: a.broker.Java, Args: args, Env: os.Environ(), Dir: a.dir()}, nil
}

// dir is the broker's folder. That of the only one has no number.
func (a apache) dir() string {
	name := strings.Replace(a.s.KafkaName(a.number), settings.Kafka, "kafka-apache", 1)
	return filepath.Join(a.s.Data, name)
}

func (a apache) file(name string) string { return filepath.Join(a.dir(), name) }

func (a apache) jvm(options ...string) []string {
	return append(options, "-Djava.awt.headless=true", "-Dlog4j2.configurationFile="+a.file("log4j2.properties"),
		"-cp", filepath.Join(a.broker.Lib, "*"))
}

// configure writes the broker's files anew, for the ports may have changed.
func (a apache) configure() error {
	if err := os.MkdirAll(a.dir(), 0o700); err != nil {
		return err
	}
	own := a.s.Cluster[a.number]
	var voters []string
	for i, b := range a.s.Cluster {
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", i+1, b.ControllerPort))
	}
	properties := strings.NewReplacer(
		"@NODE@", strconv.Itoa(a.number+1), "@VOTERS@", strings.Join(voters, ","),
		"@BIND@", a.s.Bind, "@HOST@", a.s.Host(), "@PORT@", strconv.Itoa(own.Port),
		"@CONTROLLER_PORT@", strconv.Itoa(own.ControllerPort), "@LOG_DIR@", a.file("log"),
		"@COPIES@", strconv.Itoa(a.copies()), "@MIN_ISR@", strconv.Itoa(max(1, a.copies()-1)),
	).Replace(serverProperties)
	if a.s.SASL {
		properties += "\n" + strings.NewReplacer(
			"@BIND@", a.s.Bind, "@HOST@", a.s.Host(), "@PORT@", strconv.Itoa(own.Port), "@SASL_PORT@", strconv.Itoa(own.SASLPort),
			"@CONTROLLER_PORT@", strconv.Itoa(own.ControllerPort),
		).Replace(saslProperties)
	}
	properties += "\n" + strings.Join(a.s.KafkaSet, "\n") + "\n" // of two equal keys the last one counts
	return errors.Join(
		os.WriteFile(a.file("server.properties"), []byte(properties), 0o600),
		os.WriteFile(a.file("log4j2.properties"), []byte(log4jProperties), 0o600),
	)
}

// saslProperties are a listener more, for clients. Users are made by the admin protocol, at the listener that asks nothing.
const saslProperties = `# A second way in, with a password.
listeners=PLAINTEXT://@BIND@:@PORT@,SASL://@BIND@:@SASL_PORT@,CONTROLLER://127.0.0.1:@CONTROLLER_PORT@
advertised.listeners=PLAINTEXT://@HOST@:@PORT@,SASL://@HOST@:@SASL_PORT@
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
listener.name.sasl.sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
`
