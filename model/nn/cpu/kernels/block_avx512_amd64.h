// What the AVX-512 block kernels share. Before it is included, ROWn(a) adds a times
// the row of B in Z24 and Z25 to row n of C in Z(2n) and Z(2n+1).
//
//	SI  the Block                   DX  C, R13 the distance of two rows
//	R8  row 0 of A, R9 row 3, R10 row 6, R11 row 9; BX is the distance of two rows
//	R12 the distance of two k of A
//	DI  B, R13 the distance of two k
//	CX  what is left of K           K1, K2  the columns asked for

#define COLUMNS \
	MOVQ  o+0(FP), SI   \
	MOVQ  72(SI), CX    \
	MOVQ  $1, AX        \
	SHLQ  CX, AX        \
	DECQ  AX            \
	KMOVW AX, K1        \
	SHRQ  $16, AX       \
	KMOVW AX, K2
#define LOAD \
	COLUMNS             \
	MOVQ 16(SI), R8     \
	MOVQ 24(SI), BX     \
	MOVQ 32(SI), R12    \
	MOVQ 40(SI), DI     \
	MOVQ 48(SI), R13    \
	MOVQ 56(SI), CX
#define ROWS4 \
	LEAQ (BX)(BX*2), AX \
	LEAQ (R8)(AX*1), R9
#define ROWS12 \
	ROWS4                \
	LEAQ (R9)(AX*1), R10 \
	LEAQ (R10)(AX*1), R11

#define ROW_OF_B \
	VMOVUPS.Z (DI), K1, Z24   \
	VMOVUPS.Z 64(DI), K2, Z25
#define NEXT1 \
	ADDQ R12, R8 \
	ADDQ R13, DI \
	DECQ CX
#define NEXT4 \
	ADDQ R12, R9 \
	NEXT1
#define NEXT12 \
	ADDQ R12, R10 \
	ADDQ R12, R11 \
	NEXT4

#define STORE \
	MOVQ (SI), DX      \
	MOVQ 8(SI), R13    \
	CMPB 80(SI), $0

// PUT and SUM: one row, to C or added to it
#define PUT(lo, hi) \
	VMOVUPS lo, K1, (DX)   \
	VMOVUPS hi, K2, 64(DX) \
	ADDQ    R13, DX
#define SUM(lo, hi) \
	VMOVUPS.Z (DX), K1, Z24   \
	VMOVUPS.Z 64(DX), K2, Z25 \
	VADDPS    Z24, lo, lo     \
	VADDPS    Z25, hi, hi     \
	PUT(lo, hi)

#define ZERO2 \
	VPXORQ Z0, Z0, Z0 \
	VPXORQ Z1, Z1, Z1
#define ZERO8 \
	VPXORQ Z0, Z0, Z0 \
	VPXORQ Z1, Z1, Z1 \
	VPXORQ Z2, Z2, Z2 \
	VPXORQ Z3, Z3, Z3 \
	VPXORQ Z4, Z4, Z4 \
	VPXORQ Z5, Z5, Z5 \
	VPXORQ Z6, Z6, Z6 \
	VPXORQ Z7, Z7, Z7
#define ZERO24 \
	VPXORQ Z0, Z0, Z0 \
	VPXORQ Z1, Z1, Z1 \
	VPXORQ Z2, Z2, Z2 \
	VPXORQ Z3, Z3, Z3 \
	VPXORQ Z4, Z4, Z4 \
	VPXORQ Z5, Z5, Z5 \
	VPXORQ Z6, Z6, Z6 \
	VPXORQ Z7, Z7, Z7 \
	VPXORQ Z8, Z8, Z8 \
	VPXORQ Z9, Z9, Z9 \
	VPXORQ Z10, Z10, Z10 \
	VPXORQ Z11, Z11, Z11 \
	VPXORQ Z12, Z12, Z12 \
	VPXORQ Z13, Z13, Z13 \
	VPXORQ Z14, Z14, Z14 \
	VPXORQ Z15, Z15, Z15 \
	VPXORQ Z16, Z16, Z16 \
	VPXORQ Z17, Z17, Z17 \
	VPXORQ Z18, Z18, Z18 \
	VPXORQ Z19, Z19, Z19 \
	VPXORQ Z20, Z20, Z20 \
	VPXORQ Z21, Z21, Z21 \
	VPXORQ Z22, Z22, Z22 \
	VPXORQ Z23, Z23, Z23
#define PUT1 \
	PUT(Z0, Z1)
#define PUT4 \
	PUT(Z0, Z1) \
	PUT(Z2, Z3) \
	PUT(Z4, Z5) \
	PUT(Z6, Z7)
#define PUT12 \
	PUT(Z0, Z1) \
	PUT(Z2, Z3) \
	PUT(Z4, Z5) \
	PUT(Z6, Z7) \
	PUT(Z8, Z9) \
	PUT(Z10, Z11) \
	PUT(Z12, Z13) \
	PUT(Z14, Z15) \
	PUT(Z16, Z17) \
	PUT(Z18, Z19) \
	PUT(Z20, Z21) \
	PUT(Z22, Z23)
#define SUM1 \
	SUM(Z0, Z1)
#define SUM4 \
	SUM(Z0, Z1) \
	SUM(Z2, Z3) \
	SUM(Z4, Z5) \
	SUM(Z6, Z7)
#define SUM12 \
	SUM(Z0, Z1) \
	SUM(Z2, Z3) \
	SUM(Z4, Z5) \
	SUM(Z6, Z7) \
	SUM(Z8, Z9) \
	SUM(Z10, Z11) \
	SUM(Z12, Z13) \
	SUM(Z14, Z15) \
	SUM(Z16, Z17) \
	SUM(Z18, Z19) \
	SUM(Z20, Z21) \
	SUM(Z22, Z23)
#define STEP1 \
	ROW_OF_B \
	ROW0((R8))
#define STEP4 \
	ROW_OF_B \
	ROW0((R8)) \
	ROW1((R8)(BX*1)) \
	ROW2((R8)(BX*2)) \
	ROW3((R9))
#define STEP12 \
	ROW_OF_B \
	ROW0((R8)) \
	ROW1((R8)(BX*1)) \
	ROW2((R8)(BX*2)) \
	ROW3((R9)) \
	ROW4((R9)(BX*1)) \
	ROW5((R9)(BX*2)) \
	ROW6((R10)) \
	ROW7((R10)(BX*1)) \
	ROW8((R10)(BX*2)) \
	ROW9((R11)) \
	ROW10((R11)(BX*1)) \
	ROW11((R11)(BX*2))
