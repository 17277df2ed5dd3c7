package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"temporal-streaming/internal/dataset"
)

// parquetMark is how a Parquet file begins.
const parquetMark = "PAR1"

// checkData fails where there is no file to read, before servers are asked to take it.
func checkData(path string) error {
	f, err := os.Open(path)
	if err == nil {
		defer f.Close() // only looked at
		var info os.FileInfo
		if info, err = f.Stat(); err == nil && info.IsDir() {
			err = fmt.Errorf("read %s: it is a directory", path)
		}
	}
	if err != nil {
		return fail(err, "Give the path of a CSV or Parquet file.")
	}
	return nil
}

// readTable reads a CSV (plain or gzip) or Parquet file, told apart by content, and
// tells progress how many bytes of how many it has read.
func readTable(path string, want []dataset.Column, extra bool, progress func(read, size int64)) (dataset.Table, error) {
	if err := checkData(path); err != nil {
		return dataset.Table{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return dataset.Table{}, fail(err, "Check that the file can be read.")
	}
	defer f.Close() // only read
	info, err := f.Stat()
	if err != nil {
		return dataset.Table{}, fail(fmt.Errorf("read %s: %w", path, err), "Check that the file can be read.")
	}
	mark := make([]byte, len(parquetMark))
	n, err := f.ReadAt(mark, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return dataset.Table{}, fail(fmt.Errorf("read %s: %w", path, err), "Check that the file can be read.")
	}
	size := info.Size()
	options := dataset.ReadOptions{IgnoreExtra: extra}
	var table dataset.Table
	if bytes.Equal(mark[:n], []byte(parquetMark)) {
		table, err = dataset.ReadParquet(f, size, want, options)
		progress(size, size)
	} else {
		table, err = dataset.ReadCSV(&meter{r: f, size: size, progress: progress}, want, options)
	}
	if err != nil {
		return dataset.Table{}, fail(fmt.Errorf("%s: %w", path, err), "Correct the file; the columns that are wanted: %s.", columnList(want))
	}
	return table, nil
}

// meter reports how far a reader is.
type meter struct {
	r          io.Reader
	read, size int64
	progress   func(read, size int64)
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.read += int64(n)
	m.progress(m.read, m.size)
	return n, err
}

// columnList names columns, shortened when there are many.
func columnList(columns []dataset.Column) string {
	out := ""
	for i, c := range columns {
		if i > 0 {
			out += ", "
		}
		if i == 3 && len(columns) > 6 {
			return fmt.Sprintf("%s… %s (%d)", out, columns[len(columns)-1].Name, len(columns))
		}
		out += c.Name
	}
	return out
}
