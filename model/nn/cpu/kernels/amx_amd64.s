#include "textflag.h"
#include "amx_amd64.h"

// C [blocks*32, 32] = A [blocks*32, groups] times one panel, AMX.
//
//	DX  C, 128 bytes a row; AX is 128
//	SI  the panel; DI walks over it, 16 groups a step
//	R8  rows 0..15 of the block, R9 rows 16..31, walking; R11 the block; BX is the distance of two rows
//	CX  steps left, R12 steps; R13 blocks left
//
// A step is 32 x 32 x 16 groups in four products. Nothing may be lost between them:
// the tiles are configured and released within a call, so the scheduler, which knows
// nothing of them, never sees them in use. (The kernel saves them around a signal.)

#define SETUP \
	MOVQ c+0(FP), DX          \
	MOVQ a+8(FP), R11         \
	MOVQ lda+16(FP), BX       \
	MOVQ panel+24(FP), SI     \
	MOVQ groups+32(FP), R12   \
	SHRQ $4, R12              \
	MOVQ blocks+40(FP), R13   \
	MOVQ $128, AX             \
	LEAQ ·tileConfig(SB), R10 \
	LDTILECFG

#define BLOCK \
	MOVQ R11, R8          \
	MOVQ BX, R9           \
	SHLQ $4, R9           \
	ADDQ R8, R9           \
	MOVQ SI, DI           \
	MOVQ R12, CX          \
	TILEZERO0; TILEZERO1; TILEZERO2; TILEZERO3

#define LOADS \
	LOADB0; LOADA0; LOADB1; LOADA1

#define STEP \
	ADDQ $64, R8   \
	ADDQ $64, R9   \
	ADDQ $2048, DI \
	DECQ CX

#define NEXTBLOCK \
	STORE0; STORE1   \
	ADDQ $2048, DX   \
	STORE2; STORE3   \
	ADDQ $2048, DX   \
	MOVQ BX, R9      \
	SHLQ $5, R9      \
	ADDQ R9, R11     \
	DECQ R13

// func tileBF16AMX(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups, blocks int)
TEXT ·tileBF16AMX(SB), NOSPLIT, $0-48
	SETUP
block:
	BLOCK
step:
	LOADS
	BF16DP0; BF16DP1; BF16DP2; BF16DP3
	STEP
	JNZ step
	NEXTBLOCK
	JNZ block
	TILERELEASE
	RET

// func tileI8AMX(c, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups, blocks int)
TEXT ·tileI8AMX(SB), NOSPLIT, $0-48
	SETUP
block:
	BLOCK
step:
	LOADS
	I8DP0; I8DP1; I8DP2; I8DP3
	STEP
	JNZ step
	NEXTBLOCK
	JNZ block
	TILERELEASE
	RET

// 64 bytes of configuration: palette 1, then the bytes of a row of each of the
// eight tiles (two bytes each, from 16 on) and their rows (from 48 on).
DATA ·tileConfig+0(SB)/8, $1
DATA ·tileConfig+8(SB)/8, $0
DATA ·tileConfig+16(SB)/8, $0x0040004000400040
DATA ·tileConfig+24(SB)/8, $0x0040004000400040
DATA ·tileConfig+32(SB)/8, $0
DATA ·tileConfig+40(SB)/8, $0
DATA ·tileConfig+48(SB)/8, $0x1010101010101010
DATA ·tileConfig+56(SB)/8, $0
GLOBL ·tileConfig(SB), RODATA|NOPTR, $64
