// Package awake keeps the machine's processors from sleeping, for those who would rather pay for power than wait for a core to wake.
package awake

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// device takes the longest time, in microseconds, that a core may need to wake, for as long as it is held open
// (https://docs.kernel.org/power/pm_qos_interface.html). With 0 an idle core looks for work instead of sleeping.
const device = "/dev/cpu_dma_latency"

// Hold keeps the cores awake until what it answers is closed, or this process is gone, however that happens. It needs the right to write
// /dev/cpu_dma_latency, which root has.
func Hold() (io.Closer, error) { return hold(device) }

func hold(device string) (io.Closer, error) {
	f, err := os.OpenFile(device, os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("keep the cores awake: %w", err)
	}
	if _, err := f.Write(binary.NativeEndian.AppendUint32(nil, 0)); err != nil {
		f.Close()
		return nil, fmt.Errorf("keep the cores awake: %w", err)
	}
	return f, nil
}
