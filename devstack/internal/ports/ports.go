// Package ports tells whether a TCP port can be used, who holds it if not, and picks one that can.
//
// A server that finds its port taken often fails late and with a stack trace; worse, an orphan of an earlier run on that
// port answers every health check in its place. So all ports are checked before anything is started.
package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Taken is the error for a port that another process holds.
type Taken struct {
	Port   int
	Holder string // "minio (process 4711)", or empty when it cannot be found out
}

func (t *Taken) Error() string {
	if t.Holder == "" {
		return fmt.Sprintf("port %d is taken by another process", t.Port)
	}
	return fmt.Sprintf("port %d is taken by %s", t.Port, t.Holder)
}

// Check returns nil when host:port can be listened on, a *Taken when somebody else does.
func Check(host string, port int) error {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return &Taken{Port: port, Holder: holder(port)}
	}
	if err != nil {
		return fmt.Errorf("listen on port %d: %w", port, err)
	}
	return listener.Close()
}

// Free picks a port of host that is free and not in the given set.
//
// It stays below the range from which the kernel takes the near end of outgoing connections: while a server on such a
// port is being restarted, any client on the machine could be given its port, even the client that tries to reach it.
func Free(host string, not map[int]bool) (int, error) {
	const low = 15000
	high := firstEphemeral()
	for range 1000 {
		port := low + rand.IntN(high-low)
		if !not[port] && Check(host, port) == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("pick a free port on %s: none of 1000 tried between %d and %d is free", host, low, high)
}

// firstEphemeral is where the kernel's own choice of ports begins.
func firstEphemeral() int {
	const usual = 32768
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return usual // not Linux: the usual value leaves room enough
	}
	fields := strings.Fields(string(text))
	if len(fields) != 2 {
		return usual
	}
	first, err := strconv.Atoi(fields[0])
	if err != nil || first < 16000 {
		return usual
	}
	return first
}
