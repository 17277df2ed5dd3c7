package evaluate

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
)

// Tables gives the numbers behind the pictures: CSV files for people and notebooks, and report.json with the whole report
// (and the champion's and their comparison, when there is one). Floating-point numbers read back to the same bits.
func (s Study) Tables() ([]File, error) {
	c := s.Model.Curves
	tables := []table{
		{"roc_curve.csv", []string{"threshold", "false_positive_rate", "true_positive_rate"}, len(c.ROC), func(i int) []string {
			return numbers(c.ROC[i].Threshold, c.ROC[i].FalsePositiveRate, c.ROC[i].TruePositiveRate)
		}},
		{"precision_recall_curve.csv", []string{"threshold", "precision", "recall"}, len(c.PrecisionRecall), func(i int) []string {
			return numbers(c.PrecisionRecall[i].Threshold, c.PrecisionRecall[i].Precision, c.PrecisionRecall[i].Recall)
		}},
		{"calibration_curve.csv", calibrationHeader(), len(c.Calibration), func(i int) []string { return numbers(c.Calibration[i].row()...) }},
		{"calibration_by_weight.csv", calibrationHeader(), len(s.Model.Report.Calibration), func(i int) []string { return numbers(s.Model.Report.Calibration[i].row()...) }},
		{"score_histogram.csv", []string{"low", "high", "positive_rows", "negative_rows"}, len(c.Histogram), func(i int) []string {
			b := c.Histogram[i]
			return numbers(b.Low, b.High, float64(b.Positives), float64(b.Negatives))
		}},
		{"loss_curve.csv", []string{"member", "epoch", "train_loss", "validation_loss", "best"}, len(s.Loss), func(i int) []string {
			at := s.Loss[i]
			return numbers(float64(at.Member), float64(at.Epoch), at.Train, at.Validation, float64(class(at.Best)))
		}},
	}
	report, err := s.reportJSON()
	if err != nil {
		return nil, err
	}
	files := []File{{Name: "report.json", Data: report}}
	for _, t := range append(tables, s.findings()...) {
		if t.rows == 0 {
			continue
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		if err := w.Write(t.header); err != nil {
			return nil, fmt.Errorf("make table %s: %w", t.name, err)
		}
		for i := range t.rows {
			if err := w.Write(t.row(i)); err != nil {
				return nil, fmt.Errorf("make table %s: %w", t.name, err)
			}
		}
		if w.Flush(); w.Error() != nil {
			return nil, fmt.Errorf("make table %s: %w", t.name, w.Error())
		}
		files = append(files, File{Name: t.name, Data: b.Bytes()})
	}
	return files, nil
}

// table is a CSV file to be.
type table struct {
	name   string
	header []string
	rows   int
	row    func(i int) []string
}

func numbers(values ...float64) []string {
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = strconv.FormatFloat(v, 'g', -1, 64)
	}
	return cells
}

func calibrationHeader() []string {
	return []string{"low", "high", "rows", "positive_rows", "weight", "predicted", "observed", "observed_low", "observed_high"}
}

func (b CalibrationBin) row() []float64 {
	return []float64{b.Low, b.High, float64(b.Rows), float64(b.Positives), b.Weight, b.Predicted, b.Observed, b.ObservedLow, b.ObservedHigh}
}

func (s Study) reportJSON() ([]byte, error) {
	type named struct {
		Name   string `json:"name"`
		Report Report `json:"report"`
	}
	document := struct {
		Subject    string       `json:"subject"`
		Model      named        `json:"model"`
		Champion   *named       `json:"champion,omitempty"`
		Comparison []Difference `json:"comparison,omitempty"`
		Baseline   *named       `json:"baseline,omitempty"`

		Uncertainty *Uncertainty `json:"uncertainty,omitempty"`
		Advantages  []Advantage  `json:"advantages,omitempty"`
		Slices      []Slice      `json:"slices,omitempty"`
		Costs       []Cost       `json:"costs,omitempty"`
		Importance  []Importance `json:"importance,omitempty"`
	}{Subject: s.Subject, Model: named{s.Model.Name, s.Model.Report}, Uncertainty: s.Uncertainty, Advantages: s.Advantages,
		Slices: s.Slices, Costs: s.Costs, Importance: s.Importance}
	if s.Baseline != nil {
		document.Baseline = &named{s.Baseline.Name, s.Baseline.Report}
	}
	if s.Champion != nil {
		document.Champion = &named{s.Champion.Name, s.Champion.Report}
		document.Comparison = Compare(s.Model.Report, s.Champion.Report)
	}
	data, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("make report.json: %w", err)
	}
	return append(data, '\n'), nil
}
