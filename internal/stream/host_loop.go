package stream

import (
	"context"
	"sync"
	"time"
)

// hosted is one running loop. The fields below mu belong to the session of the moment.
type hosted struct {
	runner Runner
	wants  string
	stop   context.CancelFunc
	done   chan struct{} // closed after checkpoint and err are set
	end    struct {
		checkpoint Checkpoint
		err        error
	}

	mu       sync.Mutex
	last     Progress
	heard    time.Time // when the loop reported last
	session  *Session
	deadline *time.Timer
}

// report takes the loop's progress to the session of the moment.
func (l *hosted) report(p Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.heard = p, time.Now()
	if l.session == nil {
		return
	}
	select {
	case <-l.session.Updates: // nobody has read the one before
	default:
	}
	l.session.Updates <- p // report is the only writer, so there is room
}

// stillOwner asks whoever drives the loop. A loop without a driver owns nothing: its
// lease may have gone to another host meanwhile.
func (l *hosted) stillOwner(ctx context.Context) bool {
	l.mu.Lock()
	s := l.session
	l.mu.Unlock()
	if s == nil || s.owner == nil {
		return false
	}
	select {
	case <-s.detached:
		return false
	default:
		return s.owner(ctx)
	}
}

func (l *hosted) latest() Progress {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// final is the last progress with the positions and counts of the checkpoint. It must
// not be called before done is closed.
func (l *hosted) final() Progress {
	p := l.latest()
	p.Counts = l.end.checkpoint.Counts
	high := make(map[int32]int64, len(p.Partitions))
	for _, q := range p.Partitions {
		high[q.Partition] = q.High
	}
	p.Partitions = nil
	for _, q := range l.end.checkpoint.Partitions {
		h, known := high[q.Partition]
		if !known || h < 0 || q.Next < 0 {
			p.Partitions = append(p.Partitions, PartitionProgress{Partition: q.Partition, Next: q.Next, High: -1, Lag: -1})
			continue
		}
		p.Partitions = append(p.Partitions, PartitionProgress{Partition: q.Partition, Next: q.Next, High: h, Lag: max(0, h-q.Next)})
	}
	return p
}
