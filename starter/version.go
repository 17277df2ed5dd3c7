package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build is what the binary knows of itself.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified"` // built from a tree with changes that were not committed
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which build this is",
		Example: "  starter version --json",
		Args:    none,
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			if a.console.json {
				return a.console.emit(b)
			}
			commit := b.Commit
			if b.Modified {
				commit += " with changes"
			}
			a.console.say("starter %s %s\n%s %s\n", b.Version, commit, b.Go, b.Platform)
			return nil
		},
	}
}

func thisBuild() build {
	b := build{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func none(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misuse("See "+c.CommandPath()+" --help.", "it takes no arguments, and got %q", args)
	}
	return nil
}
