"""Loops that measure the bounds of the machine, for one instruction set and one type of real."""

from cnn_core.kernels.vec cimport ACCUMULATORS, LANES, real, v_keep, v_load, v_set1, v_store, vec


cdef double multiply_add(Py_ssize_t rounds, double *operations) noexcept nogil:
    """Multiply-adds in as many independent chains as a tile has accumulators; they converge to 2, never to
    subnormals."""
    cdef vec chain[3][8]
    cdef vec half = v_keep(v_set1(<real>0.5)), one = v_keep(v_set1(1)), total = one
    cdef Py_ssize_t _, done = 0
    cdef int i, j
    cdef real lanes[16]
    while done < rounds:        # loops of literal length inside another loop stay in registers
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


cdef double read_memory(Py_ssize_t count, const void *data, Py_ssize_t rounds) noexcept nogil:
    """Sum of count reals, `rounds` times: `ArrayKernels.read_memory`."""
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
