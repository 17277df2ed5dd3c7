package screen

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// Cut shortens a line to width cells so that a terminal never wraps it, which
// would break redrawing. Colours do not count, and are closed where the cut falls.
func Cut(line string, width int) string {
	if width <= 0 || text.StringWidthWithoutEscSequences(line) <= width {
		return line
	}
	cut := text.Trim(line, width-1) + "…"
	if strings.Contains(cut, text.EscapeStart) {
		cut += text.EscapeReset
	}
	return cut
}
