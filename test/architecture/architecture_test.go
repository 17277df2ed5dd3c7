// Package architecture keeps the arrows between packages pointing the way that the
// design says, by asking the go command and not by convention.
package architecture

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "temporal-streaming/"

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Deps", module+"...")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var list []pkg
	for d := json.NewDecoder(out); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		list = append(list, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(list) < 10 {
		t.Fatalf("only %d packages found", len(list))
	}
	return list
}

func uses(imports []string, prefix string) bool {
	return slices.ContainsFunc(imports, func(i string) bool { return i == prefix || strings.HasPrefix(i, prefix+"/") })
}

func TestNothingInternalKnowsTemporal(t *testing.T) {
	for _, p := range packages(t) {
		if strings.HasPrefix(p.ImportPath, "internal/") && uses(p.Deps, "go.temporal.io") {
			t.Errorf("%s depends on go.temporal.io", p.ImportPath)
		}
	}
}

func TestOneRoomForEachHeavyDependency(t *testing.T) {
	for dependency, room := range map[string]string{
		"github.com/confluentinc/confluent-kafka-go/v2": "internal/stream",
		"github.com/minio/minio-go/v7":                  "internal/artifact",
		"gorgonia.org/gorgonia":                         "internal/model",
		"github.com/parquet-go/parquet-go":              "internal/dataset",
		"gonum.org/v1/plot":                             "internal/evaluate",
		"github.com/jedib0t/go-pretty/v6":               "starter",
	} {
		for _, p := range packages(t) {
			inside := p.ImportPath == room || strings.HasPrefix(p.ImportPath, room+"/")
			if !inside && uses(p.Imports, dependency) {
				// The benchmarks measure the bare client beside the loop.
				if p.ImportPath == "bench" || strings.HasPrefix(p.ImportPath, "bench/") {
					continue
				}
				t.Errorf("%s imports %s; only %s should", p.ImportPath, dependency, room)
			}
		}
	}
}

func TestWorkflowsKnowOnlyMessages(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != "workflows" {
			continue
		}
		for _, i := range p.Imports {
			if rest, ours := strings.CutPrefix(i, module); ours && rest != "internal/job" && rest != "internal/pipeline" && rest != "activities" {
				t.Errorf("workflows imports %s", rest)
			}
		}
	}
}

// TestArrowsPointDown lists, for each room, the rooms that it may know.
func TestArrowsPointDown(t *testing.T) {
	below := map[string][]string{
		"internal/record":   {},
		"internal/job":      {},
		"internal/config":   {},
		"internal/awake":    {},
		"internal/sysmon":   {},
		"internal/artifact": {},
		"internal/tracking": {},
		"internal/model":    {},
		"internal/evaluate": {},
		"internal/pipeline": {},
		"internal/dataset":  {"record"},
		"internal/feature":  {"record", "pipeline"},
		"internal/score":    {"record", "pipeline", "feature", "model"},
		"internal/stream":   {"record", "score", "stream/crossing", "stream/transact"},
		"internal/registry": {"score", "tracking"},
		"internal/training": {"artifact", "audit", "dataset", "evaluate", "feature", "job", "model", "pipeline", "registry", "score", "tracking"},
		"internal/protocol": {"dataset", "evaluate", "feature", "model", "pipeline", "training"},
		"internal/audit":    {"feature", "model", "pipeline", "record", "score"},
		"internal/history":  {"artifact", "feature", "score", "stream"},
		"internal/connect":  {"artifact", "config", "registry", "serving", "stream", "tracking"},
		"internal/serving":  {"artifact", "audit", "feature", "history", "job", "pipeline", "record", "registry", "score", "stream"},
	}
	for _, p := range packages(t) {
		allowed, listed := below[p.ImportPath]
		if !listed {
			if strings.HasPrefix(p.ImportPath, "internal/") && strings.Count(p.ImportPath, "/") == 1 {
				t.Errorf("%s has no place in the order of rooms; give it one here", p.ImportPath)
			}
			continue
		}
		for _, i := range p.Imports {
			rest, ours := strings.CutPrefix(i, module+"internal/")
			if ours && !slices.Contains(allowed, rest) {
				t.Errorf("%s imports internal/%s", p.ImportPath, rest)
			}
		}
	}
}
