package pipeline

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// time checks what says who a record belongs to and when it happened.
func (c *checks) time(d *Definition, columns map[string]Type) {
	if d.ID != "" {
		c.that(columns[d.ID].identifies(), "id", "%q is no column of type int, text or bool; name the one that identifies a record", d.ID)
	}
	if d.Key != "" {
		c.that(columns[d.Key].identifies(), "key", "%q is no column of type int, text or bool; name the one that the messages are keyed by", d.Key)
	}
	c.that(d.Key == "" || d.Key != d.Label.Column, "key", "%q is the label, which no message has; name another column", d.Key)
	e := d.EventTime
	if e != (EventTime{}) {
		c.that(columns[e.Column] == Time, "event_time.column", "%q is no column of type time; name the one that says when a record happened", e.Column)
		if _, err := e.Tolerance.Duration(); err != nil && e.Tolerance != "" {
			c.that(false, "event_time.tolerance", "%v", err)
		}
	}
}

func (c *checks) label(d *Definition, columns map[string]Type) {
	order := columns[d.OrderBy]
	c.that(order != "" && order != Text, "order_by", "%q is no column of the schema with numbers or times; name the one that holds the time", d.OrderBy)
	label := columns[d.Label.Column]
	c.that(label != "" && label != Text, "label.column", "%q is no column of the schema with numbers; name the one that holds the truth", d.Label.Column)
	c.that(!math.IsNaN(d.Label.Positive), "label.positive", "is missing or no number; write the label column's value in positive rows, such as 1")
	c.that(!math.IsInf(d.Label.Positive, 0), "label.positive", "%v: write the label column's value in positive rows", d.Label.Positive)
	oneOf(c, d.Labels, "labels", Delayed, AsTheyArrive)
	if d.Label.Delay != "" {
		_, err := d.Label.Delay.Duration()
		c.that(err == nil, "label.delay", "%v", err)
	}
	if d.Label.KnownAt != "" {
		c.that(columns[d.Label.KnownAt] == Time, "label.known_at", "%q is no column of type time; name the one that says when the label was known", d.Label.KnownAt)
		c.that(d.Labels == AsTheyArrive, "label.known_at", "says when a label was known, which `labels: delayed` does not look at; remove it, or write `labels: as_they_arrive`")
	}
	if d.Label.Topic != "" {
		c.topic(d.Label.Topic, "label.topic")
	}
}

// span checks how much of the data is learned from.
func (c *checks) span(d *Definition) {
	if d.Training.Span == "" {
		return
	}
	_, err := d.Training.Span.Duration()
	c.that(err == nil, "training.span", "%v", err)
	c.that(d.OrderBy == d.EventTime.Column && d.OrderBy != "", "training.span", "counts event time; name the event_time.column, and order_by it or leave order_by out")
}

// features returns the features' names, those over several windows once for each.
func (c *checks) features(d *Definition, columns map[string]Type) map[string]bool {
	c.that(len(d.Features) > 0, "features", "lists none; name the columns that the model may see")
	names := make(map[string]bool, len(d.Features))
	c.known = make(map[string]int, len(d.Features))
	for i := range d.Features {
		f := &d.Features[i]
		field := fmt.Sprintf("features[%d]", i)
		c.that(f.Name != "", field+".name", "is missing; give the feature a name")
		c.kind(d, f, field, columns, names)
		oneOf(c, f.Transform, field+".transform", Identity, Log1p)
		from := c.knownFrom(d, f)
		for _, one := range f.expanded() {
			if names[one.Name] && len(f.Over) > 1 {
				c.that(false, field+".name", "%q appears twice; write <window>, <days>, <hours> or <rows> into the name to tell the windows apart", one.Name)
				break
			}
			c.that(!names[one.Name], field+".name", "%q appears twice; give each feature a name of its own", one.Name)
			names[one.Name], c.known[one.Name] = true, from
		}
	}
	return names
}

// kind checks a feature by what it is; above holds the features that stand above it.
func (c *checks) kind(d *Definition, f *Feature, field string, columns map[string]Type, above map[string]bool) {
	var kinds []string
	for kind, written := range map[string]bool{
		"calendar": f.Calendar != "", "ratio": f.Ratio != nil, "difference": f.Difference != nil,
		"product": f.Product != nil, "aggregate": f.Aggregate != "",
	} {
		if written {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) > 1 {
		c.that(false, field, "is several things at once; keep one of calendar, ratio, difference, product and aggregate")
		return
	}
	if f.Aggregate == "" {
		c.that(f.Key == "" && f.Over == nil && f.Shift == "", field, "has key, over or shift without aggregate; add `aggregate: count` or another, or remove them")
		c.that(!f.Before && f.Where == nil && f.MinRecords == 0, field, "has before, where or min_records without aggregate; add `aggregate: count` or another, or remove them")
	}
	c.that(f.Smoothing == 0 || f.Ratio != nil || f.Aggregate == Share, field+".smoothing", "belongs to a ratio or to `aggregate: share`; remove it")
	c.that(f.Smoothing >= 0 && f.Smoothing <= 1e9, field+".smoothing", "%v: write a number from 0 to 1e9", f.Smoothing)
	if f.Calendar == "" {
		c.that(f.Zone == "" && f.Hours == nil, field, "has zone or hours without calendar; add `calendar: night` or another, or remove them")
	}
	for _, name := range f.columns() {
		c.that(name == "" || name != d.Label.KnownAt, field, "looks at %q, which says when the label was known, and so that it was; remove it", name)
	}
	c.that(f.Key == "" || f.Key != d.Label.Column, field+".key", "%q is the label; a model must not see the answer", f.Key)
	switch {
	case f.Calendar != "":
		c.calendar(f, field, columns)
	case f.Ratio != nil:
		c.operation(d, f, field+".ratio", columns, above)
	case f.Difference != nil:
		c.operation(d, f, field+".difference", columns, above)
	case f.Product != nil:
		c.operation(d, f, field+".product", columns, above)
	case f.Aggregate != "":
		c.aggregate(d, f, field, columns, above)
	default:
		c.plain(d, f, field, columns)
	}
}

func (c *checks) plain(d *Definition, f *Feature, field string, columns map[string]Type) {
	if f.Name == "" && f.Column == "" {
		return // its name is missing, which is said already
	}
	column := columns[f.Column]
	c.that(column != "", field+".column", "%q is no column of the schema; add it there or correct the name", f.Column)
	c.that(column != Text, field+".column", "%q is text, which a model cannot take; count it, as with `aggregate: distinct`, or use it as a key", f.Column)
	c.that(f.Column != d.Label.Column, field+".column", "%q is the label; a model must not see the answer, remove the feature", f.Column)
}

func (c *checks) calendar(f *Feature, field string, columns map[string]Type) {
	oneOf(c, f.Calendar, field+".calendar", Hour, Night, Weekend)
	c.that(columns[f.Column] == Time, field+".column", "%q is no column of type time; name one, or declare event_time.column", f.Column)
	_, err := time.LoadLocation(f.Zone)
	c.that(err == nil && f.Zone != "Local", field+".zone", "%q is no time zone; write a name like UTC or Europe/Brussels", f.Zone)
	if f.Hours == nil {
		return
	}
	c.that(f.Calendar == Night, field+".hours", "belongs to `calendar: night` only; remove it")
	within := func(h int) bool { return h >= 0 && h <= 23 }
	c.that(len(f.Hours) == 2 && within(f.Hours[0]) && within(f.Hours[len(f.Hours)-1]), field+".hours",
		"%v: write the first and the last hour of the night, such as [22, 5]", f.Hours)
}

func (c *checks) operation(d *Definition, f *Feature, field string, columns map[string]Type, above map[string]bool) {
	operands := f.operands()
	c.that(f.Column == "", field, "has a column beside it; write the two operands into the brackets only")
	c.that(len(operands) == 2, field, "has %d operands; write two names, as in [Amount, mean_30d]", len(operands))
	for i, name := range operands {
		if above[name] {
			continue
		}
		where := fmt.Sprintf("%s[%d]", field, i)
		c.that(columns[name] != "" && columns[name] != Text, where, "%q is no feature above this one, and no column with numbers; correct the name or move the feature up", name)
		c.that(name != d.Label.Column, where, "%q is the label; a model must not see the answer", name)
	}
}

func (c *checks) aggregate(d *Definition, f *Feature, field string, columns map[string]Type, above map[string]bool) {
	oneOf(c, f.Aggregate, field+".aggregate", aggregates...)
	c.that(d.EventTime.Column != "", field, "looks at time; declare event_time: {column: ...}")
	c.that(d.Key != "", field, "needs the history of a key; declare key: with the column that the source's messages are keyed by")
	if f.Key != "" {
		c.that(columns[f.Key].identifies(), field+".key", "%q is no column of type int, text or bool; name the one whose values have a history each", f.Key)
	}
	c.aggregated(d, f, field, columns, above)
	c.where(d, f, field+".where", columns, above)
	c.that(!f.Before || f.Shift == "", field+".before", "says nothing beside a shift, which leaves the record itself out; remove one of them")
	c.that(f.MinRecords >= 0 && f.MinRecords <= 1_000_000, field+".min_records", "%d: write a whole number from 1 to 1000000", f.MinRecords)
	c.that(len(f.Over) > 0, field+".over", "is missing; list the windows, such as [1d, 7d]")
	for i, window := range f.Over {
		c.window(f, window, fmt.Sprintf("%s.over[%d]", field, i))
	}
	c.shift(d, f, field)
}

// aggregated checks the column that an aggregate is taken of.
func (c *checks) aggregated(d *Definition, f *Feature, field string, columns map[string]Type, above map[string]bool) {
	column := columns[f.Column]
	switch {
	case f.Aggregate.ofRecords():
		c.that(f.Column == "", field+".column", "is not needed: %s looks at no column; remove it", f.Aggregate)
	case f.Aggregate.OfLabels():
		c.that(f.Column == d.Label.Column, field+".column", "%q is not the label; %s looks at the label only, remove the column", f.Column, f.Aggregate)
	case f.Aggregate == Last:
		c.operand(d, f, f.Column, field+".column", columns, above)
	case f.Aggregate == Distinct:
		c.that(column.exact() || column == Text, field+".column", "%q is no column of type text, int, decimal or bool; name one whose values can be told apart", f.Column)
	default:
		c.that(column.exact(), field+".column",
			"%q is no column of type int, decimal or bool, whose sums are exact; name one, or declare the column as decimal(2) or the like", f.Column)
	}
	c.that(f.Aggregate.OfLabels() || f.Column != d.Label.Column || f.Column == "", field+".column",
		"%q is the label; only positives and share may look at it, once it is known", f.Column)
}

func (c *checks) window(f *Feature, window Span, field string) {
	if window == All {
		c.that(!f.Aggregate.bounded(), field, "%s needs the records themselves, and those of all time are not kept; write a length such as 30d", f.Aggregate)
		c.that(!strings.Contains(f.Name, "<days>") && !strings.Contains(f.Name, "<hours>"), field, "all has no length; write <window> into the name")
		return
	}
	if strings.HasSuffix(string(window), "rows") {
		_, ok := window.Rows()
		c.that(ok, field, "%q: write how many records the window holds, from 1rows to %drows", string(window), maxRows)
		c.that(!strings.Contains(f.Name, "<days>") && !strings.Contains(f.Name, "<hours>"), field, "%s has no length; write <rows> or <window> into the name", string(window))
		return
	}
	length, err := window.Duration()
	c.that(err == nil, field, "%v", err)
	if err != nil {
		return
	}
	c.that(length > 0, field, "%q is empty; write a length such as 1d", string(window))
	c.that(!strings.Contains(f.Name, "<days>") || length%(24*time.Hour) == 0, field, "%q is no whole number of days; write <window> into the name", string(window))
	c.that(!strings.Contains(f.Name, "<hours>") || length%time.Hour == 0, field, "%q is no whole number of hours; write <window> into the name", string(window))
}

// shift sees to it that no feature looks at a label before it is known.
func (c *checks) shift(d *Definition, f *Feature, field string) {
	switch {
	case f.Shift == LabelDelay:
		c.that(d.Label.Delay != "", "label.delay", "is missing, and %s is shifted by it; write how long labels take, such as 7d", f.Name)
	case f.Shift != "":
		_, err := f.Shift.Duration()
		c.that(err == nil, field+".shift", "%v, or label_delay", err)
	}
	c.that(f.Shift == "" || !f.Aggregate.ofHistory(), field+".shift",
		"%s compares a record with those just before it; remove the shift", f.Aggregate)
	if f.OfLabels() && d.Labels == Delayed {
		c.that(d.Label.Delay != "", "label.delay", "is missing, and %s looks at labels; write how long they take, such as 7d", f.Name)
		c.that(f.Shift != "" && d.ShiftOf(*f) >= d.LabelDelay(), field+".shift",
			"%q would look at labels before label.delay has passed; write `shift: label_delay`", string(f.Shift))
	}
}
