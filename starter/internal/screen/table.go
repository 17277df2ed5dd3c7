package screen

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Column heads a table's column; numbers go to the right.
type Column struct {
	Name  string
	Right bool
}

// Table draws rows under columns, without a frame, two spaces apart: it stays
// readable when it is copied into a chat or cut by a narrow terminal. It ends
// with a newline. Rows may be shorter than the columns.
func (s Style) Table(columns []Column, rows [][]string) string {
	t := table.NewWriter()
	t.SetStyle(house)
	head := make(table.Row, len(columns))
	configs := make([]table.ColumnConfig, len(columns))
	for i, c := range columns {
		head[i] = s.Dim(c.Name)
		configs[i] = table.ColumnConfig{Number: i + 1}
		if c.Right {
			configs[i].Align, configs[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(head)
	for _, r := range rows {
		row := make(table.Row, len(r))
		for i, cell := range r {
			row[i] = cell
		}
		t.AppendRow(row)
	}
	t.SuppressTrailingSpaces()
	return t.Render() + "\n"
}

// Pairs draws names and values under one another.
func (s Style) Pairs(rows [][2]string) string {
	width := 0
	for _, r := range rows {
		width = max(width, text.StringWidthWithoutEscSequences(r[0]))
	}
	out := ""
	for _, r := range rows {
		out += "  " + s.Dim(Pad(r[0], width)) + "  " + r[1] + "\n"
	}
	return out
}

// house is the style of all tables.
var house = table.Style{
	Name:    "house",
	Box:     table.BoxStyle{PaddingLeft: "  ", MiddleHorizontal: "─", UnfinishedRow: "…"},
	Format:  table.FormatOptions{Header: text.FormatDefault, Row: text.FormatDefault},
	Options: table.OptionsNoBordersAndSeparators,
}
