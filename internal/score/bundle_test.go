package score

import (
	"errors"
	"strings"
	"testing"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/pipeline"
)

func TestOpenGivesWhatWasRegistered(t *testing.T) {
	b := opened(t, smallFiles(t))
	if b.Name != "small" || b.Version != "3" || b.Definition.Source.Topic != "input" || b.Model.Width() != 2 || b.Model.Threshold != 0.75 {
		t.Errorf("bundle %+v", b)
	}
}

func TestOpenChecksEveryDigestBeforeItParses(t *testing.T) {
	for name, spoil := range map[string]func(*BundleFiles){
		"onnx":       func(f *BundleFiles) { f.ONNX.Data = append([]byte(nil), "not a model"...) },
		"definition": func(f *BundleFiles) { f.Definition.Data = []byte("not: [yaml") },
		"spec":       func(f *BundleFiles) { f.Spec.SHA256 = digest([]byte("another")) },
		"none given": func(f *BundleFiles) { f.Spec.SHA256 = "" },
	} {
		files := smallFiles(t)
		spoil(&files)
		if name == "spec" {
			files.ONNX = file([]byte("not a model")) // would fail to parse, but must not come to it
		}
		_, err := Open(files)
		if !errors.Is(err, ErrDigest) || !strings.HasPrefix(err.Error(), "load bundle small@3: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenTakesADigestInCapitals(t *testing.T) {
	files := smallFiles(t)
	files.ONNX.SHA256 = strings.ToUpper(files.ONNX.SHA256)
	opened(t, files)
}

func TestOpenRefusesFilesThatDoNotBelongTogether(t *testing.T) {
	otherSpec, err := feature.Spec{Format: 1, Features: []feature.Input{{Name: "x", Column: "x"}, {Name: "ln", Column: "n"}}}.JSON()
	if err != nil {
		t.Fatal(err)
	}
	narrow := smallModel()
	narrow.Features = narrow.Features[:1]
	narrow.Preparation = model.Preparation{SignedLog: []bool{false}, Mean: []float32{0}, Scale: []float32{1}, Clip: 30}
	narrow.Members = []model.MLP{{Layers: []model.Layer{{In: 1, Out: 1, Weights: []float32{2}, Bias: []float32{0}}}}}
	swapped := smallModel()
	swapped.Features = []string{"ln", "x"}
	for name, spoil := range map[string]func(*BundleFiles){
		"spec of another definition": func(f *BundleFiles) { f.Spec = file(otherSpec) },
		"model of fewer features":    func(f *BundleFiles) { f.ONNX = onnxOf(t, narrow) },
		"model of another order":     func(f *BundleFiles) { f.ONNX = onnxOf(t, swapped) },
	} {
		files := smallFiles(t)
		spoil(&files)
		if _, err := Open(files); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func onnxOf(t *testing.T, m *model.Model) File {
	t.Helper()
	b, err := m.ONNX()
	if err != nil {
		t.Fatal(err)
	}
	return file(b)
}

func TestOpenRefusesFilesThatCannotBeRead(t *testing.T) {
	files := smallFiles(t)
	files.ONNX = file([]byte("not a model"))
	if _, err := Open(files); err == nil || errors.Is(err, ErrDigest) {
		t.Errorf("onnx: %v", err)
	}
	files = smallFiles(t)
	files.Definition = file([]byte("name: x"))
	var invalid *pipeline.InvalidError
	if _, err := Open(files); !errors.As(err, &invalid) {
		t.Errorf("definition: %v", err)
	}
	files = smallFiles(t)
	files.Spec = file([]byte("{}"))
	if _, err := Open(files); !errors.Is(err, feature.ErrSpec) {
		t.Errorf("spec: %v", err)
	}
}
