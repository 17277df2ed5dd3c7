package tracking

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	apiPath      = "/api/2.0/mlflow/"
	maxAnswer    = 64 << 20 // bytes of JSON; a search page is far smaller
	maxErrorBody = 64 << 10
)

// call is one request, repeatable as often as wanted because its body is held.
type call struct {
	method string
	path   string // below the server's address, escaped
	query  url.Values
	kind   string // content type of body
	body   []byte
	limit  int64 // largest answer
	wait   time.Duration
}

// post sends in to a method of the tracking interface and reads its answer into out, which may be nil. The call is
// repeated on transient faults, so it must be one that may be.
func (c *Client) post(ctx context.Context, path string, in, out any) error {
	return c.retry(ctx, func() error { return c.json(ctx, http.MethodPost, path, in, out) })
}

// postOnce is post for what must not be repeated blindly: the caller has to look first whether it was done.
func (c *Client) postOnce(ctx context.Context, path string, in, out any) error {
	return c.json(ctx, http.MethodPost, path, in, out)
}

// send is post with another method.
func (c *Client) send(ctx context.Context, method, path string, in, out any) error {
	return c.retry(ctx, func() error { return c.json(ctx, method, path, in, out) })
}

func (c *Client) get(ctx context.Context, path string, query url.Values, out any) error {
	return c.retry(ctx, func() error {
		answer, err := c.do(ctx, call{method: http.MethodGet, path: apiPath + path, query: query, limit: maxAnswer, wait: c.cfg.Timeout})
		if err != nil {
			return err
		}
		return decode(http.MethodGet+" "+path, answer, out)
	})
}

func (c *Client) json(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("mlflow %s %s: %w: %w", method, path, ErrInvalid, err)
	}
	answer, err := c.do(ctx, call{
		method: method, path: apiPath + path, kind: "application/json", body: body, limit: maxAnswer, wait: c.cfg.Timeout,
	})
	if err != nil || out == nil {
		return err
	}
	return decode(method+" "+path, answer, out)
}

func decode(op string, answer []byte, out any) error {
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("mlflow %s: answer is not what MLflow sends, is this address an MLflow server? %w", op, err)
	}
	return nil
}

// do makes one attempt.
func (c *Client) do(ctx context.Context, r call) ([]byte, error) {
	op := r.method + " " + r.path
	attempt, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()
	address := c.base + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	// bytes.Reader makes the request carry a Content-Length: older servers store an empty file for a chunked body.
	request, err := http.NewRequestWithContext(attempt, r.method, address, bytes.NewReader(r.body))
	if err != nil {
		return nil, &Error{Op: op, Kind: ErrInvalid, Message: "address cannot be used"}
	}
	if r.kind != "" {
		request.Header.Set("Content-Type", r.kind)
	}
	switch {
	case c.cfg.Username != "":
		request.SetBasicAuth(c.cfg.Username, c.cfg.Password)
	case c.cfg.Token != "":
		request.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.noAnswer(ctx, op, err)
	}
	defer response.Body.Close() // only read
	if response.StatusCode < 200 || response.StatusCode > 299 {
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorBody)) // the status alone is an answer too
		return nil, refused(op, request.Host, response.StatusCode, response.Header.Get("Location"), body)
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, r.limit+1))
	if err != nil {
		return nil, c.noAnswer(ctx, op, err)
	}
	if int64(len(answer)) > r.limit {
		return nil, &Error{Op: op, Status: response.StatusCode, Kind: ErrInvalid, Message: "answer exceeds " + strconv.FormatInt(r.limit, 10) + " bytes"}
	}
	return answer, nil
}

func (c *Client) noAnswer(ctx context.Context, op string, err error) error {
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("mlflow %s: %w", op, ended)
	}
	var address *url.Error
	if errors.As(err, &address) {
		err = address.Err // without the URL, which the operation names already
	}
	return &Error{Op: op, Kind: ErrUnavailable, Message: c.base + ": " + err.Error(), Cause: err}
}

// retry repeats what failed with ErrUnavailable, a bounded number of times.
func (c *Client) retry(ctx context.Context, attempt func() error) error {
	for n := 1; ; n++ {
		err := attempt()
		if err == nil || n >= c.cfg.Attempts || !IsRetryable(err) {
			return err
		}
		if ended := c.pause(ctx, n); ended != nil {
			return errors.Join(ended, err) // what was tried explains where the time went
		}
	}
}

// ensure makes something exist once. find says whether it exists; create makes one and is never repeated without another
// find in between: an attempt whose answer was lost has usually been carried out.
func (c *Client) ensure(ctx context.Context, find func() (bool, error), create func() error) error {
	for n := 1; ; n++ {
		found, err := find()
		if found || err != nil {
			return err
		}
		if err = create(); err == nil || errors.Is(err, ErrExists) {
			if found, err = find(); found || err != nil {
				return err
			}
			err = fmt.Errorf("%w: created, but not found afterwards", ErrUnavailable)
		}
		if n >= c.cfg.Attempts || !IsRetryable(err) {
			return err
		}
		if ended := c.pause(ctx, n); ended != nil {
			return errors.Join(ended, err)
		}
	}
}

// pause waits after the nth failure: doubling, bounded, and jittered so that many workers do not return at one instant.
func (c *Client) pause(ctx context.Context, n int) error {
	d := c.cfg.LongestPause
	if n < 16 {
		d = min(d, c.cfg.FirstPause<<(n-1))
	}
	timer := time.NewTimer(d/2 + rand.N(d/2+1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
