package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// What stands against the resolution of a letter. Nothing is done to that letter.
var (
	// ErrNoLetter is returned where no dead letter stands, or where retention has deleted it.
	ErrNoLetter = errors.New("there is no such dead letter")
	// ErrResolved is returned if it was decided before; the resolution of then stands.
	ErrResolved = errors.New("it is resolved already")
	// ErrForeign is returned if the letter is another pipeline's, or of another input topic.
	ErrForeign = errors.New("it is not of this pipeline")
	// ErrTruncated is returned if only a part of the record was kept and the input topic
	// does not have it any more.
	ErrTruncated = errors.New("only its beginning was kept, and the input topic does not have the rest any more")
	// ErrNoPartition is returned if the input topic lacks the record's partition now.
	ErrNoPartition = errors.New("the input topic has no such partition any more")
)

// ErrOvertaken is returned by Resolve when somebody else began to resolve letters of the
// pipeline. What was committed before stands; nothing else was done.
var ErrOvertaken = errors.New("somebody else resolves dead letters of this pipeline at the same time")

// ErrUndecided is returned by Resolve when Kafka went away during a commit. Whether that
// was done stands in the dead-letter topic: calling again finds it out and does no harm.
var ErrUndecided = errors.New("it is not known whether the last transaction was committed")

// Resolver decides about dead letters of a pipeline, each once.
//
// A retry puts a record into the input topic and the resolution that says so into the
// dead-letter topic, in one Kafka transaction: both are there, or neither. All resolvers
// of a pipeline share one transactional id. So when init returns, nobody else's
// transaction is open, what others have committed can be read, and they cannot commit any
// more. Only then is it worked out what is still undecided:
//
//	A: init, read, put record and resolution ............ commit: refused, A is fenced
//	B:                                        init, read: undecided, put, commit
//
// A commit of A before B's init is read by B, one after it fails. The same holds for a
// resolver that was killed at any point, and for one that wakes up an hour later.
type Resolver struct {
	Kafka       Kafka
	Pipeline    string
	Topic       string // the input
	DeadLetters string
	By, Why     string
	Patience    time.Duration // how long Kafka may be silent; default 5 s
	Now         func() time.Time

	beforeCommit func() // for tests: with everything produced and nothing committed
}

// Resolved is what became of one letter.
type Resolved struct {
	Letter     DeadLetter  `json:"letter"`
	Resolution *Resolution `json:"resolution,omitempty"` // the one that stands; nil if there is none
	Err        error       `json:"-"`                    // why this call did not do it; nil if it did
}

// Fix makes the value that is put into the input topic from the one that is dead.
type Fix func(ctx context.Context, letter DeadLetter, value []byte) ([]byte, error)

// perTransaction bounds what one transaction holds, in letters and in bytes. Each
// transaction is a whole: if a later one fails, the letters of those before it are resolved.
const (
	perTransaction      = 500
	perTransactionBytes = 8 << 20
)

func (r Resolver) withDefaults() Resolver {
	if r.Patience <= 0 {
		r.Patience = 5 * time.Second
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	return r
}

// transactionalID is one for all resolvers of a pipeline. No loop has it: theirs have the
// stage's number where this one has a word.
func (r Resolver) transactionalID() string { return "temporal-streaming." + r.Pipeline + ".dlq" }

// Resolve decides about the letters at these places of the dead-letter topic, in the order
// in which their records stood in the input. fix may be nil. What became of each is
// answered also with an error, which says why it ended before all were dealt with.
//
// A retried record goes to the partition that it came from, with its key and its timestamp:
// records of a key stay in one partition, and windows of event time see the event where it
// belongs. It comes after everything that is in the partition by now.
func (r Resolver) Resolve(ctx context.Context, action Action, places []Place, fix Fix) ([]Resolved, error) {
	r = r.withDefaults()
	dialling, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	partitions, err := Partitions(dialling, r.Kafka, r.Topic)
	if err != nil {
		return nil, err
	}
	kept, err := Partitions(dialling, r.Kafka, r.DeadLetters)
	if err != nil {
		return nil, err
	}
	p, err := r.take(ctx)
	if err != nil {
		return nil, r.failed("take over", err)
	}
	defer p.close()
	book := newDeadLetters(r.DeadLetters, kept)
	if err := book.catchUp(ctx, r.Kafka, r.Patience); err != nil {
		return nil, err
	}
	done, open := r.sort(book, action, places, int32(partitions))
	for len(open) > 0 {
		var batch []dead
		if batch, open, err = r.collect(ctx, action, open, fix, &done); err != nil {
			break
		}
		resolutions, e := p.resolve(ctx, r, action, batch)
		if err = e; err != nil {
			break
		}
		for i, b := range batch {
			done = append(done, Resolved{Letter: b.letter, Resolution: &resolutions[i]})
		}
	}
	return done, err
}

// sort tells letters that can be resolved from those that cannot. Of a record with several
// letters it takes the newest.
func (r Resolver) sort(book *DeadLetters, action Action, places []Place, partitions int32) (done []Resolved, open []DeadLetter) {
	seen := map[*Case]bool{}
	for _, at := range places {
		c := book.At(at)
		if c == nil {
			done = append(done, Resolved{Letter: DeadLetter{At: at}, Err: fmt.Errorf("%s/%s: %w", r.DeadLetters, at, ErrNoLetter)})
			continue
		}
		if seen[c] {
			continue
		}
		seen[c] = true
		l := c.Letter()
		var err error
		switch {
		case c.Resolution != nil:
			err = ErrResolved
		case l.Pipeline != r.Pipeline || l.Source.Topic != r.Topic:
			err = ErrForeign
		case action == Retry && l.Source.Partition >= partitions:
			err = ErrNoPartition
		default:
			open = append(open, l)
			continue
		}
		done = append(done, Resolved{Letter: l, Resolution: c.Resolution, Err: fmt.Errorf("%s/%s: %w", r.DeadLetters, l.At, err)})
	}
	slices.SortFunc(open, func(a, b DeadLetter) int {
		if a.Source.Partition != b.Source.Partition {
			return int(a.Source.Partition) - int(b.Source.Partition)
		}
		return int(min(1, max(-1, a.Source.Offset-b.Source.Offset)))
	})
	return done, open
}

// failed marks the errors by which the broker says that another resolver has begun.
func (r Resolver) failed(what string, err error) error {
	if fenced(err) {
		return fmt.Errorf("%s as %s: %w: %w", what, r.transactionalID(), ErrOvertaken, err)
	}
	return fmt.Errorf("%s as %s at %s: %w", what, r.transactionalID(), r.Kafka, unreachable(err))
}
