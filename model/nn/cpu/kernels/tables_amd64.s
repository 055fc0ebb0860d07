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
// 2^f for 0 <= f < 1, interpolated at five of Chebyshev's points, both ends among them so that
// exp(0) is 1: relative error 5.4e-6, less than a hundredth of a bf16's.
DATA ·expTable+84(SB)/4, $0.013683982893830805
DATA ·expTable+88(SB)/4, $0.051836179665900976
DATA ·expTable+92(SB)/4, $0.2414445109445647
DATA ·expTable+96(SB)/4, $0.6930353264957035
DATA ·expTable+100(SB)/4, $1.0
DATA ·expTable+104(SB)/4, $0.3989422804014327 // 1 / √(2π), of the derivative of GELU
DATA ·expTable+108(SB)/4, $-3e38 // what -Inf is taken for; 2^-160, which is 0 as well, makes VSCALEFPS slow
GLOBL ·expTable(SB), RODATA|NOPTR, $112

// Constants of x / (1 + 2^z). The polynomial is 2^f for 0 <= f < 1, interpolated at six of Chebyshev's
// points, both ends among them: relative error 1.5e-7.
DATA ·sigmoidTable+0(SB)/4, $124.0
DATA ·sigmoidTable+4(SB)/4, $-1.44269504088896341
DATA ·sigmoidTable+8(SB)/4, $0.0018951072910070635
DATA ·sigmoidTable+12(SB)/4, $0.008959888106798585
DATA ·sigmoidTable+16(SB)/4, $0.055836020355358895
DATA ·sigmoidTable+20(SB)/4, $0.24015773548467478
DATA ·sigmoidTable+24(SB)/4, $0.6931512487621607
DATA ·sigmoidTable+28(SB)/4, $1.0
DATA ·sigmoidTable+32(SB)/4, $-2.3022081981443252 // -2 √(2/π) log2 e, of tanh GELU
DATA ·sigmoidTable+36(SB)/4, $-0.10294323958002349 // the same times 0.044715
GLOBL ·sigmoidTable(SB), RODATA|NOPTR, $40
