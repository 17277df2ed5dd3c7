// Package settings holds what a devstack was asked for, and what the programs around it need to know to use it.
//
// The second part is the env file, <data>/env: KEY=VALUE lines that a shell can source and that only the owner can read.
// Addresses are written anew at each start; credentials are random, made once, and kept as long as the data folder is.
package settings

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The services, in the order in which they are shown.
const (
	Temporal = "temporal"
	S3       = "s3"
	Kafka    = "kafka"
	MLflow   = "mlflow"
)

// Names lists every service.
func Names() []string { return []string{Temporal, S3, Kafka, MLflow} }

// Settings is one devstack. All paths are absolute and all ports are real once Resolve has returned.
type Settings struct {
	Data  string // the data folder
	Tools string // where the Python environment and the Kafka jars are kept; may be shared by many devstacks
	Bind  string
	Kafka string // "embedded" or "apache"
	Only  []string

	TemporalPort, UIPort, S3Port, KafkaPort, MLflowPort int

	Brokers  int      // of Apache Kafka
	SASL     bool     // a second listener of each of them, which asks for a password
	KafkaSet []string // KEY=VALUE lines of their configuration that overrule ours
	Cluster  []Broker // as many as Brokers, when Kafka is Apache's
}

// Broker is one process of Apache Kafka.
type Broker struct {
	Port           int
	ControllerPort int // never used by clients
	SASLPort       int // 0 without SASL
}

// Resolve checks the settings and completes them: absolute paths, and MLflow's need for S3.
func (s *Settings) Resolve() error {
	if s.Kafka != "embedded" && s.Kafka != "apache" {
		return fmt.Errorf("--kafka %q: say embedded or apache", s.Kafka)
	}
	if err := s.resolveBrokers(); err != nil {
		return err
	}
	if len(s.Only) == 0 {
		s.Only = Names()
	}
	for _, name := range s.Only {
		if !slices.Contains(Names(), name) {
			return fmt.Errorf("--only %q: the services are %s", name, strings.Join(Names(), ", "))
		}
	}
	if s.Has(MLflow) && !s.Has(S3) {
		s.Only = append(s.Only, S3) // MLflow keeps its artifacts there
	}
	if s.Tools == "" {
		s.Tools = filepath.Join(s.Data, "tools")
	}
	var err error
	if s.Data, err = filepath.Abs(s.Data); err != nil {
		return fmt.Errorf("resolve --data: %w", err)
	}
	if s.Tools, err = filepath.Abs(s.Tools); err != nil {
		return fmt.Errorf("resolve --tools: %w", err)
	}
	return nil
}

func (s *Settings) resolveBrokers() error {
	if s.Kafka != "apache" {
		if s.Brokers > 1 || s.SASL || len(s.KafkaSet) > 0 {
			return errors.New("--brokers, --kafka-sasl and --kafka-set need --kafka apache")
		}
		return nil
	}
	s.Brokers = max(1, s.Brokers)
	for _, line := range s.KafkaSet {
		if key, _, found := strings.Cut(line, "="); !found || key == "" {
			return fmt.Errorf("--kafka-set %q: say KEY=VALUE", line)
		}
	}
	s.Cluster = make([]Broker, s.Brokers)
	return nil
}

// KafkaName is the name of a broker, counted from 0: "kafka" for the only one, else "kafka-1" and so on.
func (s *Settings) KafkaName(broker int) string {
	if s.Brokers <= 1 {
		return Kafka
	}
	return fmt.Sprintf("%s-%d", Kafka, broker+1)
}

// IsService tells whether a name can be that of a service; whether a devstack has it, only that one knows.
func IsService(name string) bool {
	number, isBroker := strings.CutPrefix(name, Kafka+"-")
	_, err := strconv.ParseUint(number, 10, 8)
	return slices.Contains(Names(), name) || isBroker && err == nil
}

// Has tells whether a service is part of this devstack.
func (s *Settings) Has(name string) bool { return slices.Contains(s.Only, name) }

// Host is the address at which this machine reaches the services: Bind, unless that means "every address".
func (s *Settings) Host() string {
	if s.Bind == "0.0.0.0" || s.Bind == "::" {
		return "127.0.0.1"
	}
	return s.Bind
}

// Log is the path of a service's log file.
func (s *Settings) Log(name string) string { return filepath.Join(s.Data, "log", name+".log") }

// EnvFile is the path of the env file.
func (s *Settings) EnvFile() string { return filepath.Join(s.Data, "env") }
