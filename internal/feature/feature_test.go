package feature

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
	"temporal-streaming/pipelines"
)

func schemaOf(t testing.TB, names ...string) *record.Schema {
	t.Helper()
	columns := make([]pipeline.Column, len(names))
	for i, name := range names {
		columns[i] = pipeline.Column{Name: name, Type: pipeline.Float}
	}
	s, err := Schema(columns)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func compiled(t testing.TB, schema *record.Schema, inputs ...Input) *Plan {
	t.Helper()
	p, err := Compile(Spec{Format: FormatVersion, Features: inputs}, schema)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestVectorFollowsTheSpecsOrderNotTheRows(t *testing.T) {
	p := compiled(t, schemaOf(t, "a", "b", "c"),
		Input{Name: "c", Column: "c"}, Input{Name: "la", Column: "a", Transform: pipeline.Log1p}, Input{Name: "c again", Column: "c"})
	x := make([]float32, p.Width())
	if !p.Vector([]float64{math.E - 1, 7, 0.1}, x) {
		t.Error("finite features are called not finite")
	}
	if want := []float32{0.1, 1, 0.1}; !slices.Equal(x, want) {
		t.Errorf("vector %v, want %v", x, want)
	}
	if !slices.Equal(p.Names(), []string{"c", "la", "c again"}) {
		t.Errorf("names %v", p.Names())
	}
}

func TestVectorReportsWhatFloat32CannotHold(t *testing.T) {
	p := compiled(t, schemaOf(t, "a", "b"), Input{Name: "a", Column: "a"}, Input{Name: "l", Column: "b", Transform: pipeline.Log1p})
	tests := []struct {
		row    []float64
		finite bool
	}{
		{[]float64{0, 0}, true},
		{[]float64{math.MaxFloat32, 1e300}, true},
		{[]float64{-1e39, 0}, false},
		{[]float64{1e39, 0}, false},
		{[]float64{0, -1}, false}, // ln 0
		{[]float64{0, -2}, false}, // ln of a negative
		{[]float64{1e-60, 0}, true},
	}
	for _, test := range tests {
		if got := p.Vector(test.row, make([]float32, 2)); got != test.finite {
			t.Errorf("%v is finite: %v, want %v", test.row, got, test.finite)
		}
	}
}

// Training compiles the spec against the whole file's columns, the stream against the message's: the vectors must agree.
func TestTrainingAndStreamComputeTheSameBits(t *testing.T) {
	d, err := pipelines.Load("creditcard")
	if err != nil {
		t.Fatal(err)
	}
	training, err := Schema(d.TrainingSchema())
	if err != nil {
		t.Fatal(err)
	}
	stream, err := Schema(d.StreamSchema())
	if err != nil {
		t.Fatal(err)
	}
	trainingPlan, err := Compile(SpecOf(d), training)
	if err != nil {
		t.Fatal(err)
	}
	streamPlan, err := Compile(SpecOf(d), stream)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		wide := rapid.SliceOfN(rapid.Float64(), training.Width(), training.Width()).Draw(t, "row")
		narrow := make([]float64, stream.Width())
		for i, f := range stream.Fields() {
			at, _ := training.Index(f.Name)
			narrow[i] = wide[at]
		}
		a, b := make([]float32, trainingPlan.Width()), make([]float32, streamPlan.Width())
		if trainingPlan.Vector(wide, a) != streamPlan.Vector(narrow, b) {
			t.Fatal("they disagree on what is finite")
		}
		for i := range a {
			if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
				t.Fatalf("feature %d: %v in training, %v on the stream", i, a[i], b[i])
			}
		}
	})
}

func TestSpecSurvivesItsJSON(t *testing.T) {
	d, err := pipelines.Load("creditcard")
	if err != nil {
		t.Fatal(err)
	}
	written, err := SpecOf(d).JSON()
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadSpec(written)
	if err != nil {
		t.Fatal(err)
	}
	if read.Format != FormatVersion || !slices.Equal(read.Features, SpecOf(d).Features) {
		t.Errorf("read %+v", read)
	}
	again, err := read.JSON()
	if err != nil || !bytes.Equal(written, again) {
		t.Errorf("the same spec gives other bytes (%v)", err)
	}
}

func TestReadSpecRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, text := range []string{
		``, `{}`, `[]`, `{"format":4,"features":[]}`, `{"format":1,"features":[],"code":"x"}`, `{"format":1,"features":[]} x`, `{"format":1`,
	} {
		if _, err := ReadSpec([]byte(text)); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestCompileRefusesASpecThatDoesNotFit(t *testing.T) {
	schema := schemaOf(t, "a")
	for name, inputs := range map[string][]Input{
		"none":              nil,
		"missing column":    {{Name: "b", Column: "b"}},
		"no name":           {{Column: "a"}},
		"same name":         {{Name: "a", Column: "a"}, {Name: "a", Column: "a"}},
		"unknown transform": {{Name: "a", Column: "a", Transform: "sqrt"}},
	} {
		if _, err := Compile(Spec{Format: FormatVersion, Features: inputs}, schema); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadSpecNeverPanics(f *testing.F) {
	f.Add([]byte(`{"format":1,"features":[{"name":"a","column":"a","transform":"log1p"}]}`))
	f.Add([]byte(`{"format":1,"features":null}`))
	schema := schemaOf(f, "a", "b")
	f.Fuzz(func(t *testing.T, text []byte) {
		spec, err := ReadSpec(text)
		if err != nil {
			if !errors.Is(err, ErrSpec) {
				t.Fatalf("error %v is not ErrSpec", err)
			}
			return
		}
		if p, err := Compile(spec, schema); err == nil {
			p.Vector([]float64{1, 2}, make([]float32, p.Width()))
		}
	})
}

func wide(t testing.TB) (*Plan, []float64) {
	d, err := pipelines.Load("creditcard")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := Schema(d.StreamSchema())
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(SpecOf(d), schema)
	if err != nil {
		t.Fatal(err)
	}
	return p, make([]float64, schema.Width())
}

func TestVectorAllocatesNothing(t *testing.T) {
	p, row := wide(t)
	x := make([]float32, p.Width())
	if n := testing.AllocsPerRun(100, func() { p.Vector(row, x) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkVector(b *testing.B) {
	p, row := wide(b)
	x := make([]float32, p.Width())
	b.ReportAllocs()
	for b.Loop() {
		p.Vector(row, x)
	}
}
