#include "textflag.h"

// TOBF16 is VCVTNEPS2BF16 Z3, Y3 of AVX512_BF16, which Go's assembler does not know.
#define TOBF16 BYTE $0x62; BYTE $0xf2; BYTE $0x7e; BYTE $0x48; BYTE $0x72; BYTE $0xdb

// func convertBF16AVX512(dst *uint16, x *float32, n int)
// Rounds to nearest even; what is smaller than a normal number becomes 0.
TEXT ·convertBF16AVX512(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), BX
	SUBQ $16, BX
	JL   tail
loop:
	VMOVUPS (SI), Z3
	TOBF16
	VMOVDQU Y3, (DI)
	ADDQ    $64, SI
	ADDQ    $32, DI
	SUBQ    $16, BX
	JGE     loop
tail:
	ADDQ      $16, BX
	JZ        done
	MOVL      $1, AX
	SHLXL     BX, AX, AX
	DECL      AX
	KMOVW     AX, K1
	VMOVUPS.Z (SI), K1, Z3
	TOBF16
	VMOVDQU16 Y3, K1, (DI)
done:
	VZEROUPPER
	RET
