package transact

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
)

// Reach is how brokers are reached.
type Reach struct {
	ClientID string
	Brokers  []string       // host:port of those to begin with
	TLS      *tls.Config    // nil: none
	SASL     sasl.Mechanism // nil: none

	Dial func(ctx context.Context, network, address string) (net.Conn, error) // nil: TCP
}

// Options are the same for package kgo.
func (r Reach) Options() []kgo.Opt {
	options := []kgo.Opt{kgo.SeedBrokers(r.Brokers...), kgo.Dialer(r.dial)}
	if r.ClientID != "" {
		options = append(options, kgo.ClientID(r.ClientID))
	}
	if r.SASL != nil {
		options = append(options, kgo.SASL(r.SASL))
	}
	return options
}

const dialTimeout = 10 * time.Second

func (r Reach) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dial := r.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, network, address)
	if err != nil || r.TLS == nil {
		return conn, err
	}
	trust := r.TLS.Clone()
	if trust.ServerName == "" {
		if trust.ServerName, _, err = net.SplitHostPort(address); err != nil {
			trust.ServerName = address
		}
	}
	secure := tls.Client(conn, trust)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}
