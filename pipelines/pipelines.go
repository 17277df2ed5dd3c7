// Package pipelines holds the pipelines that come with the program, embedded in it. To add one, write another YAML file
// here: nothing else needs to change.
package pipelines

import (
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"temporal-streaming/internal/pipeline"
)

//go:embed *.yaml
var files embed.FS

// ErrUnknown is returned for a name that no pipeline has.
var ErrUnknown = errors.New("there is no pipeline of that name")

// Load parses the named pipeline. The error of an unknown name lists those there are.
func Load(name string) (*pipeline.Definition, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("load pipeline %q: %w; known: %s", name, ErrUnknown, strings.Join(Names(), ", "))
	}
	source, err := files.ReadFile(name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("load pipeline %s: %w", name, err)
	}
	d, err := pipeline.Parse("pipelines/"+name+".yaml", source)
	if err != nil {
		return nil, fmt.Errorf("load pipeline %s: %w", name, err)
	}
	if d.Name != name {
		return nil, fmt.Errorf("load pipeline %s: the file's name: field says %q; make both the same", name, d.Name)
	}
	return d, nil
}

// Names lists the pipelines in alphabetical order.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil { // an embedded directory can be read, or nothing was embedded
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}
