#include "textflag.h"
#include "exp_avx512_amd64.h"

// Row operations of gradients, AVX-512F: steps of 16 numbers, BX being what is left and K1 the ones of
// this step; CX is the distance from the start, in bytes.

#define MASK \
	MOVL   $0xffff, AX \
	CMPQ   BX, $16     \
	JGE    whole       \
	MOVQ   BX, R13     \
	MOVL   $1, AX      \
	SHLXL  R13, AX, AX \
	DECL   AX          \
whole:                 \
	KMOVW  AX, K1

#define NEXT \
	ADDQ $64, CX  \
	SUBQ $16, BX  \
	JG   loop

// func dotAVX512(x, y *float32, n int)
TEXT ·dotAVX512(SB), NOSPLIT, $0-28
	MOVQ x+0(FP), SI
	MOVQ y+8(FP), R8
	MOVQ n+16(FP), BX
	XORQ CX, CX
	VPXORQ Z0, Z0, Z0
loop:
	MASK
	VMOVUPS.Z (SI)(CX*1), K1, Z1
	VMOVUPS.Z (R8)(CX*1), K1, Z2
	VFMADD231PS Z1, Z2, Z0
	NEXT
	VEXTRACTF64X4 $1, Z0, Y1
	VADDPS        Y1, Y0, Y0
	VEXTRACTF128  $1, Y0, X1
	VADDPS        X1, X0, X0
	VPERMILPD     $1, X0, X1
	VADDPS        X1, X0, X0
	VPSRLQ        $32, X0, X1
	VADDPS        X1, X0, X0
	VMOVSS        X0, ret+24(FP)
	VZEROUPPER
	RET

// func addAVX512(dst, x *float32, n int)
TEXT ·addAVX512(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), BX
	XORQ CX, CX
loop:
	MASK
	VMOVUPS.Z (SI)(CX*1), K1, Z1
	VMOVUPS.Z (DI)(CX*1), K1, Z2
	VADDPS Z1, Z2, Z2
	VMOVUPS Z2, K1, (DI)(CX*1)
	NEXT
	VZEROUPPER
	RET

// func mulAVX512(dst, x, y *float32, n int)
TEXT ·mulAVX512(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), R8
	MOVQ n+24(FP), BX
	XORQ CX, CX
loop:
	MASK
	VMOVUPS.Z (SI)(CX*1), K1, Z1
	VMOVUPS.Z (R8)(CX*1), K1, Z2
	VMULPS Z1, Z2, Z2
	VMOVUPS Z2, K1, (DI)(CX*1)
	NEXT
	VZEROUPPER
	RET

// func mulAddAVX512(dst, x, y *float32, n int)
TEXT ·mulAddAVX512(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), R8
	MOVQ n+24(FP), BX
	XORQ CX, CX
loop:
	MASK
	VMOVUPS.Z (SI)(CX*1), K1, Z1
	VMOVUPS.Z (R8)(CX*1), K1, Z2
	VMOVUPS.Z (DI)(CX*1), K1, Z3
	VFMADD231PS Z1, Z2, Z3
	VMOVUPS Z3, K1, (DI)(CX*1)
	NEXT
	VZEROUPPER
	RET

// func mulShiftAVX512(dst, x, y *float32, n int, a, c float32)
TEXT ·mulShiftAVX512(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), R8
	MOVQ n+24(FP), BX
	XORQ CX, CX
	VBROADCASTSS a+32(FP), Z4
	VBROADCASTSS c+36(FP), Z5
loop:
	MASK
	VMOVUPS.Z (SI)(CX*1), K1, Z1
	VMOVUPS.Z (R8)(CX*1), K1, Z2
	VFMADD213PS Z5, Z4, Z2
	VMULPS Z1, Z2, Z2
	VMOVUPS Z2, K1, (DI)(CX*1)
	NEXT
	VZEROUPPER
	RET

// func combineAVX512(dst, x, y *float32, n int, a, b, c, keep float32)
TEXT ·combineAVX512(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), R8
	MOVQ n+24(FP), BX
	XORQ CX, CX
	VBROADCASTSS a+32(FP), Z4
	VBROADCASTSS b+36(FP), Z5
	VBROADCASTSS c+40(FP), Z6
	VBROADCASTSS keep+44(FP), Z7
	VPXORQ Z8, Z8, Z8
	VCMPPS $4, Z8, Z7, K2 // dst is read only when it is kept
loop:
	MASK
	KANDW K1, K2, K3
	VMOVUPS.Z (DI)(CX*1), K3, Z3
	VADDPS Z6, Z3, Z3
	VMOVUPS.Z (SI)(CX*1), K1, Z1
	VMOVUPS.Z (R8)(CX*1), K1, Z2
	VFMADD231PS Z1, Z4, Z3
	VFMADD231PS Z2, Z5, Z3
	VMOVUPS Z3, K1, (DI)(CX*1)
	NEXT
	VZEROUPPER
	RET

// func siluGradAVX512(dst, dy, x *float32, n int)
TEXT ·siluGradAVX512(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ dy+8(FP), R8
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), BX
	XORQ CX, CX
	EXPCONSTANTS
	VPXORQ Z6, Z6, Z6
loop:
	MASK
	VMOVUPS.Z   (SI)(CX*1), K1, Z0
	VSUBPS      Z0, Z6, Z1
	EXP(Z1, Z2, Z3)
	VADDPS      Z22, Z3, Z3
	VDIVPS      Z3, Z22, Z3       // s = 1 / (1 + exp(-x))
	VSUBPS      Z3, Z22, Z1       // 1 - s
	VFMADD213PS Z22, Z0, Z1       // 1 + x (1 - s)
	VMULPS      Z3, Z1, Z1
	VMOVUPS.Z   (R8)(CX*1), K1, Z2
	VMULPS      Z2, Z1, Z1
	VMOVUPS     Z1, K1, (DI)(CX*1)
	NEXT
	VZEROUPPER
	RET

// func geluTanhGradAVX512(dst, dy, x *float32, n int)
TEXT ·geluTanhGradAVX512(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ dy+8(FP), R8
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), BX
	XORQ CX, CX
	EXPCONSTANTS
	VBROADCASTSS ·expTable+48(SB), Z6
	VBROADCASTSS ·expTable+52(SB), Z7
	VADDPS Z7, Z7, Z8
	VADDPS Z7, Z8, Z8 // 3 times
loop:
	MASK
	VMOVUPS.Z    (SI)(CX*1), K1, Z0
	VMULPS       Z0, Z0, Z4
	VMOVAPS      Z4, Z1
	VFMADD132PS  Z7, Z6, Z1
	VMULPS       Z0, Z1, Z1       // -2u
	EXP(Z1, Z2, Z3)
	VADDPS       Z22, Z3, Z3
	VDIVPS       Z3, Z22, Z3      // s = 1 / (1 + exp(-2u))
	VFMADD132PS  Z8, Z6, Z4       // -2u'
	VMULPS       Z0, Z4, Z4       // -x 2u'
	VSUBPS       Z22, Z3, Z1      // s - 1
	VFMADD213PS  Z22, Z4, Z1      // 1 + x 2u' (1 - s)
	VMULPS       Z3, Z1, Z1
	VMOVUPS.Z    (R8)(CX*1), K1, Z2
	VMULPS       Z2, Z1, Z1
	VMOVUPS      Z1, K1, (DI)(CX*1)
	NEXT
	VZEROUPPER
	RET

// func geluGradAVX512(dst, dy, x *float32, n int)
TEXT ·geluGradAVX512(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ dy+8(FP), R8
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), BX
	XORQ CX, CX
	EXPCONSTANTS
	VBROADCASTSS ·expTable+56(SB), Z6
	VBROADCASTSS ·expTable+60(SB), Z7
	VBROADCASTSS ·expTable+64(SB), Z8
	VBROADCASTSS ·expTable+68(SB), Z9
	VBROADCASTSS ·expTable+72(SB), Z10
	VBROADCASTSS ·expTable+76(SB), Z11
	VBROADCASTSS ·expTable+80(SB), Z12
	VBROADCASTSS ·expTable+104(SB), Z15
	MOVL         $0x7fffffff, AX
	VPBROADCASTD AX, Z13
	VPXORQ       Z14, Z14, Z14
loop:
	MASK
	VMOVUPS.Z    (SI)(CX*1), K1, Z0
	VPANDD       Z13, Z0, Z4
	VFMADD132PS  Z6, Z22, Z4      // 1 + p |x|
	VDIVPS       Z4, Z22, Z4      // t
	VMOVAPS      Z7, Z5
	VFMADD213PS  Z8, Z4, Z5
	VFMADD213PS  Z9, Z4, Z5
	VFMADD213PS  Z10, Z4, Z5
	VFMADD213PS  Z11, Z4, Z5
	VMULPS       Z4, Z5, Z5
	VMULPS       Z0, Z0, Z1
	VMULPS       Z12, Z1, Z1      // -x²/2
	EXP(Z1, Z2, Z3)
	VMULPS       Z5, Z3, Z4       // h = Φ(-|x|)
	VCMPPS       $14, Z14, Z0, K2 // x > 0
	VSUBPS       Z4, Z22, K2, Z4  // Φ(x)
	VMULPS       Z15, Z3, Z3      // φ(x)
	VFMADD231PS  Z0, Z3, Z4
	VMOVUPS.Z    (R8)(CX*1), K1, Z2
	VMULPS       Z2, Z4, Z4
	VMOVUPS      Z4, K1, (DI)(CX*1)
	NEXT
	VZEROUPPER
	RET

// func adamAVX512(x, grad, m, v *float32, n int, step *AdamStep)
TEXT ·adamAVX512(SB), NOSPLIT, $0-48
	MOVQ x+0(FP), DI
	MOVQ grad+8(FP), SI
	MOVQ m+16(FP), R8
	MOVQ v+24(FP), R9
	MOVQ n+32(FP), BX
	MOVQ step+40(FP), R10
	XORQ CX, CX
	VBROADCASTSS 0(R10), Z20
	VBROADCASTSS 4(R10), Z21
	VBROADCASTSS 8(R10), Z22
	VBROADCASTSS 12(R10), Z23
	VBROADCASTSS 16(R10), Z24
	VBROADCASTSS 20(R10), Z25
	VBROADCASTSS 24(R10), Z26
	VBROADCASTSS 28(R10), Z27
	VBROADCASTSS 32(R10), Z28
loop:
	MASK
	VMOVUPS.Z   (SI)(CX*1), K1, Z0
	VMULPS      Z20, Z0, Z0       // g scale
	VMOVUPS.Z   (R8)(CX*1), K1, Z1
	VMULPS      Z21, Z1, Z1
	VFMADD231PS Z22, Z0, Z1       // m
	VMOVUPS     Z1, K1, (R8)(CX*1)
	VMULPS      Z0, Z0, Z0
	VMOVUPS.Z   (R9)(CX*1), K1, Z2
	VMULPS      Z23, Z2, Z2
	VFMADD231PS Z24, Z0, Z2       // v
	VMOVUPS     Z2, K1, (R9)(CX*1)
	VSQRTPS     Z2, Z2
	VFMADD213PS Z28, Z27, Z2      // √v root + eps
	VMULPS      Z26, Z1, Z1       // rate m
	VDIVPS      Z2, Z1, Z1
	VMOVUPS.Z   (DI)(CX*1), K1, Z3
	VFMSUB213PS Z1, Z25, Z3       // x keep - that
	VMOVUPS     Z3, K1, (DI)(CX*1)
	NEXT
	VZEROUPPER
	RET
