package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"temporal-streaming/devstack/internal/settings"
)

// usageError is a mistake on the command line.
type usageError string

func (e usageError) Error() string { return string(e) }

// errHelp means that -h was asked for and answered.
var errHelp = errors.New("help was shown")

// options are the flags of one command.
type options struct {
	settings.Settings
	json     bool
	now      bool
	untilEOF bool
	rest     []string

	produceBytes, fetchBytes float64 // of command quota
}

// stackFlags adds what run and up take.
func stackFlags(flags *flag.FlagSet, o *options, only *string) {
	flags.StringVar(&o.Tools, "tools", "", "folder of the installed tools, may be shared (default DATA/tools)")
	flags.StringVar(&o.Kafka, "kafka", "embedded", "embedded, or apache for a real Apache Kafka (needs Java 17 and Maven)")
	flags.IntVar(&o.Brokers, "brokers", 0, "of Apache Kafka (default 1); several keep every topic on up to three of them")
	flags.BoolVar(&o.SASL, "kafka-sasl", false, "give Apache Kafka a second listener that asks for SCRAM-SHA-256 credentials; KAFKA_SASL_BOOTSTRAP_SERVERS is its address")
	flags.Func("kafka-set", "a line KEY=VALUE for Apache Kafka's configuration; may be repeated", func(line string) error {
		o.KafkaSet = append(o.KafkaSet, line)
		return nil
	})
	flags.StringVar(only, "only", "", "run these services only, for example s3,kafka")
	flags.StringVar(&o.Bind, "bind", "127.0.0.1", "address to listen on; nothing here asks for a password but S3")
	flags.IntVar(&o.TemporalPort, "temporal-port", 7233, "Temporal; 0 picks a free port, as with every port")
	flags.IntVar(&o.UIPort, "ui-port", 8233, "Temporal's Web UI")
	flags.IntVar(&o.S3Port, "s3-port", 9000, "S3")
	flags.IntVar(&o.KafkaPort, "kafka-port", 19092, "Kafka")
	flags.IntVar(&o.MLflowPort, "mlflow-port", 5000, "MLflow")
}

// parse reads the flags of a command; flags and arguments may stand in any order.
func parse(command string, args []string, stack bool, output io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("devstack "+command, flag.ContinueOnError)
	flags.SetOutput(output)
	var only string
	flags.StringVar(&o.Data, "data", ".devstack", "data folder")
	flags.BoolVar(&o.json, "json", false, "print one JSON object instead of a table")
	if stack {
		stackFlags(flags, o, &only)
	} else {
		o.Kafka = "embedded" // not asked for here, but Resolve checks it
	}
	if command == "run" {
		flags.BoolVar(&o.untilEOF, "until-eof", false, "end when standard input ends: a test that dies takes its stack along")
	}
	if command == "quota" {
		flags.Float64Var(&o.produceBytes, "produce", 0, "bytes a second that the client may send to each broker; 0 is no limit")
		flags.Float64Var(&o.fetchBytes, "fetch", 0, "bytes a second that it may fetch from each broker; 0 is no limit")
	}
	if command == "stop" {
		flags.BoolVar(&o.now, "now", false, "kill it instead of asking it to end")
	}
	for {
		err := flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			return nil, errHelp
		}
		if err != nil {
			return nil, usageError(err.Error())
		}
		if flags.NArg() == 0 {
			break
		}
		o.rest = append(o.rest, flags.Arg(0))
		args = flags.Args()[1:]
	}
	if only != "" {
		o.Only = strings.Split(only, ",")
	}
	if err := o.Resolve(); err != nil {
		return nil, usageError(err.Error())
	}
	return o, nil
}

// none refuses arguments where there are none to give.
func (o *options) none() error {
	if len(o.rest) > 0 {
		return usageError(fmt.Sprintf("unexpected argument %q", o.rest[0]))
	}
	return nil
}

// enter makes the data folder the working directory; see package control for why.
func (o *options) enter(create bool) error {
	if create {
		if err := os.MkdirAll(o.Data+"/log", 0o700); err != nil {
			return fmt.Errorf("make data folder: %w", err)
		}
	}
	if err := os.Chdir(o.Data); err != nil {
		return fmt.Errorf("open data folder: %w", err)
	}
	return nil
}
