// Attention: dst = softmax(q kᵀ / sqrt(dim)) v, never writing a score to memory.
//
// few takes up to 128 causal rows, as decoding does: a block has 64 keys of one
// key head and 16 rows of queries, the last block of a row adds up. A row's
// result does not depend on the rows beside it. many takes 64 rows and all
// their keys a block, under any mask. exact is f32.
//
// keys and values are [kvHeads, capacity, padded] of one layer, bf16 (f32 for
// exact); queries and dst f32 [rows, heads*dim].
#include "device.h"

enum { FULL, CAUSAL, GROUPS, FIXED };

extern SHARED __attribute__((aligned(16))) char memory[];

enum { CHUNK = 64, WIDEST = 128 };

// copyKeys begins to copy CHUNK rows of padded numbers from row first to shared memory, stride bytes apart; rows from end on are zeros.
DEVICE void copyKeys(u32 to, u32 stride, const u16 *from, u32 padded, u32 first, u32 end) {
	u32 pieces = padded / 8;
	for (u32 c = thread(); c < CHUNK * pieces; c += 128) {
		u32 r = c / pieces, piece = c % pieces;
		bool any = first + r < end;
		copy16(to + r * stride + piece * 16, from + (u64)(any ? first + r : first) * padded + piece * 8, any);
	}
}

KERNEL(128) attend_few(u64 q, u64 ldq, u64 dst, u64 ldd, u64 rows, u64 heads, u64 kvHeads, u64 dim, u64 padded, u64 keys, u64 values, u64 capacity,
		u64 position, u64 positionBase, u64 partials, u64 chunks, u64 tickets, u64 scale, u64 stop) {
	if (stopped(stop)) return;
	SHARED __attribute__((aligned(16))) u16 k[CHUNK * (WIDEST + 8)], v[CHUNK * (WIDEST + 8)], query[16 * (WIDEST + 8)], weight[16 * (CHUNK + 8)];
	SHARED float highest[4][16], total[4][16];
	SHARED u32 last;
	const u32 group = (u32)heads / (u32)kvHeads, head = blockY(), all = (u32)rows * group, first = blockZ() * 16;
	const u32 length = live(position, positionBase); // keys of the layer
	const u32 visible = length - (u32)rows + 1;      // to row 0
	const u32 end = visible + (min(first + 16, all) - 1) / group;
	const u32 active = (end + CHUNK - 1) / CHUNK, chunk = block();
	if (chunk >= active) return;
	const u32 stride = ((u32)padded + 8) * 2, g = lane() / 4, j = lane() % 4, w = warp();

	const u64 layer = (u64)head * capacity * padded;
	copyKeys(shared(k), stride, (const u16 *)keys + layer, (u32)padded, chunk * CHUNK, end);
	copyKeys(shared(v), stride, (const u16 *)values + layer, (u32)padded, chunk * CHUNK, end);
	commitCopies();
	for (u32 i = thread(); i < 16 * (u32)padded; i += 128) {
		u32 m = i / (u32)padded, d = i % (u32)padded, r = (first + m) / group, h = head * group + (first + m) % group;
		float x = first + m < all && d < (u32)dim ? ((const float *)q)[(u64)r * ldq + h * dim + d] : 0;
		query[m * (padded + 8) + d] = narrow(x);
	}
	awaitCopies<0>();
	barrier();

	// Warp w scores keys 16w..16w+15.
	float score[2][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}};
	for (u32 d = 0; d < (u32)padded; d += 16) {
		u32 a[4], b[4];
		load8x8x4(a, shared(query) + lane() % 16 * stride + d * 2 + lane() / 16 * 16);
		load8x8x4(b, shared(k) + (w * 16 + lane() / 16 * 8 + lane() % 8) * stride + d * 2 + lane() / 8 % 2 * 16);
		multiply(score[0], a, b[0], b[1]);
		multiply(score[1], a, b[2], b[3]);
	}
	const float factor = real(scale) * LOG2E;
	UNROLL for (u32 i = 0; i < 2; i++) { // rows g and g+8
		u32 m = g + 8 * i, seen = first + m < all ? visible + (first + m) / group : 0;
		float top = -INFINITE;
		UNROLL for (u32 t = 0; t < 2; t++) UNROLL for (u32 c = 0; c < 2; c++) {
			float &s = score[t][2 * i + c];
			s = chunk * CHUNK + w * 16 + t * 8 + 2 * j + c < seen ? s * factor : -INFINITE;
			top = max(top, s);
		}
		top = maxOfQuad(top);
		if (j == 0) highest[w][m] = top;
	}
	barrier();
	UNROLL for (u32 i = 0; i < 2; i++) {
		u32 m = g + 8 * i;
		float top = max(max(highest[0][m], highest[1][m]), max(highest[2][m], highest[3][m]));
		if (top == -INFINITE) top = 0; // the row sees nothing here
		float sum = 0;
		UNROLL for (u32 t = 0; t < 2; t++) {
			float p0 = exp2(score[t][2 * i] - top), p1 = exp2(score[t][2 * i + 1] - top);
			sum += p0 + p1;
			*(u32 *)&weight[m * (CHUNK + 8) + w * 16 + t * 8 + 2 * j] = pair(p0, p1);
		}
		sum = sumOfQuad(sum);
		if (j == 0) total[w][m] = sum;
	}
	barrier();
	const u32 size = (u32)padded + 2;
	float *part = (float *)partials + ((u64)(head * all + first) * chunks + chunk) * size; // of row m: + m*chunks*size
	const u64 apart = chunks * size;
	for (u32 t = w; t < (u32)padded / 8; t += 4) { // 8 columns of the values
		float sum[4] = {0, 0, 0, 0};
		UNROLL for (u32 s = 0; s < CHUNK / 16; s++) {
			u32 a[4], b[2];
			load8x8x4(a, shared(weight) + lane() % 16 * ((CHUNK + 8) * 2) + s * 32 + lane() / 16 * 16);
			load8x8x2Transposed(b, shared(v) + (s * 16 + lane() % 16) * stride + t * 16);
			multiply(sum, a, b[0], b[1]);
		}
		UNROLL for (u32 i = 0; i < 2; i++) {
			u32 m = g + 8 * i;
			if (first + m >= all) continue;
			part[m * apart + t * 8 + 2 * j] = sum[2 * i];
			part[m * apart + t * 8 + 2 * j + 1] = sum[2 * i + 1];
		}
	}
	if (thread() < 16 && first + thread() < all) {
		u32 m = thread();
		part[m * apart + padded] = max(max(highest[0][m], highest[1][m]), max(highest[2][m], highest[3][m]));
		part[m * apart + padded + 1] = total[0][m] + total[1][m] + total[2][m] + total[3][m];
	}

	// Who comes last has all parts before it.
	fence();
	barrier();
	u32 *ticket = (u32 *)tickets + head * ((all + 15) / 16) + blockZ();
	if (thread() == 0) {
		u32 before = __nvvm_atom_add_gen_i((int *)ticket, 1);
		last = before + 1 == active;
		if (last) *ticket = 0;
		fence();
	}
	barrier();
	if (!last) return;
	for (u32 m = w; m < 16 && first + m < all; m += 4) {
		const volatile float *mine = (const volatile float *)partials + (u64)(head * all + first + m) * apart;
		float top = -INFINITE;
		for (u32 c = lane(); c < active; c += 32) top = max(top, mine[c * size + padded]);
		top = maxOfWarp(top);
		u32 r = (first + m) / group, h = head * group + (first + m) % group;
		for (u32 d = lane(); d < (u32)dim; d += 32) {
			float sum = 0, weights = 0;
			for (u32 c = 0; c < active; c++) {
				float p = exp2(mine[c * size + padded] - top);
				weights = fma(p, mine[c * size + padded + 1], weights);
				sum = fma(p, mine[c * size + d], sum);
			}
			((float *)dst)[(u64)r * ldd + h * dim + d] = sum / weights;
		}
	}
}

struct Mask {
	u32 kind, rows, keys, group;
	const u8 *visible; // FIXED: [rows, keys]
	METHOD u32 from(u32 r) const { return kind == GROUPS ? r / group * group : 0; }
	METHOD u32 to(u32 r) const { return kind == CAUSAL ? keys - rows + r + 1 : kind == GROUPS ? r / group * group + group : keys; }
	METHOD bool sees(u32 r, u32 k) const { return kind != FIXED || visible[(u64)r * keys + k]; }
};

#define MANY_PARAMETERS \
	u64 q, u64 ldq, u64 dst, u64 ldd, u64 rows, u64 heads, u64 kvHeads, u64 dim, u64 keys, u64 values, u64 capacity, u64 length, \
	u64 maskKind, u64 maskGroup, u64 visible, u64 scale
#define MASK Mask{(u32)maskKind, (u32)rows, (u32)length, (u32)maskGroup, (const u8 *)visible}

template <u32 padded>
DEVICE void many(const float *q, u32 ldq, float *dst, u32 ldd, u32 dim, const u16 *keys, const u16 *values, const Mask &mask, float factor) {
	constexpr u32 stride = (padded + 8) * 2, stage = CHUNK * stride;
	const u32 first = block() * 64, g = lane() / 4, j = lane() % 4, w = warp();
	const u32 base = shared(memory); // queries; keys and values, two stages of each
	const u32 lastRow = min(first + 64, mask.rows) - 1;
	const u32 low = mask.from(first) / CHUNK * CHUNK, end = mask.to(lastRow);

	copyKeys(base + stage, stride, keys, padded, low, end);
	copyKeys(base + 3 * stage, stride, values, padded, low, end);
	commitCopies();
	for (u32 i = thread(); i < 64 * padded; i += 128) {
		u32 r = i / padded, d = i % padded;
		float x = first + r < mask.rows && d < dim ? q[(u64)(first + r) * ldq + d] : 0;
		((u16 *)memory)[r * (padded + 8) + d] = narrow(x);
	}
	barrier();
	u32 query[padded / 16][4];
	UNROLL for (u32 d = 0; d < padded / 16; d++) load8x8x4(query[d], base + (w * 16 + lane() % 16) * stride + d * 32 + lane() / 16 * 16);

	float out[padded / 8][4], top[2] = {-INFINITE, -INFINITE}, total[2] = {0, 0};
	UNROLL for (u32 t = 0; t < padded / 8; t++) UNROLL for (int i = 0; i < 4; i++) out[t][i] = 0;
	u32 from[2], to[2];
	UNROLL for (u32 i = 0; i < 2; i++) {
		u32 r = min(first + w * 16 + g + 8 * i, lastRow);
		from[i] = mask.from(r), to[i] = mask.to(r);
	}
	for (u32 at = low, turn = 0; at < end; at += CHUNK, turn ^= 1) {
		awaitCopies<0>();
		barrier();
		if (at + CHUNK < end) {
			copyKeys(base + (2 - turn) * stage, stride, keys, padded, at + CHUNK, end);
			copyKeys(base + (4 - turn) * stage, stride, values, padded, at + CHUNK, end);
			commitCopies();
		}
		const u32 k = base + (1 + turn) * stage, v = base + (3 + turn) * stage;
		float score[8][4];
		UNROLL for (u32 t = 0; t < 8; t++) UNROLL for (int i = 0; i < 4; i++) score[t][i] = 0;
		UNROLL for (u32 d = 0; d < padded / 16; d++) UNROLL for (u32 t = 0; t < 4; t++) {
			u32 b[4];
			load8x8x4(b, k + (t * 16 + lane() / 16 * 8 + lane() % 8) * stride + d * 32 + lane() / 8 % 2 * 16);
			multiply(score[2 * t], query[d], b[0], b[1]);
			multiply(score[2 * t + 1], query[d], b[2], b[3]);
		}
		UNROLL for (u32 i = 0; i < 2; i++) {
			u32 r = min(first + w * 16 + g + 8 * i, lastRow);
			float higher = top[i];
			UNROLL for (u32 t = 0; t < 8; t++) UNROLL for (u32 c = 0; c < 2; c++) {
				u32 key = at + t * 8 + 2 * j + c;
				float &s = score[t][2 * i + c];
				s = key >= from[i] && key < to[i] && mask.sees(r, key) ? s * factor : -INFINITE;
				higher = max(higher, s);
			}
			higher = maxOfQuad(higher);
			float zero = higher == -INFINITE ? 0 : higher; // the row has seen nothing yet
			float shrink = exp2(top[i] - zero), sum = 0;
			top[i] = higher;
			UNROLL for (u32 t = 0; t < 8; t++) UNROLL for (u32 c = 0; c < 2; c++) {
				float &s = score[t][2 * i + c];
				s = exp2(s - zero);
				sum += s;
			}
			total[i] = fma(total[i], shrink, sumOfQuad(sum));
			UNROLL for (u32 t = 0; t < padded / 8; t++) out[t][2 * i] *= shrink, out[t][2 * i + 1] *= shrink;
		}
		UNROLL for (u32 s = 0; s < 4; s++) {
			u32 a[4] = {pair(score[2 * s][0], score[2 * s][1]), pair(score[2 * s][2], score[2 * s][3]),
				pair(score[2 * s + 1][0], score[2 * s + 1][1]), pair(score[2 * s + 1][2], score[2 * s + 1][3])};
			UNROLL for (u32 t = 0; t < padded / 16; t++) {
				u32 b[4];
				load8x8x4Transposed(b, v + (s * 16 + lane() % 16) * stride + t * 32 + lane() / 16 * 16);
				multiply(out[2 * t], a, b[0], b[1]);
				multiply(out[2 * t + 1], a, b[2], b[3]);
			}
		}
	}
	UNROLL for (u32 i = 0; i < 2; i++) {
		u32 r = first + w * 16 + g + 8 * i;
		if (r >= mask.rows) continue;
		float inverse = 1 / total[i];
		UNROLL for (u32 t = 0; t < padded / 8; t++) UNROLL for (u32 c = 0; c < 2; c++) {
			u32 d = t * 8 + 2 * j + c;
			if (d < dim) dst[(u64)r * ldd + d] = out[t][2 * i + c] * inverse;
		}
	}
}

#define MANY(name, padded) \
	KERNEL(128) name(MANY_PARAMETERS) { \
		u32 head = blockY(), kv = head / ((u32)heads / (u32)kvHeads); \
		u64 layer = (u64)kv * capacity * padded; \
		many<padded>((const float *)q + head * (u32)dim, (u32)ldq, (float *)dst + head * (u32)dim, (u32)ldd, (u32)dim, \
			(const u16 *)keys + layer, (const u16 *)values + layer, MASK, real(scale) * LOG2E); \
	}
MANY(attend_many_32, 32)
MANY(attend_many_64, 64)
MANY(attend_many_80, 80)
MANY(attend_many_128, 128)

// attend_exact is f32: a block has one row of one head. The scores of all keys are in shared memory.
KERNEL(128) attend_exact(u64 q, u64 ldq, u64 dst, u64 ldd, u64 rows, u64 heads, u64 kvHeads, u64 dim, u64 padded, u64 keys, u64 values, u64 capacity,
		u64 position, u64 positionBase, u64 maskKind, u64 maskGroup, u64 visible, u64 scale, u64 stop) {
	if (stopped(stop)) return;
	SHARED float across[4], query[256];
	const u32 r = block(), head = blockY(), kv = head / ((u32)heads / (u32)kvHeads), n = (u32)dim;
	const u32 length = live(position, positionBase);
	const Mask mask = MASK;
	const u32 from = mask.from(r), to = mask.to(r);
	const float *k = (const float *)keys + (u64)kv * capacity * padded, *v = (const float *)values + (u64)kv * capacity * padded;
	float *score = (float *)memory; // [to - from]
	for (u32 d = thread(); d < n; d += 128) query[d] = ((const float *)q)[(u64)r * ldq + head * n + d];
	barrier();
	float top = -INFINITE;
	for (u32 key = from + thread(); key < to; key += 128) {
		float sum = 0;
		for (u32 d = 0; d < n; d++) sum = fma(query[d], k[(u64)key * padded + d], sum);
		sum = mask.sees(r, key) ? sum * real(scale) : -INFINITE;
		score[key - from] = sum;
		top = max(top, sum);
	}
	top = maxOfWarp(top);
	if (lane() == 0) across[warp()] = top;
	barrier();
	top = max(max(across[0], across[1]), max(across[2], across[3]));
	barrier();
	float total = 0;
	for (u32 i = thread(); i < to - from; i += 128) {
		float p = exp(score[i] - top);
		score[i] = p;
		total += p;
	}
	total = sumOfWarp(total);
	if (lane() == 0) across[warp()] = total;
	barrier();
	total = across[0] + across[1] + across[2] + across[3];
	for (u32 d = thread(); d < n; d += 128) {
		float sum = 0;
		for (u32 key = from; key < to; key++) sum = fma(score[key - from], v[(u64)key * padded + d], sum);
		((float *)dst)[(u64)r * ldd + head * n + d] = sum / total;
	}
}
