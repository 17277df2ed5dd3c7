package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// machine is what stands beside every figure. The load is read again at the end, so that
// a run that was disturbed shows it.
func (b *bench) machine(loadBefore string) settings {
	return settings{
		{"cores", runtime.NumCPU()},
		{"cpu", processor()},
		{"load_before", loadBefore},
		{"load_after", load()},
		{"go", runtime.Version()},
		{"commit", b.commit},
	}
}

// warnIfBusy tells people what the figures of a machine with other work to do are worth.
func (b *bench) warnIfBusy() {
	var minute float64
	if _, err := fmt.Sscan(load(), &minute); err == nil && minute > float64(runtime.NumCPU())/2 {
		b.say("the machine is busy (load %.1f on %d cores): rates and latencies will be worse than it allows", minute, runtime.NumCPU())
	}
}

// kafkaVersions are those of the client and, where the devstack installed it, the broker.
func (b *bench) kafkaVersions(own bool) settings {
	_, client := kafka.LibraryVersion()
	broker := "as given by --brokers"
	if !own {
		broker = "Apache Kafka"
		if pins, err := os.ReadFile(filepath.Join(b.root, "devstack", "internal", "tools", "pins", "kafka-pom.xml")); err == nil {
			_, rest, _ := strings.Cut(string(pins), "<kafka.version>")
			version, _, _ := strings.Cut(rest, "<")
			broker += " " + version + ", one node, on the same cores"
		}
	}
	return settings{{"broker", broker}, {"librdkafka", client}}
}

// load is how many processes wanted a core over the last one, five and fifteen minutes.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 3 {
		return "unknown"
	}
	return strings.Join(fields[:3], " ")
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// commitOf is what is checked out, with a plus where files differ from it.
func commitOf(root string) string {
	git := func(args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir = root
		out, err := cmd.Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	commit := git("rev-parse", "--short", "HEAD")
	if commit == "" {
		return "unknown"
	}
	if git("status", "--porcelain", "--untracked-files=no") != "" {
		commit += "+"
	}
	return commit
}

// tools is where pinned tools are installed, for this program and the devstack alike.
func (b *bench) tools() string { return filepath.Join(b.root, ".devstack", "tools") }
