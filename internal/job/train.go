package job

import "time"

// Dataset names one loaded file of records: a Parquet object with its counts.
type Dataset struct {
	Name      string `json:"name"`      // e.g. creditcard
	Object    Object `json:"object"`    // the Parquet file
	URI       string `json:"uri"`       // s3://bucket/key, for people and for MLflow
	Source    string `json:"source"`    // the file it was loaded from, base name only
	Rows      int64  `json:"rows"`      // records
	Positives int64  `json:"positives"` // records whose label is the positive class
	Simulated bool   `json:"simulated"` // made by a generator; shown wherever the data set is named

	// NegativeWeight is how many negative records of the world one of this file stands for,
	// where only a sample of them was kept. 0: what the pipeline declares.
	NegativeWeight float64 `json:"negative_weight,omitempty"`
}

// TrainRequest asks for a model of a pipeline.
type TrainRequest struct {
	Pipeline string   `json:"pipeline"`
	Dataset  *Dataset `json:"dataset,omitempty"` // nil: the data set that was loaded last for the pipeline
	Seed     int64    `json:"seed,omitempty"`    // 0: the seed that the pipeline declares
	By       string   `json:"by,omitempty"`      // who asked, for the record
}

// Ingested is what Ingest found: a data set that satisfies the schema, and the
// pipeline definition that the rest of the run uses, stored with it.
type Ingested struct {
	Dataset    Dataset `json:"dataset"`
	Definition Object  `json:"definition"` // the pipeline's YAML, byte for byte
	Experiment string  `json:"experiment"` // MLflow experiment
	Gates      Gates   `json:"gates"`
}

// Gates are the pipeline's conditions for promotion.
type Gates struct {
	MinAveragePrecision float64 `json:"min_average_precision"`
	MinAUC              float64 `json:"min_auc"`
	MaxAPDrop           float64 `json:"max_ap_drop"`    // against the champion on the same rows
	MaxParityGap        float64 `json:"max_parity_gap"` // largest difference of two probabilities
	MinRowsPerSecond    float64 `json:"min_rows_per_second"`
}

// Part is one part of the data set after the split by time.
type Part struct {
	Matrix    Object  `json:"matrix"`           // features, labels and weights
	Parquet   Object  `json:"parquet,omitzero"` // the same, for other tools
	Rows      int64   `json:"rows"`
	Positives int64   `json:"positives"`
	From      float64 `json:"from"` // first and last value of the ordering column
	To        float64 `json:"to"`
}

// Engineered is the data set as features, split by time.
type Engineered struct {
	Spec       Object `json:"spec"` // the feature spec, which travels with the model
	Features   int    `json:"features"`
	Train      Part   `json:"train"`
	Validation Part   `json:"validation"`
	Test       Part   `json:"test"`
}

// FitRequest is what Fit needs besides the data.
type FitRequest struct {
	Ingested   Ingested   `json:"ingested"`
	Engineered Engineered `json:"engineered"`
	Seed       int64      `json:"seed"`       // 0: the pipeline's
	Checkpoint string     `json:"checkpoint"` // key in the object store under which progress is kept
}

// FitProgress is the heartbeat of Fit, once an epoch of one of the networks, which are trained side by side.
type FitProgress struct {
	Member         int     `json:"member"` // counted from 1
	Members        int     `json:"members"`
	Epoch          int     `json:"epoch"` // counted from 1
	Epochs         int     `json:"epochs"`
	Done           float64 `json:"done"` // share of all networks' epochs, 0 to 1
	TrainLoss      float64 `json:"train_loss"`
	ValidationLoss float64 `json:"validation_loss"`
	ValidationAP   float64 `json:"validation_ap"`
	RowsPerSecond  float64 `json:"rows_per_second"` // of this network
}

// Fitted is a trained model: an ONNX file and the losses that led to it.
type Fitted struct {
	Model     Object  `json:"model"`             // ONNX
	Curve     Object  `json:"curve"`             // losses per epoch, JSON
	Baseline  Object  `json:"baseline,omitzero"` // ONNX of a logistic regression on the same rows, to compare with
	Threshold float64 `json:"threshold"`
	Epochs    int     `json:"epochs"` // run in all, over all members
	Members   int     `json:"members"`
	Seed      int64   `json:"seed"`
}

// LogRequest is what Log records in MLflow.
type LogRequest struct {
	Ingested   Ingested   `json:"ingested"`
	Engineered Engineered `json:"engineered"`
	Fitted     Fitted     `json:"fitted"`
	Key        string     `json:"key"` // one MLflow run per key, however often Log is tried
	WorkflowID string     `json:"workflow_id"`
	RunID      string     `json:"run_id"`
	Started    time.Time  `json:"started"` // of the workflow: metrics keep it over retries
	By         string     `json:"by,omitempty"`
}

// Logged says where MLflow holds the model.
type Logged struct {
	ExperimentID string `json:"experiment_id"`
	RunID        string `json:"run_id"`
	ModelID      string `json:"model_id"`
	Model        string `json:"model"`   // registered model
	Version      string `json:"version"` // registered version
	RunURL       string `json:"run_url"`
	VersionURL   string `json:"version_url"`
}

// Quality is how a model does on a set of rows; weights are applied where the
// pipeline declares them.
type Quality struct {
	Version          string  `json:"version"`
	Rows             int64   `json:"rows"`
	Positives        int64   `json:"positives"`
	AUC              float64 `json:"auc"`
	AveragePrecision float64 `json:"average_precision"`
	Precision        float64 `json:"precision"` // at Threshold
	Recall           float64 `json:"recall"`
	Brier            float64 `json:"brier"`
	ECE              float64 `json:"ece"` // expected calibration error
	Threshold        float64 `json:"threshold"`
}

// ValidateRequest asks for the numbers that a promotion is decided on.
type ValidateRequest struct {
	Ingested   Ingested   `json:"ingested"`
	Engineered Engineered `json:"engineered"`
	Fitted     Fitted     `json:"fitted"`
	Logged     Logged     `json:"logged"`
}

// Validated holds numbers only. The workflow decides, so that the decision and its
// reason stand in the history.
type Validated struct {
	Candidate        Quality  `json:"candidate"`          // on the test part
	Champion         *Quality `json:"champion,omitempty"` // on the same rows; nil: there is none
	GapToTraining    float64  `json:"gap_to_training"`    // scorer against Gorgonia's forward pass
	GapToFile        float64  `json:"gap_to_file"`        // scorer against the exported file, node by node
	RowsPerSecond    float64  `json:"rows_per_second"`    // scorer, one core
	ChampionProblems string   `json:"champion_problems,omitempty"`

	// Stream is the rehearsal of a stream whose features have a history; nil: they look at one record alone.
	Stream *StreamParity `json:"stream,omitempty"`
}

// StreamParity compares what a stream says of rows with what training computes of them, bit for bit.
type StreamParity struct {
	Rows      int64 `json:"rows"`
	Different int64 `json:"different"` // in a feature or the probability, or without a prediction
}

// Decision is the verdict of a training run.
type Decision struct {
	Promote bool     `json:"promote"`
	Reasons []string `json:"reasons"` // one sentence a gate that failed, or why it passed
}

// PromoteRequest moves the alias champion to Version, or records why not.
type PromoteRequest struct {
	Logged    Logged    `json:"logged"`
	Validated Validated `json:"validated"`
	Decision  Decision  `json:"decision"`
	By        string    `json:"by,omitempty"`
	At        time.Time `json:"at"`
}

// Promoted says what the aliases are now.
type Promoted struct {
	Champion string `json:"champion"`           // version
	Previous string `json:"previous,omitempty"` // version
}

// TrainResult is what a training run comes to.
type TrainResult struct {
	Pipeline  string     `json:"pipeline"`
	Dataset   Dataset    `json:"dataset"`
	Logged    Logged     `json:"logged"`
	Fitted    Fitted     `json:"fitted"`
	Validated Validated  `json:"validated"`
	Decision  Decision   `json:"decision"`
	Champion  string     `json:"champion"` // version that holds the alias now
	Parts     Engineered `json:"parts"`
}

// StepState is how far a step of a training run is.
type StepState string

const (
	StepWaiting StepState = "waiting"
	StepRunning StepState = "running"
	StepDone    StepState = "done"
	StepFailed  StepState = "failed"
)

// Step is one line of a training run's progress.
type Step struct {
	Name    string    `json:"name"`
	State   StepState `json:"state"`
	Detail  string    `json:"detail,omitempty"` // what it came to, in a few words
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
}

// TrainProgress answers ProgressQuery. The epochs of a running Fit are in that
// activity's heartbeat (FitProgress), not here: they never enter the history.
type TrainProgress struct {
	Steps  []Step       `json:"steps"`
	Result *TrainResult `json:"result,omitempty"`
}

// AbandonRequest closes the MLflow run of a training that did not finish.
type AbandonRequest struct {
	Experiment string `json:"experiment"`
	Key        string `json:"key"`
	Cancelled  bool   `json:"cancelled"`
	Reason     string `json:"reason"`

	At time.Time `json:"at"` // when it ended: a second try writes the same time
}
