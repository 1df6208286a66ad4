"""Loss and gradient of a block of rows: kernels for one instruction set and one type of real.

(a) LANES rows at a time, one row a lane: the block of logits is transposed in registers, so that maximum, sum and
    logarithm are vertical operations, ten classes cost ten exponentials for sixteen rows, and the sum over the
    classes has one order whatever the instruction set.
(b) Rows past m in the last block are zeros, and their results are not used.
"""

from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport int64_t

from cnn_core.activations cimport transpose_block, v_exp, v_log
from cnn_core.losses cimport v_binary_cross_entropy
from cnn_core.types cimport BINARY_CROSS_ENTROPY, MSE, Layer, Target, loss_fn
from cnn_core.vec cimport LANES, real, v_div, v_first, v_load, v_max, v_set1, v_store, vec


cdef inline Py_ssize_t row_of(const int64_t *rows, Py_ssize_t i) noexcept nogil:
    return i if rows == NULL else rows[i]


cdef inline vec target_lane(const Target *target, const int64_t *rows, Py_ssize_t first, Py_ssize_t m, Py_ssize_t n,
                            Py_ssize_t j) noexcept nogil:
    """Output j of the targets of rows first, ..., one a lane; rows past m repeat the last."""
    cdef real y[16]
    cdef Py_ssize_t r
    cdef const real *values = <const real *>target.values
    for r in range(LANES):
        y[r] = values[row_of(rows, first + (r if r < m else m - 1))*n + j]
    return v_load(y)


cdef inline vec largest_lane(Py_ssize_t n, const real *t) noexcept nogil:
    cdef vec largest = v_load(t)
    cdef Py_ssize_t j
    for j in range(1, n):
        largest = v_max(largest, v_load(t + j*LANES))
    return largest


cdef inline vec exponentiate(Py_ssize_t n, vec largest, real *t) noexcept nogil:
    """t[n, LANES] = exp(t - largest); returns the sum over n."""
    cdef vec total = v_set1(0), e
    cdef Py_ssize_t j
    for j in range(n):
        e = v_exp(v_load(t + j*LANES) - largest)
        v_store(t + j*LANES, e)
        total = total + e
    return total


cdef vec label_lanes(Py_ssize_t n, Py_ssize_t m, const Target *target, const int64_t *rows, Py_ssize_t first,
                     real weight, real *t) noexcept nogil:
    """Softmax cross-entropy with class indices of LANES rows of logits t[n, LANES]; gradient times weight left in t."""
    cdef real picked[16]
    cdef Py_ssize_t j, r, label
    cdef vec largest = largest_lane(n, t), total, scale
    for r in range(LANES):
        label = target.labels[row_of(rows, first + (r if r < m else m - 1))]
        picked[r] = t[label*LANES + r]
    total = exponentiate(n, largest, t)
    scale = v_div(v_set1(weight), total)
    for j in range(n):
        v_store(t + j*LANES, v_load(t + j*LANES) * scale)
    for r in range(m):
        label = target.labels[row_of(rows, first + r)]
        t[label*LANES + r] -= weight
    return v_log(total) + (largest - v_load(picked))


cdef vec distribution_lanes(Py_ssize_t n, Py_ssize_t m, const Target *target, const int64_t *rows, Py_ssize_t first,
                            real weight, real *t) noexcept nogil:
    """The same with a row of probabilities as target."""
    cdef vec largest = largest_lane(n, t), mass = v_set1(0), loss = v_set1(0), total, scale, y
    cdef Py_ssize_t j
    for j in range(n):
        y = target_lane(target, rows, first, m, n, j)
        mass = mass + y
        loss = loss + y * (largest - v_load(t + j*LANES))
    total = exponentiate(n, largest, t)
    scale = v_div(mass * weight, total)
    for j in range(n):
        y = target_lane(target, rows, first, m, n, j)
        v_store(t + j*LANES, v_load(t + j*LANES) * scale - y * weight)
    return loss + mass * v_log(total)


cdef vec binary_lanes(Py_ssize_t n, Py_ssize_t m, const Target *target, const int64_t *rows, Py_ssize_t first,
                      real weight, real *t) noexcept nogil:
    """Binary cross-entropy, summed over the outputs, of LANES rows of logits t[n, LANES]."""
    cdef vec total = v_set1(0), dz
    cdef Py_ssize_t j
    for j in range(n):
        total = total + v_binary_cross_entropy(v_load(t + j*LANES), target_lane(target, rows, first, m, n, j), &dz)
        v_store(t + j*LANES, dz * weight)
    return total


cdef void squares(Py_ssize_t n, Py_ssize_t m, const Target *target, const int64_t *rows, Py_ssize_t first, real weight,
                  real *t, double *row_loss) noexcept nogil:
    """Squared error, summed over the outputs, of m rows of outputs t[n, LANES]; gradient times weight left in t."""
    cdef real difference[16]
    cdef vec d
    cdef Py_ssize_t j, r
    for r in range(m):
        row_loss[r] = 0
    for j in range(n):
        d = v_load(t + j*LANES) - target_lane(target, rows, first, m, n, j)
        v_store(difference, d)
        v_store(t + j*LANES, d * <real>2.0 * weight)
        for r in range(m):
            row_loss[r] += <double>difference[r] * difference[r]


cdef inline void to_lanes(Py_ssize_t n, Py_ssize_t m, const real *z, Py_ssize_t ld, real *t) noexcept nogil:
    """t[n, LANES] = z[m, n]^T, for m up to LANES."""
    cdef Py_ssize_t r, j = 0
    if n == 1:
        v_store(t, v_set1(0))
        for r in range(m):
            t[r] = z[r*ld]
        return
    while j < n:
        transpose_block(z + j, ld, m, t + j*LANES, LANES, LANES)
        j += LANES


cdef inline void from_lanes(Py_ssize_t n, Py_ssize_t m, real *t, real *z, Py_ssize_t ld) noexcept nogil:
    """z[m, n] = t[n, LANES]^T, and zeros up to the next vector."""
    cdef Py_ssize_t r, j = n
    if n == 1:
        for r in range(m):
            v_store(z + r*ld, v_first(1, v_set1(t[r])))
        return
    while j % LANES != 0:
        v_store(t + j*LANES, v_set1(0))
        j += 1
    j = 0
    while j < n:
        transpose_block(t + j*LANES, LANES, LANES, z + j, ld, m)
        j += LANES


cdef void batch_loss(int loss, const Layer *last, Py_ssize_t m, const void *z_, const Target *target,
                     const int64_t *rows, Py_ssize_t first, double weight, void *dz_, void *scratch,
                     double *row_loss) noexcept nogil:
    """row_loss[m] and, unless dz is NULL, dz[m, n] = weight dL/dz, its padding zero; z and dz have rows last.ld apart,
    scratch holds last.ld * LANES reals. Row i of z belongs to row rows[first + i] of the targets."""
    cdef const real *z = <const real *>z_
    cdef real *dz = <real *>dz_
    cdef real *t = <real *>scratch
    cdef real losses[16]
    cdef Py_ssize_t i = 0, r, left
    cdef vec block
    while i < m:
        left = min(LANES, m - i)
        to_lanes(last.n, left, z + i*last.ld, last.ld, t)
        if loss == MSE:
            squares(last.n, left, target, rows, first + i, <real>weight, t, row_loss + i)
        else:
            if loss == BINARY_CROSS_ENTROPY:
                block = binary_lanes(last.n, left, target, rows, first + i, <real>weight, t)
            elif target.labels != NULL:
                block = label_lanes(last.n, left, target, rows, first + i, <real>weight, t)
            else:
                block = distribution_lanes(last.n, left, target, rows, first + i, <real>weight, t)
            v_store(losses, block)
            for r in range(left):
                row_loss[i + r] = losses[r]
        if dz != NULL:
            from_lanes(last.n, left, t, dz + i*last.ld, last.ld)
        i += LANES


cdef loss_fn loss_export = batch_loss
losses = PyCapsule_New(<void *>loss_export, "cnn_core.loss_fn", NULL)
