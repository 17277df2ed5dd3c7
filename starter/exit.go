package main

import (
	"fmt"
	"strings"
)

// Exit codes, for scripts.
const (
	exitOK       = 0
	exitFailed   = 1
	exitUsage    = 2
	exitRejected = 3
	exitDetached = 130
)

// exitCodes is the table in --help.
var exitCodes = []struct {
	code  int
	means string
}{
	{exitOK, "done; for train: the new model was promoted"},
	{exitFailed, "failed; the message says why and what to do"},
	{exitUsage, "the command line is wrong; nothing was done"},
	{exitRejected, "train only: the run went well and the new model was rejected"},
	{exitDetached, "interrupted by Ctrl-C; what runs in workers goes on"},
}

func exitHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %-4d %s\n", e.code, e.means)
	}
	return b.String()
}
