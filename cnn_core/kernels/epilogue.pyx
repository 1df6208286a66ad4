"""Operations on the rows of a layer between its product and the next one, forward and backward.

(a) An activation that is not `fused` is applied to the rows that the product has just written. f' is computed with f
    and kept in `Run.slope` in place of Z: f and f' share an exponential, and backward is then one multiplication. The
    same holds for every activation of a layer that is normalised, residual, has dropout, or is below a residual layer.
(b) The order is Z = X W, norm, + b, activation, dropout, + X of a residual layer.
(c) A user's activation is a call to Python, and only one thread then computes. If it raises, the pass ends.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from cnn_core.activation_codes cimport SINE, USER, fused
from cnn_core.kernels.activations cimport activate_block, derive_block, v_chain
from cnn_core.kernels.activations_of_z cimport is_piecewise_linear, v_piecewise_linear, v_sine, v_smooth
from cnn_core.kernels.dropout cimport drop, scrambled
from cnn_core.kernels.partition cimport EPILOGUE_FLOPS, clear_padding, next_part, no_rows, vectors_of
from cnn_core.kernels.vec cimport LANES, real, v_load, v_set1, v_store, vec
from cnn_core.types cimport NO_NORM, Layer, Net, Part, Run
# from norms.pyx: denormalize, normalize, normalize_in_place


cdef void activate_from_z(int activation, Py_ssize_t n, real *a, real *slope) noexcept nogil:
    """a[n] = f(a); slope[n] = f'(a) unless it is NULL; n a multiple of LANES. The only compiled copy."""
    cdef vec steepness
    cdef Py_ssize_t j = 0
    cdef bint piecewise_linear = is_piecewise_linear(activation)
    while j < n:
        if piecewise_linear:
            v_store(a + j, v_piecewise_linear(activation, v_load(a + j), &steepness))
        elif activation == SINE:
            v_store(a + j, v_sine(v_load(a + j), &steepness))
        else:
            v_store(a + j, v_smooth(activation, v_load(a + j), &steepness))
        if slope != NULL:
            v_store(slope + j, steepness)
        j += LANES


cdef bint activate_rows(const Net *net, int index, int activation, Py_ssize_t m, real *a, real *slope) noexcept nogil:
    """A[m, n] = f(A) if the activation is not fused, and slope = f'(A) unless it is NULL; padding is zero. Returns
    False when a user's function has set an exception."""
    cdef const Layer *layer = &net.layers[index]
    cdef Py_ssize_t i
    if fused(activation):
        return True
    if activation == USER:
        if net.call(net.owner, index, m, layer.n, a, slope, layer.ld) < 0:
            return False
        if slope != NULL:
            clear_padding(m, layer.n, slope, layer.ld)
        return True
    for i in range(m):
        activate_from_z(activation, vectors_of(layer.n)*LANES, a + i*layer.ld,
                        slope + i*layer.ld if slope != NULL else NULL)
    clear_padding(m, layer.n, a, layer.ld)
    return True


cdef inline void apply_activation(Run *run, int index, const Part *part, real *a, real *slope) noexcept nogil:
    """`activate_rows` in training. Only a user's function fails, for which one thread computes: `failed` has one
    writer."""
    if not activate_rows(run.net, index, run.net.layers[index].activation, part.m, a, slope):
        run.failed = True


cdef void activate_fused(const Layer *layer, Py_ssize_t m, real *a, real *slope) noexcept nogil:
    """A = f(A) for a fused activation that the product left out, and slope = f'(A) unless it is NULL; padding is
    zero."""
    cdef Py_ssize_t i, j
    activate_block(layer.activation, m, vectors_of(layer.n)*LANES, a, layer.ld)
    clear_padding(m, layer.n, a, layer.ld)
    if slope == NULL:
        return
    for i in range(m):
        j = 0
        while j < layer.n:
            v_store(slope + i*layer.ld + j, v_chain(layer.activation, v_load(a + i*layer.ld + j), v_set1(1)))
            j += LANES


cdef void activate_output(Run *run, const Part *part) noexcept nogil:
    """Outputs of the last layer from its logits, for a loss of f(z)."""
    cdef int top = run.net.depth - 1
    cdef const Layer *layer = &run.net.layers[top]
    cdef real *a = <real *>run.a[top] + part.first*layer.ld
    cdef real *slope = <real *>run.slope[top] + part.first*layer.ld if run.backward and run.slope[top] != NULL else NULL
    if fused(layer.activation):
        activate_fused(layer, part.m, a, NULL)
    else:
        apply_activation(run, top, part, a, slope)


cdef void derive_output(Run *run, const Part *part) noexcept nogil:
    """dZ of the last layer from the gradient with respect to its outputs."""
    cdef int top = run.net.depth - 1
    cdef const Layer *layer = &run.net.layers[top]
    cdef Py_ssize_t at = part.first*layer.ld
    cdef real *dz = <real *>run.dz[top] + at
    if fused(layer.activation):
        derive_block(layer.activation, part.m, vectors_of(layer.n)*LANES, <const real *>run.a[top] + at, dz, layer.ld)
    else:
        multiply_rows(part.m, layer.n, <const real *>run.slope[top] + at, dz, layer.ld)


cdef void multiply_rows(Py_ssize_t m, Py_ssize_t n, const real *x, real *y, Py_ssize_t ld) noexcept nogil:
    """y[m, n] *= x[m, n], in whole vectors."""
    cdef Py_ssize_t _, j
    for _ in range(m):
        j = 0
        while j < n:
            v_store(y + j, v_load(y + j) * v_load(x + j))
            j += LANES
        x += ld
        y += ld


cdef void add_rows(Py_ssize_t m, Py_ssize_t n, const real *x, Py_ssize_t ldx, real *y, Py_ssize_t ldy) noexcept nogil:
    """y[m, n] += x[m, n], in whole vectors."""
    cdef Py_ssize_t i, j
    for i in range(m):
        j = 0
        while j < n:
            v_store(y + i*ldy + j, v_load(y + i*ldy + j) + v_load(x + i*ldx + j))
            j += LANES


cdef inline uint64_t drop_key(const Run *run, int index, int64_t step) noexcept nogil:
    """Key of the outputs of a layer that are dropped in a step; index -1 means the network's inputs."""
    cdef uint64_t place = <uint64_t>step*<uint64_t>(run.net.depth + 1) + <uint64_t>(index + 1)
    return scrambled(run.key + place * <uint64_t>0xD1B54A32D192ED03)


cdef void apply_dropout(const Run *run, double rate, int index, const Part *part, Py_ssize_t n, real *x,
                        Py_ssize_t ld) noexcept nogil:
    """Dropout of the part's rows x[m, n] of a layer's outputs, or of their gradient. The only compiled copy of
    `drop`."""
    drop(rate, drop_key(run, index, part.step), part.at + part.first, part.m, n, x, ld)


cdef void drop_inputs(Run *run, Part *part, real *x, Py_ssize_t ldx) noexcept nogil:
    if run.training and run.input_dropout > 0:
        apply_dropout(run, run.input_dropout, -1, part, run.net.layers[0].k, x, ldx)


cdef void activate_part(Run *run, int index, const Part *part) noexcept nogil:
    """Activation, dropout and residual of the part's rows."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef const Layer *below = layer - 1
    cdef real *a = <real *>run.a[index] + part.first*layer.ld
    cdef real *slope = NULL
    if run.backward and run.slope[index] != NULL:
        slope = <real *>run.slope[index] + part.first*layer.ld
    if not fused(layer.activation):
        apply_activation(run, index, part, a, slope)
    elif layer.has_epilogue:
        activate_fused(layer, part.m, a, slope)
    if run.training and layer.dropout > 0:
        apply_dropout(run, layer.dropout, index, part, layer.n, a, layer.ld)
    if layer.residual:
        add_rows(part.m, layer.n, <const real *>run.a[index - 1] + part.first*below.ld, below.ld, a, layer.ld)


cdef void epilogue_forward(Run *run, int index, const Part *part) noexcept nogil:
    """Norm, activation, dropout and residual of the part's rows, which the layer's product has just written."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef Part some = no_rows(part)
    if run.net.plain or index == run.net.depth - 1 or run.failed:
        return
    if layer.norm != NO_NORM:
        normalize(run, index, part)
    if layer.activation == USER:
        activate_part(run, index, part)     # one call of the user's function
        return
    while next_part(run, part, &some, EPILOGUE_FLOPS*layer.ld):
        activate_part(run, index, &some)


cdef void derive_part(Run *run, int index, const Part *part) noexcept nogil:
    """The steps of `activate_part` in reverse order, for dA of the part's rows."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef const Layer *above = layer + 1
    cdef real *dz = <real *>run.dz[index] + part.first*layer.ld
    cdef const real *slope = <const real *>run.slope[index] + part.first*layer.ld
    if above.residual:
        add_rows(part.m, layer.n, <const real *>run.skip_gradient[index + 1] + part.first*above.ld, above.ld, dz,
                 layer.ld)
    if layer.residual:
        memcpy(<real *>run.skip_gradient[index] + part.first*layer.ld, dz, part.m*layer.ld*sizeof(real))
    if run.training and layer.dropout > 0:
        apply_dropout(run, layer.dropout, index, part, layer.n, dz, layer.ld)
    if run.slope[index] != NULL:
        multiply_rows(part.m, layer.n, slope, dz, layer.ld)


cdef void epilogue_backward(Run *run, int index, const Part *part) noexcept nogil:
    """dZ of the part's rows from their dA: the steps of `epilogue_forward` in reverse order."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef Part some = no_rows(part)
    if run.net.plain:
        return
    while next_part(run, part, &some, EPILOGUE_FLOPS*layer.ld):
        derive_part(run, index, &some)
    if layer.norm != NO_NORM:
        denormalize(run, index, part)


cdef bint epilogue_predict(const Net *net, int index, int activation, const real *parameters, Py_ssize_t m,
                           const real *x, Py_ssize_t ldx, real *a, real *room) noexcept nogil:
    """`epilogue_forward` in prediction, for rows a[m, n]; x is the layer's input, room has two rows. Returns False
    when a user's function has set an exception."""
    cdef const Layer *layer = &net.layers[index]
    if layer.norm != NO_NORM:
        normalize_in_place(layer, parameters, <const real *>net.running, m, a, room)
    if not activate_rows(net, index, activation, m, a, NULL):
        return False
    if layer.has_epilogue and activation == layer.activation and fused(activation):
        activate_fused(layer, m, a, NULL)
    if layer.residual:
        add_rows(m, layer.n, x, ldx, a, layer.ld)
    return True
