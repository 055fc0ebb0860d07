#include "textflag.h"
#include "exp_avx512_amd64.h"

// Softmax and activations, AVX-512F.

// MASK: the activations walk over x in steps of 16, SI, BX being what is left: K1 for the next vector.
#define MASK \
	MOVL   $0xffff, AX \
	CMPQ   BX, $16     \
	JGE    whole       \
	MOVQ   BX, CX      \
	MOVL   $1, AX      \
	SHLL   CX, AX      \
	DECL   AX          \
whole:                 \
	KMOVW  AX, K1

// HIGHEST: Z0 = the lanes' maxima over DX tiles from DI on, R9 apart; in four
// chains, two tiles at a time, as each waits 4 cycles.
#define HIGHEST \
	VMOVUPS (DI), Z0       \
	VMOVUPS 64(DI), Z1     \
	VMOVAPS Z0, Z2         \
	VMOVAPS Z1, Z3         \
	TESTQ   $1, DX         \
	JZ      pairs          \
	ADDQ    R9, DI         \
	DECQ    DX             \
	JZ      found          \
pairs:                     \
	VMAXPS  (DI), Z0, Z0   \
	VMAXPS  64(DI), Z1, Z1 \
	ADDQ    R9, DI         \
	VMAXPS  (DI), Z2, Z2   \
	VMAXPS  64(DI), Z3, Z3 \
	ADDQ    R9, DI         \
	SUBQ    $2, DX         \
	JNZ     pairs          \
found:                     \
	VMAXPS  Z1, Z0, Z0     \
	VMAXPS  Z3, Z2, Z2     \
	VMAXPS  Z2, Z0, Z0

// func softmaxAVX512(dst, x *float32, panels, stride int, scale float32) float32
// stride is in bytes.
TEXT ·softmaxAVX512(SB), NOSPLIT, $0-44
	MOVQ         dst+0(FP), R8
	MOVQ         x+8(FP), SI
	MOVQ         panels+16(FP), CX
	MOVQ         stride+24(FP), R9
	MOVQ         SI, DI
	MOVQ         CX, DX
	HIGHEST
	VEXTRACTF64X4 $1, Z0, Y1
	VMAXPS       Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VMAXPS       X1, X0, X0
	VPERMILPD    $1, X0, X1
	VMAXPS       X1, X0, X0
	VPSRLQ       $32, X0, X1
	VMAXPS       X1, X0, X0
	VBROADCASTSS X0, Z5
	VBROADCASTSS scale+32(FP), Z6
	EXPCONSTANTS
	VPXORQ       Z0, Z0, Z0
loop:
	VMOVUPS      (SI), Z1
	VSUBPS       Z5, Z1, Z1
	VMULPS       Z6, Z1, Z1
	EXP(Z1, Z2, Z3)
	VMOVUPS      Z3, (R8)
	VADDPS       Z3, Z0, Z0
	VMOVUPS      64(SI), Z1
	VSUBPS       Z5, Z1, Z1
	VMULPS       Z6, Z1, Z1
	EXP(Z1, Z2, Z3)
	VMOVUPS      Z3, 64(R8)
	VADDPS       Z3, Z0, Z0
	ADDQ         R9, SI
	ADDQ         $128, R8
	DECQ         CX
	JNZ          loop
	VEXTRACTF64X4 $1, Z0, Y1
	VADDPS       Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPS       X1, X0, X0
	VPERMILPD    $1, X0, X1
	VADDPS       X1, X0, X0
	VPSRLQ       $32, X0, X1
	VADDPS       X1, X0, X0
	VMOVSS       X0, ret+40(FP)
	VZEROUPPER
	RET

// func softmaxBF16AVX512(dst *uint16, x *float32, panels, stride int, scale float32) float32
// stride is in bytes.
TEXT ·softmaxBF16AVX512(SB), NOSPLIT, $0-44
	MOVQ         dst+0(FP), R8
	MOVQ         x+8(FP), SI
	MOVQ         panels+16(FP), CX
	MOVQ         stride+24(FP), R9
	MOVQ         SI, DI
	MOVQ         CX, DX
	HIGHEST
	VEXTRACTF64X4 $1, Z0, Y1
	VMAXPS       Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VMAXPS       X1, X0, X0
	VPERMILPD    $1, X0, X1
	VMAXPS       X1, X0, X0
	VPSRLQ       $32, X0, X1
	VMAXPS       X1, X0, X0
	VBROADCASTSS X0, Z5
	VBROADCASTSS scale+32(FP), Z6
	EXPCONSTANTS
	MOVL         $1, AX
	VPBROADCASTD AX, Z8
	MOVL         $0x7fff, AX
	VPBROADCASTD AX, Z9
	VPXORQ       Z0, Z0, Z0
loop:
	VMOVUPS      (SI), Z1
	VSUBPS       Z5, Z1, Z1
	VMULPS       Z6, Z1, Z1
	EXP(Z1, Z2, Z3)
	VPSRLD       $16, Z3, Z4    // round to bf16, ties to even
	VPANDD       Z8, Z4, Z4
	VPADDD       Z4, Z3, Z3
	VPADDD       Z9, Z3, Z3
	VPSRLD       $16, Z3, Z3
	VPMOVDW      Z3, (R8)
	VPSLLD       $16, Z3, Z3
	VADDPS       Z3, Z0, Z0
	VMOVUPS      64(SI), Z1
	VSUBPS       Z5, Z1, Z1
	VMULPS       Z6, Z1, Z1
	EXP(Z1, Z2, Z3)
	VPSRLD       $16, Z3, Z4
	VPANDD       Z8, Z4, Z4
	VPADDD       Z4, Z3, Z3
	VPADDD       Z9, Z3, Z3
	VPSRLD       $16, Z3, Z3
	VPMOVDW      Z3, 32(R8)
	VPSLLD       $16, Z3, Z3
	VADDPS       Z3, Z0, Z0
	ADDQ         R9, SI
	ADDQ         $64, R8
	DECQ         CX
	JNZ          loop
	VEXTRACTF64X4 $1, Z0, Y1
	VADDPS       Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPS       X1, X0, X0
	VPERMILPD    $1, X0, X1
	VADDPS       X1, X0, X0
	VPSRLQ       $32, X0, X1
	VADDPS       X1, X0, X0
	VMOVSS       X0, ret+40(FP)
	VZEROUPPER
	RET

// PAIR is VCVTNE2PS2BF16 Z7, Z4, Z3 of AVX512_BF16, which Go's assembler does not know
// (EVEX.512.F2.0F38.W0 72 /r): Z7 = the 16 of Z3, then the 16 of Z4, as bf16.
#define PAIR BYTE $0x62; BYTE $0xf2; BYTE $0x5f; BYTE $0x48; BYTE $0x72; BYTE $0xfb

// TOTAL is VDPBF16PS Z0, Z7, Z8 (EVEX.512.F3.0F38.W0 52 /r): with ones in Z8, Z0 += what is in Z7.
#define TOTAL BYTE $0x62; BYTE $0xd2; BYTE $0x46; BYTE $0x48; BYTE $0x52; BYTE $0xc0

// WEIGH(x, y): y = exp(scale (x - highest)). z = x Z5 + Z6 is the exponent of 2;
// 2^(z - floor z) by a polynomial; VSCALEFPS takes the floor itself. -Inf gives 0.
#define WEIGH(x, y) \
	VMOVUPS     x, Z1         \
	VFMADD213PS Z6, Z5, Z1    \
	VMAXPS      Z1, Z14, Z1   \ // a number, whatever a processor leaves of -Inf
	VREDUCEPS   $9, Z1, Z2    \
	VMOVAPS     Z9, y         \
	VFMADD213PS Z10, Z2, y    \
	VFMADD213PS Z11, Z2, y    \
	VFMADD213PS Z12, Z2, y    \
	VFMADD213PS Z13, Z2, y    \
	VSCALEFPS   Z1, y, y

// func softmaxToBF16AVX512(dst *uint16, x *float32, panels, stride int, scale float32) float32
// As softmaxBF16AVX512, for processors with AVX512_BF16: half the work, as the result keeps 8 bits.
TEXT ·softmaxToBF16AVX512(SB), NOSPLIT, $0-44
	MOVQ         dst+0(FP), R8
	MOVQ         x+8(FP), SI
	MOVQ         panels+16(FP), CX
	MOVQ         stride+24(FP), R9
	MOVQ         SI, DI
	MOVQ         CX, DX
	HIGHEST
	VEXTRACTF64X4 $1, Z0, Y1
	VMAXPS       Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VMAXPS       X1, X0, X0
	VPERMILPD    $1, X0, X1
	VMAXPS       X1, X0, X0
	VPSRLQ       $32, X0, X1
	VMAXPS       X1, X0, X0
	VBROADCASTSS X0, Z6
	VBROADCASTSS scale+32(FP), Z5
	VBROADCASTSS ·expTable+0(SB), Z7
	VMULPS       Z7, Z5, Z5     // scale log2 e
	VMULPS       Z5, Z6, Z6
	VPXORQ       Z0, Z0, Z0
	VSUBPS       Z6, Z0, Z6     // -highest scale log2 e
	VBROADCASTSS ·expTable+84(SB), Z9
	VBROADCASTSS ·expTable+88(SB), Z10
	VBROADCASTSS ·expTable+92(SB), Z11
	VBROADCASTSS ·expTable+96(SB), Z12
	VBROADCASTSS ·expTable+100(SB), Z13
	MOVL         $0x3f803f80, AX
	VPBROADCASTD AX, Z8         // ones
	VBROADCASTSS ·expTable+108(SB), Z14
loop:
	WEIGH((SI), Z3)
	WEIGH(64(SI), Z4)
	PAIR
	VMOVDQU64    Z7, (R8)
	TOTAL
	ADDQ         R9, SI
	ADDQ         $64, R8
	DECQ         CX
	JNZ          loop
	VEXTRACTF64X4 $1, Z0, Y1
	VADDPS       Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPS       X1, X0, X0
	VPERMILPD    $1, X0, X1
	VADDPS       X1, X0, X0
	VPSRLQ       $32, X0, X1
	VADDPS       X1, X0, X0
	VMOVSS       X0, ret+40(FP)
	VZEROUPPER
	RET

// func siluAVX512(x *float32, n int)
TEXT ·siluAVX512(SB), NOSPLIT, $0-16
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), BX
	SIGMOIDCONSTANTS
loop:
	MASK
	VMOVUPS.Z (SI), K1, Z0
	VMULPS    Z21, Z0, Z1
	ONEPLUS(Z1, Z2, Z3)
	OVER(Z0, Z3, Z1)         // x / (1 + exp(-x))
	VMOVUPS   Z0, K1, (SI)
	ADDQ      $64, SI
	SUBQ      $16, BX
	JG        loop
	VZEROUPPER
	RET

// func geluTanhAVX512(x *float32, n int)
// x/2 (1 + tanh u) is x / (1 + exp(-2u)), u = √(2/π) (x + 0.044715 x³).
TEXT ·geluTanhAVX512(SB), NOSPLIT, $0-16
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), BX
	SIGMOIDCONSTANTS
	VBROADCASTSS ·sigmoidTable+32(SB), Z6
	VBROADCASTSS ·sigmoidTable+36(SB), Z7
loop:
	MASK
	VMOVUPS.Z    (SI), K1, Z0
	VMULPS       Z0, Z0, Z1
	VFMADD132PS  Z7, Z6, Z1
	VMULPS       Z0, Z1, Z1      // -2u log2 e
	ONEPLUS(Z1, Z2, Z3)
	OVER(Z0, Z3, Z1)
	VMOVUPS      Z0, K1, (SI)
	ADDQ         $64, SI
	SUBQ         $16, BX
	JG           loop
	VZEROUPPER
	RET

// func geluAVX512(x *float32, n int)
// x Φ(x), with Φ(-|x|) = h by the table's formula: x - x h for positive x, x h for the others.
TEXT ·geluAVX512(SB), NOSPLIT, $0-16
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), BX
	EXPCONSTANTS
	VBROADCASTSS ·expTable+56(SB), Z6
	VBROADCASTSS ·expTable+60(SB), Z7
	VBROADCASTSS ·expTable+64(SB), Z8
	VBROADCASTSS ·expTable+68(SB), Z9
	VBROADCASTSS ·expTable+72(SB), Z10
	VBROADCASTSS ·expTable+76(SB), Z11
	VBROADCASTSS ·expTable+80(SB), Z12
	MOVL         $0x7fffffff, AX
	VPBROADCASTD AX, Z13
	VPXORQ       Z14, Z14, Z14
loop:
	MASK
	VMOVUPS.Z    (SI), K1, Z0
	VPANDD       Z13, Z0, Z4
	VFMADD132PS  Z6, Z22, Z4     // 1 + p |x|
	VDIVPS       Z4, Z22, Z4     // t
	VMOVAPS      Z7, Z5
	VFMADD213PS  Z8, Z4, Z5
	VFMADD213PS  Z9, Z4, Z5
	VFMADD213PS  Z10, Z4, Z5
	VFMADD213PS  Z11, Z4, Z5
	VMULPS       Z4, Z5, Z5
	VMULPS       Z0, Z0, Z1
	VMULPS       Z12, Z1, Z1     // -x²/2
	EXP(Z1, Z2, Z3)
	VMULPS       Z5, Z3, Z3      // h
	VMULPS       Z0, Z3, Z3      // x h
	VCMPPS       $14, Z14, Z0, K2 // x > 0
	VSUBPS       Z3, Z0, K2, Z3  // x - x h there
	VMOVUPS      Z3, K1, (SI)
	ADDQ         $64, SI
	SUBQ         $16, BX
	JG           loop
	VZEROUPPER
	RET

// func gatedTileAVX512(dst *float32, ld int, tile *float32, rows int)
TEXT ·gatedTileAVX512(SB), NOSPLIT, $0-32
	MOVQ   dst+0(FP), DI
	MOVQ   ld+8(FP), BX
	SHLQ   $2, BX
	MOVQ   tile+16(FP), SI
	MOVQ   rows+24(FP), CX
	SIGMOIDCONSTANTS
loop:
	VMOVUPS (SI), Z0
	VMULPS  Z21, Z0, Z1
	ONEPLUS(Z1, Z2, Z3)
	OVER(Z0, Z3, Z1)
	VMULPS  64(SI), Z0, Z0
	VMOVUPS Z0, (DI)
	ADDQ    $128, SI
	ADDQ    BX, DI
	DECQ    CX
	JNZ     loop
	VZEROUPPER
	RET
