package dataset

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// ReadCSV reads comma-separated text with a header line, plain or gzip (told by its first bytes), quoted or not, with or
// without a byte order mark. The table has the wanted columns in the wanted order, whatever their order in the file.
// Errors name the line, counted from 1 for the header, and the column; a file without rows is an error.
func ReadCSV(r io.Reader, want []Column, opts ReadOptions) (Table, error) {
	opts = opts.withDefaults()
	if err := checkColumns(want); err != nil {
		return Table{}, fmt.Errorf("read csv: %w", err)
	}
	text, err := plain(r)
	if err != nil {
		return Table{}, fmt.Errorf("read csv: %w", err)
	}
	lines := csv.NewReader(&boundedText{r: text, bytesLeft: opts.MaxBytes, lineLimit: opts.MaxLine, maxBytes: opts.MaxBytes})
	lines.ReuseRecord = true

	header, err := lines.Read()
	if errors.Is(err, io.EOF) {
		return Table{}, fmt.Errorf("read csv: %w: the file is empty", ErrSchema)
	} else if err != nil {
		return Table{}, readError(err)
	}
	position, want, err := positions(header, want, opts.IgnoreExtra)
	if err != nil {
		return Table{}, fmt.Errorf("read csv: line 1: %w", err)
	}
	t := newTable(want)
	words := words{texts: t.Texts}
	for {
		record, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return Table{}, readError(err)
		}
		if t.Len() == opts.MaxRows {
			return Table{}, fmt.Errorf("read csv: %w of %d rows", ErrTooLarge, opts.MaxRows)
		}
		for c, column := range want {
			v, err := column.parse(record[position[c]], &words)
			if err != nil {
				line, _ := lines.FieldPos(position[c])
				return Table{}, fmt.Errorf("read csv: line %d: column %q: %w", line, column.Name, err)
			}
			t.Data[c] = append(t.Data[c], v)
		}
	}
	if t.Len() == 0 {
		return Table{}, fmt.Errorf("read csv: %w: a header but no rows", ErrSchema)
	}
	return t, nil
}

// plain strips gzip, if there is any, and a byte order mark.
func plain(r io.Reader) (*bufio.Reader, error) {
	text := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := text.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzip, err := gzip.NewReader(text)
		if err != nil {
			return nil, fmt.Errorf("%w gzip: %w", ErrCorrupt, err)
		}
		text = bufio.NewReaderSize(unzip, 1<<16)
	}
	if mark, _ := text.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		if _, err := text.Discard(3); err != nil {
			return nil, err
		}
	}
	return text, nil
}

// positions finds each wanted column in the header, and leaves out optional ones that are not there.
func positions(header []string, want []Column, ignoreExtra bool) ([]int, []Column, error) {
	wanted := make(map[string]int, len(want))
	for i, c := range want {
		wanted[c.Name] = i
	}
	position := make([]int, len(want))
	for i := range position {
		position[i] = -1
	}
	var extra, missing []string
	for i, name := range header {
		name = strings.TrimSpace(name)
		switch c, ok := wanted[name]; {
		case !ok:
			extra = append(extra, name)
		case position[c] >= 0:
			return nil, nil, fmt.Errorf("%w: column %q is there twice", ErrSchema, name)
		default:
			position[c] = i
		}
	}
	var there []int
	var found []Column
	for i, p := range position {
		switch {
		case p >= 0:
			there, found = append(there, p), append(found, want[i])
		case !want[i].Optional:
			missing = append(missing, want[i].Name)
		}
	}
	if len(missing) > 0 {
		return nil, nil, fmt.Errorf("%w: missing columns: %s (found: %s)", ErrSchema, list(missing), list(header))
	}
	if len(extra) > 0 && !ignoreExtra {
		return nil, nil, fmt.Errorf("%w: unknown columns: %s", ErrSchema, list(extra))
	}
	return there, found, nil
}

// list quotes the first few names for an error message.
func list(names []string) string {
	const most = 40
	quoted := make([]string, 0, min(len(names), most+1))
	for i, name := range names {
		if i == most {
			quoted = append(quoted, fmt.Sprintf("and %d more", len(names)-most))
			break
		}
		quoted = append(quoted, fmt.Sprintf("%.40q", name))
	}
	return strings.Join(quoted, ", ")
}

// parse takes decimal numbers only: Go's parser would also take hexadecimal ones, infinities and NaN. Times may be numbers,
// RFC 3339, or RFC 3339 without a zone, which is UTC then; bools may be words.
func (c Column) parse(text string, words *words) (float64, error) {
	if c.Kind == Text {
		return words.number(text)
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, fmt.Errorf("%w: no value", ErrSchema)
	}
	switch {
	case c.Kind == Bool && strings.EqualFold(text, "true"):
		return 1, nil
	case c.Kind == Bool && strings.EqualFold(text, "false"):
		return 0, nil
	case c.Kind == Time && len(text) > 10 && text[4] == '-':
		return parseTime(text)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.ContainsAny(text, "xX_") {
		return 0, fmt.Errorf("%w: %.40q is not a %s number that fits", ErrSchema, text, c.Kind)
	}
	return c.settle(v)
}

func parseTime(text string) (float64, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04:05Z07:00"} {
		if at, err := time.Parse(layout, text); err == nil {
			return float64(at.Unix()) + float64(at.Nanosecond())/1e9, nil
		}
	}
	return 0, fmt.Errorf("%w: %.40q is no time such as 2018-07-25T06:12:09Z", ErrSchema, text)
}

func readError(err error) error {
	var syntax *csv.ParseError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("read csv: line %d: %w: %w", syntax.Line, ErrCorrupt, syntax.Err)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("read csv: %w gzip: %w", ErrCorrupt, err)
	}
	return fmt.Errorf("read csv: %w", err)
}

// boundedText passes text on until it has too many bytes or too long a line. It counts what it has read from below, so
// a line is cut off before the CSV reader gathers it in memory.
type boundedText struct {
	r         io.Reader
	maxBytes  int64
	bytesLeft int64
	lineLimit int
	lineBytes int
	lines     int
}

func (b *boundedText) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.bytesLeft -= int64(n); b.bytesLeft < 0 {
		return 0, fmt.Errorf("%w of %d bytes", ErrTooLarge, b.maxBytes)
	}
	for rest := p[:n]; ; b.lines++ {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			b.lineBytes += len(rest)
		} else {
			b.lineBytes += end
		}
		if b.lineBytes > b.lineLimit {
			return 0, fmt.Errorf("line %d: %w of %d bytes a line", b.lines+1, ErrTooLarge, b.lineLimit)
		}
		if end < 0 {
			return n, err
		}
		b.lineBytes, rest = 0, rest[end+1:]
	}
}
