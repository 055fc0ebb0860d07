#include "textflag.h"

// C [rows, 16 or 32] = A [rows, groups] times half a panel or one, AVX2 and FMA.
//
//	DX  C, 128 bytes a row          DI  panel, 128 bytes a group
//	R8  row 0 of A, R9 row 3; BX is the distance of two rows
//	CX  groups

#define LOAD \
	MOVQ c+0(FP), DX      \
	MOVQ a+8(FP), R8      \
	MOVQ lda+16(FP), BX   \
	MOVQ panel+24(FP), DI \
	MOVQ groups+32(FP), CX

#define ROW(a, lo, hi) \
	VBROADCASTSS a, Y14           \
	VFMADD231PS  Y12, Y14, lo     \
	VFMADD231PS  Y13, Y14, hi

// STORE12: the tile of six rows, columns 0..7 of row r in Y(2r), 8..15 in Y(2r+1).
#define STORE12 \
	VMOVUPS Y0, 0(DX)     \
	VMOVUPS Y1, 32(DX)    \
	VMOVUPS Y2, 128(DX)   \
	VMOVUPS Y3, 160(DX)   \
	VMOVUPS Y4, 256(DX)   \
	VMOVUPS Y5, 288(DX)   \
	VMOVUPS Y6, 384(DX)   \
	VMOVUPS Y7, 416(DX)   \
	VMOVUPS Y8, 512(DX)   \
	VMOVUPS Y9, 544(DX)   \
	VMOVUPS Y10, 640(DX)  \
	VMOVUPS Y11, 672(DX)

#define ZERO8 \
	VPXOR Y0, Y0, Y0 \
	VPXOR Y1, Y1, Y1 \
	VPXOR Y2, Y2, Y2 \
	VPXOR Y3, Y3, Y3 \
	VPXOR Y4, Y4, Y4 \
	VPXOR Y5, Y5, Y5 \
	VPXOR Y6, Y6, Y6 \
	VPXOR Y7, Y7, Y7
#define ZERO12 \
	ZERO8               \
	VPXOR Y8, Y8, Y8    \
	VPXOR Y9, Y9, Y9    \
	VPXOR Y10, Y10, Y10 \
	VPXOR Y11, Y11, Y11

// func tileF32AVX2x6(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)
// Six rows, 16 columns.
TEXT ·tileF32AVX2x6(SB), NOSPLIT, $0-40
	LOAD
	LEAQ (BX)(BX*2), AX
	LEAQ (R8)(AX*1), R9
	ZERO12
loop:
	VMOVUPS (DI), Y12
	VMOVUPS 32(DI), Y13
	ROW((R8), Y0, Y1)
	ROW((R8)(BX*1), Y2, Y3)
	ROW((R8)(BX*2), Y4, Y5)
	ROW((R9), Y6, Y7)
	ROW((R9)(BX*1), Y8, Y9)
	ROW((R9)(BX*2), Y10, Y11)
	ADDQ    $4, R8
	ADDQ    $4, R9
	ADDQ    $128, DI
	DECQ    CX
	JNZ     loop
	STORE12
	VZEROUPPER
	RET

// func tileF32AVX2x1(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)
// One row, 32 columns.
TEXT ·tileF32AVX2x1(SB), NOSPLIT, $0-40
	LOAD
	ZERO8
loop:
	PREFETCHT0   4096(DI)
	PREFETCHT0   4160(DI)
	VBROADCASTSS (R8), Y14
	VFMADD231PS  (DI), Y14, Y0
	VFMADD231PS  32(DI), Y14, Y1
	VFMADD231PS  64(DI), Y14, Y2
	VFMADD231PS  96(DI), Y14, Y3
	ADDQ         $4, R8
	ADDQ         $128, DI
	DECQ         CX
	JNZ          loop
	VMOVUPS      Y0, (DX)
	VMOVUPS      Y1, 32(DX)
	VMOVUPS      Y2, 64(DX)
	VMOVUPS      Y3, 96(DX)
	VZEROUPPER
	RET

// BROW(a, lo, hi): a pair of bf16 of A against a group split into its even
// (Y8, Y9) and odd (Y10, Y11) numbers. A bf16 is the upper half of an f32.
#define BROW(a, lo, hi) \
	VBROADCASTSS a, Y12           \
	VPSLLD       $16, Y12, Y13    \
	VPAND        Y15, Y12, Y12    \
	VFMADD231PS  Y8, Y13, lo      \
	VFMADD231PS  Y9, Y13, hi      \
	VFMADD231PS  Y10, Y12, lo     \
	VFMADD231PS  Y11, Y12, hi

// MASK15: Y15 keeps the upper half of each lane.
#define MASK15 \
	VPCMPEQD Y15, Y15, Y15 \
	VPSLLD   $16, Y15, Y15

// func tileBF16AVX2x4(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)
// Four rows, 16 columns.
TEXT ·tileBF16AVX2x4(SB), NOSPLIT, $0-40
	LOAD
	LEAQ (BX)(BX*2), AX
	LEAQ (R8)(AX*1), R9
	MASK15
	ZERO8
loop:
	VMOVDQU (DI), Y10
	VMOVDQU 32(DI), Y11
	VPSLLD  $16, Y10, Y8
	VPSLLD  $16, Y11, Y9
	VPAND   Y15, Y10, Y10
	VPAND   Y15, Y11, Y11
	BROW((R8), Y0, Y1)
	BROW((R8)(BX*1), Y2, Y3)
	BROW((R8)(BX*2), Y4, Y5)
	BROW((R9), Y6, Y7)
	ADDQ    $4, R8
	ADDQ    $4, R9
	ADDQ    $128, DI
	DECQ    CX
	JNZ     loop
	VMOVUPS Y0, 0(DX)
	VMOVUPS Y1, 32(DX)
	VMOVUPS Y2, 128(DX)
	VMOVUPS Y3, 160(DX)
	VMOVUPS Y4, 256(DX)
	VMOVUPS Y5, 288(DX)
	VMOVUPS Y6, 384(DX)
	VMOVUPS Y7, 416(DX)
	VZEROUPPER
	RET

// func tileBF16AVX2x1(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)
// One row, 32 columns.
TEXT ·tileBF16AVX2x1(SB), NOSPLIT, $0-40
	LOAD
	MASK15
	ZERO8
loop:
	PREFETCHT0   4096(DI)
	PREFETCHT0   4160(DI)
	VMOVDQU      (DI), Y10
	VMOVDQU      32(DI), Y11
	VPSLLD       $16, Y10, Y8
	VPSLLD       $16, Y11, Y9
	VPAND        Y15, Y10, Y10
	VPAND        Y15, Y11, Y11
	BROW((R8), Y0, Y1)
	VMOVDQU      64(DI), Y10
	VMOVDQU      96(DI), Y11
	VPSLLD       $16, Y10, Y8
	VPSLLD       $16, Y11, Y9
	VPAND        Y15, Y10, Y10
	VPAND        Y15, Y11, Y11
	BROW((R8), Y2, Y3)
	ADDQ         $4, R8
	ADDQ         $128, DI
	DECQ         CX
	JNZ          loop
	VMOVUPS      Y0, (DX)
	VMOVUPS      Y1, 32(DX)
	VMOVUPS      Y2, 64(DX)
	VMOVUPS      Y3, 96(DX)
	VZEROUPPER
	RET

// WORDS(a, y): four signed bytes of A as words, four times over.
#define WORDS(a, x, y) \
	VPBROADCASTD a, x \
	VPMOVSXBW    x, y

// MADD(b, a, acc): 16 unsigned bytes of B, four outputs, against four of A; two sums an output.
#define MADD(b, a, acc) \
	VPMOVZXBW b, Y14        \
	VPMADDWD  a, Y14, Y14   \
	VPADDD    Y14, acc, acc

// FOLD(lo, hi, at): adds the two sums of each of eight outputs.
#define FOLD(lo, hi, at) \
	VPHADDD hi, lo, lo     \
	VPERMQ  $0xd8, lo, lo  \
	VMOVDQU lo, at

// func tileI8AVX2x1(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)
// One row, 32 columns. VPMADDUBSW would do twice as much, but saturates.
TEXT ·tileI8AVX2x1(SB), NOSPLIT, $0-40
	LOAD
	ZERO8
loop:
	PREFETCHT0 4096(DI)
	PREFETCHT0 4160(DI)
	WORDS((R8), X12, Y12)
	MADD((DI), Y12, Y0)
	MADD(16(DI), Y12, Y1)
	MADD(32(DI), Y12, Y2)
	MADD(48(DI), Y12, Y3)
	MADD(64(DI), Y12, Y4)
	MADD(80(DI), Y12, Y5)
	MADD(96(DI), Y12, Y6)
	MADD(112(DI), Y12, Y7)
	ADDQ       $4, R8
	ADDQ       $128, DI
	DECQ       CX
	JNZ        loop
	FOLD(Y0, Y1, (DX))
	FOLD(Y2, Y3, 32(DX))
	FOLD(Y4, Y5, 64(DX))
	FOLD(Y6, Y7, 96(DX))
	VZEROUPPER
	RET

#define MADD2(b, a0, a1, acc0, acc1) \
	VPMOVZXBW b, Y14         \
	VPMADDWD  a0, Y14, Y15   \
	VPADDD    Y15, acc0, acc0 \
	VPMADDWD  a1, Y14, Y15   \
	VPADDD    Y15, acc1, acc1

// func tileI8AVX2x2(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)
// Two rows, 16 columns.
TEXT ·tileI8AVX2x2(SB), NOSPLIT, $0-40
	LOAD
	ZERO8
loop:
	WORDS((R8), X12, Y12)
	WORDS((R8)(BX*1), X13, Y13)
	MADD2((DI), Y12, Y13, Y0, Y4)
	MADD2(16(DI), Y12, Y13, Y1, Y5)
	MADD2(32(DI), Y12, Y13, Y2, Y6)
	MADD2(48(DI), Y12, Y13, Y3, Y7)
	ADDQ $4, R8
	ADDQ $128, DI
	DECQ CX
	JNZ  loop
	FOLD(Y0, Y1, (DX))
	FOLD(Y2, Y3, 32(DX))
	FOLD(Y4, Y5, 128(DX))
	FOLD(Y6, Y7, 160(DX))
	VZEROUPPER
	RET

// VPDPBUSD of AVX-VNNI (processors with VNNI but without AVX-512), which Go's
// assembler only encodes for AVX-512, as bytes: VDPn is VPDPBUSD Yn, Y12, Y14 for even n
// and VPDPBUSD Yn, Y13, Y14 for odd n (Intel's order: sums, unsigned, signed).
// VEX.256.66.0F38.W0 50 /r: C4, R X B of the registers inverted and map 2, W0 with
// the first source inverted, 256 bits and prefix 66, opcode, 11 reg rm.
#define VDP0 BYTE $0xc4; BYTE $0xc2; BYTE $0x1d; BYTE $0x50; BYTE $0xc6
#define VDP1 BYTE $0xc4; BYTE $0xc2; BYTE $0x15; BYTE $0x50; BYTE $0xce
#define VDP2 BYTE $0xc4; BYTE $0xc2; BYTE $0x1d; BYTE $0x50; BYTE $0xd6
#define VDP3 BYTE $0xc4; BYTE $0xc2; BYTE $0x15; BYTE $0x50; BYTE $0xde
#define VDP4 BYTE $0xc4; BYTE $0xc2; BYTE $0x1d; BYTE $0x50; BYTE $0xe6
#define VDP5 BYTE $0xc4; BYTE $0xc2; BYTE $0x15; BYTE $0x50; BYTE $0xee
#define VDP6 BYTE $0xc4; BYTE $0xc2; BYTE $0x1d; BYTE $0x50; BYTE $0xf6
#define VDP7 BYTE $0xc4; BYTE $0xc2; BYTE $0x15; BYTE $0x50; BYTE $0xfe
#define VDP8 BYTE $0xc4; BYTE $0x42; BYTE $0x1d; BYTE $0x50; BYTE $0xc6
#define VDP9 BYTE $0xc4; BYTE $0x42; BYTE $0x15; BYTE $0x50; BYTE $0xce
#define VDP10 BYTE $0xc4; BYTE $0x42; BYTE $0x1d; BYTE $0x50; BYTE $0xd6
#define VDP11 BYTE $0xc4; BYTE $0x42; BYTE $0x15; BYTE $0x50; BYTE $0xde

#define VROW(a, lo, hi) \
	VPBROADCASTD a, Y14 \
	lo                  \
	hi

// func tileI8VNNIx6(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)
// Six rows, 16 columns.
TEXT ·tileI8VNNIx6(SB), NOSPLIT, $0-40
	LOAD
	LEAQ (BX)(BX*2), AX
	LEAQ (R8)(AX*1), R9
	ZERO12
loop:
	VMOVDQU (DI), Y12
	VMOVDQU 32(DI), Y13
	VROW((R8), VDP0, VDP1)
	VROW((R8)(BX*1), VDP2, VDP3)
	VROW((R8)(BX*2), VDP4, VDP5)
	VROW((R9), VDP6, VDP7)
	VROW((R9)(BX*1), VDP8, VDP9)
	VROW((R9)(BX*2), VDP10, VDP11)
	ADDQ    $4, R8
	ADDQ    $4, R9
	ADDQ    $128, DI
	DECQ    CX
	JNZ     loop
	STORE12
	VZEROUPPER
	RET

// func tileI8VNNIx2(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)
// Two rows, 32 columns: 16 as above, then 16 more from the same group.
TEXT ·tileI8VNNIx2(SB), NOSPLIT, $0-40
	LOAD
	ZERO8
loop:
	PREFETCHT0 4096(DI)
	PREFETCHT0 4160(DI)
	VMOVDQU    (DI), Y12
	VMOVDQU    32(DI), Y13
	VROW((R8), VDP0, VDP1)
	VROW((R8)(BX*1), VDP4, VDP5)
	VMOVDQU    64(DI), Y12
	VMOVDQU    96(DI), Y13
	VROW((R8), VDP2, VDP3)
	VROW((R8)(BX*1), VDP6, VDP7)
	ADDQ       $4, R8
	ADDQ       $128, DI
	DECQ       CX
	JNZ        loop
	VMOVUPS    Y0, (DX)
	VMOVUPS    Y1, 32(DX)
	VMOVUPS    Y2, 64(DX)
	VMOVUPS    Y3, 96(DX)
	VMOVUPS    Y4, 128(DX)
	VMOVUPS    Y5, 160(DX)
	VMOVUPS    Y6, 192(DX)
	VMOVUPS    Y7, 224(DX)
	VZEROUPPER
	RET
