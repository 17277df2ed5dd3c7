package artifact

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"

	"github.com/minio/minio-go/v7"
)

// classify turns what the client library reports into this package's sentinels, keeping the cause.
func (b *bucket) classify(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return ended // the caller gave up, or ran out of time: what happened on the wire follows from that
	}
	kind := kindOf(err)
	switch {
	case kind == nil:
		return err
	case errors.Is(kind, ErrUnavailable):
		return fmt.Errorf("%w: %s: %w", kind, b.host, err)
	default:
		return fmt.Errorf("%w: %w", kind, err)
	}
}

func kindOf(err error) error {
	var response minio.ErrorResponse
	if errors.As(err, &response) {
		return kindOfResponse(response)
	}
	var (
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		file        *fs.PathError
	)
	switch {
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &file):
		return nil // neither a certificate nor the caller's own file heals by trying again
	}
	var (
		transport *url.Error
		network   net.Error
	)
	if errors.As(err, &transport) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return ErrUnavailable
	}
	return nil
}

func kindOfResponse(response minio.ErrorResponse) error {
	switch response.Code {
	case "NoSuchBucket":
		return ErrBucketMissing
	case "RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable":
		return ErrUnavailable
	case "NoSuchKey":
		return ErrNotFound
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "XAdminUserNotFound": // the last is versitygw's
		return ErrDenied
	case "EntityTooLarge":
		return ErrTooLarge
	}
	switch status := response.StatusCode; {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ErrDenied
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests,
		status >= 500 && status != http.StatusNotImplemented:
		return ErrUnavailable
	}
	return nil
}

func code(err error) string {
	var response minio.ErrorResponse
	errors.As(err, &response)
	return response.Code
}

// classified classifies the faults of a body that is being read, as classify does for requests.
type classified struct {
	body   io.ReadCloser
	ctx    context.Context // of the request that the body belongs to
	bucket *bucket
}

func (c *classified) Read(p []byte) (int, error) {
	n, err := c.body.Read(p)
	if err != nil && err != io.EOF {
		err = c.bucket.classify(c.ctx, err)
	}
	return n, err
}

func (c *classified) Close() error { return c.body.Close() }
