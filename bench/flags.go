package main

import (
	"flag"
	"fmt"
	"slices"
)

// streamFlags are those of every benchmark of the stream.
type streamFlags struct {
	servers    serverFlags
	json       bool
	partitions int
	shards     int
	seed       uint64
}

// register adds them to a benchmark's flags; seeds says what comes of the seed.
func (f *streamFlags) register(flags *flag.FlagSet, environ []string, seeds string) {
	f.servers.register(flags, environ)
	flags.BoolVar(&f.json, "json", false, "one JSON object a line")
	flags.IntVar(&f.partitions, "partitions", 4, "of the input topic, and of the output topic")
	flags.IntVar(&f.shards, "shards", 0, "loops that share the partitions (default: the pipeline's)")
	flags.Uint64Var(&f.seed, "seed", 1, seeds)
}

// refuse answers which of the names were given as flags, where they would be without effect.
func refuse(flags *flag.FlagSet, where string, names ...string) (err error) {
	flags.Visit(func(f *flag.Flag) {
		if slices.Contains(names, f.Name) && err == nil {
			err = fmt.Errorf("%w: --%s has no effect with %s: leave it out", errUsage, f.Name, where)
		}
	})
	return err
}
