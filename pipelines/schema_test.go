package pipelines

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"temporal-streaming/internal/pipeline"
)

var update = flag.Bool("update", false, "write pipeline.schema.json anew")

func TestTheSchemaForEditorsIsThatOfTheParser(t *testing.T) {
	got, err := pipeline.JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile("pipeline.schema.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("pipeline.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("pipeline.schema.json is not what the parser's types give; run with -update")
	}
}

// node is as much of JSON Schema as the file uses.
type node struct {
	Type       string           `json:"type"`
	Enum       []string         `json:"enum"`
	Pattern    string           `json:"pattern"`
	Properties map[string]*node `json:"properties"`
	Required   []string         `json:"required"`
	Items      *node            `json:"items"`
}

// faults lists what of a value the schema does not allow.
func (n *node) faults(at string, value any) []string {
	switch v := value.(type) {
	case map[string]any:
		var found []string
		for _, name := range n.Required {
			if _, ok := v[name]; !ok {
				found = append(found, at+"."+name+" is missing")
			}
		}
		for name, member := range v {
			if n.Properties[name] == nil {
				found = append(found, at+"."+name+" is not known")
				continue
			}
			found = append(found, n.Properties[name].faults(at+"."+name, member)...)
		}
		return found
	case []any:
		var found []string
		for _, item := range v {
			if n.Items == nil {
				return []string{at + " is no list"}
			}
			found = append(found, n.Items.faults(at+"[]", item)...)
		}
		return found
	case string:
		if n.Type != "string" || n.Enum != nil && !slices.Contains(n.Enum, v) || n.Pattern != "" && !regexp.MustCompile(n.Pattern).MatchString(v) {
			return []string{at + ": " + v}
		}
	case uint64, int64:
		if n.Type != "integer" && n.Type != "number" {
			return []string{at + " is a number"}
		}
	case float64:
		if n.Type != "number" {
			return []string{at + " is a fraction"}
		}
	}
	return nil
}

func TestEveryPipelineFitsTheSchemaForEditorsAndAMistakeDoesNot(t *testing.T) {
	file, err := os.ReadFile("pipeline.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema node
	if err := json.Unmarshal(file, &schema); err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		source, err := os.ReadFile(name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var value map[string]any
		if err := yaml.Unmarshal(source, &value); err != nil {
			t.Fatal(err)
		}
		if faults := schema.faults(name, value); len(faults) > 0 {
			t.Errorf("%s: %v", name, faults)
		}
		value["lables"] = "delayed"
		value["labels"] = "sometimes"
		delete(value, "sink")
		if faults := schema.faults(name, value); len(faults) != 3 {
			t.Errorf("%s: three mistakes give %v", name, faults)
		}
	}
}

// The manual says that its example is complete.
func TestTheExampleOfTheManualIsValid(t *testing.T) {
	manual, err := os.ReadFile("../docs/pipelines.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(manual), "\n    name: machines\n")
	if !found {
		t.Fatal("the manual has no example")
	}
	source := "name: machines\n"
	for line := range strings.Lines(after) {
		indented, ok := strings.CutPrefix(line, "    ")
		if !ok {
			break
		}
		source += indented
	}
	d, err := pipeline.Parse("machines.yaml", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Features) != 7 || len(d.Stages()) != 2 {
		t.Errorf("%d features in %d stages", len(d.Features), len(d.Stages()))
	}
}
