package score

import (
	"errors"
	"slices"
	"time"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/record"
)

// StageEngine runs one stage of a bundle whose features have state: it makes each record history, and hands it on with the
// features so far or, in the last stage, scores it. Stage 0 reads the source's messages, every other one what the stage before
// has handed on, and the labels.
//
// What a record comes to depends on the records of its partition before it and on nothing else: see Histories. So after an
// error the histories must be loaded anew before Process is called again.
type StageEngine struct {
	decoder   *record.Decoder // stage 0
	reads     forwarder       // later stages
	writes    forwarder       // all but the last
	program   *feature.Program
	stage     *feature.Stage // nil: no feature has a history
	next      *feature.Stage // nil: this is the last
	to        Target
	encoder   encoder
	maxBatch  int
	now       func() time.Time
	histories *Histories
	idColumn  int // -1: none
	idIsText  bool

	rows     record.Rows
	values   []float64 // [rows, features] row-major
	usable   []bool    // by row: it has become history
	pending  []waiting
	settled  int   // rows before this one are history
	on       int32 // the partition of those that are not
	absorbed bool  // nothing is to come of these records but history

	answers          // of the rows, in the last stage
	prints  []uint64 // of their features
	id      []byte
}

// waiting is a message whose rows, if it has any, are not handled yet.
type waiting struct {
	input  int
	first  int // its rows are rows[first : first+n]
	n      int // 0: refused, or a label
	origin origin
	reject *record.Reject
}

// Histories are what the engine knows of the records before.
func (e *StageEngine) Histories() *Histories { return e.histories }

// ErrOtherFeatures is returned when an engine is to go on from the histories of other features.
var ErrOtherFeatures = errors.New("the features differ, and so does what must be known of the records before")

// Inherit goes on from the histories of the engine before, which must be a StageEngine of the same features.
func (e *StageEngine) Inherit(before any) error {
	b, ok := before.(*StageEngine)
	if !ok || e.reads.digest != b.reads.digest || e.stage != nil && e.stage.Digest() != b.stage.Digest() {
		return ErrOtherFeatures
	}
	e.histories = b.histories
	return nil
}

// Process makes the results of a batch of messages. out is reset first.
func (e *StageEngine) Process(in []record.Message, out *Output) {
	out.Reset()
	e.handle(in, out, false)
}

// Absorb makes messages history and nothing else, as they were when they were processed.
func (e *StageEngine) Absorb(in []record.Message) { e.handle(in, nil, true) }

func (e *StageEngine) handle(in []record.Message, out *Output, absorb bool) {
	e.forget() // after a panic in the middle of a batch, something of it is still in line
	e.absorbed = absorb
	if !absorb {
		e.encoder.startBatch(e.now())
	}
	for i := range in {
		if in[i].Partition != e.on {
			e.settle()
			e.on = in[i].Partition
		}
		e.take(i, &in[i])
		if e.rows.N >= e.maxBatch {
			e.flush(in, out)
		}
	}
	e.flush(in, out)
}

// settle makes the rows history that are not.
func (e *StageEngine) settle() {
	from, to := e.settled, e.rows.N
	if from == to {
		return
	}
	width := e.program.Width()
	e.room()
	e.usable = slices.Grow(e.usable, max(0, to-len(e.usable)))[:to]
	if e.stage == nil {
		for i := from; i < to; i++ {
			e.usable[i] = true
		}
	} else {
		rows := record.Rows{Values: e.rows.Values[from*e.rows.Width : to*e.rows.Width], N: to - from, Width: e.rows.Width, Texts: e.rows.Texts}
		e.histories.Of(e.on).UpdateAll(&rows, nil, width, e.values[from*width:to*width], e.usable[from:to])
	}
	e.settled = to
}

// room makes values as long as there are rows.
func (e *StageEngine) room() {
	n := e.rows.N * e.program.Width()
	e.values = slices.Grow(e.values, max(0, n-len(e.values)))[:n]
}

// flush deals with all messages that wait.
func (e *StageEngine) flush(in []record.Message, out *Output) {
	e.settle()
	if !e.absorbed {
		e.write(in, out)
	}
	e.forget()
}

// forget empties the line, and lets go of the messages' memory.
func (e *StageEngine) forget() {
	clear(e.pending)
	e.pending = e.pending[:0]
	e.rows.Reset()
	e.values = e.values[:0]
	e.settled = 0
}
