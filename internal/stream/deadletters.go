package stream

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Place is where a record stands in a topic that is known, written 3@417.
type Place struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
}

func (p Place) String() string { return fmt.Sprintf("%d@%d", p.Partition, p.Offset) }

// ParsePlace reads what String writes.
func ParsePlace(text string) (Place, error) {
	partition, offset, found := strings.Cut(text, "@")
	p, err := parsePartition(partition)
	o, err2 := parseOffset(offset)
	if !found || err != nil || err2 != nil {
		return Place{}, fmt.Errorf("place %q: give PARTITION@OFFSET, such as 0@467", cut(text, 64))
	}
	return Place{Partition: p, Offset: o}, nil
}

// Source is the record of the input that a dead letter is about. Its timestamp tells it
// from one at the same place of a topic that was deleted and made anew.
type Source struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Timestamp string `json:"timestamp,omitempty"` // as in HeaderTimestamp
}

func (s Source) String() string { return fmt.Sprintf("%s/%d@%d", s.Topic, s.Partition, s.Offset) }

// DeadLetter is what the headers of a dead letter say. Everything in it was written by
// somebody else and may hold any bytes: whoever shows it escapes it.
type DeadLetter struct {
	At         Place     `json:"at"` // in the dead-letter topic
	Source     Source    `json:"source"`
	Pipeline   string    `json:"pipeline"`
	Reason     string    `json:"reason"`
	Detail     string    `json:"detail,omitempty"`
	FailedAt   time.Time `json:"failed_at,omitzero"`
	KeyBytes   int       `json:"key_bytes"` // of the input's key, -1 if it has none
	ValueBytes int       `json:"value_bytes"`
	Truncated  bool      `json:"truncated,omitempty"` // only the beginning was kept
	KeyHead    []byte    `json:"key_head,omitempty"`  // how the key begins
}

// keyHead is how much of a key a DeadLetter holds, for people to know it by.
const keyHead = 40

// readDeadLetter reads a record of a dead-letter topic; false if it is none. A record
// must say why it is there and where it comes from; all else may be missing or broken.
func readDeadLetter(r Record) (DeadLetter, bool) {
	l := DeadLetter{
		At: Place{r.Partition, r.Offset}, Reason: head(r, HeaderReason), Detail: head(r, HeaderDetail), Pipeline: head(r, HeaderPipeline),
		KeyBytes: len(r.Key), ValueBytes: len(r.Value), KeyHead: r.Key[:min(len(r.Key), keyHead)],
	}
	if r.Key == nil {
		l.KeyBytes = -1
	}
	source, ok := readSource(r)
	if !ok || l.Reason == "" {
		return DeadLetter{}, false
	}
	l.Source = source
	l.FailedAt, _ = time.Parse(time.RFC3339, head(r, HeaderFailedAt)) // zero if it is broken
	if lengths, cut := r.Header(HeaderTruncated); cut {
		l.Truncated = true
		if key, value, ok := parseLengths(lengths); ok {
			l.KeyBytes, l.ValueBytes = key, value
		}
	}
	return l, true
}

// readSource reads the coordinates of the input record from the headers.
func readSource(r Record) (Source, bool) {
	partition, err := parsePartition(head(r, HeaderPartition))
	if err != nil {
		return Source{}, false
	}
	offset, err := parseOffset(head(r, HeaderOffset))
	if err != nil {
		return Source{}, false
	}
	s := Source{Topic: head(r, HeaderTopic), Partition: partition, Offset: offset, Timestamp: head(r, HeaderTimestamp)}
	return s, s.Topic != ""
}

// parseLengths reads KEY/VALUE of HeaderTruncated.
func parseLengths(text string) (key, value int, ok bool) {
	k, v, found := strings.Cut(text, "/")
	key, err := strconv.Atoi(k)
	value, err2 := strconv.Atoi(v)
	return key, value, found && err == nil && err2 == nil && key >= 0 && value >= 0
}

func parsePartition(text string) (int32, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int32(n), err
}

func parseOffset(text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	return int64(n), err
}

// head is a header's text, cut where no header of ours would be as long.
func head(r Record, name string) string {
	text, _ := r.Header(name)
	return cut(text, detailBytes)
}

func cut(text string, most int) string { return text[:min(len(text), most)] }
