package tracking

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// keyTag carries the caller's key on everything this package creates; looking for it is what makes creation idempotent.
const keyTag = "idempotency_key"

// pair is a tag or a parameter as MLflow sends and takes it.
type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// pairs puts tags into a fixed order, so that the same call is the same bytes.
func pairs(tags map[string]string) []pair {
	list := make([]pair, 0, len(tags)+1)
	for key, value := range tags {
		list = append(list, pair{key, value})
	}
	slices.SortFunc(list, func(a, b pair) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// keyed is pairs with the caller's key added.
func keyed(tags map[string]string, key string) []pair {
	return append(pairs(tags), pair{keyTag, key})
}

func tagsOf(list []pair) map[string]string {
	tags := make(map[string]string, len(list))
	for _, p := range list {
		tags[p.Key] = p.Value
	}
	return tags
}

// checkKey refuses a key that could not be looked for: MLflow's filter language has no escape for a quote.
func checkKey(key string) error {
	if key == "" || len(key) > 250 {
		return fmt.Errorf("%w: key of %d bytes, must have 1 to 250", ErrInvalid, len(key))
	}
	for _, r := range key {
		if r < ' ' || r > '~' || strings.ContainsRune("'\"`\\%", r) {
			return fmt.Errorf("%w: key %q contains %q", ErrInvalid, key, r)
		}
	}
	return nil
}

// keyFilter finds what carries the key.
func keyFilter(key string) string { return "tags." + keyTag + " = '" + key + "'" }

// number is a metric's value. JSON has no NaN or infinity; MLflow takes and gives them as strings.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	switch f := float64(n); {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Infinity"`), nil
	default:
		return json.Marshal(f)
	}
}

func (n *number) UnmarshalJSON(data []byte) error {
	text := string(data)
	if len(text) > 1 && text[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("metric value %.40q is not a number", text)
	}
	*n = number(f)
	return nil
}
