package training

import (
	"time"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/evaluate"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/model"
)

// scoringBatch is how many rows are scored at once: what the stream does under load.
const scoringBatch = 1024

// scores runs the serving kernels over a matrix.
func scores(m *model.Model, x dataset.Matrix) evaluate.Scores {
	probability := make([]float32, x.Len())
	run(model.NewScorer(m, scoringBatch), x, probability)
	s := evaluate.Scores{Probability: make([]float64, x.Len()), Label: make([]bool, x.Len()), Weight: make([]float64, x.Len())}
	for i, p := range probability {
		s.Probability[i], s.Label[i], s.Weight[i] = float64(p), x.Y[i] == 1, float64(x.W[i])
	}
	return s
}

func run(s *model.Scorer, x dataset.Matrix, out []float32) {
	for i := 0; i < x.Len(); i += scoringBatch {
		n := min(scoringBatch, x.Len()-i)
		s.Score(x.X[i*x.Width():(i+n)*x.Width()], n, out[i:i+n])
	}
}

// rowsPerSecond times the serving kernels on one core for about a quarter of a second,
// and gives the best of its passes: the machine may be busy with other things, and the
// gate asks what the model allows.
func rowsPerSecond(m *model.Model, x dataset.Matrix) float64 {
	s, out := model.NewScorer(m, scoringBatch), make([]float32, x.Len())
	best := 0.0
	for begin := time.Now(); time.Since(begin) < 250*time.Millisecond; {
		pass := time.Now()
		run(s, x, out)
		best = max(best, float64(x.Len())/time.Since(pass).Seconds())
	}
	return best
}

func quality(r evaluate.Report, version string) job.Quality {
	return job.Quality{
		Version: version, Rows: int64(r.Rows), Positives: int64(r.Positives), AUC: r.ROCAUC,
		AveragePrecision: r.AveragePrecision, Precision: r.Precision, Recall: r.Recall,
		Brier: r.Brier, ECE: r.CalibrationError, Threshold: r.Threshold,
	}
}
