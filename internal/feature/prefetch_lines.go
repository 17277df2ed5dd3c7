//go:build (amd64 || arm64) && !purego

package feature

import "unsafe"

// prefetch starts to bring the lines of memory near that hold the values, which must not be none, and does not wait for them.
func prefetch[T uint64 | float64](values []T) {
	prefetchLines(unsafe.Pointer(&values[0]), unsafe.Pointer(&values[len(values)-1]))
}

//go:noescape
func prefetchLines(first, last unsafe.Pointer)
