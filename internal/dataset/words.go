package dataset

import (
	"fmt"

	"temporal-streaming/internal/record"
)

// words puts texts into a table, each different one once.
type words struct {
	texts   *record.Texts
	numbers map[string]float64
}

func (w *words) number(text string) (float64, error) {
	if v, ok := w.numbers[text]; ok {
		return v, nil
	}
	if len(text) > record.MaxTextBytes {
		return 0, fmt.Errorf("%w: a text of %d bytes, at most %d are allowed", ErrSchema, len(text), record.MaxTextBytes)
	}
	if w.numbers == nil {
		w.numbers = make(map[string]float64)
	}
	v := w.texts.Add([]byte(text))
	w.numbers[text] = v
	return v, nil
}

// newTable returns a table of these columns without rows.
func newTable(columns []Column) Table {
	t := Table{Columns: append([]Column(nil), columns...), Data: make([][]float64, len(columns))}
	for _, c := range columns {
		if c.Kind == Text && t.Texts == nil {
			t.Texts = new(record.Texts)
		}
	}
	return t
}
