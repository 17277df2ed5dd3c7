package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
)

// session is one pair of clients. Invariant: next is what a commit now would commit, and
// everything between the loop's next and it has been sent, in the transaction in hand or in
// the one whose commit is on its way, or was collected for the one after that.
type session struct {
	*Loop
	src source
	snk sink

	next    []int64  // of each of Partitions
	notes   []note   // the orders under which each is read
	texts   []string // the same, as it is committed
	end     []int64  // of each of Partitions, when the session opened
	inHand  bool     // a transaction is open
	cleared bool     // pending offsets were dropped: their results may stand nevertheless
	ahead   bool     // the sink has collected results for the next one
	began   time.Time
	rest    time.Duration // before the next records are read, see spacing
	cost    time.Duration // what the loop waits for a commit, smoothed
	took    time.Duration // what a commit takes, smoothed
	txn     Counts        // of the transaction in hand, or of what was collected
	flight  flight

	in      []record.Message
	out     score.Output
	sends   []outgoing
	stamps  []int64 // timestamps of the records in hand
	printed []byte  // by the console sink, once the transaction is committed
}

func newSession(l *Loop, src source, snk sink) *session {
	return &session{Loop: l, src: src, snk: snk, in: make([]record.Message, 0, l.MaxBatch)}
}

// open takes the partitions over. The order matters. First init: it fences the
// predecessor and completes or aborts its transaction, all of it (sweep). Only then are committed offsets
// final, because nobody but us can move them any more. Read before init, they could be
// overtaken by a commit of the predecessor, and its records would be scored twice.
func (s *session) open(ctx context.Context) error {
	err := s.snk.init(ctx)
	if errors.Is(err, errUnsuitable) {
		s.snk = s.snk.(substituted).instead()
		err = s.snk.init(ctx)
	}
	if err != nil {
		return fmt.Errorf("take over %s: %w", s.id(), err)
	}
	marks, recalled, err := s.offsetsAtHand(ctx)
	for errors.Is(err, errSettled) {
		marks, recalled, err = s.offsetsAtHand(ctx)
	}
	if err != nil {
		return fmt.Errorf("read offsets of group %s: %w", s.Group, err)
	}
	committed := nexts(marks)
	s.next = committed
	var first []int64
	first, s.end, err = s.src.bounds(ctx)
	if err != nil {
		return fmt.Errorf("read bounds of %s: %w", s.Topic, err)
	}
	var begin []int64
	if missing(committed) {
		if begin, err = s.begin(ctx, first, s.end); err != nil {
			return fmt.Errorf("find start %s in %s: %w", s.Start, s.Topic, err)
		}
	}
	changed, err := s.follow(marks)
	if err != nil {
		return err
	}
	next, err := s.resume(nexts(marks), first, s.end, begin)
	if err != nil {
		return err
	}
	s.next = next
	s.since()
	from, err := s.recall(ctx, first, untouched(nexts(marks)))
	if err != nil {
		return err
	}
	if changed || recalled || missing(committed) {
		if err := s.pin(ctx); err != nil {
			return fmt.Errorf("commit offsets %v of %s: %w", s.next, s.Topic, err)
		}
	}
	if err := s.src.assign(from); err != nil {
		return fmt.Errorf("assign %s[%s]: %w", s.Topic, ranges(s.Partitions), err)
	}
	return nil
}

// pin commits a start that was chosen, so that it is chosen once: "latest" after a crash
// would otherwise be later than before it, and skip what came in between. The same goes for
// a seek, and for new orders: from here on no loop with older ones gets in.
func (s *session) pin(ctx context.Context) error {
	if err := s.snk.begin(); err != nil {
		return err
	}
	if err := s.snk.commit(ctx, s.next, s.texts); err != nil {
		return err
	}
	copy(s.stood, s.next)
	return nil
}

// run scores until ctx is done or something fails. Either way no commit is on its way when
// it returns; one that failed says more than what failed after it.
func (s *session) run(ctx context.Context) error {
	err := s.work(ctx)
	return errors.Join(s.land(ctx), err)
}

func (s *session) work(ctx context.Context) error {
	s.reply()
	for ctx.Err() == nil {
		if err := s.obey(ctx); err != nil {
			return err
		}
		if err := s.step(ctx); err != nil {
			return err
		}
		s.turn()
		if err := s.report(); err != nil {
			return err
		}
	}
	s.state = StateDraining
	return s.finish(ctx)
}

// report publishes progress, if it is due, with the ends of the log as fetched last. It
// fails when the session is stalled.
func (s *session) report() error {
	now := s.Now()
	if elapsed(s.told, now) < s.ProgressInterval {
		return nil
	}
	s.look()
	err := s.stall(now)
	if g := s.health.looks.Swap(nil); g != nil {
		err = errors.Join(err, s.glanced(*g))
	}
	s.publish(true)
	return err
}

// idleWait bounds a poll, so that an idle loop notices the end of ctx and reports.
const idleWait = 100 * time.Millisecond

func (s *session) step(ctx context.Context) error {
	wait := idleWait
	if s.rest > 0 {
		wait = min(wait, s.rest)
		s.rest -= wait
		s.sleep(ctx, wait)
		return nil
	}
	if s.flight.done != nil {
		wait = time.Millisecond // if nothing is there to be scored meanwhile, the commit is waited for
	} else if s.inHand {
		wait = min(wait, max(time.Millisecond, s.deadline()-elapsed(s.began, s.Now())))
	}
	in, polled := s.in[:0], 0
	if most := s.allowance(); most > 0 {
		var err error
		in, err = s.src.poll(in, most, s.MaxBatchBytes, wait)
		s.in = in[:0]
		if err != nil {
			return fmt.Errorf("poll %s: %w", s.Topic, err)
		}
		s.pace.took(len(in))
		polled = len(in)
		if in, err = s.absorb(in); err != nil {
			return err
		}
	} else {
		// Paused, or ahead of the rate: what was fetched waits in the client's bounded queue.
		if rest := s.pace.wait(); rest > 0 && !s.orders.Paused {
			wait = min(wait, max(time.Millisecond, rest))
		}
		s.sleep(ctx, wait)
	}
	if err := s.abreast(ctx, in); err != nil {
		return err
	}
	if len(in) > 0 && ctx.Err() == nil {
		if err := s.take(ctx, in); err != nil {
			return err
		}
	}
	if !s.inHand && !s.ahead && s.flight.done == nil {
		return nil
	}
	idle := s.caughtUp(polled)
	if s.ahead && (idle || len(in) == 0 || s.landed()) {
		if err := s.enter(ctx); err != nil {
			return err
		}
	}
	if s.inHand && (idle || elapsed(s.began, s.Now()) >= s.deadline()) {
		s.commit(ctx)
	}
	if idle || len(in) == 0 || !s.wire.overlaps() { // there is nothing to do meanwhile
		if err := s.land(ctx); err != nil {
			return err
		}
		if idle {
			s.rest = s.spacing() - s.flight.took - max(0, s.flight.start.Sub(s.began))
		}
	}
	return nil
}

// spacing is how long after the beginning of the commit that has landed the next may begin, while the loop keeps up. What is scored for
// that one is taken to need as long as what was scored for the last. One after the other, commits take the processors from what everything
// waits for. Where a commit takes little, as on processors that nobody else wants, it takes little from others, and the next may be as
// much sooner. One that costs client and broker the same for one record as for a thousand is worth more records; those that come seldom do not wait for each other.
func (s *session) spacing() time.Duration {
	if s.Delivery != ExactlyOnce { // results are there before their offsets
		return 0
	}
	most := float64(min(s.CommitInterval, mostSpacing))
	if _, ok := s.snk.(light); ok {
		return time.Duration(min(most, restOfLight*float64(s.took)))
	}
	records := s.flight.txn.Records
	if records < fewRecords {
		return 0
	}
	return time.Duration(most * min(1, float64(records)/manyRecords) * min(1, float64(s.took)/float64(s.slowCommit)))
}

// light is a sink whose commits cost little where they are of few records.
type light interface{ light() }

const (
	fewRecords  = 16
	manyRecords = 64 // what 2,500 records a second are in 25 ms
	mostSpacing = 100 * time.Millisecond
	restOfLight = 2.5                      // a commit is under way two fifths of the time
	slowCommit  = 12500 * time.Microsecond // half of the default interval is then left for what comes next
)

// allowance is how many records the orders allow to be read now.
func (s *session) allowance() int {
	if s.orders.Paused {
		return 0
	}
	return s.pace.allow(s.Now(), s.batch())
}

// take scores a batch and sends the results, or has them collected while a commit is on its way. The transaction
// begins when the first of them are to be sent, which is after that commit has landed.
func (s *session) take(ctx context.Context, in []record.Message) error {
	if !s.inHand && !s.ahead {
		s.began = s.Now()
	}
	s.forgo(in)
	if err := s.score(ctx, in); err != nil {
		return err
	}
	for i := range in {
		m := &in[i]
		s.next[s.slots[m.Partition]] = m.Offset + 1
		if s.Stage == 0 {
			s.stamps = append(s.stamps, m.Timestamp)
		}
	}
	s.know(in)
	s.txn.Records += int64(len(in))
	return nil
}

// deadline is the age at which a transaction is committed. Commits that became slow are
// made less often, so that the loop waits for them no more than a quarter of the time. While it is far behind, transactions last
// twice as long as a commit takes, too: a commit costs the broker the same for many records as for few, and
// its CPU is what a loop that catches up lacks.
func (s *session) deadline() time.Duration {
	age := max(s.CommitInterval, 3*s.cost)
	if s.backlog() > farBehind*int64(s.MaxBatch) {
		age = max(age, min(2*s.took, longestAge))
	}
	return min(age, s.TransactionTimeout/4)
}

const (
	farBehind  = 4 // batches. A loop that keeps up with half of what it can do is behind by one while it commits.
	longestAge = 500 * time.Millisecond
)

// backlog is how many records the log holds beyond those that were scored, by the ends as noted last.
func (s *session) backlog() (n int64) {
	for i, end := range s.ends {
		n += max(0, end-s.next[i])
	}
	return n
}

// caughtUp tells whether waiting for more records before a commit would be for nothing:
// the poll has emptied the prefetch queue, and the log holds little beyond it.
func (s *session) caughtUp(polled int) bool {
	if polled >= s.batch() {
		return false
	}
	s.look()
	return s.backlog() <= int64(s.MaxBatch)/4
}

// look notes the ends of the log as fetched last. Before its first fetch of a partition
// the client knows none, and the end found when the session opened stands.
func (s *session) look() {
	for i, p := range s.Partitions {
		s.ends[i] = max(s.ends[i], s.src.end(p))
	}
}

// id names the session in errors.
func (s *session) id() string {
	if s.Delivery == ExactlyOnce {
		return TransactionalID(s.Pipeline, s.Stage, s.Topic, s.Partitions)
	}
	return s.Topic + "[" + ranges(s.Partitions) + "]"
}

// abortTimeout bounds the polite way out. The successor aborts what is left open anyway.
const abortTimeout = 2 * time.Second

func (s *session) close(ctx context.Context, failed bool) {
	if failed && s.inHand {
		ctx, cancel := context.WithTimeout(ctx, abortTimeout)
		defer cancel()
		s.snk.abort(ctx)
	}
	s.hand.empty()
	s.snk.close()
	s.src.close()
}
