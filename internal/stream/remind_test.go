package stream

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

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
