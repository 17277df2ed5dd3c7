package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// lonely is as much of a broker as a client needs that asks for metadata: it is the only one, and may say that there is none.
//
// The library would begin anew with the brokers that were given, and does not if the end of the last broker is known before all of that
// answer is taken in: what schedules it is then taken for a thing of the past. Other topics make the answer long enough for that.
type lonely struct {
	net.Listener
	dead  atomic.Bool // by what it says
	asked atomic.Int64
}

const others = 20_000

func newLonely(t *testing.T) *lonely {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &lonely{Listener: listener}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go b.serve(c)
		}
	}()
	return b
}

func (b *lonely) serve(c net.Conn) {
	defer c.Close()
	for {
		var size [4]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		request := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(c, request); err != nil || len(request) < 8 {
			return
		}
		answer := append([]byte(nil), request[4:8]...) // the correlation id
		switch key, version := binary.BigEndian.Uint16(request), binary.BigEndian.Uint16(request[2:]); key {
		case 18:
			answer = versions(answer, version)
		case 3:
			b.asked.Add(1)
			answer = b.metadata(answer)
		default:
			continue // not answered
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// versions appends a response of ApiVersions, version 0.
func versions(to []byte, asked uint16) []byte {
	code := uint16(0)
	if asked > 0 {
		code = 35 // UNSUPPORTED_VERSION: ask by version 0
	}
	to = binary.BigEndian.AppendUint16(to, code)
	newest := [][2]uint16{{0, 3}, {1, 4}, {2, 1}, {3, 4}, {10, 1}, {18, 0}, {22, 1}} // of each request
	to = binary.BigEndian.AppendUint32(to, uint32(len(newest)))
	for _, it := range newest {
		to = binary.BigEndian.AppendUint16(to, it[0])
		to = binary.BigEndian.AppendUint16(to, 0)
		to = binary.BigEndian.AppendUint16(to, it[1])
	}
	return to
}

// metadata appends a response of Metadata, version 4.
func (b *lonely) metadata(to []byte) []byte {
	int16s := func(v int16) { to = binary.BigEndian.AppendUint16(to, uint16(v)) }
	int32s := func(v ...int32) {
		for _, v := range v {
			to = binary.BigEndian.AppendUint32(to, uint32(v))
		}
	}
	text := func(s string) { int16s(int16(len(s))); to = append(to, s...) }
	host, port, _ := net.SplitHostPort(b.Addr().String())
	n, _ := strconv.Atoi(port)
	dead := b.dead.Load()

	int32s(0) // throttled
	if dead {
		int32s(0)
	} else {
		int32s(1, 1)
		text(host)
		int32s(int32(n))
		int16s(-1) // rack
	}
	int16s(-1) // cluster
	if dead {
		int32s(-1, 1+others) // no controller
	} else {
		int32s(1, 1)
	}
	int16s(0)
	text("in")
	to = append(to, 0) // internal
	int32s(1)
	if dead {
		int16s(5) // LEADER_NOT_AVAILABLE
		int32s(0, -1, 0, 0)
		for i := range others {
			int16s(3)                           // UNKNOWN_TOPIC_OR_PARTITION
			text(fmt.Sprintf("other%0100d", i)) // the library reckons its memory by the length of the answer
			to = append(to, 0)
			int32s(0)
		}
	} else {
		int16s(0)
		int32s(0, 1, 1, 1, 1, 1) // partition, leader, replicas, in sync
	}
	return to
}

// TestAClientThatWasToldOfNoBrokersIsReminded: the only broker says for a moment that there are no brokers. The client forgets it, does not
// ask again though the broker is well, and does as soon as it is reminded.
func TestAClientThatWasToldOfNoBrokersIsReminded(t *testing.T) {
	for _, kind := range []string{"consumer", "producer"} {
		t.Run(kind, func(t *testing.T) {
			b := newLonely(t)
			k := Kafka{Brokers: b.Addr().String()}
			client, next := chatty(t, k, kind)
			var text string
			until := func(what string, is func(*statistics) bool) {
				t.Helper()
				for deadline := time.Now().Add(20 * time.Second); ; {
					text = next(t)
					s, err := readStatistics(text)
					if err != nil {
						t.Fatal(err)
					}
					if is(s) {
						return
					}
					if time.Now().After(deadline) {
						t.Fatalf("%s: not within 20 s: %s", what, text)
					}
				}
			}
			learned := func(s *statistics) bool {
				for _, it := range s.Brokers {
					if it.Source == "learned" && it.NodeID == 1 {
						return true
					}
				}
				return false
			}
			until("it knows the broker", learned)
			if forgot, err := k.Remind(client, text); forgot || err != nil {
				t.Fatalf("a client that knows its broker: %v, %v", forgot, err)
			}

			b.dead.Store(true)
			until("it forgets", (*statistics).forgotten)
			b.dead.Store(false)

			asked := b.asked.Load()
			time.Sleep(1500 * time.Millisecond)
			until("it has forgotten", (*statistics).forgotten)
			if now := b.asked.Load(); now != asked {
				t.Errorf("it asked %d times: the library mends this by itself, and need not be reminded", now-asked)
			}

			var noted []error
			w := &confluent{Options: Options{Kafka: k, Logger: slog.New(slog.DiscardHandler)}, seen: func(*statistics) {}, note: func(err error) { noted = append(noted, err) }}
			if err := w.statistics(client, text, k.remind); err != nil {
				t.Fatal(err)
			}
			if len(noted) != 1 || !errors.Is(noted[0], errForgotten) || faultOf(noted[0]) != FaultMoved {
				t.Errorf("noted %v, want %v", noted, errForgotten)
			}
			until("it knows the broker again", learned)
			if b.asked.Load() == asked {
				t.Error("it knows the broker and has not asked")
			}
		})
	}
}

// chatty is a client of a kind, and what waits for its next statistics.
func chatty(t *testing.T, k Kafka, kind string) (client fmt.Stringer, next func(*testing.T) string) {
	t.Helper()
	config := k.client("test", kafka.ConfigMap{"statistics.interval.ms": 50, "topic.metadata.refresh.interval.ms": 50, "log_level": 0})
	topic := "in"
	var poll func() kafka.Event
	if kind == "consumer" {
		_ = config.SetKey("group.id", "g")
		c, err := kafka.NewConsumer(config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.Assign([]kafka.TopicPartition{{Topic: &topic, Offset: 0}}); err != nil {
			t.Fatal(err)
		}
		client, poll = c, func() kafka.Event { return c.Poll(1000) }
	} else {
		p, err := kafka.NewProducer(config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		if err := p.Produce(&kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &topic}}, nil); err != nil {
			t.Fatal(err)
		}
		client, poll = p, func() kafka.Event { return <-p.Events() }
	}
	return client, func(t *testing.T) string {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
			if s, ok := poll().(*kafka.Stats); ok {
				return s.String()
			}
		}
		t.Fatal("no statistics")
		return ""
	}
}

func TestAClientThatCannotBeRemindedIsOfNoUse(t *testing.T) {
	forgot, err := Kafka{Brokers: "127.0.0.1:1"}.Remind(new(net.TCPAddr), `{"brokers":{"GroupCoordinator":{"source":"logical"}}}`)
	if !forgot || !errors.Is(err, errForgotten) || faultOf(err) != FaultMoved {
		t.Errorf("%v, %v, want %v", forgot, err, errForgotten)
	}
	if forgot, err := (Kafka{}).Remind(nil, "no JSON"); forgot || err == nil {
		t.Errorf("%v, %v, want an error", forgot, err)
	}
}

// TestAClosedClientIsLeftAlone: its statistics may be taken after it was closed.
func TestAClosedClientIsLeftAlone(t *testing.T) {
	r := Reminder{Kafka: Kafka{Brokers: "127.0.0.1:1"}}
	if forgot, err := r.Remind(new(net.TCPAddr), `{}`); !forgot || err == nil {
		t.Errorf("before its end: %v, %v, want an attempt", forgot, err)
	}
	r.End()
	if forgot, err := r.Remind(new(net.TCPAddr), `{}`); forgot || err != nil {
		t.Errorf("after its end: %v, %v, want none", forgot, err)
	}
}
