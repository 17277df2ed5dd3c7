package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/record"
	"temporal-streaming/internal/stream"
	"temporal-streaming/starter/internal/screen"
)

// fixer makes what is put back from what is dead, and refuses what would die again: it
// is decoded here just as the stream will.
func (a *app) fixer(d desk, o choice) (stream.Fix, error) {
	var file []byte
	if o.fix != "" {
		var err error
		if file, err = os.ReadFile(o.fix); err != nil {
			return nil, fail(err, "Give the path of a file that holds the payload; begin with: starter dlq show %s %s --value > FILE.", d.definition.Name, o.places[0])
		}
	}
	schema, err := feature.Schema(d.definition.StreamSchema())
	if err != nil {
		return nil, err
	}
	decoder := record.NewDecoder(schema, record.Limits{})
	return func(ctx context.Context, l stream.DeadLetter, value []byte) ([]byte, error) {
		switch {
		case o.fix != "":
			value = file
		case o.through != "":
			var err error
			if value, err = pipeThrough(ctx, o.through, l, value); err != nil {
				return nil, err
			}
		}
		var rows record.Rows
		if _, err := decoder.Decode(value, &rows); err != nil && !o.anyway {
			return nil, fmt.Errorf("it would die again: %w; fix it, or give --anyway", err)
		}
		return value, nil
	}, nil
}

// pipeThrough runs a shell command with the payload on its standard input.
func pipeThrough(ctx context.Context, command string, l stream.DeadLetter, value []byte) ([]byte, error) {
	c := exec.CommandContext(ctx, "sh", "-c", command)
	var out, complaint bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(value), &out, &complaint
	c.Env = append(os.Environ(), "LETTER="+l.At.String(), "REASON="+l.Reason)
	err := c.Run()
	var exit *exec.ExitError
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &exit):
		return nil, fmt.Errorf("the command fails with exit code %d: %s", exit.ExitCode(), screen.Short(screen.Safe(string(bytes.TrimSpace(complaint.Bytes()))), 200))
	case err != nil:
		return nil, fmt.Errorf("run the command: %w", err)
	}
	return out.Bytes(), nil
}
