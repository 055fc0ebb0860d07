// What moves and normalises rows, and what chooses tokens.
#include "norm.h"
#include "output.h"

// normalise_rows: 8 rows a block. To bf16 rows of depth numbers, padded with
// zeros (half); or to f32 rows, activated and added.
KERNEL(256) normalise_rows(u64 dst, u64 ld, u64 x, u64 rows, u64 n, u64 half, u64 act, u64 residual, NORM_PARAMETERS, u64 stop) {
	if (stopped(stop)) return;
	const Norm norm = NORM;
	const u32 r = block() * 8 + warp();
	if (r >= (u32)rows) return;
	const float *from = (const float *)x + (u64)r * n;
	const Moments m = momentsOf(norm, from, (u32)n);
	if (half) {
		u16 *to = (u16 *)dst + (u64)r * ld;
		for (u32 i = lane(); i < (u32)ld; i += 32) to[i] = i < (u32)n ? narrow(normalise(norm, m, from[i], i)) : 0;
		return;
	}
	float *to = (float *)dst + (u64)r * ld;
	for (u32 i = lane(); i < (u32)n; i += 32) {
		float v = activate((u32)act, normalise(norm, m, from[i], i));
		to[i] = residual ? to[i] + v : v;
	}
}

enum { TABLE_F32, TABLE_BF16, TABLE_INT8 };
enum { UNKNOWN_TOKEN = 1, NO_NUMBER = 2 };

// report keeps the first fault: what, and a number that belongs to it.
DEVICE void report(u64 fault, u32 what, u32 detail) {
	volatile u32 *f = (volatile u32 *)fault;
	if (f[0] == 0) f[1] = detail, f[0] = what;
	fenceSystem();
}

// embed: a row a block, of the token that many places before the end.
KERNEL(128) embed(u64 dst, u64 n, u64 rows, u64 table, u64 element, u64 depth, u64 scale, u64 ids, u64 length, u64 lengthBase, u64 vocabulary, u64 fault, u64 stop) {
	if (stopped(stop)) return;
	const u32 r = block();
	const int id = ((const int *)ids)[live(length, lengthBase) - (u32)rows + r];
	if (id < 0 || (u32)id >= (u32)vocabulary) {
		if (thread() == 0) report(fault, UNKNOWN_TOKEN, (u32)id);
		return;
	}
	float *to = (float *)dst + (u64)r * n;
	const u64 at = (u64)id * depth;
	for (u32 i = thread(); i < (u32)n; i += 128) {
		if (element == TABLE_F32) to[i] = ((const float *)table)[at + i];
		else if (element == TABLE_BF16) to[i] = wide(((const u16 *)table)[at + i]);
		else { // see products.cu for the order of the bytes
			u32 k = i % 16, place = i - k + k % 8 / 2 * 4 + k / 8 * 2 + k % 2;
			to[i] = (float)((const s8 *)table)[at + place] * ((const float *)scale)[id];
		}
	}
}

// gather: a row a block; from the row that index says, or none.
KERNEL(128) gather(u64 dst, u64 src, u64 n, u64 index) {
	const int from = ((const int *)index)[block()];
	if (from < 0) return;
	for (u32 i = thread(); i < (u32)n; i += 128) ((float *)dst)[(u64)block() * n + i] = ((const float *)src)[(u64)from * n + i];
}

// patches: cuts images [channels*height, width] into rows of channels*size*size numbers; a patch a block. bf16 rows of depth numbers (half), or f32.
KERNEL(128) patches(u64 dst, u64 depth, u64 half, u64 pixels, u64 channels, u64 height, u64 width, u64 size, u64 across, u64 down) {
	const u32 s = (u32)size, grid = (u32)(across * down), image = block() / grid, p = block() % grid;
	const u32 top = p / (u32)across * s, left = p % (u32)across * s, n = (u32)channels * s * s;
	for (u32 i = thread(); i < (u32)depth; i += 128) {
		float v = 0;
		if (i < n) {
			u32 c = i / (s * s), y = i / s % s, x = i % s;
			v = ((const float *)pixels)[((u64)(image * (u32)channels + c) * height + top + y) * width + left + x];
		}
		u64 at = (u64)block() * depth + i;
		if (half) ((u16 *)dst)[at] = narrow(v);
		else ((float *)dst)[at] = v;
	}
}

// copy_words: 4-byte words, 1024 a block; from memory of the host that the device sees, too.
KERNEL(256) copy_words(u64 dst, u64 src, u64 n) {
	UNROLL for (u32 i = 0; i < 4; i++) {
		u64 at = (u64)block() * 1024 + i * 256 + thread();
		if (at < n) ((u32 *)dst)[at] = ((const volatile u32 *)src)[at];
	}
}

// pick: a row of scores a block. Appends the id with the highest score, the lowest when
// several have it, and tells the host. penalty is for ids in the history before the row.
KERNEL(256) pick(u64 dst, u64 length, u64 lengthBase, u64 history, u64 known, u64 knownBase, u64 scores, u64 ld, u64 set, u64 penalty,
		u64 ring, u64 tag, u64 tagBase, u64 fault, u64 stop) {
	if (stopped(stop)) return;
	SHARED int said[256];
	SHARED float best[256];
	SHARED u32 place[256];
	const Set &s = *(const Set *)set;
	const u32 r = block(), t = thread(), size = (u32)s.size, before = live(known, knownBase) + r;
	const float *row = (const float *)scores + (u64)r * ld;
	const float p = real(penalty);
	const bool penal = p != 0 && p != 1;
	float highest = -INFINITE;
	u32 at = size;
	bool broken = false;
	for (u32 from = 0; from < size; from += 256) {
		const u32 c = from + t;
		float x = -INFINITE;
		int id = -1;
		if (c < size) x = row[c], id = s.ids[c];
		if (!isNumber(x)) broken = true;
		if (penal) {
			bool found = false;
			for (u32 h = 0; h < before; h += 256) {
				barrier();
				if (h + t < before) said[t] = ((const int *)history)[h + t];
				barrier();
				for (u32 i = 0; i < min(256, before - h); i++) found |= said[i] == id;
			}
			if (found) x = x > 0 ? x / p : x * p;
		}
		if (c < size && (x > highest || at == size)) highest = x, at = c;
	}
	best[t] = highest, place[t] = at;
	barrier();
	for (u32 half = 128; half; half /= 2) {
		if (t < half && place[t + half] < size) {
			float other = best[t + half];
			u32 there = place[t + half];
			if (place[t] == size || other > best[t] || (other == best[t] && there < place[t])) best[t] = other, place[t] = there;
		}
		barrier();
	}
	if (broken) report(fault, NO_NUMBER, r);
	if (t == 0) {
		const u32 n = live(length, lengthBase) + r;
		const int id = s.ids[place[0]];
		((int *)dst)[n] = id;
		if (ring) {
			*(volatile u64 *)(ring + (u64)n * 8) = (u64)live(tag, tagBase) << 32 | (u32)id;
			fenceSystem();
		}
	}
}

// advance ends a recorded step: counters grow, and the host's word is heard whether more steps are wanted.
KERNEL(32) advance(u64 counters, u64 n, u64 heard, u64 stop) {
	if (stopped(stop)) return;
	struct Counter { u32 *at; u64 by; };
	const Counter *c = (const Counter *)counters;
	for (u32 i = thread(); i < (u32)n; i += 32) *c[i].at += (u32)c[i].by;
	if (thread() == 0 && *(const volatile u32 *)heard) *(u32 *)stop = 1;
}
