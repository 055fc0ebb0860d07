#include "textflag.h"
#include "amx_amd64.h"
#include "prefetch_amd64.h"

// C [blocks*32, panels*32] = A [blocks*32, groups] times a run of panels, AMX.
//
//	DX  C, the block's rows 0..15, then 16..31; R14 is the distance of two rows, R10 of 16
//	SI  the panel; DI walks over it, 16 groups a step; AX is 128
//	R8  rows 0..15 of the block of A, R9 rows 16..31, walking; R11 the block; BX is the distance of two rows
//	CX  steps left, R12 steps; R13 blocks left
//
// A step is 32 x 32 x 16 groups in four products of 16 cycles. Its four loads take
// longer than they where lines come from the second cache or from memory, so lines of the
// panel are asked for ahead: a tenth of the time. Nothing may be lost between
// products: the tiles are configured and released within a call, so the scheduler, which
// knows nothing of them, never sees them in use. (The kernel saves them around a signal.)

#define SETUP \
	MOVQ lda+24(FP), BX       \
	MOVQ panel+32(FP), SI     \
	MOVQ groups+40(FP), R12   \
	SHRQ $4, R12              \
	MOVQ $128, AX             \
	LEAQ ·tileConfig(SB), R10 \
	LDTILECFG                 \
	MOVQ ldc+8(FP), R14       \
	MOVQ R14, R10             \
	SHLQ $4, R10

#define PANEL \
	MOVQ c+0(FP), DX        \
	MOVQ a+16(FP), R11      \
	MOVQ blocks+48(FP), R13

#define BLOCK \
	MOVQ R11, R8          \
	MOVQ BX, R9           \
	SHLQ $4, R9           \
	ADDQ R8, R9           \
	MOVQ SI, DI           \
	MOVQ R12, CX          \
	TILEZERO0; TILEZERO1; TILEZERO2; TILEZERO3

#define STEP \
	ADDQ $64, R8   \
	ADDQ $64, R9   \
	ADDQ $2048, DI \
	DECQ CX

#define NEXTBLOCK \
	STORE0; STORE1   \
	ADDQ R10, DX     \
	STORE2; STORE3   \
	ADDQ R10, DX     \
	MOVQ BX, R9      \
	SHLQ $5, R9      \
	ADDQ R9, R11     \
	DECQ R13

// The panels lie behind each other, and so do their columns of C.
#define NEXTPANEL \
	MOVQ DI, SI          \
	ADDQ $128, c+0(FP)   \
	DECQ panels+56(FP)

// func tileBF16AMX(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups, blocks, panels int)
TEXT ·tileBF16AMX(SB), NOSPLIT, $0-64
	SETUP
panel:
	PANEL
block:
	BLOCK
step:
	LOADB0; LOADA0
	BF16DP0
	LOADB1
	BF16DP1
	PREFETCH
	LOADA1
	BF16DP2; BF16DP3
	STEP
	JNZ step
	NEXTBLOCK
	JNZ block
	NEXTPANEL
	JNZ panel
	TILERELEASE
	RET

// func tileI8AMX(c unsafe.Pointer, ldc uintptr, a unsafe.Pointer, lda uintptr, panel unsafe.Pointer, groups, blocks, panels int)
TEXT ·tileI8AMX(SB), NOSPLIT, $0-64
	SETUP
panel:
	PANEL
block:
	BLOCK
step:
	LOADB0; LOADA0
	I8DP0
	LOADB1
	I8DP1
	PREFETCH
	LOADA1
	I8DP2; I8DP3
	STEP
	JNZ step
	NEXTBLOCK
	JNZ block
	NEXTPANEL
	JNZ panel
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
