// Package tracking records training runs and models in MLflow 3.x over its REST interface.
//
// Every verb is idempotent. MLflow itself is not: creating a run, a model or a version twice makes two. So what this
// package creates carries the caller's key in a tag and is looked for before and after it is made; calling any verb
// again, also after an answer that was lost on the way, ends with one run, one model and one version. Verbs named
// Ensure return what exists already. Two callers at the same instant with the same key are not kept apart: MLflow has
// no operation to do that with, so one key belongs to one workflow, which calls one step at a time.
//
//	client, err := tracking.New(tracking.Config{URL: "http://localhost:5000"})
//	exp, err := client.EnsureExperiment(ctx, "creditcard")
//	run, err := client.EnsureRun(ctx, tracking.RunSpec{ExperimentID: exp.ID, Key: workflowID, Name: "train-1", Start: start})
//	err = client.LogBatch(ctx, run.ID, tracking.Batch{Params: params, Metrics: metrics})
//	model, err := client.EnsureLoggedModel(ctx, tracking.LoggedModelSpec{ExperimentID: exp.ID, RunID: run.ID, Key: workflowID, Name: "creditcard"})
//	manifest, err := client.WriteModel(ctx, model, tracking.Model{ONNX: onnx, Features: names, ...})
//	version, err := client.EnsureVersion(ctx, tracking.VersionSpec{Name: "creditcard", Key: workflowID, ModelID: model.ID, RunID: run.ID, Files: manifest})
//	promotion, err := client.Promote(ctx, "creditcard", version.Number)
//
// Errors carry what the server said; errors.Is with the sentinels says what kind it is, and IsRetryable whether trying
// again later can help. Calls that may be repeated safely are repeated here, a bounded number of times.
// Credentials appear in no error and no printed configuration.
package tracking

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says where MLflow is and how to speak to it. The package reads no environment.
type Config struct {
	URL      string // http://localhost:5000; may carry a path if the server is started with --static-prefix
	UIURL    string // where people reach the same server with a browser, default URL
	Username string
	Password string `json:"-"`
	Token    string `json:"-"` // bearer token, used if Username is empty

	Timeout         time.Duration // one attempt of a call, default 30s
	TransferTimeout time.Duration // one attempt to transfer one artifact, default 10m
	Attempts        int           // tries of a call that may be repeated, default 5
	FirstPause      time.Duration // pause before the second try, doubled for each further one, default 200ms
	LongestPause    time.Duration // default 5s
	MaxArtifact     int64         // largest artifact in bytes that is put or got, default 512 MiB

	Transport http.RoundTripper // default http.DefaultTransport
}

// String leaves password and token out, so that a configuration may be printed.
func (c Config) String() string {
	address := c.URL
	if u, err := url.Parse(c.URL); err == nil {
		address = u.Redacted()
	}
	return fmt.Sprintf("{url %s, user %q}", address, c.Username)
}

// GoString leaves password and token out of %#v too.
func (c Config) GoString() string { return "tracking.Config" + c.String() }

func (c Config) withDefaults() Config {
	if c.UIURL == "" {
		c.UIURL = c.URL
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	if c.TransferTimeout <= 0 {
		c.TransferTimeout = 10 * time.Minute
	}
	if c.Attempts <= 0 {
		c.Attempts = 5
	}
	if c.FirstPause <= 0 {
		c.FirstPause = 200 * time.Millisecond
	}
	if c.LongestPause <= 0 {
		c.LongestPause = 5 * time.Second
	}
	if c.MaxArtifact <= 0 {
		c.MaxArtifact = 512 << 20
	}
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	return c
}

// Client speaks to one MLflow server. It is safe for concurrent use.
type Client struct {
	cfg  Config
	base string // without trailing slash and without user
	ui   string
	http *http.Client
}

// New returns a client. It makes no connection; see Check.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	base, user, err := parseURL(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("open mlflow: %w", err)
	}
	ui, _, err := parseURL(cfg.UIURL)
	if err != nil {
		return nil, fmt.Errorf("open mlflow: browser address: %w", err)
	}
	if user != nil && cfg.Username == "" { // http://user:password@host, as MLflow's own client accepts
		cfg.Username = user.Username()
		cfg.Password, _ = user.Password()
	}
	return &Client{cfg: cfg, base: base, ui: ui, http: &http.Client{
		Transport: cfg.Transport,
		// A redirected POST would arrive as a GET, and credentials would travel on: let the answer become an error instead.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func parseURL(address string) (string, *url.Userinfo, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return "", nil, fmt.Errorf("%w: address must be a URL like http://localhost:5000", ErrInvalid) // err may quote a password
	}
	user := u.User
	u.User = nil
	return strings.TrimRight(u.String(), "/"), user, nil
}
