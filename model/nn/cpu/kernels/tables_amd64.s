#include "textflag.h"

// Constants of exp and of the activations, f32.
DATA ·expTable+0(SB)/4, $1.44269504088896341    // log2 e
DATA ·expTable+4(SB)/4, $0.693359375            // ln 2, high part: few bits, so that n times it is exact
DATA ·expTable+8(SB)/4, $-2.12194440e-4         // ln 2, low part
DATA ·expTable+12(SB)/4, $1.9875691500e-4
DATA ·expTable+16(SB)/4, $1.3981999507e-3
DATA ·expTable+20(SB)/4, $8.3334519073e-3
DATA ·expTable+24(SB)/4, $4.1665795894e-2
DATA ·expTable+28(SB)/4, $1.6666665459e-1
DATA ·expTable+32(SB)/4, $5.0000001201e-1
DATA ·expTable+36(SB)/4, $1.0
DATA ·expTable+40(SB)/4, $-110.0
DATA ·expTable+44(SB)/4, $90.0
DATA ·expTable+48(SB)/4, $-1.5957691216057308    // -2 √(2/π), of tanh GELU
DATA ·expTable+52(SB)/4, $-0.07135481282672 // the same times 0.044715
// Φ(-|x|) = t (a1 + t (a2 + …)) exp(-x²/2), t = 1 / (1 + p |x|): Abramowitz and Stegun 7.1.26,
// |error| < 1e-7; p and the halved a1 … a5 are scaled to take x instead of x/√2.
DATA ·expTable+56(SB)/4, $0.2316418882663604    // 0.3275911 / √2
DATA ·expTable+60(SB)/4, $0.5307027145          // a5 / 2
DATA ·expTable+64(SB)/4, $-0.7265760135         // a4 / 2
DATA ·expTable+68(SB)/4, $0.7107068705          // a3 / 2
DATA ·expTable+72(SB)/4, $-0.142248368          // a2 / 2
DATA ·expTable+76(SB)/4, $0.127414796           // a1 / 2
DATA ·expTable+80(SB)/4, $-0.5
// 2^f for |f| <= 1/2, interpolated at Chebyshev's nodes: relative error 3.5e-6, a thousandth of a bf16's.
DATA ·expTable+84(SB)/4, $0.009666368515387469
DATA ·expTable+88(SB)/4, $0.055921975842256264
DATA ·expTable+92(SB)/4, $0.24022349038020335
DATA ·expTable+96(SB)/4, $0.693121045203427
DATA ·expTable+100(SB)/4, $-160.0 // 2^-160 is 0
DATA ·expTable+104(SB)/4, $0.3989422804014327 // 1 / √(2π), of the derivative of GELU
GLOBL ·expTable(SB), RODATA|NOPTR, $108
