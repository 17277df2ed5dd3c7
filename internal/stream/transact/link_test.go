package transact

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// said is a connection over which these bytes come.
type said struct {
	net.Conn
	*bytes.Reader
}

func (s *said) Read(p []byte) (int, error)  { return s.Reader.Read(p) }
func (s *said) Write(p []byte) (int, error) { return len(p), nil }

// answering is a frame as a broker sends it.
func answering(number int32, body []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(body)+5))
	out = binary.BigEndian.AppendUint32(out, uint32(number))
	return append(append(out, 0), body...) // without tags
}

func FuzzAnswers(f *testing.F) {
	end := kmsg.NewEndTxnResponse()
	end.Version, end.ProducerID, end.ProducerEpoch = endVersion, 7, 3
	produced := kmsg.NewProduceResponse()
	produced.Version, produced.Topics = produceVersion, []kmsg.ProduceResponseTopic{{Topic: "t", Partitions: []kmsg.ProduceResponseTopicPartition{{Partition: 1}}}}
	for _, whole := range [][]byte{answering(1, end.AppendTo(nil)), answering(1, produced.AppendTo(nil)), answering(2, nil), {}, {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1}} {
		f.Add(whole)
		f.Add(whole[:len(whole)/2])
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, req := range []kmsg.Request{
			&kmsg.EndTxnRequest{Version: endVersion}, &kmsg.ProduceRequest{Version: produceVersion},
			&kmsg.TxnOffsetCommitRequest{Version: offsetsVersion}, &kmsg.InitProducerIDRequest{Version: claimVersion},
			&kmsg.SASLAuthenticateRequest{Version: 1},
		} {
			conn := &said{Reader: bytes.NewReader(raw)}
			c := &link{conn: conn, read: bufio.NewReader(conn)}
			if answer, err := c.ask(kmsg.NewRequestFormatter(), req); (answer == nil) == (err == nil) {
				t.Errorf("%v and %v", answer, err)
			}
		}
	})
}

// TestConnectionsAreEncrypted asks a broker by its name and by another one, with its certificate and without.
func TestConnectionsAreEncrypted(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate()) // of 127.0.0.1 and example.com
	host, port := peer(t, func(c net.Conn) {
		c = tls.Server(c, &tls.Config{Certificates: server.TLS.Certificates})
		defer c.Close()
		if _, err := c.Read(make([]byte, 1000)); err == nil {
			resp := kmsg.NewEndTxnResponse()
			resp.Version = endVersion
			c.Write(answering(1, resp.AppendTo(nil)))
		}
	})
	for what, c := range map[string]struct {
		host string
		by   *tls.Config
		ok   bool
	}{
		"as it is":           {host, &tls.Config{RootCAs: roots}, true},
		"by another name":    {"localhost", &tls.Config{RootCAs: roots}, false},
		"of an unknown root": {host, &tls.Config{}, false},
		"not at all":         {host, nil, false},
	} {
		l := newLinks(Reach{TLS: c.by})
		l.at(1, c.host, port)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if _, err := l.ask(ctx, 1, &kmsg.EndTxnRequest{Version: endVersion}); (err == nil) != c.ok {
			t.Errorf("%s: %v", what, err)
		}
		cancel()
		l.close()
	}
}

// peer listens, and gives each connection to serve.
func peer(t *testing.T, serve func(net.Conn)) (host string, port int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	host, text, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return host, int32(n)
}

// TestLateAnswerIsNeverTakenForAnother ends a question before its answer is there, and asks another one.
func TestLateAnswerIsNeverTakenForAnother(t *testing.T) {
	host, port := peer(t, func(c net.Conn) {
		defer c.Close()
		for {
			var head [4]byte
			if _, err := io.ReadFull(c, head[:]); err != nil {
				return
			}
			body := make([]byte, binary.BigEndian.Uint32(head[:]))
			if _, err := io.ReadFull(c, body); err != nil {
				return
			}
			var req kmsg.EndTxnRequest
			req.Version = endVersion
			if err := req.ReadFrom(body[8+2+1:]); err != nil { // behind a client id of no letters, and no tags
				t.Error(err)
			}
			time.Sleep(time.Duration(req.ProducerID) * time.Millisecond)
			resp := kmsg.NewEndTxnResponse()
			resp.Version, resp.ProducerID = endVersion, req.ProducerID
			c.Write(answering(int32(binary.BigEndian.Uint32(body[4:])), resp.AppendTo(nil)))
		}
	})
	l := newLinks(Reach{})
	defer l.close()
	ask := func(within time.Duration, id int64) (kmsg.Response, error) {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		return l.ask(ctx, 1, &kmsg.EndTxnRequest{Version: endVersion, ProducerID: id})
	}
	if _, err := ask(time.Second, 1); err == nil {
		t.Error("it knows a broker of which nobody told")
	}
	l.at(1, host, port)
	for i := range int64(5) {
		if answer, err := ask(50*time.Millisecond, 200); err == nil {
			t.Errorf("%v came before its time", answer)
		}
		answer, err := ask(5*time.Second, i)
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.(*kmsg.EndTxnResponse).ProducerID; got != i {
			t.Errorf("question %d has the answer to %d", i, got)
		}
	}
}

// TestBrokerThatHasMovedIsAskedWhereItIs asks a broker that was said to be elsewhere since.
func TestBrokerThatHasMovedIsAskedWhereItIs(t *testing.T) {
	serve := func(id int64) func(net.Conn) {
		return func(c net.Conn) {
			in := make([]byte, 1000)
			for n := int32(1); ; n++ {
				if _, err := c.Read(in); err != nil {
					return
				}
				resp := kmsg.NewEndTxnResponse()
				resp.Version, resp.ProducerID = endVersion, id
				c.Write(answering(n, resp.AppendTo(nil)))
			}
		}
	}
	l := newLinks(Reach{})
	defer l.close()
	for id := range int64(2) {
		host, port := peer(t, serve(id))
		l.at(1, host, port)
		for range 3 {
			answer, err := l.ask(t.Context(), 1, &kmsg.EndTxnRequest{Version: endVersion})
			if err != nil || answer.(*kmsg.EndTxnResponse).ProducerID != id {
				t.Errorf("%v, %v, want producer %d", answer, err, id)
			}
		}
	}
	if n := len(l.idle[1]); n != 1 {
		t.Errorf("%d connections are kept, want 1", n)
	}
	l.close()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("over"))
	if _, err := l.ask(ctx, 1, &kmsg.EndTxnRequest{Version: endVersion}); err == nil {
		t.Error("it asks after its end")
	}
}
