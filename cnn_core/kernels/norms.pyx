"""Normalisation of z before the activation: y = gain zhat + b, forward and backward, for one type of real.

layer   zhat = (z - mean) / sqrt(var + epsilon), over the units of a row                 (Ba, Kiros and Hinton 2016)
rms     zhat = z / sqrt(mean of z^2 + epsilon), over the units of a row                  (Zhang and Sennrich 2019)
batch   zhat = (z - mean) / sqrt(var + epsilon), over the rows of a batch while training; by the running mean and
        variance otherwise                                                               (Ioffe and Szegedy 2015)

With g = gain dy, and every mean over what was normalised:

layer           dz = (g - mean g - zhat mean(g zhat)) / sqrt(var + epsilon)
rms             dz = (g - zhat mean(g zhat)) / sqrt(...)
batch           dz = (g - p (sum g + zhat sum(g zhat))) / sqrt(var + epsilon); a row has the share p = w / sum w in mean
                and var, which is 1 / m without sample weights; a row of weight 0 has no effect
running         dz = g / sqrt(var + epsilon)

The running statistics move by RUNNING_SHARE towards those of a batch, and by less for a last batch of fewer rows, in
proportion to its rows. One row, or one row with a weight above 0, has no variance: it is normalised by the running
statistics, which it does not change.

(a) Sums over a row have the order of `total_of`; sums over rows are computed by one thread, column by column in blocks
    of rows. No bit depends on the number of threads, nor on the width of a register.
(b) A batch that is normalised over its rows is one chunk; threads are synchronised before and after its statistics.
(c) Each kind of sum has a separate loop: where one loop chooses between x and x y, clang adds after the choice, and
    the product is not fused.
"""

from libc.math cimport sqrt

from cnn_core.kernels.activations cimport total_of
from cnn_core.kernels.partition cimport (
    EPILOGUE_FLOPS, clear_padding, goes_on, next_part, no_rows, round_up_to_cache_line, share_of_row, sync_threads,
    vectors_of, weight_of)
from cnn_core.kernels.vec cimport GROUP, LANES, real, v_div, v_load, v_rounded, v_set1, v_sqrt, v_store, vec
from cnn_core.types cimport BATCH_NORM, LAYER_NORM, ROW_GROUP, Layer, Part, Run, is_frozen, share
# from dense.pyx: take_step

cdef enum:
    SUMMED_ROWS = 64            # rows that are summed in one block; then the blocks are added
    COLUMN_FLOPS = 400          # operations of a product that take as long as one number in sums over many long rows

cdef double NORM_EPSILON = 1e-5
cdef double RUNNING_SHARE = 0.1         # weight of a full batch in the running mean and variance


cdef real row_sum(Py_ssize_t n, const real *x, const real *y) noexcept nogil:
    """sum x y over a row whose padding is zero; y = NULL: sum x."""
    cdef vec partial[4]
    cdef Py_ssize_t j = 0
    cdef int g
    for g in range(GROUP):
        partial[g] = v_set1(0)
    if y == NULL:
        while j < n:
            for g in range(GROUP):
                partial[g] = partial[g] + v_load(x + j + g*LANES)
            j += GROUP * LANES
    else:
        while j < n:
            for g in range(GROUP):
                partial[g] = partial[g] + v_load(x + j + g*LANES) * v_load(y + j + g*LANES)
            j += GROUP * LANES
    return total_of(partial)


cdef void scale_and_shift(const Layer *layer, const real *parameters, Py_ssize_t m, const real *hat,
                          real *y) noexcept nogil:
    """y = gain zhat + b; the padding of both is zero, so that of y is."""
    cdef const real *gain = parameters + layer.g
    cdef const real *b = parameters + layer.b if layer.b >= 0 else NULL
    cdef Py_ssize_t _, j
    for _ in range(m):
        j = 0
        while j < layer.n:
            if b != NULL:
                v_store(y + j, v_rounded(v_load(hat + j) * v_load(gain + j)) + v_load(b + j))
            else:
                v_store(y + j, v_load(hat + j) * v_load(gain + j))
            j += LANES
        hat += layer.ld
        y += layer.ld


cdef void normalize_rows(const Layer *layer, Py_ssize_t m, const real *z, real *hat, real *inverse) noexcept nogil:
    """zhat of each row, normalised over its units; hat may be z. inverse[m] = 1 / sqrt(var + epsilon), unless NULL."""
    cdef Py_ssize_t i, j
    cdef real mean = 0, factor
    for i in range(m):
        if layer.norm == LAYER_NORM:
            mean = row_sum(layer.n, z, NULL) / layer.n
        j = 0
        while j < layer.n:
            v_store(hat + j, v_load(z + j) - mean)
            j += LANES
        clear_padding(1, layer.n, hat, layer.ld)
        factor = <real>(1 / sqrt(<double>row_sum(layer.n, hat, hat)/layer.n + NORM_EPSILON))
        j = 0
        while j < layer.n:
            v_store(hat + j, v_load(hat + j) * factor)
            j += LANES
        if inverse != NULL:
            inverse[i] = factor
        z += layer.ld
        hat += layer.ld


cdef void column_sums(Py_ssize_t m, const real *x, const real *y, Py_ssize_t ld, real *total) noexcept nogil:
    """For LANES columns the sum over the rows of x, or of x y unless y is NULL."""
    cdef Py_ssize_t i = 0, last
    cdef vec sum_ = v_set1(0), part
    while i < m:
        part, last = v_set1(0), min(i + SUMMED_ROWS, m)
        if y == NULL:
            while i < last:
                part = part + v_load(x + i*ld)
                i += 1
        else:
            while i < last:
                part = part + v_load(x + i*ld) * v_load(y + i*ld)
                i += 1
        sum_ = sum_ + part
    v_store(total, sum_)


cdef void weighted_sums(const Run *run, const Part *part, const real *x, const real *center, Py_ssize_t ld,
                        real *total) noexcept nogil:
    """For LANES columns the sum over the rows of the chunk of w x, or of w (x - center)^2 unless that is NULL."""
    cdef Py_ssize_t i = 0, last
    cdef vec sum_ = v_set1(0), of_some, d
    while i < part.count:
        of_some, last = v_set1(0), min(i + SUMMED_ROWS, part.count)
        if center == NULL:
            while i < last:
                of_some = of_some + v_load(x + i*ld) * <real>weight_of(run, part.at + i)
                i += 1
        else:
            while i < last:
                d = v_load(x + i*ld) - v_load(center)
                of_some = of_some + d * (d * <real>weight_of(run, part.at + i))
                i += 1
        sum_ = sum_ + of_some
    v_store(total, sum_)


cdef void batch_statistics(Run *run, int index, const Part *part, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """Mean and 1 / sqrt(var + epsilon) of columns first to last of the batch's z; in training, also the running
    statistics, whose variance is unbiased: divided by m - 1, or by the sum of the sample weights - 1 if that is above
    0."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef const real *z = <const real *>run.a[index]
    cdef real *mean = <real *>run.inverse[index]
    cdef real *factor = mean + layer.ld
    cdef real *running = <real *>run.running + layer.r
    cdef real variance[16]
    cdef real share_ = <real>RUNNING_SHARE if part.count == run.batch else (
        <real>(RUNNING_SHARE * part.count / run.batch))
    cdef double row = share_of_row(run, part.at, part.count), unbiased = 1 / (1 - row) if row < 1 else 1.0
    cdef Py_ssize_t j = first, q
    while j < last and goes_on(run, part.rank, <double>COLUMN_FLOPS*LANES*part.count):
        weighted_sums(run, part, z + j, NULL, layer.ld, mean + j)
        v_store(mean + j, v_load(mean + j) * <real>row)
        weighted_sums(run, part, z + j, mean + j, layer.ld, variance)
        for q in range(LANES):
            variance[q] = <real>(variance[q] * row)
            factor[j + q] = <real>(1 / sqrt(<double>variance[q] + NORM_EPSILON))
            if run.training and j + q < layer.n:
                running[j + q] += share_ * (mean[j + q] - running[j + q])
                running[layer.ld + j + q] += share_ * (<real>(variance[q] * unbiased) - running[layer.ld + j + q])
        j += LANES


cdef void running_statistics(const Layer *layer, const real *running, real *mean, real *factor) noexcept nogil:
    """Mean and 1 / sqrt(var + epsilon) from the running statistics."""
    cdef Py_ssize_t j = 0
    while j < layer.n:
        v_store(mean + j, v_load(running + layer.r + j))
        v_store(factor + j, v_div(v_set1(1), v_sqrt(
            v_load(running + layer.r + layer.ld + j) + <real>NORM_EPSILON)))
        j += LANES


cdef void center_and_scale(const Layer *layer, const real *mean, const real *factor, Py_ssize_t m, const real *z,
                           real *hat) noexcept nogil:
    """zhat = (z - mean) factor, column by column; hat may be z."""
    cdef Py_ssize_t _, j
    for _ in range(m):
        j = 0
        while j < layer.n:
            v_store(hat + j, (v_load(z + j) - v_load(mean + j)) * v_load(factor + j))
            j += LANES
        clear_padding(1, layer.n, hat, layer.ld)
        z += layer.ld
        hat += layer.ld


cdef bint is_lone_row(const Run *run, const Part *part) noexcept nogil:
    """Whether fewer than two rows of a chunk have a weight above 0."""
    cdef Py_ssize_t i
    cdef int found = 0
    for i in range(part.count):
        found += weight_of(run, part.at + i) > 0
        if found == 2:
            return False
    return True


cdef inline bint uses_running_statistics(const Run *run, int index, const Part *part) noexcept nogil:
    """Whether a layer is normalised by the running statistics and does not update them, as a frozen layer in
    training and a batch of one row."""
    return run.by_running or is_frozen(run, index) or is_lone_row(run, part)


cdef void normalize(Run *run, int index, const Part *part) noexcept nogil:
    """Replace z by y in run.a for the part's rows; zhat and statistics are kept."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef real *inverse = <real *>run.inverse[index]
    cdef real *z
    cdef real *hat
    cdef Part some = no_rows(part)
    if layer.norm == BATCH_NORM:
        sync_threads(run, part.rank, part.size)
        if not uses_running_statistics(run, index, part):
            batch_statistics(run, index, part, share(round_up_to_cache_line(layer.n), part.rank, part.size, ROW_GROUP),
                             share(round_up_to_cache_line(layer.n), part.rank + 1, part.size, ROW_GROUP))
        elif part.rank == 0:
            running_statistics(layer, <const real *>run.running, inverse, inverse + layer.ld)
        sync_threads(run, part.rank, part.size)
    while next_part(run, part, &some, EPILOGUE_FLOPS*layer.ld):
        z = <real *>run.a[index] + some.first*layer.ld
        hat = <real *>run.hat[index] + some.first*layer.ld
        if layer.norm == BATCH_NORM:
            center_and_scale(layer, inverse, inverse + layer.ld, some.m, z, hat)
        else:
            normalize_rows(layer, some.m, z, hat, inverse + some.first)
        scale_and_shift(layer, <const real *>run.parameters, some.m, hat, z)


cdef void normalize_in_place(const Layer *layer, const real *parameters, const real *running, Py_ssize_t m,
                             real *z, real *room) noexcept nogil:
    """Replace z by y in prediction; `room` has 2 * layer.ld reals."""
    if layer.norm == BATCH_NORM:
        running_statistics(layer, running, room, room + layer.ld)
        center_and_scale(layer, room, room + layer.ld, m, z, z)
    else:
        normalize_rows(layer, m, z, z, NULL)
    scale_and_shift(layer, parameters, m, z, z)


cdef void scale_by_gain(Run *run, int index, const Part *part) noexcept nogil:
    """d = g = gain dy for the part's rows; dy is kept."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef const real *gain = <const real *>run.parameters + layer.g
    cdef real *d = <real *>run.dz[index] + part.first*layer.ld
    cdef real *dy = <real *>run.dy[index] + part.first*layer.ld
    cdef Py_ssize_t _, j
    for _ in range(part.m):
        j = 0
        while j < layer.n:
            v_store(dy + j, v_load(d + j))
            v_store(d + j, v_load(d + j) * v_load(gain + j))
            j += LANES
        clear_padding(1, layer.n, dy, layer.ld)
        clear_padding(1, layer.n, d, layer.ld)      # vectors were written, but whole lines are summed
        d += layer.ld
        dy += layer.ld


cdef void denormalize_columns(Run *run, int index, const Part *part, bint by_running) noexcept nogil:
    """dz of a batch-normalised layer from g for the part's rows."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef real *d = <real *>run.dz[index] + part.first*layer.ld
    cdef const real *hat = <const real *>run.hat[index] + part.first*layer.ld
    cdef const real *inverse = <const real *>run.inverse[index]
    cdef const real *sums = inverse + 2*layer.ld
    cdef real weight
    cdef Py_ssize_t i, j
    for i in range(part.m):
        weight, j = <real>weight_of(run, part.at + part.first + i), 0
        while j < layer.n:
            if by_running:
                v_store(d + j, v_load(d + j) * v_load(inverse + layer.ld + j))
            else:
                v_store(d + j, (v_load(d + j) - v_load(sums + j) * weight
                                - v_load(hat + j) * weight * v_load(sums + layer.ld + j))
                        * v_load(inverse + layer.ld + j))
            j += LANES
        clear_padding(1, layer.n, d, layer.ld)
        d += layer.ld
        hat += layer.ld


cdef void denormalize_rows(Run *run, int index, const Part *part) noexcept nogil:
    """dz of a layer normalised by layer or RMS norm from g for the part's rows, each row by itself."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef real *d = <real *>run.dz[index] + part.first*layer.ld
    cdef const real *hat = <const real *>run.hat[index] + part.first*layer.ld
    cdef const real *inverse = <const real *>run.inverse[index]
    cdef real factor, mean_g, mean_hat
    cdef Py_ssize_t i, j
    for i in range(part.m):
        factor = inverse[part.first + i]
        mean_g = row_sum(layer.n, d, NULL) / layer.n if layer.norm == LAYER_NORM else 0
        mean_hat = row_sum(layer.n, d, hat) / layer.n
        j = 0
        while j < layer.n:
            v_store(d + j, (v_load(d + j) - mean_g - v_load(hat + j) * mean_hat) * factor)
            j += LANES
        clear_padding(1, layer.n, d, layer.ld)
        d += layer.ld
        hat += layer.ld


cdef void denormalize(Run *run, int index, const Part *part) noexcept nogil:
    """Replace dy by dz in run.dz for the part's rows; dy is kept for the gradients of gain and b."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef bint by_running = layer.norm == BATCH_NORM and uses_running_statistics(run, index, part)
    cdef Part some = no_rows(part)
    while next_part(run, part, &some, EPILOGUE_FLOPS*layer.ld):
        scale_by_gain(run, index, &some)
    # Batch norm: the sums over all rows of the chunk are computed column by column, then each thread takes its rows.
    if layer.norm == BATCH_NORM and not by_running:
        sync_threads(run, part.rank, part.size)
        gradient_sums(run, index, part, share(round_up_to_cache_line(layer.n), part.rank, part.size, ROW_GROUP),
                      share(round_up_to_cache_line(layer.n), part.rank + 1, part.size, ROW_GROUP))
        sync_threads(run, part.rank, part.size)
    some = no_rows(part)
    while next_part(run, part, &some, EPILOGUE_FLOPS*layer.ld):
        if layer.norm == BATCH_NORM:
            denormalize_columns(run, index, &some, by_running)
        else:
            denormalize_rows(run, index, &some)


cdef void gradient_sums(Run *run, int index, const Part *part, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """Sums of g and of g zhat over the rows of the batch for columns first to last, times `share_of_row`."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef real *sums = <real *>run.inverse[index] + 2*layer.ld
    cdef const real *g = <const real *>run.dz[index]
    cdef real row = <real>share_of_row(run, part.at, part.count)
    cdef Py_ssize_t j = first
    while j < last and goes_on(run, part.rank, <double>COLUMN_FLOPS*LANES*part.count):
        column_sums(part.count, g + j, NULL, layer.ld, sums + j)
        column_sums(part.count, g + j, <const real *>run.hat[index] + j, layer.ld, sums + layer.ld + j)
        v_store(sums + j, v_load(sums + j) * row)
        v_store(sums + layer.ld + j, v_load(sums + layer.ld + j) * row)
        j += LANES


cdef void gain_gradient(Run *run, int index, Py_ssize_t row, Py_ssize_t m, bint first_chunk,
                        bint last_chunk) noexcept nogil:
    """dgain += sum over rows row, ..., row + m - 1 of dy zhat, always in the order of the rows; chunks as for
    `weight_gradient`."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef const real *dy = <const real *>run.dy[index] + row*layer.ld
    cdef const real *hat = <const real *>run.hat[index] + row*layer.ld
    cdef real *g = <real *>run.gradients + layer.g
    cdef Py_ssize_t i, j = 0
    cdef vec total
    while j < layer.n:
        total = v_set1(0) if first_chunk else v_load(g + j)
        for i in range(m):
            total = total + v_load(dy + i*layer.ld + j) * v_load(hat + i*layer.ld + j)
        v_store(g + j, total)
        j += LANES
    if last_chunk:
        take_step(run, layer.g, 1, vectors_of(layer.n)*LANES, layer.ld, False, g, layer.ld)
