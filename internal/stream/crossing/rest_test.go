//go:build linux

package crossing

import (
	"syscall"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// TestAProducerRestsWhileAnAnswerIsAwaited: a request is under way for a second, and more messages are due.
func TestAProducerRestsWhileAnAnswerIsAwaited(t *testing.T) {
	c := mock(t)
	p := newProducer(t, c.BootstrapServers(), kafka.ConfigMap{"enable.idempotence": true, "linger.ms": 0, "go.delivery.reports": false})
	s := newSender(t, p)
	send := func() {
		t.Helper()
		for range 10 {
			s.Add(1, 0, nil, []byte("v"))
		}
		if err := s.Send(); err != nil {
			t.Fatal(err)
		}
	}
	send()
	flush(t, p)
	if err := c.SetRoundtripDuration(1, time.Second); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	send()
	time.Sleep(50 * time.Millisecond)
	send()
	time.Sleep(50 * time.Millisecond)
	before := used(t)
	time.Sleep(700 * time.Millisecond)
	spent := used(t) - before
	flush(t, p)
	if took := time.Since(began); took < 1900*time.Millisecond {
		t.Fatalf("both requests took %v: the second did not wait for the first", took)
	}
	if spent > 250*time.Millisecond {
		t.Errorf("waiting for 0.7 s took %v of processor time: the client spins%s", spent, whatToCheck)
	}
}

// used is the processor time of this process.
func used(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
