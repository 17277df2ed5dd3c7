//go:build !linux || !cgo

// Package sysmon has the monitor of Go's runtime look after the program less often than every 20 us.
package sysmon

import "errors"

// Relax fails: it is made for Linux, and needs C.
func Relax() error {
	return errors.New("relax the runtime's monitor: that needs Linux and cgo")
}
