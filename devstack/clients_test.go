package main

import (
	"bytes"
	"context"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/twmb/franz-go/pkg/kgo"

	"temporal-streaming/devstack/internal/settings"
)

// content is what the tests write and expect to find again.
var content = []byte("kept over kill -9")

func s3Client(t *testing.T, envFile string) *minio.Client {
	t.Helper()
	env, err := settings.ReadEnv(envFile)
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := url.Parse(env["S3_ENDPOINT"])
	if err != nil {
		t.Fatal(err)
	}
	client, err := minio.New(endpoint.Host, &minio.Options{Creds: credentials.NewStaticV4(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], "")})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func put(t *testing.T, envFile string) {
	t.Helper()
	_, err := s3Client(t, envFile).PutObject(t.Context(), "fraud", "a/b", bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func expectObject(t *testing.T, envFile string) {
	t.Helper()
	object, err := s3Client(t, envFile).GetObject(t.Context(), "fraud", "a/b", minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer object.Close()
	if got, err := io.ReadAll(object); err != nil || !bytes.Equal(got, content) {
		t.Errorf("object is %q: %v", got, err)
	}
}

func kafkaClient(t *testing.T, envFile string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	env, err := settings.ReadEnv(envFile)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(strings.Split(env["KAFKA_BOOTSTRAP_SERVERS"], ",")...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func produce(t *testing.T, envFile string) {
	t.Helper()
	record := &kgo.Record{Topic: "hello-fraud", Value: content}
	if err := kafkaClient(t, envFile).ProduceSync(t.Context(), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func expectRecord(t *testing.T, envFile string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	fetches := kafkaClient(t, envFile, kgo.ConsumeTopics("hello-fraud")).PollFetches(ctx)
	if err := fetches.Err(); err != nil {
		t.Fatal(err)
	}
	if records := fetches.Records(); len(records) != 1 || !bytes.Equal(records[0].Value, content) {
		t.Errorf("%d records, want the one that was produced", len(records))
	}
}
