package model

import "golang.org/x/sys/cpu"

// bestKernel is the fastest one that this processor runs.
func bestKernel() kernel {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		return avx2Kernel
	}
	return portableKernel
}

// avx2Kernel checks the bounds that the assembly then relies on.
func avx2Kernel(x []float32, stride int, panel, bias, out []float32, outStride, inputs int, floor float32) {
	_ = x[(tileRows-1)*stride+inputs-1]
	_ = panel[inputs*panelColumns-1]
	_ = bias[panelColumns-1]
	_ = out[(tileRows-1)*outStride+panelColumns-1]
	affine6x16(&x[0], uintptr(stride)*4, &panel[0], &bias[0], &out[0], uintptr(outStride)*4, uintptr(inputs), floor)
}

// affine6x16 is the kernel in assembly; strides are in bytes, inputs is at least 1.
//
//go:noescape
func affine6x16(x *float32, stride uintptr, panel, bias, out *float32, outStride, inputs uintptr, floor float32)
