//go:build !purego

#include "textflag.h"

// func prefetchLines(first, last unsafe.Pointer)
TEXT ·prefetchLines(SB), NOSPLIT, $0-16
	MOVD first+0(FP), R0
	MOVD last+8(FP), R1

next:
	PRFM (R0), PLDL1KEEP
	ADD  $64, R0
	CMP  R1, R0
	BLT  next
	PRFM (R1), PLDL1KEEP
	RET
