#include "prefetch_amd64.h"

// What the three AVX-512 tile kernels share. Registers as in tile_f32_avx512_amd64.s.

// LOAD the arguments, as far as all heights need them.
#define LOAD \
	MOVQ c+0(FP), DX      \
	MOVQ a+8(FP), R8      \
	MOVQ lda+16(FP), BX   \
	MOVQ panel+24(FP), DI \
	MOVQ groups+32(FP), CX \
	SHRQ $2, CX

// ROWS4: R9 = row 3. ROWS12: R10 and R11 too.
#define ROWS4 \
	LEAQ (BX)(BX*2), AX \
	LEAQ (R8)(AX*1), R9
#define ROWS12 \
	ROWS4                \
	LEAQ (R9)(AX*1), R10 \
	LEAQ (R10)(AX*1), R11

// NEXT: four groups on; the flags are those of the counter.
#define NEXT1 \
	ADDQ $16, R8  \
	ADDQ $512, DI \
	DECQ CX
#define NEXT4 \
	ADDQ $16, R9 \
	NEXT1
#define NEXT12 \
	ADDQ $16, R10 \
	ADDQ $16, R11 \
	NEXT4

// PREFETCH12: many rows go over a panel again and again: 8 KB ahead, the next panel
// comes while this one is multiplied. Few rows take PREFETCH.
#define PREFETCH12 \
	PREFETCHT0 8192(DI) \
	PREFETCHT0 8256(DI) \
	PREFETCHT0 8320(DI) \
	PREFETCHT0 8384(DI) \
	PREFETCHT0 8448(DI) \
	PREFETCHT0 8512(DI) \
	PREFETCHT0 8576(DI) \
	PREFETCHT0 8640(DI)

#define ZERO2 \
	VPXORQ Z0, Z0, Z0 \
	VPXORQ Z1, Z1, Z1
#define ZERO4 \
	ZERO2             \
	VPXORQ Z2, Z2, Z2 \
	VPXORQ Z3, Z3, Z3
#define ZERO8 \
	ZERO4             \
	VPXORQ Z4, Z4, Z4 \
	VPXORQ Z5, Z5, Z5 \
	VPXORQ Z6, Z6, Z6 \
	VPXORQ Z7, Z7, Z7
#define ZERO24 \
	ZERO8                \
	VPXORQ Z8, Z8, Z8    \
	VPXORQ Z9, Z9, Z9    \
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

#define STORE2 \
	VMOVUPS Z0, 0(DX)  \
	VMOVUPS Z1, 64(DX)
#define STORE4 \
	STORE2              \
	VMOVUPS Z2, 128(DX) \
	VMOVUPS Z3, 192(DX)
#define STORE8 \
	STORE4              \
	VMOVUPS Z4, 256(DX) \
	VMOVUPS Z5, 320(DX) \
	VMOVUPS Z6, 384(DX) \
	VMOVUPS Z7, 448(DX)
#define STORE24 \
	STORE8                \
	VMOVUPS Z8, 512(DX)   \
	VMOVUPS Z9, 576(DX)   \
	VMOVUPS Z10, 640(DX)  \
	VMOVUPS Z11, 704(DX)  \
	VMOVUPS Z12, 768(DX)  \
	VMOVUPS Z13, 832(DX)  \
	VMOVUPS Z14, 896(DX)  \
	VMOVUPS Z15, 960(DX)  \
	VMOVUPS Z16, 1024(DX) \
	VMOVUPS Z17, 1088(DX) \
	VMOVUPS Z18, 1152(DX) \
	VMOVUPS Z19, 1216(DX) \
	VMOVUPS Z20, 1280(DX) \
	VMOVUPS Z21, 1344(DX) \
	VMOVUPS Z22, 1408(DX) \
	VMOVUPS Z23, 1472(DX)
