package training

import (
	"reflect"
	"strconv"
	"testing"

	"temporal-streaming/internal/job"
	"temporal-streaming/pipelines"
)

func TestASearchDrawsTheSameTrialsEachTimeAndTheRecipeFirst(t *testing.T) {
	d, err := pipelines.Load("transactions")
	if err != nil {
		t.Fatal(err)
	}
	first, err := planSearch(d, job.SearchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := planSearch(d, job.SearchRequest{})
	if err != nil || !reflect.DeepEqual(first, again) {
		t.Errorf("two plans of one request differ; %v", err)
	}
	other, err := planSearch(d, job.SearchRequest{Seed: 99})
	if err != nil || reflect.DeepEqual(first.Trials, other.Trials) {
		t.Errorf("two seeds draw the same trials; %v", err)
	}
	if len(first.Trials) != d.Search.Trials || len(first.Trials[0].Values) != 0 {
		t.Errorf("%d trials, the first with %v; want %d, the first as it stands", len(first.Trials), first.Trials[0].Values, d.Search.Trials)
	}
	for _, trial := range first.Trials[1:] {
		for i, v := range trial.Values {
			value, err := strconv.ParseFloat(v.Text, 64)
			vary := d.Search.Vary[i]
			if err != nil || v.Field != vary.Field || len(vary.Choices) == 0 && (value < vary.From*0.999 || value > vary.To*1.001) {
				t.Errorf("trial %d: %s is %s, which %+v does not allow", trial.Number, v.Field, v.Text, vary)
			}
			with, err := d.WithValue(v.Field, v.Text)
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := with.Value(v.Field); !ok || got != value {
				t.Errorf("%s was set to %s and is %v", v.Field, v.Text, got)
			}
		}
	}
}

func TestRungsEndWithAFewTrialsOfAllEpochs(t *testing.T) {
	for _, c := range []struct {
		trials, epochs int
		want           []job.Rung
	}{
		{18, 20, []job.Rung{{Trials: 18, Epochs: 2}, {Trials: 6, Epochs: 6}, {Trials: 2, Epochs: 20}}},
		{9, 20, []job.Rung{{Trials: 9, Epochs: 6}, {Trials: 3, Epochs: 20}}},
		{2, 5, []job.Rung{{Trials: 2, Epochs: 5}}},
		{100, 4, []job.Rung{{Trials: 100, Epochs: 1}, {Trials: 34, Epochs: 1}, {Trials: 12, Epochs: 1}, {Trials: 4, Epochs: 1}, {Trials: 2, Epochs: 4}}},
	} {
		if got := rungs(c.trials, c.epochs); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%d trials of %d epochs: %+v, want %+v", c.trials, c.epochs, got, c.want)
		}
	}
}
