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

	// Of streams with two stages.
	HandedOn      Kind = "handed on wrongly" // never or twice, out of order, or something else, to the second stage
	WrongFeatures Kind = "wrong features"    // scored from others than its history gives
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

	HandedOn      int64 `json:"handed_on_wrongly"`
	WrongFeatures int64 `json:"wrong_features"`
}

// Exact reports that nothing is wrong.
func (c Count) Exact() bool { return c == Count{Sent: c.Sent} }

func (c Count) String() string {
	text := fmt.Sprintf("%d sent, %d lost, %d repeated, %d out of order, %d by the wrong model, %d foreign, %d malformed",
		c.Sent, c.Lost, c.Repeated, c.Reordered, c.WrongModel, c.Foreign, c.Malformed)
	if c.HandedOn > 0 || c.WrongFeatures > 0 {
		text += fmt.Sprintf(", %d handed on wrongly, %d with wrong features", c.HandedOn, c.WrongFeatures)
	}
	return text
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
		HandedOn: &l.count.HandedOn, WrongFeatures: &l.count.WrongFeatures,
	}[o.Kind]
	if *count++; *count <= mostOffences {
		l.offences = append(l.offences, o)
	}
}

// Count closes the ledger: what has no prediction by now is lost.
func (l *Ledger) Count() Count {
	if l.closed {
		return l.count
	}
	l.closed = true
	for n, times := range l.times {
		if times == 0 {
			l.offend(l.without(Lost, int64(n), ""))
		}
	}
	if l.relay != nil {
		l.neverHandedOn()
	}
	return l.count
}

// without is an offence that stands nowhere in what the stream has written.
func (l *Ledger) without(kind Kind, n int64, words string) Offence {
	o := Offence{Kind: kind, Message: n, Partition: -1, Offset: -1, OutputPartition: -1, OutputOffset: -1, Words: words}
	if l.places != nil && l.places[n].known {
		o.Partition, o.Offset = l.places[n].partition, l.places[n].offset
	}
	return o
}

// Offences are the first ones of each kind.
func (l *Ledger) Offences() []Offence { return l.offences }
