package pipeline

import (
	"strconv"
	"strings"
)

// Feature is one input of the model. It is exactly one of
//
//	{name: Amount}                                          a column of the record, the one of its name or of column:
//	{name: weekend, calendar: weekend, zone: Europe/Paris}  where the event time stands in day and week
//	{name: share, ratio: [Amount, mean_30d]}                two columns, or features above, divided
//	{name: gap, difference: [Amount, mean_30d]}             ... or subtracted, or multiplied
//	{name: count_<window>, aggregate: count, key: CUSTOMER_ID, over: [1d, 7d]}
//	                                                        the history of a key, over one or several windows, of all its
//	                                                        records or of those that meet a condition (see Where)
//
// and may be transformed on top. Parse replaces a feature over several windows by one feature for each, so that a Definition's
// features are the model's inputs one by one, and Over holds one window.
type Feature struct {
	Name      string    `yaml:"name"`
	Column    string    `yaml:"column"`
	Transform Transform `yaml:"transform"`

	Calendar Calendar `yaml:"calendar"`
	Zone     string   `yaml:"zone"`  // IANA name of the calendar's time zone; default UTC
	Hours    []int    `yaml:"hours"` // first and last hour of the night, both within it; default [0, 6]

	Ratio      []string `yaml:"ratio"`
	Difference []string `yaml:"difference"`
	Product    []string `yaml:"product"`

	Aggregate  Aggregate `yaml:"aggregate"`
	Key        string    `yaml:"key"`         // the column whose values have a history each; default: the pipeline's key
	Over       []Span    `yaml:"over"`        // the windows (t-N, t], the record itself included; or the last so many records, as in 50rows
	Shift      Span      `yaml:"shift"`       // moves the windows back to (t-shift-N, t-shift]; label_delay: by label.delay
	Before     bool      `yaml:"before"`      // leaves the record itself out
	Where      *Where    `yaml:"where"`       // only records that meet it count
	MinRecords int       `yaml:"min_records"` // a window with fewer records counts as empty

	Smoothing float64 `yaml:"smoothing"` // is added to the denominator of a ratio or a share
}

// Where is a condition on a record of a key's history. All that it says must hold: of the record's label, once it is known, and
// of a value, as it was when the record came.
type Where struct {
	Label  LabelClass `yaml:"label" json:"label,omitempty"`
	Value  string     `yaml:"value" json:"value,omitempty"` // a feature above, or else a column
	Is     *float64   `yaml:"is" json:"is,omitempty"`
	Above  *float64   `yaml:"above" json:"above,omitempty"`
	AtMost *float64   `yaml:"at_most" json:"at_most,omitempty"`
}

// String says in words which records count.
func (w *Where) String() string {
	if w == nil {
		return ""
	}
	var all []string
	if w.Label != "" {
		all = append(all, "the label is "+string(w.Label))
	}
	for _, c := range []struct {
		words string
		limit *float64
	}{{" is ", w.Is}, {" > ", w.Above}, {" <= ", w.AtMost}} {
		if c.limit != nil {
			all = append(all, w.Value+c.words+strconv.FormatFloat(*c.limit, 'g', -1, 64))
		}
	}
	return " where " + strings.Join(all, " and ")
}

// LabelClass is one of the two classes of a label that is known.
type LabelClass string

const (
	PositiveLabel LabelClass = "positive"
	NegativeLabel LabelClass = "negative"
)

// Transform is what is done to a feature's value at the end.
type Transform string

const (
	Identity Transform = ""      // the value as it is
	Log1p    Transform = "log1p" // ln(1 + value); value > -1
)

// Calendar is what a calendar feature asks of a time.
type Calendar string

const (
	Hour    Calendar = "hour"    // 0 to 23
	Night   Calendar = "night"   // 1 where the hour lies in Hours, 0 otherwise
	Weekend Calendar = "weekend" // 1 on Saturday and Sunday, 0 otherwise
)

// Aggregate is what is asked of a key's records in a window.
type Aggregate string

const (
	Count         Aggregate = "count"           // how many
	Sum           Aggregate = "sum"             // of a column; 0 where there are none
	Mean          Aggregate = "mean"            // of a column; 0 where there are none
	Deviation     Aggregate = "std"             // sample standard deviation of a column; 0 below two records
	Min           Aggregate = "min"             // of a column; 0 where there are none
	Max           Aggregate = "max"             // of a column; 0 where there are none
	Distinct      Aggregate = "distinct"        // how many different values of a column
	TimeSinceLast Aggregate = "time_since_last" // seconds since the key's record before; the window's length where it holds none
	Positives     Aggregate = "positives"       // records with a positive label
	Share         Aggregate = "share"           // positives by count; 0 where there are none
	ZScore        Aggregate = "zscore"          // (value - mean) / std over the key's earlier records; 0 where the std is 0
	RatioToMean   Aggregate = "ratio_to_mean"   // value / mean over the key's earlier records; 0 where the mean is 0

	Median         Aggregate = "median"           // of a column; 0 where there are none
	Last           Aggregate = "last"             // value of the newest record; 0 where there is none
	TimeSinceFirst Aggregate = "time_since_first" // seconds since the oldest record; the window's length where it holds none
	Run            Aggregate = "run"              // how many records at the window's end meet the condition without a break
	RunAge         Aggregate = "run_age"          // seconds since the first of them; 0 where there are none
)

// aggregates lists all of them.
var aggregates = []Aggregate{
	Count, Sum, Mean, Deviation, Min, Max, Distinct, TimeSinceLast, Positives, Share, ZScore, RatioToMean,
	Median, Last, TimeSinceFirst, Run, RunAge,
}

// OfLabels says whether the aggregate looks at labels, whatever its condition.
func (a Aggregate) OfLabels() bool { return a == Positives || a == Share }

// OfLabels says whether the feature is made of the labels of earlier records.
func (f *Feature) OfLabels() bool {
	return f.Aggregate.OfLabels() || f.Where != nil && f.Where.Label != ""
}

// ofHistory says whether the aggregate compares a record with those before it, which then do not include it.
func (a Aggregate) ofHistory() bool { return a == ZScore || a == RatioToMean }

// ofRecords says whether the aggregate looks at nothing but the records' times, and at which of them meet the condition.
func (a Aggregate) ofRecords() bool {
	return a == Count || a == TimeSinceLast || a == TimeSinceFirst || a == Run || a == RunAge
}

// bounded says whether the aggregate looks at single records, which are not kept for ever.
func (a Aggregate) bounded() bool {
	switch a {
	case Min, Max, Distinct, Median, Last, TimeSinceLast, TimeSinceFirst, Run, RunAge:
		return true
	}
	return false
}

// Window returns the window of an aggregate after Parse.
func (f *Feature) Window() Span {
	if len(f.Over) == 0 {
		return ""
	}
	return f.Over[0]
}

// operands returns the two names that an arithmetic feature is made of, and nothing for others.
func (f *Feature) operands() []string {
	switch {
	case len(f.Ratio) > 0:
		return f.Ratio
	case len(f.Difference) > 0:
		return f.Difference
	}
	return f.Product
}

// columns names all columns that the feature may need; names of features can be among them.
func (f *Feature) columns() []string {
	names := append([]string{f.Column, f.Key}, f.operands()...)
	if f.Where != nil {
		names = append(names, f.Where.Value)
	}
	return names
}

// expanded returns the feature once for each of its windows. In a name, <window> stands for the window as it is written,
// <days> and <hours> for its length, and <rows> for how many records it holds.
func (f Feature) expanded() []Feature {
	if len(f.Over) == 0 {
		return []Feature{f}
	}
	features := make([]Feature, len(f.Over))
	for i, window := range f.Over {
		features[i] = f
		features[i].Over = []Span{window}
		features[i].Name = window.name(f.Name)
	}
	return features
}

// name fills a window into a feature's name.
func (s Span) name(pattern string) string {
	seconds := int64(0)
	if d, err := s.Duration(); err == nil {
		seconds = int64(d.Seconds())
	}
	rows, _ := s.Rows()
	return strings.NewReplacer(
		"<window>", string(s), "<days>", strconv.FormatInt(seconds/86400, 10), "<hours>", strconv.FormatInt(seconds/3600, 10),
		"<rows>", strconv.Itoa(rows),
	).Replace(pattern)
}
