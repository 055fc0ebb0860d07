#include "textflag.h"

// C [rows, 32] = A [rows, groups] times one panel, int8, AVX-512 VNNI. C is int32.
//
//	DX  C, 128 bytes a row          DI  panel, 128 bytes a group
//	R8  row 0 of A, R9 row 3, R10 row 6, R11 row 9; BX is the distance of two rows
//	CX  groups / 4
//	Z0 … Z23  the tile: columns 0..15 of row r in Z(2r), 16..31 in Z(2r+1)
//	Z24, Z25  the group of B; Z26 four numbers of A in all lanes

// ROW(a, lo, hi): lo and hi += a * group. VPDPBUSD multiplies the four signed
// bytes of each lane of Z26 by the four unsigned ones of the group and adds the
// four products to the lane's int32; exact.
#define ROW(a, lo, hi) \
	VPBROADCASTD a, Z26           \
	VPDPBUSD     Z26, Z24, lo     \
	VPDPBUSD     Z26, Z25, hi

// GROUP(b): load a group
#define GROUP(b) \
	VMOVDQU32 b(DI), Z24      \
	VMOVDQU32 (b+64)(DI), Z25

// STEP12(a, b): one group against 12 rows
#define STEP12(a, b) \
	GROUP(b)                   \
	ROW(a(R8), Z0, Z1)         \
	ROW(a(R8)(BX*1), Z2, Z3)   \
	ROW(a(R8)(BX*2), Z4, Z5)   \
	ROW(a(R9), Z6, Z7)         \
	ROW(a(R9)(BX*1), Z8, Z9)   \
	ROW(a(R9)(BX*2), Z10, Z11) \
	ROW(a(R10), Z12, Z13)      \
	ROW(a(R10)(BX*1), Z14, Z15) \
	ROW(a(R10)(BX*2), Z16, Z17) \
	ROW(a(R11), Z18, Z19)      \
	ROW(a(R11)(BX*1), Z20, Z21) \
	ROW(a(R11)(BX*2), Z22, Z23)

#define STEP4(a, b) \
	GROUP(b)                 \
	ROW(a(R8), Z0, Z1)       \
	ROW(a(R8)(BX*1), Z2, Z3) \
	ROW(a(R8)(BX*2), Z4, Z5) \
	ROW(a(R9), Z6, Z7)

#define STEP2(a, b) \
	GROUP(b)                 \
	ROW(a(R8), Z0, Z1)       \
	ROW(a(R8)(BX*1), Z2, Z3)

#define STEP1(a, b) \
	GROUP(b)           \
	ROW(a(R8), Z0, Z1)

#include "tile_avx512_amd64.h"

// func tileI8AVX512x12(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)
TEXT ·tileI8AVX512x12(SB), NOSPLIT, $0-40
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

// func tileI8AVX512x4(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)
TEXT ·tileI8AVX512x4(SB), NOSPLIT, $0-40
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

// func tileI8AVX512x2(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)
TEXT ·tileI8AVX512x2(SB), NOSPLIT, $0-40
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

// func tileI8AVX512x1(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups int)
TEXT ·tileI8AVX512x1(SB), NOSPLIT, $0-40
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
