"""Activations and inner products of arrays, and loops that find what the machine can do: for one instruction set and
one type of real."""

from cpython.pycapsule cimport PyCapsule_New
from libc.string cimport memcpy, memmove, memset

from cnn_core.activations cimport softmax_row, v_activate, v_chain
from cnn_core.operations cimport Operations
from cnn_core.tiles cimport Operands, dot_tile
from cnn_core.types cimport IDENTITY, RELU, SIGMOID, TANH, fused
from cnn_core.vec cimport (
    ACCUMULATORS, GROUP, LANES, flush_subnormals, fp_state, real, restore_fp, v_keep, v_load, v_set1, v_store, vec)


cdef enum:
    BLOCK = 256             # numbers whose slopes are kept for a moment


cdef inline void activate_all(const int activation, Py_ssize_t count, const real *z, real *out) noexcept nogil:
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


cdef void activate_unfused(int activation, Py_ssize_t count, const real *z, real *out) noexcept nogil:
    cdef Py_ssize_t whole = count // LANES * LANES
    cdef real rest[16]
    memmove(out, z, count*sizeof(real))
    unfused(activation, whole, out, NULL)
    v_store(rest, v_set1(0))
    memcpy(rest, out + whole, (count - whole)*sizeof(real))
    unfused(activation, LANES, rest, NULL)
    memcpy(out + whole, rest, (count - whole)*sizeof(real))


cdef void activate(int activation, Py_ssize_t count, const void *z, void *out) noexcept nogil:
    cdef fp_state saved = flush_subnormals()
    if activation == RELU:
        activate_all(RELU, count, <const real *>z, <real *>out)
    elif activation == SIGMOID:
        activate_all(SIGMOID, count, <const real *>z, <real *>out)
    elif activation == TANH:
        activate_all(TANH, count, <const real *>z, <real *>out)
    elif fused(activation):
        activate_all(IDENTITY, count, <const real *>z, <real *>out)
    else:
        activate_unfused(activation, count, <const real *>z, <real *>out)
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
    if activation == RELU:
        derive_all(RELU, count, <const real *>a, <const real *>d, <real *>out)
    elif activation == SIGMOID:
        derive_all(SIGMOID, count, <const real *>a, <const real *>d, <real *>out)
    elif activation == TANH:
        derive_all(TANH, count, <const real *>a, <const real *>d, <real *>out)
    else:
        derive_all(IDENTITY, count, <const real *>a, <const real *>d, <real *>out)
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
            unfused(activation, vectors_of(n)*LANES, a, slope)
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


cdef double multiply_add(Py_ssize_t rounds, double *operations) noexcept nogil:
    """As many independent chains as a tile has accumulators. They converge: no denormal slows them."""
    cdef vec chain[3][8]
    cdef vec half = v_keep(v_set1(<real>0.5)), one = v_keep(v_set1(1)), total = one
    cdef Py_ssize_t _, done = 0
    cdef int i, j
    cdef real lanes[16]
    while done < rounds:        # short loops of literal length stay in registers where they lie within another
        for i in range(3):
            for j in range(ACCUMULATORS // 3):
                chain[i][j] = v_set1(8*i + j)
        for _ in range(1024):
            for i in range(3):
                for j in range(ACCUMULATORS // 3):
                    chain[i][j] = chain[i][j] * half + one
        for i in range(3):
            for j in range(ACCUMULATORS // 3):
                total = total + chain[i][j]
        done += 1024
    v_store(lanes, total)
    operations[0] = 2.0 * done * ACCUMULATORS * LANES
    return lanes[0]


cdef double read(Py_ssize_t count, const void *data, Py_ssize_t rounds) noexcept nogil:
    cdef vec sums[8]
    cdef const real *p
    cdef Py_ssize_t _, _at
    cdef int i
    cdef real lanes[16]
    for i in range(8):
        sums[i] = v_set1(0)
    for _ in range(rounds):
        p = <const real *>data
        for _at in range(count // (8*LANES)):
            for i in range(8):
                sums[i] = sums[i] + v_load(p + i*LANES)
            p += 8*LANES
    for i in range(1, 8):
        sums[0] = sums[0] + sums[i]
    v_store(lanes, sums[0])
    return lanes[0]


cdef Operations operation_exports
operation_exports.work = work
operation_exports.gemm = gemm
operation_exports.activate = activate
operation_exports.derive = derive
operation_exports.derive_from_inputs = derive_from_inputs
operation_exports.softmax = softmax
operation_exports.dot = dot
operation_exports.multiply_add = multiply_add
operation_exports.read = read
operations = PyCapsule_New(&operation_exports, "cnn_core.Operations", NULL)
