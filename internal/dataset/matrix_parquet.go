package dataset

import (
	"io"
	"slices"
)

// WriteParquet writes the matrix for other tools: a float64 column a feature, with the float32 values that the model is given, then the
// columns label (0 or 1) and weight. A feature of that name keeps it, and the column of ours gets an underscore before its own.
func (m Matrix) WriteParquet(w io.Writer) error {
	columns := make([]Column, 0, m.Width()+2)
	for _, name := range m.Names {
		columns = append(columns, Column{Name: name})
	}
	for _, c := range []Column{{Name: "label", Kind: Int}, {Name: "weight"}} {
		for slices.Contains(m.Names, c.Name) {
			c.Name = "_" + c.Name
		}
		columns = append(columns, c)
	}
	p, err := NewParquetWriter(w, columns)
	if err != nil {
		return err
	}
	row := make([]float64, len(columns))
	for i := range m.Len() {
		for c, v := range m.Row(i) {
			row[c] = float64(v)
		}
		row[m.Width()], row[m.Width()+1] = float64(m.Y[i]), float64(m.W[i])
		if err := p.WriteRow(row); err != nil {
			return err
		}
	}
	return p.Close()
}
