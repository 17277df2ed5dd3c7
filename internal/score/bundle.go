package score

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// Errors of Open. None of them goes away by trying again.
var (
	// ErrDigest is returned when a file's bytes are not those that were registered. None of the files has been parsed then.
	ErrDigest = errors.New("digest mismatch")
	// ErrMismatch is returned when the files are each well formed but do not belong together.
	ErrMismatch = errors.New("the model's files do not fit together")
)

// File is the content of a file and the SHA-256 that it must have, in hexadecimal.
type File struct {
	Data   []byte
	SHA256 string
}

// BundleFiles is a registered model as it was downloaded.
type BundleFiles struct {
	Name, Version string // in the registry, as predictions will name them
	ONNX          File
	Definition    File // the pipeline's YAML
	Spec          File // feature.Spec as JSON
}

// Bundle is a model ready to score. It is not changed by its engines and may be shared by them.
type Bundle struct {
	Name, Version string
	Definition    *pipeline.Definition
	Spec          feature.Spec
	Model         *model.Model
}

// Open checks the digests of all files, then parses them, then checks that they belong together: the spec is the definition's,
// and the model takes the spec's features in its order.
func Open(files BundleFiles) (*Bundle, error) {
	b, err := open(files)
	if err != nil {
		return nil, fmt.Errorf("load bundle %s@%s: %w", files.Name, files.Version, err)
	}
	return b, nil
}

func open(files BundleFiles) (*Bundle, error) {
	for _, f := range []struct {
		name string
		File
	}{{"onnx", files.ONNX}, {"definition", files.Definition}, {"spec", files.Spec}} {
		sum := sha256.Sum256(f.Data)
		if got := hex.EncodeToString(sum[:]); !strings.EqualFold(got, f.SHA256) {
			return nil, fmt.Errorf("%s: %w: want %q, got %s", f.name, ErrDigest, f.SHA256, got)
		}
	}
	definition, err := pipeline.Parse("definition of "+files.Name+"@"+files.Version, files.Definition.Data)
	if err != nil {
		return nil, err
	}
	spec, err := feature.ReadSpec(files.Spec.Data)
	if err != nil {
		return nil, err
	}
	m, err := model.ReadONNX(files.ONNX.Data)
	if err != nil {
		return nil, err
	}
	b := &Bundle{Name: files.Name, Version: files.Version, Definition: definition, Spec: spec, Model: m}
	return b, b.check()
}

func (b *Bundle) check() error {
	if !feature.SpecOf(b.Definition).Equal(b.Spec) {
		return fmt.Errorf("%w: the feature spec is not the definition's", ErrMismatch)
	}
	if b.Model.Width() != len(b.Spec.Features) {
		return fmt.Errorf("%w: the model takes %d features, the spec has %d", ErrMismatch, b.Model.Width(), len(b.Spec.Features))
	}
	if !slices.Equal(b.Model.Features, b.Spec.Names()) {
		return fmt.Errorf("%w: the model's features are named or ordered otherwise than the spec's", ErrMismatch)
	}
	return nil
}

// compile makes the program of the bundle's features, over the rows of its stream. Its stages find the records that labels are of.
func (b *Bundle) compile() (*feature.Program, *record.Schema, error) {
	schema, err := feature.Schema(b.Definition.StreamSchema())
	if err != nil {
		return nil, nil, err
	}
	program, err := feature.NewProgram(b.Spec, schema)
	if err == nil && b.Definition.LooksAtLabels() {
		err = program.IdentifyBy(schema, b.Definition.ID)
	}
	return program, schema, err
}
