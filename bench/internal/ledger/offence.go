package ledger

import "fmt"

// Kind is a way in which an output is wrong.
type Kind string

const (
	Lost       Kind = "lost"         // a message without a prediction
	Repeated   Kind = "repeated"     // a prediction more than the first of its message
	Reordered  Kind = "out of order" // stands behind a later record of its partition, or of its key
	WrongModel Kind = "wrong model"  // scored by another version than the orders say for its offset
	Foreign    Kind = "foreign"      // about a message that was never sent, or under another's id or place
	Malformed  Kind = "malformed"    // no prediction at all
)

// Count is what a ledger comes to.
type Count struct {
	Sent       int64 `json:"sent"`
	Lost       int64 `json:"lost"`
	Repeated   int64 `json:"repeated"`
	Reordered  int64 `json:"out_of_order"`
	WrongModel int64 `json:"wrong_model"`
	Foreign    int64 `json:"foreign"`
	Malformed  int64 `json:"malformed"`
}

// Exact reports that nothing is wrong.
func (c Count) Exact() bool { return c == Count{Sent: c.Sent} }

func (c Count) String() string {
	return fmt.Sprintf("%d sent, %d lost, %d repeated, %d out of order, %d by the wrong model, %d foreign, %d malformed",
		c.Sent, c.Lost, c.Repeated, c.Reordered, c.WrongModel, c.Foreign, c.Malformed)
}

// Offence is one thing that is wrong, and where to look for it.
type Offence struct {
	Kind            Kind   `json:"kind"`
	Message         int64  `json:"message"`   // -1: unknown
	Partition       int32  `json:"partition"` // of the input, as the prediction names it; -1: unknown
	Offset          int64  `json:"offset"`
	OutputPartition int32  `json:"output_partition"` // -1: it does not stand in the output
	OutputOffset    int64  `json:"output_offset"`
	Words           string `json:"words,omitempty"`
}

func (o Offence) String() string {
	out := fmt.Sprintf("%s: message %d, input %d/%d, output %d/%d", o.Kind, o.Message, o.Partition, o.Offset, o.OutputPartition, o.OutputOffset)
	if o.Words != "" {
		out += ": " + o.Words
	}
	return out
}

// mostOffences of each kind are kept; all are counted.
const mostOffences = 10

// offend counts an offence and keeps the first ones of its kind.
func (l *Ledger) offend(o Offence) {
	count := map[Kind]*int64{
		Lost: &l.count.Lost, Repeated: &l.count.Repeated, Reordered: &l.count.Reordered,
		WrongModel: &l.count.WrongModel, Foreign: &l.count.Foreign, Malformed: &l.count.Malformed,
	}[o.Kind]
	if *count++; *count <= mostOffences {
		l.offences = append(l.offences, o)
	}
}

// Count closes the ledger: what has no prediction by now is lost.
func (l *Ledger) Count() Count {
	l.count.Lost = 0
	l.dropLost()
	for n, times := range l.times {
		if times == 0 {
			o := Offence{Kind: Lost, Message: int64(n), Partition: -1, Offset: -1, OutputPartition: -1, OutputOffset: -1}
			if l.places != nil && l.places[n].known {
				o.Partition, o.Offset = l.places[n].partition, l.places[n].offset
			}
			l.offend(o)
		}
	}
	return l.count
}

// Offences are the first ones of each kind.
func (l *Ledger) Offences() []Offence { return l.offences }

// dropLost makes Count repeatable.
func (l *Ledger) dropLost() {
	kept := l.offences[:0]
	for _, o := range l.offences {
		if o.Kind != Lost {
			kept = append(kept, o)
		}
	}
	l.offences = kept
}
