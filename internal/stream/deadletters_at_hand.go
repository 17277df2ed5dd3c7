package stream

// FoldDeadLetters is what records at hand say, in their order: what ReadDeadLetters
// answers for a topic that holds them.
func FoldDeadLetters(topic string, records []Record) *DeadLetters {
	partitions := int32(0)
	for _, r := range records {
		partitions = max(partitions, r.Partition+1)
	}
	d := newDeadLetters(topic, int(partitions))
	for _, r := range records {
		d.add(r)
	}
	d.link()
	return d
}
