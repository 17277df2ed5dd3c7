package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/record"
)

// Records of a backlog wait for what was written elsewhere before them, once; those that come as they happen do not.
func TestBacklogWaitsOnceForWhatBelongsBesideIt(t *testing.T) {
	f := newFake([]int32{0})
	start := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	add := func(n int, age time.Duration) {
		for range n {
			f.add(record.Message{Offset: int64(len(f.records(0))), Key: []byte("k"), Value: []byte("1"), Timestamp: start.Add(-age).UnixMilli()})
		}
	}
	add(30, time.Hour)
	l, _, ctx := remembering(t, f, newShelf(0), 7)
	asked := 0
	l.Abreast = func(context.Context) error {
		asked++
		f.say("abreast?")
		return nil
	}
	stop := f.idle
	f.idle = func() {
		if len(f.records(0)) == 30 {
			add(5, time.Second)
			return
		}
		stop()
	}
	if _, err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	compare(t, f, expected(f, 0))
	if asked != 1 || strings.Index(f.transcript.String(), "abreast?") > strings.Index(f.transcript.String(), "send") {
		t.Errorf("it was asked %d times; want once, before anything was sent\n%s", asked, f.transcript.String())
	}
}

func TestBacklogGoesOnWithoutWhatDoesNotCome(t *testing.T) {
	f := newFake([]int32{0})
	for i := range 9 {
		f.add(record.Message{Offset: int64(i), Key: []byte("k"), Value: fmt.Append(nil, i), Timestamp: 1000})
	}
	l, _, ctx := remembering(t, f, newShelf(0), 4)
	l.Abreast = func(context.Context) error { return errors.New("nobody reads the labels") }
	if _, err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	compare(t, f, expected(f, 0))
}
