package main

import (
	"os/exec"
	"syscall"
)

// bind keeps the terminal's Ctrl-C from a child, since this program decides when it ends,
// and lets the kernel kill it should this program die first, however that happens.
func bind(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
