#include "textflag.h"

// Row operations, AVX2 and FMA, over whole vectors of 8: n is a multiple of 8,
// at least 8. What is left of a row is done in Go.

// REDUCE(op): all lanes of Y0 into the lowest of X0, halving.
#define REDUCE(op) \
	VEXTRACTF128 $1, Y0, X1  \
	op           X1, X0, X0  \
	VPERMILPD    $1, X0, X1  \
	op           X1, X0, X0  \
	VPSRLQ       $32, X0, X1 \
	op           X1, X0, X0

// func sumSquaresAVX2(x *float32, n int, mean float32) float32
TEXT ·sumSquaresAVX2(SB), NOSPLIT, $0-28
	MOVQ         x+0(FP), SI
	MOVQ         n+8(FP), CX
	VBROADCASTSS mean+16(FP), Y2
	VPXOR        Y0, Y0, Y0
loop:
	VMOVUPS     (SI), Y1
	VSUBPS      Y2, Y1, Y1
	VFMADD231PS Y1, Y1, Y0
	ADDQ        $32, SI
	SUBQ        $8, CX
	JNZ         loop
	REDUCE(VADDPS)
	VMOVSS      X0, ret+24(FP)
	VZEROUPPER
	RET

// func sumAVX2(x *float32, n int) float32
TEXT ·sumAVX2(SB), NOSPLIT, $0-20
	MOVQ  x+0(FP), SI
	MOVQ  n+8(FP), CX
	VPXOR Y0, Y0, Y0
loop:
	VADDPS (SI), Y0, Y0
	ADDQ   $32, SI
	SUBQ   $8, CX
	JNZ    loop
	REDUCE(VADDPS)
	VMOVSS X0, ret+16(FP)
	VZEROUPPER
	RET

// func normalizeAVX2(dst, x, gain, bias *float32, n int, mean, scale float32)
TEXT ·normalizeAVX2(SB), NOSPLIT, $0-48
	MOVQ         dst+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         gain+16(FP), R8
	MOVQ         bias+24(FP), R9
	MOVQ         n+32(FP), CX
	VBROADCASTSS mean+40(FP), Y2
	VBROADCASTSS scale+44(FP), Y3
loop:
	VMOVUPS     (SI), Y1
	VSUBPS      Y2, Y1, Y1
	VMULPS      Y3, Y1, Y1
	VMOVUPS     (R9), Y4
	VFMADD132PS (R8), Y4, Y1
	VMOVUPS     Y1, (DI)
	ADDQ        $32, SI
	ADDQ        $32, DI
	ADDQ        $32, R8
	ADDQ        $32, R9
	SUBQ        $8, CX
	JNZ         loop
	VZEROUPPER
	RET

// func absMaxAVX2(x *float32, n int) float32
TEXT ·absMaxAVX2(SB), NOSPLIT, $0-20
	MOVQ     x+0(FP), SI
	MOVQ     n+8(FP), CX
	VPCMPEQD Y2, Y2, Y2
	VPSRLD   $1, Y2, Y2
	VPXOR    Y0, Y0, Y0
loop:
	VANDPS (SI), Y2, Y1
	VMAXPS Y1, Y0, Y0
	ADDQ   $32, SI
	SUBQ   $8, CX
	JNZ    loop
	REDUCE(VMAXPS)
	VMOVSS X0, ret+16(FP)
	VZEROUPPER
	RET

// func quantize8AVX2(dst *int8, x *float32, n int, inverse float32) int32
TEXT ·quantize8AVX2(SB), NOSPLIT, $0-36
	MOVQ         dst+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         n+16(FP), CX
	VBROADCASTSS inverse+24(FP), Y2
	VPXOR        Y0, Y0, Y0
loop:
	VMULPS       (SI), Y2, Y1
	VCVTPS2DQ    Y1, Y1
	VPADDD       Y1, Y0, Y0
	VEXTRACTI128 $1, Y1, X3
	VPACKSSDW    X3, X1, X1
	VPACKSSWB    X1, X1, X1
	VMOVQ        X1, (DI)
	ADDQ         $32, SI
	ADDQ         $8, DI
	SUBQ         $8, CX
	JNZ          loop
	VEXTRACTI128 $1, Y0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0x4e, X0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0xb1, X0, X1
	VPADDD       X1, X0, X0
	VMOVD        X0, AX
	MOVL         AX, ret+32(FP)
	VZEROUPPER
	RET

// func toBF16AVX2(dst *uint16, x *float32, n int)
TEXT ·toBF16AVX2(SB), NOSPLIT, $0-24
	MOVQ     dst+0(FP), DI
	MOVQ     x+8(FP), SI
	MOVQ     n+16(FP), CX
	VPCMPEQD Y6, Y6, Y6
	VPSRLD   $31, Y6, Y6      // 1
	VPCMPEQD Y7, Y7, Y7
	VPSRLD   $17, Y7, Y7      // 0x7fff
loop:
	VMOVUPS      (SI), Y1
	VPSRLD       $16, Y1, Y2
	VPAND        Y6, Y2, Y2
	VPADDD       Y2, Y1, Y1
	VPADDD       Y7, Y1, Y1
	VPSRLD       $16, Y1, Y1
	VEXTRACTI128 $1, Y1, X2
	VPACKUSDW    X2, X1, X1
	VMOVDQU      X1, (DI)
	ADDQ         $32, SI
	ADDQ         $16, DI
	SUBQ         $8, CX
	JNZ          loop
	VZEROUPPER
	RET

// func dequantizeAVX2(tile *float32, rows int, sum *int32, scale, column, bias *float32)
// One half of the columns, 16, of rows that are 128 bytes apart.
TEXT ·dequantizeAVX2(SB), NOSPLIT, $0-48
	MOVQ    tile+0(FP), SI
	MOVQ    rows+8(FP), CX
	MOVQ    sum+16(FP), R8
	MOVQ    scale+24(FP), R9
	MOVQ    column+32(FP), R10
	MOVQ    bias+40(FP), R11
	VMOVUPS (R10), Y2
	VMOVUPS 32(R10), Y3
	VMOVUPS (R11), Y4
	VMOVUPS 32(R11), Y5
loop:
	VPBROADCASTD (R8), Y6
	VPSLLD       $7, Y6, Y6
	VBROADCASTSS (R9), Y7
	VMOVDQU      (SI), Y0
	VMOVDQU      32(SI), Y1
	VPSUBD       Y6, Y0, Y0
	VPSUBD       Y6, Y1, Y1
	VCVTDQ2PS    Y0, Y0
	VCVTDQ2PS    Y1, Y1
	VMULPS       Y7, Y0, Y0
	VMULPS       Y7, Y1, Y1
	VFMADD213PS  Y4, Y2, Y0
	VFMADD213PS  Y5, Y3, Y1
	VMOVUPS      Y0, (SI)
	VMOVUPS      Y1, 32(SI)
	ADDQ         $128, SI
	ADDQ         $4, R8
	ADDQ         $4, R9
	DECQ         CX
	JNZ          loop
	VZEROUPPER
	RET

// exp on 8 numbers, as exp_avx512_amd64.h describes it. Without VSCALEFPS, 2^n is
// made in two halves of n, so that it reaches 0 and infinity.
#define EXPCONSTANTS \
	VBROADCASTSS ·expTable+0(SB), Y15  \
	VBROADCASTSS ·expTable+4(SB), Y14  \
	VBROADCASTSS ·expTable+8(SB), Y13  \
	VBROADCASTSS ·expTable+36(SB), Y12 \ // 1
	VPCMPEQD     Y11, Y11, Y11         \
	VPSRLD       $25, Y11, Y11         \
	VPSLLD       $23, Y11, Y11           // 127 << 23, the bits of 1

// EXP(x, n, p, t): p = exp(x); x, n and t are overwritten.
#define EXP(x, n, p, t) \
	VBROADCASTSS ·expTable+40(SB), t \
	VMAXPS       x, t, x             \
	VBROADCASTSS ·expTable+44(SB), t \
	VMINPS       x, t, x             \
	VMULPS       x, Y15, n           \
	VROUNDPS     $8, n, n            \
	VFNMADD231PS Y14, n, x           \
	VFNMADD231PS Y13, n, x           \
	VBROADCASTSS ·expTable+12(SB), p \
	VBROADCASTSS ·expTable+16(SB), t \
	VFMADD213PS  t, x, p             \
	VBROADCASTSS ·expTable+20(SB), t \
	VFMADD213PS  t, x, p             \
	VBROADCASTSS ·expTable+24(SB), t \
	VFMADD213PS  t, x, p             \
	VBROADCASTSS ·expTable+28(SB), t \
	VFMADD213PS  t, x, p             \
	VBROADCASTSS ·expTable+32(SB), t \
	VFMADD213PS  t, x, p             \
	VMULPS       x, p, p             \
	VFMADD213PS  x, x, p             \
	VADDPS       Y12, p, p           \
	VCVTPS2DQ    n, n                \
	VPSRAD       $1, n, t            \
	VPSUBD       t, n, n             \
	VPSLLD       $23, t, t           \
	VPADDD       Y11, t, t           \
	VMULPS       t, p, p             \
	VPSLLD       $23, n, n           \
	VPADDD       Y11, n, n           \
	VMULPS       n, p, p

// func siluAVX2(x *float32, n int)
TEXT ·siluAVX2(SB), NOSPLIT, $0-16
	MOVQ  x+0(FP), SI
	MOVQ  n+8(FP), CX
	EXPCONSTANTS
	VPXOR Y10, Y10, Y10
loop:
	VMOVUPS (SI), Y0
	VSUBPS  Y0, Y10, Y1
	EXP(Y1, Y2, Y3, Y4)
	VADDPS  Y12, Y3, Y3
	VDIVPS  Y3, Y0, Y0
	VMOVUPS Y0, (SI)
	ADDQ    $32, SI
	SUBQ    $8, CX
	JNZ     loop
	VZEROUPPER
	RET

// func geluTanhAVX2(x *float32, n int)
TEXT ·geluTanhAVX2(SB), NOSPLIT, $0-16
	MOVQ         x+0(FP), SI
	MOVQ         n+8(FP), CX
	EXPCONSTANTS
	VBROADCASTSS ·expTable+48(SB), Y9
	VBROADCASTSS ·expTable+52(SB), Y8
loop:
	VMOVUPS     (SI), Y0
	VMULPS      Y0, Y0, Y1
	VFMADD132PS Y8, Y9, Y1
	VMULPS      Y0, Y1, Y1
	EXP(Y1, Y2, Y3, Y4)
	VADDPS      Y12, Y3, Y3
	VDIVPS      Y3, Y0, Y0
	VMOVUPS     Y0, (SI)
	ADDQ        $32, SI
	SUBQ        $8, CX
	JNZ         loop
	VZEROUPPER
	RET

// func softmaxPartAVX2(dst, x *float32, highest, scale float32) float32
// 32 numbers: dst = exp(scale * (x - highest)), and their sum.
TEXT ·softmaxPartAVX2(SB), NOSPLIT, $0-28
	MOVQ         dst+0(FP), DI
	MOVQ         x+8(FP), SI
	VBROADCASTSS highest+16(FP), Y9
	VBROADCASTSS scale+20(FP), Y8
	EXPCONSTANTS
	MOVQ         $4, CX
	VPXOR        Y0, Y0, Y0
loop:
	VMOVUPS (SI), Y1
	VSUBPS  Y9, Y1, Y1
	VMULPS  Y8, Y1, Y1
	EXP(Y1, Y2, Y3, Y4)
	VMOVUPS Y3, (DI)
	VADDPS  Y3, Y0, Y0
	ADDQ    $32, SI
	ADDQ    $32, DI
	DECQ    CX
	JNZ     loop
	REDUCE(VADDPS)
	VMOVSS  X0, ret+24(FP)
	VZEROUPPER
	RET
