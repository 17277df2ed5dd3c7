package stream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"temporal-streaming/internal/record"
)

func TestEveryFaultSaysWhatToDo(t *testing.T) {
	k := Kafka{Brokers: "b:9092"}
	seen := map[Fault]bool{}
	for _, c := range []struct {
		err   error
		fault Fault
		do    string
	}{
		{kafka.NewError(kafka.ErrAllBrokersDown, "", false), FaultUnreachable, "b:9092"},
		{fmt.Errorf("take over: %w", context.DeadlineExceeded), FaultUnreachable, "b:9092"},
		{kafka.NewError(kafka.ErrNotCoordinator, "", false), FaultMoved, "wait"},
		{fmt.Errorf("take over x: %w", errRefused), FaultMoved, "restart the broker"},
		{kafka.NewError(kafka.ErrNotEnoughReplicas, "", false), FaultReplicas, "min.insync.replicas"},
		{kafka.NewError(kafka.ErrKafkaStorageError, "", false), FaultStorage, "disk"},
		{kafka.NewError(kafka.ErrUnknown, "", false), FaultBroker, "broker's log"},
		{kafka.NewError(kafka.ErrMsgTimedOut, "", false), FaultUnacknowledged, "brokers"},
		{&throttled{client: "producer", longest: time.Second}, FaultQuota, "producer_byte_rate"},
		{kafka.NewError(kafka.ErrAuthentication, "", false), FaultAuth, "KAFKA_SASL_PASSWORD"},
		{kafka.NewError(kafka.ErrTransactionalIDAuthorizationFailed, "", true), FaultRights, "transactional ids"},
		{kafka.NewError(kafka.ErrSsl, "", false), FaultTLS, "KAFKA_SSL_CA_LOCATION"},
		{kafka.NewError(kafka.ErrUnknownTopicOrPart, "", false), FaultTopic, "create the topic"},
		{kafka.NewError(kafka.ErrFenced, "", true), FaultFenced, "another worker"},
		{kafka.NewError(kafka.ErrInvalidProducerIDMapping, "", false), FaultFenced, "another worker"},
		{kafka.NewError(kafka.ErrInvalidTransactionTimeout, "", true), FaultTimeout, "transaction.max.timeout.ms"},
		{&OffsetLost{Topic: "in", Committed: 1, First: 3, End: 9}, FaultOffsetLost, "set the group's offset of this partition to 3"},
		{fmt.Errorf("read in-0: %w", ErrBehind), FaultBehind, "restart the broker"},
		{fmt.Errorf("load: %w", ErrHistoryLost), FaultHistoryLost, "starter backfill"},
		{fmt.Errorf("score: %w: nil map", ErrPanic), FaultPanic, "dead letter"},
		{&errTooLarge{cause: errors.New("x")}, FaultTooLarge, "max.message.bytes"},
		{fmt.Errorf("follow: %w", ErrOutdated), FaultOutdated, "newest orders"},
		{fmt.Errorf("%w: 7 records wait", ErrStuck), FaultStuck, "restart the worker"},
		{fmt.Errorf("%w: out[0] stands", errWithheld), FaultWithheld, "find-hanging"},
		{fmt.Errorf("%w: broken pipe", errConsole), FaultConsole, "standard output"},
	} {
		fault := faultOf(c.err)
		seen[fault] = slices.Contains(Faults(), fault)
		if fault != c.fault {
			t.Errorf("%v is %s, want %s", c.err, fault, c.fault)
		}
		if said := c.err.Error() + "; " + fault.advice(k); !strings.Contains(said, c.do) {
			t.Errorf("%s does not say %q: %s", fault, c.do, said)
		}
	}
	if len(seen) != len(Faults())-1 {
		t.Errorf("%d kinds were tried of %v", len(seen), Faults())
	}
	if f := faultOf(errors.New("odd")); f != FaultOther {
		t.Errorf("an error of no kind is %s", f)
	}
}

func TestRefusedCredentialsAreNotHiddenByBrokersThatAreThenDown(t *testing.T) {
	l := loopOver(t, newFake([]int32{0}), time.Now)
	now := time.Now()
	l.suffer(kafka.NewError(kafka.ErrAuthentication, "wrong password", false), now)
	l.suffer(kafka.NewError(kafka.ErrAllBrokersDown, "all brokers are down", false), now.Add(time.Second))
	if !strings.Contains(l.health.lastErr, "KAFKA_SASL_PASSWORD") {
		t.Errorf("last error is %q", l.health.lastErr)
	}
	if l.health.faults[FaultAuth] != 1 || l.health.faults[FaultUnreachable] != 1 {
		t.Errorf("counted %v, want one of each", l.health.faults)
	}
	l.suffer(kafka.NewError(kafka.ErrAllBrokersDown, "all brokers are down", false), now.Add(2*warnEvery))
	if strings.Contains(l.health.lastErr, "KAFKA_SASL_PASSWORD") {
		t.Error("the refusal hides what came minutes later")
	}
}

// loopOver is a loop over a broker in memory.
func loopOver(t testing.TB, f *fakeKafka, now func() time.Time) *Loop {
	t.Helper()
	l, err := NewLoop(Options{
		Kafka: Kafka{Brokers: "memory"}, Pipeline: "tiny", Topic: "in", Output: "out", Partitions: f.parts, Now: now,
	}, engine(t, "in", now))
	if err != nil {
		t.Fatal(err)
	}
	l.wire = f
	return l
}

// TestClockThatStepsStallsNothing lets the clock jump by hours, back and forth, at every
// reading of some thousand. The loop scores all, and its figures stay sane.
func TestClockThatStepsStallsNothing(t *testing.T) {
	const n = 2000
	f := newFake([]int32{0})
	for i := range n {
		f.log[0] = append(f.log[0], record.Message{Offset: int64(i), Timestamp: time.Now().UnixMilli(), Key: fmt.Appendf(nil, "id-%d", i), Value: []byte(`{"Amount":1}`)})
	}
	readings := 0
	now := func() time.Time {
		readings++
		at := time.Date(2026, 11, 1, 8, 0, 0, readings*1000, time.UTC) // no monotonic reading: it does step
		if readings/7%2 == 1 {
			return at.Add(-5 * time.Hour)
		}
		return at.Add(time.Duration(readings/50%3) * 3 * time.Hour)
	}
	l := loopOver(t, f, now)
	l.MaxBatch = 10
	reports := 0
	l.Progress = func(p Progress) {
		reports++
		for name, v := range map[string]float64{"rate": p.RecordsPerSecond, "p50": p.P50Millis, "p99": p.P99Millis, "age": p.BatchAge.Seconds()} {
			if v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%s is %v", name, v)
			}
		}
		if p.Stuck != "" {
			t.Fatalf("a step of the clock passes for a standstill: %s", p.Stuck)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	f.idle = stop
	c, err := l.Run(ctx)
	if err != nil || c.Records != n || !errors.Is(ctx.Err(), context.Canceled) {
		t.Fatalf("%d of %d records, %v, %v", c.Records, n, err, ctx.Err())
	}
	if reports == 0 || readings > 100*n {
		t.Errorf("%d reports, %d readings of the clock for %d records", reports, readings, n)
	}
}

func TestMeterCountsNothingTwiceWhenTheClockStepsBack(t *testing.T) {
	var m meter
	now := time.Unix(1e6, 0)
	for range 20 {
		now = now.Add(time.Second)
		m.add(now, make([]int64, 1000))
	}
	now = now.Add(-5 * time.Hour)
	m.add(now, make([]int64, 1000))
	if rate, p50, p99 := m.read(now.Add(500 * time.Millisecond)); rate < 500 || rate > 1500 || p50 < 0 || p99 < 0 {
		t.Errorf("rate %v, p50 %v, p99 %v after a step back, want about 1000/s", rate, p50, p99)
	}
	if rate, _, _ := m.read(now.Add(7 * time.Hour)); rate != 0 {
		t.Errorf("rate %v hours later", rate)
	}
}
