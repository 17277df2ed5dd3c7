package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
)

// journal remembers on disk which loops a worker of this slot runs, a file for each, whose
// modification time says when the loop was last known to live. It implements
// activities.Journal. A write that fails is a warning: without the journal a restart takes
// a second longer, that is all.
type journal struct {
	dir        string
	deployment string // another one's loops are not ours
	log        *slog.Logger

	mu sync.Mutex // orders and reports of one loop come from different goroutines
}

// journalEntry is a file of the journal.
type journalEntry struct {
	Format     int                `json:"format"`
	Deployment string             `json:"deployment"`
	Key        string             `json:"key"`
	Request    job.SegmentRequest `json:"request"`
}

const journalFormat = 1

// openJournal is the journal of a slot.
func openJournal(slots string, slot int, cfg config.Config, log *slog.Logger) *journal {
	return &journal{
		dir:        filepath.Join(slots, fmt.Sprintf("slot-%d.loops", slot)),
		deployment: fmt.Sprintf("%s/%s %s", cfg.Temporal.Address, cfg.Temporal.Namespace, cfg.Kafka.Brokers),
		log:        log,
	}
}

func (j *journal) file(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(j.dir, hex.EncodeToString(sum[:8])+".json")
}

// Keep writes a loop down.
func (j *journal) Keep(key string, req job.SegmentRequest) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.keep(key, req)
}

func (j *journal) keep(key string, req job.SegmentRequest) {
	if err := j.write(key, req); err != nil {
		j.log.Warn("cannot remember a loop; after a crash it starts a second later", "loop", key, "error", err)
	}
}

func (j *journal) write(key string, req job.SegmentRequest) error {
	data, err := json.Marshal(journalEntry{Format: journalFormat, Deployment: j.deployment, Key: key, Request: req})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return err
	}
	next := j.file(key) + ".next"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return err
	}
	return os.Rename(next, j.file(key)) // never half a file
}

// Change replaces the plan of a loop.
func (j *journal) Change(key string, plan job.StreamPlan) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e, err := j.read(j.file(key))
	if err != nil {
		return // it was never kept
	}
	e.Request.Plan = plan
	j.keep(key, e.Request)
}

// Alive says that a loop lives, and what it has committed.
func (j *journal) Alive(key string, stood []job.Position) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e, err := j.read(j.file(key))
	if err != nil {
		return // Keep has said so, or the loop has ended
	}
	if len(stood) > 0 {
		e.Request.Stood = stood
	}
	j.keep(key, e.Request)
}

// Drop forgets a loop.
func (j *journal) Drop(key string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = os.Remove(j.file(key))
}

func (j *journal) read(file string) (journalEntry, error) {
	var e journalEntry
	data, err := os.ReadFile(file)
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return e, err
	}
	if e.Format != journalFormat || e.Deployment != j.deployment {
		return e, fmt.Errorf("of another format or deployment")
	}
	return e, nil
}

// freshness is how old the last sign of life of a loop may be for it to be resumed. It must
// be less than the 5 s after which the workflow gives up on a worker that does not pick a
// Drain up: so a stream that was stopped, or a shard that was moved, cannot be resumed.
const freshness = 3 * time.Second

// recent takes the loops that lived until a moment ago out of the journal.
func (j *journal) recent(now time.Time) []job.SegmentRequest {
	files, err := filepath.Glob(filepath.Join(j.dir, "*.json"))
	if err != nil {
		return nil
	}
	var requests []job.SegmentRequest
	for _, file := range files {
		e, err := j.read(file)
		info, bad := os.Stat(file)
		_ = os.Remove(file) // whatever it is, it is not a loop of this process yet
		if err == nil && bad == nil && now.Sub(info.ModTime()).Abs() < freshness {
			requests = append(requests, e.Request)
		}
	}
	return requests
}
