#include "textflag.h"

// func spinTSC(a *uint32, v uint32, equal bool, ticks uint64) bool
// Waits until (*a == v) is equal, at most ticks of the time stamp counter.
TEXT ·spinTSC(SB), NOSPLIT, $0-25
	MOVQ    a+0(FP), SI
	MOVL    v+8(FP), R8
	MOVBLZX equal+12(FP), R9
	MOVQ    ticks+16(FP), R10
	RDTSC
	SHLQ    $32, DX
	ORQ     DX, AX
	MOVQ    AX, R11          // the start
loop:
	MOVL    (SI), BX         // loads of one word are atomic and ordered on amd64
	XORL    CX, CX
	CMPL    BX, R8
	SETEQ   CL
	CMPL    CX, R9
	JEQ     yes
	PAUSE
	RDTSC
	SHLQ    $32, DX
	ORQ     DX, AX
	SUBQ    R11, AX
	CMPQ    AX, R10
	JCS     loop
	MOVB    $0, ret+24(FP)
	RET
yes:
	MOVB    $1, ret+24(FP)
	RET
