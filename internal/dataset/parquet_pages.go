package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// maxPageBytes bounds one page, unpacked. Writers make pages of about a mebibyte, or of a whole column of a row group.
const maxPageBytes = 256 << 20

// checkPages walks the page headers of the wanted columns before the library reads any page. The library allocates what
// a header claims; so each claim is held against the file, the row group and the limits first.
func checkPages(r io.ReaderAt, size int64, file *parquet.File, columns []*parquet.Column, opts ReadOptions) error {
	for g, group := range file.Metadata().RowGroups {
		for _, column := range columns {
			if column.Index() >= len(group.Columns) {
				return fmt.Errorf("%w: row group %d has no column %q", ErrCorrupt, g, column.Name())
			}
			if err := checkChunk(r, size, &group.Columns[column.Index()].MetaData, group.NumRows, opts); err != nil {
				return fmt.Errorf("row group %d: column %q: %w", g, column.Name(), err)
			}
		}
	}
	return nil
}

func checkChunk(r io.ReaderAt, size int64, chunk *format.ColumnMetaData, rows int64, opts ReadOptions) error {
	start, length := chunk.DataPageOffset, chunk.TotalCompressedSize
	if dictionary := chunk.DictionaryPageOffset; dictionary > 0 && dictionary < start {
		start = dictionary
	}
	if start < 0 || length < 0 || start > size || length > size-start {
		return fmt.Errorf("%w: pages at %d of %d bytes in a file of %d", ErrCorrupt, start, length, size)
	}
	if rows < 0 || rows > int64(opts.MaxRows) || chunk.NumValues != rows {
		return fmt.Errorf("%w: %d values for %d rows", ErrCorrupt, chunk.NumValues, rows)
	}
	pages := bufio.NewReader(io.NewSectionReader(r, start, length))
	var protocol thrift.CompactProtocol
	decoder := thrift.NewDecoder(protocol.NewReader(pages))
	var values int64
	for {
		if _, err := pages.Peek(1); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		var page format.PageHeader
		if err := decoder.Decode(&page); err != nil {
			return fmt.Errorf("%w: page header after %d of %d values: %w", ErrCorrupt, values, rows, err)
		}
		n, err := pageValues(&page)
		if err != nil {
			return err
		}
		values += n
		if n > rows || values > rows {
			return fmt.Errorf("%w: pages of more than %d values", ErrCorrupt, rows)
		}
		if _, err := pages.Discard(int(page.CompressedPageSize)); err != nil && !errors.Is(err, io.EOF) {
			return err
		} else if err != nil {
			return fmt.Errorf("%w: a page is cut short", ErrCorrupt)
		}
	}
	if values != rows {
		return fmt.Errorf("%w: pages of %d values for %d rows", ErrCorrupt, values, rows)
	}
	return nil
}

// pageValues tells how many rows a page adds to its column, and refuses sizes that cannot be true. A page of zero
// values is refused for data pages: no writer makes one, and a file full of them would be read without an end in sight.
func pageValues(page *format.PageHeader) (int64, error) {
	if page.CompressedPageSize < 0 || page.UncompressedPageSize < 0 || page.UncompressedPageSize > maxPageBytes {
		return 0, fmt.Errorf("%w: a page of %d bytes, unpacked %d (at most %d)", ErrCorrupt, page.CompressedPageSize, page.UncompressedPageSize, maxPageBytes)
	}
	switch page.Type {
	case format.DataPage:
		if n := page.DataPageHeader.V.NumValues; page.DataPageHeader.Valid && n > 0 {
			return int64(n), nil
		}
	case format.DataPageV2:
		if h := page.DataPageHeaderV2.V; page.DataPageHeaderV2.Valid && h.NumValues > 0 && h.NumNulls >= 0 && h.NumNulls <= h.NumValues {
			return int64(h.NumValues), nil
		}
	case format.DictionaryPage:
		// The narrowest dictionary entry is a bit, so its values are bounded by the bytes of its page.
		if h := page.DictionaryPageHeader.V; page.DictionaryPageHeader.Valid && h.NumValues >= 0 && int64(h.NumValues) <= 8*int64(page.UncompressedPageSize) {
			return 0, nil
		}
	case format.IndexPage:
		return 0, nil
	}
	return 0, fmt.Errorf("%w: a page of type %v with an impossible header", ErrCorrupt, page.Type)
}
