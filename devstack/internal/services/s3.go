package services

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"

	"temporal-streaming/devstack/internal/guard"
	"temporal-streaming/devstack/internal/settings"
	"temporal-streaming/devstack/internal/supervise"
)

// buckets are made at each start where they are missing: one for data sets and models in the making, one for MLflow.
var buckets = []string{"fraud", "mlflow"}

// S3 is an S3 server on a folder.
func S3(s *settings.Settings, env settings.Env) supervise.Service {
	return supervise.Service{
		Name: settings.S3,
		URL:  env["S3_ENDPOINT"],
		Log:  s.Log(settings.S3),
		Command: func() (guard.Command, error) {
			return self(s, settings.S3, []string{ // credentials go by environment: arguments are public on the machine
				"DEVSTACK_S3_ADDRESS=" + fmt.Sprintf("%s:%d", s.Bind, s.S3Port),
				"DEVSTACK_S3_DIR=" + filepath.Join(s.Data, "s3"),
				"AWS_ACCESS_KEY_ID=" + env["AWS_ACCESS_KEY_ID"],
				"AWS_SECRET_ACCESS_KEY=" + env["AWS_SECRET_ACCESS_KEY"],
				"AWS_REGION=" + env["AWS_REGION"],
			})
		},
		Ready: func(ctx context.Context) error { return s3Ready(ctx, env) },
	}
}

// s3Ready makes the buckets, and writes, reads and removes an object.
func s3Ready(ctx context.Context, env settings.Env) error {
	endpoint, err := url.Parse(env["S3_ENDPOINT"])
	if err != nil {
		return fmt.Errorf("s3 endpoint: %w", err)
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], ""),
		Region: env["AWS_REGION"], MaxRetries: 1,
	})
	if err != nil {
		return fmt.Errorf("s3 client: %w", err)
	}
	for _, bucket := range buckets {
		exists, err := client.BucketExists(ctx, bucket)
		if err == nil && !exists {
			err = client.MakeBucket(ctx, bucket, minio.MakeBucketOptions{Region: env["AWS_REGION"]})
		}
		if err != nil {
			return fmt.Errorf("bucket %s: %w", bucket, err)
		}
	}
	key, want := "devstack-check/"+rand.Text(), []byte("put and got")
	if _, err := client.PutObject(ctx, buckets[0], key, bytes.NewReader(want), int64(len(want)), minio.PutObjectOptions{}); err != nil {
		return fmt.Errorf("put an object: %w", err)
	}
	defer client.RemoveObject(context.WithoutCancel(ctx), buckets[0], key, minio.RemoveObjectOptions{})
	object, err := client.GetObject(ctx, buckets[0], key, minio.GetObjectOptions{})
	if err != nil {
		return fmt.Errorf("get an object: %w", err)
	}
	defer object.Close()
	got, err := io.ReadAll(object)
	if err != nil {
		return fmt.Errorf("get an object: %w", err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("get an object: got %q, put %q", got, want)
	}
	return nil
}

// ServeS3 is the S3 server's process: it serves until SIGTERM.
func ServeS3(ctx context.Context) error {
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer cancel()
	dir := os.Getenv("DEVSTACK_S3_DIR")
	objects, sidecar := filepath.Join(dir, "objects"), filepath.Join(dir, "metadata")
	for _, path := range []string{objects, sidecar} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return fmt.Errorf("serve s3: %w", err)
		}
	}
	// Metadata goes into files beside the objects: extended attributes need a file system that has them.
	metadata, err := meta.NewSideCar(sidecar)
	if err != nil {
		return fmt.Errorf("serve s3: %w", err)
	}
	backend, err := posix.New(objects, metadata, posix.PosixOpts{SideCarDir: sidecar, CopyObjectThreshold: 5 << 30})
	if err != nil {
		return fmt.Errorf("serve s3: %w", err)
	}
	err = embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
		RootUserAccess: os.Getenv("AWS_ACCESS_KEY_ID"), RootUserSecret: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		Region: os.Getenv("AWS_REGION"), Ports: []string{os.Getenv("DEVSTACK_S3_ADDRESS")},
		MaxConnections: 4096, MaxRequests: 2048, MultipartMaxParts: 10000, Quiet: true,
		KeepAlive: false, // kept-alive connections break after a put of zero bytes over plain HTTP
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("serve s3: %w", err)
	}
	return nil
}
