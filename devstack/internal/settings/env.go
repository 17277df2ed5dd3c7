package settings

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Env is what is in the env file.
type Env map[string]string

// keys in the order of the file; those without a value are left out.
var keys = []string{
	"TEMPORAL_ADDRESS", "TEMPORAL_UI_URL", "KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SASL_BOOTSTRAP_SERVERS",
	"S3_ENDPOINT", "S3_BUCKET", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
	"MLFLOW_TRACKING_URI",
}

// WriteEnv writes the env file for these settings, keeping the credentials that are already in it, and returns it.
func (s *Settings) WriteEnv() (Env, error) {
	env, err := ReadEnv(s.EnvFile())
	if errors.Is(err, fs.ErrNotExist) {
		env = Env{"AWS_ACCESS_KEY_ID": "dev" + randomHex(8), "AWS_SECRET_ACCESS_KEY": randomSecret()}
	} else if err != nil {
		return nil, err
	}
	fresh := Env{"AWS_ACCESS_KEY_ID": env["AWS_ACCESS_KEY_ID"], "AWS_SECRET_ACCESS_KEY": env["AWS_SECRET_ACCESS_KEY"]}
	if fresh["AWS_ACCESS_KEY_ID"] == "" || fresh["AWS_SECRET_ACCESS_KEY"] == "" {
		return nil, fmt.Errorf("read %s: the credentials are missing: restore the file, or delete the whole data folder", s.EnvFile())
	}
	host := s.Host()
	if s.Has(Temporal) {
		fresh["TEMPORAL_ADDRESS"] = fmt.Sprintf("%s:%d", host, s.TemporalPort)
		fresh["TEMPORAL_UI_URL"] = fmt.Sprintf("http://%s:%d", host, s.UIPort)
	}
	if s.Has(Kafka) {
		fresh["KAFKA_BOOTSTRAP_SERVERS"] = fmt.Sprintf("%s:%d", host, s.KafkaPort)
		var plain, sasl []string
		for _, b := range s.Cluster {
			plain = append(plain, fmt.Sprintf("%s:%d", host, b.Port))
			sasl = append(sasl, fmt.Sprintf("%s:%d", host, b.SASLPort))
		}
		if len(plain) > 0 {
			fresh["KAFKA_BOOTSTRAP_SERVERS"] = strings.Join(plain, ",")
		}
		if s.SASL {
			fresh["KAFKA_SASL_BOOTSTRAP_SERVERS"] = strings.Join(sasl, ",")
		}
	}
	if s.Has(S3) {
		fresh["S3_ENDPOINT"] = fmt.Sprintf("http://%s:%d", host, s.S3Port)
		fresh["S3_BUCKET"], fresh["AWS_REGION"] = "fraud", "us-east-1"
	}
	if s.Has(MLflow) {
		fresh["MLFLOW_TRACKING_URI"] = fmt.Sprintf("http://%s:%d", host, s.MLflowPort)
	}
	return fresh, fresh.write(s.EnvFile())
}

// write replaces the file in one step: a reader sees the old file or the new one, and a crash loses no credentials.
func (e Env) write(path string) error {
	var text strings.Builder
	text.WriteString("# Written by devstack at each start. Load it with: set -a; . " + shellQuote(path) + "; set +a\n")
	for _, key := range keys {
		if value := e[key]; value != "" {
			fmt.Fprintf(&text, "%s=%s\n", key, value)
		}
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "env-*") // CreateTemp makes it 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = temporary.WriteString(text.String())
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(temporary.Name())))
	}
	return nil
}

// ReadEnv reads an env file. The error is fs.ErrNotExist when there is none.
func ReadEnv(path string) (Env, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read env file: %w", err)
	}
	defer file.Close()
	env := Env{}
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, found := strings.Cut(line, "=")
		if !found {
			return nil, fmt.Errorf("read %s: line %d is not KEY=VALUE", path, number)
		}
		env[key] = value
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return env, nil
}

// randomHex returns 2n characters that need no quoting anywhere. rand.Read never fails: it ends the program instead.
func randomHex(n int) string {
	bytes := make([]byte, n)
	rand.Read(bytes)
	return hex.EncodeToString(bytes)
}

func randomSecret() string {
	bytes := make([]byte, 30)
	rand.Read(bytes)
	return base64.RawURLEncoding.EncodeToString(bytes)
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
