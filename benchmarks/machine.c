/* The machine's bounds: fused multiply-adds a second and bytes read a second, nothing else in the way.
   Plain C with GCC's vector extensions; machine.py compiles it for the CPU it runs on. */

#include <stddef.h>

#if defined(__AVX512F__)
enum { BYTES = 64, CHAINS = 24 };
#elif defined(__AVX__)
enum { BYTES = 32, CHAINS = 12 };
#elif defined(__aarch64__)
enum { BYTES = 16, CHAINS = 24 };
#else
enum { BYTES = 16, CHAINS = 12 };
#endif

enum { STREAMS = 8 };

/* Independent chains, enough to cover latency times throughput, few enough to stay in registers: every loop over them is unrolled,
   since an array that is indexed lies in memory. The values converge, so that no denormal slows them, and are returned, so that
   nothing can be dropped. */
#define EACH _Pragma("GCC unroll 64") for (int i = 0; i < CHAINS; i++)
#define FMA(name, real)                                                    \
    typedef real name##_vector __attribute__((vector_size(BYTES)));        \
    double name(long rounds) {                                             \
        name##_vector chain[CHAINS], sum = {0};                            \
        const name##_vector addend = sum + (real)1, factor = addend / 2;   \
        EACH chain[i] = addend * (real)i;                                  \
        for (long round = 0; round < rounds; round++)                      \
            EACH chain[i] = chain[i] * factor + addend;                    \
        EACH sum += chain[i];                                              \
        return (double)sum[0];                                             \
    }                                                                      \
    double name##_operations(void) { return 2.0 * CHAINS * BYTES / sizeof(real); }

FMA(fma_float32, float)
FMA(fma_float64, double)

typedef long long word __attribute__((vector_size(BYTES), may_alias));

/* Read `bytes` (a multiple of STREAMS * BYTES, aligned to BYTES) `rounds` times. */
long long read_memory(const void *memory, size_t bytes, long rounds) {
    const word *words = memory;
    size_t count = bytes / BYTES;
    word sum[STREAMS] = {{0}};
    for (long round = 0; round < rounds; round++) {
        for (size_t i = 0; i < count; i += STREAMS)
            _Pragma("GCC unroll 8") for (int s = 0; s < STREAMS; s++) sum[s] |= words[i + s];
        __asm__ volatile("" ::: "memory");
    }
    for (int s = 1; s < STREAMS; s++) sum[0] |= sum[s];
    return sum[0][0];
}
