package stream

import (
	"testing"
	"time"
)

// What a consumer said, cut down to what is read: one partition has been read to the end of
// what is committed, beyond which lie records of an open transaction.
const consumerSaid = `{"name":"rdkafka#consumer-1","type":"consumer","brokers":{
	"GroupCoordinator":{"nodeid":-1,"state":"UP","throttle":{"min":0,"max":0}},
	"127.0.0.1:9092/1":{"nodeid":1,"state":"UP","throttle":{"min":0,"max":1250}}},
	"topics":{"in":{"topic":"in","partitions":{
	"0":{"partition":0,"fetchq_cnt":0,"next_offset":100,"ls_offset":100,"hi_offset":120},
	"-1":{"partition":-1,"fetchq_cnt":3,"next_offset":-1001,"ls_offset":-1001}}}}}`

func TestStatisticsTellThrottlingAndBacklog(t *testing.T) {
	s, err := readStatistics(consumerSaid)
	if err != nil {
		t.Fatal(err)
	}
	if s.Type != "consumer" || s.throttled() != 1250*time.Millisecond || !s.connected() || s.waits() {
		t.Errorf("%s throttled for %s, connected %v, waits %v; want 1.25 s, true, false", s.Type, s.throttled(), s.connected(), s.waits())
	}
	for name, p := range map[string]partitionStatistics{"fetched": {Queued: 1, Next: 9, Stable: 9}, "not fetched yet": {Next: 8, Stable: 9}} {
		s.Topics["in"].Partitions["0"] = p
		if !s.waits() {
			t.Errorf("%s: nothing waits", name)
		}
	}
	if _, err := readStatistics("{"); err == nil {
		t.Error("half an object was accepted")
	}
}

func FuzzStatistics(f *testing.F) {
	f.Add(consumerSaid)
	f.Add(`{"brokers":{"b":{"throttle":{"max":-9223372036854775808}}}}`)
	f.Add(`{"brokers":{"b":{"throttle":{"max":9223372036854775807}}}}`)
	f.Add(`{"brokers":{"b":{"throttle":{"max":-18446678481709}}}}`) // in nanoseconds, it comes out at 18 hours
	f.Fuzz(func(t *testing.T, text string) {
		s, err := readStatistics(text)
		if err != nil {
			return
		}
		if d := s.throttled(); d < 0 || d > time.Hour {
			t.Errorf("throttled for %s", d)
		}
		s.connected()
		s.waits()
	})
}
