"""How rows and columns are divided: into vectors and cache lines, and among the threads of a team.

`share`, which divides a count among threads, is in `types.pxd`: the cold side uses it too.
"""

from libc.stdint cimport int64_t

from cnn_core.kernels.vec cimport GROUP, LANES, LOW_PRECISION, real, v_first, v_load, v_set1, v_store
from cnn_core.types cimport (
    POLLED_FRACTION, ROW_GROUP, SLICE_FLOPS, TERM_GROUP, Layer, Part, Run, share, share_fn)

cdef enum:
    TILE_GROUP = 4              # rows of a chunk are divided among threads in multiples of this
    FEWEST_POLLED_ROWS = 64     # rows of a part between polls: fewer would read the weights too often
    LONG_ROW_BYTES = 16 * 1024  # least bytes of a long row: see `first_half`
    EPILOGUE_FLOPS = 40         # operations of a product that take as long as the other work on one number of a layer


cdef inline Py_ssize_t vectors_of(Py_ssize_t n) noexcept nogil:
    """Number of vectors that hold n reals."""
    return (n + LANES - 1) // LANES


cdef inline Py_ssize_t round_up_to_cache_line(Py_ssize_t n) noexcept nogil:
    """n rounded up to whole cache lines of 64 bytes."""
    return (n + LANES*GROUP - 1) // (LANES*GROUP) * (LANES*GROUP)


cdef inline Py_ssize_t first_half(Py_ssize_t k) noexcept nogil:
    """Numbers of the first of the two sums that a dot product of k numbers, whole cache lines, consists of: all of them
    unless k is large. Two threads can then share a dot product."""
    return round_up_to_cache_line(k // 2) if k * <Py_ssize_t>sizeof(real) >= LONG_ROW_BYTES else k


cdef inline void clear_padding(Py_ssize_t m, Py_ssize_t n, real *a, Py_ssize_t ld) noexcept nogil:
    """Set columns n up to the next cache line to zero: dot products and dW of the next layer read them."""
    cdef Py_ssize_t _, j, whole = n // LANES * LANES
    if n == round_up_to_cache_line(n):
        return
    for _ in range(m):
        v_store(a + whole, v_first(<int>(n - whole), v_load(a + whole)))
        j = whole + LANES
        while j % (LANES*GROUP) != 0:
            v_store(a + j, v_set1(0))
            j += LANES
        a += ld


cdef inline void sync_threads(Run *run, int rank, int size) noexcept nogil:
    """Wait until all threads of the region have arrived."""
    if size > 1 and run.divide == NULL:
        run.wait(run.pool, rank)


cdef inline void divided(Run *run, share_fn work, void *argument, int rank, int size) noexcept nogil:
    """A phase of a run: work(argument, rank, size) for all ranks. Either the run is one thread's, and the phase is
    divided among whatever threads are free, or each thread of a region computes its share, and waits for the others."""
    if run.divide != NULL:
        run.divide(run.pool, work, argument, size)
    else:
        work(argument, rank, size)
        sync_threads(run, rank, size)


cdef inline bint goes_on(Run *run, int rank, double flops) noexcept nogil:
    """Whether the batch has not been ended by a signal or the deadline; `flops` is the work until the next call."""
    return run.poll == NULL or run.poll(run.poller, rank, flops)


cdef inline Py_ssize_t rows_between_polls(const Run *run, Py_ssize_t m, double flops) noexcept nogil:
    """Rows, of m, that are computed between two polls if a row takes `flops` operations."""
    if run.poll == NULL:
        return m
    return min(m, max(<Py_ssize_t>FEWEST_POLLED_ROWS,
                      <Py_ssize_t>(SLICE_FLOPS / (POLLED_FRACTION*flops)) // TERM_GROUP * TERM_GROUP))


cdef inline bint next_part(Run *run, const Part *whole, Part *some, double flops) noexcept nogil:
    """Set `some` to the rows of `whole` after those it has, as many as are computed between two polls; returns False
    at the end. It starts with no rows: see `no_rows`."""
    cdef Py_ssize_t at = some.first + some.m - whole.first
    some.first = whole.first + at
    some.m = min(whole.m - at, rows_between_polls(run, whole.m, flops))
    return some.m > 0 and goes_on(run, whole.rank, flops * some.m)


cdef inline Part no_rows(const Part *whole) noexcept nogil:
    """The rows before the first one of a part."""
    cdef Part some = whole[0]
    some.m = 0
    return some


cdef inline double weight_of(const Run *run, Py_ssize_t place) noexcept nogil:
    """Sample weight of the row at a position of the order."""
    if run.target.weights == NULL:
        return 1
    return run.target.weights[place if run.order == NULL else run.order[place]]


cdef inline double share_of_row(const Run *run, Py_ssize_t start, Py_ssize_t count) noexcept nogil:
    """1 / sum of the batch's sample weights; 0 if all of them are 0."""
    cdef double total = 0
    cdef Py_ssize_t i
    if run.target.weights == NULL:
        return 1.0/count
    for i in range(start, start + count):
        total += weight_of(run, i)
    return 1.0/total if total > 0 else 0


cdef inline bint is_low_precision(const Run *run) noexcept nogil:
    """Whether products are of low precision."""
    return LOW_PRECISION and run.low_precision != NULL


cdef inline Part part_of(const Run *run, Py_ssize_t at, Py_ssize_t count, int64_t step, int rank,
                         int size) noexcept nogil:
    """Rows of the rank in the chunk of `count` rows that starts at row `at` of the pass."""
    cdef Py_ssize_t group = TERM_GROUP if is_low_precision(run) else TILE_GROUP
    cdef Part part
    part.at, part.count, part.step, part.rank, part.size = at, count, step, rank, size
    part.first = share(count, rank, size, group)
    part.m = share(count, rank + 1, size, group) - part.first
    return part


cdef inline Py_ssize_t first_input(const Run *run, const Layer *layer, int rank, int size) noexcept nogil:
    """Start of the rank's part of a layer's inputs, that is, of the rows of W; it ends where the next one begins."""
    return share(layer.k, rank, size, TERM_GROUP if is_low_precision(run) else ROW_GROUP)
