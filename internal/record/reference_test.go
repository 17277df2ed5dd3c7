package record

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"
	"time"
)

// reference decodes as Decoder does, on top of encoding/json and without any thought of speed. It returns nil rows for
// what must be refused.
func reference(value []byte, s *Schema, l Limits) (rows []float64, id string) {
	if len(value) > l.MaxBytes || !json.Valid(value) {
		return nil, ""
	}
	members, ok := membersOf(value)
	if !ok {
		return nil, ""
	}
	if id, ok = referenceID(members); !ok {
		return nil, ""
	}
	columns, hasColumns, ok1 := single(members, "columns")
	data, hasData, ok2 := single(members, "data")
	if !ok1 || !ok2 {
		return nil, ""
	}
	var names []json.RawMessage
	var table []json.RawMessage
	switch {
	case hasColumns && hasData:
		mustUnmarshal(columns, &names)
		mustUnmarshal(data, &table)
	case hasColumns:
		return nil, ""
	default:
		var row []json.RawMessage
		for _, m := range members {
			names = append(names, m.key)
			row = append(row, m.value)
		}
		encoded, err := json.Marshal(row)
		if err != nil {
			return nil, ""
		}
		table = []json.RawMessage{encoded}
	}
	if len(table) == 0 || len(table) > l.MaxRows {
		return nil, ""
	}
	at := map[string]int{}
	for i, raw := range names {
		var name string
		if raw[0] != '"' || json.Unmarshal(raw, &name) != nil {
			continue
		}
		if _, wanted := s.Index(name); !wanted {
			continue
		}
		if _, twice := at[name]; twice {
			return nil, ""
		}
		at[name] = i
	}
	for _, raw := range table {
		var row []json.RawMessage
		if raw[0] != '[' || json.Unmarshal(raw, &row) != nil || len(row) != len(names) {
			return nil, ""
		}
		for _, f := range s.Fields() {
			i, ok := at[f.Name]
			if !ok {
				return nil, ""
			}
			v, ok := referenceValue(row[i], f.Kind)
			if !ok {
				return nil, ""
			}
			rows = append(rows, v)
		}
	}
	return rows, id
}

func mustUnmarshal(raw json.RawMessage, into *[]json.RawMessage) {
	if err := json.Unmarshal(raw, into); err != nil {
		panic(err) // it was checked to be an array
	}
}

func referenceValue(raw json.RawMessage, kind Kind) (float64, bool) {
	var v float64
	if raw[0] == 'n' {
		return 0, false
	}
	if kind == Time && raw[0] == '"' {
		var s string
		var at time.Time
		if json.Unmarshal(raw, &s) != nil || len(s) > len("2006-01-02T15:04:05.999999999+00:00") || at.UnmarshalText([]byte(s)) != nil {
			return 0, false
		}
		if s[len("2006-01-02T15")] != ':' {
			return 0, false // an hour of one digit, which RFC 3339 does not know and package time lets pass
		}
		return float64(at.Unix()) + float64(at.Nanosecond())/1e9, true
	}
	if json.Unmarshal(raw, &v) != nil {
		return 0, false
	}
	if kind == Int && (v != math.Trunc(v) || math.Abs(v) > 1<<53) {
		return 0, false
	}
	return v, true
}

// rawMember is a member of an object, with its key still in quotes.
type rawMember struct{ key, value json.RawMessage }

// membersOf splits an object into its members, repeated ones included.
func membersOf(value []byte) ([]rawMember, bool) {
	d := json.NewDecoder(bytes.NewReader(value))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	var members []rawMember
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, false
		}
		quoted, err := json.Marshal(key)
		if err != nil {
			return nil, false
		}
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return nil, false
		}
		members = append(members, rawMember{quoted, raw})
	}
	_, err := d.Token()
	return members, err == nil || err == io.EOF
}

// single finds the array of that name; ok is false where there are two.
func single(members []rawMember, name string) (array json.RawMessage, found, ok bool) {
	for _, m := range members {
		if string(m.key) == `"`+name+`"` && m.value[0] == '[' {
			if found {
				return nil, true, false
			}
			array, found = m.value, true
		}
	}
	return array, found, true
}

func referenceID(members []rawMember) (id string, ok bool) {
	found := false
	for _, m := range members {
		if string(m.key) != `"id"` {
			continue
		}
		if found || strings.ContainsRune("{[tf", rune(m.value[0])) || len(m.value) > MaxIDBytes {
			return "", false
		}
		found = true
		if m.value[0] != 'n' {
			id = string(m.value)
		}
	}
	return id, true
}

// depth is how deep the brackets of valid JSON are nested.
func depth(value []byte) int {
	now, deepest := 0, 0
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			now++
			deepest = max(deepest, now)
		case json.Delim('}'), json.Delim(']'):
			now--
		}
	}
}
