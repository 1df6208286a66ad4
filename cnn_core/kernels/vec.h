/* A vector of reals for the instruction set this file is compiled for: with `low_precision.h` the only C of the project.

   The widest register decides: 64 bytes with AVX-512, 32 with AVX, 16 with SSE or NEON, and one lane (plain scalars)
   for a compiler without vector extensions. CNN_DOUBLE selects double. To Cython `vec` is an arithmetic type, so that
   acc + a*b compiles to a fused multiply-add wherever the instruction set has one. In a*b + c*d the compiler could fuse
   either product: `v_rounded` marks the one that is not fused, so that all copies of a formula give the same bits. */
#ifndef CNN_VEC_H
#define CNN_VEC_H
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef CNN_DOUBLE
typedef double real;
typedef int64_t ireal;
typedef uint64_t ureal;
#define MANTISSA 52
#define LOW_PRECISION 0
#else
typedef float real;
typedef int32_t ireal;
typedef uint32_t ureal;
#define MANTISSA 23
#define LOW_PRECISION 1
#endif

/* clang-cl has the vector extensions without __GNUC__; CNN_SCALARS tests the scalars where there are vectors. */
#if (defined(__GNUC__) || defined(__clang__)) && !defined(CNN_SCALARS)
#define VECTORS 1
#endif
#if defined(_MSC_VER) && !defined(__clang__)
#define INL static __forceinline
#else
#define INL static inline __attribute__((always_inline, unused))
#endif

#ifndef VECTORS
#define VBYTES ((int)sizeof(real))
#elif defined(__AVX512F__)
#define VBYTES 64
#elif defined(__AVX__)
#define VBYTES 32
#else
#define VBYTES 16
#endif
#define LANES ((int)(VBYTES / sizeof(real)))
#define GROUP (VBYTES < 16 ? 1 : 64 / VBYTES)

/* Registers left for the accumulators of a tile: all but the operands. */
#if defined(__AVX512F__) || defined(__aarch64__)
#define ACCUMULATORS 24
#else
#define ACCUMULATORS 12
#endif
/* Whether a multiply-add can take its number from one lane of a register. */
#if defined(__aarch64__) && defined(VECTORS)
#define BY_LANE 1
#else
#define BY_LANE 0
#endif
#define DOTS (ACCUMULATORS / GROUP > 16 ? 16 : ACCUMULATORS / GROUP < 1 ? 1 : ACCUMULATORS / GROUP)

/* A product that is rounded before it is added, as `v_rounded`. */
INL double d_rounded(double x) {
#if defined(__SSE2__) && defined(__GNUC__)
  __asm__("" : "+x"(x));
#elif defined(__aarch64__) && defined(__GNUC__)
  __asm__("" : "+w"(x));
#endif
  return x;
}

#ifdef VECTORS
typedef real vec __attribute__((vector_size(VBYTES)));
typedef real vec_anywhere __attribute__((vector_size(VBYTES), aligned(sizeof(real)), may_alias));
typedef ireal ivec __attribute__((vector_size(VBYTES)));
typedef ureal wrapping __attribute__((vector_size(VBYTES)));
#define PREFETCH(p) __builtin_prefetch(p)
/* For a line that is written next. Every x86-64 processor has the instruction, or runs it as a NOP; without -mprfchw, GCC
   would compile the builtin to a prefetch for reading. */
#if defined(__x86_64__)
#define PREFETCH_WRITE(p) __asm__ volatile("prefetchw %0" : : "m"(*(const char *)(p)))
#else
#define PREFETCH_WRITE(p) __builtin_prefetch(p, 1)
#endif
INL vec v_load(const real *p) { return *(const vec_anywhere *)p; }
INL void v_store(real *p, vec v) { *(vec_anywhere *)p = v; }
INL vec v_set1(real x) { return x - (vec){0}; }
/* The same vector, in a register from here on: GCC would otherwise load it again for each of its uses. */
INL vec v_keep(vec x) {
#if defined(__AVX512F__)
  __asm__("" : "+v"(x));
#elif defined(__SSE2__)
  __asm__("" : "+x"(x));
#elif defined(__aarch64__)
  __asm__("" : "+w"(x));
#endif
  return x;
}
/* The number at p in all lanes. aarch64 multiplies by one lane of a register; compilers would load with `ld1r` instead,
   which occupies a unit for multiply-adds as well. */
INL vec v_broadcast(const real *p) {
  real x = *p;
#if defined(__aarch64__)
  __asm__("" : "+w"(x));
#endif
  return v_set1(x);
}
/* The same address, opaque to the compiler: on aarch64, clang would compute the address of each row from the last. */
INL const real *address_keep(const real *p) {
#if defined(__aarch64__)
  __asm__("" : "+r"(p));
#endif
  return p;
}
/* A product that is rounded before it is added. */
INL vec v_rounded(vec x) { return v_keep(x); }
INL ivec v_lt(vec a, vec b) { return a < b; }
static const ireal FIRST[2 * LANES] = {[0 ... LANES - 1] = -1};
INL ivec v_bits(vec a) { return (ivec)a; }
INL vec v_real(ivec a) { return (vec)a; }
#else
typedef real vec;
typedef ireal ivec;
typedef ureal wrapping;
#define PREFETCH(p) ((void)0)
#define PREFETCH_WRITE(p) ((void)0)
INL vec v_load(const real *p) { return *p; }
INL void v_store(real *p, vec v) { *p = v; }
INL vec v_set1(real x) { return x; }
INL vec v_keep(vec x) { return x; }
INL vec v_broadcast(const real *p) { return *p; }
INL const real *address_keep(const real *p) { return p; }
INL vec v_rounded(vec x) { return x; }
INL ivec v_lt(vec a, vec b) { return -(ireal)(a < b); }
static const ireal FIRST[2] = {-1};
INL ivec v_bits(vec a) { ivec i; memcpy(&i, &a, sizeof i); return i; }
INL vec v_real(ivec i) { vec a; memcpy(&a, &i, sizeof a); return a; }
#endif

/* Start of the sums of a tile without biases: up to eight vectors per row. */
static const real ZEROS[8 * LANES];
#define SIGN ((ivec)(v_bits(v_set1((real)-0.0))))
INL vec v_select(ivec mask, vec a, vec b) { return v_real((v_bits(a) & mask) | (v_bits(b) & ~mask)); }
INL vec v_where(ivec mask, vec a) { return v_real(v_bits(a) & mask); }

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#elif defined(__aarch64__) && defined(VECTORS)
#include <arm_neon.h>
#endif
/* x where it or the bound is a NaN, as the instructions of x86 give for this order of operands: one instruction in place
   of three (classes of 64 outputs: 2 % of the time of 64-64-64-64). */
#if !defined(VECTORS) || !defined(__SSE2__)
INL vec v_max(vec floor, vec x) { return v_select(v_lt(x, floor), floor, x); }
INL vec v_min(vec ceiling, vec x) { return v_select(v_lt(ceiling, x), ceiling, x); }
#else
#if defined(__AVX512F__)
#define OF_WIDTH(name, type) _mm512_##name##_##type
#elif defined(__AVX__)
#define OF_WIDTH(name, type) _mm256_##name##_##type
#else
#define OF_WIDTH(name, type) _mm_##name##_##type
#endif
#ifdef CNN_DOUBLE
#define INSTRUCTION(name) OF_WIDTH(name, pd)
#else
#define INSTRUCTION(name) OF_WIDTH(name, ps)
#endif
INL vec v_max(vec floor, vec x) { return INSTRUCTION(max)(floor, x); }
INL vec v_min(vec ceiling, vec x) { return INSTRUCTION(min)(ceiling, x); }
#endif
/* The first n lanes, 0 in the others. */
INL vec v_first(int n, vec a) {
  ivec mask;
  memcpy(&mask, FIRST + LANES - n, sizeof mask);
  return v_where(mask, a);
}
INL vec v_abs(vec x) { return v_real(v_bits(x) & ~SIGN); }
INL vec v_copysign(vec x, vec sign) { return v_real((v_bits(x) & ~SIGN) | (v_bits(sign) & SIGN)); }
INL int v_is_zero(vec a) {
#if defined(VECTORS) && defined(__AVX512F__)
  return _mm512_test_epi32_mask((__m512i)a, (__m512i)~SIGN) == 0;
#elif defined(VECTORS) && defined(__AVX__)
  return _mm256_testz_si256((__m256i)a, (__m256i)~SIGN);
#elif defined(VECTORS) && defined(__SSE4_1__)
  return _mm_testz_si128((__m128i)a, (__m128i)~SIGN);
#else
  ireal lanes[LANES], any = 0;
  v_store((real *)lanes, v_abs(a));
  for (int i = 0; i < LANES; i++) any |= lanes[i];
  return any == 0;
#endif
}
INL vec v_div(vec a, vec b) { return a / b; }

/* Sums of bits: those of a NaN may be any, and wrap. */
INL ivec i_add(ivec a, ivec b) { return (ivec)((wrapping)a + (wrapping)b); }
INL ivec i_sub(ivec a, ivec b) { return (ivec)((wrapping)a - (wrapping)b); }
/* (1 + p) * 2**n for n held in the low mantissa bits of t = n + ROUNDING; a NaN in p survives */
#define ROUNDING ((real)(1.5 * (1ull << MANTISSA)))
INL vec v_scale(vec p, vec t) {
  vec power = v_real(i_add((ivec)((wrapping)v_bits(t) << MANTISSA), v_bits(v_set1((real)1))));
  return p * power + power;
}
/* x = mantissa * 2**exponent with the mantissa in [sqrt(1/2), sqrt(2)), for x positive and normal */
#define SQRT_HALF (v_bits(v_set1((real)0.70710678118654752440)))
INL vec v_exponent(vec x) {
  ivec e = i_sub(v_bits(x), SQRT_HALF) >> MANTISSA;
  return v_real(i_add(e, v_bits(v_set1(ROUNDING)))) - ROUNDING;
}
INL vec v_mantissa(vec x) {
  return v_real(i_sub(v_bits(x), (ivec)((wrapping)(i_sub(v_bits(x), SQRT_HALF) >> MANTISSA) << MANTISSA)));
}

INL vec v_sqrt(vec a) {
#ifdef INSTRUCTION
  return INSTRUCTION(sqrt)(a);
#elif !defined(VECTORS)
  return (real)sqrt((double)a);
#elif defined(__aarch64__) && defined(CNN_DOUBLE)
  return (vec)vsqrtq_f64((float64x2_t)a);
#elif defined(__aarch64__)
  return (vec)vsqrtq_f32((float32x4_t)a);
#else
  vec r = a;
  for (int i = 0; i < LANES; i++) r[i] = sizeof(real) == 4 ? (real)sqrtf((float)a[i]) : (real)sqrt((double)a[i]);
  return r;
#endif
}

/* Interleave the low, or the high, halves of two vectors. */
#ifndef VECTORS
#define LOW(a, b) (a)
#define HIGH(a, b) (b)
#elif VBYTES == 64 && !defined(CNN_DOUBLE)
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif VBYTES == 64 || (VBYTES == 32 && !defined(CNN_DOUBLE))
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#elif VBYTES == 32 || !defined(CNN_DOUBLE)
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#else
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 2)
#define HIGH(a, b) __builtin_shufflevector(a, b, 1, 3)
#endif
INL vec v_low(vec a, vec b) { return LOW(a, b); }
INL vec v_high(vec a, vec b) { return HIGH(a, b); }

/* Subnormal numbers cost a hundred cycles each: treat them as zero while a kernel runs. Exceptions are masked meanwhile,
   and restoring the saved state also restores their flags: a kernel neither traps nor raises one. */
#if defined(__x86_64__) || defined(_M_X64)
typedef unsigned fp_state;
INL fp_state flush_subnormals(void) { fp_state s = _mm_getcsr(); _mm_setcsr(s | 0x9fc0u); return s; }
INL void restore_fp(fp_state s) { _mm_setcsr(s); }
#elif defined(__aarch64__) && (defined(__GNUC__) || defined(__clang__))
typedef struct { uint64_t control, status; } fp_state;
INL fp_state flush_subnormals(void) {
  fp_state s;
  __asm__ volatile("mrs %0, fpcr" : "=r"(s.control));
  __asm__ volatile("mrs %0, fpsr" : "=r"(s.status));
  __asm__ volatile("msr fpcr, %0" : : "r"((s.control | (1ull << 24)) & ~0x9f00ull));
  return s;
}
INL void restore_fp(fp_state s) {
  __asm__ volatile("msr fpcr, %0" : : "r"(s.control));
  __asm__ volatile("msr fpsr, %0" : : "r"(s.status));
}
#else
#include <fenv.h>
typedef fenv_t fp_state;
INL fp_state flush_subnormals(void) { fp_state s; feholdexcept(&s); return s; }
INL void restore_fp(fp_state s) { fesetenv(&s); }
#endif
#endif
