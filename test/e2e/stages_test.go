package e2e

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"temporal-streaming/test/stack"
)

// audited is the answer of starter audit.
type audited struct {
	Passed          bool  `json:"passed"`
	Predictions     int64 `json:"predictions"`
	Compared        int64 `json:"compared"`
	Different       int64 `json:"different"`
	Handed          int64 `json:"handed_on"`
	HandedDifferent int64 `json:"handed_on_different"`
	Missing         int64 `json:"missing"`
	Repeated        int64 `json:"repeated"`
	EventOrder      struct {
		Compared  int64  `json:"compared"`
		Different int64  `json:"different"`
		Skipped   string `json:"skipped"`
	} `json:"event_order"`
}

// settled waits until a stream has scored all that was sent.
func (w *world) settled(pipeline string, within time.Duration) {
	w.t.Helper()
	eventually(w.t, within, func() error {
		var s struct {
			Streams []struct {
				State      string `json:"state"`
				Partitions []struct {
					Stage     int   `json:"stage"`
					Partition int32 `json:"partition"`
					Lag       int64 `json:"lag"`
				} `json:"partitions"`
			} `json:"streams"`
		}
		w.must(&s, "status", pipeline)
		if len(s.Streams) != 1 || s.Streams[0].State != "running" || len(s.Streams[0].Partitions) == 0 {
			return errorf("status says %+v", s.Streams)
		}
		for _, p := range s.Streams[0].Partitions {
			if p.Lag < 0 || p.Lag > 2 { // marks of transactions stand at the end of a topic, which nobody reads
				return errorf("partition %d of stage %d has a lag of %d", p.Partition, p.Stage, p.Lag)
			}
		}
		return nil
	})
}

// Thirty days of the Fraud Detection Handbook through Kafka, four partitions, two stages and the labels, with five kill -9 of
// the worker: each payment is scored once, and its features and score are those that training computes, to the last bit.
func TestStatefulStreamIsThatOfTrainingThroughKills(t *testing.T) {
	w := newWorld(t, stack.Apache)
	worker := w.worker()
	simulated := filepath.Join(w.dir, "transactions-simulated.parquet")
	w.must(nil, "simulate", "transactions", "--rows", "60000", "--out", simulated)
	w.must(nil, "load", "transactions", simulated)
	w.must(nil, "train", "transactions")
	w.must(nil, "inference", "transactions", "--detach")

	data, from, to := "../../../shared/data/handbook/transactions.parquet", "2018-07-25", "2018-08-24"
	if _, err := os.Stat(data); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		data, from, to = simulated, "2018-05-01", "2018-05-31"
	}
	data, err := filepath.Abs(data)
	if err != nil {
		t.Fatal(err)
	}
	send := exec.CommandContext(t.Context(), filepath.Join(programs, "starter"), "send", "transactions", data, "--from", from, "--to", to, "--speed", "43200x", "--json")
	send.Dir, send.Env = w.dir, w.environ()
	type outcome struct {
		out []byte
		err error
	}
	sending := make(chan outcome, 1)
	go func() {
		out, err := send.Output()
		sending <- outcome{out, err}
	}()
	random := rand.New(rand.NewPCG(11, 5))
	var done *outcome
	for kills := 0; done == nil; {
		select {
		case o := <-sending:
			done = &o
		case <-time.After(time.Duration(4000+random.IntN(8000)) * time.Millisecond):
			if kills++; kills <= 5 {
				worker.kill()
				worker = w.worker()
			}
		}
	}
	if done.err != nil {
		t.Fatalf("send: %v", done.err)
	}
	var sent struct {
		Acknowledged int64 `json:"acknowledged"`
	}
	if err := json.Unmarshal(done.out, &sent); err != nil || sent.Acknowledged < 1000 {
		t.Fatalf("sent %+v, %v, in %s", sent, err, done.out)
	}
	w.settled("transactions", 2*time.Minute)
	var a audited
	w.must(&a, "audit", "transactions", "--sample", "0")
	t.Logf("%+v", a)
	if !a.Passed || a.Predictions != sent.Acknowledged || a.Compared != sent.Acknowledged || a.Handed != sent.Acknowledged {
		t.Errorf("of %d payments: %+v", sent.Acknowledged, a)
	}
	// A label that comes to its stage after its delay, since a machine was busy, is not known in time.
	if a.EventOrder.Skipped != "" || a.EventOrder.Compared != sent.Acknowledged || a.EventOrder.Different > sent.Acknowledged/1000 {
		t.Errorf("compared with training: %+v", a.EventOrder)
	}
	w.must(nil, "stop", "transactions", "--reason", "the test is over")
}

// A pipeline of another kind of data, declared in YAML only: aircraft, four keys, texts, labels that count as they arrive.
func TestFlightsAreTrainedAndStreamed(t *testing.T) {
	w := newWorld(t, stack.Apache)
	worker := w.worker()
	data, err := filepath.Abs("testdata/flights-2013.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	w.must(nil, "load", "flights", data)
	w.must(nil, "train", "flights")
	w.must(nil, "inference", "flights", "--detach")
	var sent struct {
		Acknowledged int64 `json:"acknowledged"`
	}
	w.must(&sent, "send", "flights", data, "--to", "2013-01-05")
	flights := sent.Acknowledged
	worker.kill()
	worker = w.worker()
	w.must(&sent, "send", "flights", data, "--from", "2013-01-05", "--to", "2013-01-09")
	flights += sent.Acknowledged
	w.settled("flights", 2*time.Minute)
	var a audited
	w.must(&a, "audit", "flights", "--sample", "0")
	t.Logf("%+v", a)
	if !a.Passed || a.Predictions != flights || a.Compared != flights || flights < 5000 {
		t.Errorf("of %d flights: %+v", flights, a)
	}
	w.must(nil, "stop", "flights", "--reason", "the test is over")
	if _, err := worker.stop(20 * time.Second); err != nil {
		t.Error(err)
	}
}
