package services

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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

// ApacheKafka is a real broker, in KRaft mode: slower to start than the embedded one, and the one to believe.
func ApacheKafka(s *settings.Settings, env settings.Env, broker tools.Broker) supervise.Service {
	a := apache{s: s, broker: broker, dir: filepath.Join(s.Data, "kafka-apache")}
	return supervise.Service{
		Name:        settings.Kafka,
		URL:         env["KAFKA_BOOTSTRAP_SERVERS"],
		Note:        "Apache Kafka 4.1.2",
		Log:         s.Log(settings.Kafka),
		Command:     a.command,
		Ready:       func(ctx context.Context) error { return kafkaReady(ctx, env) },
		StartWithin: 2 * time.Minute,
		StopWithin:  20 * time.Second, // a clean shutdown writes what a recovery would otherwise have to find out
	}
}

type apache struct {
	s      *settings.Settings
	broker tools.Broker
	dir    string
}

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
	args := append(a.jvm("-Xms256m", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"), "kafka.Kafka", a.file("server.properties"))
	return guard.Command{Path: a.broker.Java, Args: args, Env: os.Environ(), Dir: a.dir}, nil
}

func (a apache) file(name string) string { return filepath.Join(a.dir, name) }

func (a apache) jvm(options ...string) []string {
	return append(options, "-Djava.awt.headless=true", "-Dlog4j2.configurationFile="+a.file("log4j2.properties"),
		"-cp", filepath.Join(a.broker.Lib, "*"))
}

// configure writes the broker's files anew, for the ports may have changed.
func (a apache) configure() error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return err
	}
	properties := strings.NewReplacer(
		"@BIND@", a.s.Bind, "@HOST@", a.s.Host(), "@PORT@", strconv.Itoa(a.s.KafkaPort),
		"@CONTROLLER_PORT@", strconv.Itoa(a.s.ControllerPort), "@LOG_DIR@", a.file("log"),
	).Replace(serverProperties)
	return errors.Join(
		os.WriteFile(a.file("server.properties"), []byte(properties), 0o600),
		os.WriteFile(a.file("log4j2.properties"), []byte(log4jProperties), 0o600),
	)
}

// format gives a new storage folder its cluster id; one that has it already is left alone.
func (a apache) format() error {
	_, err := os.Stat(filepath.Join(a.file("log"), "meta.properties"))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	id := make([]byte, 16)
	rand.Read(id)
	// One argument: an id may begin with a dash, and would else be taken for a flag.
	args := append(a.jvm("-Xmx256m", "-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool", "format", "--ignore-formatted",
		"--cluster-id="+base64.RawURLEncoding.EncodeToString(id), "-c", a.file("server.properties"))
	if output, err := exec.Command(a.broker.Java, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(output)))
	}
	return nil
}
