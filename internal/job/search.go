package job

import "time"

// SearchWorkflow looks for a better recipe: many trainings of one pipeline, each with numbers of its own.
const SearchWorkflow = "Search"

// SearchRequest asks for a search. What is varied stands in the pipeline's file.
type SearchRequest struct {
	Pipeline string   `json:"pipeline"`
	Dataset  *Dataset `json:"dataset,omitempty"` // nil: the data set that was loaded last for the pipeline
	Trials   int      `json:"trials,omitempty"`  // 0: what the pipeline declares
	Strategy string   `json:"strategy,omitempty"`
	Seed     int64    `json:"seed,omitempty"` // draws the trials; 0: the pipeline's
	By       string   `json:"by,omitempty"`
}

// SearchPlan is what a search will do: every trial with its numbers, and how the field is narrowed. It stands in the history,
// so that a search that goes on elsewhere goes on with the same trials.
type SearchPlan struct {
	Strategy string  `json:"strategy"`
	Trials   []Trial `json:"trials"`
	Rungs    []Rung  `json:"rungs"`
	Parallel int     `json:"parallel"` // trials side by side
}

// Trial is one recipe that is tried.
type Trial struct {
	Number int     `json:"number"` // from 1
	Values []Value `json:"values"`
}

// Value is one number that a trial sets, as the pipeline's file names the field.
type Value struct {
	Field string `json:"field"`
	Text  string `json:"text"` // as the file would write it
}

// Rung is one round of a search: so many of the best trials go on, with so many epochs each.
type Rung struct {
	Trials int `json:"trials"`
	Epochs int `json:"epochs"`
}

// PlanSearchRequest asks for a plan.
type PlanSearchRequest struct {
	Request  SearchRequest `json:"request"`
	Ingested Ingested      `json:"ingested"`

	// The parent run of MLflow is made with it.
	Key        string    `json:"key"`
	WorkflowID string    `json:"workflow_id"`
	RunID      string    `json:"run_id"`
	Started    time.Time `json:"started"`
}

// PlannedSearch is a plan and the MLflow run that its trials are children of.
type PlannedSearch struct {
	Plan         SearchPlan `json:"plan"`
	ExperimentID string     `json:"experiment_id"`
	RunID        string     `json:"run_id"`
	RunURL       string     `json:"run_url"`
}

// TryRequest asks for one trial at one rung.
type TryRequest struct {
	Ingested   Ingested   `json:"ingested"`
	Engineered Engineered `json:"engineered"`
	Trial      Trial      `json:"trial"`
	Rung       int        `json:"rung"` // from 0
	Epochs     int        `json:"epochs"`
	Parent     string     `json:"parent"`     // MLflow run
	Key        string     `json:"key"`        // of the child run: the same at every rung
	Checkpoint string     `json:"checkpoint"` // key in the object store under which progress is kept
	WorkflowID string     `json:"workflow_id"`
	Started    time.Time  `json:"started"`
}

// Tried is how a trial did.
type Tried struct {
	Trial            Trial   `json:"trial"`
	Rung             int     `json:"rung"`
	Epochs           int     `json:"epochs"`
	AveragePrecision float64 `json:"average_precision"` // on the validation part, with the networks averaged
	AUC              float64 `json:"auc"`
	RunID            string  `json:"run_id"`           // MLflow's child run
	Failed           string  `json:"failed,omitempty"` // why its numbers make no model; the search goes on without it
}

// SearchResult is what a search found.
type SearchResult struct {
	Pipeline string     `json:"pipeline"`
	Plan     SearchPlan `json:"plan"`
	Tried    []Tried    `json:"tried"` // every trial at its last rung, the best first
	Best     Tried      `json:"best"`
	RunID    string     `json:"run_id"`
	RunURL   string     `json:"run_url"`
}

// SearchProgress answers ProgressQuery of a search.
type SearchProgress struct {
	Plan    SearchPlan    `json:"plan"`
	Rung    int           `json:"rung"` // from 0
	Running []int         `json:"running,omitempty"`
	Tried   []Tried       `json:"tried,omitempty"` // in the order in which they ended
	RunURL  string        `json:"run_url,omitempty"`
	Result  *SearchResult `json:"result,omitempty"`
}

// ConcludeRequest closes the parent run with the table of all trials; Failed says why where the search did not finish.
type ConcludeRequest struct {
	Experiment string       `json:"experiment"`
	Result     SearchResult `json:"result"`
	Key        string       `json:"key"`
	Failed     string       `json:"failed,omitempty"`
	Cancelled  bool         `json:"cancelled,omitempty"`
	At         time.Time    `json:"at"`
}

// SearchWorkflowID names a search as people read it in the Web UI.
func SearchWorkflowID(pipeline string, at time.Time) string {
	return "search-" + pipeline + "-" + at.UTC().Format("20060102-150405.000")
}
