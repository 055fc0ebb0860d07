#include "textflag.h"

// Row operations, AVX-512F. In all of them SI walks over x, CX counts whole
// vectors of 16, and K1 selects what is left of the last one.

// TAIL: of n in CX, K1 = the lowest n % 16 bits, CX = n / 16.
#define TAIL \
	MOVQ  CX, AX     \
	ANDQ  $15, CX    \
	MOVL  $1, R13    \
	SHLL  CX, R13    \
	DECL  R13        \
	KMOVW R13, K1    \
	MOVQ  AX, CX     \
	SHRQ  $4, CX

// REDUCE(op): all lanes of Z0 into the lowest of X0, halving.
#define REDUCE(op) \
	VEXTRACTF64X4 $1, Z0, Y1     \
	op            Y1, Y0, Y0     \
	VEXTRACTF128  $1, Y0, X1     \
	op            X1, X0, X0     \
	VPERMILPD     $1, X0, X1     \
	op            X1, X0, X0     \
	VPSRLQ        $32, X0, X1    \
	op            X1, X0, X0

// Reductions run in four chains, as each waits 4 cycles for itself: Z0, Z8, Z9, Z10.
#define CHAINS \
	VPXORQ Z0, Z0, Z0    \
	VPXORQ Z8, Z8, Z8    \
	VPXORQ Z9, Z9, Z9    \
	VPXORQ Z10, Z10, Z10
#define JOIN(op) \
	op Z8, Z0, Z0  \
	op Z10, Z9, Z9 \
	op Z9, Z0, Z0

// func sumAVX512(x *float32, n int) float32
TEXT ·sumAVX512(SB), NOSPLIT, $0-20
	MOVQ   x+0(FP), SI
	MOVQ n+8(FP), CX
	TAIL
	CHAINS
	SUBQ   $4, CX
	JL     rest
loop4:
	VADDPS (SI), Z0, Z0
	VADDPS 64(SI), Z8, Z8
	VADDPS 128(SI), Z9, Z9
	VADDPS 192(SI), Z10, Z10
	ADDQ   $256, SI
	SUBQ   $4, CX
	JGE    loop4
rest:
	ADDQ   $4, CX
	JZ     tail
loop:
	VADDPS (SI), Z0, Z0
	ADDQ   $64, SI
	DECQ   CX
	JNZ    loop
tail:
	JOIN(VADDPS)
	VMOVUPS.Z (SI), K1, Z1
	VADDPS Z1, Z0, Z0
	REDUCE(VADDPS)
	VMOVSS X0, ret+16(FP)
	VZEROUPPER
	RET

// func sumSquaresAVX512(x *float32, n int, mean float32) float32
TEXT ·sumSquaresAVX512(SB), NOSPLIT, $0-28
	MOVQ         x+0(FP), SI
	VBROADCASTSS mean+16(FP), Z2
	MOVQ n+8(FP), CX
	TAIL
	CHAINS
	SUBQ         $4, CX
	JL           rest
loop4:
	VMOVUPS     (SI), Z1
	VMOVUPS     64(SI), Z3
	VMOVUPS     128(SI), Z4
	VMOVUPS     192(SI), Z5
	VSUBPS      Z2, Z1, Z1
	VSUBPS      Z2, Z3, Z3
	VSUBPS      Z2, Z4, Z4
	VSUBPS      Z2, Z5, Z5
	VFMADD231PS Z1, Z1, Z0
	VFMADD231PS Z3, Z3, Z8
	VFMADD231PS Z4, Z4, Z9
	VFMADD231PS Z5, Z5, Z10
	ADDQ        $256, SI
	SUBQ        $4, CX
	JGE         loop4
rest:
	ADDQ        $4, CX
	JZ          tail
loop:
	VMOVUPS     (SI), Z1
	VSUBPS      Z2, Z1, Z1
	VFMADD231PS Z1, Z1, Z0
	ADDQ        $64, SI
	DECQ        CX
	JNZ         loop
tail:
	JOIN(VADDPS)
	VMOVUPS.Z   (SI), K1, Z1
	VSUBPS.Z    Z2, Z1, K1, Z1
	VFMADD231PS Z1, Z1, Z0
	REDUCE(VADDPS)
	VMOVSS      X0, ret+24(FP)
	VZEROUPPER
	RET

// func normalizeAVX512(dst, x, gain, bias *float32, n int, mean, scale float32)
TEXT ·normalizeAVX512(SB), NOSPLIT, $0-48
	MOVQ         dst+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         gain+16(FP), R8
	MOVQ         bias+24(FP), R9
	VBROADCASTSS mean+40(FP), Z2
	VBROADCASTSS scale+44(FP), Z3
	MOVQ n+32(FP), CX
	TAIL
	JCXZQ        tail
loop:
	VMOVUPS     (SI), Z1
	VSUBPS      Z2, Z1, Z1
	VMULPS      Z3, Z1, Z1
	VMOVUPS     (R9), Z4
	VFMADD132PS (R8), Z4, Z1  // x gain + bias
	VMOVUPS     Z1, (DI)
	ADDQ        $64, SI
	ADDQ        $64, DI
	ADDQ        $64, R8
	ADDQ        $64, R9
	DECQ        CX
	JNZ         loop
tail:
	VMOVUPS.Z   (SI), K1, Z1
	VSUBPS      Z2, Z1, Z1
	VMULPS      Z3, Z1, Z1
	VMOVUPS.Z   (R9), K1, Z4
	VMOVUPS.Z   (R8), K1, Z5
	VFMADD132PS Z5, Z4, Z1
	VMOVUPS     Z1, K1, (DI)
	VZEROUPPER
	RET

// func absMaxAVX512(x *float32, n int) float32
TEXT ·absMaxAVX512(SB), NOSPLIT, $0-20
	MOVQ         x+0(FP), SI
	MOVL         $0x7fffffff, AX
	VPBROADCASTD AX, Z2
	MOVQ n+8(FP), CX
	TAIL
	CHAINS
	SUBQ   $4, CX
	JL     rest
loop4:
	VPANDD (SI), Z2, Z1
	VPANDD 64(SI), Z2, Z3
	VPANDD 128(SI), Z2, Z4
	VPANDD 192(SI), Z2, Z5
	VMAXPS Z1, Z0, Z0
	VMAXPS Z3, Z8, Z8
	VMAXPS Z4, Z9, Z9
	VMAXPS Z5, Z10, Z10
	ADDQ   $256, SI
	SUBQ   $4, CX
	JGE    loop4
rest:
	ADDQ   $4, CX
	JZ     tail
loop:
	VPANDD (SI), Z2, Z1
	VMAXPS Z1, Z0, Z0
	ADDQ   $64, SI
	DECQ   CX
	JNZ    loop
tail:
	JOIN(VMAXPS)
	VMOVUPS.Z (SI), K1, Z1
	VPANDD    Z1, Z2, Z1
	VMAXPS    Z1, Z0, Z0
	REDUCE(VMAXPS)
	VMOVSS    X0, ret+16(FP)
	VZEROUPPER
	RET

// func quantize8AVX512(dst *int8, x *float32, n int, inverse float32) int32
TEXT ·quantize8AVX512(SB), NOSPLIT, $0-36
	MOVQ         dst+0(FP), DI
	MOVQ         x+8(FP), SI
	VBROADCASTSS inverse+24(FP), Z2
	MOVQ n+16(FP), CX
	TAIL
	VPXORQ       Z0, Z0, Z0
	JCXZQ        tail
loop:
	VMULPS    (SI), Z2, Z1
	VCVTPS2DQ Z1, Z1        // to the nearest, ties to even
	VPADDD    Z1, Z0, Z0
	VPMOVSDB  Z1, (DI)
	ADDQ      $64, SI
	ADDQ      $16, DI
	DECQ      CX
	JNZ       loop
tail:
	VMOVUPS.Z (SI), K1, Z1
	VMULPS    Z1, Z2, Z1
	VCVTPS2DQ Z1, Z1
	VPADDD    Z1, Z0, Z0
	VPMOVSDB  Z1, K1, (DI)
	VEXTRACTI64X4 $1, Z0, Y1
	VPADDD    Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD    X1, X0, X0
	VPSHUFD   $0x4e, X0, X1
	VPADDD    X1, X0, X0
	VPSHUFD   $0xb1, X0, X1
	VPADDD    X1, X0, X0
	VMOVD X0, AX
	MOVL AX, ret+32(FP)
	VZEROUPPER
	RET

// func quantize16AVX512(high, low *int8, x *float32, n int, inverse float32) (sumHigh, sumLow int32)
TEXT ·quantize16AVX512(SB), NOSPLIT, $0-48
	MOVQ         high+0(FP), DI
	MOVQ         low+8(FP), DX
	MOVQ         x+16(FP), SI
	VBROADCASTSS inverse+32(FP), Z2
	MOVL         $128, AX
	VPBROADCASTD AX, Z5
	MOVQ n+24(FP), CX
	TAIL
	VPXORQ       Z0, Z0, Z0
	VPXORQ       Z6, Z6, Z6
	JCXZQ        tail
loop:
	VMULPS    (SI), Z2, Z1
	VCVTPS2DQ Z1, Z1
	VPADDD    Z5, Z1, Z3
	VPSRAD    $8, Z3, Z3    // high = (q + 128) >> 8
	VPSLLD    $8, Z3, Z4
	VPSUBD    Z4, Z1, Z4    // low = q - 256 high
	VPADDD    Z3, Z0, Z0
	VPADDD    Z4, Z6, Z6
	VPMOVDB   Z3, (DI)
	VPMOVDB   Z4, (DX)
	ADDQ      $64, SI
	ADDQ      $16, DI
	ADDQ      $16, DX
	DECQ      CX
	JNZ       loop
tail:
	VMOVUPS.Z (SI), K1, Z1
	VMULPS    Z1, Z2, Z1
	VCVTPS2DQ Z1, Z1
	VPADDD    Z5, Z1, Z3
	VPSRAD    $8, Z3, Z3
	VPSLLD    $8, Z3, Z4
	VPSUBD    Z4, Z1, Z4
	VPADDD    Z3, Z0, Z0
	VPADDD    Z4, Z6, Z6
	VPMOVDB   Z3, K1, (DI)
	VPMOVDB   Z4, K1, (DX)
	VEXTRACTI64X4 $1, Z0, Y1
	VPADDD    Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD    X1, X0, X0
	VPSHUFD   $0x4e, X0, X1
	VPADDD    X1, X0, X0
	VPSHUFD   $0xb1, X0, X1
	VPADDD    X1, X0, X0
	VMOVD X0, AX
	MOVL AX, sumHigh+40(FP)
	VEXTRACTI64X4 $1, Z6, Y1
	VPADDD    Y1, Y6, Y6
	VEXTRACTI128 $1, Y6, X1
	VPADDD    X1, X6, X6
	VPSHUFD   $0x4e, X6, X1
	VPADDD    X1, X6, X6
	VPSHUFD   $0xb1, X6, X1
	VPADDD    X1, X6, X6
	VMOVD X6, AX
	MOVL AX, sumLow+44(FP)
	VZEROUPPER
	RET

// ROUND(z, t): the bf16 nearest to each lane of z, in its low half. Z30 is 1, Z29 is 0x7fff.
#define ROUND(z, t) \
	VPSRLD $16, z, t \
	VPANDD Z30, t, t \
	VPADDD t, z, z   \
	VPADDD Z29, z, z \
	VPSRLD $16, z, z

// func toBF16AVX512(dst *uint16, x *float32, n int)
TEXT ·toBF16AVX512(SB), NOSPLIT, $0-24
	MOVQ         dst+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVL         $1, AX
	VPBROADCASTD AX, Z30
	MOVL         $0x7fff, AX
	VPBROADCASTD AX, Z29
	MOVQ n+16(FP), CX
	TAIL
	JCXZQ        tail
loop:
	VMOVUPS  (SI), Z1
	ROUND(Z1, Z2)
	VPMOVDW  Z1, (DI)
	ADDQ     $64, SI
	ADDQ     $32, DI
	DECQ     CX
	JNZ      loop
tail:
	VMOVUPS.Z (SI), K1, Z1
	ROUND(Z1, Z2)
	VPMOVDW   Z1, K1, (DI)
	VZEROUPPER
	RET

// func pairsAVX512(dst *uint32, low, high *uint16, n int)
TEXT ·pairsAVX512(SB), NOSPLIT, $0-32
	MOVQ  dst+0(FP), DI
	MOVQ  low+8(FP), SI
	MOVQ  high+16(FP), R8
	MOVQ  n+24(FP), CX
	TAIL
	JCXZQ tail
loop:
	VPMOVZXWD (SI), Z0
	VPMOVZXWD (R8), Z1
	VPSLLD    $16, Z1, Z1
	VPORD     Z1, Z0, Z0
	VMOVDQU32 Z0, (DI)
	ADDQ      $32, SI
	ADDQ      $32, R8
	ADDQ      $64, DI
	DECQ      CX
	JNZ       loop
tail:
	VPMOVZXWD.Z (SI), K1, Z0
	VPMOVZXWD.Z (R8), K1, Z1
	VPSLLD    $16, Z1, Z1
	VPORD     Z1, Z0, Z0
	VMOVDQU32 Z0, K1, (DI)
	VZEROUPPER
	RET

// func spreadAVX512(dst, x *uint32, n int)
TEXT ·spreadAVX512(SB), NOSPLIT, $0-24
	MOVQ      dst+0(FP), DI
	MOVQ      x+8(FP), SI
	MOVQ      n+16(FP), CX
	TAIL
	VMOVDQU32 ·panelLanes(SB), Z2
	JCXZQ     tail
loop:
	VMOVDQU32   (SI), Z0
	KXNORW      K2, K2, K2        // which are left to write; none when the scatter is done
	VPSCATTERDD Z0, K2, (DI)(Z2*4)
	ADDQ        $64, SI
	ADDQ        $2048, DI
	DECQ        CX
	JNZ         loop
tail:
	VMOVDQU32.Z (SI), K1, Z0
	VPSCATTERDD Z0, K1, (DI)(Z2*4)
	VZEROUPPER
	RET

// The same lane of 16 groups, in words.
DATA ·panelLanes+0(SB)/4, $0
DATA ·panelLanes+4(SB)/4, $32
DATA ·panelLanes+8(SB)/4, $64
DATA ·panelLanes+12(SB)/4, $96
DATA ·panelLanes+16(SB)/4, $128
DATA ·panelLanes+20(SB)/4, $160
DATA ·panelLanes+24(SB)/4, $192
DATA ·panelLanes+28(SB)/4, $224
DATA ·panelLanes+32(SB)/4, $256
DATA ·panelLanes+36(SB)/4, $288
DATA ·panelLanes+40(SB)/4, $320
DATA ·panelLanes+44(SB)/4, $352
DATA ·panelLanes+48(SB)/4, $384
DATA ·panelLanes+52(SB)/4, $416
DATA ·panelLanes+56(SB)/4, $448
DATA ·panelLanes+60(SB)/4, $480
GLOBL ·panelLanes(SB), RODATA|NOPTR, $64

// func scaleAVX512(x *float32, n int, factor float32)
TEXT ·scaleAVX512(SB), NOSPLIT, $0-20
	MOVQ         x+0(FP), SI
	VBROADCASTSS factor+16(FP), Z2
	MOVQ n+8(FP), CX
	TAIL
	JCXZQ        tail
loop:
	VMULPS  (SI), Z2, Z1
	VMOVUPS Z1, (SI)
	ADDQ    $64, SI
	DECQ    CX
	JNZ     loop
tail:
	VMOVUPS.Z (SI), K1, Z1
	VMULPS    Z1, Z2, Z1
	VMOVUPS   Z1, K1, (SI)
	VZEROUPPER
	RET

// func rotateAVX512(x, cos, sin *float32, heads, half int)
// half is a multiple of 16.
TEXT ·rotateAVX512(SB), NOSPLIT, $0-40
	MOVQ x+0(FP), SI
	MOVQ heads+24(FP), DX
	MOVQ half+32(FP), BX
head:
	MOVQ cos+8(FP), R8
	MOVQ sin+16(FP), R9
	MOVQ BX, CX
	LEAQ (SI)(BX*4), DI
	SHRQ $4, CX
loop:
	VMOVUPS      (SI), Z0        // a
	VMOVUPS      (DI), Z1        // b
	VMOVUPS      (R8), Z2
	VMOVUPS      (R9), Z3
	VMULPS       Z3, Z1, Z4
	VFMSUB231PS  Z2, Z0, Z4      // a cos - b sin
	VMULPS       Z3, Z0, Z5
	VFMADD231PS  Z2, Z1, Z5      // b cos + a sin
	VMOVUPS      Z4, (SI)
	VMOVUPS      Z5, (DI)
	ADDQ         $64, SI
	ADDQ         $64, DI
	ADDQ         $64, R8
	ADDQ         $64, R9
	DECQ         CX
	JNZ          loop
	MOVQ         DI, SI
	DECQ         DX
	JNZ          head
	VZEROUPPER
	RET
