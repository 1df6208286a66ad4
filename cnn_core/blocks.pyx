"""What is done to the rows of a layer between its product and the next, on the way up and on the way down.

(a) An activation that is not `fused` is applied to the rows its product has just written. f' is made with f and kept
    in `Run.slope`, in place of Z: f and f' share an exponential, and the way down is a multiplication.
(b) A user's activation is a call to Python, by one thread alone. Once it has failed, nothing further is done.
"""

from cnn_core.types cimport USER, Layer, Net, Run, fused
from cnn_core.unfused cimport is_bent, v_bent, v_curved
from cnn_core.vec cimport LANES, real, v_load, v_store, vec


cdef void unfused(int activation, Py_ssize_t n, real *a, real *slope) noexcept nogil:
    """a[n] = f(a); slope[n] = f'(a) unless it is NULL; n a multiple of LANES. The one compiled copy of the formulas."""
    cdef vec steepness
    cdef Py_ssize_t j = 0
    cdef bint bent = is_bent(activation)
    while j < n:
        if bent:
            v_store(a + j, v_bent(activation, v_load(a + j), &steepness))
        else:
            v_store(a + j, v_curved(activation, v_load(a + j), &steepness))
        if slope != NULL:
            v_store(slope + j, steepness)
        j += LANES


cdef bint activate_rows(const Net *net, int index, int activation, Py_ssize_t m, real *a, real *slope) noexcept nogil:
    """A[m, n] = f(A) for a layer whose product left f out, and f'(A) in slope unless it is NULL; padding is zero. False
    when a user's function has set an exception."""
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
        unfused(activation, vectors_of(layer.n)*LANES, a + i*layer.ld, slope + i*layer.ld if slope != NULL else NULL)
    clear_padding(m, layer.n, a, layer.ld)
    return True


cdef void after_product(Run *run, int index, Py_ssize_t first, Py_ssize_t m) noexcept nogil:
    """What the layer's rows first, ... still lack when its product has written them."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef real *slope = NULL
    if run.net.plain or index == run.net.depth - 1 or run.failed:
        return
    if run.backward and run.slope[index] != NULL:
        slope = <real *>run.slope[index] + first*layer.ld
    if not activate_rows(run.net, index, layer.activation, m, <real *>run.a[index] + first*layer.ld, slope):
        run.failed = True


cdef void before_product(Run *run, int index, Py_ssize_t first, Py_ssize_t m) noexcept nogil:
    """dZ of the layer's rows first, ... from their dA, before the product takes it further down."""
    cdef const Layer *layer = &run.net.layers[index]
    cdef Py_ssize_t _, j
    cdef real *dz = <real *>run.dz[index] + first*layer.ld
    cdef const real *slope = <const real *>run.slope[index] + first*layer.ld
    if run.slope[index] == NULL:
        return
    for _ in range(m):
        for j in range(vectors_of(layer.n)):
            v_store(dz + j*LANES, v_load(dz + j*LANES) * v_load(slope + j*LANES))
        dz += layer.ld
        slope += layer.ld
