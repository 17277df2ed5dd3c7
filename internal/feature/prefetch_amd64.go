//go:build !purego

package feature

// prefetch starts to bring the lines of memory near that hold the values, which must not be none, and does not wait for them.
func prefetch(values []float64) { prefetchLines(&values[0], &values[len(values)-1]) }

//go:noescape
func prefetchLines(first, last *float64)
