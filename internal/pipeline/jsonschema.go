package pipeline

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// schemaNode is a JSON Schema, as far as this language needs it.
type schemaNode struct {
	Schema     string                 `json:"$schema,omitempty"`
	Title      string                 `json:"title,omitempty"`
	Type       string                 `json:"type,omitempty"`
	Enum       []string               `json:"enum,omitempty"`
	Pattern    string                 `json:"pattern,omitempty"`
	Properties map[string]*schemaNode `json:"properties,omitempty"`
	Required   []string               `json:"required,omitempty"`
	Items      *schemaNode            `json:"items,omitempty"`
	Closed     *bool                  `json:"additionalProperties,omitempty"`
}

// The words that a type of this language allows.
var words = map[reflect.Type][]string{
	reflect.TypeFor[Transform]():       {string(Log1p)},
	reflect.TypeFor[Calendar]():        {string(Hour), string(Night), string(Weekend)},
	reflect.TypeFor[Arrival]():         {string(Delayed), string(AsTheyArrive)},
	reflect.TypeFor[ClassWeight]():     {string(Balanced), string(Unweighted)},
	reflect.TypeFor[Stop]():            {string(StopEarly), string(StopNever)},
	reflect.TypeFor[SearchStrategy]():  {string(RandomSearch), string(SuccessiveHalving)},
	reflect.TypeFor[Scale]():           {string(LinearScale), string(LogScale)},
	reflect.TypeFor[Loss]():            {string(CrossEntropy), string(Focal)},
	reflect.TypeFor[ThresholdPolicy](): {string(MaxF1), string(PrecisionAtLeast), string(RecallAtLeast)},
	reflect.TypeFor[Delivery]():        {string(ExactlyOnce), string(AtLeastOnce)},
	reflect.TypeFor[SinkKind]():        {string(Kafka), string(Console)},
	reflect.TypeFor[LabelClass]():      {string(PositiveLabel), string(NegativeLabel)},
	reflect.TypeFor[Aggregate]():       texts(aggregates),
}

func texts[T ~string](words []T) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}

// Fields that a file cannot do without.
var required = map[reflect.Type][]string{
	reflect.TypeFor[Definition](): {"name", "schema", "label", "source", "features", "sink"},
	reflect.TypeFor[Column]():     {"name", "type"},
	reflect.TypeFor[Label]():      {"column", "positive"},
	reflect.TypeFor[Source]():     {"topic"},
	reflect.TypeFor[Feature]():    {"name"},
}

// JSONSchema returns the JSON Schema of a pipeline's file, for editors that complete and check while one writes. It is made from
// the types that Parse fills; Parse checks more than it can say.
func JSONSchema() ([]byte, error) {
	root := nodeOf(reflect.TypeFor[Definition]())
	root.Schema, root.Title = "https://json-schema.org/draft/2020-12/schema", "A pipeline"
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("make JSON Schema: %w", err)
	}
	return b, nil
}

func nodeOf(t reflect.Type) *schemaNode {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return &schemaNode{Type: "string", Pattern: `^([0-9.]+(ns|us|ms|s|m|h))+$`}
	case t == reflect.TypeFor[Span]():
		return &schemaNode{Type: "string", Pattern: `^([0-9]+([smhd]|rows)|all|label_delay)$`}
	case t == reflect.TypeFor[Type]():
		return &schemaNode{Type: "string", Pattern: `^(text|int|float|time|bool|decimal\([0-6]\))$`}
	case words[t] != nil:
		return &schemaNode{Type: "string", Enum: words[t]}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return nodeOf(t.Elem())
	case reflect.Bool:
		return &schemaNode{Type: "boolean"}
	case reflect.Struct:
		closed := false
		node := &schemaNode{Type: "object", Properties: map[string]*schemaNode{}, Required: required[t], Closed: &closed}
		for i := range t.NumField() {
			if name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); name != "" {
				node.Properties[name] = nodeOf(t.Field(i).Type)
			}
		}
		return node
	case reflect.Slice:
		return &schemaNode{Type: "array", Items: nodeOf(t.Elem())}
	case reflect.Int, reflect.Int64:
		return &schemaNode{Type: "integer"}
	case reflect.Float64:
		return &schemaNode{Type: "number"}
	default:
		return &schemaNode{Type: "string"}
	}
}
