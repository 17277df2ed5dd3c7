package dataset

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math"
	"slices"
	"testing"
)

func simulate(t *testing.T, opts SimulateOptions) Table {
	t.Helper()
	table, err := Simulate(opts)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func column(t *testing.T, table Table, name string) []float64 {
	t.Helper()
	values, ok := table.Column(name)
	if !ok {
		t.Fatalf("no column %s", name)
	}
	return values
}

func TestSimulationFollowsTheSchemaInOrderOfTime(t *testing.T) {
	table := simulate(t, SimulateOptions{Rows: 20_000, Seed: 3, FraudShare: 0.01})
	if err := table.Check(); err != nil {
		t.Fatal(err)
	}
	if table.Len() != 20_000 {
		t.Errorf("%d rows, want 20000", table.Len())
	}
	if n, err := table.Count("Class", 1); err != nil || n != 200 {
		t.Errorf("%d frauds (%v), want exactly 200", n, err)
	}
	times := column(t, table, "Time")
	if !slices.IsSorted(times) || times[0] < 0 || times[len(times)-1] >= span {
		t.Errorf("times go from %v to %v, sorted: %v", times[0], times[len(times)-1], slices.IsSorted(times))
	}
	for r, amount := range column(t, table, "Amount") {
		if amount < 0 || math.Round(amount*100)/100 != amount {
			t.Fatalf("row %d: amount %v is not in whole cents", r, amount)
		}
	}
}

func TestSimulationHasADailyRhythmAndFallingVariances(t *testing.T) {
	table := simulate(t, SimulateOptions{Rows: 50_000, Seed: 4})
	var hours [24]int
	for _, at := range column(t, table, "Time") {
		hours[int(at/3600)%24]++
	}
	if night, noon := hours[3], hours[15]; night*4 > noon {
		t.Errorf("%d rows at night and %d in the afternoon", night, noon)
	}
	deviation := func(name string) float64 {
		var sum, squares float64
		values := column(t, table, name)
		for _, v := range values {
			sum += v
			squares += v * v
		}
		mean := sum / float64(len(values))
		return math.Sqrt(squares/float64(len(values)) - mean*mean)
	}
	if a, b, c := deviation("V1"), deviation("V10"), deviation("V28"); a < 1.5*b || b < 1.5*c {
		t.Errorf("deviations of V1, V10 and V28 are %v, %v and %v", a, b, c)
	}
}

func TestNoSingleColumnGivesSimulatedFraudAway(t *testing.T) {
	table := simulate(t, SimulateOptions{Rows: 40_000, Seed: 5, FraudShare: 0.02})
	labels := column(t, table, "Class")
	best := 0.0
	for c, values := range table.Data[:len(table.Data)-1] {
		auc := rankSum(values, labels)
		if auc = max(auc, 1-auc); auc > 0.95 {
			t.Errorf("%s alone has an AUC of %.3f", table.Columns[c].Name, auc)
		}
		best = max(best, auc)
	}
	if best < 0.7 {
		t.Errorf("the best column has an AUC of %.3f: there is nothing to learn", best)
	}
}

// rankSum is the AUC of a column, without regard to ties.
func rankSum(values, labels []float64) float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	var sum, positives float64
	for rank, i := range order {
		if labels[i] == 1 {
			sum += float64(rank + 1)
			positives++
		}
	}
	return (sum - positives*(positives+1)/2) / (positives * (float64(len(values)) - positives))
}

// A changed digest means that every simulated file changes under its seed: people who compare runs must be told.
func TestSimulationGivesTheSameBytesForASeed(t *testing.T) {
	digest := func(seed uint64) string {
		var file bytes.Buffer
		w, err := NewCSVWriter(&file, CreditCardColumns())
		if err != nil {
			t.Fatal(err)
		}
		if err := SimulateTo(w, SimulateOptions{Rows: 3000, Seed: seed, FraudShare: 0.01}); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(file.Bytes())
		return hex.EncodeToString(sum[:])
	}
	const want = "c8e8a1402f50a0d50e722c7824fe31841e63236d1b3b9b1af852b648ba59c5e2"
	if got := digest(7); got != want {
		t.Errorf("seed 7 gives %s, want %s", got, want)
	}
	if digest(7) == digest(8) {
		t.Error("two seeds give the same rows")
	}
}

func TestSimulationRefusesWhatItCannotDo(t *testing.T) {
	for _, opts := range []SimulateOptions{{Rows: 1}, {Rows: -5}, {FraudShare: -0.1}, {FraudShare: 0.6}, {FraudShare: math.NaN()}} {
		if _, err := Simulate(opts); err == nil {
			t.Errorf("%+v was accepted", opts)
		}
	}
	if err := SimulateParquet(io.Discard, SimulateOptions{Rows: 2, FraudShare: 0.5}); err != nil {
		t.Errorf("two rows: %v", err)
	}
}
