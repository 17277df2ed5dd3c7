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
	"15":    {"transactions", 7},
	"rich":  {"transactions-rich", 28},
	byRules: {"transactions", 7}, // for the columns
}

// byRules is no set of features: what the rules say that the data were simulated by.
const byRules = "rules"

// handbook measures the recipes of the pipelines of transactions by the handbook's protocols.
func (b *bench) handbook(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench handbook", flag.ContinueOnError)
	name := flags.String("protocol", "b", "a, b or c")
	delay := flags.String("delay", "", "when labels are known: 7d for a and b, 3d (default) or 1d for c")
	features := flags.String("features", "15", "15: the book's; rich: those of transactions-rich; rules: none, the payments are judged by how they were simulated")
	train := flags.String("train", "", "span of training (default 7d for 15, 28d for rich)")
	members := flags.Int("members", 0, "networks whose probabilities are averaged (0: the pipeline's)")
	expected := flags.Bool("expected", false, "also say what the order of the scores would come to on average, by how the payments were simulated")
	validation := flags.Bool("validation", false, "measure on the weeks on which recipes are chosen")
	path := flags.String("data", filepath.Join(b.root, handbookFile), "the handbook's transactions as one Parquet file")
	asJSON := flags.Bool("json", false, "one JSON object a line")
	if err := b.parse(flags, args); err != nil {
		return err
	}
	p := protocol.Protocol(*name)
	set, ok := handbookSets[*features]
	if !ok || p.Delays() == nil {
		return fmt.Errorf("%w: --protocol is a, b or c, and --features 15, rich or rules", errUsage)
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
	before := conditionsNow()
	data, err := b.openHandbook(set.pipeline, *path, known, *expected || *features == byRules)
	if err != nil {
		return err
	}
	o := protocol.Options{Train: span, Validation: *validation, Members: *members}
	var r protocol.Result
	if *features == byRules {
		r, err = data.Measure(p, o, data.Truth)
	} else {
		r, err = b.byProtocol(ctx, data, p, o)
	}
	if err != nil {
		return err
	}
	out := &report{bench: "handbook", settings: append(protocolSettings(r, *features, set.pipeline, *path), b.machine(before)...)}
	r1 := fmt.Sprintf("protocol_%s_%s", p, *features)
	if p == protocol.C {
		r1 = fmt.Sprintf("protocol_c_%gd_%s", r.DelayDays, *features)
	}
	if *validation {
		r1 = "validation_" + r1
	}
	overall := func(name string, of protocol.Spread) {
		out.add(r1+"_"+name, of.Mean, "")
		out.add(r1+"_"+name+"_sd", of.Deviation, "")
	}
	overall("auc", r.AUC)
	overall("ap", r.AP)
	overall("cp100", r.CP100)
	if r.Expected != nil {
		overall("expected_auc", r.Expected.AUC)
		overall("expected_ap", r.Expected.AP)
	}
	for _, w := range r.Folds {
		week := setting{"test week", w.Test}
		out.add("auc", w.AUC, "", week)
		out.add("ap", w.AP, "", week)
		out.add("cp100", w.CP100, "", week)
		if r.Expected != nil {
			out.add("expected_auc", w.ExpectedAUC, "", week)
			out.add("expected_ap", w.ExpectedAP, "", week)
		}
		out.add("test_rows", float64(w.TestRows), "", week)
		out.add("test_frauds", float64(w.TestPositives), "", week)
		if *features == byRules {
			continue // they are not trained
		}
		out.add("train_rows", float64(w.TrainRows), "", week)
		out.add("train_frauds", float64(w.TrainPositives), "", week)
		out.add("fit_seconds", w.FitSeconds, "s", week)
	}
	return b.print(out, *asJSON)
}

// openHandbook reads the handbook's transactions and computes a pipeline's features of them, and with truth set what the rules say.
func (b *bench) openHandbook(name, path string, delay time.Duration, truth bool) (*protocol.Data, error) {
	d, err := pipelines.Load(name)
	if err != nil {
		return nil, err
	}
	table, err := readHandbook(path, d)
	if err != nil {
		return nil, err
	}
	b.say("computing %d features of %d transactions, labels known after %v", len(d.Features), table.Len(), delay)
	data, err := protocol.Open(d, table, delay)
	if err != nil || !truth {
		return data, err
	}
	if table, err = protocol.InOrder(d, table); err != nil {
		return nil, err
	}
	b.say("judging them by the rules that they were simulated by")
	data.Truth, err = fraudsByRules(table, delay)
	return data, err
}

func (b *bench) byProtocol(ctx context.Context, data *protocol.Data, p protocol.Protocol, o protocol.Options) (protocol.Result, error) {
	told := time.Now()
	o.Progress = func(e protocol.Progress) {
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			b.say("  epoch %d of %d, week %d, network %d", e.Done, e.Total, e.Fold, e.Epoch.Member)
		}
	}
	return data.Run(ctx, p, o)
}

func protocolSettings(r protocol.Result, features, name, path string) settings {
	weeks := "test"
	if r.Validation {
		weeks = "validation"
	}
	s := settings{
		{"data", strings.TrimSuffix(filepath.Base(path), ".gz")},
		{"protocol", string(r.Protocol)},
		{"weeks", weeks},
		{"label_delay_days", r.DelayDays},
	}
	if features == byRules {
		return append(s, setting{"judged", "by the rules of the simulation"})
	}
	return append(s, settings{
		{"pipeline", name},
		{"train_days", r.TrainDays},
		{"features", r.Features},
		{"inputs", r.Inputs},
		{"members", r.Members},
	}...)
}
