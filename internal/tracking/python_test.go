package tracking

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"slices"
	"testing"
)

// python is an interpreter that can load ONNX models: $PYFUNC_PYTHON, or the stack's.
func python(t *testing.T) string {
	t.Helper()
	program := os.Getenv("PYFUNC_PYTHON")
	if program == "" {
		program = servers.Python
	}
	if output, err := exec.Command(program, "-c", "import mlflow, onnx, onnxruntime").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s cannot load ONNX models: %v: %s", program, err, output)
		}
		t.Skipf("%s has no onnxruntime; set PYFUNC_PYTHON to one with mlflow, onnx, onnxruntime and ml-dtypes", program)
	}
	return program
}

func TestPythonLoadsTheChampionAndPredicts(t *testing.T) {
	cfg := mlflow(t)
	program := python(t)
	record(t, connect(t, cfg), "python")
	type frame struct {
		Columns []string    `json:"columns"`
		Data    [][]float64 `json:"data"`
	}
	rows := [][]float64{{0.5, -1.25, 120.5}, {-1, 2, 0.25}, {0.125, 0, 0}, {0, 0, 1e-3}}
	input, err := json.Marshal(frame{Columns: []string{"V1", "V2", "Amount"}, Data: rows})
	ok(t, err)
	cmd := exec.Command(program, "testdata/read_model.py", "models:/python@"+Champion)
	cmd.Stdin = bytes.NewReader(input)
	cmd.Env = append(servers.Environ(), "MLFLOW_TRACKING_URI="+cfg.URL, "MLFLOW_DISABLE_TELEMETRY=true")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	var got struct {
		Probability []float64 `json:"probability"`
		Label       []int     `json:"label"`
		Inputs      []string  `json:"inputs"`
	}
	ok(t, json.Unmarshal(output, &got))
	if !slices.Equal(got.Inputs, []string{"V1", "V2", "Amount"}) || len(got.Probability) != len(rows) || len(got.Label) != len(rows) {
		t.Fatalf("got %+v", got)
	}
	for i, row := range rows {
		want := 1 / (1 + math.Exp(-(2*row[0] - row[1] + 0.5*row[2] - 0.25)))
		label := 0
		if want >= 0.5 {
			label = 1
		}
		if math.Abs(got.Probability[i]-want) > 1e-6 || got.Label[i] != label {
			t.Errorf("row %d: got %v and %d, want %v and %d", i, got.Probability[i], got.Label[i], want, label)
		}
	}
}
