package tracking

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"
)

// answering returns a client of a server that gives one answer, and the count of its requests.
func answering(t *testing.T, cfg Config, handler http.HandlerFunc) (*Client, *atomic.Int64) {
	t.Helper()
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	if cfg.URL == "" {
		cfg.URL = server.URL
	}
	cfg.URL = strings.Replace(cfg.URL, "SERVER", strings.TrimPrefix(server.URL, "http://"), 1)
	cfg.Attempts, cfg.FirstPause = 3, time.Millisecond
	return connect(t, cfg), &calls
}

func TestAnswersBecomeTypedErrors(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		want   error
		calls  int64
	}{
		{404, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"m"}`, ErrNotFound, 1},
		{400, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"the code counts, not the status"}`, ErrNotFound, 1},
		{400, `{"error_code":"RESOURCE_ALREADY_EXISTS","message":"m"}`, ErrExists, 1},
		{400, `{"error_code":"INVALID_PARAMETER_VALUE","message":"m"}`, ErrInvalid, 1},
		{400, `{"error_code":"BAD_REQUEST","message":"UNIQUE constraint failed"}`, ErrInvalid, 1},
		{403, `{"error_code":"PERMISSION_DENIED","message":"m"}`, ErrDenied, 1},
		{403, `Permission denied`, ErrDenied, 1},
		{401, `You are not authenticated.`, ErrDenied, 1},
		{403, `Invalid Host header - possible DNS rebinding attack detected`, ErrHostRefused, 1},
		{404, `<html><h1>Not Found</h1></html>`, ErrInvalid, 1},
		{302, ``, ErrInvalid, 1},
		{501, `{"error_code":"NOT_IMPLEMENTED","message":"m"}`, ErrInvalid, 1},
		{429, `slow down`, ErrUnavailable, 3},
		{500, `{"error_code":"INTERNAL_ERROR","message":"m"}`, ErrUnavailable, 3},
		{502, `<html>bad gateway</html>`, ErrUnavailable, 3},
		{503, `{"error_code":"TEMPORARILY_UNAVAILABLE","message":"m"}`, ErrUnavailable, 3},
	} {
		c, calls := answering(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.status)
			fmt.Fprint(w, test.body)
		})
		err := c.Check(t.Context())
		var refusal *Error
		if !errors.Is(err, test.want) || !errors.As(err, &refusal) || refusal.Status != test.status {
			t.Errorf("%d %s: got %v, want %v", test.status, test.body, err, test.want)
		}
		if IsRetryable(err) != (test.want == ErrUnavailable) || calls.Load() != test.calls {
			t.Errorf("%d %s: retryable %t after %d calls, want %d", test.status, test.body, IsRetryable(err), calls.Load(), test.calls)
		}
	}
}

func TestServerThatIsNoMLflowIsExplained(t *testing.T) {
	c, _ := answering(t, Config{}, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>welcome</html>") })
	for name, err := range map[string]error{
		"run":     func() error { _, err := c.Run(t.Context(), "x"); return err }(),
		"version": func() error { _, err := c.ServerVersion(t.Context()); return err }(),
	} {
		if err == nil || IsRetryable(err) || !strings.Contains(err.Error(), "is this address an MLflow server?") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServerThatDoesNotListenIsUnavailable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // its port is free now
	err := connect(t, Config{URL: server.URL, Attempts: 2, FirstPause: time.Millisecond}).Check(t.Context())
	if !IsRetryable(err) || !strings.Contains(err.Error(), server.URL) {
		t.Fatalf("got %v", err)
	}
}

func TestSlowServerIsUnavailableAndACancelledCallIsNot(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server see the client leave
		<-r.Context().Done()
	}
	slow, calls := answering(t, Config{Timeout: 5 * time.Millisecond}, hang)
	if err := slow.Check(t.Context()); !IsRetryable(err) || calls.Load() != 3 {
		t.Fatalf("slow: %v after %d calls", err, calls.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	left, calls := answering(t, Config{}, func(w http.ResponseWriter, r *http.Request) { cancel(); hang(w, r) })
	if err := left.Check(ctx); !errors.Is(err, context.Canceled) || IsRetryable(err) || calls.Load() != 1 {
		t.Fatalf("cancelled: %v after %d calls", err, calls.Load())
	}
}

func TestCredentialsAreSentAndNeverShown(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  Config
		want string
	}{
		"password":        {Config{URL: "http://SERVER", Username: "u", Password: "hush"}, "Basic dTpodXNo"},
		"password in URL": {Config{URL: "http://u:hush@SERVER/"}, "Basic dTpodXNo"},
		"token":           {Config{URL: "http://SERVER", Token: "hush"}, "Bearer hush"},
	} {
		var header string
		c, _ := answering(t, test.cfg, func(w http.ResponseWriter, r *http.Request) {
			header = r.Header.Get("Authorization")
			w.WriteHeader(http.StatusUnauthorized)
		})
		err := c.Check(t.Context())
		if header != test.want {
			t.Errorf("%s: sent %q", name, header)
		}
		for _, text := range []string{fmt.Sprint(err), fmt.Sprint(test.cfg), fmt.Sprintf("%+v %#v", test.cfg, test.cfg), c.Links().Home()} {
			if strings.Contains(text, "hush") {
				t.Errorf("%s: shown in %s", name, text)
			}
		}
	}
	if _, err := New(Config{URL: "http://u:hush@%zz"}); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("bad address: %v", err)
	}
}

func TestAddressesAreChecked(t *testing.T) {
	for _, address := range []string{"", "localhost:5000", "ftp://localhost", "http://", "http://h?x=1", "http://h#x"} {
		if _, err := New(Config{URL: address}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestLinksFollowTheBrowsersAddress(t *testing.T) {
	l := connect(t, Config{URL: "http://mlflow:5000/", UIURL: "https://mlflow.example.com/base/"}).Links()
	for got, want := range map[string]string{
		l.Experiment("1"):                "https://mlflow.example.com/base/#/experiments/1/runs?workflowType=machine_learning",
		l.Run("1", "ab"):                 "https://mlflow.example.com/base/#/experiments/1/runs/ab?workflowType=machine_learning",
		l.LoggedModel("1", "m-1"):        "https://mlflow.example.com/base/#/experiments/1/models/m-1?workflowType=machine_learning",
		l.RegisteredModel("credit card"): "https://mlflow.example.com/base/#/models/credit%20card",
		l.Version("creditcard", "3"):     "https://mlflow.example.com/base/#/models/creditcard/versions/3",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestBadArgumentsAreRefusedBeforeAnythingIsSent(t *testing.T) {
	c, calls := answering(t, Config{}, func(http.ResponseWriter, *http.Request) {})
	ctx, now := t.Context(), time.Unix(1, 0)
	writeModel := func(change func(*Model)) error {
		m := fraudModel()
		change(&m)
		_, err := c.WriteModel(ctx, LoggedModel{ID: "m-1", Artifacts: "mlflow-artifacts:/1/models/m-1/artifacts"}, m)
		return err
	}
	for name, err := range map[string]error{
		"run without key":             func() error { _, err := c.EnsureRun(ctx, RunSpec{Start: now}); return err }(),
		"key with quote":              func() error { _, err := c.EnsureRun(ctx, RunSpec{Key: "a' or 'b", Start: now}); return err }(),
		"run without start":           func() error { _, err := c.EnsureRun(ctx, RunSpec{Key: "a"}); return err }(),
		"metric without time":         c.LogBatch(ctx, "r", Batch{Metrics: []Metric{{Key: "a"}}}),
		"metric without name":         c.LogBatch(ctx, "r", Batch{Metrics: []Metric{{Time: now}}}),
		"parameter too long":          c.LogBatch(ctx, "r", Batch{Params: map[string]string{"a": strings.Repeat("x", 6001)}}),
		"tag too long":                c.LogBatch(ctx, "r", Batch{Tags: map[string]string{"a": strings.Repeat("x", 8001)}}),
		"input without digest":        c.LogInputs(ctx, "r", []Input{{Name: "a", URI: "s3://b/c"}}),
		"version of no model":         func() error { _, err := c.EnsureVersion(ctx, VersionSpec{Name: "a", Key: "k"}); return err }(),
		"artifacts elsewhere":         c.PutArtifact(ctx, "s3://bucket/1/artifacts", "a", nil),
		"artifacts of another server": c.PutArtifact(ctx, "mlflow-artifacts://other:5000/1/artifacts", "a", nil),
		"empty model":                 writeModel(func(m *Model) { m.ONNX = nil }),
		"example too short":           writeModel(func(m *Model) { m.Example = m.Example[:2] }),
		"example with NaN":            writeModel(func(m *Model) { m.Example = []float64{1, math.NaN(), 2} }),
		"repeated feature":            writeModel(func(m *Model) { m.Features = []string{"a", "b", "a"} }),
		"model without time":          writeModel(func(m *Model) { m.Created = time.Time{} }),
	} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func FuzzAnswersBecomeErrors(f *testing.F) {
	f.Add(400, []byte(`{"error_code":"INVALID_PARAMETER_VALUE","message":"Registered model alias x not found."}`))
	f.Add(403, []byte("Invalid Host header"))
	f.Add(502, []byte(strings.Repeat("ü", 1000)))
	f.Add(500, []byte(`{"error_code":5}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := refused("GET x", "localhost:5000", status, "", body)
		if status >= 400 && e.Kind == nil || len(e.Error()) > 3*maxMessage+len(e.Code) || utf8.Valid(body) && !utf8.ValidString(e.Message) {
			t.Fatalf("%d %q became %v", status, body, e)
		}
	})
}

func FuzzMetricValuesSurviveTheWire(f *testing.F) {
	for _, v := range []float64{0, -1.5, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v float64) {
		data, err := json.Marshal(number(v))
		ok(t, err)
		var got number
		ok(t, json.Unmarshal(data, &got))
		if math.Float64bits(float64(got)) != math.Float64bits(v) && !(math.IsNaN(v) && math.IsNaN(float64(got))) {
			t.Fatalf("%v became %s became %v", v, data, got)
		}
	})
}

func FuzzMetricValuesAreNumbersOrRefused(f *testing.F) {
	f.Add([]byte(`1e3`))
	f.Add([]byte(`"NaN"`))
	f.Add([]byte(`"x"`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var n number
		if json.Unmarshal(data, &n) != nil {
			return
		}
		if _, err := json.Marshal(n); err != nil {
			t.Fatalf("%q became %v, which does not go back: %v", data, float64(n), err)
		}
	})
}
