package stream

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Orders are what a loop obeys besides its options, and can be changed while it runs.
//
// They take effect between two transactions: all records of a transaction were read under
// one generation. Which one stands in the committed offsets (see mark), so a receipt stays
// exact when the loop that obeyed has died, and a loop with old orders cannot undo new ones.
type Orders struct {
	Generation int64 // grows with every change
	Paused     bool  // keep the partitions, read nothing
	PerSecond  float64
	Seek       *Seek

	// Processor scores from now on; nil: as before. Model and ModelVersion say who it is.
	Processor           Processor
	Model, ModelVersion string
}

// Seek moves committed offsets, once: the offsets that it commits carry its ID. A partition
// that is not named keeps its own.
type Seek struct {
	ID        string
	Positions []Position
}

// to answers where a seek puts a partition.
func (k *Seek) to(partition int32) (next int64, named bool) {
	if k == nil {
		return 0, false
	}
	i := slices.IndexFunc(k.Positions, func(p Position) bool { return p.Partition == partition })
	if i < 0 {
		return 0, false
	}
	return k.Positions[i].Next, true
}

// Receipt says since where the orders of a generation have been in force.
type Receipt struct {
	Generation int64
	Partitions []Took
	At         time.Time
}

// Took is one partition of a Receipt.
type Took struct {
	Partition int32
	Since     int64 // the first offset that was or will be read under the generation
	Next      int64 // all before it is committed
	Before    int64 // the offset that was committed before; Since, unless a seek of this generation moved it
}

// ErrOutdated is returned by Run, and by Obey, when the partitions have been read under
// newer orders than those given. Whoever gave them must give the newest.
var ErrOutdated = errors.New("newer orders are in force")

func (o Orders) validate() error {
	switch {
	case o.Generation < 0:
		return fmt.Errorf("generation %d is negative", o.Generation)
	case o.PerSecond < 0 || o.PerSecond != o.PerSecond:
		return fmt.Errorf("a rate of %v records a second is none; 0 lifts the limit", o.PerSecond)
	case o.Seek != nil && o.Seek.ID == "":
		return errors.New("a seek has no id")
	}
	if o.Seek != nil {
		for _, p := range o.Seek.Positions {
			if p.Next < 0 {
				return fmt.Errorf("seek of partition %d to offset %d", p.Partition, p.Next)
			}
		}
	}
	return nil
}
