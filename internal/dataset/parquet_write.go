package dataset

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"temporal-streaming/internal/record"
)

// rowGroupRows is how many rows a ParquetWriter gathers before it writes them: 31 columns of 64 Ki rows are 16 MiB.
const rowGroupRows = 1 << 16

// WriteParquet writes the table as Parquet: required columns in the table's order, INT64 for Int and Bool, UTF-8 for Text, DOUBLE for the
// rest (times as unix seconds), zstd. Equal tables give equal bytes under the same version of this program, so the file's digest stands for its content.
func WriteParquet(w io.Writer, t Table) error {
	if err := t.Check(); err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	p, err := NewParquetWriter(w, t.Columns)
	if err != nil {
		return err
	}
	p.Texts = t.Texts
	row := make([]float64, len(t.Columns))
	for r := range t.Len() {
		for c := range row {
			row[c] = t.Data[c][r]
		}
		if err := p.WriteRow(row); err != nil {
			return err
		}
	}
	return p.Close()
}

// ParquetWriter writes a Parquet file row by row in bounded memory. The bytes are those of WriteParquet.
type ParquetWriter struct {
	Texts *record.Texts // of the Text columns, set before the first row

	columns []Column
	file    *parquet.GenericWriter[any] // rows go in by column; the type parameter is of no use to us
	pending [][]float64                 // by column, at most rowGroupRows
}

// NewParquetWriter starts a file. Without Close the file is not readable.
func NewParquetWriter(w io.Writer, columns []Column) (*ParquetWriter, error) {
	if err := checkColumns(columns); err != nil {
		return nil, fmt.Errorf("write parquet: %w", err)
	}
	root := orderedGroup{Group: parquet.Group{}}
	for _, c := range columns {
		node := parquet.Leaf(parquet.DoubleType)
		switch c.Kind {
		case Int, Bool:
			node = parquet.Leaf(parquet.Int64Type)
		case Text:
			node = parquet.String()
		}
		root.fields = append(root.fields, namedField{Node: parquet.Encoded(node, &parquet.Plain), name: c.Name})
	}
	file := parquet.NewGenericWriter[any](w,
		parquet.NewSchema("table", root),
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
		parquet.CreatedBy("temporal-streaming", "1", ""), // the default names the build, and equal tables would differ
	)
	return &ParquetWriter{columns: columns, file: file, pending: make([][]float64, len(columns))}, nil
}

// WriteRow adds a row, one value for each column. A value that its column's kind does not allow is refused.
func (p *ParquetWriter) WriteRow(row []float64) error {
	if len(row) != len(p.columns) {
		return fmt.Errorf("write parquet: %w: %d values for %d columns", ErrSchema, len(row), len(p.columns))
	}
	for c, v := range row {
		err := p.columns[c].check(v)
		if err == nil && p.columns[c].Kind == Text {
			err = Table{Texts: p.Texts}.checkText(v)
		}
		if err != nil {
			return fmt.Errorf("write parquet: column %q: %w", p.columns[c].Name, err)
		}
	}
	for c, v := range row {
		p.pending[c] = append(p.pending[c], v)
	}
	if len(p.pending[0]) < rowGroupRows {
		return nil
	}
	return p.flush()
}

// Close writes the rest and the footer. It does not close the underlying writer.
func (p *ParquetWriter) Close() error {
	if err := p.flush(); err != nil {
		return err
	}
	if err := p.file.Close(); err != nil {
		return fmt.Errorf("write parquet: close: %w", err)
	}
	return nil
}

func (p *ParquetWriter) flush() error {
	if len(p.pending[0]) == 0 {
		return nil
	}
	for c, writer := range p.file.ColumnWriters() {
		if err := p.writeColumn(writer, p.columns[c].Kind, p.pending[c]); err != nil {
			return fmt.Errorf("write parquet: column %q: %w", p.columns[c].Name, err)
		}
		p.pending[c] = p.pending[c][:0]
	}
	if err := p.file.Flush(); err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	return nil
}

func (p *ParquetWriter) writeColumn(w *parquet.ColumnWriter, kind Kind, column []float64) error {
	var batch [512]parquet.Value // the library's values are three times the size of ours
	for len(column) > 0 {
		n := min(len(column), len(batch))
		for i, v := range column[:n] {
			switch kind {
			case Int, Bool:
				batch[i] = parquet.Int64Value(int64(v))
			case Text:
				batch[i] = parquet.ByteArrayValue(p.Texts.At(v))
			default:
				batch[i] = parquet.DoubleValue(v)
			}
		}
		written, err := w.WriteRowValues(batch[:n])
		if err != nil {
			return err
		}
		if written != n {
			return io.ErrShortWrite
		}
		column = column[n:]
	}
	return nil
}

// orderedGroup is a schema whose columns keep the table's order; the library's own groups sort them by name.
type orderedGroup struct {
	parquet.Group
	fields []parquet.Field
}

func (g orderedGroup) Fields() []parquet.Field { return g.fields }
