package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3Config says where the bucket is and how to speak to it. The package reads no environment.
type S3Config struct {
	Endpoint  string // URL of the service: http://localhost:9000, https://s3.eu-central-1.amazonaws.com
	Region    string // default us-east-1
	Bucket    string
	AccessKey string
	SecretKey string `json:"-"`
	// VirtualHost addresses the bucket as BUCKET.host instead of host/BUCKET. Amazon prefers it; most other servers need
	// the path form, which is the default.
	VirtualHost   bool
	MaxObjectSize int64         // bytes, default DefaultMaxObjectSize
	Attempts      int           // tries of one operation, default 5
	FirstPause    time.Duration // pause before the second try, doubled for each further one, default 100ms
	LongestPause  time.Duration // default 3s
}

// String leaves the secret out, so that a configuration may be printed.
func (c S3Config) String() string {
	return fmt.Sprintf("{endpoint %s, region %s, bucket %s, access key %s}", c.Endpoint, c.Region, c.Bucket, c.AccessKey)
}

// GoString leaves the secret out of %#v too.
func (c S3Config) GoString() string { return "artifact.S3Config" + c.String() }

func (c S3Config) withDefaults() S3Config {
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.MaxObjectSize <= 0 {
		c.MaxObjectSize = DefaultMaxObjectSize
	}
	if c.Attempts <= 0 {
		c.Attempts = 5
	}
	if c.FirstPause <= 0 {
		c.FirstPause = 100 * time.Millisecond
	}
	if c.LongestPause <= 0 {
		c.LongestPause = 3 * time.Second
	}
	return c
}

// S3 is a Store in one bucket of an S3-compatible service.
type S3 struct {
	store
	bucket *bucket
	region string
}

// NewS3 returns a store in the configured bucket. It makes no connection; see Check and EnsureBucket.
func NewS3(cfg S3Config) (*S3, error) {
	cfg = cfg.withDefaults()
	endpoint, err := url.Parse(cfg.Endpoint)
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "http" && endpoint.Scheme != "https" {
		return nil, fmt.Errorf("open bucket %s: %w: endpoint must be a URL like http://localhost:9000", cfg.Bucket, ErrInvalid)
	}
	if endpoint.Path != "" && endpoint.Path != "/" || endpoint.User != nil || endpoint.RawQuery != "" {
		return nil, fmt.Errorf("open bucket %s: %w: endpoint %s://%s must have no path, user or query", cfg.Bucket, ErrInvalid, endpoint.Scheme, endpoint.Host)
	}
	if cfg.Bucket == "" || cfg.AccessKey == "" || cfg.SecretKey == "" {
		return nil, fmt.Errorf("open bucket %s at %s: %w: bucket, access key and secret key must be set", cfg.Bucket, endpoint.Host, ErrInvalid)
	}
	lookup := minio.BucketLookupPath
	if cfg.VirtualHost {
		lookup = minio.BucketLookupDNS
	}
	client, err := minio.NewCore(endpoint.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""),
		Secure:       endpoint.Scheme == "https",
		Region:       cfg.Region, // known, so the client never has to ask for it
		BucketLookup: lookup,
		MaxRetries:   1, // store retries, and it alone: two nested policies would multiply
	})
	if err != nil {
		return nil, fmt.Errorf("open bucket %s at %s: %w: %w", cfg.Bucket, endpoint.Host, ErrInvalid, err)
	}
	b := &bucket{client: client, name: cfg.Bucket, host: endpoint.Host}
	s := &S3{bucket: b, region: cfg.Region}
	s.store = store{
		backend: b,
		max:     cfg.MaxObjectSize,
		retry:   retry{attempts: cfg.Attempts, first: cfg.FirstPause, longest: cfg.LongestPause},
	}
	return s, nil
}

// URI is the object's address as other tools write it: s3://bucket/key.
func (s *S3) URI(ref Ref) string { return "s3://" + s.bucket.name + "/" + ref.Key }

// Check finds out whether the bucket can be used: nil, ErrBucketMissing, ErrDenied or ErrUnavailable.
func (s *S3) Check(ctx context.Context) error {
	err := s.retry.do(ctx, func() error { return s.bucket.check(ctx) })
	if err != nil {
		return fmt.Errorf("check bucket %s at %s: %w", s.bucket.name, s.bucket.host, err)
	}
	return nil
}

// EnsureBucket creates the bucket unless it exists.
func (s *S3) EnsureBucket(ctx context.Context) error {
	err := s.retry.do(ctx, func() error { return s.bucket.ensure(ctx, s.region) })
	if err != nil {
		return fmt.Errorf("create bucket %s at %s: %w", s.bucket.name, s.bucket.host, err)
	}
	return nil
}

// bucket is the backend: one request per call, errors classified.
type bucket struct {
	client *minio.Core
	name   string
	host   string
}

// digestKey is the user metadata (x-amz-meta-sha256) that carries an object's digest.
const digestKey = "Sha256"

func (b *bucket) write(ctx context.Context, key string, r io.ReadSeeker, meta object) error {
	options := minio.PutObjectOptions{ContentType: "application/octet-stream"}
	if meta.digest != "" {
		options.UserMetadata = map[string]string{digestKey: meta.digest}
	}
	_, err := b.client.Client.PutObject(ctx, b.name, key, r, meta.size, options)
	return b.classify(ctx, err)
}

func (b *bucket) stat(ctx context.Context, key string) (object, error) {
	info, err := b.client.StatObject(ctx, b.name, key, minio.StatObjectOptions{})
	if err != nil {
		return object{}, b.classify(ctx, err)
	}
	return describe(info), nil
}

func (b *bucket) open(ctx context.Context, key string) (io.ReadCloser, object, error) {
	body, info, _, err := b.client.GetObject(ctx, b.name, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, object{}, b.classify(ctx, err)
	}
	return &classified{body: body, ctx: ctx, bucket: b}, describe(info), nil
}

func (b *bucket) remove(ctx context.Context, key string) error {
	return b.classify(ctx, b.client.RemoveObject(ctx, b.name, key, minio.RemoveObjectOptions{}))
}

func (b *bucket) check(ctx context.Context) error {
	// A listing and not a HEAD, whose answer has no room for the reason: some servers say 404 for an unknown access key.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing after its first object
	for found := range b.client.Client.ListObjects(ctx, b.name, minio.ListObjectsOptions{MaxKeys: 1}) {
		return b.classify(ctx, found.Err)
	}
	return nil
}

func (b *bucket) ensure(ctx context.Context, region string) error {
	if err := b.check(ctx); !errors.Is(err, ErrBucketMissing) {
		return err
	}
	err := b.client.MakeBucket(ctx, b.name, minio.MakeBucketOptions{Region: region})
	if code(err) == "BucketAlreadyOwnedByYou" {
		return nil // somebody else of us was faster
	}
	return b.classify(ctx, err)
}

func describe(info minio.ObjectInfo) object {
	return object{size: info.Size, digest: http.Header(info.Metadata).Get("X-Amz-Meta-" + digestKey)}
}
