// Package job holds the plain messages that the starter, the workflows and the
// activities exchange through Temporal.
//
// Nothing here computes anything. No message carries a record, a feature or a
// prediction: histories hold references (object key and SHA-256), offsets, counts
// and decisions, so that a history stays readable and small however much data a
// job moves.
//
//	request := job.TrainRequest{Pipeline: "creditcard"}
//	client.ExecuteWorkflow(ctx, options, job.TrainWorkflow, request)
package job

import "time"

// Workflow types, as they are registered and as the Web UI shows them.
const (
	TrainWorkflow     = "Train"
	InferenceWorkflow = "Inference"
)

// Task queues. Training is kept apart from streaming so that a fit, which takes
// a core for minutes, never delays a lease. A worker also polls a queue of its own
// (see Lease.Queue), which is how a message reaches the process that runs a loop.
const (
	TrainQueue  = "train"
	StreamQueue = "stream"
)

// StreamTaskTimeout is the time that a worker has for one decision of Inference, whoever starts it. A decision takes milliseconds;
// the worker that had it in hand may have died, and until this is over nobody else gets it.
const StreamTaskTimeout = 3 * time.Second

// Names of the handlers that workflows answer to.
const (
	ProgressQuery = "progress" // Train: TrainProgress
	StatusQuery   = "status"   // Inference: InferenceStatus
	AttachUpdate  = "attach"   // Inference: AttachRequest -> InferenceStatus
	StopUpdate    = "stop"     // Inference: StopRequest -> StopReceipt
)

// Search attributes that both workflows set; devstack and docker-compose register them.
const (
	PipelineAttribute      = "Pipeline"
	ModelVersionAttribute  = "ModelVersion"
	DatasetDigestAttribute = "DatasetDigest"
	StreamStateAttribute   = "StreamState"
	DecisionAttribute      = "Decision"
)

// Error types that are final: Temporal does not retry an activity that fails with
// one, since the same input would fail again.
const (
	ErrTypeInvalid     = "Invalid"         // the input breaks a rule; the message says which and what to do
	ErrTypeNotFound    = "NotFound"        // something that was named does not exist
	ErrTypeNoChampion  = "NoChampion"      // no model holds the alias champion yet
	ErrTypeCorrupt     = "Corrupt"         // bytes differ from their digest
	ErrTypeFenced      = "Fenced"          // another owner holds the shard
	ErrTypeRestarted   = "WorkerRestarted" // the worker died, and lives again
	ErrTypeAbsent      = "Absent"          // the loop that was asked does not run there
	ErrTypeBusy        = "Busy"            // the stream cannot take orders at this moment; ask again
	ErrTypeOffsetLost  = "OffsetLost"      // the broker no longer has the committed offset: a person decides
	ErrTypeHistoryLost = "HistoryLost"     // neither snapshots nor the log tell what was before an offset: a person decides
)

// Object names bytes in the object store. Two objects with one digest are the
// same bytes, so a retried step that writes an object again changes nothing.
type Object struct {
	Key    string `json:"key"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"` // bytes
}

// CurrentDataset is the key in the object store of the pointer to the data set that was
// loaded last for a pipeline: a Dataset as JSON.
func CurrentDataset(pipeline string) string { return "datasets/" + pipeline + "/current.json" }

// InferenceWorkflowID is the id of the one workflow that runs a pipeline's stream.
// It is fixed so that a second start attaches to the first.
func InferenceWorkflowID(pipeline string) string { return "inference-" + pipeline }

// TrainWorkflowID names a training run by its pipeline and the moment it was asked for.
func TrainWorkflowID(pipeline string, at time.Time) string {
	return "train-" + pipeline + "-" + at.UTC().Format("20060102-150405.000")
}
