package feature

import (
	"syscall"
	"unsafe"
)

// hugePage is the size of a huge page where Linux has them on amd64 and arm64.
const hugePage = 2 << 20

// adviseHugePages asks for huge pages behind large memory that is used all over the place: looking up where ordinary pages are
// would cost as much as what is on them. It is advice: nothing is lost where it is not taken.
func adviseHugePages[T uint64 | float64](memory []T) {
	size := uintptr(len(memory)) * 8
	if size < 2*hugePage {
		return
	}
	address := uintptr(unsafe.Pointer(unsafe.SliceData(memory)))
	skip := (hugePage - address%hugePage) % hugePage
	whole := (size - skip) / hugePage * hugePage
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(memory))), size)
	_ = syscall.Madvise(bytes[skip:skip+whole], syscall.MADV_HUGEPAGE)
}
