package evaluate

// Metric is a named number, as a tracking server wants it.
type Metric struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// Metrics lists the report's numbers in the order in which a person should read them. All are weighted, except those
// with "rows" in their names. The names are stable, and those that MLflow's own evaluator logs are named as it names them.
func (r Report) Metrics() []Metric {
	return []Metric{
		{"average_precision", r.AveragePrecision},
		{"roc_auc", r.ROCAUC},
		{"precision", r.Precision},
		{"recall", r.Recall},
		{"f1_score", r.F1},
		{"threshold", r.Threshold},
		{"alert_rate", r.AlertRate},
		{"prevalence", r.Prevalence},
		{"brier_score", r.Brier},
		{"log_loss", r.LogLoss},
		{"expected_calibration_error", r.CalibrationError},
		{"true_positives", r.Confusion.TruePositiveWeight},
		{"false_positives", r.Confusion.FalsePositiveWeight},
		{"false_negatives", r.Confusion.FalseNegativeWeight},
		{"true_negatives", r.Confusion.TrueNegativeWeight},
		{"rows", float64(r.Rows)},
		{"positive_rows", float64(r.Positives)},
		{"accuracy", r.Accuracy},
	}
}

// Difference sets one metric of a new model beside the champion's.
type Difference struct {
	Metric   string  `json:"metric"`
	New      float64 `json:"new"`
	Champion float64 `json:"champion"`
	Change   float64 `json:"change"` // New - Champion
	Better   Verdict `json:"better"`
}

// Verdict says which of two models a metric favours.
type Verdict string

// The verdicts: equal means equal to the last bit.
const (
	NewIsBetter      Verdict = "new"
	ChampionIsBetter Verdict = "champion"
	Equal            Verdict = "equal"
)

// Compare sets two reports side by side, in the order of Metrics, leaving out what is not a merit of a model (counts,
// thresholds). It is only fair if both were made on the same rows and weights: that is for the caller to see to.
func Compare(fresh, champion Report) []Difference {
	rows := []struct {
		metric          string
		new, old        float64
		smallerIsBetter bool
	}{
		{"average_precision", fresh.AveragePrecision, champion.AveragePrecision, false},
		{"roc_auc", fresh.ROCAUC, champion.ROCAUC, false},
		{"precision", fresh.Precision, champion.Precision, false},
		{"recall", fresh.Recall, champion.Recall, false},
		{"f1_score", fresh.F1, champion.F1, false},
		{"brier_score", fresh.Brier, champion.Brier, true},
		{"log_loss", fresh.LogLoss, champion.LogLoss, true},
		{"expected_calibration_error", fresh.CalibrationError, champion.CalibrationError, true},
	}
	differences := make([]Difference, 0, len(rows))
	for _, r := range rows {
		d := Difference{Metric: r.metric, New: r.new, Champion: r.old, Change: r.new - r.old}
		switch {
		case r.new == r.old:
			d.Better = Equal
		case (r.new > r.old) != r.smallerIsBetter:
			d.Better = NewIsBetter
		default:
			d.Better = ChampionIsBetter
		}
		differences = append(differences, d)
	}
	return differences
}
