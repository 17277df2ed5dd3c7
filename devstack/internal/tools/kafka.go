package tools

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed pins/kafka-pom.xml
var kafkaPOM string

// KafkaVersion is the version of Apache Kafka that is pinned.
func KafkaVersion() string {
	_, rest, _ := strings.Cut(kafkaPOM, "<kafka.version>")
	version, _, _ := strings.Cut(rest, "<")
	return version
}

// Broker is an installed Apache Kafka.
type Broker struct {
	Java string // path of the java program
	Lib  string // folder of the jars
}

// Kafka provides the jars of Apache Kafka and finds the Java to run them.
func Kafka(ctx context.Context, cache string, progress Progress) (Broker, error) {
	java, err := findJava(ctx)
	if err != nil {
		return Broker{}, err
	}
	dir, err := provide(ctx, cache, tool{name: "kafka", pins: []string{kafkaPOM}, install: installKafka}, progress)
	return Broker{Java: java, Lib: filepath.Join(dir, "lib")}, err
}

func installKafka(ctx context.Context, dir string, progress Progress) error {
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return errors.New("Maven (mvn) not found, it fetches Apache Kafka's jars: install it (Debian: apt-get install maven; macOS: brew install maven), or use --kafka embedded")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	pom := filepath.Join(dir, "pom.xml")
	if err := os.WriteFile(pom, []byte(kafkaPOM), 0o644); err != nil {
		return err
	}
	return progress.During("installing Apache Kafka "+KafkaVersion()+" (45 jars, 43 MB)", func() error {
		return command(ctx, nil, maven, "-B", "-q", "-f", pom,
			"org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
			"-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(dir, "lib"))
	})
}

// findJava finds a Java that Kafka 4 runs on: 17 or newer.
func findJava(ctx context.Context) (string, error) {
	const mend = "install Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17), or use --kafka embedded"
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	path, err := exec.LookPath(java)
	if err != nil {
		return "", errors.New("Java not found, Apache Kafka needs it: " + mend)
	}
	output, err := exec.CommandContext(ctx, path, "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s -version: %w: %s", path, err, mend)
	}
	if major := javaMajor(string(output)); major < 17 {
		return "", fmt.Errorf("%s is Java %d, too old for Apache Kafka 4: %s", path, major, mend)
	}
	return path, nil
}

// javaMajor reads the major version from what java -version prints; 0 when it cannot.
// Old versions call themselves 1.8, new ones 17.0.15 or 21.
func javaMajor(output string) int {
	_, rest, _ := strings.Cut(output, `version "`)
	version, _, _ := strings.Cut(rest, `"`)
	first, rest, _ := strings.Cut(version, ".")
	major, err := strconv.Atoi(strings.TrimSuffix(first, "-ea"))
	if err != nil {
		return 0
	}
	if major == 1 {
		second, _, _ := strings.Cut(rest, ".")
		if major, err = strconv.Atoi(second); err != nil {
			return 0
		}
	}
	return major
}
