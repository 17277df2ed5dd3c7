//go:build !purego

package record

import "golang.org/x/sys/cpu"

// fastNumbers says that this processor runs numbersAVX2.
var fastNumbers = cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2 && cpu.X86.HasPOPCNT

// numbers reads JSON numbers that start at b[i], with a comma and at most one space between each two, into out[columns[0]],
// out[columns[1]] and so on. It returns how many it read and the index after the last of them; what follows is the caller's to
// judge. It stops in front of whatever is not a plain decimal of at most 19 digits that number would read to the same bits,
// and of what ends in the first 32 bytes, so that its caller goes on with number.
func numbers(b []byte, i int, columns []int, out []float64) (done, end int) {
	if !fastNumbers || len(b) < 33 || i >= len(b) || len(columns) == 0 || len(out) == 0 {
		return 0, i
	}
	return numbersAVX2(&b[0], i, len(b), &columns[0], len(columns), &out[0])
}

//go:noescape
func numbersAVX2(b *byte, i, n int, columns *int, count int, out *float64) (done, end int)
