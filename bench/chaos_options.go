package main

import (
	"flag"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// chaosOptions are the flags of chaos.
type chaosOptions struct {
	pipeline    string
	file        string // of payments; "": the handbook's, or simulated ones
	json        bool
	seed        uint64
	faults      int           // at most; 0: as many as fit
	lasts       time.Duration // at most; 0: until all faults are done
	kinds       []kind
	workers     int
	shards      int
	rate        float64
	keys        int64
	certificate string
	logs        string
	data        string
}

func (b *bench) chaosOptions(args []string) (o chaosOptions, err error) {
	all := slices.Concat(faultKinds, orderKinds)
	names := make([]string, len(all))
	for i, k := range all {
		names[i] = string(k)
	}
	flags := flag.NewFlagSet("bench chaos", flag.ContinueOnError)
	flags.BoolVar(&o.json, "json", false, "one JSON object a line")
	flags.Uint64Var(&o.seed, "seed", 1, "of the schedule and of the messages")
	flags.IntVar(&o.faults, "faults", 0, "end after so many; orders come on top (default: 40, or as many as fit into the minutes)")
	minutes := flags.Float64("minutes", 0, "begin no step later than this; of two bounds the first that is reached ends the run (default: none)")
	kinds := flags.String("kinds", strings.Join(names, ","), "of faults and orders")
	flags.IntVar(&o.workers, "workers", 3, "worker processes")
	flags.IntVar(&o.shards, "shards", 3, "loops that share the partitions, at first")
	flags.StringVar(&o.pipeline, "pipeline", pipelineName, "creditcard; or transactions: two stages, histories of customer and terminal, labels, snapshots")
	flags.StringVar(&o.file, "payments", "", "for transactions, `FILE` of payments to send, as Parquet (default: the Fraud Detection Handbook's if they are at "+handbookFile+", else simulated ones)")
	flags.Float64Var(&o.rate, "rate", 0, fmt.Sprintf("messages per second (default %v; for transactions %v, a day of the handbook in 19 s)", ratesOf[pipelineName], ratesOf[transactionsName]))
	flags.Int64Var(&o.keys, "keys", 0, fmt.Sprintf("for creditcard, keys that the messages share (default %d)", cardKeys))
	flags.StringVar(&o.certificate, "certificate", "", "write the certificate to this file, too")
	flags.StringVar(&o.logs, "logs", "", "keep the logs of everything in this folder (default: a temporary one, removed if all is well)")
	flags.StringVar(&o.data, "stack-data", "", "folder for the data of the servers, kept afterwards (default: a temporary one)")
	if err := b.parse(flags, args); err != nil {
		return o, err
	}
	if ratesOf[o.pipeline] == 0 {
		return o, fmt.Errorf("%w: --pipeline %s: it is %s or %s", errUsage, o.pipeline, pipelineName, transactionsName)
	}
	if o.pipeline == pipelineName && o.file != "" || o.pipeline != pipelineName && o.keys != 0 {
		return o, fmt.Errorf("%w: --payments are those of %s, --keys those of %s", errUsage, transactionsName, pipelineName)
	}
	if o.rate == 0 {
		o.rate = ratesOf[o.pipeline]
	}
	if o.pipeline == pipelineName && o.keys == 0 {
		o.keys = cardKeys
	}
	o.lasts = time.Duration(*minutes * float64(time.Minute))
	if o.faults == 0 && o.lasts == 0 {
		o.faults = 40
	}
	for name := range strings.SplitSeq(*kinds, ",") {
		if !slices.Contains(all, kind(name)) {
			return o, fmt.Errorf("%w: there is no kind %q; there are %s", errUsage, name, strings.Join(names, ", "))
		}
		o.kinds = append(o.kinds, kind(name))
	}
	faults := slices.ContainsFunc(o.kinds, func(k kind) bool { return slices.Contains(faultKinds, k) })
	if !faults || o.faults < 0 || o.lasts < 0 || o.workers < 2 || o.shards < 1 || o.rate <= 0 || o.keys < 0 {
		return o, fmt.Errorf("%w: faults and minutes must not be negative, shards, rate and keys must be positive, kinds name a fault, and there are two workers at least", errUsage)
	}
	return o, nil
}

// ratesOf are the messages per second of each pipeline, where nothing else is said.
var ratesOf = map[string]float64{pipelineName: 1000, transactionsName: 500}

// cardKeys is how many keys the messages of creditcard share, where nothing else is said.
const cardKeys = 200

// left is how many faults may still be done, after some of them and some time.
func (o chaosOptions) left(done int, after time.Duration) int {
	switch {
	case o.lasts > 0 && after >= o.lasts:
		return 0
	case o.faults > 0:
		return o.faults - done
	}
	return math.MaxInt
}

// again is the flags that repeat a run.
func (o chaosOptions) again() string {
	var flags []string
	if o.pipeline == transactionsName {
		flags = append(flags, "--pipeline "+o.pipeline)
	}
	if o.file != "" {
		flags = append(flags, "--payments "+o.file)
	}
	flags = append(flags, fmt.Sprintf("--seed %d", o.seed))
	if o.faults > 0 {
		flags = append(flags, fmt.Sprintf("--faults %d", o.faults))
	}
	if o.lasts > 0 {
		flags = append(flags, fmt.Sprintf("--minutes %v", minutes(o.lasts)))
	}
	flags = append(flags, fmt.Sprintf("--workers %d --shards %d --rate %v", o.workers, o.shards, o.rate))
	if o.keys > 0 {
		flags = append(flags, fmt.Sprintf("--keys %d", o.keys))
	}
	if len(o.kinds) < len(faultKinds)+len(orderKinds) {
		names := make([]string, len(o.kinds))
		for i, k := range o.kinds {
			names[i] = string(k)
		}
		flags = append(flags, "--kinds "+strings.Join(names, ","))
	}
	return strings.Join(flags, " ")
}
