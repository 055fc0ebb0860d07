// What a device can do at best, to compare with.
#include "device.h"

// read_all: every thread sums 16-byte words, blocks*256 apart.
KERNEL(256) read_all(u64 from, u64 words, u64 blocks, u64 result) {
	u32 sum = 0;
	for (u64 i = (u64)block() * 256 + thread(); i < words; i += blocks * 256) {
		Word4 w = load16((const char *)from + i * 16);
		sum ^= w.x ^ w.y ^ w.z ^ w.w;
	}
	if (sum == 0x9e3779b9) *(u32 *)result = sum; // so that nothing is left out
}

// multiply_all: products of registers; each warp does 8 at a time, turns times.
KERNEL(256) multiply_all(u64 turns, u64 result) {
	float c[8][4];
	UNROLL for (int i = 0; i < 8; i++) UNROLL for (int k = 0; k < 4; k++) c[i][k] = 0;
	u32 a[4] = {thread(), thread() * 3, thread() * 5, thread() * 7};
	for (u32 t = 0; t < (u32)turns; t++) {
		UNROLL for (int i = 0; i < 8; i++) multiply(c[i], a, t, (u32)i);
	}
	float sum = 0;
	UNROLL for (int i = 0; i < 8; i++) UNROLL for (int k = 0; k < 4; k++) sum += c[i][k];
	if (bits(sum) == 0x9e3779b9) *(float *)result = sum;
}
