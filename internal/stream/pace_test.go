package stream

import (
	"testing"
	"time"
)

func TestRateIsKept(t *testing.T) {
	now := time.Unix(0, 0)
	p := pace{perSecond: 1000, filled: now}
	read := 0
	for range 200 {
		now = now.Add(5 * time.Millisecond)
		n := p.allow(now, 4096)
		p.took(n)
		read += n
	}
	if read < 990 || read > 1000 {
		t.Errorf("%d records in a second, want 1000", read)
	}
	if n := p.allow(now.Add(time.Hour), 4096); n > 100 {
		t.Errorf("after an hour's lull %d records at once, want a tenth of a second's", n)
	}
	now = now.Add(-time.Hour)
	if n := p.allow(now, 4096); n > 100 {
		t.Errorf("a clock that stepped back gave %d records", n)
	}
	slow := pace{perSecond: .5, filled: now}
	if slow.allow(now, 10) != 0 || slow.wait() != 2*time.Second {
		t.Errorf("at one record in two seconds: wait %v, want 2s", slow.wait())
	}
	if slow.allow(now.Add(2*time.Second), 10) != 1 {
		t.Error("after two seconds no record may be read")
	}
}
