package settings

import (
	"errors"
	"fmt"

	"temporal-streaming/devstack/internal/ports"
)

// port is one port of the settings with the flag that chooses it.
type port struct {
	service, flag string
	number        *int
}

func (s *Settings) ports() []port {
	all := []port{
		{Temporal, "--temporal-port", &s.TemporalPort},
		{Temporal, "--ui-port", &s.UIPort},
		{S3, "--s3-port", &s.S3Port},
		{Kafka, "--kafka-port", &s.KafkaPort},
		{MLflow, "--mlflow-port", &s.MLflowPort},
	}
	for i := range s.Cluster {
		b := &s.Cluster[i]
		// Nobody but the brokers needs to know these. The first one's is --kafka-port.
		*b = Broker{}
		if i > 0 {
			all = append(all, port{Kafka, "", &b.Port})
		}
		all = append(all, port{Kafka, "", &b.ControllerPort})
		if s.SASL {
			all = append(all, port{Kafka, "", &b.SASLPort})
		}
	}
	var used []port
	for _, p := range all {
		if s.Has(p.service) {
			used = append(used, p)
		}
	}
	return used
}

// ClaimPorts checks that every chosen port is free and replaces each 0 by a free one. The error names every port that is
// taken, by whom, and the flag that chooses another.
func (s *Settings) ClaimPorts() error {
	var problems []error
	chosen := map[int]bool{}
	for _, p := range s.ports() {
		if *p.number == 0 {
			continue
		}
		chosen[*p.number] = true
		err := ports.Check(s.Bind, *p.number)
		var taken *ports.Taken
		switch {
		case errors.As(err, &taken):
			problems = append(problems, fmt.Errorf("%s: %w: end that process, or choose another port with %s (0 picks a free one)", p.service, err, p.flag))
		case err != nil:
			problems = append(problems, fmt.Errorf("%s: %w: choose another address with --bind or port with %s", p.service, err, p.flag))
		}
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	for _, p := range s.ports() {
		if *p.number != 0 {
			continue
		}
		free, err := ports.Free(s.Bind, chosen)
		if err != nil {
			return err
		}
		*p.number = free
		chosen[free] = true
	}
	if len(s.Cluster) > 0 {
		s.Cluster[0].Port = s.KafkaPort
	}
	return nil
}
