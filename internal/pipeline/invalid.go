package pipeline

import (
	"fmt"
	"strings"
)

// Problem is one thing to mend in a definition.
type Problem struct {
	Line    int    // 1-based; 0: the file as a whole
	Field   string // "stream.shards"; empty where the YAML itself is wrong
	Message string // what is wrong, and what to write instead
}

// InvalidError lists all that is wrong with a definition. Nothing of such a definition is used.
type InvalidError struct {
	File     string
	Problems []Problem
}

// Error puts every problem on a line of its own, as file:line: field: message.
func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		where := e.File
		if p.Line > 0 {
			where = fmt.Sprintf("%s:%d", e.File, p.Line)
		}
		if p.Field != "" {
			where += ": " + p.Field
		}
		lines[i] = where + ": " + p.Message
	}
	return strings.Join(lines, "\n")
}

func invalid(file string, problems ...Problem) error {
	return &InvalidError{File: file, Problems: problems}
}
