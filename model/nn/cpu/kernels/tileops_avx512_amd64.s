#include "textflag.h"

// What follows a product: SI walks over the rows of a tile, CX counts them.
// AVX-512F.

// func addBiasAVX512(tile *float32, rows int, bias *float32)
TEXT ·addBiasAVX512(SB), NOSPLIT, $0-24
	MOVQ    tile+0(FP), SI
	MOVQ    rows+8(FP), CX
	MOVQ    bias+16(FP), R8
	VMOVUPS (R8), Z2
	VMOVUPS 64(R8), Z3
loop:
	VADDPS  (SI), Z2, Z0
	VADDPS  64(SI), Z3, Z1
	VMOVUPS Z0, (SI)
	VMOVUPS Z1, 64(SI)
	ADDQ    $128, SI
	DECQ    CX
	JNZ     loop
	VZEROUPPER
	RET

// SCALES: Z2, Z3 are the scales of the columns, at R10, and Z4, Z5 their biases, at R11.
#define SCALES \
	VMOVUPS (R10), Z2   \
	VMOVUPS 64(R10), Z3 \
	VMOVUPS (R11), Z4   \
	VMOVUPS 64(R11), Z5

// NUMBERS8: Z0, Z1 = the f32 of a row of integers at SI: less 128 times its sum, at R8, times
// its scale, at R9, times the column's, plus the bias.
#define NUMBERS8 \
	VPBROADCASTD (R8), Z6   \
	VPSLLD       $7, Z6, Z6 \
	VBROADCASTSS (R9), Z7   \
	VMOVDQU32    (SI), Z0   \
	VMOVDQU32    64(SI), Z1 \
	VPSUBD       Z6, Z0, Z0 \
	VPSUBD       Z6, Z1, Z1 \
	VCVTDQ2PS    Z0, Z0     \
	VCVTDQ2PS    Z1, Z1     \
	VMULPS       Z7, Z0, Z0 \
	VMULPS       Z7, Z1, Z1 \
	VFMADD213PS  Z4, Z2, Z0 \
	VFMADD213PS  Z5, Z3, Z1

// NUMBERS16: the same of two rows, 256 times the high one plus the low one; Z12 is 256.
#define NUMBERS16 \
	VPBROADCASTD (R8), Z6      \
	VPSLLD       $7, Z6, Z6    \
	VPBROADCASTD 4(R8), Z13    \
	VPSLLD       $7, Z13, Z13  \
	VBROADCASTSS (R9), Z7      \
	VMOVDQU32    (SI), Z0      \
	VMOVDQU32    64(SI), Z1    \
	VMOVDQU32    128(SI), Z10  \
	VMOVDQU32    192(SI), Z11  \
	VPSUBD       Z6, Z0, Z0    \
	VPSUBD       Z6, Z1, Z1    \
	VPSUBD       Z13, Z10, Z10 \
	VPSUBD       Z13, Z11, Z11 \
	VCVTDQ2PS    Z0, Z0        \
	VCVTDQ2PS    Z1, Z1        \
	VCVTDQ2PS    Z10, Z10      \
	VCVTDQ2PS    Z11, Z11      \
	VFMADD213PS  Z10, Z12, Z0  \
	VFMADD213PS  Z11, Z12, Z1  \
	VMULPS       Z7, Z0, Z0    \
	VMULPS       Z7, Z1, Z1    \
	VFMADD213PS  Z4, Z2, Z0    \
	VFMADD213PS  Z5, Z3, Z1

// func dequantize8AVX512(tile *float32, rows int, sum *int32, scale, column, bias *float32)
TEXT ·dequantize8AVX512(SB), NOSPLIT, $0-48
	MOVQ    tile+0(FP), SI
	MOVQ    rows+8(FP), CX
	MOVQ    sum+16(FP), R8
	MOVQ    scale+24(FP), R9
	MOVQ    column+32(FP), R10
	MOVQ    bias+40(FP), R11
	SCALES
loop:
	NUMBERS8
	VMOVUPS      Z0, (SI)
	VMOVUPS      Z1, 64(SI)
	ADDQ         $128, SI
	ADDQ         $4, R8
	ADDQ         $4, R9
	DECQ         CX
	JNZ          loop
	VZEROUPPER
	RET

// func dequantize16AVX512(tile *float32, rows int, sum *int32, scale, column, bias *float32)
// rows is the number of rows that come out, half of those that go in.
TEXT ·dequantize16AVX512(SB), NOSPLIT, $0-48
	MOVQ         tile+0(FP), SI
	MOVQ         SI, DI
	MOVQ         rows+8(FP), CX
	MOVQ         sum+16(FP), R8
	MOVQ         scale+24(FP), R9
	MOVQ         column+32(FP), R10
	MOVQ         bias+40(FP), R11
	SCALES
	MOVL         $0x43800000, AX   // 256
	VPBROADCASTD AX, Z12
loop:
	NUMBERS16
	VMOVUPS      Z0, (DI)
	VMOVUPS      Z1, 64(DI)
	ADDQ         $256, SI
	ADDQ         $128, DI
	ADDQ         $8, R8
	ADDQ         $4, R9
	DECQ         CX
	JNZ          loop
	VZEROUPPER
	RET

// func dequantizeRowAVX512(x *float32, n int, sum *int32, scale, column, bias *float32)
// n is a multiple of 16.
TEXT ·dequantizeRowAVX512(SB), NOSPLIT, $0-48
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ sum+16(FP), R8
	MOVQ scale+24(FP), R9
	MOVQ column+32(FP), R10
	MOVQ bias+40(FP), R11
	VPBROADCASTD (R8), Z6
	VPSLLD       $7, Z6, Z6
	VBROADCASTSS (R9), Z7
	SHRQ         $4, CX
loop:
	VMOVDQU32   (SI), Z0
	VPSUBD      Z6, Z0, Z0
	VCVTDQ2PS   Z0, Z0
	VMULPS      Z7, Z0, Z0
	VMOVUPS     (R10), Z1
	VFMADD213PS (R11), Z1, Z0
	VMOVUPS     Z0, (SI)
	ADDQ        $64, SI
	ADDQ        $64, R10
	ADDQ        $64, R11
	DECQ        CX
	JNZ         loop
	VZEROUPPER
	RET

// COLUMNS: K1, K2 are the first CX of 32 columns; K3, K4 are they when AX is not 0, else none.
#define COLUMNS \
	MOVQ   $1, R12  \
	SHLQ   CX, R12  \
	DECQ   R12      \
	KMOVW  R12, K1  \
	NEGQ   AX       \
	ANDQ   R12, AX  \
	KMOVW  AX, K3   \
	SHRQ   $16, R12 \
	KMOVW  R12, K2  \
	SHRQ   $16, AX  \
	KMOVW  AX, K4

// PUTROW adds what K3 and K4 select of a row at DI to Z0 and Z1, and writes what K1 and K2 do.
#define PUTROW \
	VMOVUPS.Z (DI), K3, Z8   \
	VMOVUPS.Z 64(DI), K4, Z9 \
	VADDPS    Z8, Z0, Z0     \
	VADDPS    Z9, Z1, Z1     \
	VMOVUPS   Z0, K1, (DI)   \
	VMOVUPS   Z1, K2, 64(DI)

// func storeI8AVX512(dst *float32, ld int, tile *float32, rows, cols int, sum *int32, scale, column, bias *float32, add bool)
TEXT ·storeI8AVX512(SB), NOSPLIT, $0-73
	MOVQ    dst+0(FP), DI
	MOVQ    ld+8(FP), BX
	SHLQ    $2, BX
	MOVQ    tile+16(FP), SI
	MOVQ    rows+24(FP), DX
	MOVQ    cols+32(FP), CX
	MOVBQZX add+72(FP), AX
	COLUMNS
	MOVQ    sum+40(FP), R8
	MOVQ    scale+48(FP), R9
	MOVQ    column+56(FP), R10
	MOVQ    bias+64(FP), R11
	SCALES
loop:
	NUMBERS8
	PUTROW
	ADDQ         $128, SI
	ADDQ         BX, DI
	ADDQ         $4, R8
	ADDQ         $4, R9
	DECQ         DX
	JNZ          loop
	VZEROUPPER
	RET

// func storeI16AVX512(dst *float32, ld int, tile *float32, rows, cols int, sum *int32, scale, column, bias *float32, add bool)
// rows is the number of rows that come out, half of those that go in.
TEXT ·storeI16AVX512(SB), NOSPLIT, $0-73
	MOVQ    dst+0(FP), DI
	MOVQ    ld+8(FP), BX
	SHLQ    $2, BX
	MOVQ    tile+16(FP), SI
	MOVQ    rows+24(FP), DX
	MOVQ    cols+32(FP), CX
	MOVBQZX add+72(FP), AX
	COLUMNS
	MOVQ    sum+40(FP), R8
	MOVQ    scale+48(FP), R9
	MOVQ    column+56(FP), R10
	MOVQ    bias+64(FP), R11
	SCALES
	MOVL    $0x43800000, AX // 256
	VPBROADCASTD AX, Z12
loop:
	NUMBERS16
	PUTROW
	ADDQ         $256, SI
	ADDQ         BX, DI
	ADDQ         $8, R8
	ADDQ         $4, R9
	DECQ         DX
	JNZ          loop
	VZEROUPPER
	RET

// func streamAVX512(dst *float32, ld int, tile *float32, rows int)
TEXT ·streamAVX512(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ ld+8(FP), BX
	SHLQ $2, BX
	MOVQ tile+16(FP), SI
	MOVQ rows+24(FP), DX
loop:
	VMOVUPS  (SI), Z0
	VMOVUPS  64(SI), Z1
	VMOVNTPS Z0, (DI)    // a line at once: it need not be read first
	VMOVNTPS Z1, 64(DI)
	ADDQ     $128, SI
	ADDQ     BX, DI
	DECQ     DX
	JNZ      loop
	VZEROUPPER
	RET

// func storeAVX512(dst *float32, ld int, tile *float32, rows, cols int, add bool)
TEXT ·storeAVX512(SB), NOSPLIT, $0-41
	MOVQ  dst+0(FP), DI
	MOVQ  ld+8(FP), BX
	SHLQ  $2, BX
	MOVQ  tile+16(FP), SI
	MOVQ  rows+24(FP), DX
	MOVQ  cols+32(FP), CX
	MOVQ  $0, AX
	COLUMNS
	CMPB  add+40(FP), $0
	JNE   sum
copy:
	VMOVUPS (SI), Z0
	VMOVUPS 64(SI), Z1
	VMOVUPS Z0, K1, (DI)
	VMOVUPS Z1, K2, 64(DI)
	ADDQ    $128, SI
	ADDQ    BX, DI
	DECQ    DX
	JNZ     copy
	VZEROUPPER
	RET
sum:
	VMOVUPS.Z (DI), K1, Z0
	VMOVUPS.Z 64(DI), K2, Z1
	VADDPS    (SI), Z0, Z0
	VADDPS    64(SI), Z1, Z1
	VMOVUPS   Z0, K1, (DI)
	VMOVUPS   Z1, K2, 64(DI)
	ADDQ      $128, SI
	ADDQ      BX, DI
	DECQ      DX
	JNZ       sum
	VZEROUPPER
	RET
