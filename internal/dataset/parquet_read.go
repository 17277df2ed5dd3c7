package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// ReadParquet reads the wanted columns of a Parquet file, in the wanted order. Any numeric physical type is taken
// (BOOLEAN as 0 and 1, INT32, INT64, FLOAT, DOUBLE; decimals by their scale; times as the number the file holds, in its
// own unit, or as unix seconds for a Time column); a column may be declared optional, but a null in it is an error. Errors name the row, counted from 0, and
// the column; a file without rows is an error.
//
// A damaged file gives an error and never a panic, and every size that its headers claim is held against ReadOptions and
// the file before anything is allocated for it. What this cannot bound is what the bytes inside a page unpack to: the
// library expands compressed and run-length-encoded pages as they come, so a file made with malice can cost gigabytes
// for a moment. Take Parquet files from people you trust, or read them under a memory limit.
func ReadParquet(r io.ReaderAt, size int64, want []Column, opts ReadOptions) (t Table, err error) {
	// The library panics on some malformed files. It holds no locks of ours and we share no state with it.
	defer func() {
		if p := recover(); p != nil {
			t, err = Table{}, fmt.Errorf("read parquet: %w: %v", ErrCorrupt, p)
		}
	}()
	opts = opts.withDefaults()
	if err := checkColumns(want); err != nil {
		return Table{}, fmt.Errorf("read parquet: %w", err)
	}
	file, err := openParquet(r, size, opts)
	if err != nil {
		return Table{}, fmt.Errorf("read parquet: %w", err)
	}
	columns, want, err := leaves(file, want, opts.IgnoreExtra)
	if err != nil {
		return Table{}, fmt.Errorf("read parquet: %w", err)
	}
	rows := file.NumRows()
	switch {
	case rows == 0:
		return Table{}, fmt.Errorf("read parquet: %w: no rows", ErrSchema)
	case rows < 0:
		return Table{}, fmt.Errorf("read parquet: %w: %d rows", ErrCorrupt, rows)
	case rows > int64(opts.MaxRows):
		return Table{}, fmt.Errorf("read parquet: %d rows: %w of %d rows", rows, ErrTooLarge, opts.MaxRows)
	}
	if err := checkPages(r, size, file, columns, opts); err != nil {
		return Table{}, fmt.Errorf("read parquet: %w", err)
	}
	t = newTable(want)
	words := words{texts: t.Texts}
	for c, column := range columns {
		values, err := readColumn(file, column, want[c], int(rows), &words)
		if err != nil {
			return Table{}, fmt.Errorf("read parquet: column %q: %w", want[c].Name, err)
		}
		t.Data[c] = values
	}
	return t, nil
}

func openParquet(r io.ReaderAt, size int64, opts ReadOptions) (*parquet.File, error) {
	if size > opts.MaxBytes {
		return nil, fmt.Errorf("%d bytes: %w of %d bytes", size, ErrTooLarge, opts.MaxBytes)
	}
	// The library allocates the footer at the size that the file claims, so the claim is held against the file first.
	var tail [8]byte
	if size < 12 {
		return nil, fmt.Errorf("%w: %d bytes are too few for a Parquet file", ErrCorrupt, size)
	}
	if _, err := r.ReadAt(tail[:], size-8); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if string(tail[4:]) != "PAR1" {
		return nil, fmt.Errorf("%w: not a Parquet file", ErrCorrupt)
	}
	if footer := int64(binary.LittleEndian.Uint32(tail[:])); footer > size-12 {
		return nil, fmt.Errorf("%w: a footer of %d bytes in a file of %d", ErrCorrupt, footer, size)
	}
	file, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return file, nil
}

// leaves finds the wanted columns, those of them that are there, and refuses what does not hold one number a row.
func leaves(file *parquet.File, want []Column, ignoreExtra bool) ([]*parquet.Column, []Column, error) {
	top := file.Root().Columns()
	names := make([]string, len(top))
	for i, column := range top {
		names[i] = column.Name()
	}
	position, want, err := positions(names, want, ignoreExtra)
	if err != nil {
		return nil, nil, err
	}
	columns := make([]*parquet.Column, len(want))
	for c, p := range position {
		column := top[p]
		if !column.Leaf() || column.Repeated() {
			return nil, nil, fmt.Errorf("%w: column %q is nested", ErrSchema, column.Name())
		}
		switch kind := column.Type().Kind(); {
		case want[c].Kind == Text && kind == parquet.ByteArray:
		case want[c].Kind == Text:
			return nil, nil, fmt.Errorf("%w: column %q is of type %s, not a text", ErrSchema, column.Name(), column.Type())
		case kind == parquet.Boolean, kind == parquet.Int32, kind == parquet.Int64, kind == parquet.Float, kind == parquet.Double:
		default:
			return nil, nil, fmt.Errorf("%w: column %q is of type %s, not a number", ErrSchema, column.Name(), column.Type())
		}
		columns[c] = column
	}
	return columns, want, nil
}

func readColumn(file *parquet.File, column *parquet.Column, want Column, rows int, words *words) ([]float64, error) {
	values := make([]float64, 0, rows)
	scale, factor := decimalScale(column), 1.0
	if want.Kind == Time {
		scale, factor = timeUnit(column)
	}
	unsigned := isUnsigned(column)
	for _, group := range file.RowGroups() {
		pages := group.ColumnChunks()[column.Index()].Pages()
		err := eachValue(pages, func(v parquet.Value) error {
			if len(values) == rows {
				return fmt.Errorf("%w: more values than the %d rows of the file", ErrCorrupt, rows)
			}
			x, err := 0.0, error(nil)
			if want.Kind == Text {
				x, err = textNumber(v, words)
			} else if x, err = number(v, unsigned); err == nil {
				x, err = want.settle(x * factor / scale)
			}
			if err != nil {
				return fmt.Errorf("row %d: %w", len(values), err)
			}
			values = append(values, x)
			return nil
		})
		if closeErr := pages.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return nil, err
		}
	}
	if len(values) != rows {
		return nil, fmt.Errorf("%w: %d values for %d rows", ErrCorrupt, len(values), rows)
	}
	return values, nil
}

func eachValue(pages parquet.Pages, do func(parquet.Value) error) error {
	var buffer [1024]parquet.Value
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		values := page.Values()
		for {
			n, err := values.ReadValues(buffer[:])
			for _, v := range buffer[:n] {
				if err := do(v); err != nil {
					parquet.Release(page)
					return err
				}
			}
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				parquet.Release(page)
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			} else if n == 0 {
				parquet.Release(page)
				return fmt.Errorf("%w: a page without an end", ErrCorrupt)
			}
		}
		parquet.Release(page)
	}
}
