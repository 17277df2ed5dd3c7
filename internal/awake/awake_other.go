//go:build !linux

// Package awake keeps the machine's processors from sleeping, for those who would rather pay for power than wait for a core to wake.
package awake

import (
	"errors"
	"io"
)

// Hold fails: only Linux has a way to ask for it.
func Hold() (io.Closer, error) {
	return nil, errors.New("keep the cores awake: that needs Linux")
}
