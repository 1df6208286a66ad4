"""Prediction of a few rows by several threads; a part of `layers`.

Threads usually divide the rows, and each of them reads all weights. For a few rows and weights that are larger than a
level-2 cache, reading the weights takes most of the time. Here threads divide the units of each wide layer: each reads
its part of W, which may then stay in the cache of its core. Each layer is a separate region. The rest, from the first
narrow layer on and at least the last one, is computed by the caller. Sums are not divided: the bits are the same.
"""


cdef struct FewRows:
    const Forward *f
    int index               # of the layer
    const char *x           # its inputs, row stride ldx reals
    Py_ssize_t ldx
    char *a                 # its outputs
    int finite              # 0: a number of x is not finite


cdef int wide_layers(const Forward *f, int size) noexcept nogil:
    """Number of first layers whose units are divided."""
    cdef int index = 0
    cdef const Layer *layer = f.net.layers
    while (index < f.net.depth - 1 and not layer.units_major and layer.n >= size*ROW_GROUP
           and 2.0 * layer.k * layer.n * f.count > WIDE_FLOPS):
        index += 1
        layer += 1
    return index


cdef bint divides_units(const Forward *f, Py_ssize_t itemsize, int size) noexcept nogil:
    """Whether threads divide units instead of rows."""
    cdef Py_ssize_t i, bytes_ = 0
    for i in range(f.net.depth):
        bytes_ += f.net.layers[i].k * f.net.layers[i].ld * itemsize
    return (f.count <= min(f.block, FORWARD_BLOCK) and f.net.plain and f.net.low_precision == NULL
            and f.x.pieces == NULL and wide_layers(f, size) > 0 and (bytes_ > CACHED_BYTES or f.groups < size))


cdef void few_rows_share(void *argument, int rank, int size) noexcept nogil:
    """One thread's units of a layer."""
    cdef FewRows *rows = <FewRows *>argument
    cdef const Forward *f = rows.f
    cdef Py_ssize_t n = f.net.layers[rows.index].n, first = share(n, rank, size, ROW_GROUP)
    if not f.dense.forward_units(f.net, rows.index, f.parameters, rows.x, rows.ldx, f.count, first,
                                 share(n, rank + 1, size, ROW_GROUP), f.finite_only and rank == 0 and rows.index == 0,
                                 rows.a):
        rows.finite = 0


cdef void forward_few_rows(Forward *f, Py_ssize_t itemsize, int size) noexcept nogil:
    """All rows of a `Forward`, which are one block; its workspace has room for those of two threads."""
    cdef FewRows rows
    cdef int count = wide_layers(f, size)
    cdef Net rest = f.net[0]
    cdef Rows x = f.x[0]
    cdef Py_ssize_t slot = f.count * f.net.width * itemsize     # inputs and outputs of layers alternate between two
    rows.f, rows.index, rows.finite = f, 0, 1
    if x.direct:
        rows.x, rows.ldx = x.data + f.first*x.row_stride, x.row_stride // itemsize
    else:
        rows.x, rows.ldx = f.work, f.net.layers[0].ldt
        f.dense.gather(&x, f.first, f.count, f.work, rows.ldx)
    while rows.index < count and rows.finite:
        rows.a = f.work + (1 - rows.index % 2) * slot
        run_shares(few_rows_share, &rows, size, True)
        rows.x, rows.ldx = rows.a, f.net.layers[rows.index].ld
        rows.index += 1
    if not rows.finite:
        f.outcome = 0
        return
    rest.layers += count
    rest.depth -= count
    x.data, x.columns, x.row_stride, x.column_stride = rows.x, rest.layers[0].k, rows.ldx*itemsize, itemsize
    x.direct, x.starts, x.mean, x.scale, x.clipped, x.count = True, NULL, NULL, 1, 0, f.count
    f.net, f.x, f.first = &rest, &x, 0
    f.work += 2 * slot
    forward_share(f, 0, 1)
