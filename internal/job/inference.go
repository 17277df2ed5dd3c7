package job

import "time"

// InferenceRequest starts the stream of a pipeline.
type InferenceRequest struct {
	Pipeline string `json:"pipeline"`
	Model    string `json:"model,omitempty"` // alias or version; empty: champion
	Start    string `json:"start,omitempty"` // earliest, latest or RFC 3339; empty: the pipeline's; only where nothing is committed
	Shards   int    `json:"shards,omitempty"`
	Sink     string `json:"sink,omitempty"` // kafka or console; empty: the pipeline's
	By       string `json:"by,omitempty"`

	// Carried is the state that a run hands to its continuation; starters leave it nil.
	Carried *Carried `json:"carried,omitempty"`
}

// Carried is what an Inference run hands on when it continues as new.
type Carried struct {
	Plan     StreamPlan    `json:"plan"`
	Shards   []ShardStatus `json:"shards"`
	Started  time.Time     `json:"started"` // of the first run
	Runs     int           `json:"runs"`
	Segments int64         `json:"segments"`
	Workers  []Lease       `json:"workers,omitempty"`
	Stood    []Position    `json:"stood,omitempty"`

	Receipt *ControlReceipt `json:"receipt,omitempty"`
	Note    string          `json:"note,omitempty"`
}

// StreamPlan is what Discover found: what to read, with which model, to where.
type StreamPlan struct {
	Pipeline     string   `json:"pipeline"`
	Group        string   `json:"group"` // Kafka consumer group that holds the offsets
	Topic        string   `json:"topic"`
	Stages       []Stage  `json:"stages,omitempty"` // of a pipeline whose features have state; the first reads Topic
	Shards       []Shard  `json:"shards"`           // the division of the input's partitions, of every stage
	Output       string   `json:"output"`
	DeadLetters  string   `json:"dead_letters"`
	Sink         string   `json:"sink"`
	Start        string   `json:"start"`           // where partitions begin that have no committed offset
	Began        int      `json:"began,omitempty"` // how many partitions the topic had when it was read first, or last, if more were added: those begin with their first record
	Model        ModelRef `json:"model"`
	SegmentLasts Duration `json:"segment_lasts"`
	Orders       Orders   `json:"orders,omitzero"`
	Workers      []Lease  `json:"workers,omitempty"` // that were there when the plan was made
}

// ModelRef names a registered model that a stream scores with. The digests pin its
// files: whoever opens it gets these bytes or an error, whatever the registry says later.
type ModelRef struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	URL        string `json:"url,omitempty"`
	ONNX       string `json:"onnx_sha256,omitempty"`
	Definition string `json:"pipeline_sha256,omitempty"`
	Spec       string `json:"features_sha256,omitempty"`
}

// Shard is a set of input partitions of one stage that one loop owns. Stage and
// partitions, and nothing else, decide its transactional id.
type Shard struct {
	ID         int     `json:"id"` // no two of a plan have the same
	Stage      int     `json:"stage,omitempty"`
	Partitions []int32 `json:"partitions"`
}

// LeaseRequest asks for a worker that will run a shard.
type LeaseRequest struct {
	Pipeline string `json:"pipeline"`
	Shard    Shard  `json:"shard"`
}

// Lease is a worker's offer: segments of the shard go to its own task queue.
type Lease struct {
	Queue  string `json:"queue"`
	Worker string `json:"worker"` // identity, for people
}

// SegmentRequest runs one shard for a bounded time.
type SegmentRequest struct {
	Plan    StreamPlan `json:"plan"`
	Shard   Shard      `json:"shard"`
	Segment int64      `json:"segment"`         // number of the segment, for people
	Stood   []Position `json:"stood,omitempty"` // where the shard's partitions are known to have stood
	Lasts   Duration   `json:"lasts"`
}

// End says why a segment ended.
type End string

const (
	EndBudget   End = "budget"   // its time was up; the loop runs on and waits for the next segment
	EndDetached End = "detached" // asked to end early for a new history; the loop runs on
	EndStopped  End = "stopped"  // drained because the stream was stopped
	EndLeaving  End = "leaving"  // drained because the worker stops
	EndGrown    End = "grown"    // the topic has more partitions than the plan; the loop runs on
)

// Segment is the checkpoint that a segment returns: the truth that is also in
// Kafka's committed offsets, kept here for people and for audits.
type Segment struct {
	End      End      `json:"end"`
	Progress Progress `json:"progress"`
}

// Progress is how a shard is doing: the heartbeat of a running segment.
type Progress struct {
	Stage         int                 `json:"stage,omitempty"` // that the partitions are of
	Partitions    []PartitionProgress `json:"partitions"`
	Records       int64               `json:"records"` // since this loop started
	Predictions   int64               `json:"predictions"`
	DeadLetters   int64               `json:"dead_letters"`
	Forwarded     int64               `json:"forwarded,omitempty"` // records and labels handed on to other stages
	Replay        int64               `json:"replay,omitempty"`    // offsets whose records are read again, to know what was before
	Commits       int64               `json:"commits"`
	Aborts        int64               `json:"aborts"`
	RatePerSecond float64             `json:"rate_per_second"` // records, over the last seconds
	P50Millis     float64             `json:"p50_ms"`          // message timestamp to committed prediction
	P99Millis     float64             `json:"p99_ms"`
	Model         ModelRef            `json:"model"`
	Generation    int64               `json:"generation,omitempty"` // of the orders in force
	Paused        bool                `json:"paused,omitempty"`
	Limit         float64             `json:"limit,omitempty"`     // records a second at most, 0: no limit
	State         string              `json:"state,omitempty"`     // of the loop: starting, running, recovering, draining
	Stuck         string              `json:"stuck,omitempty"`     // why records wait and none is scored, or results are kept from readers, and what to do
	Throttled     bool                `json:"throttled,omitempty"` // brokers hold the loop back by a quota
	LastError     string              `json:"last_error,omitempty"`
	LastErrorAt   time.Time           `json:"last_error_at,omitzero"`
	LastCommit    time.Time           `json:"last_commit,omitzero"`
	At            time.Time           `json:"at"`

	TopicPartitions int `json:"topic_partitions,omitempty"` // that the topic has, read by this shard or not; 0 unknown
}

// PartitionProgress is the position of one input partition.
type PartitionProgress struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"` // next to be read: all before it is committed
	High      int64 `json:"high"`   // the broker's end of the log, -1 unknown
	Lag       int64 `json:"lag"`    // records between the two, -1 unknown
}

// ControlRequest asks the worker that runs a shard's loop to do something to it.
type ControlRequest struct {
	Pipeline string `json:"pipeline"`
	Shard    Shard  `json:"shard"`

	// Plan holds the orders to obey; nil where there are none to give.
	Plan *StreamPlan `json:"plan,omitempty"`
}

// ShardState is what the workflow knows of a shard.
type ShardState string

const (
	ShardLeasing ShardState = "leasing"
	ShardRunning ShardState = "running"
	ShardStopped ShardState = "stopped"
)

// ShardStatus is one shard in InferenceStatus.
type ShardStatus struct {
	Shard     Shard      `json:"shard"`
	State     ShardState `json:"state"`
	Lease     Lease      `json:"lease,omitzero"`
	Segment   int64      `json:"segment"`
	Last      Progress   `json:"last"` // from the last segment that ended; the running one's is its heartbeat
	LastError string     `json:"last_error,omitempty"`
	Since     time.Time  `json:"since,omitzero"`
	Failures  int        `json:"failures"` // segments in a row that ended with an error
}

// StreamState is the state of the whole stream.
type StreamState string

const (
	StreamStarting StreamState = "starting"
	StreamRunning  StreamState = "running"
	StreamStopping StreamState = "stopping"
	StreamStopped  StreamState = "stopped"
)

// InferenceStatus answers StatusQuery and AttachUpdate.
type InferenceStatus struct {
	State   StreamState     `json:"state"`
	Plan    StreamPlan      `json:"plan"`
	Shards  []ShardStatus   `json:"shards"`
	Started time.Time       `json:"started"`
	Runs    int             `json:"runs"`              // histories so far, by continue-as-new
	Workers []Lease         `json:"workers,omitempty"` // that have offered themselves and are not known to be gone
	Receipt *ControlReceipt `json:"receipt,omitempty"` // of the last order that every shard obeyed
	Note    string          `json:"note,omitempty"`
}

// AttachRequest joins a stream that may already run.
type AttachRequest struct {
	By string `json:"by,omitempty"`
}

// StopRequest ends a stream after it has drained.
type StopRequest struct {
	Reason string `json:"reason"`
	By     string `json:"by,omitempty"`
}

// StopReceipt says where each partition stood when the stream ended.
type StopReceipt struct {
	Shards []ShardStatus `json:"shards"`
}
