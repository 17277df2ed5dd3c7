package stream

import (
	"slices"
	"time"
)

// DeadLetters is what a dead-letter topic says, up to where it was read: which records
// of the input are dead, and what was decided about them. It holds no payloads.
//
//	book, err := ReadDeadLetters(ctx, kafka, "hello-fraud.dlq", 5*time.Second)
//	for _, c := range book.Cases() { ... c.Letter().Reason ... c.Resolution ... }
type DeadLetters struct {
	Topic   string
	Foreign int // records that are neither dead letters nor resolutions

	next    []int64 // of each partition, where reading goes on
	cases   []*Case
	sources map[Source]*Case
	letters map[Place]*Case
	retried map[Place]*Case // by where a retry put the record into the input topic
	words   map[string]string
}

// Case is one record of the input that could not be scored. It has several letters if it
// was read several times: after a seek back, or at least once.
type Case struct {
	Letters    []DeadLetter // oldest first
	Resolution *Resolution  // nil while nothing is decided
	RetryOf    *Case        // this record was put into the input by a retry of that case
}

// Letter is the newest letter.
func (c *Case) Letter() DeadLetter { return c.Letters[len(c.Letters)-1] }

// Tries is how often the record was put into the input topic, the first time included.
func (c *Case) Tries() int {
	n := 1
	for ; c.RetryOf != nil && n < manyTries; c = c.RetryOf {
		n++
	}
	return n
}

// manyTries bounds Tries: headers that somebody made up could lead in a circle.
const manyTries = 1000

func newDeadLetters(topic string, partitions int) *DeadLetters {
	return &DeadLetters{
		Topic: topic, next: make([]int64, partitions), sources: map[Source]*Case{}, letters: map[Place]*Case{},
		retried: map[Place]*Case{}, words: map[string]string{},
	}
}

// Cases are all, in the order in which their newest letters failed.
func (d *DeadLetters) Cases() []*Case {
	return slices.SortedStableFunc(slices.Values(d.cases), func(a, b *Case) int { return a.Letter().FailedAt.Compare(b.Letter().FailedAt) })
}

// At is the case of the letter, or of the resolution, at a place of the topic; nil if there is none.
func (d *DeadLetters) At(p Place) *Case { return d.letters[p] }

// Again is the case of a record that a retry put into the input and that died there; nil
// if it did not.
func (d *DeadLetters) Again(r Retried) *Case {
	for _, c := range d.cases {
		if s := c.Letters[0].Source; c.RetryOf != nil && s.Topic == r.Topic && s.Partition == r.At.Partition && s.Offset == r.At.Offset {
			return c
		}
	}
	return nil
}

// add takes the next record of a partition. Of two resolutions the first stands.
func (d *DeadLetters) add(r Record) {
	d.next[r.Partition] = r.Offset + 1
	if l, ok := readDeadLetter(r); ok {
		d.addLetter(l)
		return
	}
	resolution, ok := readResolution(r)
	if !ok {
		d.Foreign++
		return
	}
	c := d.sources[resolution.Source]
	if c == nil || c.Resolution != nil {
		return // its letter was deleted by retention; or it says nothing new
	}
	c.Resolution = &resolution
	d.letters[resolution.At] = c
	if resolution.Retried != nil {
		d.retried[resolution.Retried.At] = c
	}
}

func (d *DeadLetters) addLetter(l DeadLetter) {
	l.KeyHead = slices.Clone(l.KeyHead) // or it would hold the whole key
	l.Reason, l.Detail, l.Pipeline, l.Source.Topic = d.word(l.Reason), d.word(l.Detail), d.word(l.Pipeline), d.word(l.Source.Topic)
	c := d.sources[l.Source]
	if c == nil {
		c = &Case{}
		d.sources[l.Source] = c
		d.cases = append(d.cases, c)
	}
	c.Letters = append(c.Letters, l)
	d.letters[l.At] = c
}

// link finds the cases that are of records which a retry has put into the input.
func (d *DeadLetters) link() {
	for _, c := range d.cases {
		source, failed := c.Letters[0].Source, c.Letters[0].FailedAt
		before := d.retried[Place{source.Partition, source.Offset}]
		if before != nil && before.Resolution.Retried.Topic == source.Topic && !failed.Before(before.Resolution.ResolvedAt.Add(-clockSkew)) {
			c.RetryOf = before
		}
	}
}

// clockSkew is how far the clocks of two machines may be apart before a letter is not
// recognised as that of a retry.
const clockSkew = time.Minute

// word keeps one copy of texts that many letters have in common.
func (d *DeadLetters) word(text string) string {
	if kept, ok := d.words[text]; ok {
		return kept
	}
	d.words[text] = text
	return text
}
