package dataset

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"temporal-streaming/internal/record"
)

// CSVWriter writes a header line and rows as comma-separated text that ReadCSV reads back to the same values.
type CSVWriter struct {
	Texts *record.Texts // of the Text columns, set before the first row

	w       *bufio.Writer
	columns []Column
	line    []byte
}

// NewCSVWriter starts a file with its header. Names with a comma, a quote or a line break are refused.
func NewCSVWriter(w io.Writer, columns []Column) (*CSVWriter, error) {
	if err := checkColumns(columns); err != nil {
		return nil, fmt.Errorf("write csv: %w", err)
	}
	c := &CSVWriter{w: bufio.NewWriterSize(w, 1<<16), columns: columns}
	names := Table{Columns: columns}.Names()
	for _, name := range names {
		if strings.ContainsAny(name, ",\"\r\n") || strings.TrimSpace(name) != name {
			return nil, fmt.Errorf("write csv: %w: column name %.40q", ErrSchema, name)
		}
	}
	if _, err := c.w.WriteString(strings.Join(names, ",") + "\n"); err != nil {
		return nil, fmt.Errorf("write csv: %w", err)
	}
	return c, nil
}

// WriteRow adds a line, one value for each column, in the shortest form that reads back to the same number.
func (c *CSVWriter) WriteRow(row []float64) error {
	if len(row) != len(c.columns) {
		return fmt.Errorf("write csv: %w: %d values for %d columns", ErrSchema, len(row), len(c.columns))
	}
	c.line = c.line[:0]
	for i, v := range row {
		err := c.columns[i].check(v)
		if err == nil && c.columns[i].Kind == Text {
			err = Table{Texts: c.Texts}.checkText(v)
		}
		if err != nil {
			return fmt.Errorf("write csv: column %q: %w", c.columns[i].Name, err)
		}
		if i > 0 {
			c.line = append(c.line, ',')
		}
		switch c.columns[i].Kind {
		case Int, Bool:
			c.line = strconv.AppendInt(c.line, int64(v), 10)
		case Time, Decimal:
			c.line = strconv.AppendFloat(c.line, v, 'f', -1, 64)
		case Text:
			c.line = appendQuoted(c.line, c.Texts.At(v))
		default:
			c.line = strconv.AppendFloat(c.line, v, 'g', -1, 64)
		}
	}
	if _, err := c.w.Write(append(c.line, '\n')); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

// appendQuoted writes a text in quotes, which are doubled within it.
func appendQuoted(line, text []byte) []byte {
	line = append(line, '"')
	for _, b := range text {
		if b == '"' {
			line = append(line, '"')
		}
		line = append(line, b)
	}
	return append(line, '"')
}

// Close writes what is buffered. It does not close the underlying writer.
func (c *CSVWriter) Close() error {
	if err := c.w.Flush(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}
