package tracking

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// files are the model's folder, MLmodel last. They depend on nothing but the arguments, so a retry writes the same bytes.
func (m Model) files(to LoggedModel, server string) ([]File, error) {
	python := m.Python.withDefaults(server)
	split := frameSplit{Columns: m.Features, Data: [][]float64{m.Example}}
	example, err := json.Marshal(split)
	if err != nil {
		return nil, err
	}
	serving, err := json.Marshal(struct {
		Split frameSplit `json:"dataframe_split"`
	}{split})
	if err != nil {
		return nil, err
	}
	environment, err := yaml.Marshal(pythonEnv{
		Python: python.Version, Build: []string{"pip", "setuptools", "wheel"}, Dependencies: []string{"-r requirements.txt"},
	})
	if err != nil {
		return nil, err
	}
	files := []File{
		{ONNXFile, m.ONNX},
		{PipelineFile, m.Pipeline},
		{FeatureSpecFile, m.FeatureSpec},
		{"requirements.txt", []byte(strings.Join(python.Requirements, "\n") + "\n")},
		{"python_env.yaml", environment},
		{"conda.yaml", condaEnv(python)},
		{"input_example.json", example},
		{"serving_input_example.json", serving},
	}
	size := 0
	for _, f := range files {
		size += len(f.Data)
	}
	description, err := m.describe(to, server, python, size)
	if err != nil {
		return nil, err
	}
	return append(files, File{mlmodelFile, description}), nil
}

// describe writes MLmodel, the file by which MLflow's clients and pages know what the folder holds.
func (m Model) describe(to LoggedModel, server string, python Python, size int) ([]byte, error) {
	columns := make([]Column, len(m.Features))
	for i, name := range m.Features {
		// double although the graph takes float32: pandas columns are float64, which MLflow refuses for float.
		columns[i] = Column{Name: name, Type: "double"}
	}
	inputs, err := columnSpec(columns)
	if err != nil {
		return nil, err
	}
	outputs, err := columnSpec([]Column{{Name: "probability", Type: "float"}, {Name: "label", Type: "long"}})
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(mlmodel{
		Path: string(to.Artifacts),
		Flavors: flavors{
			ONNX: onnxFlavor{Data: ONNXFile, Version: onnxVersion, Providers: []string{"CPUExecutionProvider"}},
			Function: functionFlavor{
				Data: ONNXFile, Env: functionEnv{Conda: "conda.yaml", Virtualenv: "python_env.yaml"}, Loader: "mlflow.onnx", Python: python.Version,
			},
		},
		Version: server, ModelID: to.ID, UUID: to.ID, RunID: to.RunID, Size: size,
		Example: exampleInfo{
			Path: "input_example.json", Orient: "split", ServingPath: "serving_input_example.json", Type: "dataframe",
		},
		Signature: signature{Inputs: inputs, Outputs: outputs},
		Created:   m.Created.UTC().Format("2006-01-02 15:04:05.000000"),
	})
}

func condaEnv(python Python) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "channels:\n- conda-forge\ndependencies:\n- python=%s\n- pip\n- pip:\n", python.Version)
	for _, r := range python.Requirements {
		fmt.Fprintf(&b, "  - %s\n", r)
	}
	b.WriteString("name: mlflow-env\n")
	return []byte(b.String())
}

type frameSplit struct {
	Columns []string    `json:"columns"`
	Data    [][]float64 `json:"data"`
}

type pythonEnv struct {
	Python       string   `yaml:"python"`
	Build        []string `yaml:"build_dependencies"`
	Dependencies []string `yaml:"dependencies"`
}

type mlmodel struct {
	Path      string      `yaml:"artifact_path"`
	Flavors   flavors     `yaml:"flavors"`
	TypeHint  bool        `yaml:"is_signature_from_type_hint"`
	Version   string      `yaml:"mlflow_version"`
	ModelID   string      `yaml:"model_id"`
	Size      int         `yaml:"model_size_bytes"`
	UUID      string      `yaml:"model_uuid"` // the model's id, since MLflow 3
	Prompts   *string     `yaml:"prompts"`    // always null
	RunID     string      `yaml:"run_id"`
	Example   exampleInfo `yaml:"saved_input_example_info"`
	Signature signature   `yaml:"signature"`
	HintFrom  bool        `yaml:"type_hint_from_example"`
	Created   string      `yaml:"utc_time_created"`
}

type flavors struct {
	ONNX     onnxFlavor     `yaml:"onnx"`
	Function functionFlavor `yaml:"python_function"`
}

type onnxFlavor struct {
	Code      *string  `yaml:"code"` // always null: a model carries no code
	Data      string   `yaml:"data"`
	Options   *string  `yaml:"onnx_session_options"` // always null
	Version   string   `yaml:"onnx_version"`
	Providers []string `yaml:"providers"`
}

type functionFlavor struct {
	Data   string      `yaml:"data"`
	Env    functionEnv `yaml:"env"`
	Loader string      `yaml:"loader_module"`
	Python string      `yaml:"python_version"`
}

type functionEnv struct {
	Conda      string `yaml:"conda"`
	Virtualenv string `yaml:"virtualenv"`
}

type exampleInfo struct {
	Path        string `yaml:"artifact_path"`
	Orient      string `yaml:"pandas_orient"`
	ServingPath string `yaml:"serving_input_path"`
	Type        string `yaml:"type"`
}

// signature holds JSON documents as strings, as MLflow writes them.
type signature struct {
	Inputs  string  `yaml:"inputs"`
	Outputs string  `yaml:"outputs"`
	Params  *string `yaml:"params"` // always null
}
