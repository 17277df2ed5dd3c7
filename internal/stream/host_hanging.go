package stream

import "time"

// mostHanging bounds what loops that hang may hold: nothing can end a goroutine from outside.
const mostHanging = 3

// abandon leaves a stuck loop to itself. Its session ends: whoever drove it leases again.
func (h *Host) abandon(key string, l *hosted) {
	l.stop() // if it wakes up, it drains, and learns that it is fenced
	if !h.forget(key, l) {
		return
	}
	h.hang(key, 1)
	go func() {
		<-l.done
		h.hang(key, -1)
	}()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil {
		l.session.detach()
		l.session = nil
	}
}

func (h *Host) hang(key string, more int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hanging[key] += more
}

func (h *Host) hangs(key string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hanging[key]
}

func (l *hosted) silence() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.heard)
}
