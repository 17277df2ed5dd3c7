//go:build !purego

#include "textflag.h"

// Vectors of constants, each the same in both halves.
DATA ·weights+0(SB)/8, $0x010A010A010A010A // 10, 1: bytes, joins digits to pairs
DATA ·weights+8(SB)/8, $0x010A010A010A010A
DATA ·weights+16(SB)/8, $0x0001006400010064 // 100, 1: words, pairs to fours
DATA ·weights+24(SB)/8, $0x0001006400010064
DATA ·weights+32(SB)/8, $0x0001271000012710 // 10,000, 1: words, fours to eights
DATA ·weights+40(SB)/8, $0x0001271000012710
DATA ·weights+48(SB)/8, $0x3030303030303030 // '0'
DATA ·weights+56(SB)/8, $0x3030303030303030
DATA ·weights+64(SB)/8, $0x0909090909090909
DATA ·weights+72(SB)/8, $0x0909090909090909
DATA ·weights+80(SB)/8, $0x2E2E2E2E2E2E2E2E // '.'
DATA ·weights+88(SB)/8, $0x2E2E2E2E2E2E2E2E
GLOBL ·weights(SB), RODATA|NOPTR, $96

// 32 bytes of ones, then 32 of zeros: the 32 that begin with byte k have ones in the first 32-k.
DATA ·window+0(SB)/8, $0xFFFFFFFFFFFFFFFF
DATA ·window+8(SB)/8, $0xFFFFFFFFFFFFFFFF
DATA ·window+16(SB)/8, $0xFFFFFFFFFFFFFFFF
DATA ·window+24(SB)/8, $0xFFFFFFFFFFFFFFFF
DATA ·window+32(SB)/8, $0
DATA ·window+40(SB)/8, $0
DATA ·window+48(SB)/8, $0
DATA ·window+56(SB)/8, $0
GLOBL ·window(SB), RODATA|NOPTR, $64

// func numbersAVX2(b *byte, i, n int, columns *int, count int, out *float64) (done, end int)
//
// What numbers look like decides no branch here, only what stays the same from number to number does (that a comma follows,
// that they are not too long), since to guess wrong costs more than to compute.
//
//	SI   where the number starts      R8   where the bytes end     R10  where the last number read ended
//	R13  1 if it has a minus          R14  its length              R11  the digits behind its point
//	DI   the next column   CX  columns left   R9  out   R12  decimals   R15  window
TEXT ·numbersAVX2(SB), NOSPLIT, $0-64
	MOVQ b+0(FP), R8
	MOVQ i+8(FP), SI
	MOVQ columns+24(FP), DI
	MOVQ count+32(FP), CX
	MOVQ out+40(FP), R9
	ADDQ R8, SI
	ADDQ n+16(FP), R8
	MOVQ SI, R10
	LEAQ ·decimals(SB), R12
	LEAQ ·window(SB), R15
	VBROADCASTI128 ·weights+0(SB), Y11
	VBROADCASTI128 ·weights+16(SB), Y12
	VBROADCASTI128 ·weights+32(SB), Y13
	VBROADCASTI128 ·weights+48(SB), Y8
	VBROADCASTI128 ·weights+64(SB), Y9
	VBROADCASTI128 ·weights+80(SB), Y10
	VXORPD X15, X15, X15

number:
	// The 32 bytes from the number on, or the last 32: AX has the bits of the digits, BX those of the points.
	MOVQ R8, R11
	SUBQ SI, R11
	JLE  done
	XORL R13, R13
	MOVL $32, DX
	SUBQ R11, DX
	CMOVQLT R13, DX // bytes of the 32 that stand in front of the number
	MOVQ SI, BX
	SUBQ DX, BX
	VMOVDQU (BX), Y0
	VPSUBB Y8, Y0, Y1
	VPMINUB Y9, Y1, Y2
	VPCMPEQB Y1, Y2, Y2
	VPCMPEQB Y10, Y0, Y3
	VPMOVMSKB Y2, AX
	VPMOVMSKB Y3, BX
	SHRXL DX, AX, AX
	SHRXL DX, BX, BX

	// The number ends at the first byte that is neither, but for a minus in front.
	CMPB (SI), $'-'
	SETEQ R13
	MOVL AX, DX
	ORL  BX, DX
	ORL  R13, DX
	NOTQ DX
	TZCNTQ DX, R14
	CMPQ R14, $31
	JHI  done // too long
	LEAQ 1(R14), DX
	CMPQ DX, R11
	JGE  done // the bytes end with it, or one byte after
	MOVBLZX (SI)(R14*1), DX
	ORL  $0x20, DX
	CMPL DX, $'e'
	JEQ  done

	// Where its point is, or would be: then it has R11 = 0 digits behind it.
	BZHIL R14, BX, BX
	BLSRL BX, DX
	JNE  done // a second point
	BTSL R14, BX
	TZCNTL BX, BX
	MOVL R14, R11
	SUBL BX, R11
	CMPL R11, $1
	JEQ  done // no digit behind the point
	ADCL $-1, R11 // carry: there was no point
	CMPL R11, $27
	JHI  done
	SUBL R13, BX // digits in front of the point
	JEQ  done
	XORL DX, DX
	CMPB (SI)(R13*1), $'0'
	SETEQ DX
	SHLL $5, DX
	ADDL BX, DX
	CMPL DX, $33
	JHI  done // a 0, and more digits in front of the point

	// Its digits at the right end of 32 bytes, the point left out: those behind it as they stand, those in front from one byte before.
	BZHIL R14, AX, AX
	POPCNTL AX, AX
	LEAQ (SI)(R14*1), DX
	LEAQ -33(DX), BX
	CMPQ BX, b+0(FP)
	JCS  done // would read what stands before the bytes
	VMOVDQU -32(DX), Y2
	LEAL -1(R11), BX
	ANDL $31, BX // without a point all but the first, and that is none of the number's
	VMOVDQU 1(R15)(BX*1), Y4
	VPBLENDVB Y4, -33(DX), Y2, Y2
	VPSUBB Y8, Y2, Y2
	VMOVDQU (R15)(AX*1), Y5
	VPANDN Y2, Y5, Y3

	// Joined: AX is the first 16 of them, BX the last 16.
	VPMADDUBSW Y11, Y3, Y3
	VPMADDWD Y12, Y3, Y3
	VPACKUSDW Y3, Y3, Y3
	VPMADDWD Y13, Y3, Y3
	VEXTRACTI128 $1, Y3, X4
	VMOVQ X3, AX
	VMOVQ X4, BX
	RORQ $32, AX
	CMPQ AX, $999
	JHI  done // more than 19 digits
	MOVQ $10000000000000000, DX
	IMULQ DX, AX
	MOVL BX, DX
	SHRQ $32, BX
	IMULQ $100000000, DX
	ADDQ AX, BX
	ADDQ DX, BX

	// As quotient does it, with BX the mantissa; a mantissa of 0 becomes a quotient of 0.
	MOVQ BX, AX
	ORQ  $1, AX
	BSRQ AX, AX
	XORL $63, AX
	SHLXQ AX, BX, BX
	SHLL $4, R11
	SHLQ $52, AX
	SHLQ $63, R13
	ORQ  8(R12)(R11*1), R13
	SUBQ AX, R13 // the power of two to scale by, with the sign
	MOVQ BX, DX
	SHRQ $1, DX
	MOVQ BX, AX
	SHLQ $63, AX
	DIVQ (R12)(R11*1)
	MOVQ AX, BX
	SHRQ $1, BX
	ANDL $1, AX
	NEGQ DX
	SBBL DX, DX
	ANDL $1, DX
	ORL  DX, AX
	ORQ  AX, BX
	VCVTSI2SDQ BX, X15, X5
	VMOVQ R13, X6
	VMULSD X6, X5, X5
	MOVQ (DI), DX
	VMOVSD X5, (R9)(DX*8)

	LEAQ (SI)(R14*1), R10
	ADDQ $8, DI
	DECQ CX
	JEQ  done
	CMPB (R10), $','
	JNE  done
	LEAQ 1(R10), SI
	CMPB (SI), $' '
	JNE  number
	INCQ SI
	JMP  number

done:
	VZEROUPPER
	SUBQ b+0(FP), R10
	SUBQ columns+24(FP), DI
	SHRQ $3, DI
	MOVQ DI, done+48(FP)
	MOVQ R10, end+56(FP)
	RET
