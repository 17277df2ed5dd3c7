//go:build cgo

// Package sysmon has the monitor of Go's runtime look after the program less often than every 20 us.
//
// The monitor (runtime.sysmon) is a thread that takes processors from goroutines that do not let go of them, and from calls into C or the
// kernel that take long. It sleeps for 20 us between two looks while there is anything to look at, which in a program that waits in C,
// as one does that uses Kafka's client, is always: some 5,000 times a second it takes a core from threads that have work to do. On a
// machine where waking a thread is dear that is a tenth of a core, and every record waits for it.
//
// How long a thread sleeps beyond what it asked for, so that the kernel can wake it together with others, is its timer slack, 50 us
// unless somebody says otherwise (https://man7.org/linux/man-pages/man2/PR_SET_TIMERSLACK.2const.html). Relax says otherwise.
package sysmon

// #include "slack.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Slack is how much later than it wanted the monitor may look. What it costs: a goroutine waits for up to twice as long for a processor
// that another holds in C, if there is no other. At a millisecond the monitor takes a fifth of the time that it took, at a quarter of one half.
const Slack = time.Millisecond

// Relax gives the monitor its slack. It is to be called early in main, once: before there is C code that sleeps by the clock, as the monitor does,
// which is how it is known. After an error it looks as often as before.
func Relax() error {
	tid, err := find()
	if err != nil {
		return fmt.Errorf("relax the runtime's monitor: %w", err)
	}
	makeThreads(enough)
	switch e := syscall.Errno(C.set_timer_slack(C.int(tid), C.ulong(Slack.Nanoseconds()), C.long(patience.Nanoseconds()))); e {
	case 0:
		return nil
	case syscall.ETIMEDOUT:
		return fmt.Errorf("relax the runtime's monitor: thread %d does not answer SIGRTMAX, which this program may have been started with blocked", tid)
	default:
		return fmt.Errorf("relax the runtime's monitor: thread %d: %w", tid, e)
	}
}

const patience = 500 * time.Millisecond // for a thread that wakes at least every 10 ms

// find tells which thread is the monitor: others of the runtime wait for each other or for the network, or sleep by the clock for an instant
// now and then.
func find() (tid int, err error) {
	seen, sleeps := map[string]int{}, strconv.Itoa(syscall.SYS_NANOSLEEP)
	for range 1000 {
		calls, err := filepath.Glob("/proc/self/task/*/syscall")
		if err != nil {
			return 0, err
		}
		for _, file := range calls {
			call, err := os.ReadFile(file)
			if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
				return 0, err
			}
			if number, _, _ := strings.Cut(string(call), " "); number != sleeps {
				continue
			}
			if seen[file]++; seen[file] == sightings {
				return strconv.Atoi(filepath.Base(filepath.Dir(file)))
			}
		}
	}
	return 0, errors.New("no thread sleeps as it does")
}

const sightings = 5

// enough is more threads than loops and clients of one worker run at once.
const enough = 32

// makeThreads has the runtime make n threads that it keeps, and uses before it makes more. It would have the monitor make some of
// them later, and a thread has the slack of the one that has made it: calls that wait for a record would be late, too.
func makeThreads(n int) {
	var made, left sync.WaitGroup
	leave := make(chan struct{})
	made.Add(n)
	for range n {
		left.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread() // or the thread ends with the goroutine
			made.Done()
			<-leave
		})
	}
	made.Wait()
	close(leave)
	left.Wait()
}
