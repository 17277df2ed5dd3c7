package stream

import (
	"testing"
	"time"
)

// TestPublicCallsKeepTheSamePromises runs the loop by the client's public calls, as it does
// where package crossing finds nothing that it knows. (Its name is what topics looks at.)
func TestPublicCallsKeepTheSamePromises(t *testing.T) { samePromises(t) }

// TestClientCommitsKeepTheSamePromises runs the loop with the client's transactions, as it does where brokers have no second version of them.
func TestClientCommitsKeepTheSamePromises(t *testing.T) { samePromises(t) }

func samePromises(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"offsets":       TestLoopCommitsOffsetsWithPredictions,
		"at least once": TestAtLeastOnceCommitsOffsetsAfterPredictions,
		"dead letters":  TestWhatCannotBeScoredGoesToTheDeadLetters,
		"too large":     TestDeadLetterThatTheBrokerRefusesIsCutAndTheStreamGoesOn,
		"whole":         TestLargestRecordsAreDeadLetteredWhole,
		"killed":        TestKilledLoopLosesAndRepeatsNothing,
		"frozen":        TestFrozenLoopThatWakesUpIsFencedAndEmitsNothing,
		"offset lost":   TestOffsetThatTheBrokerNoLongerHasEndsTheLoopWithTheGap,
	} {
		t.Run(name, test)
	}
}

// TestSmallQueuesHoldTheLoopBackAndLoseNothing lets every batch run into back-pressure.
func TestSmallQueuesHoldTheLoopBackAndLoseNothing(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 2)
	o.SendBytes, o.PrefetchBytes = 1<<10, 1<<10 // one kilobyte waits, at most
	const n = 4000
	preload(t, o.Kafka, o.Topic, 0, n)
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "all are scored", func(p Progress) bool { return p.Records == n })
	r.stop()
	if got := r.wait(t, 10*time.Second); got.err != nil {
		t.Fatal(got.err)
	}
	wantOnce(t, o.Kafka, o.Output, n)
}
