package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/config"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/test/golden"
)

func TestHelpScreens(t *testing.T) {
	for _, command := range commands(newBench(t).app.root()) {
		r := newBench(t).run(t.Context(), strings.Fields(command+" --help")...)
		if r.code != exitOK || r.stderr != "" {
			t.Errorf("%s --help: exit %d, %s", command, r.code, r.stderr)
		}
		golden.Compare(t, "help/starter-"+strings.ReplaceAll(command, " ", "-")+".txt", r.out)
	}
}

// commands are all that there are, as they are typed after the program's name: "", "train", "dlq", "dlq list" ...
func commands(c *cobra.Command) []string {
	_, path, _ := strings.Cut(c.CommandPath(), " ")
	all := []string{path}
	for _, sub := range c.Commands() {
		all = append(all, commands(sub)...)
	}
	return all
}

func TestWrongCommandLinesSayWhatToDo(t *testing.T) {
	var transcript strings.Builder
	for _, line := range []string{
		"trian", "zzz", "train", "train creditcrd", "train nothing-like-it", "train creditcard twice", "train creditcard --seeed 1",
		"train creditcard --seed one", "train creditcard --attach a --detach", "train creditcard --dataset yesterday",
		"inference creditcard --start tomorrow", "inference creditcard --sink s3", "inference creditcard --from then", "inference creditcard --shards -1",
		"send creditcard", "send creditcard f --rate -1", "simulate creditcard --out x.parquet", "simulate creditcard --rows 5",
		"simulate creditcard --fraud-share 2", "swap creditcard", "rate creditcard fast", "rate creditcard -1", "scale creditcard", "pause",
		"seek creditcard --reason r", "seek creditcard --to latest", "seek creditcard --to yesterday --reason r", "seek creditcard --to latest --partition 1 --offset 2 --reason r",
		"seek creditcard --partition 1 --reason r", "seek creditcard --snapshot none --reason r",
		"dlq lst creditcard", "dlq list", "dlq list creditcard --limit -1", "dlq show creditcard", "dlq show creditcard 12", "dlq show creditcard x@1", "dlq retry creditcard", "dlq retry creditcard 0@1 --all",
		"dlq retry creditcard 0@1 0@2 --fix f", "dlq retry creditcard 0@1 --fix f --through c", "dlq drop creditcard 0@1", "dlq drop creditcard 0@1 --reason r",
		"status creditcard other", "doctor now", "version 2",
	} {
		r := newBench(t).run(t.Context(), strings.Fields(line)...)
		if r.code != exitUsage || r.out != "" {
			t.Errorf("%s: exit %d with %q on standard output, want %d and nothing", line, r.code, r.out, exitUsage)
		}
		transcript.WriteString("$ starter " + line + "\n" + r.stderr + "\n")
	}
	golden.Compare(t, "wrong-command-lines.txt", transcript.String())
}

func TestEveryServiceThatIsAwayIsOneSentenceAndOneStep(t *testing.T) {
	var transcript strings.Builder
	file := smallCSV(t)
	for _, line := range []string{
		"train creditcard", "inference creditcard", "stop creditcard", "status creditcard", "swap creditcard champion", "pause creditcard", "scale creditcard --shards 2", "seek creditcard --to earliest --reason r --yes", "send creditcard FILE", "load creditcard FILE",
	} {
		b := newBench(t)
		b.app.reach.temporal = func(context.Context, config.Vars) (controlPlane, error) { return nil, control.ErrUnreachable }
		b.store.check = errAway
		r := b.run(t.Context(), strings.Fields(strings.ReplaceAll(line, "FILE", file))...)
		if r.code != exitFailed {
			t.Errorf("%s: exit %d, want %d", line, r.code, exitFailed)
		}
		transcript.WriteString("$ starter " + line + "\n" + r.stderr + "\n")
	}
	golden.Compare(t, "services-away.txt", transcript.String())
}

func TestFailureIsJSONForScripts(t *testing.T) {
	r := newBench(t).run(t.Context(), "train", "creditcrd", "--json")
	var f failure
	if err := json.Unmarshal([]byte(r.out), &f); err != nil {
		t.Fatalf("standard output is %q: %v", r.out, err)
	}
	if f.Exit != exitUsage || r.code != f.Exit || !strings.Contains(f.Error, "creditcrd") || !strings.Contains(f.Next, "creditcard") {
		t.Errorf("got %+v, exit %d", f, r.code)
	}
}

func TestBadSettingIsNamed(t *testing.T) {
	b := newBench(t)
	b.app.environ = append(b.app.environ, "S3_ENDPOINT=localhost:9000")
	r := b.run(t.Context(), "status")
	if r.code != exitFailed || !strings.Contains(r.stderr, "S3_ENDPOINT") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestRunIsTheWholeProgram(t *testing.T) {
	var out, stderr bytes.Buffer
	if code := run(t.Context(), nil, []string{"version", "--json"}, nil, &out, &stderr); code != exitOK {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	var b build
	if err := json.Unmarshal(out.Bytes(), &b); err != nil || b.Go == "" {
		t.Errorf("version --json printed %q: %v", out.String(), err)
	}
}

func TestNearestFindsTyposAndNothingElse(t *testing.T) {
	names := []string{"creditcard", "transactions", "train", "send"}
	for typed, want := range map[string]string{
		"creditcrd": "creditcard", "Transaction": "transactions", "trian": "train", "sned": "", "doctor": "", "": "", "sent": "send",
	} {
		if got := nearest(typed, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", typed, got, want)
		}
	}
}
