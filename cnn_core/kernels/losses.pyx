"""Loss and gradient of a block of rows: kernels for one instruction set and one type of real.

(a) LANES rows at a time, one row per lane: the block of logits is transposed in registers. Maximum, sum and logarithm
    are then vertical operations, ten classes cost ten exponentials for sixteen rows, and the sum over the classes has
    the same order with every instruction set.
(b) Rows past m in the last block are zeros, and their results are not used.
"""

from libc.stdint cimport int64_t

from cnn_core.kernels.activations cimport transpose_block, v_exp, v_log
from cnn_core.kernels.losses cimport (
    v_binary_cross_entropy, v_binary_focal, v_distance, v_focal_class, v_logistic, v_normal, v_tweedie)
from cnn_core.kernels.vec cimport LANES, real, v_div, v_first, v_load, v_max, v_rounded, v_set1, v_store, vec
from cnn_core.types cimport (
    BINARY_CROSS_ENTROPY, BINARY_FOCAL, GAUSSIAN_NLL, MSE, ORDINAL, QUANTILE, SOFTMAX_CROSS_ENTROPY, SOFTMAX_FOCAL,
    SQUARED_ERROR, TWEEDIE, Layer, LossSpec, Target)


cdef inline Py_ssize_t row_of(const int64_t *rows, Py_ssize_t i) noexcept nogil:
    """Row at position i of the order."""
    return i if rows == NULL else rows[i]


cdef vec target_lane(const Target *target, const int64_t *rows, Py_ssize_t first, Py_ssize_t m,
                     Py_ssize_t j) noexcept nogil:
    """Target j of rows first, ..., one row per lane: a number, or 1 where the row's label is class j; 0 for rows past
    m."""
    cdef real y[16]
    cdef Py_ssize_t r, row
    v_store(y, v_set1(0))
    for r in range(m):
        row = row_of(rows, first + r)
        if target.labels == NULL:
            y[r] = (<const real *>target.values)[row*target.columns + j]
        else:
            y[r] = target.labels[row] == j
    return v_load(y)


cdef inline vec largest_lane(Py_ssize_t n, const real *t) noexcept nogil:
    """Largest of the n logits of each row."""
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
                     const real *weight, real *t) noexcept nogil:
    """Softmax cross-entropy with class indices for LANES rows of logits t[n, LANES], which are replaced by the gradient
    times the rows' weights."""
    cdef real picked[16]
    cdef Py_ssize_t j, r, label
    cdef vec largest = largest_lane(n, t), total, scale
    v_store(picked, v_set1(0))
    for r in range(m):
        label = target.labels[row_of(rows, first + r)]
        picked[r] = t[label*LANES + r]
    total = exponentiate(n, largest, t)
    scale = v_div(v_load(weight), total)
    for j in range(n):
        v_store(t + j*LANES, v_load(t + j*LANES) * scale)
    for r in range(m):
        label = target.labels[row_of(rows, first + r)]
        t[label*LANES + r] -= weight[r]
    return v_log(total) + (largest - v_load(picked))


cdef vec distribution_lanes(Py_ssize_t n, Py_ssize_t m, const Target *target, const int64_t *rows, Py_ssize_t first,
                            const real *weight, real *t) noexcept nogil:
    """`label_lanes` with a row of probabilities as target."""
    cdef vec largest = largest_lane(n, t), mass = v_set1(0), loss = v_set1(0), total, scale, y
    cdef Py_ssize_t j
    for j in range(n):
        y = target_lane(target, rows, first, m, j)
        mass = mass + y
        loss = loss + y * (largest - v_load(t + j*LANES))
    total = exponentiate(n, largest, t)
    scale = v_div(mass * v_load(weight), total)
    for j in range(n):
        y = target_lane(target, rows, first, m, j)
        v_store(t + j*LANES, v_load(t + j*LANES) * scale - v_rounded(y * v_load(weight)))
    return loss + mass * v_log(total)


cdef vec binary_lanes(Py_ssize_t n, Py_ssize_t m, const Target *target, const int64_t *rows, Py_ssize_t first,
                      const real *weight, real *t) noexcept nogil:
    """Binary cross-entropy, summed over the outputs; t as for `label_lanes`."""
    cdef vec total = v_set1(0), dz
    cdef Py_ssize_t j
    for j in range(n):
        total = total + v_binary_cross_entropy(v_load(t + j*LANES), target_lane(target, rows, first, m, j), &dz)
        v_store(t + j*LANES, dz * v_load(weight))
    return total


cdef void squares(double factor, Py_ssize_t n, Py_ssize_t m, const Target *target, const int64_t *rows,
                  Py_ssize_t first, const real *weight, real *t, double *row_loss) noexcept nogil:
    """Squared error times factor, summed over the outputs in double; t as for `label_lanes`."""
    cdef real difference[16]
    cdef vec d
    cdef Py_ssize_t j, r
    for r in range(m):
        row_loss[r] = 0
    for j in range(n):
        d = v_load(t + j*LANES) - target_lane(target, rows, first, m, j)
        v_store(difference, d)
        v_store(t + j*LANES, d * <real>(2*factor) * v_load(weight))
        for r in range(m):
            row_loss[r] += factor * (<double>difference[r] * difference[r])


cdef vec element_lanes(const LossSpec *c, Py_ssize_t n, Py_ssize_t m, const Target *target, const int64_t *rows,
                       Py_ssize_t first, const real *weight, real *t) noexcept nogil:
    """A loss that is a sum over the outputs, or over pairs of them; t as for `label_lanes`."""
    cdef vec total = v_set1(0), z, y, level, dz, ds
    cdef Py_ssize_t j, pairs = n // 2
    for j in range(pairs if c.loss == GAUSSIAN_NLL else n):
        z, y = v_load(t + j*LANES), target_lane(target, rows, first, m, 0 if c.loss == QUANTILE else j)
        if c.loss == TWEEDIE:
            total = total + v_tweedie(c.parameter, z, y, &dz)
        elif c.loss == GAUSSIAN_NLL:
            total = total + v_normal(z, v_load(t + (pairs + j)*LANES), y, &dz, &ds)
            v_store(t + (pairs + j)*LANES, ds * v_load(weight))
        elif c.loss == BINARY_FOCAL:
            y = y * <real>(1 - c.smoothing) + <real>(0.5 * c.smoothing)
            level = v_set1(<real>(1.0 if c.levels == NULL else c.levels[j]))
            total = total + v_binary_focal(c.parameter, z, y * level, v_set1(1) - y, &dz)
        else:
            total = total + v_distance(c.loss, <real>(c.levels[j] if c.loss == QUANTILE else c.parameter), z, y, &dz)
        v_store(t + j*LANES, dz * v_load(weight))
    return total


cdef vec focal_lanes(const LossSpec *c, Py_ssize_t n, Py_ssize_t m, const Target *target, const int64_t *rows,
                     Py_ssize_t first, const real *weight, real *t) noexcept nogil:
    """Focal loss of classes, whose labels may be smoothed; t as for `label_lanes`."""
    cdef vec largest = largest_lane(n, t), total = v_set1(0), loss = v_set1(0), mass = v_set1(0)
    cdef vec y, p, factor, minus_log_p
    cdef Py_ssize_t j
    cdef int second
    for j in range(n):
        total = total + v_exp(v_load(t + j*LANES) - largest)
    total = v_log(total)
    # The first pass sums the loss and what the gradient of every logit needs; the second replaces the logits.
    for second in range(2):
        for j in range(n):
            y = target_lane(target, rows, first, m, j) * <real>(1 - c.smoothing) + <real>(c.smoothing / n)
            minus_log_p = total + (largest - v_load(t + j*LANES))
            p = v_exp(v_set1(0) - minus_log_p)
            minus_log_p = v_focal_class(c.parameter, minus_log_p, p, &factor)
            if second:
                v_store(t + j*LANES, (p * mass - v_rounded(y * factor)) * v_load(weight))
            else:
                loss = loss + y * minus_log_p
                mass = mass + y * factor
    return loss


cdef vec ordinal_lanes(Py_ssize_t n, Py_ssize_t m, const Target *target, const int64_t *rows, Py_ssize_t first,
                       const real *weight, real *t) noexcept nogil:
    """Ordinal loss with class indices from 0 to n; t as for `label_lanes`, and two passes as in `focal_lanes`."""
    cdef vec loss = v_set1(0), mass = v_set1(0), above, at, here, z, a, p, q, da, no, yes, more, less
    cdef Py_ssize_t j
    cdef int second
    for second in range(2):
        a = v_set1(0)
        at = target_lane(target, rows, first, m, 0)
        for j in range(n):
            above = target_lane(target, rows, first, m, j + 1)
            z = v_load(t + j*LANES)
            q = v_logistic(z, &no, &yes)
            a = z if j == 0 else a - no
            p = v_logistic(a, &more, &less)
            da = at * p - v_rounded(above * (v_set1(1) - p))
            here = at if j > 0 else v_set1(0)
            if second:
                z = mass if j == 0 else v_set1(0) - q * mass
                v_store(t + j*LANES, (z - here * (v_set1(1) - q)) * v_load(weight))
                mass = mass - da
            else:
                mass = mass + da
                loss = loss + at * more + above * less + here * yes
            at = above
    return loss


cdef inline void to_lanes(Py_ssize_t n, Py_ssize_t m, const real *z, Py_ssize_t ld, real *t) noexcept nogil:
    """t[n, LANES] = z[m, n]^T for at most LANES rows."""
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


cdef vec lanes_loss(const LossSpec *c, Py_ssize_t n, Py_ssize_t m, const Target *target, const int64_t *rows,
                    Py_ssize_t first, const real *weight, real *t) noexcept nogil:
    """Loss of LANES rows; t as for `label_lanes`."""
    if c.loss == BINARY_CROSS_ENTROPY:
        return binary_lanes(n, m, target, rows, first, weight, t)
    if c.loss == SOFTMAX_CROSS_ENTROPY and target.labels != NULL:
        return label_lanes(n, m, target, rows, first, weight, t)
    if c.loss == SOFTMAX_CROSS_ENTROPY:
        return distribution_lanes(n, m, target, rows, first, weight, t)
    if c.loss == SOFTMAX_FOCAL:
        return focal_lanes(c, n, m, target, rows, first, weight, t)
    if c.loss == ORDINAL:
        return ordinal_lanes(n, m, target, rows, first, weight, t)
    return element_lanes(c, n, m, target, rows, first, weight, t)


cdef void batch_loss(LossSpec *spec, const Layer *last, Py_ssize_t m, const void *z_, const Target *target,
                     const int64_t *rows, Py_ssize_t first, double weight, void *dz_, void *scratch,
                     double *row_loss) noexcept nogil:
    """row_loss[m] and, unless dz is NULL, dz[m, n] = weight dL/dz, its padding zero, both times the sample weights. z
    and dz have row stride last.ld; scratch has last.ld * LANES reals. Row i of z has the targets of row rows[first +
    i]."""
    cdef const real *z = <const real *>z_
    cdef real *dz = <real *>dz_
    cdef real *t = <real *>scratch
    cdef real losses[16]
    cdef real weights[16]
    cdef Py_ssize_t i = 0, r, left
    v_store(weights, v_set1(<real>weight))
    while i < m:
        left = min(LANES, m - i)
        to_lanes(last.n, left, z + i*last.ld, last.ld, t)
        if target.weights != NULL:
            for r in range(left):
                weights[r] = <real>(weight * target.weights[row_of(rows, first + i + r)])
        if spec.loss == MSE or spec.loss == SQUARED_ERROR:
            squares(1 if spec.loss == MSE else 0.5, last.n, left, target, rows, first + i, weights, t,
                    row_loss + i)
        else:
            v_store(losses, lanes_loss(spec, last.n, left, target, rows, first + i, weights, t))
            for r in range(left):
                row_loss[i + r] = losses[r]
        if target.weights != NULL:
            for r in range(left):
                row_loss[i + r] *= target.weights[row_of(rows, first + i + r)]
        if dz != NULL:
            from_lanes(last.n, left, t, dz + i*last.ld, last.ld)
        i += LANES
