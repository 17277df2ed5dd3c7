package artifact_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/artifact/artifacttest"
	"temporal-streaming/test/stack"
)

var servers *stack.Stack

func TestMain(m *testing.M) {
	os.Exit(stack.Main(m, stack.Options{Services: []string{stack.S3}}, func(s *stack.Stack) { servers = s }))
}

func config(t *testing.T) artifact.S3Config {
	servers.Need(t)
	return artifact.S3Config{
		Endpoint: servers.Env["S3_ENDPOINT"], Region: servers.Env["AWS_REGION"], Bucket: servers.Env["S3_BUCKET"],
		AccessKey: servers.Env["AWS_ACCESS_KEY_ID"], SecretKey: servers.Env["AWS_SECRET_ACCESS_KEY"],
		MaxObjectSize: artifacttest.MaxObjectSize,
	}
}

func open(t *testing.T, cfg artifact.S3Config) *artifact.S3 {
	t.Helper()
	store, err := artifact.NewS3(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestS3Conforms(t *testing.T) {
	cfg := config(t)
	artifacttest.Run(t, func(t *testing.T) artifact.Store { return open(t, cfg) })
}

func TestBucketIsCreatedOnce(t *testing.T) {
	cfg := config(t)
	cfg.Bucket = "made-by-test"
	store := open(t, cfg)
	if err := store.Check(t.Context()); !errors.Is(err, artifact.ErrBucketMissing) {
		t.Fatalf("check before: %v", err)
	}
	if _, err := store.Put(t.Context(), "p", "x", []byte("data")); !errors.Is(err, artifact.ErrBucketMissing) {
		t.Fatalf("put before: %v", err)
	}
	for range 2 {
		if err := store.EnsureBucket(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ref, err := store.Put(t.Context(), "p", "x", []byte("data")); err != nil || store.URI(ref) != "s3://made-by-test/"+ref.Key {
		t.Fatalf("put after: %v, %v", ref, err)
	}
}

func TestWrongKeysAreDenied(t *testing.T) {
	for name, change := range map[string]func(*artifact.S3Config){
		"secret key": func(c *artifact.S3Config) { c.SecretKey += "x" },
		"access key": func(c *artifact.S3Config) { c.AccessKey += "x" },
	} {
		cfg := config(t)
		change(&cfg)
		store := open(t, cfg)
		if _, err := store.Put(t.Context(), "p", "x", []byte("data")); !errors.Is(err, artifact.ErrDenied) {
			t.Errorf("put with another %s: %v", name, err)
		}
		if err := store.Check(t.Context()); !errors.Is(err, artifact.ErrDenied) {
			t.Errorf("check with another %s: %v", name, err)
		}
	}
}

// The server keeps objects as files, so that a test can do to one what a failing disk would.
func TestObjectDamagedOnDiskIsNeverReturned(t *testing.T) {
	cfg := config(t)
	store := open(t, cfg)
	ref, err := store.Put(t.Context(), "damaged", "x", []byte("the right bytes"))
	if err != nil {
		t.Fatal(err)
	}
	var file string
	err = filepath.WalkDir(servers.Data, func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ref.Key) && !strings.Contains(path, "sidecar") {
			if content, readErr := os.ReadFile(path); readErr == nil && bytes.Equal(content, []byte("the right bytes")) {
				file = path
			}
		}
		return err
	})
	if err != nil || file == "" {
		t.Fatalf("object's file not found below %s: %v", servers.Data, err)
	}
	if err := os.WriteFile(file, []byte("the wrong bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Get(t.Context(), ref); !errors.Is(err, artifact.ErrDigest) {
		t.Fatalf("get answers %v", err)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	good := artifact.S3Config{Endpoint: "http://localhost:9000", Bucket: "b", AccessKey: "a", SecretKey: "s"}
	if _, err := artifact.NewS3(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*artifact.S3Config){
		"no endpoint":        func(c *artifact.S3Config) { c.Endpoint = "" },
		"host without URL":   func(c *artifact.S3Config) { c.Endpoint = "localhost:9000" },
		"unknown scheme":     func(c *artifact.S3Config) { c.Endpoint = "s3://localhost:9000" },
		"path":               func(c *artifact.S3Config) { c.Endpoint += "/bucket" },
		"user":               func(c *artifact.S3Config) { c.Endpoint = "http://a:b@localhost" },
		"no bucket":          func(c *artifact.S3Config) { c.Bucket = "" },
		"no access key":      func(c *artifact.S3Config) { c.AccessKey = "" },
		"no secret key":      func(c *artifact.S3Config) { c.SecretKey = "" },
		"unreadable address": func(c *artifact.S3Config) { c.Endpoint = "http://\x7f" },
	} {
		cfg := good
		change(&cfg)
		if _, err := artifact.NewS3(cfg); !errors.Is(err, artifact.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecretKeyIsNotPrinted(t *testing.T) {
	cfg := artifact.S3Config{Endpoint: "http://localhost", Bucket: "b", AccessKey: "a", SecretKey: "hush-hush"}
	for _, text := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg), fmt.Sprintf("%v", &cfg)} {
		if strings.Contains(text, "hush") {
			t.Errorf("secret in %s", text)
		}
	}
}
