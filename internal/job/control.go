package job

import "time"

// Updates that change a running stream. Each is validated, stands in the history with who
// and why, and is answered with a receipt when every shard has obeyed.
const (
	SwapUpdate     = "swap"     // SwapRequest -> ControlReceipt
	PauseUpdate    = "pause"    // PauseRequest -> ControlReceipt
	ResumeUpdate   = "resume"   // PauseRequest -> ControlReceipt
	RateUpdate     = "rate"     // RateRequest -> ControlReceipt
	SeekUpdate     = "seek"     // SeekRequest -> ControlReceipt
	SnapshotUpdate = "snapshot" // SnapshotRequest -> ControlReceipt
	ScaleUpdate    = "scale"    // ScaleRequest -> ScaleReceipt
	WelcomeUpdate  = "welcome"  // Lease -> Welcome; sent by a worker when it starts
)

// SwapRequest changes the model that a stream scores with. Records before the receipt's
// offsets were scored by the model before, all others are scored by the new one.
type SwapRequest struct {
	Model  string `json:"model"` // alias or version
	Reason string `json:"reason"`
	By     string `json:"by,omitempty"`
}

// PauseRequest stops or resumes the reading of records. A paused loop keeps its partitions.
type PauseRequest struct {
	Reason string `json:"reason"`
	By     string `json:"by,omitempty"`
}

// RateRequest limits how many records the whole stream reads a second; 0 lifts the limit.
// Each shard gets the share of its partitions.
type RateRequest struct {
	PerSecond float64 `json:"per_second"`
	Reason    string  `json:"reason"`
	By        string  `json:"by,omitempty"`
}

// SeekRequest moves the committed offsets. Moved back, records are scored again, and their
// predictions appear again; moved on, records are never scored. So it needs a reason.
type SeekRequest struct {
	To        string     `json:"to,omitempty"`        // earliest, latest or RFC 3339, for every partition; or
	Positions []Position `json:"positions,omitempty"` // these partitions only
	Snapshot  *Object    `json:"snapshot,omitempty"`  // or: where a snapshot stood
	Reason    string     `json:"reason"`
	By        string     `json:"by,omitempty"`
}

// Position is the next offset of one partition of a stage's topic.
type Position struct {
	Stage     int   `json:"stage,omitempty"`
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
}

// SnapshotRequest writes down where the stream stands, as an object that Seek can return to.
type SnapshotRequest struct {
	Reason string `json:"reason"`
	By     string `json:"by,omitempty"`
}

// ScaleRequest divides the input's partitions anew. Shards whose partitions stay the same
// are not stopped.
type ScaleRequest struct {
	Shards int    `json:"shards"`
	Reason string `json:"reason"`
	By     string `json:"by,omitempty"`
}

// Orders are what the loops of a stream obey, besides their model. Generation grows with
// every change of them or of the model; a loop never goes back to a lower one. The
// generation in force is committed with the offsets, so that a receipt is exact even if
// the loop that obeyed has died since.
type Orders struct {
	Generation int64   `json:"generation"`
	Paused     bool    `json:"paused,omitempty"`
	PerSecond  float64 `json:"per_second,omitempty"` // of the whole stream; 0: no limit
	Seek       *Seek   `json:"seek,omitempty"`       // the last one; done by a loop unless the offsets say it was
}

// Seek is a decided SeekRequest.
type Seek struct {
	ID        string     `json:"id"` // the offsets that were committed by it name it, so that it is done once
	To        string     `json:"to,omitempty"`
	Positions []Position `json:"positions,omitempty"`
}

// ControlReceipt says what took effect, and from which offset of which partition on.
type ControlReceipt struct {
	What       string         `json:"what"` // swap, pause, resume, rate, seek, snapshot
	Generation int64          `json:"generation"`
	Model      ModelRef       `json:"model"`
	Shards     []ShardReceipt `json:"shards"`
	Snapshot   *Object        `json:"snapshot,omitempty"`
	Reason     string         `json:"reason"`
	By         string         `json:"by,omitempty"`
	At         time.Time      `json:"at"`
}

// ShardReceipt is one loop's answer.
type ShardReceipt struct {
	Shard      Shard              `json:"shard"`
	Worker     string             `json:"worker"`
	Generation int64              `json:"generation"`
	Partitions []PartitionReceipt `json:"partitions"`
	At         time.Time          `json:"at"`
}

// PartitionReceipt is where an order took effect.
type PartitionReceipt struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"` // the first that is read under the order
	Before    int64 `json:"before"` // the offset that was committed before the order; differs only if a seek moved it
	Next      int64 `json:"next"`   // all before it was committed when the loop answered
}

// ScaleReceipt says how the partitions are divided now.
type ScaleReceipt struct {
	Shards []Shard   `json:"shards"`
	Kept   []Shard   `json:"kept"`  // were not stopped
	Ended  []Shard   `json:"ended"` // drained and fenced; their partitions went to new shards
	Reason string    `json:"reason"`
	By     string    `json:"by,omitempty"`
	At     time.Time `json:"at"`
}

// Welcome answers a worker that has joined a stream.
type Welcome struct {
	Moved []Shard `json:"moved,omitempty"` // shards that come to the worker, so that all have about as many
}

// DivideRequest makes a division of a stream's partitions the only one that can commit.
type DivideRequest struct {
	Plan  StreamPlan `json:"plan"`            // with the new shards and the generation that they begin with
	Stood []Position `json:"stood,omitempty"` // where the partitions are known to have stood
}

// FindPositionsRequest asks where a seek leads.
type FindPositionsRequest struct {
	Plan StreamPlan  `json:"plan"`
	Seek SeekRequest `json:"seek"`
}

// FindModelRequest asks for a version by number or alias.
type FindModelRequest struct {
	Pipeline string `json:"pipeline"`
	Model    string `json:"model"`
}

// KeepSnapshotRequest writes a snapshot down.
type KeepSnapshotRequest struct {
	Snapshot Snapshot `json:"snapshot"`
}

// Snapshot is the object that SnapshotUpdate writes: JSON. State is added by pipelines
// that have any.
type Snapshot struct {
	Format    int        `json:"format"` // SnapshotFormat
	Pipeline  string     `json:"pipeline"`
	Topic     string     `json:"topic"`
	Group     string     `json:"group"`
	Model     ModelRef   `json:"model"`
	Orders    Orders     `json:"orders"`
	Positions []Position `json:"positions"` // all before them is committed
	Reason    string     `json:"reason"`
	By        string     `json:"by,omitempty"`
	At        time.Time  `json:"at"`
}

// SnapshotFormat is the format of Snapshot that this version writes. It reads all up to it.
const SnapshotFormat = 1
