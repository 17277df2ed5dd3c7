package settings_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"temporal-streaming/devstack/internal/settings"
)

func resolved(t *testing.T, change func(*settings.Settings)) *settings.Settings {
	t.Helper()
	s := &settings.Settings{Data: t.TempDir(), Bind: "127.0.0.1", Kafka: "embedded"}
	change(s)
	if err := s.Resolve(); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCredentialsAreMadeOnceAndAddressesAtEachStart(t *testing.T) {
	s := resolved(t, func(s *settings.Settings) { s.S3Port = 9000 })
	first, err := s.WriteEnv()
	if err != nil {
		t.Fatal(err)
	}
	s.S3Port = 9999
	second, err := s.WriteEnv()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		if first[key] == "" || first[key] != second[key] {
			t.Errorf("%s changed from %d to %d characters", key, len(first[key]), len(second[key]))
		}
	}
	if second["S3_ENDPOINT"] != "http://127.0.0.1:9999" {
		t.Errorf("S3_ENDPOINT is %s after the port changed", second["S3_ENDPOINT"])
	}
	read, err := settings.ReadEnv(s.EnvFile())
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range second {
		if read[key] != value {
			t.Errorf("%s is not in the file as it was returned", key)
		}
	}
}

func TestTwoDataFoldersHaveDifferentCredentials(t *testing.T) {
	one, err := resolved(t, func(*settings.Settings) {}).WriteEnv()
	if err != nil {
		t.Fatal(err)
	}
	other, err := resolved(t, func(*settings.Settings) {}).WriteEnv()
	if err != nil {
		t.Fatal(err)
	}
	if one["AWS_SECRET_ACCESS_KEY"] == other["AWS_SECRET_ACCESS_KEY"] {
		t.Error("two data folders have the same secret")
	}
}

func TestEnvFileIsTheOwnersAndAShellCanSourceIt(t *testing.T) {
	s := resolved(t, func(s *settings.Settings) { s.Data = filepath.Join(s.Data, "it's a folder") })
	if err := os.Mkdir(s.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	env, err := s.WriteEnv()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(s.EnvFile())
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, want only the owner to read it", info.Mode())
	}
	output, err := exec.Command("/bin/sh", "-c", `set -a; . "$1"; printenv AWS_SECRET_ACCESS_KEY`, "sh", s.EnvFile()).Output()
	if err != nil || strings.TrimSpace(string(output)) != env["AWS_SECRET_ACCESS_KEY"] {
		t.Errorf("a shell does not read the secret: %v", err)
	}
}

func TestEnvFileWithoutCredentialsIsNotOverwritten(t *testing.T) {
	s := resolved(t, func(*settings.Settings) {})
	if err := os.WriteFile(s.EnvFile(), []byte("S3_BUCKET=fraud\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.WriteEnv(); err == nil {
		t.Error("credentials were made anew over a file that had lost them: the S3 folder would refuse them")
	}
}

func TestMLflowBringsS3(t *testing.T) {
	s := resolved(t, func(s *settings.Settings) { s.Only = []string{settings.MLflow} })
	if !s.Has(settings.S3) || s.Has(settings.Kafka) {
		t.Errorf("services are %v, want mlflow and s3", s.Only)
	}
}

func TestUnknownNamesAreRefused(t *testing.T) {
	for _, s := range []*settings.Settings{
		{Kafka: "redpanda"},
		{Kafka: "embedded", Only: []string{"postgres"}},
		{Kafka: "embedded", Brokers: 3},
		{Kafka: "apache", KafkaSet: []string{"log.retention.ms"}},
	} {
		if err := s.Resolve(); err == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
}

func TestBrokersAreNamedByNumberWhereThereAreSeveral(t *testing.T) {
	one := resolved(t, func(s *settings.Settings) { s.Kafka = "apache" })
	three := resolved(t, func(s *settings.Settings) { s.Kafka, s.Brokers = "apache", 3 })
	if one.KafkaName(0) != "kafka" || three.KafkaName(0) != "kafka-1" || three.KafkaName(2) != "kafka-3" {
		t.Errorf("names are %s, %s and %s", one.KafkaName(0), three.KafkaName(0), three.KafkaName(2))
	}
	for name, is := range map[string]bool{"kafka": true, "kafka-3": true, "kafka-": false, "kafka-x": false, "s3-1": false} {
		if settings.IsService(name) != is {
			t.Errorf("%s is a service: %v, want %v", name, !is, is)
		}
	}
}

func TestTakenPortsAreAllNamedWithTheirFlags(t *testing.T) {
	var held [2]net.Listener
	for i := range held {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		held[i] = listener
	}
	s := resolved(t, func(s *settings.Settings) {
		s.S3Port = held[0].Addr().(*net.TCPAddr).Port
		s.KafkaPort = held[1].Addr().(*net.TCPAddr).Port
	})
	err := s.ClaimPorts()
	if err == nil {
		t.Fatal("taken ports were claimed")
	}
	for _, flag := range []string{"--s3-port", "--kafka-port"} {
		if !strings.Contains(err.Error(), flag) {
			t.Errorf("%q does not name %s", err, flag)
		}
	}
}

func TestEachZeroBecomesAPortOfItsOwn(t *testing.T) {
	s := resolved(t, func(s *settings.Settings) { s.Kafka, s.Brokers, s.SASL = "apache", 2, true })
	if err := s.ClaimPorts(); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	all := []int{s.TemporalPort, s.UIPort, s.S3Port, s.MLflowPort}
	for _, b := range s.Cluster {
		all = append(all, b.Port, b.ControllerPort, b.SASLPort)
	}
	if len(all) != 10 || s.Cluster[0].Port != s.KafkaPort {
		t.Fatalf("%d ports, first broker at %d: %+v", len(all), s.KafkaPort, s)
	}
	for _, port := range all {
		if port == 0 || seen[port] {
			t.Errorf("port %d is zero or taken twice: %+v", port, s)
		}
		seen[port] = true
	}
}
