package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"temporal-streaming/pipelines"
)

// nearest is the name that was probably meant: the one fewest edits away, at most
// about a third of its letters. It is empty when none is near.
func nearest(typed string, names []string) string {
	best, fewest := "", 0
	for _, name := range names {
		d := edits(strings.ToLower(typed), name)
		if (best == "" || d < fewest) && d <= max(1, (len(name)+1)/3) {
			best, fewest = name, d
		}
	}
	return best
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

func join(names []string) string {
	names = slices.Clone(names)
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// pipelineArg is for commands whose first argument is a pipeline: exactly n
// arguments, and the shell completes the first.
func pipelineArg(use string, n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		next := "Known pipelines: " + join(pipelines.Names()) + ". See " + c.CommandPath() + " --help."
		if len(args) < n {
			return misuse(next, "give %s", use)
		}
		return misuse(next, "give %s and no more than that, not %q too", use, args[n:])
	}
}

func completePipeline(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault // files
	}
	return pipelines.Names(), cobra.ShellCompDirectiveNoFileComp
}
