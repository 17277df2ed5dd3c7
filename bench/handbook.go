package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/protocol"
	"temporal-streaming/pipelines"
)

// handbookSets are the sets of features that a protocol is measured on: the pipeline that declares them, and the span that it trains on.
var handbookSets = map[string]struct {
	pipeline string
	days     int
}{
	"15":   {"transactions", 7},
	"rich": {"transactions-rich", 28},
}

// handbook measures the recipes of the pipelines of transactions by the handbook's protocols.
func (b *bench) handbook(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench handbook", flag.ContinueOnError)
	name := flags.String("protocol", "b", "a, b or c")
	delay := flags.String("delay", "", "when labels are known: 7d for a and b, 3d (default) or 1d for c")
	features := flags.String("features", "15", "15: the book's; rich: those of transactions-rich")
	train := flags.String("train", "", "span of training (default 7d for 15, 28d for rich)")
	members := flags.Int("members", 0, "networks whose probabilities are averaged (0: the pipeline's)")
	validation := flags.Bool("validation", false, "measure on the weeks on which recipes are chosen")
	data := flags.String("data", filepath.Join(b.root, handbookFile), "the handbook's transactions as one Parquet file")
	asJSON := flags.Bool("json", false, "one JSON object a line")
	if err := b.parse(flags, args); err != nil {
		return err
	}
	p := protocol.Protocol(*name)
	set, ok := handbookSets[*features]
	if !ok || p.Delays() == nil {
		return fmt.Errorf("%w: --protocol is a, b or c, and --features 15 or rich", errUsage)
	}
	known, span := p.Delays()[0], time.Duration(set.days)*24*time.Hour
	for flag, into := range map[string]*time.Duration{*delay: &known, *train: &span} {
		if flag == "" {
			continue
		}
		var err error
		if *into, err = pipeline.Span(flag).Duration(); err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
	}
	if !slices.Contains(p.Delays(), known) {
		return fmt.Errorf("%w: protocol %s knows no --delay %s", errUsage, p, *delay)
	}
	before := load()
	r, err := b.byProtocol(ctx, set.pipeline, *data, p, known, protocol.Options{Train: span, Validation: *validation, Members: *members})
	if err != nil {
		return err
	}
	out := &report{bench: "handbook", settings: append(protocolSettings(r, set.pipeline, *data), b.machine(before)...)}
	r1 := fmt.Sprintf("protocol_%s_%s", p, *features)
	if p == protocol.C {
		r1 = fmt.Sprintf("protocol_c_%gd_%s", r.DelayDays, *features)
	}
	if *validation {
		r1 = "validation_" + r1
	}
	for _, f := range []struct {
		name string
		of   protocol.Spread
	}{{"auc", r.AUC}, {"ap", r.AP}, {"cp100", r.CP100}} {
		out.add(r1+"_"+f.name, f.of.Mean, "")
		out.add(r1+"_"+f.name+"_sd", f.of.Deviation, "")
	}
	for _, w := range r.Folds {
		week := setting{"test week", w.Test}
		out.add("auc", w.AUC, "", week)
		out.add("ap", w.AP, "", week)
		out.add("cp100", w.CP100, "", week)
		out.add("train_rows", float64(w.TrainRows), "", week)
		out.add("train_frauds", float64(w.TrainPositives), "", week)
		out.add("test_rows", float64(w.TestRows), "", week)
		out.add("test_frauds", float64(w.TestPositives), "", week)
		out.add("fit_seconds", w.FitSeconds, "s", week)
	}
	return b.print(out, *asJSON)
}

func (b *bench) byProtocol(ctx context.Context, name, path string, p protocol.Protocol, delay time.Duration, o protocol.Options) (protocol.Result, error) {
	d, err := pipelines.Load(name)
	if err != nil {
		return protocol.Result{}, err
	}
	table, err := readHandbook(path, d)
	if err != nil {
		return protocol.Result{}, err
	}
	b.say("computing %d features of %d transactions, labels known after %v", len(d.Features), table.Len(), delay)
	data, err := protocol.Open(d, table, delay)
	if err != nil {
		return protocol.Result{}, err
	}
	told := time.Now()
	o.Progress = func(e protocol.Progress) {
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			b.say("  epoch %d of %d, week %d, network %d", e.Done, e.Total, e.Fold, e.Epoch.Member)
		}
	}
	return data.Run(ctx, p, o)
}

func protocolSettings(r protocol.Result, name, data string) settings {
	weeks := "test"
	if r.Validation {
		weeks = "validation"
	}
	return settings{
		{"data", strings.TrimSuffix(filepath.Base(data), ".gz")},
		{"pipeline", name},
		{"protocol", string(r.Protocol)},
		{"weeks", weeks},
		{"label_delay_days", r.DelayDays},
		{"train_days", r.TrainDays},
		{"features", r.Features},
		{"inputs", r.Inputs},
		{"members", r.Members},
	}
}
