package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// tick is the unit in which Linux tells processor time, on every architecture that Go has.
const tick = 10 * time.Millisecond

// cpuTime is the processor time that a process has used in all its threads, those that
// have ended included.
func cpuTime(pid int) (time.Duration, error) {
	used, _, err := readStat(fmt.Sprintf("/proc/%d/stat", pid))
	return used, err
}

// threadTimes is the processor time of the living threads of a process by their name.
func threadTimes(pid int) map[string]time.Duration {
	times := map[string]time.Duration{}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return times
	}
	for _, path := range threads {
		if used, name, err := readStat(path); err == nil { // it may have ended
			times[name] += used
		}
	}
	return times
}

// readStat reads utime and stime, the 14th and 15th field of a stat file.
func readStat(path string) (used time.Duration, name string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, "", fmt.Errorf("read processor time: %w (this benchmark needs Linux)", err)
	}
	// The name may contain anything, so count from its closing parenthesis.
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return 0, "", fmt.Errorf("read processor time: %s is not a stat file", path)
	}
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) < 13 {
		return 0, "", fmt.Errorf("read processor time: %s has %d fields", path, len(fields))
	}
	for _, field := range fields[11:13] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, "", fmt.Errorf("read processor time of %s: %w", path, err)
		}
		used += time.Duration(ticks) * tick
	}
	return used, string(text[open+1 : end]), nil
}

// machineTime is the processor time that all cores together were busy, since they started. stolen is the part of it in which
// the host of a virtual machine ran something else, while there was something to run here.
func machineTime() (busy, stolen time.Duration, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, fmt.Errorf("read processor time: %w (this benchmark needs Linux)", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal ...
	if len(fields) < 9 {
		return 0, 0, fmt.Errorf("read processor time: /proc/stat begins with %q", line)
	}
	for i, field := range fields[1:9] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read processor time of the machine: %w", err)
		}
		if i != 3 && i != 4 {
			busy += time.Duration(ticks) * tick
		}
		if i == 7 {
			stolen = time.Duration(ticks) * tick
		}
	}
	return busy, stolen, nil
}

// busy is the first part of machineTime, for a sampler.
func busy() (time.Duration, error) {
	all, _, err := machineTime()
	return all, err
}

// sampler notes processor time over time, so that the part of any span can be told
// afterwards. A sample costs about 20 us, so the measured hardly notice.
type sampler struct {
	what string
	stop chan struct{}
	done sync.WaitGroup

	at   []time.Time
	used []time.Duration
}

const sampleEvery = 20 * time.Millisecond

// sampleProcess samples one process.
func sampleProcess(pid int) *sampler {
	return sample(fmt.Sprintf("process %d", pid), func() (time.Duration, error) { return cpuTime(pid) })
}

func sample(what string, read func() (time.Duration, error)) *sampler {
	s := &sampler{what: what, stop: make(chan struct{})}
	s.done.Go(func() {
		ticker := time.NewTicker(sampleEvery)
		defer ticker.Stop()
		for {
			if used, err := read(); err == nil {
				s.at, s.used = append(s.at, time.Now()), append(s.used, used)
			}
			select {
			case <-s.stop:
				return
			case <-ticker.C:
			}
		}
	})
	return s
}

// end stops sampling; between may be called after it.
func (s *sampler) end() {
	close(s.stop)
	s.done.Wait()
}

// between is the processor time used from one moment to another.
func (s *sampler) between(from, to time.Time) (time.Duration, error) {
	if len(s.at) == 0 {
		return 0, fmt.Errorf("processor time of %s was never read", s.what)
	}
	return s.until(to) - s.until(from), nil
}

// until interpolates between the samples around a moment.
func (s *sampler) until(t time.Time) time.Duration {
	i, _ := slices.BinarySearchFunc(s.at, t, time.Time.Compare)
	switch {
	case i == 0:
		return s.used[0]
	case i == len(s.at):
		return s.used[i-1]
	}
	share := float64(t.Sub(s.at[i-1])) / float64(s.at[i].Sub(s.at[i-1]))
	return s.used[i-1] + time.Duration(share*float64(s.used[i]-s.used[i-1]))
}
