package model

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrCheckpoint is returned when a checkpoint is damaged, of another version, or of another training run. Delete it to start anew.
var ErrCheckpoint = errors.New("checkpoint does not fit")

// A checkpoint is, little-endian: the magic, the fingerprint of the run, the state of each member, and the SHA-256 of all before it. A
// member is how many epochs it has behind it, and if any, they and its best parameters, and if there are more to come, its parameters and
// the solver's moments. A change of layout or of the training procedure changes the last byte of the magic.
const checkpointMagic = "tsfit\x00\x00\x04"

// fingerprint names a training run: what Fit is a function of.
func fingerprint(train, validation Rows, cfg Config, names []string) [32]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%+v\n%q\n", cfg, names)
	for _, rows := range []Rows{train, validation} {
		fmt.Fprintf(h, "%d %d %t\n", rows.F, rows.Len(), rows.W != nil)
		for _, values := range [][]float32{rows.X, rows.Y, rows.W} {
			var chunk []byte
			for _, v := range values {
				chunk = binary.LittleEndian.AppendUint32(chunk, math.Float32bits(v))
				if len(chunk) == 1<<16 {
					h.Write(chunk)
					chunk = chunk[:0]
				}
			}
			h.Write(chunk)
		}
	}
	return [32]byte(h.Sum(nil))
}

// resume replaces the states by the checkpoint's, if there is one.
func (t *trainer) resume(ctx context.Context) error {
	data, found, err := t.checkpointer.Load(ctx)
	if err != nil {
		return fmt.Errorf("fit: load checkpoint: %w", err)
	}
	if !found {
		return nil
	}
	if err := t.decode(data); err != nil {
		return fmt.Errorf("fit: resume: %w", err)
	}
	return nil
}

// encode writes the members as they were when they last reported.
func (t *trainer) encode() []byte {
	buf := append([]byte(checkpointMagic), t.print[:]...)
	for _, m := range t.members {
		buf = append(buf, m.saved...)
	}
	return seal(buf)
}

func (m *member) encode() []byte {
	w := &stateWriter{}
	w.uint(uint64(len(m.History)))
	for _, e := range m.History {
		best := uint64(0)
		if e.Best {
			best = 1
		}
		w.uint(math.Float64bits(e.TrainLoss), math.Float64bits(e.ValidationLoss), math.Float64bits(e.ValidationAP), best, math.Float64bits(e.RowsPerSecond))
	}
	if len(m.History) > 0 {
		w.params(m.Best)
		if !m.done() {
			w.params(m.Params)
			w.params(m.Solver.First)
			w.params(m.Solver.Second)
		}
	}
	return w.buf
}

func seal(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(body, sum[:]...)
}

// decode reads what encode wrote. The run says how large parameters are: a checkpoint never decides how much is allocated.
func (t *trainer) decode(data []byte) error {
	head := len(checkpointMagic) + len(t.print)
	if len(data) < head+sha256.Size || !bytes.HasPrefix(data, []byte(checkpointMagic)) {
		return fmt.Errorf("not a checkpoint of this version: %w", ErrCheckpoint)
	}
	body, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return fmt.Errorf("digest mismatch, the checkpoint is damaged: %w", ErrCheckpoint)
	}
	if !bytes.Equal(body[len(checkpointMagic):head], t.print[:]) {
		return fmt.Errorf("it was made by a run with other rows, names or configuration: %w", ErrCheckpoint)
	}
	r := &stateReader{rest: body[head:]}
	for _, m := range t.members {
		m.decode(r)
	}
	if r.failed || len(r.rest) != 0 {
		return fmt.Errorf("its fields contradict each other: %w", ErrCheckpoint)
	}
	return nil
}

func (m *member) decode(r *stateReader) {
	before := r.rest
	m.state = state{}
	for i := range r.int(m.cfg.Epochs) {
		m.History = append(m.History, Epoch{Member: m.index + 1, Epoch: i + 1, Epochs: m.cfg.Epochs,
			TrainLoss: math.Float64frombits(r.uint()), ValidationLoss: math.Float64frombits(r.uint()),
			ValidationAP: math.Float64frombits(r.uint()), Best: r.int(1) == 1, RowsPerSecond: math.Float64frombits(r.uint())})
	}
	if len(m.History) > 0 {
		m.Best = r.params(m.sizes())
		if !m.done() {
			m.Params = r.params(m.sizes())
			m.Solver = &adamW{Steps: int64(len(m.History) * m.batches()), First: r.params(m.sizes()), Second: r.params(m.sizes())}
		}
	}
	m.saved, m.reported = before[:len(before)-len(r.rest)], m.share()
}

// sizes of the parameters: weights and bias of each layer in turn.
func (t *trainer) sizes() []int {
	var sizes []int
	for i := 1; i < len(t.widths); i++ {
		sizes = append(sizes, t.widths[i-1]*t.widths[i], t.widths[i])
	}
	return sizes
}

type stateWriter struct{ buf []byte }

func (w *stateWriter) uint(values ...uint64) {
	for _, v := range values {
		w.buf = binary.LittleEndian.AppendUint64(w.buf, v)
	}
}

func (w *stateWriter) params(params [][]float32) {
	for _, p := range params {
		for _, v := range p {
			w.buf = binary.LittleEndian.AppendUint32(w.buf, math.Float32bits(v))
		}
	}
}

// stateReader reads until something does not fit; then failed is set and everything reads as zero.
type stateReader struct {
	rest   []byte
	failed bool
}

func (r *stateReader) uint() uint64 {
	if r.failed = r.failed || len(r.rest) < 8; r.failed {
		return 0
	}
	v := binary.LittleEndian.Uint64(r.rest)
	r.rest = r.rest[8:]
	return v
}

func (r *stateReader) int(most int) int {
	v := r.uint()
	if r.failed = r.failed || v > uint64(most); r.failed {
		return 0
	}
	return int(v)
}

func (r *stateReader) params(sizes []int) [][]float32 {
	params := make([][]float32, len(sizes))
	for i, size := range sizes {
		if r.failed = r.failed || len(r.rest) < 4*size; r.failed {
			return nil
		}
		params[i] = make([]float32, size)
		for j := range params[i] {
			params[i][j] = math.Float32frombits(binary.LittleEndian.Uint32(r.rest[4*j:]))
		}
		r.rest = r.rest[4*size:]
	}
	return params
}

func clone(params [][]float32) [][]float32 {
	copied := make([][]float32, len(params))
	for i, p := range params {
		copied[i] = append([]float32(nil), p...)
	}
	return copied
}
