package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"temporal-streaming/test/stack"
)

// audited is the answer of starter audit.
type audited struct {
	Passed          bool       `json:"passed"`
	Predictions     int64      `json:"predictions"`
	Compared        int64      `json:"compared"`
	Different       int64      `json:"different"`
	Handed          int64      `json:"handed_on"`
	HandedDifferent int64      `json:"handed_on_different"`
	Missing         int64      `json:"missing"`
	Repeated        int64      `json:"repeated"`
	EventOrder      eventOrder `json:"event_order"`
}

// eventOrder is how far a stream's order was that of the events, as training has it.
type eventOrder struct {
	Compared  int64  `json:"compared"`
	Different int64  `json:"different"`
	Skipped   string `json:"skipped"`
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
	simulated := w.trained("transactions", 60_000)
	data, from, to := handbook(t, simulated, "2018-07-25", "2018-08-24", "2018-05-31")
	sending := w.sending("transactions", data, from, to, "21600x")
	random := rand.New(rand.NewPCG(11, 5))
	for kills := 0; kills < 5; {
		select {
		case <-sending.over:
			kills = 5
		case <-time.After(time.Duration(4000+random.IntN(8000)) * time.Millisecond):
			kills++
			worker.kill()
			worker = w.worker()
		}
	}
	sent := sending.acknowledged()
	w.settled("transactions", 2*time.Minute)
	order := w.audited("transactions", sent, 1)
	// A label that comes to its stage after its delay, since a machine was busy, is not known in time. At this speed one second is six hours;
	// labels that all come half a day late change 0.3 % of these payments, and labels that never come 3.5 %.
	if order.Skipped != "" || order.Compared != sent || order.Different > sent/1000 {
		t.Errorf("compared with training: %+v", order)
	}
	w.must(nil, "stop", "transactions", "--reason", "the test is over")
}

// trained trains a model of payments that are simulated, starts its stream, and returns the file of the payments.
func (w *world) trained(pipeline string, rows int) (simulated string) {
	w.t.Helper()
	simulated = filepath.Join(w.dir, pipeline+"-simulated.parquet")
	w.must(nil, "simulate", "transactions", "--rows", fmt.Sprint(rows), "--out", simulated)
	w.must(nil, "load", pipeline, simulated)
	w.must(nil, "train", pipeline)
	w.must(nil, "inference", pipeline, "--detach")
	return simulated
}

// handbook is the Fraud Detection Handbook's data between two days or, where it is not at hand, simulated payments of May 2018 up to a day.
func handbook(t *testing.T, simulated, from, to, untilMay string) (file, first, last string) {
	t.Helper()
	file = "../../../shared/data/handbook/transactions.parquet"
	if _, err := os.Stat(file); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		return simulated, "2018-05-01", untilMay
	}
	file, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	return file, from, to
}

// sending is a starter send that runs.
type sending struct {
	t    *testing.T
	over chan struct{}
	out  []byte
	errs bytes.Buffer
	err  error
}

// sending sends payments of some days in their order, so many times as fast as they were made.
func (w *world) sending(pipeline, file, from, to, speed string) *sending {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), filepath.Join(programs, "starter"), "send", pipeline, file, "--from", from, "--to", to, "--speed", speed,
		"--timeout", "30s", "--json") // of a broker that others keep busy
	s := &sending{t: w.t, over: make(chan struct{})}
	cmd.Dir, cmd.Env, cmd.Stderr = w.dir, w.environ(), &s.errs
	go func() {
		s.out, s.err = cmd.Output()
		close(s.over)
	}()
	return s
}

// acknowledged waits for the end, and answers how many payments the brokers have.
func (s *sending) acknowledged() int64 {
	s.t.Helper()
	<-s.over
	var sent struct {
		Acknowledged int64 `json:"acknowledged"`
	}
	if s.err != nil {
		s.t.Fatalf("send: %v: %s", s.err, s.errs.String())
	}
	if err := json.Unmarshal(s.out, &sent); err != nil || sent.Acknowledged < 1000 {
		s.t.Fatalf("sent %+v, %v, in %s", sent, err, s.out)
	}
	return sent.Acknowledged
}

// audited expects one prediction of each payment, that was handed on so many times, with the features and the score that its stages'
// logs lead to, bit for bit. It answers how far their order was that of the events.
func (w *world) audited(pipeline string, sent, hops int64) eventOrder {
	w.t.Helper()
	var a audited
	w.must(&a, "audit", pipeline, "--sample", "0")
	w.t.Logf("%+v", a)
	if !a.Passed || a.Predictions != sent || a.Compared != sent || a.Different+a.Missing+a.Repeated+a.HandedDifferent != 0 || a.Handed != hops*sent {
		w.t.Errorf("of %d payments: %+v", sent, a)
	}
	return a.EventOrder
}

// Pipelines that are YAML and nothing else, on the same servers one after the other, each with a kill -9.
func TestPipelinesOfOtherShapesAreThoseOfTraining(t *testing.T) {
	w := newWorld(t, stack.Apache)
	worker := w.threeStages(w.flights(w.worker()))
	if _, err := worker.stop(20 * time.Second); err != nil {
		t.Error(err)
	}
}

// flights is another kind of data: aircraft, four keys, texts, labels that count as they arrive.
func (w *world) flights(worker *workerProcess) *workerProcess {
	w.t.Helper()
	data, err := filepath.Abs("testdata/flights-2013.csv.gz")
	if err != nil {
		w.t.Fatal(err)
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
	w.t.Logf("%+v", a)
	if !a.Passed || a.Predictions != flights || a.Compared != flights || flights < 5000 {
		w.t.Errorf("of %d flights: %+v", flights, a)
	}
	w.must(nil, "stop", "flights", "--reason", "to add partitions")
	w.grown("flights", 4, 6)
	return worker
}

// grown adds partitions to the topic of a stream that is stopped and has a history. Keys may have moved there, which nothing is
// known of: the stream goes on with the partitions that it had, and says so.
func (w *world) grown(pipeline string, before, after int) {
	w.t.Helper()
	w.widen(pipeline, after)
	w.must(nil, "inference", pipeline, "--detach")
	eventually(w.t, 30*time.Second, func() error {
		var s struct {
			Streams []struct {
				State  string `json:"state"`
				Stuck  string `json:"stuck"`
				Shards []struct {
					Stage      int     `json:"stage"`
					Partitions []int32 `json:"partitions"`
				} `json:"shards"`
			} `json:"streams"`
		}
		w.must(&s, "status", pipeline)
		if len(s.Streams) != 1 || s.Streams[0].State != "running" || !strings.Contains(s.Streams[0].Stuck, fmt.Sprintf("has %d partitions", after)) {
			return errorf("status says %+v", s.Streams)
		}
		reads := 0
		for _, sh := range s.Streams[0].Shards {
			if sh.Stage == 0 {
				reads += len(sh.Partitions)
			}
		}
		if reads != before {
			return errorf("%d partitions of the source are read, want %d", reads, before)
		}
		return nil
	})
	w.must(nil, "stop", pipeline, "--reason", "the test is over")
}

// threeStages are those of transactions-rich, over more days than a label's delay: what a stage looks at was computed by the one
// before it, in another process perhaps.
func (w *world) threeStages(worker *workerProcess) *workerProcess {
	w.t.Helper()
	const pipeline = "transactions-rich"
	simulated := w.trained(pipeline, 60_000)
	data, from, to := handbook(w.t, simulated, "2018-07-25", "2018-08-03", "2018-05-10")
	sending := w.sending(pipeline, data, from, to, "86400x")
	select {
	case <-sending.over:
		w.t.Fatal("all was sent before the worker was killed")
	case <-time.After(4 * time.Second):
	}
	worker.kill()
	worker = w.worker()
	sent := sending.acknowledged()
	w.settled(pipeline, 2*time.Minute)
	// A day takes a second, so that the second or two of a kill make records late and labels miss their day: how many differ from
	// the order of the events is the machine's affair.
	if order := w.audited(pipeline, sent, 2); order.Skipped != "" || order.Compared != sent {
		w.t.Errorf("compared with training: %+v", order)
	}
	w.must(nil, "stop", pipeline, "--reason", "the test is over")
	return worker
}
