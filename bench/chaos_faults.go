package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"temporal-streaming/test/stack"
)

// faultDone is a fault that was done, and how long the output was silent.
type faultDone struct {
	kind  kind
	alone bool          // no other fault or order at the same time
	quiet bool          // the stream was paused or held back by an order meanwhile: the gap is not the fault's
	gap   time.Duration // the longest silence of a partition that began between the fault and the recovery
}

// deed is an act of a step that is being done, or was.
type deed struct {
	act
	fault        bool
	what         string
	err          error
	began, ended time.Time
	struck       chan struct{} // closed when what it takes away is away, and when it is over
	over         chan struct{}
	strike       sync.Once
}

// away notes that what the deed takes away is away.
func (d *deed) away() { d.strike.Do(func() { close(d.struck) }) }

// rage carries the schedule out, step by step, and leaves everything whole.
func (c *chaosRun) rage(ctx context.Context, begun time.Time) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // if it fails, what is away comes back
	s := newSchedule(c.o.seed, c.o.kinds)
	if err := c.whole(ctx, begun, recovered); err != nil {
		return err
	}
	for number := 1; ; number++ {
		left := c.o.left(len(c.done), time.Since(begun))
		if left <= 0 {
			return c.calm(ctx, nobody)
		}
		st := s.next(left)
		err := errors.Join(sleep(ctx, st.calm), c.out.failed())
		if st.alone() {
			err = errors.Join(err, c.calm(ctx, (*deed).asleep))
		}
		if err == nil {
			err = c.step(ctx, number, st)
		}
		if err != nil {
			return fmt.Errorf("step %d (%s): %w", number, join(slices.Concat(st.faults, st.orders)), err)
		}
	}
}

func nobody(*deed) bool { return false }

// calm waits until all deeds are over except some, and the stream answers.
func (c *chaosRun) calm(ctx context.Context, except func(*deed) bool) error {
	for _, d := range c.deeds {
		if !except(d) {
			<-d.over
		}
	}
	return errors.Join(c.settled(), c.whole(ctx, time.Now(), recovered))
}

// settled answers what went wrong with the deeds that are over.
func (c *chaosRun) settled() (err error) {
	for _, d := range c.deeds {
		select {
		case <-d.over:
			err, d.err = errors.Join(err, d.err), nil
		default:
		}
	}
	return err
}

// step does the acts of a step at their times, and waits until the stream has recovered.
func (c *chaosRun) step(ctx context.Context, number int, st step) error {
	begun := time.Now()
	acts := slices.Concat(st.faults, st.orders)
	c.note("step %d: %s", number, join(acts))
	own := make([]*deed, len(acts))
	for i, a := range acts {
		own[i] = &deed{act: a, fault: i < len(st.faults), struck: make(chan struct{}), over: make(chan struct{})}
		go c.do(ctx, own[i], begun.Add(a.after))
	}
	c.deeds = append(c.deeds, own...)
	for _, d := range own {
		<-d.struck
		if !d.fault || st.alone() && !d.asleep() {
			<-d.over
		}
	}
	if err := c.settled(); err != nil {
		return err
	}
	struck := time.Now()
	if err := c.whole(ctx, struck, recovered); err != nil {
		return err
	}
	whole := time.Now()
	quiet := slices.ContainsFunc(st.orders, func(a act) bool { return a.kind == pauseOrder || a.kind == rateOrder })
	longest := time.Duration(0)
	for _, d := range own {
		if !d.fault {
			continue
		}
		f := faultDone{kind: d.kind, alone: !c.met(d, whole), quiet: quiet}
		f.gap = c.out.silence(c.ways(), d.began, whole)
		longest = max(longest, f.gap)
		c.done = append(c.done, f)
	}
	c.note("  whole %.2f s after the last act; longest silence %.2f s", whole.Sub(struck).Seconds(), longest.Seconds())
	c.site.bench.say("  %3d faults: %s: silent for %.2f s at most", len(c.done), join(acts), longest.Seconds())
	return nil
}

// do does an act when it is due.
func (c *chaosRun) do(ctx context.Context, d *deed, due time.Time) {
	defer close(d.over)
	defer d.away()
	if d.err = sleep(ctx, time.Until(due)); d.err != nil {
		return
	}
	if d.fault {
		d.what, d.err = c.strike(ctx, d)
	} else {
		d.began = time.Now()
		d.what, d.err = c.give(ctx, d.act)
	}
	d.ended = time.Now()
	c.note("  %s ends after %.2f s: %s", d.kind, time.Since(d.began).Seconds(), d.what)
}

// met tells whether another act was under way between a fault and a moment.
func (c *chaosRun) met(d *deed, until time.Time) bool {
	return slices.ContainsFunc(c.deeds, func(other *deed) bool {
		if other == d {
			return false
		}
		select {
		case <-other.over:
			return other.ended.After(d.began) && other.began.Before(until)
		default:
			return true
		}
	})
}

// whole waits until every partition answers what was sent after a moment.
func (c *chaosRun) whole(ctx context.Context, after time.Time, within time.Duration) error {
	err := c.out.await(ctx, "every partition answers again", within, func() bool {
		return c.out.caughtUp(c.ways(), after) || c.sending.failed() != nil
	})
	return errors.Join(c.sending.failed(), err, c.crew.deserted())
}

// strike does one fault, from its beginning to the end of what was taken away. A service
// that is still away comes back first.
func (c *chaosRun) strike(ctx context.Context, d *deed) (what string, err error) {
	back := context.WithoutCancel(ctx) // what was taken away comes back, whatever happens
	if d.kind.target() == "worker" {
		return c.hit(ctx, d)
	}
	service := map[string]string{"broker": stack.Kafka, "temporal": stack.Temporal, "s3": stack.S3, "mlflow": stack.MLflow}[d.kind.target()]
	turn := &c.turns[slices.Index(turns, d.kind.target())]
	turn.Lock()
	defer turn.Unlock()
	d.began = time.Now()
	s := c.devstack
	switch d.kind {
	case brokerKill:
		return service, s.Kill(back, service)
	case brokerFreeze, temporalFreeze:
		return service, d.absence(ctx, back, service, s.Freeze, s.Thaw)
	case temporalStop, s3Stop, mlflowStop:
		return service, d.absence(ctx, back, service, s.StopNow, s.StartService)
	}
	return "", fmt.Errorf("%s is no fault", d.kind)
}

// turns are the targets that are struck by one fault at a time.
var turns = []string{"broker", "temporal", "s3", "mlflow"}

// absence takes a service away for some time. Without its brokers a stream cannot be
// whole, so their absence is struck when it is over.
func (d *deed) absence(ctx, back context.Context, service string, take, give func(context.Context, string) error) error {
	if err := take(back, service); err != nil {
		return err
	}
	if d.kind.target() != "broker" {
		d.away()
	}
	return errors.Join(sleep(ctx, time.Until(d.began.Add(d.lasts))), give(back, service))
}

// hit does a fault to a worker, rather to one that runs shards. If all are down it waits
// for one.
func (c *chaosRun) hit(ctx context.Context, d *deed) (what string, err error) {
	m, err := c.crew.pick(d.pick, c.whoHolds(ctx))
	for deadline := time.Now().Add(recovered); errors.Is(err, errAllDown) && time.Now().Before(deadline); {
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return "", err
		}
		m, err = c.crew.pick(d.pick, c.whoHolds(ctx))
	}
	if err != nil {
		return "", err
	}
	d.began = time.Now()
	switch d.kind {
	case workerKill:
		if err = c.crew.kill(m); err == nil {
			_, err = c.crew.hire()
		}
	case workerLost:
		if err = c.crew.kill(m); err == nil {
			d.away()
			err = sleep(ctx, d.lasts)
			_, hired := c.crew.hire()
			err = errors.Join(err, hired)
		}
	case workerFreeze:
		if err = c.crew.freeze(m); err == nil {
			d.away()
			err = errors.Join(sleep(ctx, d.lasts), c.crew.thaw(m))
		}
	}
	return m.String(), err
}

// whoHolds answers the identities of the workers that run shards, as far as Temporal
// tells: the last answer counts while it is away.
func (c *chaosRun) whoHolds(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	status, err := c.status(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.holders = nil
		for _, s := range status.Shards {
			c.holders = append(c.holders, s.Lease.Worker)
		}
	}
	return c.holders
}
