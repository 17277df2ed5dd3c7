package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestAWorkerThatIsGivenArgumentsSaysWhatItIsAndDoesNotStart(t *testing.T) {
	for arg, want := range map[string]int{"--help": 0, "-h": 0, "transactions": 2, "--port=1": 2} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), nil, []string{arg}, &out, &errs); code != want || !strings.Contains(out.String()+errs.String(), "It takes no arguments") {
			t.Errorf("%s: exit %d, want %d: %s%s", arg, code, want, &out, &errs)
		}
	}
}
