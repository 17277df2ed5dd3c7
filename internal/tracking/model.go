package tracking

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"time"
)

// The files of a model's folder that programs read.
const (
	ONNXFile        = "model.onnx"
	PipelineFile    = "pipeline.yaml"
	FeatureSpecFile = "feature_spec.json"
	mlmodelFile     = "MLmodel"
)

// Model is what WriteModel puts into a logged model's folder.
type Model struct {
	ONNX        []byte    // one float32 input [batch, F], outputs probability [batch, 1] float32 and label [batch, 1] int64
	Pipeline    []byte    // the pipeline's YAML
	FeatureSpec []byte    // the fitted feature specification, JSON
	Features    []string  // the input's columns in order: the signature
	Example     []float64 // one row in that order, shown on the model's page
	Created     time.Time // a retry must carry the same
	Python      Python
}

// Python is the environment that MLflow's own tools build to serve the model. The zero value is one that was tested.
type Python struct {
	Version      string   // default 3.12.7
	Requirements []string // pip's, default: mlflow of the server's version, onnx, onnxruntime, numpy and pandas, pinned
}

func (p Python) withDefaults(server string) Python {
	if p.Version == "" {
		p.Version = "3.12.7"
	}
	if len(p.Requirements) == 0 {
		p.Requirements = []string{"mlflow==" + server, "onnx==" + onnxVersion, "onnxruntime==1.32.0", "numpy==2.4.6", "pandas==3.1.1"}
	}
	return p
}

const onnxVersion = "1.23.2"

// Manifest holds the SHA-256 in hex of each file of a model. It goes into the registered version's tags, where ModelFile
// finds what a file must be.
type Manifest map[string]string

// WriteModel writes the model's folder, verifies that all of it arrived and marks the model ready. MLmodel, without which no
// client loads anything, goes last. Afterwards `mlflow.pyfunc.load_model` takes named double columns and answers a frame
// with probability and label.
func (c *Client) WriteModel(ctx context.Context, to LoggedModel, m Model) (Manifest, error) {
	manifest, err := c.writeModel(ctx, to, m)
	if err != nil {
		return nil, fmt.Errorf("write model %s: %w", to.ID, err)
	}
	return manifest, nil
}

func (c *Client) writeModel(ctx context.Context, to LoggedModel, m Model) (Manifest, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	server, err := c.ServerVersion(ctx)
	if err != nil {
		return nil, err
	}
	files, err := m.files(to, server)
	if err != nil {
		return nil, err
	}
	last := len(files) - 1
	if err := c.PutArtifacts(ctx, to.Artifacts, files[:last]); err != nil {
		return nil, err
	}
	if err := c.PutArtifacts(ctx, to.Artifacts, files[last:]); err != nil {
		return nil, err
	}
	if err := c.markReady(ctx, to.ID); err != nil {
		return nil, err
	}
	manifest := Manifest{}
	for _, f := range files {
		sum := sha256.Sum256(f.Data)
		manifest[f.Path] = hex.EncodeToString(sum[:])
	}
	return manifest, nil
}

func (m Model) check() error {
	switch {
	case len(m.ONNX) == 0 || len(m.Pipeline) == 0 || len(m.FeatureSpec) == 0:
		return fmt.Errorf("%w: model of %d bytes, pipeline of %d, feature specification of %d: none may be empty",
			ErrInvalid, len(m.ONNX), len(m.Pipeline), len(m.FeatureSpec))
	case len(m.Features) == 0 || len(m.Example) != len(m.Features):
		return fmt.Errorf("%w: %d features, example row of %d values", ErrInvalid, len(m.Features), len(m.Example))
	case m.Created.IsZero():
		return fmt.Errorf("%w: no creation time", ErrInvalid)
	}
	seen := map[string]bool{}
	for i, name := range m.Features {
		if name == "" || seen[name] {
			return fmt.Errorf("%w: feature %d has an empty or repeated name %q", ErrInvalid, i, name)
		}
		seen[name] = true
		if v := m.Example[i]; math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%w: example of feature %s is not finite", ErrInvalid, name)
		}
	}
	return nil
}
