/* Operations of low precision on vectors: rounding to bfloat16, and sums of products of two bfloat16 or four int8.

   A word is a lane of 32 bits: two bfloat16, the first in the low half, or four bytes. */
#ifndef CNN_LOW_PRECISION_H
#define CNN_LOW_PRECISION_H
#include "vec.h"

#if !defined(VECTORS)
#define ROWS 1
typedef uint32_t uvec;
typedef uint16_t halves;
typedef uint8_t quarters;
#define CONVERT(x, type) ((type)(x))
#else
#define ROWS (LANES == 16 ? 8 : LANES == 8 || ACCUMULATORS == 24 ? 4 : 2)
typedef uint32_t uvec __attribute__((vector_size(VBYTES)));
typedef uint16_t halves __attribute__((vector_size(VBYTES / 2)));
typedef uint8_t quarters __attribute__((vector_size(VBYTES / 4)));
#define CONVERT(x, type) __builtin_convertvector(x, type)
#endif
#define PARTS (16 / LANES)
#define PANELS (LANES == 16 ? 3 : 1)
#define PANELS_OF_ONE (LANES == 16 ? 8 : LANES == 8 ? 4 : LANES == 4 ? 2 : 1)
static const real NO_ROW[16 * PANELS_OF_ONE]; /* D of a product without one */

INL ivec w_load(const void *p) { ivec w; memcpy(&w, p, sizeof w); return w; }
INL void w_store(void *p, ivec w) { memcpy(p, &w, sizeof w); }
INL vec w_real(ivec w) { return v_real(w); }
INL ivec w_set1(const void *p) {
  int32_t word;
  memcpy(&word, p, sizeof word);
  return word - (ivec){0};
}
INL ivec w_zero(void) { return (ivec){0}; }
INL vec w_to_real(ivec w) { return CONVERT(w, vec); }
/* The first and the second bfloat16 of each word. */
INL vec w_first(ivec w) { return v_real((ivec)((uvec)w << 16)); }
INL vec w_second(ivec w) { return v_real((ivec)((uvec)w & (0xffff0000u - (uvec){0}))); }

/* The first n numbers at p, n >= 0, zeros in the other lanes; nothing behind them is read. */
INL vec v_load_first(const real *p, Py_ssize_t n) {
  if (n >= LANES) return v_load(p);
#if defined(__AVX512F__)
  return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif defined(__AVX__)
  return (vec)_mm256_maskload_ps(p, _mm256_loadu_si256((const __m256i *)(FIRST + LANES - n)));
#else
  real lanes[LANES] = {0};
  for (Py_ssize_t i = 0; i < n; i++) lanes[i] = p[i];
  return v_load(lanes);
#endif
}

/* bfloat16 in the high half of each lane: to nearest, ties to even. NaN stays NaN, a subnormal number becomes 0. */
INL uvec rounded(vec x) {
  uvec bits = (uvec)v_bits(x), size = bits & 0x7fffffffu, up = bits + 0x7fffu + ((bits >> 16) & 1u);
#ifdef VECTORS
  uvec nan = (uvec)(size > 0x7f800000u), small = (uvec)(size < 0x00800000u);
#else
  uvec nan = 0u - (size > 0x7f800000u), small = 0u - (size < 0x00800000u);
#endif
  up = (up & ~nan) | ((bits | 0x00400000u) & nan);
  return (up & ~small) | (bits & 0x80000000u & small);
}
/* Words of a bfloat16 of `first` and one of `second`. */
INL ivec w_pairs(vec first, vec second) {
#ifdef __AVX512BF16__
  static const int16_t ORDER[32] = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23,
                                    8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  __m512bh both = _mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
  return (ivec)_mm512_permutexvar_epi16(_mm512_loadu_si512(ORDER), (__m512i)both);
#else
  return (ivec)((rounded(first) >> 16) | (rounded(second) & 0xffff0000u));
#endif
}
/* Numbers of `low`, then those of `high`, as bfloat16 in this order. */
INL ivec w_row(vec low, vec high) {
#ifdef __AVX512BF16__
  return (ivec)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
#elif defined(__AVX512F__)
  const uvec odd = {0x00030001, 0x00070005, 0x000b0009, 0x000f000d, 0x00130011, 0x00170015, 0x001b0019, 0x001f001d,
                    0x00230021, 0x00270025, 0x002b0029, 0x002f002d, 0x00330031, 0x00370035, 0x003b0039, 0x003f003d};
  return (ivec)_mm512_permutex2var_epi16((__m512i)rounded(low), (__m512i)odd, (__m512i)rounded(high));
#elif defined(__AVX__)
  __m256i both = _mm256_packus_epi32((__m256i)(rounded(low) >> 16), (__m256i)(rounded(high) >> 16));
  return (ivec)_mm256_permute4x64_epi64(both, 0xd8);
#elif defined(VECTORS) && defined(__SSE4_1__)
  return (ivec)_mm_packus_epi32((__m128i)(rounded(low) >> 16), (__m128i)(rounded(high) >> 16));
#else
  halves both[2] = {CONVERT(rounded(low) >> 16, halves), CONVERT(rounded(high) >> 16, halves)};
  return w_load(both);
#endif
}
/* clamp(round(x * factor + shift), 0, 255) as bytes; 0 for NaN. */
INL void store_quantized(void *p, vec x, vec factor, vec shift) {
  vec y = v_rounded(x * factor) + shift, zero = v_set1(0), most = v_set1(255);
#if defined(__AVX512F__)
  (void)most;
  __m512i whole = _mm512_cvtps_epu32(_mm512_max_ps((__m512)y, (__m512)zero)); /* of NaN and 0, max is the second */
  _mm_storeu_si128((__m128i *)p, _mm512_cvtusepi32_epi8(whole));
#else
  y = v_select(v_lt(zero, y), y, zero);
  y = v_select(v_lt(most, y), most, y) + v_set1(0x1p23f);
  uvec whole = (uvec)v_bits(y) & 0xffu;
#if defined(__AVX__)
  __m128i words = _mm_packus_epi32(_mm256_castsi256_si128((__m256i)whole), _mm256_extracti128_si256((__m256i)whole, 1));
  _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(words, words));
#else
  quarters q = CONVERT(whole, quarters);
  memcpy(p, &q, sizeof q);
#endif
#endif
}

/* sum + products of the pairs of a and b, the second pair first. */
INL vec dot_bfloat16(vec sum, ivec a, ivec b) {
#ifdef __AVX512BF16__
  return (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#else
  sum = sum + w_second(a) * w_second(b);
  return sum + w_first(a) * w_first(b);
#endif
}

#if defined(VECTORS) && defined(__SSE2__)
typedef int16_t words16 __attribute__((vector_size(VBYTES)));
typedef uint16_t uwords16 __attribute__((vector_size(VBYTES)));
/* Sums of the products of two neighbouring int16. */
INL ivec madd(words16 a, words16 b) {
#if defined(__AVX512F__)
  return (ivec)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX__)
  return (ivec)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#else
  return (ivec)_mm_madd_epi16((__m128i)a, (__m128i)b);
#endif
}
#endif
/* sum + products of the four uint8 of a and int8 of b, exactly. */
INL ivec dot_int8(ivec sum, ivec a, ivec b) {
#if defined(__AVX512VNNI__)
  return (ivec)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#elif defined(VECTORS) && defined(__SSE2__)
  sum += madd((words16)((uwords16)a & 0xff), (words16)((uwords16)b << 8) >> 8);
  return sum + madd((words16)((uwords16)a >> 8), (words16)b >> 8);
#else
  for (int i = 0; i < 32; i += 8) sum += (ivec)(((uvec)a >> i) & 0xffu) * ((ivec)((uvec)b << (24 - i)) >> 24);
  return sum;
#endif
}

/* Tiles of AMX: up to 16 rows of 64 bytes. Numbers 0 to 3 hold sums, 4 rows of A, 6 and 7 panels of B; 5 holds more rows
   of A, and without them another panel. */
#ifdef __AMX_TILE__
#define TILES 1
/* `first` rows of A, then `second`, which may be none. */
INL void t_configure(int first, int second) {
  struct { uint8_t palette, start, reserved[14]; uint16_t bytes[16]; uint8_t rows[16]; } config = {1};
  for (int i = 0; i < 8; i++) {
    config.bytes[i] = 64;
    config.rows[i] = (uint8_t)(i >= 6 ? 16 : i == 5 ? (second ? second : 16) : i == 2 || i == 3 ? (second ? second : first) : first);
  }
  __asm__ volatile("" : : "r"(&config) : "memory"); /* _tile_loadconfig declares the first bytes only */
  _tile_loadconfig(&config);
}
INL void t_release(void) { _tile_release(); }
#define T_CASES(operation) \
  case 0: operation(0); break; case 1: operation(1); break; case 2: operation(2); break; case 3: operation(3); break; \
  case 4: operation(4); break; case 5: operation(5); break; case 6: operation(6); break; case 7: operation(7); break;
INL void t_zero(const int tile) {
#define ZERO(t) _tile_zero(t)
  switch (tile) { T_CASES(ZERO) }
}
INL void t_load(const int tile, const void *p, Py_ssize_t stride) {
#define LOAD(t) _tile_loadd(t, p, (size_t)stride)
  switch (tile) { T_CASES(LOAD) }
}
INL void t_store(const int tile, void *p, Py_ssize_t stride) {
#define STORE(t) _tile_stored(t, p, (size_t)stride)
  switch (tile) { T_CASES(STORE) }
}
/* Sums of tile `sum` += A B, with the panels of tiles 6, 7, 5 and 6; for the second rows with those of 6 and 7. */
INL void t_dot(const int int8, const int sum, const int second) {
#define DOT(s, a, b) if (int8) _tile_dpbusd(s, a, b); else _tile_dpbf16ps(s, a, b); break
  switch (sum + 4 * second) {
    case 0: DOT(0, 4, 6);
    case 1: DOT(1, 4, 7);
    case 2: DOT(2, 4, 5);
    case 3: DOT(3, 4, 6);
    case 6: DOT(2, 5, 6);
    case 7: DOT(3, 5, 7);
  }
}
#else
#define TILES 0
INL void t_configure(int first, int second) { (void)first; (void)second; }
INL void t_release(void) {}
INL void t_zero(const int tile) { (void)tile; }
INL void t_load(const int tile, const void *p, Py_ssize_t stride) { (void)tile; (void)p; (void)stride; }
INL void t_store(const int tile, void *p, Py_ssize_t stride) { (void)tile; (void)p; (void)stride; }
INL void t_dot(const int int8, const int sum, const int second) { (void)int8; (void)sum; (void)second; }
#endif
#endif
