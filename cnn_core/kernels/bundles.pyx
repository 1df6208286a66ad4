"""Steps of several equal networks at once, one in each lane of a vector: for one instruction set and type of real.

(a) Networks of the same layers are trained on the same rows; see `lanes.pyx` for their numbers. A step of sixteen
    networks 8-16-16-1 on 32 rows takes as long as nine steps of one; for layers of 32 units nothing is gained.
(b) Sums run in the same order as in `run_batch`, so the bits are the same.
(c) A network whose weights of the rows are all 0 takes no step: its lane keeps its numbers.
(d) Only what small networks need is here: the fused activations, frequent losses, and steps without further updates.
"""

from libc.stdint cimport int64_t
from libc.string cimport memset

from cnn_core.activation_codes cimport IDENTITY, RELU
from cnn_core.kernels.activations cimport activate_block, derive_block, v_exp, v_log
from cnn_core.kernels.losses cimport v_binary_cross_entropy
from cnn_core.kernels.optimizers cimport Constants, begin_step, constants_of
from cnn_core.kernels.vec cimport (
    LANES, ivec, real, v_abs, v_copysign, v_div, v_load, v_lt, v_max, v_rounded, v_select, v_set1, v_sqrt, v_store,
    v_where, vec)
from cnn_core.types cimport (
    ADAM, BINARY_CROSS_ENTROPY, MOMENTUM, MSE, NESTEROV, SGD, SQUARED_ERROR, Bundle, Layer, Net, Run)
# from lanes.pyx: Lanes, LaneOperands, MemberConstants, ROWS_AT_ONCE, lane_dots, lane_product, lanes_of, units_of


cdef void weigh(const Bundle *bundle, const Lanes *lanes, Py_ssize_t start, Py_ssize_t m) noexcept nogil:
    """Weights of the rows, and 1 / their sum, as `share_of_row` and `batch_loss` give them."""
    cdef const double *weights
    cdef const int64_t *order = bundle.runs[0].order
    cdef Py_ssize_t r
    cdef int lane
    cdef double *w
    for lane in range(bundle.count):
        weights = bundle.runs[lane].target.weights
        w = lanes.row_weights + lane
        for r in range(m):
            w[r*LANES] = 1 if weights == NULL else weights[start + r if order == NULL else order[start + r]]
    # The sums of all lanes at once: one chain of additions would wait for each.
    for lane in range(LANES):
        lanes.sums[lane] = 0
    for r in range(m):
        w = lanes.row_weights + r*LANES
        for lane in range(LANES):
            lanes.sums[lane] += w[lane]
    for lane in range(bundle.count):
        lanes.shares[lane] = 1.0/lanes.sums[lane] if lanes.sums[lane] > 0 else 0
        lanes.active[lane] = lanes.sums[lane] > 0
    for r in range(m):
        w = lanes.row_weights + r*LANES
        for lane in range(LANES):
            lanes.weights[r*LANES + lane] = <real>(lanes.shares[lane] * w[lane])


cdef void lane_squares(const Run *run, Py_ssize_t row, Py_ssize_t n, double factor, const real *z, const real *weight,
                       real *dz, double *row_loss) noexcept nogil:
    cdef real difference[16]
    cdef vec d
    cdef Py_ssize_t j
    cdef int lane
    for lane in range(LANES):
        row_loss[lane] = 0
    for j in range(n):
        d = v_load(z + j*LANES) - v_set1((<const real *>run.target.values)[row*run.target.columns + j])
        v_store(difference, d)
        v_store(dz + j*LANES, d * <real>(2*factor) * v_load(weight))
        for lane in range(LANES):
            row_loss[lane] += factor * (<double>difference[lane] * difference[lane])


cdef vec lane_binary(const Run *run, Py_ssize_t row, Py_ssize_t n, const real *z, const real *weight,
                     real *dz) noexcept nogil:
    cdef vec total = v_set1(0), d
    cdef Py_ssize_t j
    for j in range(n):
        total = total + v_binary_cross_entropy(
            v_load(z + j*LANES), v_set1((<const real *>run.target.values)[row*run.target.columns + j]), &d)
        v_store(dz + j*LANES, d * v_load(weight))
    return total


cdef vec lane_labels(const Run *run, Py_ssize_t row, Py_ssize_t n, const real *z, const real *weight,
                     real *dz) noexcept nogil:
    cdef Py_ssize_t j, label = run.target.labels[row]
    cdef vec largest = v_load(z), total = v_set1(0), e, scale
    for j in range(1, n):
        largest = v_max(largest, v_load(z + j*LANES))
    for j in range(n):
        e = v_exp(v_load(z + j*LANES) - largest)
        v_store(dz + j*LANES, e)
        total = total + e
    scale = v_div(v_load(weight), total)
    for j in range(n):
        v_store(dz + j*LANES, v_load(dz + j*LANES) * scale)
    v_store(dz + label*LANES, v_rounded(v_load(dz + label*LANES)) - v_load(weight))
    return v_log(total) + (largest - v_load(z + label*LANES))


cdef void lane_loss(const Bundle *bundle, const Lanes *lanes, Py_ssize_t start, Py_ssize_t first, Py_ssize_t m,
                    const real *z, real *dz) noexcept nogil:
    """Losses times weights, and dZ, of m rows from `first` on of the batch that starts at `start`."""
    cdef const Run *run = bundle.runs[0]
    cdef Py_ssize_t n = run.net.layers[run.net.depth - 1].n, r, row
    cdef int lane, loss = run.loss_spec.loss
    cdef real losses[16]
    cdef double *row_loss
    cdef const real *weight
    cdef vec value
    for r in range(first, first + m):
        row = start + r if run.order == NULL else run.order[start + r]
        row_loss = lanes.row_loss + r*LANES
        weight = lanes.weights + r*LANES
        if loss == MSE or loss == SQUARED_ERROR:
            lane_squares(run, row, n, 1 if loss == MSE else 0.5, z, weight, dz, row_loss)
        else:
            if loss == BINARY_CROSS_ENTROPY:
                value = lane_binary(run, row, n, z, weight, dz)
            else:
                value = lane_labels(run, row, n, z, weight, dz)
            v_store(losses, value)
            for lane in range(LANES):
                row_loss[lane] = losses[lane]
        for lane in range(LANES):
            row_loss[lane] *= lanes.row_weights[r*LANES + lane]
        z += n*LANES
        dz += n*LANES


cdef void add_lane_losses(const Bundle *bundle, const Lanes *lanes, Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t r
    cdef int lane
    for lane in range(bundle.count):
        lanes.sums[lane] = bundle.runs[lane].pass_loss[0]
    for r in range(m):
        for lane in range(LANES):
            lanes.sums[lane] += lanes.row_loss[r*LANES + lane]
    for lane in range(bundle.count):
        if lanes.shares[lane] > 0:
            bundle.runs[lane].pass_loss[0] = lanes.sums[lane]


# ---- step

cdef void begin_steps(const Bundle *bundle, const Lanes *lanes, Py_ssize_t step) noexcept nogil:
    """`begin_step` for each network that takes one."""
    cdef Run *run
    cdef int lane
    for lane in range(bundle.count):
        run = bundle.runs[lane]
        if lanes.shares[lane] > 0:
            if run.penalty_per_row:
                run.step.l1, run.step.l2 = run.l1*lanes.shares[lane], run.l2*lanes.shares[lane]
            begin_step(&run.step, run.rates[step])


cdef void member_constants(const Bundle *bundle, bint is_weight, MemberConstants *c) noexcept nogil:
    cdef Constants one
    cdef int lane
    memset(c, 0, sizeof(MemberConstants))
    for lane in range(bundle.count):
        one = constants_of(&bundle.runs[lane].step, is_weight)
        c.rate[lane], c.l1[lane], c.l2[lane], c.shrink[lane] = one.rate, one.l1, one.l2, one.shrink
        c.mu[lane], c.b1[lane], c.b2[lane] = one.mu, one.b1, one.b2
        c.one_minus_b1[lane], c.one_minus_b2[lane] = one.one_minus_b1, one.one_minus_b2
        c.adam_rate[lane], c.adam_epsilon[lane] = one.adam_rate, one.adam_epsilon
        c.has_l1 |= one.l1 != 0
        c.has_l2 |= one.l2 != 0


cdef inline void lane_steps(int method, const MemberConstants *c, ivec active, bint all_active, Py_ssize_t count,
                            real *w, const real *g, real *m1, real *m2) noexcept nogil:
    """`step_lane` with constants of each lane. A formula is in one block of code, without a branch that might keep the
    compiler from fusing."""
    cdef Py_ssize_t i = 0
    cdef vec x, d, v = v_set1(0), s = v_set1(0)
    while i < count*LANES:
        x = v_load(w + i)
        d = v_load(g + i)
        if c.has_l2:
            d = d + x * v_load(c.l2)
        if c.has_l1:
            d = d + v_where(v_lt(v_set1(0), v_abs(x)), v_copysign(v_load(c.l1), x))
        if method == SGD:
            x = x - d * v_load(c.rate)
        elif method == MOMENTUM:
            v = v_load(m1 + i) * v_load(c.mu) - v_rounded(d * v_load(c.rate))
            x = x + v
        elif method == NESTEROV:
            d = d * v_load(c.rate)
            v = v_rounded(v_load(m1 + i) * v_load(c.mu)) - d
            x = x + (v_rounded(v * v_load(c.mu)) - d)
        else:
            v = v_load(m1 + i) * v_load(c.b1) + v_rounded(d * v_load(c.one_minus_b1))
            s = v_load(m2 + i) * v_load(c.b2) + v_rounded(d * d * v_load(c.one_minus_b2))
            d = v_div(v * v_load(c.adam_rate), v_sqrt(s) + v_load(c.adam_epsilon))
            x = x * v_load(c.shrink) - d
        if not all_active:
            x = v_select(active, x, v_load(w + i))
            if method != SGD:
                v = v_select(active, v, v_load(m1 + i))
            if method == ADAM:
                s = v_select(active, s, v_load(m2 + i))
        v_store(w + i, x)
        if method != SGD:
            v_store(m1 + i, v)
        if method == ADAM:
            v_store(m2 + i, s)
        i += LANES


cdef void lane_step(int method, const MemberConstants *c, const real *lanes, bint all_active, Py_ssize_t count,
                    real *w, const real *g, real *m1, real *m2) noexcept nogil:
    cdef ivec active = v_lt(v_set1(0), v_load(lanes))
    if method == SGD:
        lane_steps(SGD, c, active, all_active, count, w, g, m1, m2)
    elif method == MOMENTUM:
        lane_steps(MOMENTUM, c, active, all_active, count, w, g, m1, m2)
    elif method == NESTEROV:
        lane_steps(NESTEROV, c, active, all_active, count, w, g, m1, m2)
    else:
        lane_steps(ADAM, c, active, all_active, count, w, g, m1, m2)


# ---- a batch

cdef void add_to_sums(Py_ssize_t m, Py_ssize_t n, const real *dz, real *sums) noexcept nogil:
    """sums[n] += the m rows of dz[m, n] vectors, four columns at once: one chain of additions would wait for each."""
    cdef vec total[4]
    cdef Py_ssize_t j = 0, r
    cdef int i
    while j + 4 <= n:
        for i in range(4):
            total[i] = v_load(sums + (j + i)*LANES)
        for r in range(m):
            for i in range(4):
                total[i] = total[i] + v_load(dz + (r*n + j + i)*LANES)
        for i in range(4):
            v_store(sums + (j + i)*LANES, total[i])
        j += 4
    while j < n:
        total[0] = v_load(sums + j*LANES)
        for r in range(m):
            total[0] = total[0] + v_load(dz + (r*n + j)*LANES)
        v_store(sums + j*LANES, total[0])
        j += 1


cdef void bundle_rows(const Bundle *bundle, const Lanes *lanes, const real *x, Py_ssize_t ldx, Py_ssize_t start,
                      Py_ssize_t first, Py_ssize_t m) noexcept nogil:
    """Forward, loss and dZ of all layers for m rows from `first` on of a batch, which starts at row `start` of the
    pass."""
    cdef const Net *net = bundle.runs[0].net
    cdef const Layer *layer
    cdef LaneOperands o
    cdef int index, activation, top = net.depth - 1
    cdef Py_ssize_t n
    cdef const real *w = lanes.w
    # Forward.
    for index in range(net.depth):
        layer = &net.layers[index]
        if index == 0:
            o.a, o.a_row, o.a_col = x + first*ldx, ldx, 1
        else:
            o.a, o.a_row, o.a_col = o.c, layer.k*LANES, LANES
        o.b, o.b_row, o.b_col = w, layer.n*LANES, LANES
        o.d, o.d_col = w + layer.k*layer.n*LANES if layer.b >= 0 else NULL, LANES
        o.c, o.c_row, o.c_col = lanes.a + (lanes.starts[index] + first*layer.n)*LANES, layer.n*LANES, LANES
        activation = layer.activation if index < top else IDENTITY
        o.relu, o.below = activation == RELU and not layer.units_major, NULL
        lane_product(m, layer.whole if layer.units_major else layer.n, layer.k, &o, index == 0)
        if layer.units_major:
            lane_dots(m, layer.whole, layer.n, layer.k, &o, index == 0)
        if not o.relu:
            activate_block(activation, 1, m*layer.n*LANES, o.c, 0)
        w += (layer.k*layer.n + (layer.n if layer.b >= 0 else 0))*LANES
    lane_loss(bundle, lanes, start, first, m, o.c, lanes.dz + (o.c - lanes.a))
    # Backward: dZ of the layer below.
    index = top
    while index > 0:
        layer = &net.layers[index]
        w -= (layer.k*layer.n + (layer.n if layer.b >= 0 else 0))*LANES
        o.a, o.a_row, o.a_col = lanes.dz + (lanes.starts[index] + first*layer.n)*LANES, layer.n*LANES, LANES
        o.b, o.b_row, o.b_col = w, LANES, layer.n*LANES
        o.d, o.d_col = NULL, 0
        o.c, o.c_row, o.c_col = lanes.dz + (lanes.starts[index - 1] + first*layer.k)*LANES, layer.k*LANES, LANES
        activation = net.layers[index - 1].activation
        o.relu, o.below = False, lanes.a + (o.c - lanes.dz) if activation == RELU else NULL
        lane_product(m, layer.k, layer.n, &o, False)
        if activation != RELU:
            derive_block(activation, 1, m*layer.k*LANES, lanes.a + (o.c - lanes.dz), o.c, 0)
        index -= 1
    # The sums of dZ, while it is in the first-level cache.
    for index in range(net.depth):
        n = net.layers[index].n
        add_to_sums(m, n, lanes.dz + (lanes.starts[index] + first*n)*LANES,
                    lanes.bias_gradients + lanes.units[index]*LANES)


cdef void bundle_batch(const Bundle *bundle, const Lanes *lanes, const real *x, Py_ssize_t ldx, Py_ssize_t start,
                       Py_ssize_t m, Py_ssize_t step) noexcept nogil:
    """Forward, loss, backward and step for the m rows of a batch that starts at row `start` of the pass."""
    cdef const Net *net = bundle.runs[0].net
    cdef const Layer *layer
    cdef MemberConstants of_weights, of_biases
    cdef LaneOperands o
    cdef bint all_active = True, any_active = False
    cdef int index, lane, method = bundle.runs[0].step.method
    cdef Py_ssize_t n, at = 0, first = 0
    cdef const real *dz
    weigh(bundle, lanes, start, m)
    for lane in range(bundle.count):
        all_active = all_active and lanes.shares[lane] > 0
        any_active = any_active or lanes.shares[lane] > 0
    if not any_active:
        return
    begin_steps(bundle, lanes, step)
    member_constants(bundle, True, &of_weights)
    member_constants(bundle, False, &of_biases)
    memset(lanes.bias_gradients, 0, units_of(net) * LANES * sizeof(real))
    while first < m:
        bundle_rows(bundle, lanes, x, ldx, start, first, min(ROWS_AT_ONCE, m - first))
        first += ROWS_AT_ONCE
    add_lane_losses(bundle, lanes, m)
    for index in range(net.depth):
        layer = &net.layers[index]
        n = layer.n
        dz = lanes.dz + lanes.starts[index]*LANES
        if index == 0:
            o.a, o.a_row, o.a_col = x, 1, ldx
        else:
            o.a, o.a_row, o.a_col = lanes.a + lanes.starts[index - 1]*LANES, LANES, layer.k*LANES
        o.b, o.b_row, o.b_col = dz, n*LANES, LANES
        o.d, o.d_col = NULL, 0
        o.c, o.c_row, o.c_col = lanes.g, n*LANES, LANES
        o.relu, o.below = False, NULL
        lane_product(layer.k, n, m, &o, index == 0)
        lane_step(method, &of_weights, lanes.active, all_active, layer.k*n, lanes.w + at, lanes.g, lanes.m1 + at,
                  lanes.m2 + at)
        at += layer.k*n*LANES
        if layer.b >= 0:
            lane_step(method, &of_biases, lanes.active, all_active, n, lanes.w + at,
                      lanes.bias_gradients + lanes.units[index]*LANES, lanes.m1 + at, lanes.m2 + at)
            at += n*LANES


cdef void bundle_steps(const Bundle *bundle, Py_ssize_t at, Py_ssize_t count, const real *gathered) noexcept nogil:
    """The steps of all networks for the rows of a group; `gathered` NULL: read in place."""
    cdef Run *run = bundle.runs[0]
    cdef Lanes lanes = lanes_of(bundle)
    cdef Py_ssize_t ldx = run.net.layers[0].ldt, start = at, step = 0
    cdef const real *x = gathered
    cdef int lane
    if gathered == NULL:
        ldx = run.x.row_stride // <Py_ssize_t>sizeof(real)
        x = <const real *>(run.x.data + at*run.x.row_stride)
    while start < at + count:
        bundle_batch(bundle, &lanes, x + (start - at)*ldx, ldx, start, min(run.batch, at + count - start), step)
        start += run.batch
        step += 1
    for lane in range(bundle.count):
        bundle.runs[lane].rates += step
