// Package docs holds what is written for people, and this test, which holds it against the repository: what a page names is there.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = ".."

// pages are all Markdown files of the repository, by their paths in it.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	walk(t, func(path string) {
		if filepath.Ext(path) == ".md" {
			all[path] = read(t, path)
		}
	})
	if len(all) < 10 {
		t.Fatalf("only %d pages", len(all))
	}
	return all
}

// walk visits the files of the repository, and nothing that a build or the local stack has left.
func walk(t *testing.T, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || path == filepath.Join(root, "bin")) {
			return filepath.SkipDir
		}
		if !d.IsDir() {
			visit(strings.TrimPrefix(path, root+"/"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func exists(path string) bool {
	_, err := os.Stat(filepath.Join(root, path))
	return err == nil
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fenced  = regexp.MustCompile("(?s)```.*?```")
)

// anchors are the fragments that GitHub makes of a page's headings.
func anchors(page string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		name := link.ReplaceAllString(strings.ToLower(m[1]), "]")
		name = regexp.MustCompile(`[^\p{L}\p{N}\- ]`).ReplaceAllString(name, "")
		all[strings.ReplaceAll(name, " ", "-")] = true
	}
	return all
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	all := pages(t)
	links := 0
	for path, page := range all {
		for _, m := range link.FindAllStringSubmatch(page, -1) {
			target, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue // others' pages are theirs
			}
			links++
			to := path
			if target != "" {
				to = filepath.Join(filepath.Dir(path), target)
			}
			if !exists(to) {
				t.Errorf("%s links to %s, which is not there", path, m[1])
			} else if fragment != "" && !anchors(all[to])[fragment] {
				t.Errorf("%s links to %s, and %s has no such heading", path, m[1], to)
			}
		}
	}
	if links < 50 {
		t.Errorf("only %d links were looked at", links)
	}
}

// A place in the repository, as pages name it: `internal/stream`, `bench/perf-shares.py`.
var place = regexp.MustCompile("`((?:internal|bench|starter|worker|workflows|activities|pipelines|devstack|deploy|docs|test|scripts)/[A-Za-z0-9_./-]*)`")

func TestEveryPlaceThatIsNamedIsThere(t *testing.T) {
	places := 0
	for path, page := range pages(t) {
		for _, m := range place.FindAllStringSubmatch(page, -1) {
			places++
			if !exists(m[1]) && !exists(filepath.Join(filepath.Dir(path), m[1])) {
				t.Errorf("%s names `%s`, which is not there", path, m[1])
			}
		}
	}
	if places < 20 {
		t.Errorf("only %d places were looked at", places)
	}
}

var (
	named    = regexp.MustCompile(`\bTest[A-Z][A-Za-z0-9]+`)
	declared = regexp.MustCompile(`(?m)^func (Test[A-Z][A-Za-z0-9]+)\(`)
)

// failures.md says of each failure which test tries it.
func TestEveryTestThatIsNamedIsThere(t *testing.T) {
	tests := map[string]bool{}
	walk(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			for _, m := range declared.FindAllStringSubmatch(read(t, path), -1) {
				tests[m[1]] = true
			}
		}
	})
	names := 0
	for path, page := range pages(t) {
		for _, name := range named.FindAllString(page, -1) {
			names++
			if !tests[name] {
				t.Errorf("%s names %s, which is no test", path, name)
			}
		}
	}
	if names < 30 {
		t.Errorf("only %d names of tests were looked at", names)
	}
}

// What is counted, or fires, stands in operations.md; each kind of fault has its row in failures.md; and nothing stands there that is not.
func TestMetricsAlertsAndFaultsAreTold(t *testing.T) {
	operations, failures := read(t, "docs/operations.md"), read(t, "docs/failures.md")
	for _, c := range []struct {
		what       string
		source     string
		declares   *regexp.Regexp
		told       string
		everywhere *regexp.Regexp // in both pages; nil: only what is declared is looked for
	}{
		{"metric", "worker/metrics.go", regexp.MustCompile(`(?:counter|gauge|of)\("(\w+)"`), operations, regexp.MustCompile("`ts_stream_([a-z0-9_]+)")},
		{"alert", "deploy/prometheus/alerts.yml", regexp.MustCompile(`- alert: (\w+)`), operations, regexp.MustCompile(`alert ([A-Z]\w+)`)},
		{"fault", "internal/stream/fault.go", regexp.MustCompile(`Fault = "(\w+)"`), failures, regexp.MustCompile("\\| `([a-z]+_[a-z]+)`")},
	} {
		known := map[string]bool{}
		for _, m := range c.declares.FindAllStringSubmatch(read(t, c.source), -1) {
			known[m[1]] = true
			if !regexp.MustCompile(`(\b|_)` + m[1] + `\b`).MatchString(c.told) {
				t.Errorf("the %s %s is told of nowhere", c.what, m[1])
			}
		}
		if len(known) < 5 {
			t.Errorf("%s declares only %d of %s", c.source, len(known), c.what)
		}
		if c.everywhere == nil {
			continue
		}
		for _, m := range c.everywhere.FindAllStringSubmatch(operations+failures, -1) {
			if !known[m[1]] {
				t.Errorf("there is no %s %s", c.what, m[1])
			}
		}
	}
}
