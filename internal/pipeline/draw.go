package pipeline

import (
	"fmt"
	"slices"
	"strings"
)

// Draw draws the plan of a pipeline for people: its stages one under the other, with what each keeps and computes.
func (d *Definition) Draw() string {
	var w strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&w, format+"\n", args...) }
	line("%s", d.Name)
	if d.Description != "" {
		line("%s", d.Description)
	}
	line("")
	line("topic %s (%s, from %s)", d.Source.Topic, d.Source.Format, d.Source.Start)
	for i, s := range d.Stages() {
		if i > 0 {
			line("  |")
			line("  |  forwarded in the same transaction")
			line("  v")
			line("topic %s%s", s.Topic, d.merged(s))
		}
		if s.Key == "" {
			continue
		}
		line("  |  keyed by %s", s.Key)
		line("  v")
		if len(s.Features) == 0 {
			line("stage %d  no history of %s is needed", i, s.Key)
			continue
		}
		line("stage %d  history of each %s, kept %s", i, s.Key, d.kept(s))
		for _, f := range d.Features {
			if slices.Contains(s.Features, f.Name) {
				line("  %-40s %s", f.Name, d.words(f))
			}
		}
	}
	line("  |")
	line("  v")
	line("of the record itself")
	for _, f := range d.Features {
		if f.Aggregate == "" {
			line("  %-40s %s", f.Name, d.words(f))
		}
	}
	line("  |")
	line("  v")
	line("model %s of %d inputs: %s or %s", d.Model.Kind, len(d.Features), d.Decision.Positive, d.Decision.Negative)
	if d.Sink.Kind == Kafka {
		line("topic %s; what cannot be scored: %s", d.Sink.Topic, d.Sink.DeadLetters)
	} else {
		line("%s; what cannot be scored: topic %s", d.Sink.Kind, d.Sink.DeadLetters)
	}
	if d.LooksAtLabels() {
		line("")
		line("labels   topic %s, copied to the stages that look at them; %s", d.Label.Topic, d.labelWords())
	}
	return w.String()
}

// merged names what a stage's topic holds beside records.
func (d *Definition) merged(s Stage) string {
	if !s.Labels {
		return ""
	}
	return ", with the labels of topic " + d.Label.Topic
}

// kept says how long a stage keeps records.
func (d *Definition) kept(s Stage) string {
	var longest Span
	for _, f := range d.Features {
		if !slices.Contains(s.Features, f.Name) {
			continue
		}
		if f.Window() == All || f.ofRows() {
			return "as totals for ever, beside single records for " + string(d.EventTime.Tolerance) + " and the longest other window"
		}
		window, _ := f.Window().Duration() // valid
		if before, _ := longest.Duration(); window+d.ShiftOf(f) > before {
			longest = Span(fmt.Sprintf("%ds", int64((window + d.ShiftOf(f)).Seconds())))
		}
	}
	return longest.short() + " and the tolerance of " + string(d.EventTime.Tolerance)
}

// short writes a span in the largest unit that it is a whole number of.
func (s Span) short() string {
	length, err := s.Duration()
	if err != nil {
		return string(s)
	}
	for _, unit := range []byte("dhms") {
		if length%units[unit] == 0 {
			return fmt.Sprintf("%d%c", length/units[unit], unit)
		}
	}
	return string(s)
}

func (d *Definition) labelWords() string {
	if d.Labels == AsTheyArrive {
		return "each counts from the moment it is known"
	}
	return "each counts from " + string(d.Label.Delay) + " after its record on"
}

// words say how a feature comes about.
func (d *Definition) words(f Feature) string {
	var words string
	switch {
	case f.Aggregate != "":
		words = string(f.Aggregate)
		if f.Column != "" {
			words += " of " + f.Column
		}
		words += f.Where.String()
		shift := Span(fmt.Sprintf("%ds", int64(d.ShiftOf(f).Seconds()))).short()
		switch {
		case f.ofRows() && f.Shift != "":
			words += fmt.Sprintf(" over the last %s up to t-%s", f.Window(), shift)
		case f.ofRows():
			words += fmt.Sprintf(" over the last %s", f.Window())
		case f.Window() == All && f.Shift != "":
			words += " up to t-" + shift
		case f.Window() == All:
			words += " up to t"
		case f.Shift != "":
			words += fmt.Sprintf(" over (t-%s-%s, t-%s]", shift, f.Window(), shift)
		default:
			words += fmt.Sprintf(" over (t-%s, t]", f.Window())
		}
		if f.Before {
			words += " before the record"
		}
		if f.MinRecords > 1 {
			words += fmt.Sprintf(", from %d records on", f.MinRecords)
		}
	case f.Calendar == Night:
		words = fmt.Sprintf("night of %s, hours %d to %d, %s", f.Column, f.Hours[0], f.Hours[1], f.Zone)
	case f.Calendar != "":
		words = fmt.Sprintf("%s of %s, %s", f.Calendar, f.Column, f.Zone)
	case len(f.Ratio) == 2:
		words = f.Ratio[0] + " / " + f.Ratio[1]
	case len(f.Difference) == 2:
		words = f.Difference[0] + " - " + f.Difference[1]
	case len(f.Product) == 2:
		words = f.Product[0] + " * " + f.Product[1]
	default:
		words = "column " + f.Column
	}
	if f.Smoothing > 0 {
		words += fmt.Sprintf(", denominator + %v", f.Smoothing)
	}
	if f.Transform != Identity {
		words = string(f.Transform) + "(" + words + ")"
	}
	return words
}

func (f *Feature) ofRows() bool {
	_, ok := f.Window().Rows()
	return ok
}
