package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
	"temporal-streaming/internal/training"
	"temporal-streaming/pipelines"
)

// handbookFile is where the handbook's data lie beside the repository.
const handbookFile = "../shared/data/handbook/transactions.parquet"

// features measures the features of a pipeline over the whole of the handbook's data: from
// columns in memory to features in memory, on one core.
func (b *bench) features(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench features", flag.ContinueOnError)
	data := flags.String("data", filepath.Join(b.root, handbookFile), "the handbook's transactions as one Parquet file")
	name := flags.String("pipeline", "transactions", "whose features, by name or file (*.yaml): transactions has the book's 15, transactions-rich 28, bench/testdata/handbook-88.yaml 88; polars computes the 15 only")
	runs := flags.Int("runs", 5, "of each program; the fastest counts")
	check := flags.Bool("check", false, "compare every feature of every transaction with polars', bit for bit; transactions-rich: of a tenth of the customers, with plain Python's")
	peers := flags.Bool("peers", true, "run polars, too")
	stream := flags.Bool("stream", true, "measure the stream's way, record by record, too, and what it keeps")
	asJSON := flags.Bool("json", false, "one JSON object a line")
	if err := b.parse(flags, args); err != nil {
		return err
	}
	*peers = *peers && *name == "transactions"
	rich := *name == "transactions-rich"
	if *check && !rich && *name != "transactions" {
		return fmt.Errorf("%w: --check knows the features of transactions and transactions-rich", errUsage)
	}
	before := conditionsNow()
	b.warnIfBusy()
	h, err := openHandbook(*data, *name)
	if err != nil {
		return err
	}
	ours, err := b.ourFeatures(h, *runs)
	if err != nil {
		return err
	}
	out := &report{bench: "features"}
	out.add("seconds", ours.seconds.Seconds(), "s")
	out.add("cpu_seconds", ours.cpu.Seconds(), "s")
	out.add("rows_per_second", float64(len(h.table.Labels))/ours.seconds.Seconds(), "1/s")
	own := settings{{"pipeline", *name}, {"data", filepath.Base(*data)}, {"rows", len(h.table.Labels)}, {"features", h.program.Width()}, {"runs", *runs}}
	if *stream {
		streamed, err := b.streamed(h, *runs)
		if err != nil {
			return err
		}
		out.add("stream_seconds", streamed.seconds.Seconds(), "s")
		out.add("stream_cpu_seconds", streamed.cpu.Seconds(), "s")
		out.add("bytes_per_key", float64(streamed.bytes)/float64(streamed.keys), "B")
		own = append(own, setting{"keys", streamed.keys})
	}
	if rich && *check {
		compared, err := b.checkRich(ctx, h, *data)
		if err != nil {
			return err
		}
		out.add("equal_values", float64(compared), "") // one that differs is an error
	} else if *peers || *check {
		theirs, err := b.theirFeatures(ctx, h, *data, *runs, *check)
		if err != nil {
			return err
		}
		out.add("times_polars", theirs.seconds.Seconds()/ours.seconds.Seconds(), "x")
		out.add("times_polars_cpu", theirs.cpu.Seconds()/ours.cpu.Seconds(), "x")
		out.add("polars_seconds", theirs.seconds.Seconds(), "s")
		own = append(own, setting{"polars", theirs.version}, setting{"polars_threads", theirs.threads})
		if *check {
			compared, err := h.compare(theirs.features, ours.x)
			if err != nil {
				return err
			}
			out.add("equal_values", float64(compared), "") // one that differs is an error
		}
	}
	out.settings = append(own, b.machine(before)...)
	return b.print(out, *asJSON)
}

// handbook is the data in memory, and the program that computes their features.
type handbook struct {
	table   feature.Table
	program *feature.Program
}

func openHandbook(path, whose string) (*handbook, error) {
	d, err := definition(whose)
	if err != nil {
		return nil, err
	}
	h := &handbook{}
	if h.program, err = feature.ProgramOf(d); err != nil {
		return nil, err
	}
	table, err := readHandbook(path, d)
	if err != nil {
		return nil, err
	}
	if h.table, err = feature.TableOf(d, table.Column, table.Texts); err != nil {
		return nil, err
	}
	return h, nil
}

// definition is a shipped pipeline, or one in a file.
func definition(name string) (*pipeline.Definition, error) {
	if filepath.Ext(name) != ".yaml" {
		return pipelines.Load(name)
	}
	source, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read a pipeline: %w", err)
	}
	return pipeline.Parse(name, source)
}

func readHandbook(path string, d *pipeline.Definition) (dataset.Table, error) {
	file, err := os.Open(path)
	if err != nil {
		return dataset.Table{}, fmt.Errorf("open the handbook's data: %w; --data says where they are", err)
	}
	defer file.Close() // only read
	info, err := file.Stat()
	if err != nil {
		return dataset.Table{}, fmt.Errorf("open the handbook's data: %w", err)
	}
	return dataset.ReadParquet(file, info.Size(), training.Columns(d.TrainingSchema()), dataset.ReadOptions{IgnoreExtra: true})
}

// measured is the fastest of several runs.
type measured struct {
	seconds, cpu time.Duration
	bytes        int64 // of all states
	keys         int
	x            []float64 // [N, F] row-major
}

// ourFeatures replays on one core. The runs put their results into the same memory, as those
// of polars take memory again that its allocator has kept; the collector runs between them.
func (b *bench) ourFeatures(h *handbook, runs int) (measured, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var best measured
	for run := range runs {
		runtime.GC()
		begin, busy := time.Now(), processorTime()
		replayed, err := h.program.Replay(h.table, feature.ReplayOptions{X: best.x})
		took, used := time.Since(begin), processorTime()-busy
		if err != nil {
			return best, err
		}
		if run == 0 || took < best.seconds {
			best.seconds = took
		}
		if run == 0 || used < best.cpu {
			best.cpu = used
		}
		best.x = replayed.X
		b.say("  run %d: %.3f s, %.3f s of a core", run+1, took.Seconds(), used.Seconds())
	}
	return best, nil
}

// streamed hands the same rows to histories of all keys as the stream does, some at a time.
func (b *bench) streamed(h *handbook, runs int) (measured, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var best measured
	for run := range runs {
		runtime.GC()
		begin, busy := time.Now(), processorTime()
		states, err := h.stream()
		if err != nil {
			return best, err
		}
		took, used := time.Since(begin), processorTime()-busy
		if run == 0 || took < best.seconds {
			best.seconds = took
		}
		if run == 0 || used < best.cpu {
			best.cpu = used
		}
		best.bytes, best.keys = 0, 0
		for _, s := range states {
			best.bytes += s.Bytes()
			best.keys += s.Keys()
		}
		b.say("  one record after the other, run %d: %.3f s, %.3f s of a core", run+1, took.Seconds(), used.Seconds())
	}
	return best, nil
}

func (h *handbook) stream() ([]*feature.State, error) {
	const batch = 1024
	var states []*feature.State
	for _, stage := range h.program.Stages() {
		states = append(states, stage.NewState())
	}
	columns, width := h.table.Columns, h.program.Width()
	rows := record.Rows{Width: len(columns), Values: make([]float64, batch*len(columns))}
	values, usable := make([]float64, batch*width), make([]bool, batch)
	for from := 0; from < len(columns[0]); from += batch {
		rows.N = min(batch, len(columns[0])-from)
		for i := range rows.N {
			for c, column := range columns {
				rows.Values[i*len(columns)+c] = column[from+i]
			}
		}
		for _, s := range states {
			s.UpdateAll(&rows, h.table.Labels[from:from+rows.N], width, values, usable)
			if slices.Contains(usable[:rows.N], false) {
				return nil, fmt.Errorf("a row of %d to %d cannot become history", from, from+rows.N)
			}
		}
		for i := range rows.N {
			h.program.Finish(rows.Row(i), values[i*width:(i+1)*width])
		}
	}
	return states, nil
}

// processorTime is what this process has used of all cores.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// compare counts the values that it has compared with the peer's. One that differs in any bit is an error that names it.
func (h *handbook) compare(theirs map[string][]float64, ours []float64) (int, error) {
	compared, width := 0, h.program.Width()
	for f, name := range h.program.Names() {
		column, ok := theirs[name]
		if !ok || len(column)*width != len(ours) {
			return 0, fmt.Errorf("compare features: the peer has %d values of %s, want %d", len(column), name, len(ours)/width)
		}
		for i, want := range column {
			if got := ours[i*width+f]; math.Float64bits(got) != math.Float64bits(want) {
				row := make([]float64, len(h.table.Columns))
				for c := range row {
					row[c] = h.table.Columns[c][i]
				}
				return 0, fmt.Errorf("compare features: %s of row %d %v: %v, the peer has %v", name, i, row, got, want)
			}
			compared++
		}
	}
	return compared, nil
}
