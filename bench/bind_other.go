//go:build !linux

package main

import (
	"os/exec"
	"syscall"
)

// bind keeps the terminal's Ctrl-C from a child, since this program decides when it ends.
func bind(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
