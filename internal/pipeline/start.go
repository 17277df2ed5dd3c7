package pipeline

import (
	"fmt"
	"time"
)

// Start is where a stream begins to read a partition for which its group has committed no offset.
type Start string

const (
	Earliest Start = "earliest"
	Latest   Start = "latest"
)

// Source is the way in.
type Source struct {
	Topic  string `yaml:"topic"`
	Format string `yaml:"format"` // json
	Start  Start  `yaml:"start"`  // earliest, latest or an RFC 3339 time
}

// Time returns the time to start from; ok is false for earliest and latest.
func (s Start) Time() (at time.Time, ok bool) {
	at, err := time.Parse(time.RFC3339, string(s))
	return at, err == nil
}

// Validate says whether the start is one of the three forms.
func (s Start) Validate() error {
	if _, ok := s.Time(); ok || s == Earliest || s == Latest {
		return nil
	}
	return fmt.Errorf("start %q: write earliest, latest or a time like 2026-01-31T08:00:00Z", string(s))
}
