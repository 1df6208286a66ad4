"""Weighted means of the outputs of several `Layers` that read the same rows; a part of `layers`.

(a) The rows of a group are gathered (converted, scaled, encoded) once, and every network computes its outputs from
    them in blocks: its weights stay in the cache for all blocks of the group.
(b) Sums are in double, for each number in the order of the networks: the bits of a mean depend neither on the number of
    threads nor on the other rows.
(c) The logits of a mean of probabilities are computed from logarithms, so that they are finite where a probability
    rounds to 0.
"""

from libc.math cimport exp, log, log1p

from cnn_core.activation_codes cimport SOFTMAX

cdef enum:
    MEAN_ROWS = 256             # rows of a group; fewer if they would take more bytes than this
    MEAN_BYTES = 1 << 18

cdef enum MeanKind:
    MEAN_OF_OUTPUTS, LOGITS_OF_SOFTMAX, LOGITS_OF_SIGMOID


cdef struct MeanMember:
    const Net *net              # the member's own layers, or `low_net`
    Net low_net                 # the same with weights in low precision
    const void *parameters
    const Pieces *pieces
    double weight, log_weight


cdef struct MeanForward:        # a parallel region that predicts; each rank computes a part of the rows
    const MeanMember *members
    const DenseKernels *dense
    const Rows *x
    Py_ssize_t count            # of members
    Py_ssize_t first, rows, group, block
    Py_ssize_t outputs          # numbers of each row of the result
    Py_ssize_t width            # widest row of the workspace of any member
    Py_ssize_t itemsize
    bint in_place               # all members read the caller's rows as they are
    int output, kind
    const UnitsOfY *units       # units and type of the result
    char *out
    Py_ssize_t out_bytes
    char *work
    Py_ssize_t inputs_at, work_bytes
    int outcome                 # 1, or what `DenseKernels.forward` returned on failure


cdef inline Py_ssize_t whole_lines(Py_ssize_t bytes) noexcept nogil:
    """Whole cache lines."""
    return (bytes + 63) // 64 * 64


cdef inline double log_of_sum(double one, double other) noexcept nogil:
    """log(exp(one) + exp(other)) of finite numbers."""
    if one > other:
        return one + log1p(exp(other - one))
    return other + log1p(exp(one - other))


cdef inline double number_at(const char *z, Py_ssize_t i, Py_ssize_t itemsize) noexcept nogil:
    """Number i of outputs, as a double."""
    return (<const float *>z)[i] if itemsize == 4 else (<const double *>z)[i]


cdef void add_outputs(const MeanForward *f, double weight, bint begins, Py_ssize_t m, const char *z,
                      double *total) noexcept nogil:
    """total += weight * z"""
    cdef Py_ssize_t i
    for i in range(m * f.outputs):
        if begins:
            total[i] = number_at(z, i, f.itemsize) * weight
        else:
            total[i] = total[i] + number_at(z, i, f.itemsize) * weight


cdef void add_softmax(const MeanForward *f, double log_weight, bint begins, Py_ssize_t m, const char *z,
                      double *total) noexcept nogil:
    """total = log(exp(total) + weight * softmax(z)), row by row"""
    cdef Py_ssize_t i, j, n = f.outputs
    cdef double largest, rest, value
    for i in range(m):
        largest, rest = number_at(z, i*n, f.itemsize), 0
        for j in range(1, n):
            largest = max(largest, number_at(z, i*n + j, f.itemsize))
        for j in range(n):
            rest = rest + exp(number_at(z, i*n + j, f.itemsize) - largest)
        rest = log(rest)
        for j in range(n):
            value = number_at(z, i*n + j, f.itemsize) - largest - rest + log_weight
            total[i*n + j] = value if begins else log_of_sum(total[i*n + j], value)


cdef void add_sigmoid(const MeanForward *f, double log_weight, bint begins, Py_ssize_t m, const char *z,
                      double *total) noexcept nogil:
    """total[0] = log(exp(total[0]) + weight * sigmoid(z)), and total[1] the same with sigmoid(-z), for each number"""
    cdef Py_ssize_t i
    cdef double value, true, false
    for i in range(m * f.outputs):
        value = number_at(z, i, f.itemsize)
        true, false = log_weight - log_of_sum(0, -value), log_weight - log_of_sum(0, value)
        total[2*i] = true if begins else log_of_sum(total[2*i], true)
        total[2*i + 1] = false if begins else log_of_sum(total[2*i + 1], false)


cdef void read_group(const MeanForward *f, const MeanMember *member, Py_ssize_t at, Py_ssize_t m, char *inputs,
                     Rows *rows) noexcept nogil:
    """Gather rows at, ..., at + m - 1 as the member takes them, with bins or with places in its table."""
    cdef Py_ssize_t ld = member.net.layers[0].ldt, line = 64 // f.itemsize
    rows[0] = f.x[0]
    rows.pieces = member.pieces
    if rows.pieces != NULL and rows.pieces.table != NULL:
        ld = (rows.columns + 2*rows.pieces.count + line - 1) // line * line
    f.dense.gather(rows, at, m, inputs, ld)
    rows.data, rows.row_stride, rows.direct = inputs, ld * f.itemsize, True


cdef int mean_of_group(const MeanForward *f, Py_ssize_t at, Py_ssize_t m, char *work) noexcept nogil:
    """The means of rows at, ..., at + m - 1 of x, at most `group`; returns as `DenseKernels.forward`."""
    cdef char *inputs = work + f.inputs_at
    cdef char *z = inputs + (0 if f.in_place else whole_lines(f.group * f.width * f.itemsize))
    cdef double *total = <double *>(z + whole_lines(f.group * f.outputs * f.itemsize))
    cdef const MeanMember *member
    cdef Rows rows = f.x[0]
    cdef Py_ssize_t i, first = at
    cdef int outcome
    cdef bint has_table, had_table = False
    for i in range(f.count):
        member = &f.members[i]
        has_table = member.pieces != NULL and member.pieces.table != NULL
        if not f.in_place and (i == 0 or has_table != had_table):
            read_group(f, member, at, m, inputs, &rows)
            first = 0
        had_table = has_table
        rows.pieces = member.pieces if has_table else NULL
        outcome = f.dense.forward(member.net, member.parameters, &rows, first, m, z, f.output, True, f.block, work)
        if outcome != 1:
            return outcome
        if f.kind == MEAN_OF_OUTPUTS:
            add_outputs(f, member.weight, i == 0, m, z, total)
        elif f.kind == LOGITS_OF_SOFTMAX:
            add_softmax(f, member.log_weight, i == 0, m, z, total)
        else:
            add_sigmoid(f, member.log_weight, i == 0, m, z, total)
    if f.kind == LOGITS_OF_SIGMOID:
        for i in range(m * f.outputs):
            total[i] = total[2*i] - total[2*i + 1]
    return write_in_units(f.units, m, f.outputs, True, <const char *>total, f.out + (at - f.first)*f.out_bytes)


cdef void mean_share(void *argument, int rank, int size) noexcept nogil:
    """The rank's part of a `MeanForward`."""
    cdef MeanForward *f = <MeanForward *>argument
    cdef Py_ssize_t at = share(f.rows, rank, size, ROW_GROUP), end = share(f.rows, rank + 1, size, ROW_GROUP), m
    cdef int outcome
    while at < end:
        m = min(f.group, end - at)
        outcome = mean_of_group(f, f.first + at, m, f.work + rank*f.work_bytes)
        if outcome != 1:
            f.outcome = outcome
            return
        at += m


cdef int last_activation(Layers layers) noexcept:
    return layers.net.layers[layers.net.depth - 1].activation


cdef bint reads_alike(Layers one, Layers other) except -1:
    """Whether two networks read rows in the same way."""
    cdef tuple of_one, of_other
    if (one.sizes[0] != other.sizes[0] or one.columns != other.columns or one.type_number != other.type_number
            or one.clipped != other.clipped):
        return False
    for of_one, of_other in ((one.statistics, other.statistics), (one.encoding, other.encoding)):
        if of_one is of_other:
            continue
        if of_one is None or of_other is None or not all(map(np.array_equal, of_one, of_other)):
            return False
    return True


cdef int mean_region(MeanForward *f, int threads) noexcept nogil:
    """Compute the means with at most `threads` threads; returns as `Layers.forward_block`."""
    cdef char small[SMALL_WORK + 64]
    cdef char *room = small
    cdef Py_ssize_t row_bytes = f.width * f.itemsize, result_bytes = f.outputs * (f.itemsize + 16)
    cdef int size = acquire_threads(threads, False) if threads > 1 else 1
    f.block = max(min(f.rows, FEWEST_ROWS), min(min(f.rows, FORWARD_BLOCK), GATHERED_BYTES // row_bytes))
    f.group = max(f.block, min(min(f.rows, MEAN_ROWS), MEAN_BYTES // (row_bytes + result_bytes)))
    f.inputs_at = whole_lines((3*f.block + 2) * row_bytes)      # as `forward_work`, the more of both precisions
    f.work_bytes = f.inputs_at + whole_lines(f.group * f.outputs * f.itemsize) + whole_lines(f.group * f.outputs * 16)
    if not f.in_place:
        f.work_bytes += whole_lines(f.group * row_bytes)
    if f.work_bytes * size > SMALL_WORK:
        room = <char *>PyMem_RawMalloc(f.work_bytes*size + 64)
        if room == NULL:
            release_threads(size)
            return -1
    f.work, f.outcome = room + (64 - <uintptr_t>room % 64), 1
    run_shares(mean_share, f, size, True)
    release_threads(size)
    if room != small:
        PyMem_RawFree(room)
    return 0 if f.outcome == 1 else 1 if f.outcome == 0 else -2


@cython.final
cdef class MeanOfLayers:
    """Weighted mean of the outputs of several networks; immutable.

    Parameters
    ----------
    layers : sequence of Layers
        Networks with equal inputs (number, scaling, encoding, dtype) and equal activations and numbers of outputs, at
        least one. They must not be changed any more.
    weights : sequence of float
        Weight of each, above 0.

    Raises
    ------
    ValueError
        If the networks differ, there is not one weight for each, or an activation is user-defined: see `fits`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.layers import Layers, MeanOfLayers
    >>> members = [Layers((1, 1), ("identity",)) for _ in range(2)]
    >>> members[0].views()[0][1][:], members[1].views()[0][1][:] = 10.0, 20.0  # the biases
    >>> mean = MeanOfLayers(members, [0.25, 0.75])
    >>> mean.try_forward(np.array([[0.0]]), None, 1, 1.0, 1)
    array([[17.5]], dtype=float32)
    """

    cdef list kept              # the networks and all memory that is read
    cdef Layers first
    cdef MeanMember *members
    cdef Py_ssize_t count, width
    cdef double n_parameters
    cdef bint units_major       # a first layer is stored units x inputs

    def __cinit__(self, layers, weights):
        cdef Layers each
        cdef Block low
        cdef Py_ssize_t i
        layers, weights = list(layers), [float(weight) for weight in weights]
        if len(layers) != len(weights) or not all(0 < weight < INFINITY for weight in weights):
            raise ValueError(f"there are {len(layers)} networks and {len(weights)} weights; each network needs one "
                             "above 0")
        if not self.fits(layers):
            raise ValueError("the networks differ in their inputs or outputs, or have a user-defined activation")
        self.count, self.kept, self.first = len(layers), [], layers[0]
        self.members = <MeanMember *>PyMem_Malloc(self.count * sizeof(MeanMember))
        if self.members == NULL:
            raise MemoryError
        for i in range(self.count):
            each = layers[i]
            low = each.low_weights() if each.is_low else None
            with cython.critical_section(each):
                self.kept.append((each, each.memory, each.running_memory, each.scaling, each.piece_memory, low))
                self.members[i].net, self.members[i].parameters = &each.net, each.parameters_data
                self.members[i].pieces = each.pieces
                if low is not None:
                    self.members[i].low_net, self.members[i].net = each.net, &self.members[i].low_net
                    self.members[i].low_net.low_precision = <const LowPrecision *>low.data
            self.members[i].weight, self.members[i].log_weight = weights[i], log(weights[i])
            self.width = max(self.width, each.net.width)
            self.n_parameters += each.n_parameters
            self.units_major = self.units_major or each.net.layers[0].units_major

    def __dealloc__(self):
        PyMem_Free(self.members)

    def __reduce__(self):
        raise TypeError("a MeanOfLayers is not pickled; pickle the Ensemble that owns it")

    @staticmethod
    def fits(layers):
        """Whether the mean of some networks can be computed together.

        Parameters
        ----------
        layers : sequence of Layers
            Networks.

        Returns
        -------
        bool
            False where the class would raise a ValueError.

        Examples
        --------
        >>> from cnn_core.layers import Layers, MeanOfLayers
        >>> one, other = Layers((1, 1), ("identity",)), Layers((1, 1), ("sigmoid",))
        >>> MeanOfLayers.fits([one, one]), MeanOfLayers.fits([one, other])
        (True, False)
        """
        cdef Layers first, each
        layers = list(layers)
        if not layers or not all(isinstance(item, Layers) for item in layers):
            return False
        first = layers[0]
        for item in layers:
            each = item
            if (each.net.call != NULL or each.classes != first.classes
                    or last_activation(each) != last_activation(first) or not reads_alike(each, first)):
                return False
        return True

    def try_forward(self, X, cnp.ndarray out, int output, double scale, n_threads, Units units=None, /):
        """Return the mean of the outputs.

        Parameters
        ----------
        X, out, output, scale, n_threads
            As for :meth:`Layers.try_forward`.
        units : Units, optional
            Units and type of the mean.

        Returns
        -------
        ndarray (m, n), or None
            None as for :meth:`Layers.try_forward`.

        Raises
        ------
        ValueError
            As for :meth:`Layers.try_forward`.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.layers import Layers, MeanOfLayers
        >>> members = [Layers((1, 1), ("identity",)) for _ in range(2)]
        >>> members[0].views()[0][0][:], members[1].views()[0][0][:] = 1.0, 3.0  # the weights
        >>> MeanOfLayers(members, [0.5, 0.5]).try_forward(np.array([[1.0], [10.0]]), None, 1, 1.0, 1).tolist()
        [[2.0], [20.0]]
        """
        cdef UnitsOfY of_y
        cdef Py_ssize_t outputs = 2 if output == BOTH_CLASSES else self.first.classes
        cdef Rows rows
        cdef int threads
        if output < LOGITS or output > BOTH_CLASSES or (output == BOTH_CLASSES and self.first.classes != 1):
            raise ValueError(f"output is {output}; a network of {self.first.classes} outputs has no such form")
        if output == BOTH_CLASSES and units is not None:
            raise ValueError("output is 2, both classes; units are for networks that predict values")
        threads = thread_count(n_threads)       # may call Python: nothing of X is read before
        kept = self.read(X, scale, &rows)       # no-cython-lint: alive until the end
        if kept is None:
            return None
        of_y.factor = of_y.shift = NULL
        if units is None:
            out = self.first.output(X, out, rows.count, outputs)
        else:
            out = self.first.output_in(units, X, out, rows.count)
            of_y = units.of_y
        of_y.is_double = cnp.PyArray_TYPE(out) == cnp.NPY_FLOAT64
        return out if self.forward(&rows, out, output, MEAN_OF_OUTPUTS, outputs, &of_y, threads) else None

    def try_logits(self, X, cnp.ndarray out, int output, double scale, n_threads, /):
        """Logits of the mean probabilities of classes, in float64.

        Parameters
        ----------
        X, scale, n_threads
            As for `Layers.try_forward`.
        out : ndarray or None
            Array for an output of the kind `output`, which is checked or made, but not written to.

        Returns
        -------
        pair of ndarray, or None
            `out`, or a new array; and the logits (m, n), whose softmax, or sigmoid, is the mean. None as for
            `Layers.try_forward`.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.layers import Layers, MeanOfLayers
        >>> members = [Layers((1, 1), ("sigmoid",)) for _ in range(2)]
        >>> members[0].views()[0][1][:], members[1].views()[0][1][:] = 2.0, -1.0
        >>> out, logits = MeanOfLayers(members, [0.5, 0.5]).try_logits(np.array([[0.0]]), None, 1, 1.0, 1)
        >>> p = 1 / (1 + np.exp([-2.0, 1.0]))
        >>> logits.item(), np.log(p.mean() / (1 - p.mean())).item()
        (0.3017458536319336, 0.3017458536319332)
        """
        cdef UnitsOfY of_y
        cdef Rows rows
        cdef cnp.ndarray logits
        cdef cnp.npy_intp shape[2]
        cdef Py_ssize_t n = self.first.classes
        cdef int threads = thread_count(n_threads), kind = LOGITS_OF_SIGMOID
        kept = self.read(X, scale, &rows)       # no-cython-lint: alive until the end
        if kept is None:
            return None
        if last_activation(self.first) == SOFTMAX:
            kind = LOGITS_OF_SOFTMAX
        out = self.first.output(X, out, rows.count, 2 if output == BOTH_CLASSES else n)
        shape[0], shape[1] = rows.count, n
        logits = cnp.PyArray_EMPTY(2, shape, cnp.NPY_FLOAT64, 0)
        of_y.factor = of_y.shift = NULL
        of_y.is_double = True
        return (out, logits) if self.forward(&rows, logits, LOGITS, kind, n, &of_y, threads) else None

    cdef object read(self, X, double scale, Rows *rows):
        """Describe X as `Rows`; returns an object that must stay alive as long as they are read, or None if the core
        cannot read X, or it has no rows."""
        cdef Layers first = self.first
        cdef object kept = True
        if cnp.PyArray_CheckExact(X):
            if (cnp.PyArray_NDIM(<cnp.ndarray>X) != 2 or cnp.PyArray_DIM(<cnp.ndarray>X, 1) != first.columns
                    or number_of(<cnp.ndarray>X) < 0 or not cnp.PyArray_ISALIGNED(<cnp.ndarray>X)):
                return None
            if self.n_parameters * cnp.PyArray_DIM(<cnp.ndarray>X, 0) >= PINNED_WORK:
                kept = pinned(<cnp.ndarray>X)
            first.read_dense(<cnp.ndarray>X, scale, rows)
        elif isinstance(X, SparseRows) and X.shape[1] == first.columns:
            kept = first.read_sparse(X, scale, rows)
        else:
            return None
        return kept if rows.count > 0 else None

    cdef bint forward(self, const Rows *rows, cnp.ndarray out, int output, int kind, Py_ssize_t outputs,
                      const UnitsOfY *units, int threads) except -1:
        """Write the means for all rows, in slices that are short enough to check signals between them; returns False
        if a number is not finite."""
        cdef MeanForward f
        cdef Py_ssize_t most = max(FORWARD_BLOCK, <Py_ssize_t>(SLICE_FLOPS / (2*self.n_parameters + 1e3))), at = 0
        cdef char *data = <char *>cnp.PyArray_DATA(out)
        cdef object kept = None
        cdef int failed
        f.members, f.count, f.dense, f.x, f.itemsize = self.members, self.count, self.first.dense, rows, (
            self.first.itemsize)
        f.output, f.kind, f.outputs, f.width, f.units = output, kind, outputs, self.width, units
        f.in_place = rows.direct and (not self.units_major or rows.columns * f.itemsize % 64 == 0)
        f.out_bytes = outputs * (8 if units.is_double else 4)
        if self.n_parameters * rows.count < SHORT_WORK:
            f.first, f.rows, f.out = 0, rows.count, data
            failed = mean_region(&f, 1)
        else:
            kept = pinned(out)          # no-cython-lint: alive until the end
            while True:
                f.first, f.rows, f.out = at, min(most, rows.count - at), data + at*f.out_bytes
                with nogil:
                    failed = mean_region(&f, threads if 2*self.n_parameters*f.rows > SERIAL_FLOPS else 1)
                at += f.rows
                if failed or at >= rows.count:
                    break
                PyErr_CheckSignals()
        if failed < 0:
            raise_failure(failed)
        return not failed
