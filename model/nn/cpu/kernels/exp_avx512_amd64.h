// exp on 16 numbers: x = n ln 2 + r with |r| <= ln 2 / 2, e^r by the polynomial
// of Cephes' expf (1 ulp), times 2^n by VSCALEFPS, which gives 0 and infinity
// where they belong. x is clamped to [-110, 90], as 0 and infinity begin
// inside; what is no number stays none.

// EXPCONSTANTS fills Z19 … Z31.
#define EXPCONSTANTS \
	VBROADCASTSS ·expTable+0(SB), Z31  \ // log2 e
	VBROADCASTSS ·expTable+4(SB), Z30  \ // ln 2, high part
	VBROADCASTSS ·expTable+8(SB), Z29  \ // ln 2, low part
	VBROADCASTSS ·expTable+12(SB), Z28 \ // the polynomial, highest power first
	VBROADCASTSS ·expTable+16(SB), Z27 \
	VBROADCASTSS ·expTable+20(SB), Z26 \
	VBROADCASTSS ·expTable+24(SB), Z25 \
	VBROADCASTSS ·expTable+28(SB), Z24 \
	VBROADCASTSS ·expTable+32(SB), Z23 \
	VBROADCASTSS ·expTable+36(SB), Z22 \ // 1
	VBROADCASTSS ·expTable+40(SB), Z21 \ // lowest
	VBROADCASTSS ·expTable+44(SB), Z20   // highest

// EXP(x, n, p): p = exp(x); x and n are overwritten.
#define EXP(x, n, p) \
	VMAXPS       x, Z21, x \
	VMINPS       x, Z20, x \
	VMULPS       x, Z31, n \
	VRNDSCALEPS  $8, n, n  \ // to the nearest integer
	VFNMADD231PS Z30, n, x \
	VFNMADD231PS Z29, n, x \ // x is r now
	VMOVAPS      Z28, p    \
	VFMADD213PS  Z27, x, p \
	VFMADD213PS  Z26, x, p \
	VFMADD213PS  Z25, x, p \
	VFMADD213PS  Z24, x, p \
	VFMADD213PS  Z23, x, p \
	VMULPS       x, p, p   \
	VFMADD213PS  x, x, p   \ // p x² + x
	VADDPS       Z22, p, p \
	VSCALEFPS    n, p, p

// SIGMOIDCONSTANTS fills Z20 … Z27, for ONEPLUS and OVER.
#define SIGMOIDCONSTANTS \
	VBROADCASTSS ·sigmoidTable+0(SB), Z20  \ // highest exponent of 2
	VBROADCASTSS ·sigmoidTable+4(SB), Z21  \ // -log2 e
	VBROADCASTSS ·sigmoidTable+8(SB), Z27  \ // the polynomial, highest power first
	VBROADCASTSS ·sigmoidTable+12(SB), Z26 \
	VBROADCASTSS ·sigmoidTable+16(SB), Z25 \
	VBROADCASTSS ·sigmoidTable+20(SB), Z24 \
	VBROADCASTSS ·sigmoidTable+24(SB), Z23 \
	VBROADCASTSS ·sigmoidTable+28(SB), Z22   // 1

// ONEPLUS(z, f, d): d = 1 + 2^z; f is overwritten, and z where it is above the highest. 2^(z - floor z)
// by a polynomial; VSCALEFPS takes the floor itself. EXP is more exact for large results, which one hides here.
#define ONEPLUS(z, f, d) \
	VMINPS      z, Z20, z \
	VREDUCEPS   $9, z, f  \
	VMOVAPS     Z27, d    \
	VFMADD213PS Z26, f, d \
	VFMADD213PS Z25, f, d \
	VFMADD213PS Z24, f, d \
	VFMADD213PS Z23, f, d \
	VFMADD213PS Z22, f, d \
	VSCALEFPS   z, d, d   \
	VADDPS      Z22, d, d

// OVER(x, d, t): x /= d, d in 1 … 2^124, within 2 units of the last place; t and d are overwritten.
// VDIVPS takes as long as an exponential: an estimate of 14 bits and one step of Newton's take a third.
#define OVER(x, d, t) \
	VRCP14PS     d, t        \
	VFNMADD213PS Z22, t, d   \ // 1 - d t
	VFMADD231PS  d, t, t     \
	VMULPS       t, x, x
