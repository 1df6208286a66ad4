"""Weights in low precision, packed as the kernels take them; a part of `layers`.

(a) A block of memory begins with a `LowPrecision` and its layers, which point to the rest of the block. Whoever has the
    block can use them.
(b) Blocks of `set_precision` and `quantize` never change: calls that run keep the one with which they began. Where
    layers compute in bfloat16 without such a block, each call packs the present weights.
"""

from cnn_core.quantization import quantized

from libc.stdint cimport int8_t

from cnn_core.kernel_tables cimport LowPrecisionKernels
from cnn_core.types cimport BFLOAT16, PANEL, QUANTIZED, SINGLE, LowLayer, LowPrecision, packed_panel


cdef inline Py_ssize_t whole_panels(Py_ssize_t n) noexcept nogil:
    return (n + PANEL - 1) // PANEL * PANEL


cdef inline Py_ssize_t whole_cache_lines(Py_ssize_t bytes) noexcept nogil:
    return (bytes + 63) // 64 * 64


cdef Py_ssize_t place(LowLayer *copy, const Layer *layer, bint is_first, bint transposed, char *at) noexcept:
    """Point a layer's weights into the memory at `at`; returns the bytes that they take."""
    cdef Py_ssize_t n = whole_panels(layer.n), used
    copy.for_each_column = is_first
    if copy.precision == BFLOAT16:
        copy.weights = at
        used = n // PANEL * packed_panel(layer.k)
        copy.transposed = at + used if transposed and not is_first else NULL
        return used if copy.transposed == NULL else used + whole_panels(layer.k) // PANEL * packed_panel(layer.n)
    if copy.precision == SINGLE:
        return 0
    copy.weights = at
    used = n * whole_cache_lines(layer.k)
    copy.scale = <const float *>(at + used)
    copy.bias, copy.factor = copy.scale + n, copy.scale + 2*n
    copy.shift = copy.factor + (whole_panels(layer.k) if is_first else PANEL)
    return used + 2*n*sizeof(float) + 2*(<char *>copy.shift - <char *>copy.factor)


cdef Block make_packed(Layers self, precisions, bint transposed):
    """Block for weights of given precisions, all zero."""
    cdef Py_ssize_t head = whole_cache_lines(sizeof(LowPrecision) + self.net.depth*sizeof(LowLayer)), bytes = head, i
    cdef LowLayer copy
    cdef LowPrecision *low
    cdef LowPrecisionKernels *kernels = low_precision_kernels()
    cdef Block block
    for i in range(self.net.depth):
        copy.precision = precisions[i]
        bytes += place(&copy, &self.net.layers[i], i == 0, transposed, NULL)
    block = allocate(bytes, np.dtype("uint8"))
    low = <LowPrecision *>block.data
    low.kernels, low.layers = kernels, <LowLayer *>(low + 1)
    bytes = head
    for i in range(self.net.depth):
        low.layers[i].precision = precisions[i]
        bytes += place(&low.layers[i], &self.net.layers[i], i == 0, transposed, <char *>block.data + bytes)
    return block


cdef void pack_layer(const LowPrecisionKernels *kernels, const Layer *layer, const float *parameters,
                     void *packed) noexcept nogil:
    """W of a layer in bfloat16."""
    if layer.units_major:
        kernels.pack_transposed(layer.k, layer.n, parameters + layer.w, layer.ldt, packed, packed_panel(layer.k))
    else:
        kernels.pack(layer.k, layer.n, parameters + layer.w, layer.ld, packed, packed_panel(layer.k))


cdef Block pack_bfloat16(Layers self):
    """The present weights in bfloat16."""
    cdef Block block = make_packed(self, [BFLOAT16] * self.net.depth, False), memory
    cdef LowPrecision *low = <LowPrecision *>block.data
    cdef Py_ssize_t i
    with cython.critical_section(self):
        memory = self.memory
    with nogil:
        for i in range(self.net.depth):
            pack_layer(<const LowPrecisionKernels *>low.kernels, &self.net.layers[i], <const float *>memory.data,
                       low.layers[i].weights)
    return block


cdef void copy_floats(const float *target, cnp.ndarray numbers) noexcept:
    memcpy(<void *>target, cnp.PyArray_DATA(numbers), cnp.PyArray_SIZE(numbers)*sizeof(float))


cdef Block pack_int8(Layers self, ranges):
    """The present weights in int8, for given ranges of the inputs."""
    cdef Block block = make_packed(self, [SINGLE if end is None else QUANTIZED for end in ranges[0]], False)
    cdef LowPrecision *low = <LowPrecision *>block.data
    cdef LowLayer *copy
    cdef Layer *layer
    cdef cnp.ndarray weight
    cdef Py_ssize_t i
    for i, ((W, b), smallest, largest) in enumerate(zip(Layers.views(self), *ranges)):
        if smallest is None:
            continue
        copy, layer = &low.layers[i], &self.net.layers[i]
        weight, scale, bias, factor, shift = quantized(
            W, b if layer.norm == NO_NORM else None, smallest, largest, i == 0)
        weight = np.ascontiguousarray(weight)
        (<LowPrecisionKernels *>low.kernels).pack_int8(
            layer.k, layer.n, <const int8_t *>cnp.PyArray_DATA(weight), layer.n, copy.weights)
        copy_floats(copy.scale, scale)
        copy_floats(copy.bias, bias)
        copy_floats(copy.factor, factor)
        copy_floats(copy.shift, shift)
    return block


cdef int forward_low_rows(Layers self, const Rows *rows, Py_ssize_t m, void *out) noexcept with gil:
    """`Layers.forward_rows` in low precision."""
    cdef Block low
    cdef Net net = self.net
    try:
        low = self.low_weights()
    except MemoryError:
        return -1
    net.low_precision = <const LowPrecision *>low.data
    return self.forward_net(&net, rows, 0, m, out, LINKED, False, 1, NULL)


cdef int set_copies(Layers self, str what, str precision, tuple ranges, Block low) except -1:
    """Let calls from now on use weights in low precision, or those of the parameters, for None."""
    if self.encoding is not None:
        Layers.encode(self, *self.encoding)     # without a table, which is of float32
    with cython.critical_section(self):
        _old = self.low_memory, self.ranges, self.precision
        self.check_change(what)
        self.low_memory, self.ranges, self.precision, self.is_low = low, ranges, precision, low is not None


cdef object read_inputs(Layers self, Rows *rows):
    """Inputs of the first layer, as `Layers.hidden` returns them."""
    cdef Py_ssize_t ld = self.net.layers[0].ldt, m = rows.count
    cdef cnp.ndarray room = aligned_zeros(m * ld, self.dtype)
    cdef void *data = cnp.PyArray_DATA(room)
    cdef Pieces pieces
    if rows.pieces != NULL:
        pieces = rows.pieces[0]
        pieces.table, rows.pieces = NULL, &pieces
    with nogil:
        self.dense.gather(rows, 0, m, data, ld)
    return np.ascontiguousarray((<object>room).reshape(m, ld)[:, :self.sizes[0]])
