package stream

import "testing"

// The values are those of Apache Kafka's own test of its hash (UtilsTest.testMurmur2).
func TestPartitionsAreThoseOfJavasClients(t *testing.T) {
	for text, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got := int32(murmur2([]byte(text))); got != want {
			t.Errorf("%q has the hash %d, want %d", text, got, want)
		}
		if p := PartitionOf([]byte(text), 7); p < 0 || p > 6 {
			t.Errorf("%q is in partition %d of 7", text, p)
		}
	}
}
