package training

import (
	"fmt"
	"math"
	"math/rand/v2"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/pipeline"
)

// planSearch draws the trials. The first is the recipe as it stands, so that a search never ends with less than there was.
func planSearch(d *pipeline.Definition, req job.SearchRequest) (job.SearchPlan, error) {
	if len(d.Search.Vary) == 0 {
		return job.SearchPlan{}, fmt.Errorf("%w: the pipeline's file says nothing to vary; write search.vary", model.ErrInvalid)
	}
	plan := job.SearchPlan{Strategy: string(d.Search.Strategy), Parallel: d.Search.Parallel}
	if req.Strategy != "" {
		plan.Strategy = req.Strategy
	}
	trials := d.Search.Trials
	if req.Trials > 0 {
		trials = req.Trials
	}
	random := rand.New(rand.NewPCG(uint64(seedOf(d, req)), 0x736561726368))
	for n := 1; n <= trials; n++ {
		trial := job.Trial{Number: n}
		if n > 1 {
			for _, v := range d.Search.Vary {
				trial.Values = append(trial.Values, job.Value{Field: v.Field, Text: v.Text(drawn(v, random))})
			}
		}
		plan.Trials = append(plan.Trials, trial)
	}
	switch pipeline.SearchStrategy(plan.Strategy) {
	case pipeline.RandomSearch:
		plan.Rungs = []job.Rung{{Trials: trials, Epochs: d.Model.Epochs}}
	case pipeline.SuccessiveHalving:
		plan.Rungs = rungs(trials, d.Model.Epochs)
	default:
		return plan, fmt.Errorf("%w: there is no search strategy %q", model.ErrInvalid, plan.Strategy)
	}
	return plan, nil
}

func drawn(v pipeline.Vary, random *rand.Rand) float64 {
	at := random.Float64()
	switch {
	case len(v.Choices) > 0:
		return v.Choices[int(at*float64(len(v.Choices)))]
	case v.Scale == pipeline.LogScale:
		return math.Exp(math.Log(v.From) + at*(math.Log(v.To)-math.Log(v.From)))
	}
	return v.From + at*(v.To-v.From)
}

// narrowing is how many times fewer trials each rung has, and how many times more epochs (Jamieson and Talwalkar, "Non-stochastic Best
// Arm Identification and Hyperparameter Optimization", 2016).
const narrowing = 3

// rungs divides a search by successive halving: at the last rung, with all epochs, a few trials are left. A learning rate falls to 0
// over the epochs of its rung, so every rung trains anew.
func rungs(trials, epochs int) []job.Rung {
	var list []job.Rung
	for n := trials; ; n = (n + narrowing - 1) / narrowing {
		list = append(list, job.Rung{Trials: n})
		if n <= narrowing {
			break
		}
	}
	for i := range list {
		share := 1
		for range len(list) - 1 - i {
			share *= narrowing
		}
		list[i].Epochs = max(1, epochs/share)
	}
	return list
}
