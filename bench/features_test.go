package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"temporal-streaming/internal/feature"
)

// checkFeatures runs the check of a pipeline's features. The handbook's data lie beside the project, and polars is installed at the
// first run: CI has both.
func checkFeatures(t *testing.T, args ...string) string {
	t.Helper()
	b := &bench{}
	if err := b.findRoot(); err != nil {
		t.Fatal(err)
	}
	installed, _ := filepath.Glob(filepath.Join(b.tools(), "peers-*", "lib", "python*", "site-packages", "polars")) // a constant pattern
	_, err := os.Stat(filepath.Join(b.root, handbookFile))
	if os.Getenv("CI") != "true" && (len(installed) == 0 || err != nil) {
		t.Skip("the handbook's data or polars are not here; `go run ./bench features --check` installs polars")
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), os.Environ(), append([]string{"features", "--check", "--runs", "1", "--stream=false", "--json"}, args...), nil, &stdout, &stderr); code != exitOK {
		t.Fatalf("exit %d\n%s", code, &stderr)
	}
	return stdout.String()
}

func TestEveryFeatureOfTheHandbookEqualsPolars(t *testing.T) {
	if out := checkFeatures(t); !strings.Contains(out, `"figure":"equal_values","value":26312325`) {
		t.Errorf("not all values of 15 features of 1,754,155 transactions were compared:\n%s", out)
	}
}

func TestTheRichFeaturesEqualPlainPython(t *testing.T) {
	if out := checkFeatures(t, "--pipeline", "transactions-rich"); !strings.Contains(out, `"figure":"equal_values","value":4929316`) {
		t.Errorf("not all values of 28 features of a tenth of the customers were compared:\n%s", out)
	}
}

func TestLargeSetOfFeaturesIsWhatItsNameSays(t *testing.T) {
	d, err := definition("testdata/handbook-88.yaml")
	if err != nil {
		t.Fatal(err)
	}
	program, err := feature.ProgramOf(d)
	if err != nil {
		t.Fatal(err)
	}
	if n := program.Width(); n != 88 {
		t.Errorf("%d features", n)
	}
}
