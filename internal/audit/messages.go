package audit

import (
	"encoding/json"
	"strconv"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/record"
)

// rowMessage is a row as a sender writes it.
func (s *memoryStream) rowMessage(row int) ([]byte, error) {
	b := []byte{'{'}
	for c, f := range s.schema.Fields() {
		if c > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = s.cell(b, f.Name, f.Kind, s.table.Columns[c][row]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// labelMessage is a row's label as a sender writes it.
func (s *memoryStream) labelMessage(row int) ([]byte, error) {
	d := s.bundle.Definition
	b, err := s.cell([]byte{'{'}, d.ID, s.schema.Fields()[s.id].Kind, s.table.Columns[s.id][row])
	if err != nil {
		return nil, err
	}
	value := d.Label.Positive
	if s.table.Labels[row] != feature.Positive {
		value = 1 - d.Label.Positive
	}
	if b, err = s.cell(append(b, ','), d.Label.Column, record.Float, value); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func (s *memoryStream) cell(b []byte, name string, kind record.Kind, v float64) ([]byte, error) {
	quoted, err := json.Marshal(name)
	if err != nil {
		return nil, err
	}
	b = append(append(b, quoted...), ':')
	if kind != record.Text {
		return strconv.AppendFloat(b, v, 'g', -1, 64), nil
	}
	text, err := json.Marshal(string(s.table.Texts.At(v)))
	return append(b, text...), err
}
