package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/score"
	"temporal-streaming/internal/stream"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/starter/internal/screen"
)

// follow shows the committed predictions of a stream until enough were seen, the
// stream has ended, or ctx has. While nothing comes it says what is happening.
func (a *app) follow(ctx context.Context, t controlPlane, cfg config.Config, answer inferenceAnswer, o inferenceOptions) error {
	plan := answer.Status.Plan
	from := stream.StartLatest()
	if o.from == "earliest" {
		from = stream.StartEarliest()
	}
	dial, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	reader, err := a.reach.kafka.tail(dial, kafkaOf(cfg), plan.Output, from)
	if err != nil {
		return kafkaProblem(cfg, plan.Pipeline, err)
	}
	reading, stop := context.WithCancel(ctx)
	records, failed := make(chan stream.Record, 1024), make(chan error, 1)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		read(reading, reader, records, failed)
	}()
	defer func() {
		stop()
		<-finished
		reader.Close() // nothing is lost: a reader commits nothing
	}()

	a.console.say("\n")
	v := newPredictionView(a.console)
	seen := int64(0)
	quiet := time.NewTimer(a.pace.quiet)
	defer quiet.Stop()
	for {
		select {
		case r := <-records:
			if err := v.show(r); err != nil {
				return err
			}
			if seen++; o.count > 0 && seen >= o.count {
				return v.flush()
			}
			if len(records) == 0 {
				if err := v.flush(); err != nil {
					return err
				}
			}
			quiet.Reset(a.pace.quiet)
		case err := <-failed:
			return errors.Join(v.flush(), kafkaProblem(cfg, plan.Pipeline, err))
		case <-quiet.C:
			report := a.reportStream(ctx, t, cfg, control.Execution{Run: control.Run{WorkflowID: answer.WorkflowID}, Pipeline: plan.Pipeline, Running: true})
			if ctx.Err() != nil {
				continue
			}
			v.note(quietNote(report))
			if report.ended() {
				a.console.say("The stream has ended. Start it again: starter inference %s\n", plan.Pipeline)
				return nil
			}
			quiet.Reset(a.pace.quiet)
		case <-ctx.Done():
			if err := v.flush(); err != nil {
				return err
			}
			a.console.say("\nDetached after %d predictions; the stream goes on.\n%s", seen, waysBack(plan.Pipeline))
			return nil
		}
	}
}

func read(ctx context.Context, reader tail, records chan<- stream.Record, failed chan<- error) {
	for {
		r, err := reader.Next(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			failed <- err
			return
		}
		select {
		case records <- r:
		case <-ctx.Done():
			return
		}
	}
}

// predictionView prints predictions: aligned columns for people, the topic's own
// bytes for scripts.
type predictionView struct {
	console *console
	out     *bufio.Writer
	table   predictionTable
}

func newPredictionView(c *console) *predictionView {
	return &predictionView{console: c, out: bufio.NewWriterSize(c.out, 64<<10), table: predictionTable{style: c.style()}}
}

func (v *predictionView) show(r stream.Record) error {
	if v.console.json {
		v.out.Write(r.Value) // bufio keeps the first error for flush
		return v.out.WriteByte('\n')
	}
	p, err := score.DecodePrediction(r.Value)
	if err != nil {
		v.note(fmt.Sprintf("%s-%d offset %d holds no prediction: %v", r.Topic, r.Partition, r.Offset, err))
		return nil
	}
	_, err = v.out.WriteString(v.table.row(p))
	return err
}

func (v *predictionView) flush() error {
	if err := v.out.Flush(); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}

// note says something between predictions; the header is repeated after it.
func (v *predictionView) note(text string) {
	if v.flush() == nil {
		v.console.say("%s\n", v.console.style().Dim(v.console.now().Format("15:04:05")+"  "+text))
		v.table.interrupted()
	}
}

// quietNote says why no prediction comes, as far as it can be known.
func quietNote(r streamReport) string {
	switch {
	case r.Problem != "":
		return "Nothing new. " + r.Problem
	case r.ended():
		return "Nothing new: the stream is " + r.State + "."
	case r.State == string(job.StreamStarting):
		return "Nothing yet: the stream is starting."
	case r.Replay > 0:
		return fmt.Sprintf("Nothing new: %s offsets are read again, to know what was before%s.", screen.Count(r.Replay), lastError(r))
	case r.Lag < 0:
		return fmt.Sprintf("Nothing new: the stream is %s, and not every partition tells how far it is%s.", r.State, lastError(r))
	case r.Lag > 0:
		return fmt.Sprintf("Nothing new: the stream is %s and %s records behind%s.", r.State, screen.Count(r.Lag), lastError(r))
	default:
		return fmt.Sprintf("Nothing new: the stream is %s and has scored all there is (%s records)%s.", r.State, screen.Count(r.Records), lastError(r))
	}
}

func lastError(r streamReport) string {
	if r.LastError == "" {
		return ""
	}
	return "; last error: " + r.LastError
}
