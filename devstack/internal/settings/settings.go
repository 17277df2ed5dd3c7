// Package settings holds what a devstack was asked for, and what the programs around it need to know to use it.
//
// The second part is the env file, <data>/env: KEY=VALUE lines that a shell can source and that only the owner can read.
// Addresses are written anew at each start; credentials are random, made once, and kept as long as the data folder is.
package settings

import (
	"fmt"
	"path/filepath"
	"slices"
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
	ControllerPort                                      int // Apache Kafka's second listener, never used by clients
}

// Resolve checks the settings and completes them: absolute paths, and MLflow's need for S3.
func (s *Settings) Resolve() error {
	if s.Kafka != "embedded" && s.Kafka != "apache" {
		return fmt.Errorf("--kafka %q: say embedded or apache", s.Kafka)
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
