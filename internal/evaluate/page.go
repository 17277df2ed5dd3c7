package evaluate

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
)

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("page.html").Parse(pageSource))

// Page is the study on one page of HTML that needs nothing beside it: how good the model is, on which data, against whom, what a
// threshold costs, and where it fails. pictures are those of Pictures.
func (s Study) Page(title string, pictures []File) (File, error) {
	s = s.withDefaults()
	p := page{Title: title, Subject: s.Subject, Positive: s.Positive, Amounts: len(s.Costs) > 0 && s.Costs[len(s.Costs)-1].Amount > 0}
	p.compare(s)
	for _, it := range s.Parts {
		p.Parts = append(p.Parts, partLine{it.Name, thousands(int(it.Rows)), thousands(int(it.Positives)),
			percent(ratio(float64(it.Positives), float64(it.Rows))), it.From, it.To})
	}
	for _, c := range s.Costs {
		p.Costs = append(p.Costs, costLine{fmt.Sprintf("%.4f", c.Threshold), count(c.Alerts), count(c.FalseAlerts), percent(c.Recall),
			percent(c.Precision), percent(c.Amount), c.Chosen})
	}
	for _, by := range []string{ByKind, ByAmount, ByDay} {
		table := sliceTable{By: by}
		for _, it := range s.Slices {
			if it.By != by {
				continue
			}
			line := sliceLine{Name: it.Name, Rows: thousands(it.Rows), Positives: thousands(it.Positives), Caught: thousands(it.Caught),
				Recall: percent(it.Recall), False: thousands(it.False), Weak: it.weak(s.Model.Report.Recall)}
			if it.Positives == 0 {
				line.Recall = ""
			}
			if by == ByKind {
				line.False = "" // genuine rows have no kind
			}
			table.Slices = append(table.Slices, line)
		}
		if len(table.Slices) > 0 {
			p.Tables = append(p.Tables, table)
		}
	}
	for _, f := range pictures {
		source := "data:image/png;base64," + base64.StdEncoding.EncodeToString(f.Data)
		p.Pictures = append(p.Pictures, pictureOnPage{f.Name, template.URL(source)}) // #nosec: our own bytes
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return File{}, fmt.Errorf("make report.html: %w", err)
	}
	return File{Name: "report.html", Data: b.Bytes()}, nil
}

// weak says whether a slice's recall is surely below that of all: its interval lies below it.
func (s Slice) weak(all float64) bool {
	if s.Positives == 0 {
		return false
	}
	_, high := wilson(s.Recall, float64(s.Positives))
	return high < all
}

// page is what page.html shows, as text.
type page struct {
	Title, Subject, Positive string
	Models                   []string
	Quality                  []qualityLine
	Verdicts                 []string
	Sampling                 string
	Parts                    []partLine
	Costs                    []costLine
	Amounts                  bool
	Tables                   []sliceTable
	Pictures                 []pictureOnPage
}

type qualityLine struct {
	Name   string
	Values []string
}

type partLine struct{ Name, Rows, Positives, Share, From, To string }

type costLine struct {
	Threshold, Alerts, False, Recall, Precision, Amount string
	Own                                                 bool
}

type sliceTable struct {
	By     string
	Slices []sliceLine
}

type sliceLine struct {
	Name, Rows, Positives, Caught, Recall, False string
	Weak                                         bool
}

type pictureOnPage struct {
	Name   string
	Source template.URL
}

// compare sets the models side by side, the new one with its intervals.
func (p *page) compare(s Study) {
	results := []Result{s.Model}
	for _, other := range []*Result{s.Champion, s.Baseline} {
		if other != nil {
			results = append(results, *other)
		}
	}
	for _, r := range results {
		p.Models = append(p.Models, r.Name)
	}
	lines := []struct {
		name     string
		of       func(Report) float64
		interval func(Uncertainty) Interval
	}{
		{"average precision", func(r Report) float64 { return r.AveragePrecision }, func(u Uncertainty) Interval { return u.AveragePrecision }},
		{"AUC ROC", func(r Report) float64 { return r.ROCAUC }, func(u Uncertainty) Interval { return u.ROCAUC }},
		{"recall at the threshold", func(r Report) float64 { return r.Recall }, func(u Uncertainty) Interval { return u.Recall }},
		{"precision at the threshold", func(r Report) float64 { return r.Precision }, func(u Uncertainty) Interval { return u.Precision }},
		{"Brier score", func(r Report) float64 { return r.Brier }, nil},
		{"expected calibration error", func(r Report) float64 { return r.CalibrationError }, nil},
	}
	for _, line := range lines {
		q := qualityLine{Name: line.name}
		for i, r := range results {
			text := fmt.Sprintf("%.4g", line.of(r.Report))
			if line.interval != nil {
				text = fmt.Sprintf("%.3f", line.of(r.Report))
				if i == 0 && s.Uncertainty != nil {
					it := line.interval(*s.Uncertainty)
					text += fmt.Sprintf(" (%.3f to %.3f)", it.Low, it.High)
				}
			}
			q.Values = append(q.Values, text)
		}
		p.Quality = append(p.Quality, q)
	}
	for _, a := range s.Advantages {
		p.Verdicts = append(p.Verdicts, a.sentence())
	}
	if u := s.Uncertainty; u != nil {
		p.Sampling = fmt.Sprintf("Intervals hold 95 of 100 of %d resamples of %s groups of rows.", u.Samples, thousands(u.Groups))
	}
}

// sentence says what the advantage is, and whether it could be chance.
func (a Advantage) sentence() string {
	it := a.AveragePrecision
	verdict := "it could be chance"
	switch {
	case it.Low > 0:
		verdict = "better beyond chance"
	case it.High < 0:
		verdict = "worse beyond chance"
	}
	return fmt.Sprintf("Average precision against %s: %+.3f (%+.3f to %+.3f on the same resamples), %s.", a.Over, it.Value, it.Low, it.High, verdict)
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

func count(n float64) string {
	if n < 10 {
		return fmt.Sprintf("%.1f", n)
	}
	return thousands(int(n + 0.5))
}

// findings are the numbers behind the page as tables.
func (s Study) findings() []table {
	var list []table
	if len(s.Costs) > 0 {
		list = append(list, table{"threshold_costs.csv", []string{"threshold", "alerts_a_day", "false_alerts_a_day", "precision", "recall", "amount_caught", "chosen"},
			len(s.Costs), func(i int) []string {
				c := s.Costs[i]
				return numbers(c.Threshold, c.Alerts, c.FalseAlerts, c.Precision, c.Recall, c.Amount, float64(class(c.Chosen)))
			}})
	}
	if len(s.Slices) > 0 {
		list = append(list, table{"slices.csv", []string{"by", "name", "rows", "positive_rows", "caught", "false_alerts", "recall", "precision"},
			len(s.Slices), func(i int) []string {
				it := s.Slices[i]
				return slices.Concat([]string{it.By, it.Name}, numbers(float64(it.Rows), float64(it.Positives), float64(it.Caught), float64(it.False), it.Recall, it.Precision))
			}})
	}
	if len(s.Importance) > 0 {
		list = append(list, table{"feature_importance.csv", []string{"feature", "average_precision_lost", "least", "most"}, len(s.Importance), func(i int) []string {
			it := s.Importance[i]
			return append([]string{it.Feature}, numbers(it.Drop, it.Low, it.High)...)
		}})
	}
	return list
}
