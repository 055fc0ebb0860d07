// Normalised rows. A warp takes a row, always in the same order, so that a
// row's numbers are the same bits wherever they are normalised.
#pragma once
#include "device.h"

enum { NO_NORM, RMS, LAYER };

struct Norm {
	u32 kind;
	const float *gain, *bias; // [n]; bias may be none
	float epsilon;
};

#define NORM_PARAMETERS u64 normKind, u64 gain, u64 normBias, u64 epsilon
#define NORM Norm{(u32)normKind, (const float *)gain, (const float *)normBias, real(epsilon)}

struct Moments { float mean, scale; };

DEVICE Moments momentsOf(const Norm &norm, const float *x, u32 n) {
	Moments m{0, 1};
	if (norm.kind == NO_NORM) return m;
	if (norm.kind == LAYER) {
		float sum = 0;
		for (u32 i = lane(); i < n; i += 32) sum += x[i];
		m.mean = sumOfWarp(sum) / (float)n;
	}
	float square = 0;
	for (u32 i = lane(); i < n; i += 32) {
		float d = x[i] - m.mean;
		square = fma(d, d, square);
	}
	m.scale = 1 / __nvvm_sqrt_rn_f(sumOfWarp(square) / (float)n + norm.epsilon);
	return m;
}

DEVICE float normalise(const Norm &norm, const Moments &m, float x, u32 i) {
	if (norm.kind == NO_NORM) return x;
	x = (x - m.mean) * m.scale * norm.gain[i];
	return norm.bias ? x + norm.bias[i] : x;
}
