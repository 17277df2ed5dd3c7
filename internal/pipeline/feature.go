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
//	{name: gap, difference: [Amount, mean_30d]}             ... or subtracted
//	{name: count_<window>, aggregate: count, key: CUSTOMER_ID, over: [1d, 7d]}
//	                                                        the history of a key, over one or several windows
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

	Aggregate Aggregate `yaml:"aggregate"`
	Key       string    `yaml:"key"`   // the column whose values have a history each; default: the pipeline's key
	Over      []Span    `yaml:"over"`  // the windows (t-N, t], the record itself included
	Shift     Span      `yaml:"shift"` // moves the windows back to (t-shift-N, t-shift]; label_delay: by label.delay
}

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
)

// OfLabels says whether the aggregate looks at labels.
func (a Aggregate) OfLabels() bool { return a == Positives || a == Share }

// ofHistory says whether the aggregate compares a record with those before it, which then do not include it.
func (a Aggregate) ofHistory() bool { return a == ZScore || a == RatioToMean }

// ofRecords says whether the aggregate looks at nothing but the records' times.
func (a Aggregate) ofRecords() bool { return a == Count || a == TimeSinceLast }

// Window returns the window of an aggregate after Parse.
func (f *Feature) Window() Span {
	if len(f.Over) == 0 {
		return ""
	}
	return f.Over[0]
}

// operands returns the two names that an arithmetic feature is made of, and nothing for others.
func (f *Feature) operands() []string {
	if len(f.Ratio) > 0 {
		return f.Ratio
	}
	return f.Difference
}

// columns names all columns that the feature may need; names of features can be among them.
func (f *Feature) columns() []string {
	return append([]string{f.Column, f.Key}, f.operands()...)
}

// expanded returns the feature once for each of its windows. In a name, <window> stands for the window as it is written,
// <days> and <hours> for its length.
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
	return strings.NewReplacer(
		"<window>", string(s), "<days>", strconv.FormatInt(seconds/86400, 10), "<hours>", strconv.FormatInt(seconds/3600, 10),
	).Replace(pattern)
}
