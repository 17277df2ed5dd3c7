package feature

import (
	"bytes"
	"hash/maphash"
	"math/bits"
)

// keyTable finds the slot of a key: open addressing, linear probing, at most two thirds full. An entry holds 32 bits of the key's hash
// and the slot plus one, so that a probe that meets another key rarely has to look at that key itself. Nothing that can be
// seen from outside depends on the hash, which is seeded anew in each process.
type keyTable struct {
	entries []uint64 // hash<<32 | slot+1; 0: free
	used    int
	seed    uint64
	texts   maphash.Seed
}

func newKeyTable() keyTable {
	seed := maphash.MakeSeed()
	return keyTable{entries: make([]uint64, 16), seed: maphash.Bytes(seed, []byte("whole numbers")) | 1, texts: seed}
}

// hashNumber mixes a number by a multiplication to 128 bits.
func (t *keyTable) hashNumber(key uint64) uint32 {
	high, low := bits.Mul64(key^t.seed, 0x9e3779b97f4a7c15)
	return uint32((high ^ low) >> 32)
}

func (t *keyTable) hashText(key []byte) uint32 { return uint32(maphash.Bytes(t.texts, key)) }

// insert adds a slot that is not there.
func (t *keyTable) insert(hash, slot uint32) {
	if 3*(t.used+1) > 2*len(t.entries) {
		old := t.entries
		t.entries = make([]uint64, 2*len(old))
		for _, e := range old {
			if e != 0 {
				t.place(e)
			}
		}
	}
	t.place(uint64(hash)<<32 | uint64(slot+1))
	t.used++
}

func (t *keyTable) place(entry uint64) {
	mask := len(t.entries) - 1
	i := int(entry>>32) & mask
	for t.entries[i] != 0 {
		i = (i + 1) & mask
	}
	t.entries[i] = entry
}

// remove takes a slot out and closes the gap, so that no probe ends early.
func (t *keyTable) remove(hash, slot uint32) {
	mask := len(t.entries) - 1
	i := int(hash) & mask
	for t.entries[i] != uint64(hash)<<32|uint64(slot+1) {
		i = (i + 1) & mask
	}
	t.used--
	for gap := i; ; {
		i = (i + 1) & mask
		e := t.entries[i]
		if e == 0 {
			t.entries[gap] = 0
			return
		}
		// An entry may move back to the gap unless its own place lies behind the gap.
		if home := int(e>>32) & mask; (i-home)&mask >= (i-gap)&mask {
			t.entries[gap] = e
			gap = i
		}
	}
}

// findNumber returns the slot of a number, whose key stands in its header.
func (s *State) findNumber(hash uint32, key uint64) (slot uint32, ok bool) {
	mask := len(s.table.entries) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		e := s.table.entries[i]
		if e == 0 {
			return 0, false
		}
		if uint32(e>>32) == hash {
			slot = uint32(e) - 1
			if s.header(slot)[headerKey] == key {
				return slot, true
			}
		}
	}
}

// findText returns the slot of a text.
func (s *State) findText(hash uint32, key []byte) (slot uint32, ok bool) {
	mask := len(s.table.entries) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		e := s.table.entries[i]
		if e == 0 {
			return 0, false
		}
		if uint32(e>>32) == hash {
			slot = uint32(e) - 1
			if bytes.Equal(s.texts[slot], key) {
				return slot, true
			}
		}
	}
}
