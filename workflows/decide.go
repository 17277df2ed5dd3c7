package workflows

import (
	"fmt"

	"temporal-streaming/internal/job"
)

// decide holds a candidate's numbers against the pipeline's gates. It stands in the
// workflow, not in an activity, so that the decision, its reasons and the numbers
// behind it are read off one history.
func decide(g job.Gates, v job.Validated) job.Decision {
	var failed []string
	fail := func(format string, args ...any) { failed = append(failed, fmt.Sprintf(format, args...)) }

	// Written so that a NaN fails its gate.
	c := v.Candidate
	if !(c.AveragePrecision >= g.MinAveragePrecision) {
		fail("average precision %.4f is below the gate of %.4f", c.AveragePrecision, g.MinAveragePrecision)
	}
	if !(c.AUC >= g.MinAUC) {
		fail("AUC ROC %.4f is below the gate of %.4f", c.AUC, g.MinAUC)
	}
	if !(v.GapToTraining <= g.MaxParityGap) {
		fail("the scorer differs from the trained network by %.2g, more than %.2g", v.GapToTraining, g.MaxParityGap)
	}
	if !(v.GapToFile <= g.MaxParityGap) {
		fail("the scorer differs from the exported file by %.2g, more than %.2g", v.GapToFile, g.MaxParityGap)
	}
	if s := v.Stream; s != nil && (s.Different > 0 || s.Rows == 0) {
		fail("%d of %d rows have other features or scores on the stream than in training", s.Different, s.Rows)
	}
	if !(v.RowsPerSecond >= g.MinRowsPerSecond) {
		fail("scoring runs at %.0f rows/s on one core, below the gate of %.0f", v.RowsPerSecond, g.MinRowsPerSecond)
	}
	if champion := v.Champion; champion != nil && !(c.AveragePrecision >= champion.AveragePrecision-g.MaxAPDrop) {
		fail("average precision %.4f is more than %.4f below that of champion version %s (%.4f) on the same rows",
			c.AveragePrecision, g.MaxAPDrop, champion.Version, champion.AveragePrecision)
	}
	if len(failed) > 0 {
		return job.Decision{Reasons: failed}
	}
	return job.Decision{Promote: true, Reasons: []string{approval(v)}}
}

func approval(v job.Validated) string {
	switch {
	case v.Champion != nil:
		return fmt.Sprintf("passes every gate; average precision %.4f against %.4f of champion version %s on the same rows",
			v.Candidate.AveragePrecision, v.Champion.AveragePrecision, v.Champion.Version)
	case v.ChampionProblems != "":
		return "passes every gate; the champion could not be measured: " + v.ChampionProblems
	default:
		return "passes every gate; there is no champion yet"
	}
}
