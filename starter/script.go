package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/pipeline"
)

// event is one message to be sent. Key and value are valid until the next one is asked for.
type event struct {
	at         float64 // when it happened in event time, unix seconds
	label      bool    // it goes to the topic of labels
	key, value []byte
}

// script yields what is to be sent, in order.
type script interface {
	next() (event, bool)
}

// rounds is a script without event time: rows in the order of the file, in a circle if need be.
type rounds struct {
	messages *messages
	rows     int
	count    int64 // -1: for ever
	sent     int64
}

func (r *rounds) next() (event, bool) {
	if r.count >= 0 && r.sent == r.count {
		return event{}, false
	}
	key, value := r.messages.encode(int(r.sent%int64(r.rows)), r.sent)
	r.sent++
	return event{key: key, value: value}, true
}

// replay is a script in event time: records in the order in which they happened, keyed by the pipeline's key so that
// one key's records stay in one partition, and between them the labels of this and of earlier records, each when it
// becomes known.
type replay struct {
	d       *pipeline.Definition
	table   dataset.Table
	columns []int // of the table, that a message has
	times   []float64
	records []int // rows that are left to send, by time
	labels  []int // rows whose labels are left to send, by the time at which these become known
	known   []float64
	head    []byte
	key     []byte
	value   []byte
}

// span is which part of a file is sent, and when labels become known.
type span struct {
	from, to time.Time     // of event time; zero: no bound. Records at to are not sent
	count    int64         // records at most; 0: all
	labels   bool          // send labels, too
	after    time.Duration // how long after its record a label is known, where the file does not say
}

// newReplay orders a table's rows.
func newReplay(d *pipeline.Definition, table dataset.Table, s span) (*replay, error) {
	r := &replay{d: d, table: table}
	var names []string
	for i, c := range table.Columns {
		if slices.ContainsFunc(d.StreamSchema(), func(want pipeline.Column) bool { return want.Name == c.Name }) {
			r.columns, names = append(r.columns, i), append(names, c.Name)
		}
	}
	head, err := json.Marshal(names)
	if err != nil {
		return nil, fmt.Errorf("encode the column names: %w", err)
	}
	r.head = append(append([]byte(`{"columns":`), head...), `,"data":[[`...)
	r.times, _ = table.Column(d.EventTime.Column) // in the stream's schema
	within := func(at float64) bool {
		return (s.from.IsZero() || at >= seconds(s.from)) && (s.to.IsZero() || at < seconds(s.to))
	}
	byTime := func(times []float64) func(a, b int) int {
		return func(a, b int) int { return cmp.Compare(times[a], times[b]) }
	}
	for row, at := range r.times {
		if within(at) {
			r.records = append(r.records, row)
		}
	}
	slices.SortStableFunc(r.records, byTime(r.times))
	if s.count > 0 && int64(len(r.records)) > s.count {
		r.records = r.records[:s.count]
	}
	if !s.labels || len(r.records) == 0 {
		return r, nil
	}
	if r.known, err = r.knownAt(s.after); err != nil {
		return nil, err
	}
	first, last := r.times[r.records[0]], r.times[r.records[len(r.records)-1]]
	for row, at := range r.known {
		if within(at) && at >= first && at <= last {
			r.labels = append(r.labels, row)
		}
	}
	slices.SortStableFunc(r.labels, byTime(r.known))
	return r, nil
}

// knownAt is when each row's label becomes known, never before the row itself.
func (r *replay) knownAt(after time.Duration) ([]float64, error) {
	if _, there := r.table.Column(r.d.Label.Column); !there {
		return nil, fmt.Errorf("the file has no column %s with the labels", r.d.Label.Column)
	}
	known := make([]float64, len(r.times))
	said, declared := r.table.Column(r.d.Label.KnownAt)
	for i, at := range r.times {
		if known[i] = at + after.Seconds(); declared {
			known[i] = max(at, said[i])
		}
	}
	return known, nil
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

// next yields the record or the label that comes first; at one time, records before labels.
func (r *replay) next() (event, bool) {
	if len(r.records) == 0 {
		return event{}, false // labels that are known later are not known yet
	}
	row := r.records[0]
	if len(r.labels) > 0 && r.known[r.labels[0]] < r.times[row] {
		label := r.labels[0]
		r.labels = r.labels[1:]
		return r.label(label), true
	}
	r.records = r.records[1:]
	return r.record(row), true
}

func (r *replay) record(row int) event {
	r.key = r.text(r.key[:0], r.d.Key, row)
	v := append(r.value[:0], r.head...)
	for i, c := range r.columns {
		if i > 0 {
			v = append(v, ',')
		}
		v = r.append(v, c, row)
	}
	v = append(v, `]]`...)
	if r.d.ID != "" {
		v = r.field(append(v, `,"id":`...), r.d.ID, row)
	}
	r.value = append(v, '}')
	return event{at: r.times[row], key: r.key, value: r.value}
}

func (r *replay) label(row int) event {
	r.key = r.text(r.key[:0], r.d.ID, row)
	v := append(r.value[:0], '{')
	for _, name := range []string{r.d.ID, r.d.Label.Column} {
		v = strconv.AppendQuote(v, name)
		v = append(r.field(append(v, ':'), name, row), ',')
	}
	v = strconv.AppendFloat(append(v, `"known_at":`...), r.known[row], 'f', -1, 64)
	r.value = append(v, '}')
	return event{at: r.known[row], label: true, key: r.key, value: r.value}
}

// field writes the JSON of a named column's value.
func (r *replay) field(out []byte, name string, row int) []byte {
	return r.append(out, r.index(name), row)
}

func (r *replay) index(name string) int {
	return slices.IndexFunc(r.table.Columns, func(c dataset.Column) bool { return c.Name == name })
}

// append writes the JSON of a value: a text in quotes, a bool as true or false, a number in plain digits.
func (r *replay) append(out []byte, column, row int) []byte {
	v := r.table.Data[column][row]
	switch r.table.Columns[column].Kind {
	case dataset.Text:
		text, _ := json.Marshal(string(r.table.Texts.At(v))) // a string has always JSON
		return append(out, text...)
	case dataset.Bool:
		return strconv.AppendBool(out, v == 1)
	case dataset.Float:
		return strconv.AppendFloat(out, v, 'g', -1, 64)
	}
	return strconv.AppendFloat(out, v, 'f', -1, 64)
}

// text writes a value as a message's key: a text without quotes.
func (r *replay) text(out []byte, name string, row int) []byte {
	c := r.index(name)
	if r.table.Columns[c].Kind == dataset.Text {
		return append(out, r.table.Texts.At(r.table.Data[c][row])...)
	}
	return r.append(out, c, row)
}
