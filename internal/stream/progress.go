package stream

import "time"

// Checkpoint is where a loop stood after its last commit. Kafka's committed offsets are
// the truth; this is their copy for people and for audits.
type Checkpoint struct {
	Partitions []Position `json:"partitions"`
	Counts
}

// Position is the next offset of a partition: everything before it is committed.
type Position struct {
	Partition int32 `json:"partition"`
	Next      int64 `json:"next"` // -1: nothing is known, no session got as far
}

// Counts are totals of one Run. Only what was committed is counted.
type Counts struct {
	Records     int64 `json:"records"`
	Predictions int64 `json:"predictions"`
	DeadLetters int64 `json:"dead_letters"`
	Forwarded   int64 `json:"forwarded,omitempty"` // records and labels handed on to other stages
	Commits     int64 `json:"commits"`
	Aborts      int64 `json:"aborts"` // transactions given up, by this loop or by the broker
}

// State says what a loop is doing.
type State string

const (
	StateStarting   State = "starting"   // connecting, taking over from a predecessor
	StateRunning    State = "running"    // reading, or waiting for records
	StateRecovering State = "recovering" // Kafka failed; clients are being built anew
	StateDraining   State = "draining"   // asked to end, finishing the batch in hand
)

// Progress is how a loop is doing, for heartbeats and screens.
type Progress struct {
	State      State               `json:"state"`
	Partitions []PartitionProgress `json:"partitions"`
	Counts
	RecordsPerSecond float64   `json:"records_per_second"` // over the last seconds
	P50Millis        float64   `json:"p50_ms"`             // input timestamp to committed, over the last seconds
	P99Millis        float64   `json:"p99_ms"`
	Model            string    `json:"model"`
	ModelVersion     string    `json:"model_version"`
	Generation       int64     `json:"generation"` // of the orders in force
	Paused           bool      `json:"paused,omitempty"`
	Limit            float64   `json:"limit,omitempty"`      // records a second at most, 0: no limit
	Replay           int64     `json:"replay,omitempty"`     // offsets whose records are absorbed again before any is scored
	LastError        string    `json:"last_error,omitempty"` // stays after recovery, with its time
	LastErrorAt      time.Time `json:"last_error_at,omitzero"`
	LastCommit       time.Time `json:"last_commit,omitzero"`

	Faults    map[Fault]int64 `json:"faults,omitempty"`    // how often each kind has come since Run began
	Restarts  int64           `json:"restarts,omitempty"`  // sessions with Kafka that a fault has ended
	Stuck     string          `json:"stuck,omitempty"`     // records wait and none is scored, or results are kept from readers: why, and what to do
	BatchAge  time.Duration   `json:"batch_age,omitempty"` // how long the transaction in hand has been open
	Throttled time.Duration   `json:"throttled,omitempty"` // how long brokers hold answers back, at most

	TopicPartitions int `json:"topic_partitions,omitempty"` // that the input has, read by this loop or not; 0 unknown

	At time.Time `json:"at"`
}

// PartitionProgress is the position of one input partition. High and Lag come from the
// client's last fetch and cost no request; they are -1 until the first one.
type PartitionProgress struct {
	Partition int32 `json:"partition"`
	Next      int64 `json:"next"` // everything before it is committed; -1 unknown
	High      int64 `json:"high"` // the end of the log
	Lag       int64 `json:"lag"`
}
