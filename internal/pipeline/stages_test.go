package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// planOf parses the stateful pipeline with other features.
func planOf(t interface{ Fatal(...any) }, features string) *Definition {
	before, rest, _ := strings.Cut(stateful, "features:\n")
	_, after, _ := strings.Cut(rest, "sink:")
	d, err := Parse("stateful.yaml", []byte(before+"features:\n"+features+"sink:"+after))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestStagesOfPlans(t *testing.T) {
	const (
		mean    = "  - {name: mean, aggregate: mean, column: amount, over: [1d]}\n"
		risk    = "  - {name: risk, aggregate: share, over: [1d], shift: label_delay}\n"
		frauds  = "  - {name: frauds, aggregate: positives, over: [30d], shift: label_delay}\n"
		visits  = "  - {name: visits, aggregate: count, key: shop, over: [1d]}\n"
		shops   = "  - {name: shops, aggregate: share, key: shop, over: [1d], shift: label_delay}\n"
		weights = "  - {name: weight}\n"
	)
	for _, c := range []struct {
		name, features string
		want           []string
	}{
		{"columns alone have one stage without a key", weights, []string{"in of  []"}},
		{"history of the source's key needs no hop", mean + weights, []string{"in of card [mean]"}},
		{"labels of the source's key take a hop of their own", risk + mean + frauds, []string{"in of card [mean]", "stateful.stage-1 of card [risk frauds] with labels"}},
		{"a first stage may have nothing to compute", shops, []string{"in of card []", "stateful.stage-1 of shop [shops] with labels"}},
		{"one key's features share a stage but the source's", visits + shops, []string{"in of card []", "stateful.stage-1 of shop [visits shops] with labels"}},
		{"a condition on labels is a look at labels", "  - {name: since, aggregate: time_since_last, over: [30d], shift: label_delay, where: {label: positive}}\n",
			[]string{"in of card []", "stateful.stage-1 of card [since] with labels"}},
		{"hops come in the order in which their keys appear", visits + risk + mean + shops,
			[]string{"in of card [mean]", "stateful.stage-1 of shop [visits shops] with labels", "stateful.stage-2 of card [risk] with labels"}},
	} {
		var got []string
		for _, s := range planOf(t, c.features).Stages() {
			line := fmt.Sprintf("%s of %s %v", s.Topic, s.Key, s.Features)
			if s.Labels {
				line += " with labels"
			}
			got = append(got, line)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Whatever features there are: each of a history is computed in one stage, of its key; the first reads the source and never
// looks at labels; no two stages share a topic, and no two after the first a key.
func TestEveryFeatureOfAHistoryHasOneStageOfItsKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var features strings.Builder
		for i := range rapid.IntRange(1, 12).Draw(t, "features") {
			key := rapid.SampledFrom([]string{"card", "shop", "id"}).Draw(t, "key")
			what := rapid.SampledFrom([]string{
				"aggregate: count", "aggregate: mean, column: amount", "aggregate: share, shift: label_delay", "aggregate: positives, shift: label_delay",
			}).Draw(t, "aggregate")
			fmt.Fprintf(&features, "  - {name: f%d, %s, key: %s, over: [1d]}\n", i, what, key)
		}
		d := planOf(t, features.String())
		computed := map[string]int{}
		topics, keys := map[string]bool{}, map[string]bool{}
		for i, s := range d.Stages() {
			looks := false
			for _, name := range s.Features {
				f := d.Features[slices.IndexFunc(d.Features, func(f Feature) bool { return f.Name == name })]
				computed[name]++
				looks = looks || f.Aggregate.OfLabels()
				if f.Key != s.Key {
					t.Fatalf("%s of %s is computed where the key is %s", name, f.Key, s.Key)
				}
			}
			if s.Labels != looks || i == 0 && (s.Labels || s.Topic != "in" || s.Key != "card") {
				t.Fatalf("stage %d: %+v", i, s)
			}
			if topics[s.Topic] || i > 0 && (keys[s.Key] || len(s.Features) == 0) {
				t.Fatalf("stage %d is one too many: %+v", i, d.Stages())
			}
			topics[s.Topic], keys[s.Key] = true, keys[s.Key] || i > 0
		}
		for _, f := range d.Features {
			if computed[f.Name] != 1 {
				t.Fatalf("%s is computed %d times", f.Name, computed[f.Name])
			}
		}
	})
}
