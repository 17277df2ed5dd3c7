package transact

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
)

// links are connections to brokers, each of which serves one request at a time: whoever asks writes it, and waits for the answer itself. Clients that
// are made for many askers hand requests and answers from one goroutine to the next. Where the processors are wanted by others, each of those may wait for
// one, and a commit is three requests.
type links struct {
	reach  Reach
	format *kmsg.RequestFormatter

	mu      sync.Mutex
	address map[int32]string
	idle    map[int32][]*link
	closed  bool
}

func newLinks(r Reach) *links {
	return &links{reach: r, format: kmsg.NewRequestFormatter(kmsg.FormatterClientID(r.ClientID)), address: map[int32]string{}, idle: map[int32][]*link{}}
}

// at notes where a broker can be reached.
func (l *links) at(broker int32, host string, port int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.address[broker] = net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// ask sends a request of a certain version, once.
func (l *links) ask(ctx context.Context, broker int32, req kmsg.Request) (kmsg.Response, error) {
	c, err := l.take(ctx, broker)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, c.give)
	answer, err := c.ask(l.format, req)
	if !stop() || err != nil { // what comes over it next may be the answer to this
		c.conn.Close()
		return answer, err
	}
	l.put(broker, c)
	return answer, nil
}

// take answers a connection that nobody uses, or a new one.
func (l *links) take(ctx context.Context, broker int32) (*link, error) {
	l.mu.Lock()
	address, known := l.address[broker]
	for free := l.idle[broker]; len(free) > 0; free = l.idle[broker] {
		c := free[len(free)-1]
		l.idle[broker] = free[:len(free)-1]
		if c.address == address && (c.until.IsZero() || time.Now().Before(c.until)) {
			l.mu.Unlock()
			return c, nil
		}
		c.conn.Close()
	}
	l.mu.Unlock()
	if !known {
		return nil, fmt.Errorf("nobody has said where broker %d is", broker)
	}
	conn, err := l.reach.dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &link{address: address, conn: conn, read: bufio.NewReader(conn)}
	stop := context.AfterFunc(ctx, c.give)
	if l.reach.SASL != nil {
		err = c.authenticate(ctx, l.format, l.reach.SASL)
	}
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

func (l *links) put(broker int32, c *link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		c.conn.Close()
		return
	}
	l.idle[broker] = append(l.idle[broker], c)
}

func (l *links) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, free := range l.idle {
		for _, c := range free {
			c.conn.Close()
		}
	}
	clear(l.idle)
}

// link is one connection.
type link struct {
	address string
	conn    net.Conn
	read    *bufio.Reader
	until   time.Time // credentials are good; zero: for ever
	asked   int32
	out, in []byte // reused
}

// give ends what is under way.
func (c *link) give() { c.conn.SetDeadline(time.Unix(1, 0)) }

const (
	mostAnswer = 16 << 20 // bytes; those to what is asked here have some hundred
	mostKept   = 4 << 20  // for the next request
)

// ask sends a request, and reads the answer.
func (c *link) ask(format *kmsg.RequestFormatter, req kmsg.Request) (kmsg.Response, error) {
	c.asked++
	c.out = format.AppendRequest(c.out[:0], req, c.asked)
	if _, err := c.conn.Write(c.out); err != nil {
		return nil, err
	}
	if cap(c.out) > mostKept {
		c.out = nil
	}
	var head [8]byte
	if _, err := io.ReadFull(c.read, head[:]); err != nil {
		return nil, err
	}
	size, number := int64(binary.BigEndian.Uint32(head[:]))-4, int32(binary.BigEndian.Uint32(head[4:]))
	if size < 0 || size > mostAnswer || number != c.asked {
		return nil, fmt.Errorf("%s answers request %d with %d bytes for request %d: %w", c.address, c.asked, size, number, kerr.CorruptMessage)
	}
	if int64(cap(c.in)) < size {
		c.in = make([]byte, size)
	}
	c.in = c.in[:size]
	if _, err := io.ReadFull(c.read, c.in); err != nil {
		return nil, err
	}
	body := kbin.Reader{Src: c.in}
	if req.IsFlexible() {
		kmsg.SkipTags(&body)
	}
	answer := req.ResponseKind()
	if err := answer.ReadFrom(body.Src); err != nil {
		return nil, fmt.Errorf("%s answers what cannot be read: %w: %w", c.address, kerr.CorruptMessage, err)
	}
	return answer, nil
}

// authenticate proves who this is. The connection is given up before that has to be proved again.
func (c *link) authenticate(ctx context.Context, format *kmsg.RequestFormatter, by sasl.Mechanism) error {
	hello := kmsg.NewSASLHandshakeRequest()
	hello.Version, hello.Mechanism = 1, by.Name()
	answer, err := c.ask(format, &hello)
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(answer.(*kmsg.SASLHandshakeResponse).ErrorCode); err != nil {
		return err
	}
	session, message, err := by.Authenticate(ctx, c.address)
	if err != nil {
		return err
	}
	began, lifetime := time.Now(), int64(0)
	for done := false; !done || len(message) > 0; {
		req := kmsg.NewSASLAuthenticateRequest()
		req.Version, req.SASLAuthBytes = 1, message
		answer, err := c.ask(format, &req)
		if err != nil {
			return err
		}
		resp := answer.(*kmsg.SASLAuthenticateResponse)
		if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
			return err
		}
		lifetime = resp.SessionLifetimeMillis
		message = nil
		if !done {
			if done, message, err = session.Challenge(resp.SASLAuthBytes); err != nil {
				return err
			}
		}
	}
	if lifetime > 0 {
		c.until = began.Add(time.Duration(lifetime) * time.Millisecond * 4 / 5)
	}
	return nil
}
