"""Prediction: all layers are computed for one block of rows before the next block."""

from libc.string cimport memcpy

from cnn_core.activation_codes cimport IDENTITY, SOFTMAX
from cnn_core.kernels.activations cimport softmax_row
from cnn_core.kernels.partition cimport round_up_to_cache_line, vectors_of
from cnn_core.kernels.vec cimport (
    LANES, LOW_PRECISION, flush_subnormals, fp_state, real, restore_fp, v_is_zero, v_load, v_set1, vec)
from cnn_core.types cimport BOTH_CLASSES, LINKED, LOGITS, SINGLE, Layer, Net, Rows, copied_numbers
# from dense.pyx: encoded_layer, forward_layer, gather_rows
# from mixed_precision.pyx: low_forward_layer
# from epilogue.pyx: epilogue_predict


cdef bint is_finite(Py_ssize_t m, Py_ssize_t k, const real *x, Py_ssize_t ldx) noexcept nogil:
    """Whether x[m, k] has neither NaN nor infinity; 0 times either of them is NaN."""
    cdef Py_ssize_t _, j
    cdef vec zero = v_set1(0), one = zero, two = zero, three = zero     # one sum would wait for each addition
    cdef real total = 0
    for _ in range(m):
        j = 0
        while j + 4*LANES <= k:
            zero = zero + v_load(x + j) * <real>0.0
            one = one + v_load(x + j + LANES) * <real>0.0
            two = two + v_load(x + j + 2*LANES) * <real>0.0
            three = three + v_load(x + j + 3*LANES) * <real>0.0
            j += 4*LANES
        while j + LANES <= k:
            zero = zero + v_load(x + j) * <real>0.0
            j += LANES
        while j < k:
            total = total + x[j] * <real>0.0
            j += 1
        x += ldx
    return total == 0 and v_is_zero((zero + one) + (two + three))


cdef inline bint are_finite(Py_ssize_t m, Py_ssize_t vectors, const real *a, Py_ssize_t ld) noexcept nogil:
    """`is_finite` for rows of whole vectors."""
    cdef vec zero = v_set1(0)
    cdef Py_ssize_t _, j
    for _ in range(m):
        for j in range(vectors):
            zero = zero + v_load(a + j*LANES) * <real>0.0
        a += ld
    return v_is_zero(zero)


cdef void gather_for_forward(const Rows *x, Py_ssize_t first, Py_ssize_t m, void *target,
                             Py_ssize_t ld) noexcept nogil:
    """Rows as `forward` gathers them: see `DenseKernels.gather`."""
    cdef fp_state saved = flush_subnormals()
    gather_rows(x, NULL, first, m, <real *>target, ld)
    restore_fp(saved)


cdef int forward(const Net *net, const void *parameters, const Rows *x, Py_ssize_t first, Py_ssize_t count,
                 void *out_, int output, bint finite_only, Py_ssize_t block, void *work) noexcept nogil:
    """Prediction: see `DenseKernels.forward`."""
    cdef fp_state saved = flush_subnormals()
    cdef real *even = <real *>work
    cdef real *odd = even + block*net.width
    cdef real *a = even
    cdef real *out = <real *>out_
    cdef const real *below
    cdef const real *copies
    cdef const real *copy
    cdef int index, activation, top = net.depth - 1
    cdef const Layer *layer = &net.layers[top]
    cdef Py_ssize_t at = first, m, ldx, i, k = net.layers[0].k
    if x.pieces != NULL and x.pieces.table != NULL:
        k = x.columns + 2*x.pieces.count
    while at < first + count:
        m = min(block, first + count - at)
        if x.direct:
            below = <const real *>(x.data + at*x.row_stride)
            ldx = x.row_stride // <Py_ssize_t>sizeof(real)
        else:
            below, ldx = odd, net.layers[0].ldt if k == net.layers[0].k else round_up_to_cache_line(k)
            gather_rows(x, NULL, at, m, odd, ldx)
        if finite_only and not is_finite(m, k, below, ldx):
            restore_fp(saved)
            return 0
        # Outputs of the layers alternate between two buffers.
        copies = <const real *>net.copies
        for index in range(net.depth):
            layer = &net.layers[index]
            copy = NULL
            if copies != NULL and copied_numbers(layer, sizeof(real)) > 0:
                copy = copies
                copies += copied_numbers(layer, sizeof(real))
            a = odd if index % 2 else even
            activation = layer.activation
            if index == top and (output == LOGITS or activation == SOFTMAX):
                activation = IDENTITY       # softmax is applied below, row by row
            if LOW_PRECISION and net.low_precision != NULL and net.low_precision.layers[index].precision != SINGLE:
                low_forward_layer(net.low_precision, index, layer, <const real *>parameters, below, ldx, m, a,
                                  IDENTITY if layer.has_epilogue else activation, even + 2*(block + 1)*net.width)
            elif index == 0 and x.pieces != NULL and x.pieces.table != NULL:
                encoded_layer(x, layer, <const real *>parameters, below, ldx, m, a,
                              IDENTITY if layer.has_epilogue else activation)
            else:
                forward_layer(layer, <const real *>parameters, copy, True, below, ldx, m, a,
                              IDENTITY if layer.has_epilogue else activation)
            if not net.plain and not epilogue_predict(net, index, activation, <const real *>parameters, m, below, ldx,
                                                      a, odd + block*net.width):
                restore_fp(saved)
                return -1
            below, ldx = a, layer.ld
        # The padding is zero. A softmax of finite numbers is finite.
        if finite_only and not are_finite(m, vectors_of(layer.n), a, layer.ld):
            restore_fp(saved)
            return 0
        # Rows of the last layer without their padding, as the requested kind of output.
        for i in range(m):
            if output == BOTH_CLASSES:
                out[0], out[1] = 1 - a[i*layer.ld], a[i*layer.ld]
                out += 2
                continue
            if output == LINKED and layer.activation == SOFTMAX:
                softmax_row(layer.n, a + i*layer.ld, out)
            else:
                memcpy(out, a + i*layer.ld, layer.n*sizeof(real))
            out += layer.n
        at += m
    restore_fp(saved)
    return 1


cdef int forward_units(const Net *net, int index, const void *parameters, const void *x, Py_ssize_t ldx, Py_ssize_t m,
                       Py_ssize_t first, Py_ssize_t last, bint finite_only, void *a) noexcept nogil:
    """Some units of one layer, in prediction: see `DenseKernels.forward_units`."""
    cdef fp_state saved = flush_subnormals()
    cdef Layer layer = net.layers[index]
    cdef bint finite = not finite_only or is_finite(m, layer.k, <const real *>x, ldx)
    layer.w += first
    layer.b += first if layer.b >= 0 else 0
    layer.n = last - first
    if finite:
        forward_layer(&layer, <const real *>parameters, NULL, False, <const real *>x, ldx, m, <real *>a + first,
                      layer.activation)
    restore_fp(saved)
    return finite
