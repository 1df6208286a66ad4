"""Dropout: which units of a row are dropped (Srivastava et al. 2014; inverted: the others are scaled up).

Whether a unit is dropped is decided by a hash of the key, the step, the layer, the row's position in the pass and the
unit. It needs no state, so that forward and backward agree, whichever thread computes the row.
"""

from libc.stdint cimport uint32_t, uint64_t

from cnn_core.kernels.vec cimport real


cdef inline uint64_t scrambled(uint64_t x) noexcept nogil:
    """A permutation of 64 bits (Steele, Lea and Flood 2014)."""
    x = (x ^ (x >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t>0x94D049BB133111EB
    return x ^ (x >> 31)


cdef inline void drop(double rate, uint64_t key, Py_ssize_t place, Py_ssize_t m, Py_ssize_t n, real *x,
                      Py_ssize_t ld) noexcept nogil:
    """x[m, n] becomes x / (1 - rate), or 0 with probability `rate`; the first row is at position `place` of the
    pass."""
    cdef uint32_t threshold = <uint32_t>(rate * 4294967296.0), low, high, h
    cdef real scale = <real>(1 / (1 - rate))
    cdef uint64_t row
    cdef Py_ssize_t i, j
    for i in range(m):
        row = scrambled(key + <uint64_t>(place + i) * <uint64_t>0x9E3779B97F4A7C15)
        low, high = <uint32_t>row, <uint32_t>(row >> 32) | 1
        for j in range(n):
            h = low + <uint32_t>j * high
            h = (h ^ (h >> 16)) * <uint32_t>0x85EBCA6B
            h = (h ^ (h >> 13)) * <uint32_t>0xC2B2AE35
            h = h ^ (h >> 16)
            x[j] = x[j] * scale if h >= threshold else 0
        x += ld
