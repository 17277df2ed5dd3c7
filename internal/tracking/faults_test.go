package tracking

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// between is a proxy on a real wire: fault sees each request and how often this method and path were seen before.
func between(t *testing.T, cfg Config, fault func(w http.ResponseWriter, r *http.Request, seen int, forward http.Handler)) Config {
	t.Helper()
	target, err := url.Parse(cfg.URL)
	ok(t, err)
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	var mu sync.Mutex
	seen := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		n := seen[r.Method+r.URL.Path]
		seen[r.Method+r.URL.Path]++
		mu.Unlock()
		fault(w, r, n, forward)
	}))
	t.Cleanup(server.Close)
	cfg.URL = server.URL
	return cfg
}

// Each call is carried out, and the first time its answer never arrives: the worst that a network does to a client.
func TestLostAcknowledgementsLeaveOneOfEach(t *testing.T) {
	direct := mlflow(t)
	lost := 0
	cfg := between(t, direct, func(w http.ResponseWriter, r *http.Request, seen int, forward http.Handler) {
		if r.Method != http.MethodGet && seen == 0 {
			forward.ServeHTTP(httptest.NewRecorder(), r)
			lost++
			panic(http.ErrAbortHandler)
		}
		forward.ServeHTTP(w, r)
	})
	r := record(t, connect(t, cfg), "lost")
	wantOne(t, connect(t, direct), r)
	if lost < 20 {
		t.Fatalf("only %d answers were lost: the test has lost its teeth", lost)
	}
}

func TestOverloadedServerIsAskedAgain(t *testing.T) {
	direct := mlflow(t)
	cfg := between(t, direct, func(w http.ResponseWriter, r *http.Request, seen int, forward http.Handler) {
		switch seen {
		case 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 1:
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			forward.ServeHTTP(w, r)
		}
	})
	wantOne(t, connect(t, direct), record(t, connect(t, cfg), "overloaded"))
}

// A create whose answer was lost may be carried out late, after its successor has been handed out and used.
func TestLateCreatesAreSweptAway(t *testing.T) {
	c := connect(t, mlflow(t))
	ctx := t.Context()
	first := record(t, c, "late")
	ok(t, c.postOnce(ctx, "runs/create", runCreate{ // started earlier: age must not decide
		ExperimentID: first.Experiment.ID, Name: "train-1", Start: start.Add(-1).UnixMilli(), Tags: keyed(nil, "late/run"),
	}, nil))
	ok(t, c.postOnce(ctx, "logged-models", modelCreate{
		ExperimentID: first.Experiment.ID, Name: "late", Type: "Classifier", RunID: first.Run.ID, Tags: keyed(nil, "late/model"),
	}, nil))
	ok(t, c.postOnce(ctx, "model-versions/create", versionCreate{
		Name: "late", Source: modelSource + first.Model.ID, ModelID: first.Model.ID, RunID: first.Run.ID, Tags: keyed(nil, "late/version"),
	}, nil))
	again := record(t, c, "late")
	wantOne(t, c, again)
	if again.Run.ID != first.Run.ID || again.Model.ID != first.Model.ID || again.Version.Number != first.Version.Number {
		t.Fatalf("first %s %s %s, then %s %s %s", first.Run.ID, first.Model.ID, first.Version.Number, again.Run.ID, again.Model.ID, again.Version.Number)
	}
}

func TestPromotionMayBreakOffAndBeRepeated(t *testing.T) {
	direct := mlflow(t)
	c := connect(t, direct)
	ctx := t.Context()
	first := record(t, c, "promoted")
	second := must[Version](t)(c.EnsureVersion(ctx, VersionSpec{
		Name: "promoted", Key: "promoted/second", ModelID: first.Model.ID, RunID: first.Run.ID,
	}))
	broken := connect(t, between(t, direct, func(w http.ResponseWriter, r *http.Request, seen int, forward http.Handler) {
		if r.Method == http.MethodPost && seen > 0 { // `previous` is set, `champion` is not
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	if _, err := broken.Promote(ctx, "promoted", second.Number); !IsRetryable(err) {
		t.Fatalf("got %v", err)
	}
	if v := must[Version](t)(c.Version(ctx, "promoted", Champion)); v.Number != first.Version.Number {
		t.Fatalf("half a promotion made %s the champion", v.Number)
	}
	for range 2 {
		p := must[Promotion](t)(c.Promote(ctx, "promoted", second.Number))
		if p != (Promotion{Champion: second.Number, Previous: first.Version.Number}) {
			t.Fatalf("got %+v", p)
		}
	}
	if v := must[Version](t)(c.Version(ctx, "promoted", Previous)); v.Number != first.Version.Number {
		t.Fatalf("previous is %s", v.Number)
	}
}

// hostHeader lets a client speak under another name, as one behind a service name does.
type hostHeader string

func (h hostHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = string(h)
	return http.DefaultTransport.RoundTrip(r)
}

func TestRefusedHostNameIsExplained(t *testing.T) {
	cfg := mlflow(t)
	cfg.Transport = hostHeader("mlflow.example:5000")
	err := connect(t, cfg).Check(t.Context())
	if !errors.Is(err, ErrHostRefused) || IsRetryable(err) || !strings.Contains(err.Error(), "--allowed-hosts") {
		t.Fatalf("got %v", err)
	}
}
