package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxBytes bounds a definition; the largest that makes sense is far below.
const maxBytes = 1 << 20

// Parse reads a definition. name is the file's, for messages. The error, if any, is an *InvalidError.
func Parse(name string, source []byte) (*Definition, error) {
	if len(source) > maxBytes {
		return nil, invalid(name, Problem{Message: fmt.Sprintf("has %d bytes; a definition has at most %d", len(source), maxBytes)})
	}
	file, err := parser.ParseBytes(source, 0)
	if err != nil {
		return nil, invalid(name, syntaxProblem(err))
	}
	if len(file.Docs) > 1 {
		return nil, invalid(name, Problem{
			Line:    file.Docs[1].GetToken().Position.Line,
			Message: "a second document starts here; write one pipeline per file",
		})
	}
	d := defaults()
	if err := yaml.NewDecoder(bytes.NewReader(source), yaml.Strict()).Decode(d); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, invalid(name, Problem{Line: 1, Message: "is empty; copy pipelines/creditcard.yaml and change it"})
		}
		return nil, invalid(name, syntaxProblem(err))
	}
	d.complete()
	d.yaml = bytes.Clone(source)
	if problems := d.validate(); len(problems) > 0 {
		for i := range problems {
			problems[i].Line = lineOf(file, problems[i].Field)
		}
		return nil, invalid(name, problems...)
	}
	return d, nil
}

// defaults holds what a file need not say.
func defaults() *Definition {
	return &Definition{
		Source: Source{Format: "json", Start: Earliest},
		Model: Model{
			Kind: "mlp", Hidden: []int{32, 16}, Members: 1, Clip: 30, Epochs: 40, Batch: 256,
			LearningRate: 1e-3, Patience: 8, Seed: 1,
		},
		Training:  Training{Split: Split{Train: 0.6, Validation: 0.2, Test: 0.2}, ClassWeight: Unweighted, NegativeWeight: 1},
		Threshold: Threshold{Policy: MaxF1},
		Decision:  Decision{Positive: "positive", Negative: "negative"},
		Gates:     Gates{MaxAPDrop: 0.02, MaxParityGap: 1e-6},
		Stream: Stream{
			Shards: 1, Delivery: ExactlyOnce, CommitInterval: 25 * time.Millisecond, Segment: 30 * time.Minute, MaxBatch: 4096,
		},
		Sink: Sink{Kind: Kafka},
	}
}

// complete fills in the defaults that depend on other fields.
func (d *Definition) complete() {
	for i := range d.Features {
		if d.Features[i].Column == "" {
			d.Features[i].Column = d.Features[i].Name
		}
	}
	if d.Sink.DeadLetters == "" && d.Source.Topic != "" {
		d.Sink.DeadLetters = d.Source.Topic + ".dlq"
	}
}

// syntaxProblem takes line and message from an error of the YAML library.
func syntaxProblem(err error) Problem {
	var at yaml.Error
	if !errors.As(err, &at) {
		return Problem{Message: err.Error()}
	}
	p := Problem{Message: at.GetMessage()}
	if t := at.GetToken(); t != nil {
		p.Line = t.Position.Line
	}
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) {
		p.Message += "; correct its spelling or remove it"
	}
	return p
}

// lineOf finds the line of a field such as "features[3].column"; of the closest one around it where it is not written.
func lineOf(file *ast.File, field string) int {
	for field != "" {
		if path, err := yaml.PathString("$." + field); err == nil {
			if node, err := path.FilterFile(file); err == nil && node != nil {
				return node.GetToken().Position.Line
			}
		}
		cut := strings.LastIndexAny(field, ".[")
		if cut < 0 {
			break
		}
		field = field[:cut]
	}
	return 1
}
