package pipeline

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decodeProblem puts an error of the YAML library into the words of this package. file is nil where it could not be parsed.
func decodeProblem(file *ast.File, err error) Problem {
	var at yaml.Error
	if !errors.As(err, &at) {
		return Problem{Message: err.Error()}
	}
	p := Problem{Message: at.GetMessage()}
	if t := at.GetToken(); t != nil {
		p.Line = t.Position.Line
		p.Field = fieldAt(file, t)
	}
	var unknown *yaml.UnknownFieldError
	var twice *yaml.DuplicateKeyError
	var wrong *yaml.TypeError
	switch {
	case errors.As(err, &unknown):
		p.Message += "; correct its spelling or remove it"
	case errors.As(err, &twice):
		p.Message += "; remove one of them"
	case errors.As(err, &wrong):
		p.Message = fmt.Sprintf("%q: write %s", at.GetToken().Value, expected(wrong.DstType))
	}
	return p
}

// expected says what to write for a Go type.
func expected(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list"
	default:
		return "fields, as in pipelines/creditcard.yaml"
	}
}

// durationProblems checks the durations ahead of decoding, because the library's error for them does not say where it is.
func durationProblems(file *ast.File) []Problem {
	var problems []Problem
	for _, field := range []string{"stream.commit_interval", "stream.segment"} {
		node := nodeAt(file, field)
		if node == nil {
			continue
		}
		text := node.GetToken().Value
		if _, err := time.ParseDuration(text); err != nil {
			problems = append(problems, Problem{
				Line: node.GetToken().Position.Line, Field: field,
				Message: fmt.Sprintf("%q: write a duration like 25ms, 30s or 5m", text),
			})
		}
	}
	return problems
}

// nodeAt finds a field such as "features[3].column"; nil where it is not written.
func nodeAt(file *ast.File, field string) ast.Node {
	path, err := yaml.PathString("$." + field)
	if err != nil {
		return nil
	}
	node, err := path.FilterFile(file)
	if err != nil {
		return nil
	}
	return node
}

// lineOf finds the line of a field; of the closest one around it where it is not written.
func lineOf(file *ast.File, field string) int {
	for field != "" {
		if node := nodeAt(file, field); node != nil {
			return node.GetToken().Position.Line
		}
		field = field[:max(0, strings.LastIndexAny(field, ".["))]
	}
	return 1
}

// fieldAt finds the field whose value is written at a token; "" where there is none.
func fieldAt(file *ast.File, t *token.Token) string {
	if file == nil {
		return ""
	}
	f := finder{at: t.Position.Offset}
	for _, doc := range file.Docs {
		ast.Walk(&f, doc)
	}
	return strings.TrimPrefix(f.path, "$.")
}

// finder visits nodes and remembers the path of the last one that starts at an offset.
type finder struct {
	at   int
	path string
}

// Visit implements ast.Visitor.
func (f *finder) Visit(n ast.Node) ast.Visitor {
	if t := n.GetToken(); t != nil && t.Position.Offset == f.at && n.GetPath() != "$" {
		f.path = n.GetPath()
	}
	return f
}
