package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// setting is one condition under which figures were measured.
type setting struct {
	name  string
	value any // a string, a number or a bool
}

// settings keep the order in which they were given.
type settings []setting

// MarshalJSON writes an object with its keys in order.
func (s settings) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, it := range s {
		if i > 0 {
			out.WriteByte(',')
		}
		pair, err := json.Marshal(it.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(it.value)
		if err != nil {
			return nil, fmt.Errorf("encode setting %s: %w", it.name, err)
		}
		out.Write(append(append(pair, ':'), value...))
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// figure is one measured number. Its own settings are what tells it from others of the
// same name, such as the model that it is about.
type figure struct {
	name  string
	value float64
	unit  string
	own   settings
}

// report is what a benchmark has measured.
type report struct {
	bench    string
	settings settings
	figures  []figure
}

func (r *report) add(name string, value float64, unit string, own ...setting) {
	r.figures = append(r.figures, figure{name, value, unit, own})
}

// print writes the report: a table, or one JSON object a line.
func (b *bench) print(r *report, asJSON bool) error {
	if asJSON {
		lines := json.NewEncoder(b.stdout)
		for _, f := range r.figures {
			if math.IsNaN(f.value) || math.IsInf(f.value, 0) {
				return fmt.Errorf("print figure %s: %v is not a number", f.name, f.value)
			}
			if err := lines.Encode(struct {
				Bench    string   `json:"bench"`
				Figure   string   `json:"figure"`
				Value    float64  `json:"value"`
				Unit     string   `json:"unit"`
				Settings settings `json:"settings"`
			}{r.bench, f.name, f.value, f.unit, append(slices.Clone(f.own), r.settings...)}); err != nil {
				return fmt.Errorf("print figure %s: %w", f.name, err)
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(b.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nbench %s\n", r.bench)
	for _, s := range r.settings {
		fmt.Fprintf(w, "  %s\t%v\n", s.name, s.value)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, block := range r.blocks() {
		fmt.Fprintln(w)
		for _, row := range block {
			fmt.Fprintln(w, "  "+strings.Join(row, "\t"))
		}
		if err := w.Flush(); err != nil { // each block has columns of its own
			return err
		}
	}
	return nil
}

// blocks are the figures as tables: a list of those that stand alone, and below it, for
// figures that several subjects have, a line for each subject.
func (r *report) blocks() [][][]string {
	var list, lines [][]string
	subjects := map[string]int{} // -> index into lines
	header := []string{""}
	for _, f := range r.figures {
		if len(f.own) == 0 {
			list = append(list, []string{f.name, strings.TrimSpace(number(f.value) + " " + f.unit)})
			continue
		}
		column := slices.Index(header, f.name)
		if column < 0 {
			column, header = len(header), append(header, f.name)
		}
		line, ok := subjects[f.own.String()]
		if !ok {
			line = len(lines)
			subjects[f.own.String()], lines = line, append(lines, []string{f.own.String()})
		}
		for len(lines[line]) <= column {
			lines[line] = append(lines[line], "")
		}
		lines[line][column] = strings.TrimSpace(number(f.value) + " " + f.unit)
	}
	var blocks [][][]string
	if len(list) > 0 {
		blocks = append(blocks, list)
	}
	if len(lines) > 0 {
		blocks = append(blocks, append([][]string{header}, lines...))
	}
	return blocks
}

// String is the settings as people read them in a line of a table.
func (s settings) String() string {
	var words []string
	for _, it := range s {
		words = append(words, fmt.Sprint(it.value))
	}
	return strings.Join(words, "; ")
}

// number writes a value with about four significant digits.
func number(v float64) string {
	a := math.Abs(v)
	if v == math.Trunc(v) && a < 1e15 || a >= 1000 {
		return thousands(strconv.FormatFloat(v, 'f', 0, 64))
	}
	decimals := 4
	if a >= 1 {
		decimals = 3 - int(math.Floor(math.Log10(a)))
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

func thousands(digits string) string {
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
