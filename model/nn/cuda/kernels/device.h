// What CUDA C needs of a compiler that comes without NVIDIA's headers: the
// names of threads, and the instructions that have no operator of the language.
#pragma once

typedef unsigned char u8;
typedef signed char s8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

// Every parameter of a kernel has 8 bytes: an address, a number, or the bits of a float.
#define KERNEL(threads) extern "C" __attribute__((global)) __attribute__((launch_bounds(threads))) void
#define DEVICE static inline __attribute__((device)) __attribute__((always_inline))
#define METHOD __attribute__((device)) __attribute__((always_inline))
#define SHARED __attribute__((shared))
#define UNROLL _Pragma("unroll")
#define ROLLED _Pragma("clang loop unroll(disable)")

struct __attribute__((aligned(16))) Word4 { u32 x, y, z, w; };
typedef float Float4 __attribute__((ext_vector_type(4)));

DEVICE u32 thread() { return __nvvm_read_ptx_sreg_tid_x(); }
DEVICE u32 lane() { return thread() & 31; }
DEVICE u32 warp() { return thread() >> 5; }
DEVICE u32 block() { return __nvvm_read_ptx_sreg_ctaid_x(); }
DEVICE u32 blockY() { return __nvvm_read_ptx_sreg_ctaid_y(); }
DEVICE u32 blockZ() { return __nvvm_read_ptx_sreg_ctaid_z(); }
DEVICE void barrier() { __syncthreads(); }
DEVICE void fence() { __nvvm_membar_gl(); }
DEVICE void fenceSystem() { __nvvm_membar_sys(); }

DEVICE u32 min(u32 a, u32 b) { return a < b ? a : b; }
DEVICE float max(float a, float b) { return __builtin_fmaxf(a, b); }
DEVICE float bits(u32 x) { return __builtin_bit_cast(float, x); }
DEVICE u32 bits(float x) { return __builtin_bit_cast(u32, x); }
DEVICE float real(u64 argument) { return bits((u32)argument); }
DEVICE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DEVICE bool isNumber(float x) { return x == x; }
#define INFINITE __builtin_inff()

// shared is the address of x in shared memory, as instructions take it.
DEVICE u32 shared(const void *x) {
	return (u32)(u64)(__attribute__((address_space(3))) const char *)x;
}

// exp2 has an error of 2 units in the last place.
DEVICE float exp2(float x) {
	float y;
	asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
	return y;
}

#define LOG2E 1.4426950408889634f
// exp of numbers far from 0 is less exact: x*LOG2E is rounded.
DEVICE float exp(float x) { return exp2(x * LOG2E); }

// bf16 numbers are the upper halves of f32 numbers.
DEVICE float wide(u16 x) { return bits((u32)x << 16); }
DEVICE u32 pair(float low, float high) {
	u32 y;
	asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
	return y;
}
DEVICE u16 narrow(float x) { return (u16)pair(x, 0); }

// integers makes bf16 of 4 signed bytes: exact. A float of 2^23 + x holds x in its low byte.
DEVICE void integers(u32 word, u32 &low, u32 &high) {
	word ^= 0x80808080;
	float f[4];
	UNROLL for (int i = 0; i < 4; i++) f[i] = bits(__nvvm_prmt(word, 0x4B000000, 0x7440 + i)) - 8388736.0f;
	low = __nvvm_prmt(bits(f[0]), bits(f[1]), 0x7632);
	high = __nvvm_prmt(bits(f[2]), bits(f[3]), 0x7632);
}

// load16 reads 16 bytes that no kernel at work writes.
DEVICE Word4 load16(const void *from) {
	Word4 w;
	asm("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(w.x), "=r"(w.y), "=r"(w.z), "=r"(w.w) : "l"(from));
	return w;
}

DEVICE u32 load4(const void *from) {
	u32 w;
	asm("ld.global.nc.u32 %0, [%1];" : "=r"(w) : "l"(from));
	return w;
}

DEVICE float exchange(float x, int mask) {
	return bits((u32)__nvvm_shfl_sync_bfly_i32(0xffffffff, (int)bits(x), mask, 31));
}
DEVICE float sumOfWarp(float x) {
	UNROLL for (int m = 16; m; m >>= 1) x += exchange(x, m);
	return x;
}
DEVICE float maxOfWarp(float x) {
	UNROLL for (int m = 16; m; m >>= 1) x = max(x, exchange(x, m));
	return x;
}
// Of the 4 lanes that hold one row of a product.
DEVICE float sumOfQuad(float x) { x += exchange(x, 1); return x + exchange(x, 2); }
DEVICE float maxOfQuad(float x) { x = max(x, exchange(x, 1)); return max(x, exchange(x, 2)); }

// copy16 copies 16 bytes to shared memory while the thread goes on, or writes zeros.
DEVICE void copy16(u32 to, const void *from, bool any) {
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" : : "r"(to), "l"(from), "r"(any ? 16 : 0) : "memory");
}
DEVICE void commitCopies() { asm volatile("cp.async.commit_group;" : : : "memory"); }
template <int newer> DEVICE void awaitCopies() { asm volatile("cp.async.wait_group %0;" : : "n"(newer) : "memory"); }

// Four 8x8 matrices of 16 bits, whose rows lie at the addresses of the lanes 0-7, 8-15, 16-23 and 24-31.
DEVICE void load8x8x4(u32 r[4], u32 at) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
		: "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(at) : "memory");
}
DEVICE void load8x8x4Transposed(u32 r[4], u32 at) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
		: "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(at) : "memory");
}
DEVICE void load8x8x2Transposed(u32 r[2], u32 at) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
		: "=r"(r[0]), "=r"(r[1]) : "r"(at) : "memory");
}

// multiply is c += a b, a [16, 16] and b [16, 8] in bf16, c [16, 8] in f32. With
// g = lane / 4 and j = lane % 4 a lane holds of
// a: (g, 2j), (g+8, 2j), (g, 2j+8), (g+8, 2j+8), each with its right neighbour;
// b: (2j, g), (2j+8, g), each with its lower neighbour;
// c: (g, 2j), (g, 2j+1), (g+8, 2j), (g+8, 2j+1).
DEVICE void multiply(float c[4], const u32 a[4], u32 b0, u32 b1) {
	asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
		: "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
		: "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// live is a number that the host knows, and one more that lies on the device, if
// any: a recorded step is launched with the same arguments again and again.
DEVICE u32 live(u64 n, u64 base) { return (u32)n + (base ? *(const volatile u32 *)base : 0); }

// stopped says that the host wants no more steps.
DEVICE bool stopped(u64 flag) { return flag && *(const volatile u32 *)flag; }
