package pipeline

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// SearchStrategy is how a search divides its work among the trials.
type SearchStrategy string

const (
	RandomSearch      SearchStrategy = "random"             // every trial gets all epochs
	SuccessiveHalving SearchStrategy = "successive_halving" // all get a few; the best third goes on with three times as many, and so on
)

// Search says how a better recipe is looked for.
type Search struct {
	Strategy SearchStrategy `yaml:"strategy"`
	Trials   int            `yaml:"trials"`   // the recipe as it stands is the first
	Parallel int            `yaml:"parallel"` // trials side by side
	Vary     []Vary         `yaml:"vary"`
}

// Vary is one number of the recipe that trials draw: one of the choices, or anything between two ends.
type Vary struct {
	Field   string    `yaml:"field"`
	Choices []float64 `yaml:"choices"`
	From    float64   `yaml:"from"`
	To      float64   `yaml:"to"`
	Scale   Scale     `yaml:"scale"`
}

// Scale is along what numbers are drawn evenly.
type Scale string

const (
	LinearScale Scale = "linear"
	LogScale    Scale = "log" // as many between .001 and .01 as between .01 and .1
)

// varied are the fields that a search can set, as the file names them.
var varied = map[string]struct {
	whole bool
	set   func(d *Definition, v float64)
	get   func(d *Definition) float64
}{
	"learning_rate":   {false, func(d *Definition, v float64) { d.Model.LearningRate = v }, func(d *Definition) float64 { return d.Model.LearningRate }},
	"weight_decay":    {false, func(d *Definition, v float64) { d.Model.WeightDecay = v }, func(d *Definition) float64 { return d.Model.WeightDecay }},
	"dropout":         {false, func(d *Definition, v float64) { d.Model.Dropout = v }, func(d *Definition) float64 { return d.Model.Dropout }},
	"batch":           {true, func(d *Definition, v float64) { d.Model.Batch = int(v) }, func(d *Definition) float64 { return float64(d.Model.Batch) }},
	"bins":            {true, func(d *Definition, v float64) { d.Model.Bins = int(v) }, func(d *Definition) float64 { return float64(d.Model.Bins) }},
	"clip":            {false, func(d *Definition, v float64) { d.Model.Clip = v }, func(d *Definition) float64 { return d.Model.Clip }},
	"positive_weight": {false, func(d *Definition, v float64) { d.Training.PositiveWeight = v }, func(d *Definition) float64 { return d.Training.PositiveWeight }},
	"negative_share":  {false, func(d *Definition, v float64) { d.Training.NegativeShare = v }, func(d *Definition) float64 { return d.Training.NegativeShare }},
	"focal_gamma":     {false, func(d *Definition, v float64) { d.Training.FocalGamma = v }, func(d *Definition) float64 { return d.Training.FocalGamma }},
	"units": {true, func(d *Definition, v float64) { // of every hidden layer
		d.Model.Hidden = slices.Repeat([]int{int(v)}, len(d.Model.Hidden))
	}, func(d *Definition) float64 {
		if len(d.Model.Hidden) == 0 {
			return 0
		}
		return float64(d.Model.Hidden[0])
	}},
}

// VariedFields names the fields that a search can set.
func VariedFields() []string {
	var names []string
	for name := range varied {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// WithValue returns the definition with one field of its recipe set, from text as the file would write it.
func (d *Definition) WithValue(field, text string) (*Definition, error) {
	v, err := strconv.ParseFloat(text, 64)
	known, ok := varied[field]
	if !ok || err != nil || known.whole && v != math.Trunc(v) {
		return nil, fmt.Errorf("set %s to %q: no search varies it so", field, text)
	}
	own := *d
	known.set(&own, v)
	return &own, nil
}

// Value is what a field that a search can set is now.
func (d *Definition) Value(field string) (v float64, ok bool) {
	known, ok := varied[field]
	if !ok {
		return 0, false
	}
	return known.get(d), true
}

// Text writes a value of the field as the file would: whole where the field is, and with four digits elsewhere, so that what is
// tried is what is told.
func (v Vary) Text(value float64) string {
	if varied[v.Field].whole {
		return strconv.FormatFloat(math.Round(value), 'f', -1, 64)
	}
	return strconv.FormatFloat(value, 'g', 4, 64)
}

func (c *checks) search(d *Definition) {
	s := d.Search
	oneOf(c, s.Strategy, "search.strategy", RandomSearch, SuccessiveHalving)
	c.whole(s.Trials, 2, 1000, "search.trials")
	c.whole(s.Parallel, 1, 64, "search.parallel")
	seen := map[string]bool{}
	for i, v := range s.Vary {
		field := fmt.Sprintf("search.vary[%d]", i)
		_, known := varied[v.Field]
		c.that(known, field+".field", "%q cannot be varied; write one of %v", v.Field, VariedFields())
		c.that(!seen[v.Field], field+".field", "%q appears twice; remove one of them", v.Field)
		seen[v.Field] = true
		oneOf(c, v.Scale, field+".scale", "", LinearScale, LogScale)
		if len(v.Choices) > 0 {
			c.that(v.From == 0 && v.To == 0 && v.Scale == "", field, "has choices and a range; remove one of them")
		} else {
			c.that(v.To > v.From && (v.From > 0 || v.Scale != LogScale && v.From >= 0), field, "runs from %v to %v; write choices, or from below to (from above 0 for scale: log)", v.From, v.To)
		}
		ends := append(slices.Clone(v.Choices), v.From, v.To)
		if len(v.Choices) > 0 {
			ends = v.Choices
		}
		for _, end := range ends {
			c.reaches(d, v, end, field)
		}
	}
}

// reaches checks a value that a trial may have by the rules of the recipe itself.
func (c *checks) reaches(d *Definition, v Vary, value float64, field string) {
	with, err := d.WithValue(v.Field, v.Text(value))
	if err != nil {
		return // said already
	}
	var own checks
	own.model(&with.Model, with.features())
	own.training(&with.Training)
	for _, p := range own.problems {
		c.that(false, field, "lets a trial have %s %s", p.Field, p.Message)
	}
}

// features are the names of the features, those over several windows once for each.
func (d *Definition) features() map[string]bool {
	names := map[string]bool{}
	for _, f := range d.Features {
		for _, one := range f.expanded() {
			names[one.Name] = true
		}
	}
	return names
}
