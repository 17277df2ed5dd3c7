package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"
)

// certify prints what the run comes to, and fails if anything is wrong.
func (c *chaosRun) certify(v outcome, lasted time.Duration, before conditions) error {
	b := c.site.bench
	sent := setting{"keys", c.o.keys}
	if c.payments != nil {
		sent = setting{"payments", c.payments.about}
	}
	r := &report{bench: "chaos", settings: slices.Concat(settings{
		{"pipeline", c.o.pipeline}, {"seed", c.o.seed}, {"minutes", minutes(lasted)}, {"rate", c.o.rate}, sent, {"message_bytes", c.messages.bytes()},
		{"workers", c.o.workers}, {"partitions", len(c.plan.Partitions())}, {"shards", fmt.Sprintf("%d at first", len(c.plan.Shards))},
		{"temporal", c.temporalVersion}, {"models", c.o.pipeline + "@" + strings.Join(c.versions, ", ")}, {"reader", string(readCommitted)},
	}, b.kafkaVersions(false), b.machine(before))}
	r.add("faults", float64(len(c.done)), "")
	r.add("orders", float64(len(c.orders)), "")
	v.report(r)
	r.add("wrong_model", float64(v.WrongModel), "records")
	if v.replay != nil {
		r.add("handed_on_wrongly", float64(v.HandedOn), "records")
		r.add("wrong_features", float64(v.WrongFeatures), "records")
		r.add("replayed", float64(v.replay.Compared), "records")
		r.add("replayed_different", float64(v.replay.Different+v.replay.HandedDifferent), "records")
		r.add("event_order_different", float64(v.replay.EventOrder.Different), "records")
	}
	for _, g := range c.gaps() {
		own := setting{"kind", g.name}
		r.add("count", float64(g.count), "", own)
		if len(g.gaps) > 0 {
			r.add("gap_p50_s", quantile(g.gaps, .50).Seconds(), "s", own)
			r.add("gap_p99_s", quantile(g.gaps, .99).Seconds(), "s", own)
			r.add("gap_max_s", g.gaps[len(g.gaps)-1].Seconds(), "s", own)
		}
	}
	text := c.certificate(v, r)
	var err error
	if c.o.certificate != "" {
		if err = os.WriteFile(c.o.certificate, text, 0o644); err != nil {
			err = fmt.Errorf("write the certificate: %w", err)
		}
	}
	if c.o.json {
		err = errors.Join(err, b.print(r, true))
	} else {
		_, printed := b.stdout.Write(text)
		err = errors.Join(err, printed)
	}
	return errors.Join(err, v.broken())
}

func minutes(d time.Duration) float64 { return math.Round(d.Minutes()*10) / 10 }

// gapsOf is the gaps of faults of a kind.
type gapsOf struct {
	name  string
	count int             // faults, those without a gap of their own included
	gaps  []time.Duration // sorted
}

// overlapping is the name under which faults are told that came with another, or with an
// order: their gap is the work of both.
const overlapping = "overlapping"

// gaps sorts the faults by kind. Gaps are told of faults that came alone, since those
// alone are the work of one kind; of overlapping ones under that name; and of none that came
// while an order held the stream back.
func (c *chaosRun) gaps() (all []gapsOf) {
	at := func(name string) *gapsOf {
		i := slices.IndexFunc(all, func(g gapsOf) bool { return g.name == name })
		if i < 0 {
			i, all = len(all), append(all, gapsOf{name: name})
		}
		return &all[i]
	}
	for _, k := range faultKinds {
		if slices.Contains(c.o.kinds, k) {
			at(string(k))
		}
	}
	at(overlapping)
	for _, d := range c.done {
		at(string(d.kind)).count++
		name := string(d.kind)
		if !d.alone {
			name = overlapping
			at(overlapping).count++
		}
		if !d.quiet {
			g := at(name)
			g.gaps = append(g.gaps, d.gap)
		}
	}
	for i := range all {
		slices.Sort(all[i].gaps)
	}
	return all
}

// certificate is the run as a page.
func (c *chaosRun) certificate(v outcome, r *report) []byte {
	var out bytes.Buffer
	word := "**passed**"
	if !v.exact() {
		word = "**FAILED**"
	}
	fmt.Fprintf(&out, "### Chaos certificate: %s\n\n", word)
	fmt.Fprintf(&out, "%d faults, %d orders, %s messages: **%d lost, %d repeated, %d out of order, %d by the wrong model**, %d foreign, %d dead letters.\n\n",
		len(c.done), len(c.orders), thousands(fmt.Sprint(v.Sent)), v.Lost, v.Repeated, v.Reordered, v.WrongModel, v.Foreign+v.Malformed, v.deadLetters)
	if v.replay != nil {
		fmt.Fprintf(&out, "%s\n\n", c.stagesText(v))
	}
	fmt.Fprintf(&out, "%s records of aborted transactions stand in the output, which no read_committed reader sees.\n\n", thousands(fmt.Sprint(v.aborted)))
	fmt.Fprintf(&out, "| fault | how many | gap p50, s | gap p99, s | gap max, s | gaps counted |\n|---|---|---|---|---|---|\n")
	for _, g := range c.gaps() {
		fmt.Fprintf(&out, "| %s | %d |", g.name, g.count)
		if len(g.gaps) == 0 {
			fmt.Fprintf(&out, " | | | 0 |\n")
			continue
		}
		fmt.Fprintf(&out, " %.2f | %.2f | %.2f | %d |\n",
			quantile(g.gaps, .50).Seconds(), quantile(g.gaps, .99).Seconds(), g.gaps[len(g.gaps)-1].Seconds(), len(g.gaps))
	}
	fmt.Fprintf(&out, "\n| order | obeyed | more than one try | longest, s |\n|---|---|---|---|\n")
	for _, k := range orderKinds {
		n, again, longest := 0, 0, time.Duration(0)
		for _, o := range c.orders {
			if o.kind == k {
				n, longest = n+1, max(longest, o.took)
				if o.tries > 1 {
					again++
				}
			}
		}
		if slices.Contains(c.o.kinds, k) {
			fmt.Fprintf(&out, "| %s | %d | %d | %.2f |\n", k, n, again, longest.Seconds())
		}
	}
	fmt.Fprintf(&out, "\n| setting | |\n|---|---|\n")
	for _, s := range r.settings {
		fmt.Fprintf(&out, "| %s | %v |\n", s.name, s.value)
	}
	fmt.Fprintf(&out, "\nThe same schedule again: `go run ./bench chaos %s`\n", c.o.again())
	for _, o := range v.offences {
		fmt.Fprintf(&out, "\n- %s", o)
	}
	return out.Bytes()
}
