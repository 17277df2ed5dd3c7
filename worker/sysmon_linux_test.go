package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/sysmon"
)

// TestMonitorOfTheRuntimeIsRelaxed looks at the threads of this process, in which the worker runs.
func TestMonitorOfTheRuntimeIsRelaxed(t *testing.T) {
	defer withoutTemporal(t)()
	for range 500 {
		if relaxed(t) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("no thread has a timer slack of %v", sysmon.Slack)
}

// relaxed needs CAP_SYS_NICE.
func relaxed(t *testing.T) bool {
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		slack, err := os.ReadFile(filepath.Join("/proc", filepath.Base(task), "timerslack_ns"))
		if os.IsPermission(err) {
			t.Skip(err)
		}
		if strings.TrimSpace(string(slack)) == strconv.FormatInt(sysmon.Slack.Nanoseconds(), 10) {
			return true
		}
	}
	return false
}
