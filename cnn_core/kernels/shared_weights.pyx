"""Passes of equal networks that share weights: for one instruction set and one type of real.

Member k has, in each layer but the last, the weights diag(r) W diag(s): W is shared, and the factors r of the inputs
and s of the units are its own, as are biases, gains and the last layer (BatchEnsemble, Wen et al. 2020; TabM,
Gorishniy et al. 2024). The function to minimise is the mean over the members of the loss and of the penalty of the
own last layer, plus the penalty of the shared weights.

(a) The product of two members' rows differs only by factors of rows and columns of W, so that each member has its
    weights diag(r) W diag(s) in its own parameters, and takes the kernels of every other network for its gradient G.
    Then dr = rowsums of G * W * s, ds = column sums of G * W * r, and dW = sum over the members of r * G * s.
(b) Three phases for each batch, with barriers: gradients and steps of what members own, divided by members; sum over
    the members and step of W, divided by rows; new weights of the members, divided by members.
(c) Sums over the members are in their order, and each of a row in eight parts as in `sum_of_squares`: the bits depend
    neither on the threads nor on the width of a vector.
"""

from libc.math cimport pow
from libc.string cimport memcpy

from cnn_core.kernels.optimizers cimport begin_step
from cnn_core.kernels.partition cimport share_of_row
from cnn_core.kernels.vec cimport LANES, flush_subnormals, fp_state, real, restore_fp, v_load, v_set1, v_store
from cnn_core.types cimport Layer, Run, Shared, Step, share
# from dense.pyx: gather_rows
# from passes.pyx: run_passes
# from updates.pyx: ema_update


cdef struct Scaled:         # a layer's weights, with the factors of its rows and columns
    Py_ssize_t w, rows, ld
    Py_ssize_t down, across     # of a member's factors


cdef Scaled scaled_layer(const Layer *layer, Py_ssize_t at) noexcept nogil:
    """Weights of a layer whose factors begin at `at`: those of the inputs, then those of the units."""
    cdef Scaled s
    s.w = layer.w
    if layer.units_major:
        s.rows, s.ld, s.down, s.across = layer.n, layer.ldt, at + layer.ldt, at
    else:
        s.rows, s.ld, s.down, s.across = layer.k, layer.ld, at, at + layer.ldt
    return s


cdef void add_to(Py_ssize_t n, const real *x, real *y) noexcept nogil:
    """y += x."""
    cdef Py_ssize_t j = 0
    while j < n:
        v_store(y + j, v_load(y + j) + v_load(x + j))
        j += LANES


cdef void scale_all(Py_ssize_t n, real factor, real *x) noexcept nogil:
    """x = factor x."""
    cdef Py_ssize_t j = 0
    while j < n:
        v_store(x + j, v_load(x + j) * factor)
        j += LANES


cdef void scale_by(Py_ssize_t n, real factor, const real *x, const real *across, real *out) noexcept nogil:
    """out = factor x across."""
    cdef Py_ssize_t j = 0
    while j < n:
        v_store(out + j, v_load(x + j) * (v_load(across + j) * factor))
        j += LANES


cdef real product_sum(Py_ssize_t n, const real *g, const real *w, const real *across) noexcept nogil:
    """sum g w across over whole cache lines."""
    cdef double sums[8]
    cdef Py_ssize_t i = 0, j
    for j in range(8):
        sums[j] = 0
    while i < n:
        for j in range(8):
            sums[j] += <double>(g[i + j]*w[i + j]) * <double>across[i + j]
        i += 8
    return <real>(((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7])))


cdef void add_products(Py_ssize_t n, real factor, const real *g, const real *w, real *sums) noexcept nogil:
    """sums += factor g w."""
    cdef Py_ssize_t j = 0
    while j < n:
        v_store(sums + j, v_load(sums + j) + v_load(g + j) * v_load(w + j) * v_set1(factor))
        j += LANES


cdef void set_effective(const Shared *shared, int member) noexcept nogil:
    """The weights of a member that follow from the shared ones and its factors."""
    cdef const Run *run = shared.runs[member]
    cdef const real *factors = <const real *>shared.factors + 5*member*shared.size
    cdef Py_ssize_t at = 0, row, i
    cdef int index
    cdef Scaled s
    for index in range(run.net.depth - 1):
        s = scaled_layer(&run.net.layers[index], at)
        for row in range(s.rows):
            i = s.w + row*s.ld
            scale_by(s.ld, factors[s.down + row], <const real *>shared.weights + i, factors + s.across,
                     <real *>run.parameters + i)
        at += run.net.layers[index].ldt + run.net.layers[index].ld


cdef void chain(const Shared *shared, int member, real part) noexcept nogil:
    """From the gradient of a member's weights: that of its factors, and its part in that of the shared weights, which
    replaces it; each times `part`."""
    cdef Run *run = shared.runs[member]
    cdef const real *factors = <const real *>shared.factors + 5*member*shared.size
    cdef real *slopes = <real *>shared.factors + (5*member + 1)*shared.size
    cdef const real *w
    cdef real *g
    cdef Py_ssize_t at = 0, row, j
    cdef int index
    cdef Scaled s
    for j in range(shared.size):
        slopes[j] = 0
    for index in range(run.net.depth - 1):
        s = scaled_layer(&run.net.layers[index], at)
        for row in range(s.rows):
            w, g = <const real *>shared.weights + s.w + row*s.ld, <real *>run.gradients + s.w + row*s.ld
            slopes[s.down + row] = product_sum(s.ld, g, w, factors + s.across)
            add_products(s.ld, factors[s.down + row], g, w, slopes + s.across)
            scale_by(s.ld, factors[s.down + row] * part, g, factors + s.across, g)
        at += run.net.layers[index].ldt + run.net.layers[index].ld
    scale_all(shared.size, part, slopes)


cdef void own_step(const Run *run, const Step *step, real part, Py_ssize_t offset, Py_ssize_t rows, Py_ssize_t ld,
                   bint is_weight) noexcept nogil:
    """Step of rows of parameters that a member owns, with `part` times their gradient."""
    cdef real *g = <real *>run.gradients + offset
    scale_all(rows*ld, part, g)
    run.take_step(step, rows, ld, ld, is_weight, <real *>run.parameters + offset, g, ld,
                  <real *>run.m1 + offset if run.m1 != NULL else NULL,
                  <real *>run.m2 + offset if run.m2 != NULL else NULL,
                  <real *>run.m3 + offset if run.m3 != NULL else NULL)


cdef void own_steps(const Shared *shared, int member, const Step *step) noexcept nogil:
    """Steps of the biases, gains, factors and the last layer of a member."""
    cdef const Run *run = shared.runs[member]
    cdef const Layer *layer
    cdef real *factors = <real *>shared.factors + 5*member*shared.size
    cdef real part = <real>(1.0/shared.count)
    cdef Step last = step[0]
    cdef int index
    chain(shared, member, part)
    run.take_step(step, 1, shared.size, shared.size, False, factors, factors + shared.size, shared.size,
                  factors + 2*shared.size, factors + 3*shared.size, factors + 4*shared.size)
    for index in range(run.net.depth):
        layer = &run.net.layers[index]
        if layer.b >= 0:
            own_step(run, step, part, layer.b, 1, layer.ld, False)
        if layer.g >= 0:
            own_step(run, step, part, layer.g, 1, layer.ld, False)
    last.l1, last.l2 = step.l1/shared.count, step.l2/shared.count
    if layer.units_major:
        own_step(run, &last, part, layer.w, layer.n, layer.ldt, True)
    else:
        own_step(run, &last, part, layer.w, layer.k, layer.ld, True)


cdef void shared_step(const Shared *shared, const Step *step, int rank, int size) noexcept nogil:
    """The rank's rows of the step of the shared weights."""
    cdef const Run *run = shared.runs[0]
    cdef Py_ssize_t first, last, i, n
    cdef int index, member
    cdef Scaled s
    cdef real *g
    for index in range(run.net.depth - 1):
        s = scaled_layer(&run.net.layers[index], 0)
        first, last = share(s.rows, rank, size, 1), share(s.rows, rank + 1, size, 1)
        if first == last:
            continue
        i = s.w + first*s.ld
        g, n = <real *>shared.gradients + i, (last - first)*s.ld
        memcpy(g, <const real *>run.gradients + i, n*sizeof(real))
        for member in range(1, shared.count):
            add_to(n, <const real *>shared.runs[member].gradients + i, g)
        run.take_step(step, last - first, s.ld, s.ld, True, <real *>shared.weights + i, g, s.ld,
                      <real *>shared.m1 + i if shared.m1 != NULL else NULL,
                      <real *>shared.m2 + i if shared.m2 != NULL else NULL,
                      <real *>shared.m3 + i if shared.m3 != NULL else NULL)


cdef void members_gradients(Shared *shared, const Step *step, int part, Py_ssize_t at, Py_ssize_t m) noexcept nogil:
    """Gradients of the members of one part for m rows, and the steps of what they own."""
    cdef Run *run = shared.runs[0]
    cdef char *inputs = shared.inputs + part*shared.inputs_size
    cdef bint in_place = run.x.direct and run.order == NULL
    cdef int member
    if not in_place:
        gather_rows(&run.x, run.order, at, m, <real *>inputs, run.net.layers[0].ldt)
    for member in range(<int>share(shared.count, part, shared.parts, 1),
                        <int>share(shared.count, part + 1, shared.parts, 1)):
        run = shared.runs[member]
        run.first, run.count = at, m
        run.gathered, run.gathered_first = NULL if in_place else inputs, at
        run_passes(run, 0, 1)
        own_steps(shared, member, step)


cdef void new_weights(const Shared *shared, const Step *step, int part) noexcept nogil:
    """New weights of the members of one part, and their averages."""
    cdef int member
    for member in range(<int>share(shared.count, part, shared.parts, 1),
                        <int>share(shared.count, part + 1, shared.parts, 1)):
        set_effective(shared, member)
        if shared.averages != NULL:
            ema_update(shared.reals, <real>((1 - shared.decay) / (1 - pow(shared.decay, <double>step.count))),
                       <const real *>shared.runs[member].parameters, <real *>shared.averages[member])


cdef void run_shared(Shared *shared, int rank, int size) noexcept nogil:
    """One thread's part of some steps: `DenseKernels.share_weights`."""
    cdef fp_state saved = flush_subnormals()
    cdef Run *run = shared.runs[0]
    cdef Step step = shared.step
    cdef Py_ssize_t at = shared.first, end = shared.first + shared.count_of_rows, m, batch = run.batch
    cdef int part
    while at < end:
        m = min(batch, end - at)
        if share_of_row(run, at, m) > 0:
            begin_step(&step, shared.rates[at // batch])
            part = rank
            while part < shared.parts:
                members_gradients(shared, &step, part, at, m)
                part += size
            if size > 1:
                shared.wait(shared.pool, rank)
            shared_step(shared, &step, rank, size)
            if size > 1:
                shared.wait(shared.pool, rank)
            part = rank
            while part < shared.parts:
                new_weights(shared, &step, part)
                part += size
        at += m
    if size > 1:
        shared.wait(shared.pool, rank)
    if rank == 0:
        shared.step = step
    restore_fp(saved)
