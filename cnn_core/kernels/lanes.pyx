"""Numbers of several equal networks, one network in each lane of a vector, and products of them: for one instruction
set and one type of real.

(a) Parameter j of all networks is one vector, and so is output j of each row: no padding is computed, no tile is too
    small for the registers, and nothing is transposed.
(b) Sums run in the same order as in `product`. Dot products of layers that are stored units x inputs have the partial
    sums of `dot_tile`.
"""

from libc.string cimport memset

from cnn_core.activation_codes cimport RELU
from cnn_core.kernels.activations cimport v_activate, v_chain
from cnn_core.kernels.vec cimport ACCUMULATORS, LANES, real, v_load, v_set1, v_store, vec
from cnn_core.types cimport (
    ADAMW, BINARY_CROSS_ENTROPY, GRADIENT_ONLY, MSE, SOFTMAX_CROSS_ENTROPY, SQUARED_ERROR, Bundle, Layer, Net, Run)

cdef enum:
    BUNDLE_ROWS = 256           # most rows of a batch
    BUNDLE_PARAMETERS = 1500    # most parameters of a network
    ROWS_AT_ONCE = 8            # rows through all layers before the next ones: they stay in the first-level cache
    DOT_SUMS = 16               # most partial sums of a dot product

cdef struct MemberConstants:    # the `Constants` of each lane
    real rate[16]
    real l1[16]
    real l2[16]
    real shrink[16]
    real mu[16]
    real b1[16]
    real b2[16]
    real one_minus_b1[16]
    real one_minus_b2[16]
    real adam_rate[16]
    real adam_epsilon[16]
    bint has_l1, has_l2

cdef struct Lanes:              # buffers of a bundle
    real *w
    real *m1
    real *m2
    real *g                     # gradient of one layer
    real *a                     # outputs of all layers, [m, units]
    real *dz
    real *weights               # weights of the rows, [m]
    double *row_weights
    double *row_loss
    double *shares              # of each lane
    double *sums
    real *active                # 1 in lanes that take a step, 0 in others
    real *bias_gradients
    Py_ssize_t *starts          # of each layer in `a` and `dz`, in vectors
    Py_ssize_t *units           # of all layers before each


cdef Py_ssize_t parameters_of(const Net *net) noexcept nogil:
    cdef Py_ssize_t total = 0
    cdef int i
    for i in range(net.depth):
        total += net.layers[i].k * net.layers[i].n + (net.layers[i].n if net.layers[i].b >= 0 else 0)
    return total


cdef Py_ssize_t units_of(const Net *net) noexcept nogil:
    cdef Py_ssize_t total = 0
    cdef int i
    for i in range(net.depth):
        total += net.layers[i].n
    return total


cdef Py_ssize_t widest_of(const Net *net) noexcept nogil:
    cdef Py_ssize_t most = 0
    cdef int i
    for i in range(net.depth):
        most = max(most, net.layers[i].k * net.layers[i].n)
    return most


cdef Py_ssize_t bundle_size(const Run *run) noexcept nogil:
    """`DenseKernels.bundle_size`."""
    cdef Py_ssize_t reals = 3*parameters_of(run.net) + widest_of(run.net) + 2*run.batch*units_of(run.net)
    cdef Py_ssize_t doubles = 2*run.batch + 2
    reals += run.batch + units_of(run.net) + 1
    return LANES * (reals*sizeof(real) + doubles*sizeof(double)) + 2 * run.net.depth * sizeof(Py_ssize_t)


cdef int bundle_lanes(const Run *run) noexcept nogil:
    """`DenseKernels.bundle_lanes`."""
    cdef int loss = run.loss_spec.loss
    if LANES < 4 or not run.net.plain or run.update != NULL or run.activated or run.offset != NULL:
        return 0
    if run.step.method <= GRADIENT_ONLY or run.step.method > ADAMW or run.batch > BUNDLE_ROWS:
        return 0
    if not (loss == BINARY_CROSS_ENTROPY or loss == MSE or loss == SQUARED_ERROR
            or (loss == SOFTMAX_CROSS_ENTROPY and run.target.labels != NULL)):
        return 0
    return LANES if parameters_of(run.net) <= BUNDLE_PARAMETERS else 0


cdef Lanes lanes_of(const Bundle *bundle) noexcept nogil:
    cdef Lanes lanes
    cdef const Run *run = bundle.runs[0]
    cdef Py_ssize_t size = parameters_of(run.net) * LANES, at = 0
    cdef int index
    lanes.w = <real *>bundle.work
    lanes.m1, lanes.m2, lanes.g = lanes.w + size, lanes.w + 2*size, lanes.w + 3*size
    lanes.a = lanes.g + widest_of(run.net)*LANES
    lanes.dz = lanes.a + run.batch*units_of(run.net)*LANES
    lanes.weights = lanes.dz + run.batch*units_of(run.net)*LANES
    lanes.active = lanes.weights + run.batch*LANES
    lanes.bias_gradients = lanes.active + LANES
    lanes.row_weights = <double *>(lanes.bias_gradients + units_of(run.net)*LANES)
    lanes.row_loss = lanes.row_weights + run.batch*LANES
    lanes.shares = lanes.row_loss + run.batch*LANES
    lanes.sums = lanes.shares + LANES
    lanes.starts = <Py_ssize_t *>(lanes.sums + LANES)
    lanes.units = lanes.starts + run.net.depth
    for index in range(run.net.depth):
        lanes.starts[index], lanes.units[index] = run.batch*at, at
        at += run.net.layers[index].n
    return lanes


# ---- between the memory of the networks and that of the bundle

cdef void copy_vector(const Bundle *bundle, int which, real *lanes, bint back) noexcept nogil:
    """Copy the parameters (0), or moment 1 or 2, of all networks to the bundle, or back."""
    cdef const Layer *layer
    cdef Py_ssize_t i, j, inner, outer
    cdef int index, lane
    cdef real *memory
    cdef real *at
    for lane in range(bundle.count):
        memory = <real *>(bundle.runs[lane].parameters if which == 0
                          else bundle.runs[lane].m1 if which == 1 else bundle.runs[lane].m2)
        if memory == NULL:
            continue
        at = lanes + lane
        for index in range(bundle.runs[0].net.depth):
            layer = &bundle.runs[0].net.layers[index]
            outer, inner = layer.ld, 1
            if layer.units_major:
                outer, inner = 1, layer.ldt
            for i in range(layer.k):
                for j in range(layer.n):
                    if back:
                        memory[layer.w + i*outer + j*inner] = at[0]
                    else:
                        at[0] = memory[layer.w + i*outer + j*inner]
                    at += LANES
            if layer.b >= 0:
                for j in range(layer.n):
                    if back:
                        memory[layer.b + j] = at[0]
                    else:
                        at[0] = memory[layer.b + j]
                    at += LANES


cdef void open_bundle(const Bundle *bundle) noexcept nogil:
    """Copy all networks into the bundle."""
    cdef Lanes lanes = lanes_of(bundle)
    memset(bundle.work, 0, bundle_size(bundle.runs[0]))
    copy_vector(bundle, 0, lanes.w, False)
    copy_vector(bundle, 1, lanes.m1, False)
    copy_vector(bundle, 2, lanes.m2, False)


cdef void close_bundle(const Bundle *bundle) noexcept nogil:
    """Copy all networks out of the bundle."""
    cdef Lanes lanes = lanes_of(bundle)
    copy_vector(bundle, 0, lanes.w, True)
    copy_vector(bundle, 1, lanes.m1, True)
    copy_vector(bundle, 2, lanes.m2, True)


# ---- products

cdef struct LaneOperands:       # C[i, j] = D[j] + sum over p of A[i, p] B[p, j]; strides in reals
    const real *a               # vectors; or numbers that all lanes share
    Py_ssize_t a_row, a_col
    const real *b
    Py_ssize_t b_row, b_col
    const real *d               # NULL: zeros
    Py_ssize_t d_col
    real *c
    Py_ssize_t c_row, c_col
    bint relu                   # C = relu(C)
    const real *below           # C *= relu'(below), at the strides of C; or NULL


cdef inline void lane_tile(const int M, const int N, const bint shared, Py_ssize_t k, const LaneOperands *o,
                           Py_ssize_t i0, Py_ssize_t j0) noexcept nogil:
    """M rows from i0 on and N columns from j0 on."""
    cdef vec acc[4][4]
    cdef vec row[4]
    cdef vec x
    cdef int i, j
    cdef Py_ssize_t _
    cdef const real *a = o.a + i0*o.a_row
    cdef const real *b = o.b + j0*o.b_col
    cdef real *c = o.c + i0*o.c_row + j0*o.c_col
    cdef Py_ssize_t a_row = o.a_row, a_col = o.a_col, b_row = o.b_row, b_col = o.b_col
    for j in range(N):
        row[j] = v_load(o.d + (j0 + j)*o.d_col) if o.d != NULL else v_set1(0)
        for i in range(M):
            acc[i][j] = row[j]
    for _ in range(k):
        for j in range(N):
            row[j] = v_load(b + j*b_col)
        for i in range(M):
            x = v_set1(a[i*a_row]) if shared else v_load(a + i*a_row)
            for j in range(N):
                acc[i][j] = acc[i][j] + x * row[j]
        a += a_col
        b += b_row
    if o.relu:
        for i in range(M):
            for j in range(N):
                acc[i][j] = v_activate(RELU, acc[i][j])
    if o.below != NULL:
        for i in range(M):
            for j in range(N):
                acc[i][j] = v_chain(RELU, v_load(o.below + (c - o.c) + i*o.c_row + j*o.c_col), acc[i][j])
    for i in range(M):
        for j in range(N):
            v_store(c + i*o.c_row + j*o.c_col, acc[i][j])


cdef inline void lane_columns(const int M, const bint shared, Py_ssize_t i, Py_ssize_t n, Py_ssize_t k,
                              const LaneOperands *o) noexcept nogil:
    cdef Py_ssize_t j = 0
    while j + 4 <= n:
        lane_tile(M, 4, shared, k, o, i, j)
        j += 4
    if n - j >= 2:
        lane_tile(M, 2, shared, k, o, i, j)
        j += 2
    if j < n:
        lane_tile(M, 1, shared, k, o, i, j)


cdef inline void lane_rows(const bint shared, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                           const LaneOperands *o) noexcept nogil:
    cdef Py_ssize_t i = 0
    if ACCUMULATORS >= 16:
        while i + 4 <= m:
            lane_columns(4, shared, i, n, k, o)
            i += 4
    while i + 2 <= m:
        lane_columns(2, shared, i, n, k, o)
        i += 2
    if i < m:
        lane_columns(1, shared, i, n, k, o)


cdef void lane_product(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const LaneOperands *o, bint shared) noexcept nogil:
    if shared:
        lane_rows(True, m, n, k, o)
    else:
        lane_rows(False, m, n, k, o)


cdef void lane_dots(Py_ssize_t m, Py_ssize_t first, Py_ssize_t n, Py_ssize_t k, const LaneOperands *o,
                    bint shared) noexcept nogil:
    """Columns first, ... of C, with the partial sums of `dot_tile`."""
    cdef vec sums[DOT_SUMS]
    cdef Py_ssize_t i, j, p, s
    cdef int count = 64 // <int>sizeof(real), half
    cdef vec x
    for i in range(m):
        for j in range(first, n):
            for s in range(count):
                sums[s] = v_set1(0)
            for p in range(k):
                s = p % count
                x = v_set1(o.a[i*o.a_row + p*o.a_col]) if shared else v_load(o.a + i*o.a_row + p*o.a_col)
                sums[s] = sums[s] + x * v_load(o.b + p*o.b_row + j*o.b_col)
            half = count // 2
            while half > 0:
                for s in range(half):
                    sums[s] = sums[s] + sums[s + half]
                half = half // 2
            v_store(o.c + i*o.c_row + j*o.c_col,
                    sums[0] if o.d == NULL else sums[0] + v_load(o.d + j*o.d_col))


# ---- loss
