package dataset

import (
	"bytes"
	"testing"
)

func TestMatrixIsReadAsParquet(t *testing.T) {
	m := Matrix{Names: []string{"x", "label"}, X: []float32{0.1, 2, -3, 1e-30}, Y: []float32{1, 0}, W: []float32{1, 12.83}}
	var b bytes.Buffer
	if err := m.WriteParquet(&b); err != nil {
		t.Fatal(err)
	}
	want := []Column{{Name: "x"}, {Name: "label"}, {Name: "_label", Kind: Int}, {Name: "weight"}}
	table, err := ReadParquet(bytes.NewReader(b.Bytes()), int64(b.Len()), want, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range m.Len() {
		got := []float32{float32(table.Data[0][i]), float32(table.Data[1][i]), float32(table.Data[2][i]), float32(table.Data[3][i])}
		if got[0] != m.Row(i)[0] || got[1] != m.Row(i)[1] || got[2] != m.Y[i] || got[3] != m.W[i] {
			t.Errorf("row %d is read as %v", i, got)
		}
	}
}
