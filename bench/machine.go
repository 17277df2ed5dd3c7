package main

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// conditions are what the machine adds to every figure.
type conditions struct {
	load   string
	turn   time.Duration
	stolen time.Duration // processor time, so far
	at     time.Time
}

func conditionsNow() conditions {
	_, stolen, _ := machineTime() // who needs to know it fails by its own call
	return conditions{load(), threadTurn(), stolen, time.Now()}
}

// stolenSince is how many cores the host kept from what wanted to run here. It may be half of them for minutes, and then
// no figure tells anything of what was measured.
func (c conditions) stolenSince(before conditions) float64 {
	return float64(c.stolen-before.stolen) / float64(c.at.Sub(before.at))
}

// machine is what stands beside every figure. The conditions are read again at the end, so that
// a run that was disturbed shows it.
func (b *bench) machine(before conditions) settings {
	after := conditionsNow()
	micros := func(d time.Duration) float64 { return math.Round(float64(d)/100) / 10 }
	return settings{
		{"cores", runtime.NumCPU()},
		{"cpu", processor()},
		{"load_before", before.load},
		{"load_after", after.load},
		{"thread_turn_before_us", micros(before.turn)},
		{"thread_turn_after_us", micros(after.turn)},
		{"awake", b.awake},
		{"stolen_cores", math.Round(after.stolenSince(before)*100) / 100},
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

// threadTurn is the time that two threads take to wake each other in turn, there and back; the median of some thousand turns. On a virtual machine
// another core is woken through the host. That takes 15 us or 100, from one hour to the next, and a record on its way through client, broker and
// reader wakes dozens of threads.
func threadTurn() time.Duration {
	const rounds, turns = 40, 50
	there, back := make(chan struct{}), make(chan struct{})
	go func() {
		runtime.LockOSThread() // never let go: the thread ends with it
		for range there {
			back <- struct{}{}
		}
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(there)
	took := make([]time.Duration, rounds)
	for i := range took {
		began := time.Now()
		for range turns {
			there <- struct{}{}
			<-back
		}
		took[i] = time.Since(began) / turns
	}
	slices.Sort(took)
	return took[rounds/2]
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
