// Package transact writes to Kafka in transactions, by the second version of their protocol (KIP-890), which librdkafka does not speak
// (its issue 5423). A broker takes partitions and offsets into a transaction when the first of them come, instead of being asked before;
// and every transaction has an epoch of its own, so that nothing that comes late can fall into the next one. What librdkafka asks in eight
// requests for a transaction in four partitions, and one after the other, is three here, two of them side by side.
package transact

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrUnsupported says that the brokers do not have the second version, or not all of them.
var ErrUnsupported = errors.New("the brokers do not speak the second version of the transactions' protocol")

// ErrTime says that there was no answer in time.
var ErrTime = errors.New("no answer in time")

// Config is what a Producer needs. All fields but Note, Held and Nap are required.
type Config struct {
	Reach              Reach
	ID                 string // transactional
	TransactionTimeout time.Duration
	AnswerTimeout      time.Duration // of one request
	Group              string        // whose offsets are committed
	Topics             []string      // that are written to
	BatchBytes         int           // of a record batch, at most, but for one with a single record

	Note func(error)         // is told of trouble that is tried again
	Held func(time.Duration) // is told how long a broker holds its answers back
	Nap  func(time.Duration) // waits for less than a few milliseconds
}

// Producer writes transactions, one after the other, once it has claimed its id. One goroutine calls Add, Send, Ahead, Release and Abort; Commit may be called by another one,
// and meanwhile nothing but Ahead. After an error of any of them only Abort and Close may be called.
type Producer struct {
	Config
	client *kgo.Client // for what any broker can answer
	links  *links
	pid    int64
	epoch  int16

	topics map[string]int
	seq    [][]int32 // by topic and partition: the next sequence number
	where  leaders
	coords [2]int32 // the coordinators' brokers, -1 unknown

	filling *parcel
	ahead   *parcel
	free    chan *parcel
	post    chan *parcel
	posted  int64         // parcels
	arrived atomic.Int64  // of those
	arrival chan struct{} // has something when one more has
	touched bool          // the broker may know of the transaction

	failed atomic.Pointer[error]
	broken chan struct{} // closed with the first failure
	once   sync.Once
	ctx    context.Context // of what is under way
	end    context.CancelFunc
	done   chan struct{} // closed when the courier has ended
}

// New makes a Producer. It connects to nothing.
func New(c Config) (*Producer, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.RequestRetries(3), kgo.DisableClientMetrics(),
		kgo.RetryBackoffFn(func(n int) time.Duration { return min(20*time.Millisecond<<min(n, 5), 250*time.Millisecond) }),
		kgo.RequestTimeoutOverhead(c.AnswerTimeout), kgo.MetadataMinAge(10 * time.Millisecond),
	}, c.Reach.Options()...)...)
	if err != nil {
		return nil, err
	}
	p := &Producer{
		Config: c, client: client, links: newLinks(c.Reach), topics: map[string]int{}, seq: make([][]int32, len(c.Topics)), coords: [2]int32{-1, -1},
		filling: &parcel{}, ahead: &parcel{}, free: make(chan *parcel, 2), post: make(chan *parcel, 2), arrival: make(chan struct{}, 1), broken: make(chan struct{}), done: make(chan struct{}),
	}
	for i, name := range c.Topics {
		p.topics[name] = i
	}
	for range cap(p.free) {
		p.free <- &parcel{}
	}
	if p.Note == nil {
		p.Note = func(error) {}
	}
	if p.Held == nil {
		p.Held = func(time.Duration) {}
	}
	if p.Nap == nil {
		p.Nap = time.Sleep
	}
	p.ctx, p.end = context.WithCancel(context.Background())
	go p.courier()
	return p, nil
}

// Prepare asks all that Claim and the first transaction would have to: whether the brokers have the second version, or else
// answers ErrUnsupported, and which of them do what. It changes nothing.
func (p *Producer) Prepare(ctx context.Context) error {
	if err := p.supported(ctx); err != nil {
		return err
	}
	where, err := p.look(ctx)
	if lasting(err) { // topics that were just made will be known when records come
		return err
	}
	p.where = where
	for kind, key := range [...]string{ofTransaction: p.ID, ofGroup: p.Group} {
		if err := p.find(ctx, kind, key); err != nil {
			return err
		}
	}
	return nil
}

// supported asks whether the cluster has agreed on the second version.
func (p *Producer) supported(ctx context.Context) error {
	resp, err := anyone(ctx, p.AnswerTimeout, func(ctx context.Context) (*kmsg.ApiVersionsResponse, error) {
		req := kmsg.NewApiVersionsRequest()
		req.ClientSoftwareName, req.ClientSoftwareVersion = "temporal-streaming", "1"
		return req.RequestWith(ctx, p.client)
	})
	if err != nil {
		return fmt.Errorf("ask for versions: %w", err)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return fmt.Errorf("ask for versions: %w", err)
	}
	if !secondVersion(resp) {
		return ErrUnsupported
	}
	return nil
}

// secondVersion tells whether a cluster has agreed on it, and the broker knows all requests of it.
func secondVersion(of *kmsg.ApiVersionsResponse) bool {
	need := map[int16]int16{produceKey: produceVersion, claimKey: claimVersion, offsetsKey: offsetsVersion, endKey: endVersion}
	for _, k := range of.ApiKeys {
		if least, ok := need[k.ApiKey]; ok && k.MaxVersion >= least {
			delete(need, k.ApiKey)
		}
	}
	for _, f := range of.FinalizedFeatures {
		if f.Name == "transaction.version" && f.MaxVersionLevel >= 2 {
			return len(need) == 0
		}
	}
	return false
}

// Add collects a record for the transaction, which must fit.
func (p *Producer) Add(topic int, partition int32, key, value []byte, headers []Header, now int64) {
	p.filling.add(p.filling.at(topic, partition), key, value, headers, now)
}

// Fits tells whether a record can be added before Send is called.
func (p *Producer) Fits(topic int, partition int32, key, value []byte, headers []Header) bool {
	return p.filling.at(topic, partition).fits(Size(key, value, headers), p.BatchBytes)
}

// Bytes is how much was collected since Send.
func (p *Producer) Bytes() int { return p.filling.bytes }

// Send sends what was collected on its way. While too much is under way already it waits, and calls wait every now and then.
func (p *Producer) Send(ctx context.Context, wait func()) error {
	if len(p.filling.batches) == 0 {
		return p.failure()
	}
	var next *parcel
	for ticker := (<-chan time.Time)(nil); next == nil; {
		select {
		case next = <-p.free:
		default:
			if ticker == nil {
				t := time.NewTicker(10 * time.Millisecond)
				defer t.Stop()
				ticker = t.C
			}
			select {
			case next = <-p.free:
			case <-p.broken:
				return p.failure()
			case <-ctx.Done():
				return ctx.Err()
			case <-ticker:
				wait()
			}
		}
	}
	p.touched = true
	p.posted++
	p.post <- p.filling // which has room for all that there are
	p.filling = next
	return p.failure()
}

// Ahead collects a record for the next transaction, while this one is committed.
func (p *Producer) Ahead(topic int, partition int32, key, value []byte, headers []Header, now int64) {
	p.ahead.add(p.ahead.at(topic, partition), key, value, headers, now)
}

// AheadBytes is how much was collected for the next transaction.
func (p *Producer) AheadBytes() int { return p.ahead.bytes }

// Release makes what was collected ahead the beginning of the transaction. Nothing else is collected yet.
func (p *Producer) Release() { p.filling, p.ahead = p.ahead, p.filling }

// courier takes parcels to the brokers, one after the other, so that their records keep their order.
func (p *Producer) courier() {
	defer close(p.done)
	for {
		select {
		case <-p.ctx.Done():
			return
		case it := <-p.post:
			if p.failed.Load() == nil {
				if err := p.deliver(p.ctx, it); err != nil {
					p.fail(err)
				}
			}
			it.empty()
			p.free <- it
			p.arrived.Add(1)
			select {
			case p.arrival <- struct{}{}:
			default:
			}
		}
	}
}

func (p *Producer) fail(err error) {
	p.once.Do(func() {
		p.failed.Store(&err)
		close(p.broken)
	})
}

func (p *Producer) failure() error {
	if err := p.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Offset is from where on a group reads a partition, with a note.
type Offset struct {
	Topic     string
	Partition int32
	Offset    int64
	Note      string
}

// Commit makes the records and the offsets of the group visible at once. It answers how often the broker asked to wait for the end of
// the transaction before.
func (p *Producer) Commit(ctx context.Context, offsets []Offset) (refused int, err error) {
	if err := p.Send(ctx, func() {}); err != nil {
		return 0, err
	}
	p.touched = true
	if refused, err = p.sendOffsets(ctx, offsets); err != nil {
		return refused, err
	}
	for p.arrived.Load() < p.posted {
		select {
		case <-p.arrival:
		case <-p.broken:
			return refused, p.failure()
		case <-ctx.Done():
			return refused, fmt.Errorf("records are not acknowledged: %w: %w", ErrTime, ctx.Err())
		}
	}
	if err := p.failure(); err != nil {
		return refused, err
	}
	return refused, p.finish(ctx, true)
}

// Abort gives the transaction up, as well as it can.
func (p *Producer) Abort(ctx context.Context) error {
	p.fail(errors.New("the transaction was aborted"))
	p.end()
	if !p.touched {
		return nil
	}
	return p.finish(ctx, false)
}

// Close ends what is under way.
func (p *Producer) Close() {
	p.fail(errors.New("the producer was closed"))
	p.end()
	<-p.done
	p.client.Close()
	p.links.close()
}
