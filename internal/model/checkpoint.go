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

// state is all that changes while training; encode and decode keep every bit of it.
type state struct {
	Member, Epoch int // finished ones
	Waited        int // epochs since the best
	BestAP        float64
	BestLoss      float64
	Params, Best  [][]float32
	Solver        *adamW
	Finished      [][][]float32 // best parameters of finished members
	History       []Epoch
}

// A checkpoint is, little-endian: the magic, the fingerprint of the run, the state field by field in the order of the struct, and the
// SHA-256 of all before it. A change of layout or of the training procedure changes the last byte of the magic.
const checkpointMagic = "tsfit\x00\x00\x03"

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

// resume replaces the state by the checkpoint's, if there is one.
func (t *trainer) resume(ctx context.Context, ck Checkpointer, print [32]byte) error {
	data, found, err := ck.Load(ctx)
	if err != nil {
		return fmt.Errorf("fit: load checkpoint: %w", err)
	}
	if !found {
		return nil
	}
	loaded, err := decodeState(data, print, t.state.Params, t.cfg)
	if err != nil {
		return fmt.Errorf("fit: resume: %w", err)
	}
	for i, p := range loaded.Params {
		copy(t.state.Params[i], p) // the learner's graph holds on to these slices
	}
	loaded.Params = t.state.Params
	t.state = *loaded
	return nil
}

func (s *state) encode(print [32]byte) []byte {
	w := &stateWriter{buf: append([]byte(checkpointMagic), print[:]...)}
	w.uint(uint64(s.Member), uint64(s.Epoch), uint64(s.Waited), math.Float64bits(s.BestAP), math.Float64bits(s.BestLoss), uint64(s.Solver.Steps))
	w.params(s.Params)
	w.params(s.Best)
	w.params(s.Solver.First)
	w.params(s.Solver.Second)
	w.uint(uint64(len(s.Finished)))
	for _, params := range s.Finished {
		w.params(params)
	}
	w.uint(uint64(len(s.History)))
	for _, e := range s.History {
		best := uint64(0)
		if e.Best {
			best = 1
		}
		w.uint(uint64(e.Member), uint64(e.Epoch), uint64(e.Epochs), math.Float64bits(e.TrainLoss), math.Float64bits(e.ValidationLoss),
			math.Float64bits(e.ValidationAP), best, math.Float64bits(e.RowsPerSecond))
	}
	return seal(w.buf)
}

func seal(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(body, sum[:]...)
}

// decodeState reads what encode wrote. shape is the parameters' shape in this run: a checkpoint never decides how much is allocated.
func decodeState(data []byte, print [32]byte, shape [][]float32, cfg Config) (*state, error) {
	head := len(checkpointMagic) + len(print)
	if len(data) < head+sha256.Size || !bytes.HasPrefix(data, []byte(checkpointMagic)) {
		return nil, fmt.Errorf("not a checkpoint of this version: %w", ErrCheckpoint)
	}
	body, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return nil, fmt.Errorf("digest mismatch, the checkpoint is damaged: %w", ErrCheckpoint)
	}
	if !bytes.Equal(body[len(checkpointMagic):head], print[:]) {
		return nil, fmt.Errorf("it was made by a run with other rows, names or configuration: %w", ErrCheckpoint)
	}
	r := &stateReader{rest: body[head:]}
	s := &state{Member: r.int(cfg.Members), Epoch: r.int(cfg.Epochs), Waited: r.int(cfg.Epochs)}
	s.BestAP, s.BestLoss = math.Float64frombits(r.uint()), math.Float64frombits(r.uint())
	s.Solver = &adamW{Steps: int64(r.int(math.MaxInt32))}
	s.Params, s.Best, s.Solver.First, s.Solver.Second = r.params(shape), r.params(shape), r.params(shape), r.params(shape)
	for range r.int(cfg.Members) {
		s.Finished = append(s.Finished, r.params(shape))
	}
	for range r.int(cfg.Members * cfg.Epochs) {
		s.History = append(s.History, Epoch{Member: r.int(cfg.Members), Epoch: r.int(cfg.Epochs), Epochs: r.int(cfg.Epochs),
			TrainLoss: math.Float64frombits(r.uint()), ValidationLoss: math.Float64frombits(r.uint()),
			ValidationAP: math.Float64frombits(r.uint()), Best: r.int(1) == 1, RowsPerSecond: math.Float64frombits(r.uint())})
		if r.failed {
			break
		}
	}
	if r.failed || len(r.rest) != 0 || len(s.Finished) != s.Member {
		return nil, fmt.Errorf("its fields contradict each other: %w", ErrCheckpoint)
	}
	return s, nil
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

func (r *stateReader) params(shape [][]float32) [][]float32 {
	params := make([][]float32, len(shape))
	for i := range shape {
		if r.failed = r.failed || len(r.rest) < 4*len(shape[i]); r.failed {
			return nil
		}
		params[i] = make([]float32, len(shape[i]))
		for j := range params[i] {
			params[i][j] = math.Float32frombits(binary.LittleEndian.Uint32(r.rest[4*j:]))
		}
		r.rest = r.rest[4*len(shape[i]):]
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
