//go:build !purego

#include "textflag.h"

// func prefetchLines(first, last unsafe.Pointer)
TEXT ·prefetchLines(SB), NOSPLIT, $0-16
	MOVQ first+0(FP), AX
	MOVQ last+8(FP), CX

next:
	PREFETCHT0 (AX)
	ADDQ $64, AX
	CMPQ AX, CX
	JLT  next
	PREFETCHT0 (CX)
	RET
