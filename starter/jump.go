package main

import (
	"fmt"
	"slices"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/stream"
	"temporal-streaming/starter/internal/screen"
)

// jump is what a seek does to one partition.
type jump struct {
	partition int32
	from      int64 // the next offset without it, -1 if nothing is committed
	to        int64 // the next offset with it
	lost      bool  // from is not in the log any more
}

// again is how many offsets are read a second time, skipped how many never. Offsets of
// transaction markers and of records that were compacted away count, too, so both are the
// most that it can be.
func (j jump) again() int64   { return max(0, j.from-j.to) }
func (j jump) skipped() int64 { return max(0, j.to-j.from) }

func (j jump) text(s screen.Style) string {
	switch {
	case j.from < 0:
		return "nothing is committed yet"
	case j.again() > 0:
		return s.Warn(screen.Count(j.again()) + " again")
	case j.skipped() > 0:
		return s.Bad(screen.Count(j.skipped()) + " skipped")
	}
	return "stays"
}

// jumpsOf works out where each partition goes. since holds the offsets for a time.
func jumpsOf(topic string, now []stream.GroupPosition, since []int64, r job.SeekRequest) ([]jump, error) {
	slices.SortFunc(now, func(a, b stream.GroupPosition) int { return int(a.Partition - b.Partition) })
	var jumps []jump
	asked := slices.Clone(r.Positions)
	for i, p := range now {
		j := jump{partition: p.Partition, from: p.Committed, lost: p.Committed >= 0 && (p.Committed < p.First || p.Committed > p.End)}
		switch {
		case r.To == "earliest":
			j.to = p.First
		case r.To == "latest":
			j.to = p.End
		case r.To != "":
			j.to = since[i]
		default:
			k := slices.IndexFunc(asked, func(q job.Position) bool { return q.Partition == p.Partition })
			if k < 0 {
				continue
			}
			j.to = asked[k].Offset
			asked = slices.Delete(asked, k, k+1)
			if j.to < p.First || j.to > p.End {
				return nil, misuse(fmt.Sprintf("Give an offset from %d to %d.", p.First, p.End), "%s-%d has no offset %d", topic, p.Partition, j.to)
			}
		}
		jumps = append(jumps, j)
	}
	if len(asked) > 0 {
		return nil, misuse("Give each of these once: "+fmt.Sprintf("0 to %d.", len(now)-1), "%s has no partition %d, or it is named twice", topic, asked[0].Partition)
	}
	return jumps, nil
}

// seekScreen says before anything happens what will.
func seekScreen(s screen.Style, d *pipeline.Definition, jumps []jump) string {
	var (
		rows           [][]string
		again, skipped int64
	)
	for _, j := range jumps {
		again, skipped = again+j.again(), skipped+j.skipped()
		from := offsetText(j.from)
		if j.lost {
			from += " (lost)"
		}
		if j.from < 0 {
			skipped -= j.skipped()
		}
		rows = append(rows, []string{fmt.Sprint(j.partition), from, screen.Count(j.to), j.text(s)})
	}
	out := fmt.Sprintf("This moves %s in %s, as things stand now:\n", s.Strong(d.Name), d.Source.Topic)
	out += s.Table([]screen.Column{{Name: "partition", Right: true}, {Name: "stands at", Right: true}, {Name: "goes to", Right: true}, {Name: "records"}}, rows)
	if again > 0 {
		out += s.Warn(fmt.Sprintf("Up to %s records are scored again; their predictions appear a second time in %s.", screen.Count(again), d.Sink.Topic)) + "\n"
	}
	if skipped > 0 {
		out += s.Bad(fmt.Sprintf("Up to %s records are skipped and never scored.", screen.Count(skipped))) + "\n"
	}
	if again == 0 && skipped == 0 {
		out += "No record is scored again, and none is skipped.\n"
	}
	return out
}
