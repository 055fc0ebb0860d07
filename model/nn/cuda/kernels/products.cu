// Products of activations and weights: dst = x Wᵀ, W [out, depth] row-major,
// depth padded with zeros to a multiple of 64.
//
// thin* take up to 128 rows and stream the weights once: what decoding does. A
// block has 8 columns at a time, whose depth its warps share; a row's result
// does not depend on the rows beside it. tile* take more rows, 128 x 128
// outputs a block, from shared memory. Both multiply in bf16 and add in f32. exact is f32.
//
// int8 weights have a scale for every output. In each run of 16 their bytes are
// in the order 0 1 8 9 | 2 3 10 11 | 4 5 12 13 | 6 7 14 15, so that a lane of a
// product finds its four side by side.
#include "norm.h"
#include "output.h"

enum { BF16, INT8 };

// A group of bytes of weights, 16 a lane, is 2 or 4 products of depth 16. Its lane j
// has depths 8j..8j+7 (bf16) or a run of 16 (int8); products take them in any order, if x comes in the same.
template <int element> struct Group {
	static constexpr u32 depth = element == BF16 ? 32 : 64, products = depth / 16;
	// offsets of what lane j takes of a row of x, for product p: two numbers at each.
	static METHOD u32 first(u32 j, u32 p) { return element == BF16 ? 8 * j + 4 * p : 16 * j + 2 * p; }
	static METHOD u32 second(u32 j, u32 p) { return element == BF16 ? 8 * j + 4 * p + 2 : 16 * j + 8 + 2 * p; }
	static METHOD void weights(const Word4 &w, u32 p, u32 &b0, u32 &b1) {
		if (element == BF16) {
			b0 = p ? w.z : w.x, b1 = p ? w.w : w.y;
			return;
		}
		integers(p == 0 ? w.x : p == 1 ? w.y : p == 2 ? w.z : w.w, b0, b1);
	}
};

// Rows of x, in global memory or, normalised, in shared memory. What is beyond
// the last row is the last row again: nobody stores what comes of it.
template <bool inShared> struct Rows {
	const u16 *x;
	u32 ld, last;
	METHOD const u16 *row(u32 r) const { return x + (u64)min(r, last) * ld; }
	METHOD static u32 two(const u16 *row, u32 depth) { return inShared ? *(const u32 *)(row + depth) : load4(row + depth); }
};

template <int element, int heights, bool fused>
DEVICE void thin(const Output &o, const Norm &norm, const void *x, u32 in, u32 depth, const char *weights, u32 tiles, u16 *normed) {
	typedef Group<element> G;
	constexpr u32 ahead = heights == 1 ? 4 : 2;
	SHARED float partial[8][16 * 8];
	const u32 g = lane() / 4, j = lane() % 4, groups = depth / G::depth;
	const u32 bytes = depth * (element == BF16 ? 2 : 1);
	const Rows<fused> input{fused ? normed : (const u16 *)x, fused ? depth + 8 : depth, o.rows - 1};

	for (u32 t = 0; t < tiles; t++) {
		const u32 n = (block() * tiles + t) * 8;
		if (n >= o.cols) return;
		const int row = source(o, n + g);
		const char *from = weights + (row < 0 ? 0 : (u64)row * bytes) + j * 16; // no row is row 0: nobody stores what comes of it
		float sum[heights][4];
		UNROLL for (int h = 0; h < heights; h++) UNROLL for (int i = 0; i < 4; i++) sum[h][i] = 0;
		for (u32 at = warp(); at < groups || (fused && t == 0 && at == warp()); at += 8 * ahead) {
			Word4 w[ahead];
			UNROLL for (u32 a = 0; a < ahead; a++) {
				u32 group = at + 8 * a;
				w[a] = Word4{0, 0, 0, 0};
				if (group < groups) w[a] = load16(from + group * 64);
			}
			if (fused && t == 0 && at == warp()) { // while the weights are on their way
				const float *rows = (const float *)x;
				if (o.rows == 1) { // all warps share the row
					Moments m = momentsOf(norm, rows, in);
					for (u32 i = thread(); i < depth; i += 256) normed[i] = i < in ? narrow(normalise(norm, m, rows[i], i)) : 0;
				} else {
					for (u32 r = warp(); r < o.rows; r += 8) {
						Moments m = momentsOf(norm, rows + (u64)r * in, in);
						for (u32 i = lane(); i < depth; i += 32) normed[r * (depth + 8) + i] = i < in ? narrow(normalise(norm, m, rows[(u64)r * in + i], i)) : 0;
					}
				}
				barrier();
			}
			UNROLL for (u32 a = 0; a < ahead; a++) {
				u32 group = at + 8 * a;
				if (group >= groups) break;
				UNROLL for (u32 p = 0; p < G::products; p++) {
					u32 b0, b1;
					G::weights(w[a], p, b0, b1);
					u32 first = group * G::depth + G::first(j, p), second = group * G::depth + G::second(j, p);
					UNROLL for (u32 h = 0; h < heights; h++) {
						if (h * 16 >= o.rows) break;
						const u16 *upper = input.row(h * 16 + g), *lower = input.row(h * 16 + g + 8);
						u32 a4[4] = {input.two(upper, first), input.two(lower, first), input.two(upper, second), input.two(lower, second)};
						multiply(sum[h], a4, b0, b1);
					}
				}
			}
		}
		ROLLED for (u32 h = 0; h < heights && h * 16 < o.rows; h++) {
			UNROLL for (u32 i = 0; i < 4; i++) {
				float v = sum[0][i];
				UNROLL for (u32 k = 1; k < heights; k++) v = h == k ? sum[k][i] : v;
				partial[warp()][(g + i / 2 * 8) * 8 + 2 * j + i % 2] = v;
			}
			barrier();
			if (thread() < 64) {
				u32 r = thread() / 4, c = thread() % 4 * 2;
				float v0 = 0, v1 = 0;
				UNROLL for (int w = 0; w < 8; w++) v0 += partial[w][r * 8 + c], v1 += partial[w][r * 8 + c + 1];
				put(o, h * 16 + r, n + c, v0, v1);
			}
			barrier();
		}
	}
}

extern SHARED __attribute__((aligned(16))) char memory[];

#define THIN_PARAMETERS u64 x, u64 in, u64 depth, u64 weights, u64 tiles, NORM_PARAMETERS, OUTPUT_PARAMETERS
#define THIN(name, element, heights, fused) \
	KERNEL(256) name(THIN_PARAMETERS) { \
		if (stopped(stop)) return; \
		thin<element, heights, fused>(OUTPUT, NORM, (const void *)x, (u32)in, (u32)depth, (const char *)weights, (u32)tiles, (u16 *)memory); \
	}
// norm: x is f32 [rows, in], normalised on the way; up to 16 rows. The others: x is bf16 [rows, depth].
THIN(thin_norm_bf16, BF16, 1, true)
THIN(thin_norm_int8, INT8, 1, true)
THIN(thin_bf16, BF16, 1, false)
THIN(thin_int8, INT8, 1, false)
THIN(thin_rows_bf16, BF16, 8, false)
THIN(thin_rows_int8, INT8, 8, false)

// A stage of a tile: 128 rows of x and 128 of the weights, 32 deep. The strides keep rows in different banks.
enum { STAGES = 3, A_STRIDE = 80, A_BYTES = 128 * A_STRIDE };

template <int element>
DEVICE void tile(const Output &o, const char *x, const char *weights, u32 depth) {
	constexpr u32 stride = element == BF16 ? 80 : 48, size = element == BF16 ? 2 : 1;
	constexpr u32 stage = A_BYTES + 128 * stride, pieces = 32 * size / 16; // 16 bytes each, of a row
	const u32 top = blockY() * 128, left = block() * 128;
	const u32 g = lane() / 4, j = lane() % 4, down = warp() / 4 * 64, right = warp() % 4 * 32;
	const u32 base = shared(memory), steps = depth / 32;

	// What this thread copies: 2 pieces of x, and 2 or 1 of the weights.
	const char *fromX[2], *fromW[pieces / 2];
	u32 toX[2], toW[pieces / 2];
	UNROLL for (u32 i = 0; i < 2; i++) {
		u32 c = thread() + 256 * i, r = c / 4;
		fromX[i] = x + (u64)min(top + r, o.rows - 1) * depth * 2 + c % 4 * 16;
		toX[i] = r * A_STRIDE + c % 4 * 16;
	}
	UNROLL for (u32 i = 0; i < pieces / 2; i++) {
		u32 c = thread() + 256 * i, r = c / pieces;
		int row = source(o, left + r);
		fromW[i] = weights + (row < 0 ? 0 : (u64)row * depth * size) + c % pieces * 16;
		toW[i] = A_BYTES + r * stride + c % pieces * 16;
	}
	auto fetch = [&](u32 step) {
		if (step < steps) {
			u32 to = base + step % STAGES * stage;
			UNROLL for (u32 i = 0; i < 2; i++) copy16(to + toX[i], fromX[i] + step * 64, true);
			UNROLL for (u32 i = 0; i < pieces / 2; i++) copy16(to + toW[i], fromW[i] + step * 32 * size, true);
		}
		commitCopies();
	};
	float sum[4][4][4];
	UNROLL for (int a = 0; a < 4; a++) UNROLL for (int b = 0; b < 4; b++) UNROLL for (int i = 0; i < 4; i++) sum[a][b][i] = 0;
	UNROLL for (u32 s = 0; s < STAGES - 1; s++) fetch(s);
	for (u32 step = 0; step < steps; step++) {
		awaitCopies<STAGES - 2>();
		barrier();
		fetch(step + STAGES - 1);
		const u32 at = base + step % STAGES * stage;
		UNROLL for (u32 k = 0; k < 2; k++) {
			u32 a[4][4], b[4][2];
			UNROLL for (u32 h = 0; h < 4; h++)
				load8x8x4(a[h], at + (down + h * 16 + lane() % 16) * A_STRIDE + k * 32 + lane() / 16 * 16);
			if (element == BF16) {
				UNROLL for (u32 w = 0; w < 2; w++) {
					u32 r[4];
					load8x8x4(r, at + A_BYTES + (right + w * 16 + lane() / 16 * 8 + lane() % 8) * stride + k * 32 + lane() / 8 % 2 * 16);
					b[2 * w][0] = r[0], b[2 * w][1] = r[1], b[2 * w + 1][0] = r[2], b[2 * w + 1][1] = r[3];
				}
			} else {
				UNROLL for (u32 w = 0; w < 4; w++)
					integers(*(const u32 *)(memory + (at - base) + A_BYTES + (right + w * 8 + g) * stride + k * 16 + 4 * j), b[w][0], b[w][1]);
			}
			UNROLL for (u32 h = 0; h < 4; h++) UNROLL for (u32 w = 0; w < 4; w++) multiply(sum[h][w], a[h], b[w][0], b[w][1]);
		}
	}
	// By way of shared memory, 32 rows at a time, so that neighbours are stored together.
	constexpr u32 width = 128 + 4;
	float *out = (float *)memory; // [32, width]
	awaitCopies<0>();
	ROLLED for (u32 h = 0; h < 4; h++) {
		barrier();
		UNROLL for (u32 w = 0; w < 4; w++) UNROLL for (u32 i = 0; i < 4; i++) {
			float v = h == 0 ? sum[0][w][i] : h == 1 ? sum[1][w][i] : h == 2 ? sum[2][w][i] : sum[3][w][i];
			out[(down / 4 + g + i / 2 * 8) * width + right + w * 8 + 2 * j + i % 2] = v;
		}
		barrier();
		ROLLED for (u32 i = thread(); i < 32 * 64; i += 256) {
			u32 r = i / 64, n = i % 64 * 2;
			put(o, top + r / 16 * 64 + h * 16 + r % 16, left + n, out[r * width + n], out[r * width + n + 1]);
		}
	}
}

#define TILE(name, element) \
	KERNEL(256) name(u64 x, u64 depth, u64 weights, OUTPUT_PARAMETERS) { \
		if (stopped(stop)) return; \
		tile<element>(OUTPUT, (const char *)x, (const char *)weights, (u32)depth); \
	}
TILE(tile_bf16, BF16)
TILE(tile_int8, INT8)

// exact is f32: 64 x 64 outputs a block, 4 x 4 a thread. x is [rows, ldx], of which in columns are used.
KERNEL(256) exact(u64 x, u64 ldx, u64 in, u64 depth, u64 weights, OUTPUT_PARAMETERS) {
	if (stopped(stop)) return;
	SHARED __attribute__((aligned(16))) float a[16][64 + 4], b[16][64 + 4];
	const Output o = OUTPUT;
	const float *from = (const float *)x, *w = (const float *)weights;
	const u32 top = blockY() * 64, left = block() * 64;
	const u32 ty = thread() / 16 * 4, tx = thread() % 16 * 4;
	const u32 line = thread() / 4, piece = thread() % 4 * 4; // what this thread copies: 4 numbers of a row of each
	const int row = source(o, left + line);
	float sum[4][4];
	UNROLL for (int i = 0; i < 4; i++) UNROLL for (int k = 0; k < 4; k++) sum[i][k] = 0;
	for (u32 at = 0; at < (u32)in; at += 16) {
		UNROLL for (u32 i = 0; i < 4; i++) {
			u32 d = at + piece + i;
			a[piece + i][line] = top + line < o.rows && d < (u32)in ? from[(u64)(top + line) * ldx + d] : 0;
			b[piece + i][line] = row >= 0 && d < (u32)in ? w[(u64)row * depth + d] : 0;
		}
		barrier();
		UNROLL for (u32 d = 0; d < 16; d++) {
			const Float4 u = *(const Float4 *)&a[d][ty], v = *(const Float4 *)&b[d][tx];
			UNROLL for (u32 i = 0; i < 4; i++) UNROLL for (u32 k = 0; k < 4; k++) sum[i][k] = fma(u[i], v[k], sum[i][k]);
		}
		barrier();
	}
	SHARED float out[64][64 + 4];
	UNROLL for (u32 i = 0; i < 4; i++) UNROLL for (u32 k = 0; k < 4; k++) out[ty + i][tx + k] = sum[i][k];
	barrier();
	ROLLED for (u32 i = thread(); i < 64 * 32; i += 256) {
		u32 r = i / 32, n = i % 32 * 2;
		put(o, top + r, left + n, out[r][n], out[r][n + 1]);
	}
}
