"""Activations of arrays, their derivatives, and inner products, for one instruction set and one type of real."""

from libc.string cimport memcpy, memmove, memset

from cnn_core.activation_codes cimport IDENTITY, RELU, SIGMOID, TANH, fused
from cnn_core.kernels.activations cimport softmax_row, v_activate, v_chain
from cnn_core.kernels.partition cimport vectors_of
from cnn_core.kernels.tiles cimport Operands, dot_tile
from cnn_core.kernels.vec cimport (
    GROUP, LANES, flush_subnormals, fp_state, real, restore_fp, v_load, v_set1, v_store)
# from epilogue.pyx: activate_from_z


cdef enum:
    BLOCK = 256             # numbers whose derivatives are computed at once


cdef inline void activate_all(const int activation, Py_ssize_t count, const real *z, real *out) noexcept nogil:
    """out[count] = f(z) for a fused activation; the last numbers are padded to a vector."""
    cdef Py_ssize_t i = 0
    cdef real rest[16]
    while i + LANES <= count:
        v_store(out + i, v_activate(activation, v_load(z + i)))
        i += LANES
    if i < count:
        v_store(rest, v_set1(0))
        memcpy(rest, z + i, (count - i)*sizeof(real))
        v_store(rest, v_activate(activation, v_load(rest)))
        memcpy(out + i, rest, (count - i)*sizeof(real))


cdef void activate_all_from_z(int activation, Py_ssize_t count, const real *z, real *out) noexcept nogil:
    """out[count] = f(z) for the other activations."""
    cdef Py_ssize_t whole = count // LANES * LANES
    cdef real rest[16]
    memmove(out, z, count*sizeof(real))
    activate_from_z(activation, whole, out, NULL)
    v_store(rest, v_set1(0))
    memcpy(rest, out + whole, (count - whole)*sizeof(real))
    activate_from_z(activation, LANES, rest, NULL)
    memcpy(out + whole, rest, (count - whole)*sizeof(real))


cdef void activate(int activation, Py_ssize_t count, const void *z, void *out) noexcept nogil:
    """out[count] = f(z): `ArrayKernels.activate`."""
    cdef fp_state saved = flush_subnormals()
    if activation == IDENTITY:
        memmove(out, z, count*sizeof(real))
    elif activation == RELU:
        activate_all(RELU, count, <const real *>z, <real *>out)
    elif activation == SIGMOID:
        activate_all(SIGMOID, count, <const real *>z, <real *>out)
    elif activation == TANH:
        activate_all(TANH, count, <const real *>z, <real *>out)
    elif fused(activation):     # correct for all of these; the literals above make faster loops
        activate_all(activation, count, <const real *>z, <real *>out)
    else:
        activate_all_from_z(activation, count, <const real *>z, <real *>out)
    restore_fp(saved)


cdef inline void derive_all(const int activation, Py_ssize_t count, const real *a, const real *d,
                            real *out) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef real rest[16]
    cdef real slope[16]
    while i + LANES <= count:
        v_store(out + i, v_chain(activation, v_load(a + i), v_load(d + i)))
        i += LANES
    if i < count:
        v_store(rest, v_set1(0))
        v_store(slope, v_set1(0))
        memcpy(rest, a + i, (count - i)*sizeof(real))
        memcpy(slope, d + i, (count - i)*sizeof(real))
        v_store(rest, v_chain(activation, v_load(rest), v_load(slope)))
        memcpy(out + i, rest, (count - i)*sizeof(real))


cdef void derive(int activation, Py_ssize_t count, const void *a, const void *d, void *out) noexcept nogil:
    cdef fp_state saved = flush_subnormals()
    if activation == IDENTITY:
        memmove(out, d, count*sizeof(real))
    elif activation == RELU:
        derive_all(RELU, count, <const real *>a, <const real *>d, <real *>out)
    elif activation == SIGMOID:
        derive_all(SIGMOID, count, <const real *>a, <const real *>d, <real *>out)
    elif activation == TANH:
        derive_all(TANH, count, <const real *>a, <const real *>d, <real *>out)
    else:
        derive_all(activation, count, <const real *>a, <const real *>d, <real *>out)
    restore_fp(saved)


cdef void derive_from_inputs(int activation, Py_ssize_t count, const void *z_, const void *d_,
                             void *out_) noexcept nogil:
    cdef const real *z = <const real *>z_
    cdef const real *d = <const real *>d_
    cdef real *out = <real *>out_
    cdef real a[BLOCK]
    cdef real slope[BLOCK]
    cdef Py_ssize_t i = 0, j, n
    cdef fp_state saved = flush_subnormals()
    memset(a, 0, BLOCK*sizeof(real))
    while i < count:
        n = min(BLOCK, count - i)
        if fused(activation):
            activate(activation, n, z + i, a)
            derive(activation, n, a, d + i, out + i)
        else:
            memcpy(a, z + i, n*sizeof(real))
            activate_from_z(activation, vectors_of(n)*LANES, a, slope)
            for j in range(n):
                out[i + j] = d[i + j] * slope[j]
        i += BLOCK
    restore_fp(saved)


cdef void softmax(Py_ssize_t m, Py_ssize_t n, const void *z, void *out) noexcept nogil:
    cdef fp_state saved = flush_subnormals()
    cdef Py_ssize_t i
    for i in range(m):
        softmax_row(n, <const real *>z + i*n, <real *>out + i*n)
    restore_fp(saved)


cdef double dot(Py_ssize_t count, const void *a, const void *b) noexcept nogil:
    """Whole lines of 64 bytes; then what is left, with zeros behind it."""
    cdef fp_state saved = flush_subnormals()
    cdef Py_ssize_t line = LANES*GROUP, full = count - count % line, i
    cdef Operands o
    cdef real total
    cdef real sums[16]
    cdef real left[16]
    cdef real right[16]
    o.a, o.a_row, o.b, o.ldb = <const real *>a, 0, <const real *>b, 0
    o.c, o.ldc, o.d, o.ldd = sums, 1, NULL, 0
    dot_tile(1, 1, full, &o)
    total = sums[0]
    if full < count:
        for i in range(line):
            left[i] = (<const real *>a)[full + i] if full + i < count else 0
            right[i] = (<const real *>b)[full + i] if full + i < count else 0
        o.a, o.b = left, right
        dot_tile(1, 1, line, &o)
        total = total + sums[0]
    restore_fp(saved)
    return total
