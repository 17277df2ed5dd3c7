package score

import (
	"slices"
	"strconv"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/record"
)

// write makes the results of all messages in line: their rows are history.
func (e *StageEngine) write(in []record.Message, out *Output) {
	if e.next == nil {
		e.score()
	}
	for i := range e.pending {
		w := &e.pending[i]
		switch reject := e.check(w); {
		case reject != nil:
			out.refuse(w.input, &in[w.input], reject)
		case w.n == 0:
			out.Results = append(out.Results, Result{Input: w.input, Kind: KindNothing})
		case e.next != nil:
			e.forward(w, out)
		default:
			e.predict(w, out)
		}
	}
}

// check refuses a message of which one row could not become history, or has no finite answer. Its other rows are history all the same.
func (e *StageEngine) check(w *waiting) *record.Reject {
	if w.reject != nil {
		return w.reject
	}
	for row := range w.n {
		if !e.usable[w.first+row] {
			return unusable(row)
		}
	}
	if e.next != nil {
		return nil
	}
	return e.answers.check(w.first, w.n)
}

// forward hands a message's rows on to the next stage.
func (e *StageEngine) forward(w *waiting, out *Output) {
	width := e.program.Width()
	for row := range w.n {
		at := w.first + row
		e.locate(w, row)
		columns := e.rows.Row(at)
		from := len(out.arena)
		out.arena = e.writes.record(out.arena, &w.origin, columns, &e.rows.Texts, e.values[at*width:(at+1)*width])
		out.Results = append(out.Results, Result{
			Input: w.input, Kind: KindForward, Partition: e.next.Partition(columns, &e.rows.Texts, e.to.Partitions),
			key: span{-1, -1}, value: span{from, len(out.arena)},
		})
	}
}

// predict writes the predictions of a message's rows.
func (e *StageEngine) predict(w *waiting, out *Output) {
	key := out.keep(w.origin.key)
	for row := range w.n {
		at := w.first + row
		e.locate(w, row)
		from := len(out.arena)
		out.arena = e.encoder.prediction(out.arena, &w.origin, e.identify(at), e.prints[at], e.probabilities[at])
		r := Result{Input: w.input, Kind: KindPrediction, key: key, value: span{from, len(out.arena)}}
		if e.decoder == nil {
			r.Timestamp = w.origin.timestamp
		}
		out.Results = append(out.Results, r)
	}
}

// locate says of which row of its message what is written next is. What was handed on says so itself.
func (e *StageEngine) locate(w *waiting, row int) {
	if e.decoder != nil {
		w.origin.row = row
	}
}

// identify is what the id column of a row says; nil without one.
func (e *StageEngine) identify(row int) []byte {
	if e.idColumn < 0 {
		return nil
	}
	v := e.rows.Row(row)[e.idColumn]
	if e.idIsText {
		return e.rows.Texts.At(v)
	}
	e.id = strconv.AppendInt(e.id[:0], int64(v), 10)
	return e.id
}

// score finishes the features of all rows, and asks the model.
func (e *StageEngine) score() {
	n, width := e.rows.N, e.program.Width()
	e.prints = slices.Grow(e.prints[:0], n)[:n]
	e.compute(n, func(row int, to []float32) bool {
		values := e.values[row*width : (row+1)*width]
		e.program.Finish(e.rows.Row(row), values)
		finite := feature.Round(values, to)
		e.prints[row] = feature.Fingerprint(to)
		return finite
	})
}
