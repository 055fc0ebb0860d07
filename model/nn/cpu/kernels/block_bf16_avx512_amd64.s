#include "textflag.h"
#include "vdpbf16ps_amd64.h"

// Blocks of pairs of bf16, AVX512_BF16.

#define ROW0(a) \
	VPBROADCASTD a, Z26 \
	DP0 \
	DP1
#define ROW1(a) \
	VPBROADCASTD a, Z26 \
	DP2 \
	DP3
#define ROW2(a) \
	VPBROADCASTD a, Z26 \
	DP4 \
	DP5
#define ROW3(a) \
	VPBROADCASTD a, Z26 \
	DP6 \
	DP7
#define ROW4(a) \
	VPBROADCASTD a, Z26 \
	DP8 \
	DP9
#define ROW5(a) \
	VPBROADCASTD a, Z26 \
	DP10 \
	DP11
#define ROW6(a) \
	VPBROADCASTD a, Z26 \
	DP12 \
	DP13
#define ROW7(a) \
	VPBROADCASTD a, Z26 \
	DP14 \
	DP15
#define ROW8(a) \
	VPBROADCASTD a, Z26 \
	DP16 \
	DP17
#define ROW9(a) \
	VPBROADCASTD a, Z26 \
	DP18 \
	DP19
#define ROW10(a) \
	VPBROADCASTD a, Z26 \
	DP20 \
	DP21
#define ROW11(a) \
	VPBROADCASTD a, Z26 \
	DP22 \
	DP23

#include "block_avx512_amd64.h"

// func blockBF16AVX512x12(o *Block)
TEXT ·blockBF16AVX512x12(SB), NOSPLIT, $0-8
	LOAD
	ROWS12
	ZERO24
	TESTQ CX, CX
	JZ   done
loop:
	STEP12
	NEXT12
	JNZ  loop
done:
	STORE
	JNE  sum
	PUT12
	VZEROUPPER
	RET
sum:
	SUM12
	VZEROUPPER
	RET

// func blockBF16AVX512x4(o *Block)
TEXT ·blockBF16AVX512x4(SB), NOSPLIT, $0-8
	LOAD
	ROWS4
	ZERO8
	TESTQ CX, CX
	JZ   done
loop:
	STEP4
	NEXT4
	JNZ  loop
done:
	STORE
	JNE  sum
	PUT4
	VZEROUPPER
	RET
sum:
	SUM4
	VZEROUPPER
	RET

// func blockBF16AVX512x1(o *Block)
TEXT ·blockBF16AVX512x1(SB), NOSPLIT, $0-8
	LOAD
	ZERO2
	TESTQ CX, CX
	JZ   done
loop:
	STEP1
	NEXT1
	JNZ  loop
done:
	STORE
	JNE  sum
	PUT1
	VZEROUPPER
	RET
sum:
	SUM1
	VZEROUPPER
	RET
