package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The handbook's data lie beside the project, and polars is installed at the first run: CI has both.
func TestEveryFeatureOfTheHandbookEqualsPolars(t *testing.T) {
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
	if code := run(t.Context(), os.Environ(), []string{"features", "--check", "--runs", "1", "--json"}, nil, &stdout, &stderr); code != exitOK {
		t.Fatalf("exit %d\n%s", code, &stderr)
	}
	if !strings.Contains(stdout.String(), `"figure":"equal_values","value":26312325`) {
		t.Errorf("not all values of 15 features of 1,754,155 transactions were compared:\n%s", &stdout)
	}
}
