package stream

import "time"

// pace hands out records at a rate.
type pace struct {
	perSecond float64 // 0: without a limit
	tokens    float64
	filled    time.Time
}

// burst is how much of a second's records may be read at once after a lull.
const burst = 0.1

// allow answers how many records may be read now, at most most.
func (p *pace) allow(now time.Time, most int) int {
	if p.perSecond <= 0 {
		return most
	}
	if dt := now.Sub(p.filled); dt > 0 { // a clock that steps back gives nothing
		p.tokens = min(p.tokens+dt.Seconds()*p.perSecond, max(1, p.perSecond*burst))
	}
	p.filled = now
	return min(most, int(p.tokens))
}

// wait is how long it takes until the next record may be read.
func (p *pace) wait() time.Duration {
	if p.perSecond <= 0 || p.tokens >= 1 {
		return 0
	}
	return time.Duration((1 - p.tokens) / p.perSecond * float64(time.Second))
}

func (p *pace) took(n int) {
	if p.perSecond > 0 {
		p.tokens -= float64(n)
	}
}
