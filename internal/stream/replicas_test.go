package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// thin is a source whose brokers answer for one partition that may not be written.
type thin struct{ source }

func (thin) lacking() []string { return []string{"out[0] has 2 of 3 replicas in sync, and 3 must be"} }

func TestMissingReplicasAreToldWhereverTheyMakeOneWait(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		told bool
	}{
		"a commit ran out of time":       {fmt.Errorf("commit: %w", context.DeadlineExceeded), true},
		"results were not acknowledged":  {kafka.NewError(kafka.ErrMsgTimedOut, "", false), true},
		"an abort cannot end":            {fmt.Errorf("take over x: %w", errRefused), true},
		"a partition's leader moves":     {kafka.NewError(kafka.ErrNotLeaderForPartition, "", false), false},
		"another worker owns the shard":  {kafka.NewError(kafka.ErrFenced, "", true), false},
		"nothing that the loop knows of": {errors.New("boo"), false},
	} {
		got := lacking(c.err, thin{})
		if told := faultOf(got) == FaultReplicas && strings.Contains(got.Error(), "2 of 3 replicas"); told != c.told || !errors.Is(got, c.err) {
			t.Errorf("%s: %v is %s, want told %v", name, got, faultOf(got), c.told)
		}
	}
	if err := lacking(nil, thin{}); err != nil {
		t.Errorf("no error became %v", err)
	}
}
