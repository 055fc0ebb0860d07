#include "textflag.h"
#include "vdpbf16ps_amd64.h"

// C [rows, 32] = A [rows, groups] times one panel, bf16, AVX512_BF16. C is f32.
//
//	DX  C, 128 bytes a row          DI  panel, 128 bytes a group
//	R8  row 0 of A, R9 row 3, R10 row 6, R11 row 9; BX is the distance of two rows
//	CX  groups / 4
//	Z0 … Z23  the tile: columns 0..15 of row r in Z(2r), 16..31 in Z(2r+1)
//	Z24, Z25  the group of B; Z26 two numbers of A in all lanes

// ROW(a, lo, hi): lo and hi += a * group. VDPBF16PS adds to each lane the products of its two pairs.
#define ROW(a, lo, hi) \
	VPBROADCASTD a, Z26 \
	lo                  \
	hi

// GROUP(b): load a group
#define GROUP(b) \
	VMOVDQU32 b(DI), Z24      \
	VMOVDQU32 (b+64)(DI), Z25

// STEP12(a, b): one group against 12 rows
#define STEP12(a, b) \
	GROUP(b)                   \
	ROW(a(R8), DP0, DP1)         \
	ROW(a(R8)(BX*1), DP2, DP3)   \
	ROW(a(R8)(BX*2), DP4, DP5)   \
	ROW(a(R9), DP6, DP7)         \
	ROW(a(R9)(BX*1), DP8, DP9)   \
	ROW(a(R9)(BX*2), DP10, DP11) \
	ROW(a(R10), DP12, DP13)      \
	ROW(a(R10)(BX*1), DP14, DP15) \
	ROW(a(R10)(BX*2), DP16, DP17) \
	ROW(a(R11), DP18, DP19)      \
	ROW(a(R11)(BX*1), DP20, DP21) \
	ROW(a(R11)(BX*2), DP22, DP23)

#define STEP4(a, b) \
	GROUP(b)                 \
	ROW(a(R8), DP0, DP1)       \
	ROW(a(R8)(BX*1), DP2, DP3) \
	ROW(a(R8)(BX*2), DP4, DP5) \
	ROW(a(R9), DP6, DP7)

#define STEP2(a, b) \
	GROUP(b)                 \
	ROW(a(R8), DP0, DP1)       \
	ROW(a(R8)(BX*1), DP2, DP3)

#define STEP1(a, b) \
	GROUP(b)           \
	ROW(a(R8), DP0, DP1)

#include "tile_avx512_amd64.h"

// func tileBF16AVX512x12(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)
TEXT ·tileBF16AVX512x12(SB), NOSPLIT, $0-40
	LOAD
	ROWS12
	ZERO24
loop12:
	PREFETCH12
	STEP12(0, 0)
	STEP12(4, 128)
	STEP12(8, 256)
	STEP12(12, 384)
	NEXT12
	JNZ  loop12
	STORE24
	VZEROUPPER
	RET

// func tileBF16AVX512x4(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)
TEXT ·tileBF16AVX512x4(SB), NOSPLIT, $0-40
	LOAD
	ROWS4
	ZERO8
loop4:
	PREFETCH
	STEP4(0, 0)
	STEP4(4, 128)
	STEP4(8, 256)
	STEP4(12, 384)
	NEXT4
	JNZ  loop4
	STORE8
	VZEROUPPER
	RET

// func tileBF16AVX512x2(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)
TEXT ·tileBF16AVX512x2(SB), NOSPLIT, $0-40
	LOAD
	ZERO4
loop2:
	PREFETCH
	STEP2(0, 0)
	STEP2(4, 128)
	STEP2(8, 256)
	STEP2(12, 384)
	NEXT1
	JNZ  loop2
	STORE4
	VZEROUPPER
	RET

// func tileBF16AVX512x1(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)
TEXT ·tileBF16AVX512x1(SB), NOSPLIT, $0-40
	LOAD
	ZERO2
loop1:
	PREFETCH
	STEP1(0, 0)
	STEP1(4, 128)
	STEP1(8, 256)
	STEP1(12, 384)
	NEXT1
	JNZ  loop1
	STORE2
	VZEROUPPER
	RET
