package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"temporal-streaming/internal/stream"
	"temporal-streaming/pipelines"
)

// payments sends payments, keyed by their customers.
type payments struct {
	to *stream.Sender
	b  []byte
}

func (t *town) payments(ctx context.Context) (*payments, error) {
	d, err := pipelines.Load(t.pipeline)
	if err != nil {
		return nil, err
	}
	to, err := stream.NewSender(ctx, stream.SenderOptions{Kafka: t.kafka, Topic: d.Source.Topic, Linger: 4 * time.Millisecond})
	return &payments{to: to}, err
}

func (p *payments) send(ctx context.Context, id, at, customer, terminal, cents int64) error {
	b := append(p.b[:0], `{"TRANSACTION_ID":`...)
	b = strconv.AppendInt(b, id, 10)
	b = strconv.AppendInt(append(b, `,"TX_DATETIME":`...), at, 10)
	b = strconv.AppendInt(append(b, `,"CUSTOMER_ID":`...), customer, 10)
	b = strconv.AppendInt(append(b, `,"TERMINAL_ID":`...), terminal, 10)
	b = strconv.AppendInt(append(b, `,"TX_AMOUNT":`...), cents/100, 10)
	b = append(b, '.', byte('0'+cents/10%10), byte('0'+cents%10), '}')
	p.b = b
	return p.to.Send(ctx, strconv.AppendInt(nil, customer, 10), b)
}

func (p *payments) close(ctx context.Context) error {
	sent, err := p.to.Close(ctx)
	if err == nil && sent.Failed > 0 {
		err = errors.New("some payments were not acknowledged")
	}
	return err
}
