// Package config reads every setting of starter and worker from the environment,
// once, and checks it before anything is dialled.
//
// The environment wins. What it leaves open is looked up in the file that
// TEMPORAL_STREAMING_ENV names or, if that is unset, in .devstack/env below the
// working directory, where the local stack leaves its addresses and credentials:
// so `make up` and then `bin/starter train creditcard` work with nothing to export.
// There are addresses by default, but never credentials.
//
//	cfg, err := config.Load(os.Environ())
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// LocalStackFile is where the local stack leaves its settings, below the working directory.
const LocalStackFile = ".devstack/env"

// Config is every setting. Field tags name the variable and its default.
type Config struct {
	Temporal Temporal
	Kafka    Kafka
	S3       S3
	MLflow   MLflow
	Worker   Worker
	LogLevel Level `env:"LOG_LEVEL" envDefault:"info"`
}

// Temporal is what the command line needs besides the SDK's own variables
// (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_...), which
// the SDK's envconfig reads from Environ.
type Temporal struct {
	UI        string `env:"TEMPORAL_UI_URL" envDefault:"http://localhost:8233"`
	Namespace string `env:"TEMPORAL_NAMESPACE" envDefault:"default"`
	Address   string `env:"TEMPORAL_ADDRESS" envDefault:"localhost:7233"`
}

// Kafka says how the brokers are reached.
type Kafka struct {
	Brokers          string `env:"KAFKA_BOOTSTRAP_SERVERS" envDefault:"localhost:19092"`
	SecurityProtocol string `env:"KAFKA_SECURITY_PROTOCOL" envDefault:"PLAINTEXT"`
	SASLMechanism    string `env:"KAFKA_SASL_MECHANISM"`
	Username         string `env:"KAFKA_SASL_USERNAME"`
	Password         Secret `env:"KAFKA_SASL_PASSWORD"`
	CALocation       string `env:"KAFKA_SSL_CA_LOCATION"`
}

// S3 says where objects are kept.
type S3 struct {
	Endpoint  string `env:"S3_ENDPOINT" envDefault:"http://localhost:9000"`
	Region    string `env:"AWS_REGION" envDefault:"us-east-1"`
	AccessKey string `env:"AWS_ACCESS_KEY_ID"`
	SecretKey Secret `env:"AWS_SECRET_ACCESS_KEY"`
	Bucket    string `env:"S3_BUCKET" envDefault:"fraud"`
}

// MLflow says where models are registered.
type MLflow struct {
	URI      string `env:"MLFLOW_TRACKING_URI" envDefault:"http://localhost:5000"`
	Username string `env:"MLFLOW_TRACKING_USERNAME"`
	Password Secret `env:"MLFLOW_TRACKING_PASSWORD"`
	Token    Secret `env:"MLFLOW_TRACKING_TOKEN"`
	PublicUI string `env:"MLFLOW_UI_URL"` // where people open it, if that is another address
}

// Worker is for the worker process alone.
type Worker struct {
	MetricsAddress string        `env:"WORKER_METRICS_ADDRESS" envDefault:"127.0.0.1:9464"`
	Slot           int           `env:"WORKER_SLOT" envDefault:"-1"` // -1: the first free one on this host
	Drain          time.Duration `env:"WORKER_DRAIN" envDefault:"30s"`
	PublicCalls    bool          `env:"WORKER_PUBLIC_CALLS" envDefault:"false"`   // records cross into the Kafka client one by one
	ClientCommits  bool          `env:"WORKER_CLIENT_COMMITS" envDefault:"false"` // the Kafka client's transactions, which are of their first version
	Awake          bool          `env:"WORKER_AWAKE" envDefault:"false"`          // keep the machine's cores from sleeping
	Cache          string        `env:"WORKER_CACHE"`                             // folder for downloaded models; default: in the user's cache folder
}

// Level is how much is logged.
type Level slog.Level

// UnmarshalText reads a level as people write it, and says which there are.
func (l *Level) UnmarshalText(text []byte) error {
	if err := (*slog.Level)(l).UnmarshalText(text); err != nil {
		return fmt.Errorf("LOG_LEVEL is %q; give debug, info, warn or error", text)
	}
	return nil
}

// Load reads the settings from environ ("KEY=value" strings) and the local stack's file.
func Load(environ []string) (Config, error) {
	vars, err := Environ(environ)
	if err != nil {
		return Config{}, err
	}
	var c Config
	if err := env.ParseWithOptions(&c, env.Options{Environment: vars}); err != nil {
		return Config{}, fmt.Errorf("read settings: %w", err)
	}
	if err := c.validate(); err != nil {
		return Config{}, fmt.Errorf("read settings: %w", err)
	}
	return c, nil
}

// Environ is the environment with the local stack's file behind it. A variable K
// that is unset while K_FILE names a file takes that file's content, trimmed: the
// way secrets are mounted into containers.
func Environ(environ []string) (Vars, error) {
	vars := pairs(environ)
	path, named := vars["TEMPORAL_STREAMING_ENV"]
	if !named {
		path = LocalStackFile
	}
	local, err := os.ReadFile(path)
	switch {
	case err == nil:
		for k, v := range pairs(strings.Split(string(local), "\n")) {
			if _, set := vars[k]; !set {
				vars[k] = v
			}
		}
	case named || !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read settings file %s: %w", path, err)
	}
	for k, file := range vars {
		name, isFile := strings.CutSuffix(k, "_FILE")
		if _, set := vars[name]; !isFile || set || !secrets[name] {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read %s from the file that %s names: %w", name, k, err)
		}
		vars[name] = strings.TrimSpace(string(b))
	}
	return vars, nil
}

// Vars are gathered variables by their names. Libraries that ask for an environment, such as Temporal's, may be given them.
type Vars map[string]string

// Environ lists them as os.Environ does, in no order.
func (v Vars) Environ() []string {
	list := make([]string, 0, len(v))
	for name, value := range v {
		list = append(list, name+"="+value)
	}
	return list
}

// LookupEnv is as os.LookupEnv.
func (v Vars) LookupEnv(name string) (string, bool) { value, ok := v[name]; return value, ok }

// secrets are the variables that may come from a file.
var secrets = map[string]bool{
	"KAFKA_SASL_PASSWORD": true, "AWS_ACCESS_KEY_ID": true, "AWS_SECRET_ACCESS_KEY": true,
	"MLFLOW_TRACKING_PASSWORD": true, "MLFLOW_TRACKING_TOKEN": true, "TEMPORAL_API_KEY": true,
}

func pairs(lines []string) map[string]string {
	vars := make(map[string]string, len(lines))
	for _, line := range lines {
		k, v, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && k != "" && !strings.HasPrefix(k, "#") {
			vars[strings.TrimPrefix(k, "export ")] = strings.Trim(v, `"'`)
		}
	}
	return vars
}

func (c Config) validate() error {
	for _, u := range []struct{ name, value string }{
		{"S3_ENDPOINT", c.S3.Endpoint}, {"MLFLOW_TRACKING_URI", c.MLflow.URI}, {"TEMPORAL_UI_URL", c.Temporal.UI},
	} {
		p, err := url.Parse(u.value)
		if err != nil || p.Host == "" || (p.Scheme != "http" && p.Scheme != "https") {
			return fmt.Errorf("%s is %q; give it as http://host:port or https://host:port", u.name, u.value)
		}
	}
	if c.Worker.Drain < time.Second || c.Worker.Drain > 10*time.Minute {
		return fmt.Errorf("WORKER_DRAIN is %s; give between 1s and 10m", c.Worker.Drain)
	}
	return nil
}

// MLflowUI is where a person opens MLflow.
func (c Config) MLflowUI() string {
	if c.MLflow.PublicUI != "" {
		return c.MLflow.PublicUI
	}
	return c.MLflow.URI
}

// WorkflowURL is a workflow's page in the Temporal Web UI.
func (c Config) WorkflowURL(id, runID string) string {
	u := strings.TrimRight(c.Temporal.UI, "/") + "/namespaces/" + url.PathEscape(c.Temporal.Namespace) + "/workflows/" + url.PathEscape(id)
	if runID != "" {
		u += "/" + url.PathEscape(runID) + "/history"
	}
	return u
}
