package evaluate

import (
	"fmt"
	"slices"
)

// Result is one model on one set of rows: its report and the curves behind the pictures.
type Result struct {
	Name   string // as legends show it, such as "version 7"
	Report Report
	Curves Curves
	Scores Scores
}

// NewResult measures scores at a threshold.
func NewResult(name string, s Scores, threshold float64) (Result, error) {
	report, err := NewReport(s, threshold)
	if err != nil {
		return Result{}, err
	}
	curves, err := NewCurves(s)
	if err != nil {
		return Result{}, err
	}
	return Result{Name: name, Report: report, Curves: curves, Scores: s}, nil
}

// LossPoint is one epoch of training.
type LossPoint struct {
	Member     int     `json:"member"` // of an ensemble, from 0
	Epoch      int     `json:"epoch"`  // from 1
	Train      float64 `json:"train_loss"`
	Validation float64 `json:"validation_loss"`
	Best       bool    `json:"best"` // the epoch whose weights the member keeps
}

// Study is everything that pictures and tables about a newly trained model show.
type Study struct {
	Subject  string  // the second line of every picture: which model, which rows
	Model    Result  // the new model
	Champion *Result // the model in use, on the same rows; nil when there is none
	Loss     []LossPoint
	Trained  string  // the second line of the loss picture, whose rows are others; default Subject
	Baseline *Result // a plain model on the same rows; nil when there is none

	// What else was found out on the rows of Model, but Importance, which is of validation rows. Each may be left out.
	Uncertainty *Uncertainty
	Advantages  []Advantage // over the champion and the baseline
	Slices      []Slice
	Costs       []Cost
	Importance  []Importance
	Parts       []Part

	Positive string // what a positive is called; default "positive"
	Negative string // default "negative"
}

// What slices are by.
const (
	ByKind   = "kind"
	ByAmount = "amount"
	ByDay    = "day"
)

// Part is what a part of the data holds, for the page.
type Part struct {
	Name            string
	Rows, Positives int64
	From, To        string
}

// File is a picture or a table, ready to be stored under its name.
type File struct {
	Name string
	Data []byte
}

// Pictures draws all pictures as PNG files of 900 x 650 pixels, named as MLflow's own evaluator names them where it has
// the same. Those of which the study has nothing are left out.
func (s Study) Pictures() ([]File, error) {
	s = s.withDefaults()
	pictures := []struct {
		name string
		draw func() ([]byte, error)
	}{
		{"roc_curve_plot.png", s.drawROC},
		{"precision_recall_curve_plot.png", s.drawPrecisionRecall},
		{"calibration_curve_plot.png", s.drawCalibration},
		{"score_histogram.png", s.drawHistogram},
		{"confusion_matrix.png", s.drawConfusion},
		{"loss_curve.png", s.drawLoss},
		{"cost_curve.png", s.drawCosts},
		{"days.png", s.drawDays},
		{"feature_importance.png", s.drawImportance},
	}
	without := map[string]bool{
		"loss_curve.png": len(s.Loss) == 0, "cost_curve.png": len(s.Costs) == 0, "feature_importance.png": len(s.Importance) == 0,
		"days.png": !slices.ContainsFunc(s.Slices, func(it Slice) bool { return it.By == ByDay }),
	}
	var files []File
	for _, p := range pictures {
		if without[p.name] {
			continue
		}
		data, err := p.draw()
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", p.name, err)
		}
		files = append(files, File{Name: p.name, Data: data})
	}
	return files, nil
}

func (s Study) withDefaults() Study {
	if s.Positive == "" {
		s.Positive = "positive"
	}
	if s.Negative == "" {
		s.Negative = "negative"
	}
	if s.Trained == "" {
		s.Trained = s.Subject
	}
	return s
}

// series is a result as the pictures with two models draw it.
type series struct {
	Result
	champion bool
}

// series lists the champion first, so that the new model is drawn over it.
func (s Study) series() []series {
	if s.Champion == nil {
		return []series{{Result: s.Model}}
	}
	return []series{{Result: *s.Champion, champion: true}, {Result: s.Model}}
}
