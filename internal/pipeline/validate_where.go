package pipeline

import "math"

// where checks an aggregate's condition.
func (c *checks) where(d *Definition, f *Feature, field string, columns map[string]Type, above map[string]bool) {
	w := f.Where
	if w == nil {
		c.that(f.Aggregate != Run && f.Aggregate != RunAge, field, "is missing; say which records make a run, such as {label: positive}")
		return
	}
	if w.Label != "" {
		oneOf(c, w.Label, field+".label", PositiveLabel, NegativeLabel)
		c.that(f.Aggregate.ofRecords(), field+".label",
			"%s cannot choose records by their label; count, time_since_last, time_since_first, run and run_age can", f.Aggregate)
	}
	compared := w.Is != nil || w.Above != nil || w.AtMost != nil
	if w.Value == "" {
		c.that(!compared, field+".value", "is missing; name the feature or the column that is compared")
		c.that(w.Label != "" || compared, field, "says nothing; write {label: positive}, or {value: NAME, above: 2.5}")
		return
	}
	c.that(compared, field, "does not say what %q is compared with; write is, above or at_most", w.Value)
	c.that(w.Is == nil || w.Above == nil && w.AtMost == nil, field, "has `is` beside `above` or `at_most`; keep one")
	for name, v := range map[string]*float64{"is": w.Is, "above": w.Above, "at_most": w.AtMost} {
		c.that(v == nil || !math.IsNaN(*v) && !math.IsInf(*v, 0), field+"."+name, "is no number")
	}
	c.operand(d, f, w.Value, field+".value", columns, above)
}

// operand checks a value that becomes part of a record's history: it must be known where the record is made history.
func (c *checks) operand(d *Definition, f *Feature, name, field string, columns map[string]Type, above map[string]bool) {
	if !above[name] {
		c.that(columns[name] != "" && columns[name] != Text, field, "%q is no feature above this one, and no column with numbers; correct the name or move the feature up", name)
		c.that(name != d.Label.Column || name == "", field, "%q is the label; a model must not see the answer, write `where: {label: positive}`", name)
		return
	}
	hops := append([]string(nil), c.hops...)
	c.that(c.known[name] <= d.stageOf(f, &hops), field, "%q is known only after the hop to a later stage; features of %s can look at those of their own stage and the ones before", name, f.Key)
}

// knownFrom answers the stage from which on a feature is known.
func (c *checks) knownFrom(d *Definition, f *Feature) int {
	if f.Aggregate != "" {
		return d.stageOf(f, &c.hops)
	}
	from := 0
	for _, name := range f.operands() {
		from = max(from, c.known[name])
	}
	return from
}
