package artifact_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"temporal-streaming/internal/artifact"
)

// faulty stands between the store and the real server, on a real wire.
type faulty struct {
	fault func(n int64, w http.ResponseWriter, r *http.Request, forward http.Handler) // n counts requests from 1
	calls atomic.Int64
}

// through returns a store that reaches the server of cfg through f.
func through(t *testing.T, cfg artifact.S3Config, f *faulty) *artifact.S3 {
	t.Helper()
	target, err := url.Parse(cfg.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // signed
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.fault(f.calls.Add(1), w, r, forward)
	}))
	t.Cleanup(server.Close)
	cfg.Endpoint = server.URL
	cfg.FirstPause, cfg.LongestPause = time.Millisecond, 5*time.Millisecond
	return open(t, cfg)
}

// cut forwards the request and lets only the first bytes of the answer's body through before the connection breaks.
func cut(w http.ResponseWriter, r *http.Request, forward http.Handler, bytes int) {
	answer := httptest.NewRecorder()
	forward.ServeHTTP(answer, r)
	for key, values := range answer.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes()[:bytes])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler) // closes the connection
}

func TestTransientFaultsAreRetried(t *testing.T) {
	cfg := config(t)
	data := bytes.Repeat([]byte("0123456789"), 1000)
	for name, fault := range map[string]func(int64, http.ResponseWriter, *http.Request, http.Handler){
		"503 twice": func(n int64, w http.ResponseWriter, r *http.Request, forward http.Handler) {
			if n%3 != 0 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			forward.ServeHTTP(w, r)
		},
		"connection refused to answer": func(n int64, w http.ResponseWriter, r *http.Request, forward http.Handler) {
			if n%2 == 1 {
				panic(http.ErrAbortHandler)
			}
			forward.ServeHTTP(w, r)
		},
		"acknowledgement of a write lost": func(n int64, w http.ResponseWriter, r *http.Request, forward http.Handler) {
			if r.Method == http.MethodPut && n <= 2 {
				forward.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			}
			forward.ServeHTTP(w, r)
		},
		"download cut": func(n int64, w http.ResponseWriter, r *http.Request, forward http.Handler) {
			if r.Method == http.MethodGet && n%2 == 1 {
				cut(w, r, forward, 4000)
			}
			forward.ServeHTTP(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := through(t, cfg, &faulty{fault: fault})
			ref, err := store.Put(t.Context(), "faults/"+string(name[0]), "x", data)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := store.Get(t.Context(), ref); err != nil || !bytes.Equal(got, data) {
				t.Fatalf("get: %d bytes, %v", len(got), err)
			}
			if err := store.PutNamed(t.Context(), "faults/named", data); err != nil {
				t.Fatal(err)
			}
			if got, err := store.GetNamed(t.Context(), "faults/named"); err != nil || !bytes.Equal(got, data) {
				t.Fatalf("get named: %d bytes, %v", len(got), err)
			}
		})
	}
}

func TestSameBytesAreNotSentAgain(t *testing.T) {
	var sent atomic.Int64
	store := through(t, config(t), &faulty{fault: func(_ int64, w http.ResponseWriter, r *http.Request, forward http.Handler) {
		if r.Method == http.MethodPut {
			sent.Add(1)
		}
		forward.ServeHTTP(w, r)
	}})
	for range 3 {
		if _, err := store.Put(t.Context(), "once", "x", []byte(t.Name())); err != nil {
			t.Fatal(err)
		}
	}
	if n := sent.Load(); n != 1 {
		t.Fatalf("sent %d times", n)
	}
}

func TestRetriesEndAsUnavailable(t *testing.T) {
	f := &faulty{fault: func(_ int64, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.WriteHeader(http.StatusBadGateway)
	}}
	cfg := config(t)
	cfg.Attempts = 3
	store := through(t, cfg, f)
	if err := store.Check(t.Context()); !errors.Is(err, artifact.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	if n := f.calls.Load(); n != 3 {
		t.Fatalf("%d requests, want 3", n)
	}
}

func TestFinalErrorsAreNotRetried(t *testing.T) {
	f := &faulty{fault: func(_ int64, w http.ResponseWriter, r *http.Request, forward http.Handler) { forward.ServeHTTP(w, r) }}
	cfg := config(t)
	cfg.SecretKey += "x"
	store := through(t, cfg, f)
	if err := store.Check(t.Context()); !errors.Is(err, artifact.ErrDenied) {
		t.Fatalf("got %v", err)
	}
	if n := f.calls.Load(); n != 1 {
		t.Fatalf("%d requests, want 1", n)
	}
}

func TestServerThatDoesNotListenIsUnavailable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // its port is free now
	store := open(t, artifact.S3Config{
		Endpoint: server.URL, Bucket: "bucket", AccessKey: "a", SecretKey: "s", FirstPause: time.Millisecond, Attempts: 2,
	})
	if _, err := store.GetNamed(t.Context(), "x"); !errors.Is(err, artifact.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
}

func TestDeadlineEndsTheWaitForAServerThatHangs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	hang := &faulty{fault: func(_ int64, _ http.ResponseWriter, r *http.Request, _ http.Handler) {
		cancel() // the caller's patience ends while the request is under way
		<-r.Context().Done()
	}}
	store := through(t, config(t), hang)
	_, err := store.Put(ctx, "p", "x", []byte("data"))
	if !errors.Is(err, context.Canceled) || errors.Is(err, artifact.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
}
