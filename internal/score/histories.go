package score

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"temporal-streaming/internal/feature"
)

// Histories are what one stage knows of the records before: a state for each input partition. They belong to a loop, and stay
// when its engine is replaced by one of the same features. Not safe for concurrent use, except for Read.
type Histories struct {
	stage  *feature.Stage
	states []*feature.State // by partition; nil: empty
}

// NewHistories returns those of a stage that knows nothing.
func NewHistories(stage *feature.Stage) *Histories { return &Histories{stage: stage} }

// Of returns the history of a partition.
func (h *Histories) Of(partition int32) *feature.State {
	for int(partition) >= len(h.states) {
		h.states = append(h.states, nil)
	}
	if h.states[partition] == nil {
		h.states[partition] = h.stage.NewState()
	}
	return h.states[partition]
}

// Set replaces the history of a partition; nil empties it.
func (h *Histories) Set(partition int32, state *feature.State) {
	h.Of(partition)
	h.states[partition] = state
}

// Read reads a snapshot of a history of this stage. It changes nothing.
func (h *Histories) Read(r io.Reader) (*feature.State, error) { return h.stage.ReadState(r) }

// Digest names what the histories consist of; see feature.Stage.Digest.
func (h *Histories) Digest() [sha256.Size]byte { return h.stage.Digest() }

// Stands sums up how much the histories hold and what they have met.
func (h *Histories) Stands() (keys int, bytes int64, met feature.Counters) {
	for _, s := range h.states {
		if s == nil {
			continue
		}
		keys += s.Keys()
		bytes += s.Bytes()
		met = met.Plus(s.Counters())
	}
	return keys, bytes, met
}

// digestOf names features and columns, so that no stage reads what another plan wrote.
func digestOf(b *Bundle) (uint64, error) {
	spec, err := b.Spec.JSON()
	if err != nil {
		return 0, err
	}
	h := sha256.New()
	h.Write(spec)
	for _, c := range b.Definition.StreamSchema() {
		fmt.Fprintf(h, "%s %s\n", c.Name, c.Type)
	}
	return binary.LittleEndian.Uint64(h.Sum(nil)), nil
}
