package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEnvironmentWinsOverTheLocalStack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	write(t, file, "# made by the local stack\nS3_BUCKET=local\nKAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1\n")
	c, err := Load([]string{"TEMPORAL_STREAMING_ENV=" + file, "S3_BUCKET=mine"})
	if err != nil {
		t.Fatal(err)
	}
	if c.S3.Bucket != "mine" || c.Kafka.Brokers != "127.0.0.1:1" {
		t.Errorf("bucket %q, brokers %q; want mine and 127.0.0.1:1", c.S3.Bucket, c.Kafka.Brokers)
	}
}

func TestSwitchesAreForThoseWhoAsk(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, of := range map[string]func(Config) bool{
		"WORKER_PUBLIC_CALLS":   func(c Config) bool { return c.Worker.PublicCalls },
		"WORKER_CLIENT_COMMITS": func(c Config) bool { return c.Worker.ClientCommits },
		"WORKER_AWAKE":          func(c Config) bool { return c.Worker.Awake },
	} {
		for value, want := range map[string]bool{"WORKER_SLOT=1": false, name + "=true": true, name + "=0": false} {
			if c, err := Load([]string{value}); err != nil || of(c) != want {
				t.Errorf("%s: %v, %v; want %v", value, of(c), err, want)
			}
		}
		if _, err := Load([]string{name + "=perhaps"}); err == nil || !strings.Contains(err.Error(), "perhaps") {
			t.Errorf("%s, a word that is neither: %v", name, err)
		}
	}
}

func TestNamedSettingsFileMustExist(t *testing.T) {
	_, err := Load([]string{"TEMPORAL_STREAMING_ENV=" + filepath.Join(t.TempDir(), "absent")})
	if err == nil || !strings.Contains(err.Error(), "absent") {
		t.Fatalf("got %v, want an error that names the file", err)
	}
}

func TestNoCredentialByDefault(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.S3.AccessKey != "" || c.S3.SecretKey != "" || c.Kafka.Password != "" || c.MLflow.Password != "" {
		t.Error("a credential has a default")
	}
}

func TestSecretComesFromAFileAndNeverPrints(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "key", "hunter2\n")
	c, err := Load([]string{"AWS_SECRET_ACCESS_KEY_FILE=key"})
	if err != nil {
		t.Fatal(err)
	}
	if c.S3.SecretKey.Reveal() != "hunter2" {
		t.Errorf("secret was not read from its file")
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if strings.Contains(fmt.Sprintf(format, c), "hunter2") {
			t.Errorf("format %s prints the secret", format)
		}
	}
}

func TestBadSettingsSayWhatToDo(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, bad := range []string{"S3_ENDPOINT=localhost:9000", "MLFLOW_TRACKING_URI=ftp://x", "WORKER_DRAIN=0s", "LOG_LEVEL=loud"} {
		_, err := Load([]string{bad})
		name, _, _ := strings.Cut(bad, "=")
		if err == nil || !strings.Contains(err.Error(), name+" is ") {
			t.Errorf("%s: got %v, want a sentence that begins with the variable", bad, err)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
