// Where a product's numbers go: every product, whatever its weights' type and
// its number of rows, ends here.
#pragma once
#include "device.h"

enum { LINEAR, GATED, QKV, SCORES };
enum { NONE, GELU, GELU_TANH, SILU, RELU, TANH, SIGMOID };

DEVICE float sigmoid(float x) { return 1 / (1 + exp(-x)); }
DEVICE float tanh(float x) { return 1 - 2 / (1 + exp(2 * x)); }

// erfc by Chebyshev's polynomial of W. H. Press et al., Numerical Recipes (6.2): relative error 1.2e-7. For x >= 0.
DEVICE float erfc(float x) {
	float t = 1 / fma(0.5f, x, 1);
	float p = 0.17087277f;
	p = fma(p, t, -0.82215223f);
	p = fma(p, t, 1.48851587f);
	p = fma(p, t, -1.13520398f);
	p = fma(p, t, 0.27886807f);
	p = fma(p, t, -0.18628806f);
	p = fma(p, t, 0.09678418f);
	p = fma(p, t, 0.37409196f);
	p = fma(p, t, 1.00002368f);
	p = fma(p, t, -1.26551223f);
	return t * exp(fma(-x, x, p));
}

DEVICE float activate(u32 act, float x) {
	if (act == NONE) return x;
	if (act == GELU) {
		float tail = 0.5f * x * erfc(__builtin_fabsf(x) * 0.70710678f);
		return x < 0 ? tail : x - tail;
	}
	if (act == GELU_TANH) return x * sigmoid(1.5957691216f * fma(0.044715f * x * x, x, x));
	if (act == SILU) return x * sigmoid(x);
	if (act == RELU) return max(x, 0);
	if (act == TANH) return tanh(x);
	return sigmoid(x);
}

// Set is the ids that may be said, in the order of their scores' columns.
struct Set {
	const int *ids;
	u64 size;
};

struct Output {
	u32 mode, rows, cols; // of the product
	char *dst;            // LINEAR and SCORES: f32 [rows, ld]; GATED: the MLP's hidden rows [rows, ld]; QKV: queries, f32 [rows, heads*dim]
	u32 ld;
	u32 act;
	bool residual;
	bool wide;          // hidden rows, keys and values are f32, not bf16
	const float *bias;  // of every output, or none
	const float *scale; // of every output of int8 weights, or none
	u32 inner;          // GATED: width of the MLP
	const Set *set;     // SCORES
	// QKV:
	u32 heads, kvHeads, dim, padded; // a row of the cache has padded numbers, of which dim are used
	char *keys, *values;             // [kvHeads, capacity, padded]
	u32 capacity, position;          // of the first row
	const float *angles;             // cosines and sines [capacity, dim/2, 2], or none
};

#define OUTPUT_PARAMETERS \
	u64 mode, u64 rows, u64 cols, u64 dst, u64 ld, u64 act, u64 residual, u64 wideOutput, u64 bias, u64 scale, u64 inner, u64 set, \
	u64 heads, u64 kvHeads, u64 dim, u64 padded, u64 keys, u64 values, u64 capacity, u64 position, u64 positionBase, u64 angles, u64 stop

#define OUTPUT \
	Output{(u32)mode, (u32)rows, mode == SCORES ? min((u32)cols, (u32)((const Set *)set)->size) : (u32)cols, (char *)dst, (u32)ld, (u32)act, \
		residual != 0, wideOutput != 0, (const float *)bias, (const float *)scale, (u32)inner, (const Set *)set, \
		(u32)heads, (u32)kvHeads, (u32)dim, (u32)padded, (char *)keys, (char *)values, (u32)capacity, \
		mode == QKV ? live(position, positionBase) : 0, (const float *)angles}

// source is the row of the weight that gives column n of the product; -1 for none. Columns
// 2i and 2i+1 are what belongs together: a gate and its input, or two numbers that are rotated against each other.
DEVICE int source(const Output &o, u32 n) {
	if (n >= o.cols) return -1;
	if (o.mode == GATED) return n / 2 < o.inner ? (int)((n & 1) * o.inner + n / 2) : -1;
	if (o.mode == SCORES) return o.set->ids[n];
	if (o.mode == QKV && o.angles && n < (o.heads + o.kvHeads) * o.dim) {
		u32 half = o.dim / 2, p = n / 2;
		return (int)(p / half * o.dim + p % half + (n & 1) * half);
	}
	return (int)n;
}

DEVICE void store(char *to, u32 at, bool wideOutput, float v) {
	if (wideOutput) ((float *)to)[at] = v;
	else ((u16 *)to)[at] = narrow(v);
}

// storeHead puts output s of row r to the queries, the keys or the values.
DEVICE void storeHead(const Output &o, u32 r, u32 s, float v) {
	u32 head = s / o.dim, i = s % o.dim;
	if (head < o.heads) {
		((float *)o.dst)[r * o.ld + s] = v;
		return;
	}
	head -= o.heads;
	char *to = o.keys;
	if (head >= o.kvHeads) to = o.values, head -= o.kvHeads;
	u64 at = ((u64)head * o.capacity + o.position + r) * o.padded + i;
	if (o.wide) ((float *)to)[at] = v;
	else ((u16 *)to)[at] = narrow(v);
}

DEVICE void storeLinear(const Output &o, u32 r, u32 n, float v) {
	float *to = (float *)o.dst + (u64)r * o.ld + n;
	v = activate(o.act, v);
	*to = o.residual ? *to + v : v;
}

// put takes columns n and n+1 of row r; n is even.
DEVICE void put(const Output &o, u32 r, u32 n, float v0, float v1) {
	if (r >= o.rows || n >= o.cols) return;
	int s0 = source(o, n), s1 = source(o, n + 1);
	if (o.scale) {
		if (s0 >= 0) v0 *= o.scale[s0];
		if (s1 >= 0) v1 *= o.scale[s1];
	}
	if (o.bias) {
		if (s0 >= 0) v0 += o.bias[s0];
		if (s1 >= 0) v1 += o.bias[s1];
	}
	if (o.mode == GATED) {
		float h = s0 >= 0 ? activate(SILU, v0) * v1 : 0; // the padding is zeros
		store(o.dst, r * o.ld + n / 2, o.wide, h);
		return;
	}
	if (o.mode == QKV) {
		if (o.angles && n < (o.heads + o.kvHeads) * o.dim) {
			u32 half = o.dim / 2;
			const float *angle = o.angles + ((u64)(o.position + r) * half + n / 2 % half) * 2;
			float cosine = angle[0], sine = angle[1], x = v0, y = v1;
			v0 = x * cosine - y * sine;
			v1 = y * cosine + x * sine;
		}
		storeHead(o, r, (u32)s0, v0);
		if (s1 >= 0) storeHead(o, r, (u32)s1, v1);
		return;
	}
	storeLinear(o, r, n, v0);
	if (s1 >= 0) storeLinear(o, r, n + 1, v1);
}
