"""Steps after the whole gradient of a batch: clipping, a learning rate for each layer, averaged weights, frozen
weights, proximal steps.

Without these, the step is taken on each panel of W while its gradient is in the first-level cache. Here the gradient is
first written out, threads are synchronised, and each of them takes the step on its rows of every W. The next row of W
is prefetched for writing (784-512-512-10 with clipping, batches of 128, adam and two threads: from 2.22 ms to 1.93).

(a) The norm is summed in double over blocks of the gradient, and then over the blocks: always in the same order, so
    that its bits depend neither on the threads nor on the width of a vector.
(b) With a mask, the gradient is multiplied by it before the norm is computed, and after a step w becomes
    mask * w + frozen: penalties and weight decay do not change frozen weights either.
(c) A proximal step follows the step of the optimizer: w = sign(w) max(|w| - l1 rate, 0). Its rate is that of the
    optimizer for each weight, such as rate / (sqrt(v') + epsilon) for adam (Yun, Lozano and Yang 2021). A velocity
    becomes the whole change of w, also by the proximal step. A weight then stays 0 as long as its gradient is at most
    l1, which is the condition of the minimum of loss + l1 sum |w|.
(d) If the norm is above its limit, the whole gradient is scaled down; then its numbers are clipped to `clip_value`.
"""

from libc.math cimport INFINITY, pow, sqrt

from cnn_core.kernels.optimizers cimport Constants, ExtraConstants, constants_of, extra_constants_of
from cnn_core.kernels.partition cimport divided, first_input, vectors_of
from cnn_core.kernels.vec cimport (
    LANES, flush_subnormals, fp_state, real, restore_fp, v_abs, v_copysign, v_div, v_load, v_lt, v_max, v_min, v_set1,
    v_sqrt, v_store, v_where, vec)
from cnn_core.types cimport (
    ADADELTA, ADAGRAD, ADAM, ADAMW, AMSGRAD, CENTERED_RMSPROP, NADAM, NESTEROV, NORM_BLOCK, RADAM, RMSPROP,
    Layer, Run, Step, Update, is_frozen, share)
# from products.pyx: prefetch_write
# from dense.pyx: step_with
# from mixed_precision.pyx: renew_copies


cdef double sum_of_squares(Py_ssize_t n, const real *g) noexcept nogil:
    """sum g^2 over whole cache lines, as eight partial sums, which suits vectors of every width."""
    cdef double sums[8]
    cdef Py_ssize_t i = 0, j
    for j in range(8):
        sums[j] = 0
    while i < n:
        for j in range(8):
            sums[j] += <double>g[i + j]*g[i + j]
        i += 8
    return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]))


cdef inline Py_ssize_t blocks_of(const Update *update) noexcept nogil:
    return (update.size + NORM_BLOCK - 1) // NORM_BLOCK


cdef void squares_share(void *argument, int rank, int size) noexcept nogil:
    """The rank's blocks of the gradient: sums of their squares."""
    cdef Run *run = <Run *>argument
    cdef Update *update = run.update
    cdef Py_ssize_t blocks = blocks_of(update), i
    for i in range(share(blocks, rank, size, 1), share(blocks, rank + 1, size, 1)):
        update.squares[i] = sum_of_squares(min(NORM_BLOCK, update.size - i*NORM_BLOCK),
                                           <const real *>run.gradients + i*NORM_BLOCK)


cdef double gradient_norm(Run *run, int rank, int size) noexcept nogil:
    """Norm of the whole gradient, returned to each thread."""
    cdef double total = 0
    cdef Py_ssize_t i
    divided(run, squares_share, run, rank, size)
    for i in range(blocks_of(run.update)):
        total += run.update.squares[i]
    return sqrt(total)


cdef void clip(Py_ssize_t n, real factor, real limit, real *g) noexcept nogil:
    """g = factor g, within -limit and limit."""
    cdef Py_ssize_t j = 0
    while j < n:
        v_store(g + j, v_min(v_set1(limit), v_max(v_set1(-limit), v_load(g + j) * factor)))
        j += LANES


cdef void ema_update(Py_ssize_t n, real part, const real *w, real *average) noexcept nogil:
    """average += part (w - average)."""
    cdef Py_ssize_t j = 0
    while j < n:
        v_store(average + j, v_load(average + j) + (v_load(w + j) - v_load(average + j)) * part)
        j += LANES


cdef void soft_threshold(const Step *step, double l1, Py_ssize_t n, real *w, real *m1, const real *m2,
                         const real *m3) noexcept nogil:
    """Proximal step of weights w[n], after the step of the optimizer, with its moments; m1 is changed if it is a
    velocity."""
    cdef Constants c = constants_of(step, True)
    cdef ExtraConstants f = extra_constants_of(step, True)
    cdef double rate = step.rate, part = 1
    cdef int method = step.method
    cdef bint has_velocity = step.momentum != 0
    cdef vec t, s, x
    cdef Py_ssize_t j = 0
    if method == NESTEROV:      # a gradient changes w by 1 + mu of what it changes the velocity by
        rate, part = rate * (1 + step.momentum), 1 / (1 + step.momentum)
    elif method == ADAM or method == ADAMW:
        rate = step.rate * sqrt(step.correction_2)
    elif method == AMSGRAD or method == NADAM or method == RADAM:
        rate = f.gradient_factor + f.mean_factor*step.correction_1
    while j < n:
        t = v_set1(<real>(l1*rate))
        if method == ADAM or method == ADAMW:
            t = v_div(t, v_sqrt(v_load(m2 + j)) + c.adam_epsilon)
        elif method == AMSGRAD or method == NADAM or method == RADAM:
            t = v_div(t, v_sqrt(v_load(m3 + j if method == AMSGRAD else m2 + j)) * f.root_factor + f.root_addend)
        elif method == RMSPROP or method == CENTERED_RMSPROP:
            s = v_load(m2 + j)
            if method == CENTERED_RMSPROP:
                s = v_max(v_set1(0), s - v_load(m3 + j) * v_load(m3 + j))
            t = v_div(t, v_sqrt(s) + f.epsilon)
        elif method == ADAGRAD:
            t = v_div(t, v_sqrt(v_load(m1 + j)) + f.epsilon)
        elif method == ADADELTA:
            t = v_div(t * v_sqrt(v_load(m2 + j) + f.epsilon), v_sqrt(v_load(m1 + j) + f.epsilon))
        x = v_load(w + j)
        s = v_max(v_set1(0), v_abs(x) - t)
        s = v_where(v_lt(v_set1(0), v_abs(s)), v_copysign(s, x))
        v_store(w + j, s)
        if has_velocity:
            v_store(m1 + j, v_load(m1 + j) + (s - x) * <real>part)
        j += LANES


cdef void apply_mask(Py_ssize_t n, const real *mask, const real *frozen, real *w) noexcept nogil:
    """w = mask w + frozen."""
    cdef Py_ssize_t j = 0
    while j < n:
        v_store(w + j, v_load(w + j) * v_load(mask + j) + v_load(frozen + j))
        j += LANES


cdef void update_rows(Run *run, const Step *step, double factor, Py_ssize_t offset, Py_ssize_t rows, Py_ssize_t n,
                      Py_ssize_t ld, bint is_weight) noexcept nogil:
    """Step on rows[n] of the parameters from offset on, with factor times their gradient."""
    cdef Update *update = run.update
    cdef real *g = <real *>run.gradients + offset
    cdef real *w = <real *>run.parameters + offset
    cdef Py_ssize_t row
    cdef double part
    if factor != 1 or update.clip_value < INFINITY:
        for row in range(rows):
            clip(n, <real>factor, <real>update.clip_value, g + row*ld)
    if run.threads > 1:
        for row in range(rows):
            prefetch_write(n if row + 1 < rows else 0, w + (row + 1)*ld)
            step_with(run, step, offset + row*ld, 1, n, ld, is_weight, g + row*ld, ld)
    else:
        step_with(run, step, offset, rows, n, ld, is_weight, g, ld)
    if is_weight and update.shrinkage > 0:
        for row in range(rows):
            soft_threshold(step, update.shrinkage, n, w + row*ld,
                           <real *>run.m1 + offset + row*ld if run.m1 != NULL else NULL,
                           <real *>run.m2 + offset + row*ld if run.m2 != NULL else NULL,
                           <real *>run.m3 + offset + row*ld if run.m3 != NULL else NULL)
    if update.mask != NULL:
        for row in range(rows):
            apply_mask(n, <const real *>update.mask + offset + row*ld, <const real *>update.frozen + offset + row*ld,
                       w + row*ld)
    if update.average != NULL:
        # Bias-corrected: after t steps the weights of the mean sum to 1 - decay^t.
        part = (1 - update.decay) / (1 - pow(update.decay, <double>step.count))
        for row in range(rows):
            ema_update(n, <real>part, w + row*ld, <real *>update.average + offset + row*ld)


cdef void mask_share(void *argument, int rank, int size) noexcept nogil:
    """g = mask g for the rank's part of the whole gradient."""
    cdef fp_state saved = flush_subnormals()
    cdef Run *run = <Run *>argument
    cdef Py_ssize_t vectors = run.update.size // LANES, at
    cdef real *g = <real *>run.gradients
    for at in range(share(vectors, rank, size, 1), share(vectors, rank + 1, size, 1)):
        v_store(g + at*LANES, v_load(g + at*LANES) * v_load(<const real *>run.update.mask + at*LANES))
    restore_fp(saved)


cdef struct WholeStep:
    Run *run
    double factor           # of the gradient


cdef void update_share(void *argument, int rank, int size) noexcept nogil:
    """The rank's part of a step."""
    cdef fp_state saved = flush_subnormals()
    cdef Run *run = (<const WholeStep *>argument).run
    cdef double factor = (<const WholeStep *>argument).factor
    cdef Step step
    cdef const Layer *layer
    cdef Py_ssize_t first, last, n
    cdef int i
    for i in range(run.net.depth):
        if is_frozen(run, i):
            continue
        layer = &run.net.layers[i]
        step = run.update.step
        step.rate *= run.update.factors[i]
        n = vectors_of(layer.n)*LANES
        first, last = first_input(run, layer, rank, size), first_input(run, layer, rank + 1, size)
        if layer.units_major:
            update_rows(run, &step, factor, layer.w + first, layer.n, vectors_of(last - first)*LANES, layer.ldt, True)
        else:
            update_rows(run, &step, factor, layer.w + first*layer.ld, last - first, n, layer.ld, True)
        renew_copies(run, i, rank, size)
        if layer.b >= 0 and rank == 0:
            update_rows(run, &step, factor, layer.b, 1, n, layer.ld, False)
        if layer.g >= 0 and rank == 0:
            update_rows(run, &step, factor, layer.g, 1, n, layer.ld, False)
    restore_fp(saved)


cdef void apply_update(Run *run, Py_ssize_t index, int rank, int size) noexcept nogil:
    """The rank's part of the step at the end of a batch of pass `index`."""
    cdef Update *update = run.update
    cdef WholeStep scaled
    cdef double norm
    scaled.run, scaled.factor = run, 1
    if update.mask != NULL:
        divided(run, mask_share, run, rank, size)
    if update.pass_norm != NULL:
        norm = gradient_norm(run, rank, size)
        if norm > update.clip_norm:
            scaled.factor = update.clip_norm / norm
        if rank == 0:
            update.pass_norm[index] += norm
    divided(run, update_share, &scaled, rank, size)
