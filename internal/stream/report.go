package stream

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// committed takes a transaction into the books, once it stands.
func (l *Loop) committed(now time.Time, next []int64, txn Counts, stamps []int64) {
	copy(l.next, next)
	copy(l.stood, next)
	l.counts.Records += txn.Records
	l.counts.Predictions += txn.Predictions
	l.counts.DeadLetters += txn.DeadLetters
	l.counts.Forwarded += txn.Forwarded
	l.counts.Commits++
	l.commits = now
	l.health.idle, l.health.stuck = 0, ""
	l.meter.add(now, stamps)
	if l.History != nil {
		l.History.Committed(l.Partitions, next)
	}
}

// failed takes the end of a session into the books.
func (l *Loop) failed(err error) {
	fault, _ := l.suffer(err, l.Now())
	l.health.restarts++
	var large *errTooLarge
	if errors.As(err, &large) {
		l.limits.recordBytes = smaller(l.limits.recordBytes, large.size)
		l.Logger.Warn("record refused as too large; larger ones are cut from now on",
			slog.Any("error", err), slog.Int("limit", l.limits.recordBytes),
			slog.String("fault", string(fault)), slog.String("do", fault.advice(l.Kafka)))
		return
	}
	level := slog.LevelWarn
	if fault == FaultOffsetLost || fault == FaultBehind || fault == FaultStuck || fault == FaultHistoryLost {
		level = slog.LevelError
	}
	l.Logger.Log(context.Background(), level, "stream interrupted",
		slog.Any("error", err), slog.String("fault", string(fault)), slog.String("do", fault.advice(l.Kafka)))
}

// smaller is the next limit to try after a record of size was refused under limit.
func smaller(limit, size int) int {
	if limit == 0 || size > 0 && size < limit {
		limit = size
	}
	return max(limit/2, smallestLimit)
}

// smallestLimit leaves room for coordinates and a beginning. No broker is set below it.
const smallestLimit = 4 << 10

// note takes trouble that the client mends by itself: shown, never acted on. It may be
// called from any goroutine.
func (l *Loop) note(err error) {
	select {
	case l.trouble <- err:
	default: // the loop has not yet read what came before, which says the same
	}
}

// publish calls Progress, if it is due.
func (l *Loop) publish(now bool) {
	at := l.Now()
	if !now && elapsed(l.told, at) < l.ProgressInterval {
		return
	}
	l.told = at
	l.readNotes(at)
	l.Progress(l.progress(at))
}

// warnEvery keeps a broker that is away from filling the log: one line a minute for each
// kind of trouble. Progress always has the newest.
const warnEvery = time.Minute

func (l *Loop) readNotes(at time.Time) {
	for {
		select {
		case err := <-l.trouble:
			if fault, log := l.suffer(err, at); log {
				l.Logger.Warn("kafka client reports",
					slog.Any("error", err), slog.String("fault", string(fault)), slog.String("do", fault.advice(l.Kafka)))
			}
		default:
			return
		}
	}
}

func (l *Loop) progress(at time.Time) Progress {
	p := Progress{
		State: l.state, Counts: l.counts, Model: l.orders.Model, ModelVersion: l.orders.ModelVersion,
		Generation: l.orders.Generation, Paused: l.orders.Paused, Limit: l.orders.PerSecond,
		LastCommit: l.commits, At: at, Partitions: make([]PartitionProgress, len(l.Partitions)),
	}
	l.wellbeing(&p, at)
	p.RecordsPerSecond, p.P50Millis, p.P99Millis = l.meter.read(at)
	for i, n := range l.Partitions {
		q := PartitionProgress{Partition: n, Next: l.next[i], High: l.ends[i], Lag: -1}
		if q.High >= 0 && q.Next >= 0 {
			q.Lag = max(0, q.High-q.Next)
		}
		p.Partitions[i] = q
		if l.History != nil && l.memory.at[i] >= 0 {
			p.Replay += max(0, q.Next-l.memory.at[i])
		}
	}
	return p
}

func (l *Loop) checkpoint() Checkpoint {
	c := Checkpoint{Counts: l.counts, Partitions: make([]Position, len(l.Partitions))}
	for i, p := range l.Partitions {
		c.Partitions[i] = Position{Partition: p, Next: l.next[i]}
	}
	return c
}
