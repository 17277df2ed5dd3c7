//go:build cgo

package sysmon

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestRelaxReachesTheMonitorAndNobodyElse reads all threads' slack, also of those that are made after it.
func TestRelaxReachesTheMonitorAndNobodyElse(t *testing.T) {
	usual, err := os.ReadFile("/proc/self/timerslack_ns") // of the main thread: 50 us, unless whoever starts this says otherwise
	if err != nil {
		t.Fatal(err)
	}
	if err := Relax(); err != nil {
		t.Fatal(err)
	}
	monitor, err := find()
	if err != nil {
		t.Fatal(err)
	}
	// More calls that wait in the kernel than there are processors: the monitor takes those from them, and finds them threads.
	var calls sync.WaitGroup
	for range enough / 2 {
		calls.Go(func() {
			for range 20 {
				wait := syscall.NsecToTimeval((5 * time.Millisecond).Nanoseconds())
				_, _ = syscall.Select(0, nil, nil, nil, &wait)
			}
		})
	}
	calls.Wait()
	slack := slackOfThreads(t)
	if len(slack) < enough {
		t.Errorf("%d threads, want %d or more", len(slack), enough)
	}
	for tid, ns := range slack {
		want := strings.TrimSpace(string(usual))
		if tid == monitor {
			want = strconv.FormatInt(Slack.Nanoseconds(), 10)
		}
		if ns != want {
			t.Errorf("thread %d has a slack of %s ns, want %s; the monitor is %d", tid, ns, want, monitor)
		}
	}
}

// slackOfThreads needs CAP_SYS_NICE.
func slackOfThreads(t *testing.T) map[int]string {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		t.Fatal(err)
	}
	slack := map[int]string{}
	for _, task := range tasks {
		tid, err := strconv.Atoi(filepath.Base(task))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(tid), "timerslack_ns"))
		if os.IsPermission(err) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		slack[tid] = strings.TrimSpace(string(b))
	}
	return slack
}
