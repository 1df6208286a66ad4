"""A training step of a tiny network, in which no layer has more units than a vector has lanes.

A product is then a few multiply-adds per row, and choosing its tiles would take longer than computing it. Sums run in
the same order as in `run_batch`, so the bits are the same. A step of 2-3-1 on four rows takes 0.56 of the time of
`run_batch`, one of 4-8-3 on eight rows 0.82; with more rows than TINY_ROWS or more inputs than TINY_INPUTS nothing is
gained.
"""

from cnn_core.activation_codes cimport IDENTITY
from cnn_core.kernels.activations cimport v_activate, v_chain
from cnn_core.kernels.optimizers cimport Constants, constants_of, step_lane
from cnn_core.kernels.vec cimport LANES, real, v_first, v_load, v_set1, v_store, vec
from cnn_core.types cimport ADAMW, GRADIENT_ONLY, Layer, Net, Run

cdef enum:
    TINY_ROWS = 16
    TINY_INPUTS = 8


cdef inline bint is_tiny(const Run *run) noexcept nogil:
    """Whether `tiny_batch` can compute the steps of a pass, and is faster."""
    cdef const Layer *layer
    cdef int index
    if not run.net.plain or not run.backward or run.activated:
        return False
    if run.step.method == GRADIENT_ONLY or run.offset != NULL or run.batch > TINY_ROWS:
        return False
    if run.step.method > ADAMW:
        return False
    for index in range(run.net.depth):
        layer = &run.net.layers[index]
        if layer.n > LANES or layer.k > TINY_INPUTS or layer.units_major:
            return False
    return True


cdef inline void tiny_forward(const Layer *layer, const real *parameters, const real *x, Py_ssize_t ldx, Py_ssize_t m,
                              int activation, real *a) noexcept nogil:
    """A[m, n] = f(X W + b), its padding zero."""
    cdef const real *w = parameters + layer.w
    cdef vec bias = v_load(parameters + layer.b) if layer.b >= 0 else v_set1(0), z
    cdef Py_ssize_t _, p
    for _ in range(m):
        z = bias
        for p in range(layer.k):
            z = z + v_load(w + p*layer.ld) * x[p]
        v_store(a, v_first(<int>layer.n, v_activate(activation, z)))
        x += ldx
        a += layer.ld


cdef inline void tiny_backward(const Layer *layer, const Layer *below, const real *parameters, const real *dz,
                               const real *a, Py_ssize_t m, real *dx) noexcept nogil:
    """dX[m, k] = (dZ[m, n] W^T) * f'(A), its padding zero."""
    cdef vec column[16]
    cdef real lanes[16]
    cdef vec d
    cdef Py_ssize_t _, j, p
    v_store(lanes, v_set1(0))
    # The columns of W, as vectors along the inputs.
    for j in range(layer.n):
        for p in range(layer.k):
            lanes[p] = parameters[layer.w + p*layer.ld + j]
        column[j] = v_load(lanes)
    for _ in range(m):
        d = v_set1(0)
        for j in range(layer.n):
            d = d + column[j] * dz[j]
        v_store(dx, v_chain(below.activation, v_load(a), d))
        dz += layer.ld
        a += below.ld
        dx += below.ld


cdef inline void tiny_step(Run *run, const Layer *layer, const real *x, Py_ssize_t ldx, const real *dz, Py_ssize_t m,
                           const Constants *of_weights, const Constants *of_biases) noexcept nogil:
    """dW = X^T dZ, db = sum of dZ over the rows, and the step on both."""
    cdef real gradient[16]
    cdef vec g
    cdef Py_ssize_t p, i
    for p in range(layer.k):
        g = v_set1(0)
        for i in range(m):
            g = g + v_load(dz + i*layer.ld) * x[i*ldx + p]
        v_store(gradient, g)
        tiny_step_lane(run, of_weights, layer.w + p*layer.ld, gradient)
    if layer.b >= 0:
        g = v_set1(0)
        for i in range(m):
            g = g + v_load(dz + i*layer.ld)
        v_store(gradient, g)
        tiny_step_lane(run, of_biases, layer.b, gradient)


cdef inline void tiny_step_lane(Run *run, const Constants *c, Py_ssize_t offset, real *gradient) noexcept nogil:
    step_lane(run.step.method, c, <real *>run.parameters + offset, gradient, <real *>run.m1 + offset,
              <real *>run.m2 + offset)


cdef inline void tiny_batch(Run *run, const real *x, Py_ssize_t ldx, Py_ssize_t m, Py_ssize_t at, double weight,
                            real *scratch) noexcept nogil:
    """Forward, loss, backward and step for the m rows of a batch that starts at row `at` of the pass."""
    cdef const Net *net = run.net
    cdef const Layer *layer
    cdef const real *below = x
    cdef const real *parameters = <const real *>run.parameters
    cdef Py_ssize_t ld = ldx
    cdef int index, top = net.depth - 1
    cdef Constants of_weights = constants_of(&run.step, True), of_biases = constants_of(&run.step, False)
    # Forward.
    for index in range(net.depth):
        layer = &net.layers[index]
        tiny_forward(layer, parameters, below, ld, m, layer.activation if index < top else IDENTITY,
                     <real *>run.a[index])
        below, ld = <const real *>run.a[index], layer.ld
    layer = &net.layers[top]
    run.loss_and_gradient(&run.loss_spec, layer, m, run.a[top], &run.target, run.order, at, weight, run.dz[top],
                          scratch, run.row_loss)
    # Backward: dZ of the layer below, before this layer's W takes its step.
    index = top
    while index >= 0:
        layer = &net.layers[index]
        if index > 0:
            tiny_backward(layer, &net.layers[index - 1], parameters, <const real *>run.dz[index],
                          <const real *>run.a[index - 1], m, <real *>run.dz[index - 1])
        tiny_step(run, layer, x if index == 0 else <const real *>run.a[index - 1],
                  ldx if index == 0 else net.layers[index - 1].ld, <const real *>run.dz[index], m, &of_weights,
                  &of_biases)
        index -= 1
