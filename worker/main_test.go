package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What a signal does to a process needs a process: this binary, started again, is the worker.
const workerVariable = "WORKER_TEST_ARGUMENTS"

func TestMain(m *testing.M) {
	if args := os.Getenv(workerVariable); args != "" {
		os.Args = append([]string{"worker"}, strings.Fields(args)...)
		main()
	}
	os.Exit(m.Run())
}

func TestAWorkerOutlivesWhoeverReadsItsOutput(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workerVariable+"=--help") // the shortest way to an output
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Run(); err != nil {
		t.Errorf("with nobody to read its output the worker ended with %v", err)
	}
	writer.Close()
}

func TestAWorkerThatIsGivenArgumentsSaysWhatItIsAndDoesNotStart(t *testing.T) {
	for arg, want := range map[string]int{"--help": 0, "-h": 0, "transactions": 2, "--port=1": 2} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), nil, []string{arg}, &out, &errs); code != want || !strings.Contains(out.String()+errs.String(), "It takes no arguments") {
			t.Errorf("%s: exit %d, want %d: %s%s", arg, code, want, &out, &errs)
		}
	}
}
