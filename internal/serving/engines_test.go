package serving

import (
	"testing"

	"temporal-streaming/internal/stream"
)

// Labels that came since are not waited for: under a steady stream of them nobody would ever have read them all.
func TestLabelsOfBeforeAreReachedThoughOthersCome(t *testing.T) {
	before := []stream.GroupPosition{{Committed: 5, End: 10}, {Partition: 1, Committed: -1, End: 0}}
	for _, c := range []struct {
		name string
		now  []stream.GroupPosition
		want bool
	}{
		{"nothing was read", before, false},
		{"some were read", []stream.GroupPosition{{Committed: 9, End: 10}, {Partition: 1, Committed: -1, End: 0}}, false},
		{"all were read", []stream.GroupPosition{{Committed: 10, End: 10}, {Partition: 1, Committed: -1, End: 0}}, true},
		{"all were read, and others came", []stream.GroupPosition{{Committed: 10, End: 900}, {Partition: 1, Committed: -1, End: 40}}, true},
		{"they were deleted", []stream.GroupPosition{{Committed: 5, First: 12, End: 12}, {Partition: 1, Committed: -1, End: 0}}, true},
		{"a partition is not told of", before[:1], false},
	} {
		if got := reached(c.now, before); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
