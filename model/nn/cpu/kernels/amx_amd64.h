// The AMX instructions, which Go's assembler does not know, as bytes. Each is
// C4, the registers' fourth bits inverted with map 2 (0F38), a byte with the second source
// inverted and the prefix, the opcode, and ModRM (with SIB: base + index, no scale).
//
// Tiles hold 16 rows of 64 bytes. 0 to 3 are sums: rows 0..15 and 16..31 of the
// block times columns 0..15 and 16..31 of the panel. 4 and 5 are the rows of A,
// 6 and 7 the columns of the panel: 16 groups each.

#define TILEZERO0 BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xc0 // TILEZERO tmm0
#define TILEZERO1 BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xc8 // TILEZERO tmm1
#define TILEZERO2 BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xd0 // TILEZERO tmm2
#define TILEZERO3 BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xd8 // TILEZERO tmm3
#define LOADA0 BYTE $0xc4; BYTE $0xc2; BYTE $0x7b; BYTE $0x4b; BYTE $0x24; BYTE $0x18 // TILELOADD tmm4, [R8 + BX]: 16 rows, BX apart
#define LOADA1 BYTE $0xc4; BYTE $0xc2; BYTE $0x7b; BYTE $0x4b; BYTE $0x2c; BYTE $0x19 // TILELOADD tmm5, [R9 + BX]
#define LOADB0 BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x4b; BYTE $0x34; BYTE $0x07 // TILELOADD tmm6, [DI + AX]: 16 groups, AX = 128 apart, the first half of each
#define LOADB1 BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x4b; BYTE $0x7c; BYTE $0x07; BYTE $0x40 // TILELOADD tmm7, [DI + AX + 64]: the second half
#define STORE0 BYTE $0xc4; BYTE $0xa2; BYTE $0x7a; BYTE $0x4b; BYTE $0x04; BYTE $0x32 // TILESTORED [DX + R14], tmm0
#define STORE1 BYTE $0xc4; BYTE $0xa2; BYTE $0x7a; BYTE $0x4b; BYTE $0x4c; BYTE $0x32; BYTE $0x40 // TILESTORED [DX + R14 + 64], tmm1
#define STORE2 BYTE $0xc4; BYTE $0xa2; BYTE $0x7a; BYTE $0x4b; BYTE $0x14; BYTE $0x32 // TILESTORED [DX + R14], tmm2
#define STORE3 BYTE $0xc4; BYTE $0xa2; BYTE $0x7a; BYTE $0x4b; BYTE $0x5c; BYTE $0x32; BYTE $0x40 // TILESTORED [DX + R14 + 64], tmm3
#define BF16DP0 BYTE $0xc4; BYTE $0xe2; BYTE $0x4a; BYTE $0x5c; BYTE $0xc4 // TDPBF16PS tmm0, tmm4, tmm6
#define BF16DP1 BYTE $0xc4; BYTE $0xe2; BYTE $0x42; BYTE $0x5c; BYTE $0xcc // TDPBF16PS tmm1, tmm4, tmm7
#define BF16DP2 BYTE $0xc4; BYTE $0xe2; BYTE $0x4a; BYTE $0x5c; BYTE $0xd5 // TDPBF16PS tmm2, tmm5, tmm6
#define BF16DP3 BYTE $0xc4; BYTE $0xe2; BYTE $0x42; BYTE $0x5c; BYTE $0xdd // TDPBF16PS tmm3, tmm5, tmm7
#define I8DP0 BYTE $0xc4; BYTE $0xe2; BYTE $0x4a; BYTE $0x5e; BYTE $0xc4 // TDPBSUD tmm0, tmm4, tmm6: signed A, unsigned weights
#define I8DP1 BYTE $0xc4; BYTE $0xe2; BYTE $0x42; BYTE $0x5e; BYTE $0xcc // TDPBSUD tmm1, tmm4, tmm7: signed A, unsigned weights
#define I8DP2 BYTE $0xc4; BYTE $0xe2; BYTE $0x4a; BYTE $0x5e; BYTE $0xd5 // TDPBSUD tmm2, tmm5, tmm6: signed A, unsigned weights
#define I8DP3 BYTE $0xc4; BYTE $0xe2; BYTE $0x42; BYTE $0x5e; BYTE $0xdd // TDPBSUD tmm3, tmm5, tmm7: signed A, unsigned weights
#define LDTILECFG BYTE $0xc4; BYTE $0xc2; BYTE $0x78; BYTE $0x49; BYTE $0x02 // LDTILECFG [R10]
#define TILERELEASE BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0xc0 // TILERELEASE
