//go:build !purego

#include "textflag.h"

// func dotAVX2(x *float32, row, rows int, w *float32, n int, bias float32, out *float32)
//
// 16 lanes in two registers; then the upper onto the lower half, four times.
TEXT ·dotAVX2(SB), NOSPLIT, $0-56
	MOVQ x+0(FP), SI
	MOVQ row+8(FP), R8
	MOVQ rows+16(FP), CX
	MOVQ w+24(FP), DI
	MOVQ n+32(FP), R9
	MOVQ out+48(FP), DX
	VMOVSS bias+40(FP), X6
	SHLQ $2, R9

row:
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	XORQ AX, AX

sixteen:
	VMOVUPS (SI)(AX*1), Y2
	VMOVUPS 32(SI)(AX*1), Y3
	VFMADD231PS (DI)(AX*1), Y2, Y0
	VFMADD231PS 32(DI)(AX*1), Y3, Y1
	ADDQ $64, AX
	CMPQ AX, R9
	JLT  sixteen
	VADDPS Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPS X1, X0, X0
	VMOVHLPS X0, X0, X1
	VADDPS X1, X0, X0
	VMOVSHDUP X0, X1
	VADDSS X1, X0, X0
	VADDSS X6, X0, X0
	VMOVSS X0, (DX)
	ADDQ R8, SI
	ADDQ $4, DX
	DECQ CX
	JNZ  row
	VZEROUPPER
	RET

// func standardiseAVX2(x, mean, scale, out *float32, n int, clip float32)
TEXT ·standardiseAVX2(SB), NOSPLIT, $0-44
	MOVQ x+0(FP), SI
	MOVQ mean+8(FP), DI
	MOVQ scale+16(FP), BX
	MOVQ out+24(FP), DX
	MOVQ n+32(FP), CX
	VBROADCASTSS clip+40(FP), Y1
	VXORPS Y2, Y2, Y2
	VSUBPS Y1, Y2, Y2
	XORQ AX, AX

eight:
	VMOVUPS (SI)(AX*4), Y0
	VSUBPS (DI)(AX*4), Y0, Y0
	VMULPS (BX)(AX*4), Y0, Y0
	VMAXPS Y2, Y0, Y0
	VMINPS Y1, Y0, Y0
	VMOVUPS Y0, (DX)(AX*4)
	ADDQ $8, AX
	CMPQ AX, CX
	JLT  eight
	VZEROUPPER
	RET

// func encodeAVX2(x *float32, runs *run, n int, low, slope, out *float32)
//
// Vectors of a run may write beyond its bins: the next run writes there afterwards.
TEXT ·encodeAVX2(SB), NOSPLIT, $0-48
	MOVQ x+0(FP), BX
	MOVQ runs+8(FP), R8
	MOVQ n+16(FP), R9
	MOVQ low+24(FP), SI
	MOVQ slope+32(FP), DI
	MOVQ out+40(FP), DX
	VXORPS Y2, Y2, Y2
	MOVL $0x3f800000, AX
	VMOVD AX, X3
	VBROADCASTSS X3, Y3

run:
	MOVQ (R8), AX
	MOVQ 8(R8), CX
	VBROADCASTSS (BX)(AX*4), Y1
	XORQ AX, AX

eight:
	VSUBPS (SI)(AX*4), Y1, Y0
	VMULPS (DI)(AX*4), Y0, Y0
	VMAXPS Y2, Y0, Y0
	VMINPS Y3, Y0, Y0
	VMOVUPS Y0, (DX)(AX*4)
	ADDQ $8, AX
	CMPQ AX, CX
	JLT  eight
	LEAQ (SI)(CX*4), SI
	LEAQ (DI)(CX*4), DI
	LEAQ (DX)(CX*4), DX
	ADDQ $16, R8
	DECQ R9
	JNZ  run
	VZEROUPPER
	RET

// func maskAVX2(draws *uint64, limit uint32, keep float32, out *float32, n int)
TEXT ·maskAVX2(SB), NOSPLIT, $0-32
	MOVQ draws+0(FP), SI
	MOVL limit+8(FP), AX
	VMOVD AX, X1
	VPBROADCASTD X1, Y1
	VBROADCASTSS keep+12(FP), Y2
	MOVQ out+16(FP), DX
	MOVQ n+24(FP), CX
	XORQ AX, AX

eight:
	VPMOVZXWD (SI)(AX*2), Y0
	VPCMPGTD Y0, Y1, Y0
	VPANDN Y2, Y0, Y0
	VMOVUPS Y0, (DX)(AX*4)
	ADDQ $8, AX
	CMPQ AX, CX
	JLT  eight
	VZEROUPPER
	RET

// func sumRowsAVX2(x *float32, row, rows int, out *float32, n int)
TEXT ·sumRowsAVX2(SB), NOSPLIT, $0-40
	MOVQ x+0(FP), SI
	MOVQ row+8(FP), R8
	MOVQ out+24(FP), DX
	MOVQ n+32(FP), R9

sixteen:
	MOVQ rows+16(FP), CX
	MOVQ SI, DI
	VMOVUPS (DX), Y0
	VMOVUPS 32(DX), Y1

row:
	VADDPS (DI), Y0, Y0
	VADDPS 32(DI), Y1, Y1
	ADDQ R8, DI
	DECQ CX
	JNZ  row
	VMOVUPS Y0, (DX)
	VMOVUPS Y1, 32(DX)
	ADDQ $64, SI
	ADDQ $64, DX
	SUBQ $16, R9
	JNZ  sixteen
	VZEROUPPER
	RET

// func multiplyAVX2(x, y *float32, n int)
TEXT ·multiplyAVX2(SB), NOSPLIT, $0-24
	MOVQ x+0(FP), SI
	MOVQ y+8(FP), DI
	MOVQ n+16(FP), CX
	XORQ AX, AX

eight:
	VMOVUPS (SI)(AX*4), Y0
	VMULPS (DI)(AX*4), Y0, Y0
	VMOVUPS Y0, (SI)(AX*4)
	ADDQ $8, AX
	CMPQ AX, CX
	JLT  eight
	VZEROUPPER
	RET

// func gateAVX2(y, dy, out *float32, n int, keep float32)
TEXT ·gateAVX2(SB), NOSPLIT, $0-36
	MOVQ y+0(FP), SI
	MOVQ dy+8(FP), DI
	MOVQ out+16(FP), DX
	MOVQ n+24(FP), CX
	VBROADCASTSS keep+32(FP), Y1
	VXORPS Y2, Y2, Y2
	XORQ AX, AX

eight:
	VMOVUPS (SI)(AX*4), Y0
	VCMPPS $0x1e, Y2, Y0, Y0
	VMULPS (DI)(AX*4), Y1, Y3
	VANDPS Y3, Y0, Y0
	VMOVUPS Y0, (DX)(AX*4)
	ADDQ $8, AX
	CMPQ AX, CX
	JLT  eight
	VZEROUPPER
	RET

// func adamAVX2(params, gradient, first, second *float32, n int, s *adamScales)
//
// The order of the operations is that of portableAdam, and none is fused, so that both give the same bits.
//
//	Y15 tiny  Y14 the bits of a magnitude  Y13 1-beta1  Y12 1-beta2  Y11 rate  Y10 second  Y9 shrink  Y8 epsilon
TEXT ·adamAVX2(SB), NOSPLIT, $0-48
	MOVQ params+0(FP), DI
	MOVQ gradient+8(FP), SI
	MOVQ first+16(FP), BX
	MOVQ second+24(FP), DX
	MOVQ n+32(FP), CX
	MOVQ s+40(FP), AX
	VBROADCASTSS 0(AX), Y9
	VBROADCASTSS 4(AX), Y11
	VBROADCASTSS 8(AX), Y10
	VBROADCASTSS 12(AX), Y13
	VBROADCASTSS 16(AX), Y12
	VBROADCASTSS 20(AX), Y8
	VBROADCASTSS 24(AX), Y15
	VPCMPEQD Y14, Y14, Y14
	VPSRLD $1, Y14, Y14
	XORQ AX, AX

eight:
	VMOVUPS (SI)(AX*4), Y0
	VMOVUPS (BX)(AX*4), Y1
	VMOVUPS (DX)(AX*4), Y2
	VANDPS Y14, Y0, Y3
	VCMPPS $5, Y15, Y3, Y3
	VANDPS Y3, Y0, Y0
	VANDPS Y14, Y1, Y3
	VCMPPS $5, Y15, Y3, Y3
	VANDPS Y3, Y1, Y1
	VSUBPS Y1, Y0, Y3
	VMULPS Y13, Y3, Y3
	VADDPS Y3, Y1, Y1
	VMULPS Y0, Y0, Y3
	VSUBPS Y2, Y3, Y3
	VMULPS Y12, Y3, Y3
	VADDPS Y3, Y2, Y2
	VMOVUPS Y1, (BX)(AX*4)
	VMOVUPS Y2, (DX)(AX*4)
	VSQRTPS Y2, Y2
	VMULPS Y10, Y2, Y2
	VADDPS Y8, Y2, Y2
	VMULPS Y11, Y1, Y1
	VDIVPS Y2, Y1, Y1
	VMULPS (DI)(AX*4), Y9, Y0
	VSUBPS Y1, Y0, Y0
	VMOVUPS Y0, (DI)(AX*4)
	ADDQ $8, AX
	CMPQ AX, CX
	JLT  eight
	VZEROUPPER
	RET
