package main

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/record"
	"temporal-streaming/pipelines"
)

func testMessages(t *testing.T, seed uint64) *messages {
	t.Helper()
	m, err := newMessages(seed)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMessagesAreTheSameForASeedAndDifferBetweenSeeds(t *testing.T) {
	a, b, c := testMessages(t, 1), testMessages(t, 1), testMessages(t, 2)
	var ka, kb, kc [36]byte
	for _, n := range []int64{0, 1, messageRows, 399_999} {
		a.key(ka[:], n)
		b.key(kb[:], n)
		c.key(kc[:], n)
		if ka != kb || string(a.value(nil, n)) != string(b.value(nil, n)) {
			t.Fatalf("message %d differs from itself", n)
		}
		if ka == kc {
			t.Fatalf("message %d has the same key under another seed", n)
		}
		if u, err := uuid.ParseBytes(ka[:]); err != nil || u.Version() != 4 {
			t.Fatalf("key %s is not a random UUID: %v", ka, err)
		}
	}
}

func TestMessagesAreWhatThePipelineReads(t *testing.T) {
	d, err := pipelines.Load(pipelineName)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := feature.Schema(d.StreamSchema())
	if err != nil {
		t.Fatal(err)
	}
	m := testMessages(t, 1)
	decoder := record.NewDecoder(schema, record.Limits{})
	var rows record.Rows
	for n := range int64(1000) {
		rows.Reset()
		if _, err := decoder.Decode(m.value(nil, n), &rows); err != nil {
			t.Fatalf("message %d: %v", n, err)
		}
		if rows.N != 1 || len(rows.Row(0)) != 29 {
			t.Fatalf("message %d has %d rows", n, rows.N)
		}
	}
	var value struct {
		ID int64 `json:"id"`
	}
	if err := json.Unmarshal(m.value(nil, 123_456), &value); err != nil || value.ID != 123_456 {
		t.Fatalf("id %d, %v", value.ID, err)
	}
}

func TestMessagesHaveTheSizeOfTheSeeds(t *testing.T) {
	if size := testMessages(t, 1).bytes(); size < 600 || size > 700 {
		t.Fatalf("values have %d bytes", size)
	}
}

func TestMessagesShareAsManyKeysAsAreAskedFor(t *testing.T) {
	m := testMessages(t, 1)
	m.keys = 50
	seen := map[[36]byte]int{}
	for n := range int64(10_000) {
		var k [36]byte
		m.key(k[:], n)
		seen[k]++
	}
	for k, n := range seen {
		if n < 100 || n > 400 {
			t.Errorf("key %s has %d of 10000 messages", k, n)
		}
	}
	if len(seen) != 50 {
		t.Errorf("%d keys, want 50", len(seen))
	}
}
