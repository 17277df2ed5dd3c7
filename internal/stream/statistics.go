package stream

import (
	"encoding/json"
	"fmt"
	"time"
)

// statistics are what a client tells about itself every statisticsEvery, as far as the loop
// has a use for it: nothing else shows that a broker throttles, and nothing else tells
// records that can be read from those that cannot yet.
type statistics struct {
	Type    string                      `json:"type"` // consumer or producer
	Brokers map[string]brokerStatistics `json:"brokers"`
	Topics  map[string]topicStatistics  `json:"topics"`

	held time.Duration // by which a broker held an answer back that the client was not given, see transactor
}

type brokerStatistics struct {
	NodeID   int32  `json:"nodeid"` // negative: an address that was given, and not a broker
	State    string `json:"state"`
	Source   string `json:"source"` // configured, learned, logical (a coordinator) or internal
	Throttle struct {
		Max int64 `json:"max"` // milliseconds
	} `json:"throttle"`
}

type topicStatistics struct {
	Partitions map[string]partitionStatistics `json:"partitions"`
}

type partitionStatistics struct {
	Partition int32 `json:"partition"`
	Queued    int64 `json:"fetchq_cnt"`  // fetched, and not polled yet
	Next      int64 `json:"next_offset"` // to be fetched
	Stable    int64 `json:"ls_offset"`   // the end of what can be read
}

const statisticsEvery = 2 * time.Second

// readStatistics decodes the client's JSON.
func readStatistics(text string) (*statistics, error) {
	var s statistics
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return nil, fmt.Errorf("read statistics of the client: %w", err)
	}
	return &s, nil
}

// throttled is the longest that a broker held an answer back since the statistics before.
func (s *statistics) throttled() (longest time.Duration) {
	longest = s.held
	for _, b := range s.Brokers {
		held := min(max(b.Throttle.Max, 0), time.Hour.Milliseconds()) // bounded, since nanoseconds overflow on either side
		longest = max(longest, time.Duration(held)*time.Millisecond)
	}
	return longest
}

// connected tells whether a broker answers.
func (s *statistics) connected() bool {
	for _, b := range s.Brokers {
		if b.State == "UP" {
			return true
		}
	}
	return false
}

// waits tells whether a partition has records that could be polled. Partition -1 is the
// client's own, and partitions that are not fetched have no offsets.
func (s *statistics) waits() bool {
	for _, t := range s.Topics {
		for _, p := range t.Partitions {
			if p.Partition >= 0 && (p.Queued > 0 || p.Next >= 0 && p.Next < p.Stable) {
				return true
			}
		}
	}
	return false
}
