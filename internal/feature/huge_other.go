//go:build !linux

package feature

// adviseHugePages does nothing where the system decides for itself.
func adviseHugePages[T uint64 | float64]([]T) {}
