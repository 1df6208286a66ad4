"""Dense layers: their parameters in one vector, the checks of all arguments, and prediction.

(a) The arena: all parameters are one flat vector, layer after layer, W then b; the gradient and each moment of an
    optimizer have the same layout. Rows are padded to 64 bytes, and by one cache line more where the row stride would
    be a multiple of 1024 bytes, which would put the rows into the same few cache sets. Padding is always zero.
(b) W is stored inputs x units, or units x inputs where padding the units would waste work (`is_narrow`).
(c) Everything is checked here, once; no kernel allocates or raises.
(d) A call has its own workspace, so that any number of threads may predict with one network.
(e) This file is longer than others because Cython keeps a class in one file.
"""

import operator
from time import perf_counter

import numpy as np

from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_RawFree, PyMem_RawMalloc
from libc.math cimport INFINITY
from libc.stdint cimport int64_t, uintptr_t
from libc.string cimport memcmp, memcpy, memset

cimport numpy as cnp

from cnn_core.checks import check_arguments, read_encoding, read_scaling
from cnn_core.quantization import check_precision, read_ranges
from cnn_core.sparse import SparseRows
from cnn_core.user_functions import call_function

from cnn_core.activation_codes cimport USER, fused, name_of_activation
from cnn_core.kernel_tables cimport DenseKernels
from cnn_core.threads cimport acquire_threads, read_number, release_threads, replace_number, run_shares
from cnn_core.types cimport (
    BATCH_NORM, BOTH_CLASSES, FLOAT32, FLOAT64, LARGE_WEIGHTS, LAYER_NORM, LINKED, LOGITS, NO_NORM, PIECE_GROUP,
    RMS_NORM, ROW_GROUP, SLICE_FLOPS, Layer, Net, Pieces, Rows, copied_numbers, share, user_fn)

cnp.import_array()

include "buffers.pyx"
include "units.pyx"
include "polling.pyx"
include "packed_weights.pyx"

cdef dict activation_codes = {}
cdef int code
for code in range(USER):
    activation_codes[name_of_activation(code).decode()] = code
cdef dict _norms = {None: NO_NORM, "layer": LAYER_NORM, "rms": RMS_NORM, "batch": BATCH_NORM}
ACTIVATIONS = tuple(activation_codes)
NORMS = tuple(_norms)[1:]

cdef enum:
    FORWARD_BLOCK = 64              # rows that are computed through all layers before the next ones:
    LARGE_FORWARD_BLOCK = 128       # more where parameters have more than LARGE_WEIGHTS bytes: 5 % less time,
    GATHERED_BYTES = 1 << 22        # fewer if gathered rows would take more bytes than this,
    FEWEST_ROWS = 4                 # but at least these; reading the weights takes as long as computing so many
    COPIED_ROWS = 128               # fewest rows for each thread for which narrow layers are copied
    CACHED_BYTES = 512 * 1024       # parameters that stay in the level-2 cache while pieces of a few rows are computed
    SMALL_WORK = 16384              # bytes of workspace on the C stack
    SHORT_WORK = 20000              # multiplications that take less time than releasing the GIL
    LOW_SPEED = 4                   # products of low precision take at most 1 / this of the time, about
    PINNED_WORK = 1000000           # multiplications next to which the time of `pinned` does not count
    SERIAL_FLOPS = 2000000          # a call with less work uses one thread; fewer rows count as FEWEST_ROWS
    WIDE_FLOPS = 200000             # a layer with less work is computed by one thread, see `few_rows.pyx`


cdef DenseKernels *dense_kernels[2]
dense_kernels[0] = <DenseKernels *>kernels_of("dense", "f32", "cnn_core.DenseKernels")
dense_kernels[1] = <DenseKernels *>kernels_of("dense", "f64", "cnn_core.DenseKernels")


cdef bint is_narrow(Py_ssize_t k, Py_ssize_t n, Py_ssize_t itemsize) noexcept nogil:
    """Whether W is stored units x inputs: padding the units would waste a tenth or more of the work."""
    cdef Py_ssize_t line = 64 // itemsize, full = (n + line - 1) // line * line
    return k >= 32 if n <= 4 else k >= 256 and full * 10 >= n * 11


cdef int activation_code(entry) except -1:
    """Code of an activation: a name, or a pair of callables."""
    if isinstance(entry, tuple) and len(entry) == 2 and callable(entry[0]) and callable(entry[1]):
        return USER
    return code_of("activation", activation_codes, entry)


cdef int call_user(void *owner, int index, Py_ssize_t m, Py_ssize_t n, void *a, void *slope,
                   Py_ssize_t ld) except -1 with gil:
    """A `user_fn`. The functions are called with a read-only copy, which they may keep."""
    cdef Layers layers = <Layers>owner
    cdef cnp.npy_intp shape[2]
    cdef cnp.ndarray rows, Z
    cdef bint paused
    shape[0], shape[1] = m, ld
    rows = cnp.PyArray_SimpleNewFromData(2, shape, layers.type_number, a)
    Z = np.array((<object>rows)[:, :n])
    (<object>Z).setflags(write=False)
    f, derivative = layers.activations[index]
    enter_user()
    paused = layers.pause()
    try:
        (<object>rows)[:, :n] = call_function(f, Z)
        if slope != NULL:
            rows = cnp.PyArray_SimpleNewFromData(2, shape, layers.type_number, slope)
            (<object>rows)[:, :n] = call_function(derivative, Z)
    finally:
        leave_user()
        if paused:
            layers.resume()
    return 0


cdef bint has_expired(double deadline) except -1:
    """Whether `deadline`, a value of `time.perf_counter`, has passed."""
    return deadline < INFINITY and perf_counter() >= deadline


cdef int raise_pending() except -1:
    """Raise the exception that a `user_fn` has set."""
    return -1


cdef int raise_failure(int failed) except -1:
    """Raise the exception for a failure of `forward_block`."""
    if failed == -2:
        raise_pending()
    raise MemoryError


cdef struct Forward:                # a parallel region that predicts; its threads take pieces of the rows
    const Net *net
    const DenseKernels *dense
    const void *parameters
    const Rows *x
    Py_ssize_t first, count, block
    int groups, taken       # groups of ROW_GROUP rows: all of them, and those of pieces that were taken
    int fewest, most        # groups of a piece
    char *out
    char *work
    Py_ssize_t out_bytes, work_bytes, z_at
    int output
    bint finite_only
    const UnitsOfY *units   # NULL: outputs are written as they are
    Py_ssize_t columns
    bint is_double          # the reals of the network
    int outcome             # 1, or what `DenseKernels.forward` returned on failure


cdef int forward_piece(Forward *f, Py_ssize_t first, Py_ssize_t last, char *work) noexcept nogil:
    """Rows first, ..., last - 1 of a `Forward`."""
    if f.units != NULL:
        return forward_in_units(f, first, last, work)
    return f.dense.forward(f.net, f.parameters, f.x, f.first + first, last - first, f.out + first*f.out_bytes,
                           f.output, f.finite_only, f.block, work)


cdef int take_piece(Forward *f, int size, int *first) noexcept nogil:
    """Take some groups of rows for this thread: large pieces first, then smaller ones, so that all threads end at about
    the same time. Returns their number; 0 if none is left, or another thread has failed."""
    cdef int at, count
    while read_number(&f.outcome) == 1:
        at = read_number(&f.taken)
        count = max((f.groups - at) // (2*size), f.fewest)
        if count > f.most:
            count -= count % f.most
        count = min(count, f.groups - at)
        if count == 0 or replace_number(&f.taken, at, at + count):
            first[0] = at
            return count
    return 0


cdef void forward_share(void *argument, int rank, int size) noexcept nogil:
    """One thread's part of a `Forward`."""
    cdef Forward *f = <Forward *>argument
    cdef int group, count, outcome
    if size == 1:
        f.outcome = forward_piece(f, 0, f.count, f.work)
        return
    while True:
        count = take_piece(f, size, &group)
        if count == 0:
            return
        outcome = forward_piece(f, <Py_ssize_t>group * ROW_GROUP, min(f.count, (<Py_ssize_t>group + count) * ROW_GROUP),
                                f.work + rank*f.work_bytes)
        if outcome != 1:
            replace_number(&f.outcome, 1, outcome)


include "few_rows.pyx"


cdef int forward_in_units(const Forward *f, Py_ssize_t first, Py_ssize_t last, char *work) noexcept nogil:
    """`DenseKernels.forward` for rows first, ..., last - 1, a block at a time, with outputs in units of y."""
    cdef char *z = work + f.z_at
    cdef Py_ssize_t m
    cdef int outcome = 1
    while first < last and outcome == 1:
        m = min(f.block, last - first)
        outcome = f.dense.forward(f.net, f.parameters, f.x, f.first + first, m, z, f.output, f.finite_only, f.block,
                                  work)
        if outcome == 1 and not write_in_units(f.units, m, f.columns, f.is_double, z, f.out + first*f.out_bytes):
            outcome = 0
        first += m
    return outcome


cdef inline Py_ssize_t forward_work(const Net *net, Py_ssize_t block, Py_ssize_t itemsize) noexcept nogil:
    """Bytes of the workspace of `DenseKernels.forward`."""
    cdef Py_ssize_t rows = 2 * (block + 1)
    if net.low_precision != NULL:
        rows += block
    return rows * net.width * itemsize


cdef Py_ssize_t narrow_numbers(const Net *net, Py_ssize_t itemsize) noexcept nogil:
    """Reals that `DenseKernels.copy_narrow` writes."""
    cdef Py_ssize_t index, count = 0
    for index in range(net.depth):
        count += copied_numbers(&net.layers[index], itemsize)
    return count


cdef char *copy_narrow(const Net *net, const DenseKernels *dense, const void *parameters, Py_ssize_t itemsize,
                       Net *with_copies) noexcept nogil:
    """Set `with_copies` to `net` with copies of its narrow layers, in memory that the caller frees. Returns NULL
    without such layers, or memory."""
    cdef Py_ssize_t numbers = narrow_numbers(net, itemsize)
    cdef char *room = NULL
    if numbers > 0:
        room = <char *>PyMem_RawMalloc(numbers*itemsize + 64)
    if room != NULL:
        with_copies[0] = net[0]
        with_copies.copies = room + (64 - <uintptr_t>room % 64)
        dense.copy_narrow(net, parameters, <void *>with_copies.copies)
    return room


cdef bint is_vector(cnp.ndarray array) noexcept:
    return cnp.PyArray_NDIM(array) == 1 and cnp.PyArray_ISCARRAY_RO(array)


cdef bint are_starts(const int64_t *starts, Py_ssize_t count, Py_ssize_t entries) noexcept nogil:
    """Whether these are the starts of rows in `entries` numbers, and the end of the last row."""
    cdef Py_ssize_t i
    if count < 1 or starts[0] != 0 or starts[count - 1] > entries:
        return False
    for i in range(1, count):
        if starts[i] < starts[i - 1]:
            return False
    return True


cdef void clear_dropout(Net *net) noexcept:
    """Set what follows from the layers without dropout."""
    cdef int i
    cdef Layer *layer
    net.plain = True
    for i in range(net.depth):
        layer = &net.layers[i]
        layer.dropout = 0
        layer.has_epilogue = layer.norm != NO_NORM or layer.residual or (
            i + 1 < net.depth and net.layers[i + 1].residual)
        net.plain = net.plain and fused(layer.activation) and not layer.has_epilogue


cdef int copy_layout(Layers self, Layers other) except -1:
    """Make the layers of `other`, in its memory."""
    cdef Layer *layers = <Layer *>PyMem_Malloc(other.net.depth * sizeof(Layer))
    if layers == NULL:
        raise MemoryError
    self.sizes, self.activations, self.biases, self.dtype = other.sizes, other.activations, other.biases, other.dtype
    self.norms, self.residuals, self.units_major = other.norms, other.residuals, other.units_major
    self.precision, self.is_low = other.precision, other.is_low
    self.classes, self.type_number, self.itemsize = other.classes, other.type_number, other.itemsize
    self.dense, self.n_parameters = other.dense, other.n_parameters
    with cython.critical_section(other):
        memcpy(layers, other.net.layers, other.net.depth * sizeof(Layer))
        self.net = other.net
        self.net.layers, self.net.owner = layers, <void *>self
        self.low_memory, self.ranges = other.low_memory, other.ranges
        self.memory, self.running_memory, self.parameters_data = other.memory, other.running_memory, other.memory.data
    self.columns = self.sizes[0]
    clear_dropout(&self.net)
    return 0


cdef class Layers:
    """Dense layers a = f(x W + b), one after another, for one type of real.

    Parameters
    ----------
    sizes : sequence of int, or Layers
        Inputs of the first layer, then the units of each layer: (k, n_1, ..., n_L). Layers: the same ones in the same
        memory, without scaling and dropout; no other argument is used.
    activations : sequence of str or pair of callables
        For each layer one of `ACTIVATIONS`, "softmax" only for the last one; or f and its derivative: each is called
        with Z (rows, n), read-only and of the stack's dtype, and returns a new array of that kind. Such networks use
        one thread.
    biases : sequence of bool, optional
        Whether each layer has a bias; all have one by default.
    dtype : {"float32", "float64"}
        Type of parameters, computation and results.
    units_major : bool, default True
        Whether the core may store W as (units, inputs), which it does where this is faster. False: W of every layer is
        stored as (inputs, units).
    norms : sequence, optional
        For each layer one of `NORMS`, which normalises X W before bias and activation, or None. A normalised layer
        has a gain.
    residuals : sequence of bool, optional
        Whether a layer's input is added to its output.
    precision : {"float32", "bfloat16"}
        Precision of the products. "bfloat16": the operands of each product are rounded to bfloat16, to nearest and ties
        to even; products and sums, and everything else, are float32. Each call rounds the weights, unless
        :meth:`set_precision` has done so. `units_major` is then False.

    Attributes
    ----------
    precision : str
        Precision of the products: "float32" also if the dtype is float64; "int8" after :meth:`quantize`.
    ranges : (tuple, tuple), or None
        Arguments of :meth:`quantize`, as float32 arrays (k,).
    n_parameters : int
        Number of weights, biases and gains, without the padding of `parameters`.
    columns : int
        Number of columns of X: the inputs of the first layer without the bins of :meth:`encode`.
    clipped : int
        Argument of :meth:`standardize`; 0 by default.
    encoding : tuple of ndarray, or None
        Arguments of :meth:`encode`.

    Raises
    ------
    ValueError
        If a size is less than 1, the lengths differ, a name is unknown, or a layer cannot be residual or normalised:
        the last one is neither, nor is the first residual, nor one of other sizes below and above. If the precision is
        low and dtype not float32.
    OverflowError
        If the parameters would not fit the address space.

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.layers import Layers
    >>> layers = Layers((2, 3, 1), ("relu", "sigmoid"))
    >>> W, b = layers.views()[0]
    >>> W.shape, b.shape, layers.n_parameters
    ((2, 3), (3,), 13)
    >>> layers.forward(np.zeros((4, 2))).tolist()  # all parameters are 0
    [[0.5], [0.5], [0.5], [0.5]]
    """

    def __cinit__(self, sizes, activations=None, biases=None, dtype="float32", *, bint units_major=True, norms=None,
                  residuals=None, precision="float32"):
        cdef Py_ssize_t size = 0, running = 0, depth, i
        cdef Layer *layer
        if isinstance(sizes, Layers):
            copy_layout(self, <Layers>sizes)
            return
        (self.sizes, self.activations, self.biases, self.dtype, self.norms, self.residuals) = check_arguments(
            sizes, activations, biases, dtype, norms, residuals)
        depth, self.itemsize, self.columns = len(self.sizes) - 1, self.dtype.itemsize, self.sizes[0]
        self.precision = check_precision(precision, self.dtype)
        self.is_low = self.precision != "float32"
        units_major = units_major and not self.is_low
        self.units_major = units_major
        self.net.layers = <Layer *>PyMem_Malloc(depth * sizeof(Layer))
        if self.net.layers == NULL:
            raise MemoryError
        self.net.depth = <int>depth
        self.net.owner = <void *>self
        self.net.width = padded_stride(self.sizes[0], self.itemsize)
        for i in range(depth):
            layer = &self.net.layers[i]
            layer.k, layer.n = self.sizes[i], self.sizes[i + 1]
            layer.ld, layer.ldt = padded_stride(layer.n, self.itemsize), padded_stride(layer.k, self.itemsize)
            layer.activation = activation_code(self.activations[i])
            if layer.activation == USER:
                self.net.call = <user_fn>call_user
            layer.units_major = units_major and is_narrow(layer.k, layer.n, self.itemsize)
            layer.whole = layer.n - layer.n % (64 // self.itemsize) if layer.units_major else 0
            layer.ldw = padded_stride(layer.whole, self.itemsize)
            layer.w = size
            size += layer.n * layer.ldt if layer.units_major else layer.k * layer.ld
            layer.b = size if self.biases[i] else -1
            size += layer.ld if self.biases[i] else 0
            layer.norm, layer.residual = code_of("norm", _norms, self.norms[i]), self.residuals[i]
            layer.g = size if layer.norm != NO_NORM else -1
            size += layer.ld if layer.norm != NO_NORM else 0
            layer.r = running if layer.norm == BATCH_NORM else -1
            running += 2*layer.ld if layer.norm == BATCH_NORM else 0
            self.net.width = max(self.net.width, layer.ld)
            self.n_parameters += layer.k*layer.n + (self.biases[i] + (layer.norm != NO_NORM)) * layer.n
        clear_dropout(&self.net)
        self.classes = self.sizes[depth]
        self.type_number = cnp.NPY_FLOAT32 if self.itemsize == 4 else cnp.NPY_FLOAT64
        self.dense = dense_kernels[0 if self.itemsize == 4 else 1]
        self.memory, self.running_memory = allocate(size, self.dtype), allocate(running, self.dtype)
        self.parameters_data, self.net.running = self.memory.data, self.running_memory.data
        for gain, variance in zip(Layers.gains(self), Layers.running_statistics(self)):
            if gain is not None:
                gain[...] = 1
            if variance is not None:
                variance[1][...] = 1

    def __dealloc__(self):
        PyMem_Free(self.net.layers)

    def __reduce__(self):
        raise TypeError(f"a {type(self).__name__} is not pickled; pickle the Network that owns it")

    cdef cnp.ndarray vector(self, cnp.ndarray flat):
        """A vector with the layout of the parameters, checked; the parameters by default."""
        if flat is None:
            return array_of(self.memory)
        if cnp.PyArray_NDIM(flat) != 1 or cnp.PyArray_DIM(flat, 0) != self.memory.count:
            raise ValueError(f"flat has shape {(<object>flat).shape}; parameters has shape ({self.memory.count},)")
        return flat

    @property
    def parameters(self):
        """Vector of all weights and biases; `views` has those of each layer."""
        cdef Block memory
        with cython.critical_section(self):
            memory = self.memory
        return array_of(memory)

    @property
    def running(self):
        """Vector of the running statistics of batch normalisation."""
        cdef Block memory
        with cython.critical_section(self):
            memory = self.running_memory
        return array_of(memory)

    @property
    def statistics(self):
        """Mean and deviation of each input, as given to `standardize`; or None."""
        with cython.critical_section(self):
            return self.scaled_by

    def adopt(self, memory):
        """Use other memory for the parameters, with the same numbers: that of a mapped file, which processes share.

        Parameters
        ----------
        memory : ndarray
            Vector with the layout of `parameters`, which is not copied. It does not own its memory, as the arrays of
            `numpy.frombuffer`, so that nothing can move it. Later changes of the parameters are written to it.

        Returns
        -------
        bool
            Whether it is used: it is writable and aligned to a cache line, and has all bits of `parameters`, also those
            of the padding.

        Examples
        --------
        >>> import mmap
        >>> import numpy as np
        >>> from cnn_core.layers import Layers
        >>> layers = Layers((2, 1), ("identity",))
        >>> memory = np.frombuffer(mmap.mmap(-1, layers.parameters.nbytes), layers.dtype)  # zeros, as the parameters
        >>> layers.adopt(memory), np.shares_memory(layers.parameters, memory)
        (True, True)
        """
        cdef Block old = self.memory, block
        cdef cnp.ndarray array
        cdef bint equal
        cdef size_t size = old.count * self.itemsize
        if not cnp.PyArray_CheckExact(memory) or not is_borrowed(<cnp.ndarray>memory):
            return False
        array = memory
        if (cnp.PyArray_NDIM(array) != 1 or cnp.PyArray_DIM(array, 0) != old.count or not cnp.PyArray_ISCARRAY(array)
                or cnp.PyArray_TYPE(array) != self.type_number or <uintptr_t>cnp.PyArray_DATA(array) % 64):
            return False
        block = Block.__new__(Block)
        block.room, block.data, block.count = array, cnp.PyArray_DATA(array), old.count
        block.type_number = self.type_number
        with nogil:
            equal = memcmp(block.data, old.data, size) == 0
        if not equal:
            return False
        with cython.critical_section(self):
            _old = self.memory
            self.check_change("adopt")
            self.memory, self.parameters_data = block, block.data
        return True

    cdef int check_change(self, str what) except -1:
        return 0

    cdef bint pause(self) noexcept:
        return False

    cdef void resume(self) noexcept:
        pass

    def views(self, flat=None):
        """Views of the layers' (W, b) in a vector with the layout of `parameters`.

        Parameters
        ----------
        flat : ndarray, optional
            `parameters` by default; `gradients` or one of `moments`.

        Returns
        -------
        list of (ndarray (k, n), ndarray (n,) or None)
            Writing to the views of `parameters` changes the network.

        Raises
        ------
        TypeError
            If `flat` is not an array.
        ValueError
            If `flat` does not have the length of `parameters`.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.layers import Layers
        >>> layers = Layers((2, 1), ("identity",))
        >>> W, b = layers.views()[0]
        >>> W[:], b[:] = [[10.0], [1.0]], 0.5
        >>> layers.forward(np.array([[3.0, 4.0]]))
        array([[34.5]], dtype=float32)
        """
        cdef Py_ssize_t i
        cdef Layer *layer
        flat = self.vector(flat)
        result = []
        for i in range(self.net.depth):
            layer = &self.net.layers[i]
            if layer.units_major:
                weight = flat[layer.w:layer.w + layer.n*layer.ldt].reshape(layer.n, layer.ldt)[:, :layer.k].T
            else:
                weight = flat[layer.w:layer.w + layer.k*layer.ld].reshape(layer.k, layer.ld)[:, :layer.n]
            result.append((weight, flat[layer.b:layer.b + layer.n] if layer.b >= 0 else None))
        return result

    def gains(self, flat=None):
        """Views of the layers' gains, as :meth:`views` for weights and biases.

        Parameters
        ----------
        flat : ndarray, optional
            Vector with the layout of `parameters`, which is the default.

        Returns
        -------
        list of (ndarray (n,) or None)
            Gain of each layer; None for a layer without normalisation.

        Raises
        ------
        TypeError, ValueError
            As for :meth:`views`.

        Examples
        --------
        >>> from cnn_core.layers import Layers
        >>> layers = Layers((2, 3, 1), ("relu", "identity"), norms=("layer", None))
        >>> layers.gains()[0].shape, layers.gains()[1]
        ((3,), None)
        """
        cdef Py_ssize_t i
        flat = self.vector(flat)
        result = []
        for i in range(self.net.depth):
            gain = None
            if self.net.layers[i].g >= 0:
                gain = flat[self.net.layers[i].g:self.net.layers[i].g + self.net.layers[i].n]
            result.append(gain)
        return result

    def running_statistics(self):
        """Views of the running statistics of batch normalisation.

        Returns
        -------
        list of (pair of ndarray (n,), or None)
            Mean and variance of each layer's X W; None for a layer without batch normalisation.

        Examples
        --------
        >>> from cnn_core.layers import Layers
        >>> mean, variance = Layers((2, 3, 1), ("relu", "identity"), norms=("batch", None)).running_statistics()[0]
        >>> mean.shape, variance.shape
        ((3,), (3,))
        """
        cdef Py_ssize_t i
        cdef Layer *layer
        running, result = array_of(self.running_memory), []
        for i in range(self.net.depth):
            layer = &self.net.layers[i]
            result.append(None if layer.r < 0 else (
                running[layer.r:layer.r + layer.n], running[layer.r + layer.ld:layer.r + layer.ld + layer.n]))
        return result

    def standardize(self, mean, deviation, Py_ssize_t clipped=0):
        """Standardise all rows, in prediction and training: x becomes (x - mean) / deviation, and `scale` is unused.

        Parameters
        ----------
        mean, deviation : array-like (k,)
            Mean and deviation of each column of X, finite, deviations above zero; kept as `statistics`, in float64.
        clipped : int, default 0
            Number of first columns of which each result z then becomes z / sqrt(1 + (z / 3)^2).

        Raises
        ------
        ValueError
            If they have another shape, or one of their numbers cannot be used.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.layers import Layers
        >>> layers = Layers((1, 1), ("identity",))
        >>> layers.views()[0][0][:] = 1.0
        >>> layers.standardize(mean=[20.0], deviation=[5.0])
        >>> layers.forward(np.array([[20.0], [30.0]])).tolist()
        [[0.0], [2.0]]
        """
        cdef cnp.ndarray means, factors
        cdef double *room
        cdef Block scaling
        if not 0 <= clipped <= self.columns:
            raise ValueError(f"clipped is {clipped}; the first layer takes {self.columns} columns")
        means, deviations, factors = read_scaling(mean, deviation, self.columns)
        scaling = allocate(2*self.columns, np.dtype("float64"))
        room = <double *>scaling.data
        memcpy(room, cnp.PyArray_DATA(means), self.columns*sizeof(double))
        memcpy(room + self.columns, cnp.PyArray_DATA(factors), self.columns*sizeof(double))
        statistics = means, deviations
        with cython.critical_section(self):     # after the check, nothing fails or releases objects
            _old = self.scaled_by, self.factors, self.scaling
            self.check_change("standardize")
            self.scaled_by, self.factors, self.clipped = statistics, factors, clipped
            self.scaling, self.mean, self.factor = scaling, room, room + self.columns

    def encode(self, columns, bins, lower, factor, low, high):
        """Encode columns of X as piecewise-linear functions, in prediction and training: the first layer takes the
        columns, then the bins of each encoded column, min(max((z - lower) * factor, low), high).

        z is the number after scaling or standardising, before a clip. Sparse rows are encoded as well.

        Parameters
        ----------
        columns : array-like (c,)
            Indices of the encoded columns, increasing; X then has as many columns less than the first layer takes as
            there are bins.
        bins : array-like (c,)
            Number of bins of each of them, at least 1.
        lower, factor, low, high : array-like (n,)
            Parameters of the bins of all columns, finite, the factors above zero; rounded to the type of the layers.
            All arguments are kept as `encoding`.

        Raises
        ------
        ValueError
            If an argument cannot be used, or the rows are standardised already with another number of columns.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.layers import Layers
        >>> layers = Layers((3, 1), ("identity",))  # the column, and its two bins from 0 to 1 and from 1 to 2
        >>> layers.views()[0][0][:] = [[0.0], [10.0], [1.0]]
        >>> layers.encode([0], [2], lower=[0.0, 1.0], factor=[1.0, 1.0], low=[0.0, 0.0], high=[1.0, 1.0])
        >>> layers.forward(np.array([[0.5], [1.5]])).tolist()
        [[5.0], [10.5]]
        """
        cdef Pieces *pieces
        cdef Block memory
        cdef Py_ssize_t c, total = 0, padded = 0, at = 0
        encoding = read_encoding(columns, bins, (lower, factor, low, high), self.sizes[0], self.dtype)
        if self.scaled_by is not None and self.sizes[0] - len(encoding[2]) != self.columns:
            raise ValueError("encode is called before standardize, which takes the columns of X alone")
        counts = encoding[1].tolist()
        for n in counts:
            total += n
            padded += (n + PIECE_GROUP - 1) // PIECE_GROUP * PIECE_GROUP
        c = len(counts)
        memory = allocate(16 + 2*c + 4*padded + 64, np.dtype("float64"))
        pieces = <Pieces *>memory.data
        pieces.count = c
        pieces.columns = <const int64_t *>(<char *>memory.data + 128)
        pieces.bins = pieces.columns + c
        memcpy(<void *>pieces.columns, cnp.PyArray_DATA(<cnp.ndarray>encoding[0]), c*sizeof(int64_t))
        memcpy(<void *>pieces.bins, cnp.PyArray_DATA(<cnp.ndarray>encoding[1]), c*sizeof(int64_t))
        reals = array_of(memory)[(16 + 2*c + 7) // 8 * 8:].view(self.dtype)[:4*padded].reshape(4, padded)
        for n in counts:
            first = len(encoding[2]) - total
            reals[:, at:at + n] = [part[first:first + n] for part in encoding[2:]]
            total -= n
            at += (n + PIECE_GROUP - 1) // PIECE_GROUP * PIECE_GROUP
        pieces.lower, pieces.factor = cnp.PyArray_DATA(reals[0]), cnp.PyArray_DATA(reals[1])
        pieces.low, pieces.high = cnp.PyArray_DATA(reals[2]), cnp.PyArray_DATA(reals[3])
        with cython.critical_section(self):
            _old = self.encoding, self.piece_memory
            self.check_change("encode")
            self.encoding, self.piece_memory, self.pieces = encoding, memory, pieces
            self.columns = self.sizes[0] - len(encoding[2])

    def tabulate(self):
        """Make a table with which prediction takes about the time of two inputs for each encoded column, not of all its
        bins. The weights of the first layer must not change any more.

        Nothing is done unless each column has two bins or more, which follow one another, end where the next one
        begins, and have the same high end except for the last one; nor if W of the first layer is stored units x
        inputs, or the precision is low.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.layers import Layers
        >>> layers = Layers((3, 1), ("identity",), units_major=False)
        >>> layers.views()[0][0][:] = [[0.0], [10.0], [1.0]]
        >>> layers.encode([0], [2], lower=[0.0, 1.0], factor=[1.0, 1.0], low=[0.0, 0.0], high=[1.0, 1.0])
        >>> layers.tabulate()
        >>> layers.forward(np.array([[0.5], [1.5]])).tolist()
        [[5.0], [10.5]]
        """
        cdef Block memory
        cdef Layer *layer = &self.net.layers[0]
        if self.encoding is None or layer.units_major or self.is_low or self.encoding[1].min() < 2:
            return
        _, bins, _, _, low, high = self.encoding
        W = Layers.views(self)[0][0][self.columns:].astype(np.float64)
        memory = allocate((len(low) + len(bins))*layer.ld, self.dtype)
        table = array_of(memory).reshape(-1, layer.ld)[:, :layer.n]
        first = 0
        for c, n in enumerate(bins.tolist()):
            part = slice(first, first + n)
            if low[part][1:].any() or (high[part][:-1] != high[first]).any():
                return
            table[first + c + 1:first + c + n + 1] = np.cumsum(high[first] * W[part], axis=0)
            first += n
        with cython.critical_section(self):
            self.check_change("tabulate")
            self.piece_memory.token = memory        # lives as long as the bins
            (<Pieces *>self.pieces).table = memory.data

    def set_precision(self, precision):
        """Choose the precision of the products, and make copies of the weights in it. The weights must not change any
        more, unless the precision is set again.

        A table of :meth:`tabulate` is dropped. Calls that run end in the precision with which they began.

        Parameters
        ----------
        precision : {"float32", "bfloat16"}
            As for the class; "float32" drops the copies, also those of :meth:`quantize`.

        Raises
        ------
        ValueError
            If the name is unknown, or the dtype is not float32.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.layers import Layers
        >>> layers = Layers((1, 1), ("identity",))
        >>> layers.views()[0][0][:] = 1.001
        >>> layers.set_precision("bfloat16")
        >>> layers.precision, layers.forward(np.array([[1.0]])).item()  # bfloat16 has 8 significant bits
        ('bfloat16', 1.0)
        """
        name = check_precision(precision, self.dtype)
        set_copies(self, "set_precision", name, None, pack_bfloat16(self) if name == "bfloat16" else None)

    def quantize(self, low, high):
        """Use int8 weights, and inputs of 8 bits, for the products of prediction. The weights must not change any more,
        unless the precision is set again.

        Numbers of 256 levels take the place of the inputs of a layer, from the smallest to the largest; inputs beyond
        this range become its ends. In the first layer each input has its own range, in the others one range is for all
        inputs. Weights become whole numbers from -127 to 127 times a factor of each unit. The sums are exact, and
        everything after them is float32. A table of :meth:`tabulate` is dropped.

        Parameters
        ----------
        low, high : sequence
            For each layer the smallest and the largest input: an array (k,) or a number; None for a layer that keeps
            its float32 weights. `cnn_core.calibration.ranges_of` finds them for given rows.

        Raises
        ------
        ValueError
            If a range cannot be used, a layer has more than 65,000 inputs, or the dtype is not float32.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.layers import Layers
        >>> layers = Layers((1, 1), ("identity",))
        >>> layers.views()[0][0][:] = 2.0
        >>> layers.quantize([0.0], [1.0])  # an input is a multiple of 1 / 255, from 0 to 1
        >>> layers.forward(np.array([[0.501], [3.0]])).round(4).tolist()
        [[1.0039], [2.0]]
        """
        ranges = read_ranges(low, high, self.sizes, self.dtype)
        set_copies(self, "quantize", "int8", ranges, pack_int8(self, ranges))

    cdef Block low_weights(self):
        """Weights in low precision for one call, which keeps them alive."""
        cdef Block low
        with cython.critical_section(self):
            low = self.low_memory
        return pack_bfloat16(self) if low is None else low

    cdef object read_rows(self, samples, double scale, Rows *rows):
        """Describe X as `Rows`; returns an object that must stay alive as long as the rows are read."""
        if not cnp.PyArray_Check(samples):
            return self.read_sparse(samples, scale, rows)
        kept = pinned(<cnp.ndarray>samples)     # before the address is read: making an object may call finalizers
        self.read_dense(<cnp.ndarray>samples, scale, rows)
        return kept, self.scaling, self.piece_memory, self.memory, self.running_memory

    cdef int read_dense(self, cnp.ndarray X, double scale, Rows *rows) except -1:
        """`read_rows` for a dense array, which is not pinned. Sizes are those of the array itself, not attributes of a
        subclass."""
        rows.starts = NULL
        rows.kind = number_of(X)
        if rows.kind < 0:
            raise TypeError(
                f"X has dtype {(<object>X).dtype}; the core reads booleans, integers, float32 and float64 of native "
                "order")
        if cnp.PyArray_NDIM(X) != 2 or cnp.PyArray_DIM(X, 1) != self.columns:
            raise ValueError(f"X has shape {(<object>X).shape}; the stack takes (m, {self.columns})")
        rows.data, rows.count = <const char *>cnp.PyArray_DATA(X), cnp.PyArray_DIM(X, 0)
        rows.columns = self.columns
        rows.row_stride, rows.column_stride = cnp.PyArray_STRIDE(X, 0), cnp.PyArray_STRIDE(X, 1)
        rows.scale, rows.mean, rows.factor = scale, self.mean, self.factor
        rows.clipped, rows.pieces = self.clipped, self.pieces
        rows.direct = (
            cnp.PyArray_TYPE(X) == self.type_number and scale == 1 and self.mean == NULL and self.pieces == NULL
            and (rows.column_stride == self.itemsize or rows.columns == 1)
            and rows.row_stride % self.itemsize == 0 and <uintptr_t>rows.data % self.itemsize == 0
            and (rows.columns * self.itemsize % 64 == 0 or not self.net.layers[0].units_major))
        return 0

    cdef object read_sparse(self, X, double scale, Rows *rows):
        """`read_rows` for sparse rows, whose attributes and numbers may have changed since they were checked: the start
        of each row is copied and checked again, and the kernels skip columns out of range."""
        cdef cnp.ndarray starts, indices, data
        if not isinstance(X, SparseRows):
            raise TypeError(f"X is of the type {type(X).__name__}; the core reads ndarray and SparseRows")
        if X.shape[1] != self.columns:
            raise ValueError(f"X has shape {X.shape}; the stack takes (m, {self.columns})")
        starts, indices, data = X.arrays
        starts = np.array(starts)
        kept = (starts, indices, data, pinned(indices), pinned(data), self.scaling, self.piece_memory, self.memory,
                self.running_memory)
        memset(rows, 0, sizeof(Rows))
        rows.kind = number_of(data)
        rows.wide_indices = number_of(indices) == INT64
        if (not is_vector(starts) or not is_vector(indices) or not is_vector(data) or number_of(starts) != INT64
                or number_of(indices) not in (INT32, INT64) or rows.kind not in (FLOAT32, FLOAT64)
                or not are_starts(<const int64_t *>cnp.PyArray_DATA(starts), cnp.PyArray_DIM(starts, 0),
                                  min(cnp.PyArray_DIM(indices, 0), cnp.PyArray_DIM(data, 0)))):
            raise ValueError("the arrays of the sparse rows have changed and no longer describe a matrix; make a new "
                             "SparseRows")
        rows.data, rows.count = <const char *>cnp.PyArray_DATA(data), cnp.PyArray_DIM(starts, 0) - 1
        rows.indices = cnp.PyArray_DATA(indices)
        rows.starts = <const int64_t *>cnp.PyArray_DATA(starts)
        rows.columns = self.columns
        rows.scale, rows.mean, rows.factor = scale, self.mean, self.factor
        rows.clipped, rows.pieces = self.clipped, self.pieces
        return kept

    cdef int forward_block(self, const Rows *x, Py_ssize_t m, void *out, int output, bint finite_only,
                           int threads) noexcept nogil:
        """out[m, n] = the network's output for x. Returns 0; with `finite_only` 1 if a number of x or out is not
        finite; -1 when memory is out; -2 when a user's function has set an exception."""
        return self.forward_net(&self.net, x, 0, m, out, output, finite_only, threads, NULL)

    cdef int forward_slices(self, const Net *net, const Rows *x, Py_ssize_t m, char *out, int output, bint finite_only,
                            int threads, double deadline, const UnitsOfY *units) except? -3:
        """`forward_block` in slices of rows that are short enough to check signals and deadline between them."""
        cdef Py_ssize_t most = max(FORWARD_BLOCK, <Py_ssize_t>(SLICE_FLOPS / (2.0*self.n_parameters + 1e3)))
        cdef Py_ssize_t out_bytes = (2 if output == BOTH_CLASSES else net.layers[net.depth - 1].n) * self.itemsize
        cdef Py_ssize_t at = 0, count
        cdef int failed
        if units != NULL:
            out_bytes = self.classes * (8 if units.is_double else 4)
        while True:
            count = min(most, m - at)
            with nogil:
                failed = self.forward_net(net, x, at, count, out + at*out_bytes, output, finite_only, threads,
                                          units)
            at += count
            if failed or at >= m:
                return failed
            PyErr_CheckSignals()
            if has_expired(deadline):
                raise TimeoutError("the deadline has passed")

    cdef int forward_net(self, const Net *net, const Rows *x, Py_ssize_t first, Py_ssize_t m, void *out, int output,
                         bint finite_only, int threads, const UnitsOfY *units) noexcept nogil:
        """Rows first, ..., first + m - 1 of x."""
        cdef Forward f
        cdef Net with_copies
        cdef char small[SMALL_WORK + 64]
        cdef char *room = small
        cdef char *copies = NULL
        cdef int size = 1
        cdef Py_ssize_t serial = SERIAL_FLOPS, least = FEWEST_ROWS, block = FORWARD_BLOCK
        if net.low_precision != NULL:
            serial, least = LOW_SPEED*SERIAL_FLOPS, 0
        elif self.n_parameters * self.itemsize > LARGE_WEIGHTS:
            block = LARGE_FORWARD_BLOCK
        if threads > 1 and 2.0 * self.n_parameters * max(m, least) > serial and self.net.call == NULL:
            size = acquire_threads(threads, 2.0 * self.n_parameters * m <= serial)
        f.net, f.dense, f.parameters, f.x = net, self.dense, self.parameters_data, x
        f.first = first
        f.count, f.block, f.output, f.out = m, min(m, block), output, <char *>out
        if not x.direct:
            f.block = min(f.block, max(FEWEST_ROWS, GATHERED_BYTES // (self.net.width * self.itemsize)))
        f.finite_only, f.outcome, f.units = finite_only, 1, units
        if size > 1:
            # Smaller pieces of large networks would read the weights from memory too often.
            f.groups, f.taken, f.most = <int>((m + ROW_GROUP - 1) // ROW_GROUP), 0, <int>(block // ROW_GROUP)
            f.fewest = 1 if self.n_parameters * self.itemsize <= CACHED_BYTES else max(1, min(f.most, f.groups // size))
        f.out_bytes = (2 if output == BOTH_CLASSES else net.layers[net.depth - 1].n) * self.itemsize
        f.work_bytes = forward_work(net, f.block, self.itemsize)
        if units != NULL:
            f.columns, f.is_double = net.layers[net.depth - 1].n, self.itemsize == 8
            f.out_bytes = f.columns * (8 if units.is_double else 4)
            f.z_at = f.work_bytes
            f.work_bytes += f.block * self.net.width * self.itemsize
        if f.work_bytes * size > SMALL_WORK:
            room = <char *>PyMem_RawMalloc(f.work_bytes*size + 64)
            if room == NULL:
                release_threads(size)
                return -1
        f.work = room + (64 - <uintptr_t>room % 64)
        if m >= COPIED_ROWS*size and net.low_precision == NULL and (x.pieces == NULL or x.pieces.table == NULL):
            copies = copy_narrow(net, self.dense, self.parameters_data, self.itemsize, &with_copies)
            f.net = net if copies == NULL else &with_copies
        if size > 1 and divides_units(&f, self.itemsize, size):
            forward_few_rows(&f, self.itemsize, size)
        else:
            run_shares(forward_share, &f, size if size > 1 and f.groups > 1 else 1, True)
        release_threads(size)
        if room != small:
            PyMem_RawFree(room)
        PyMem_RawFree(copies)
        return 0 if f.outcome == 1 else 1 if f.outcome == 0 else -2

    cdef int forward_rows(self, const void *x, Py_ssize_t m, void *out) noexcept nogil:
        cdef Rows rows
        rows.data, rows.count, rows.columns, rows.scale = <const char *>x, m, self.columns, 1
        rows.mean, rows.factor, rows.clipped, rows.starts = self.mean, self.factor, self.clipped, NULL
        rows.kind, rows.pieces = FLOAT32 if self.itemsize == 4 else FLOAT64, self.pieces
        rows.direct = self.mean == NULL and self.pieces == NULL and (
            rows.columns * self.itemsize % 64 == 0 or not self.net.layers[0].units_major)
        rows.row_stride, rows.column_stride = rows.columns*self.itemsize, self.itemsize
        if self.is_low:
            return forward_low_rows(self, &rows, m, out)
        return self.forward_block(&rows, m, out, LINKED, False, 1)

    def forward(self, X, cnp.ndarray out=None, *, bint link=True, double scale=1.0,
                n_threads=None, double deadline=INFINITY):
        """Network's output for every row of X.

        Parameters
        ----------
        X : ndarray or SparseRows (m, k)
            An ndarray of any strides; float32, float64, integers or booleans of native byte order.
        out : ndarray (m, n), optional
            Output array: C-contiguous, of the stack's dtype, not overlapping X.
        link : bool
            False: logits, without the last layer's activation.
        scale : float
            Factor of X, unless X is standardised.
        n_threads : int, optional
            Largest number of threads; `get_num_threads()` by default.
        deadline : float
            Value of `time.perf_counter` after which a long computation ends with a TimeoutError.

        Returns
        -------
        ndarray (m, n)
            `out`, or a new array.

        Raises
        ------
        ValueError, TypeError
            If X or out has another shape, dtype or layout.
        TimeoutError
            If the deadline has passed.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.layers import Layers
        >>> layers = Layers((1, 2), ("softmax",))
        >>> layers.views()[0][0][:] = [[0.0, 1.0]]
        >>> X = np.array([[0.0], [2.0]])
        >>> layers.forward(X).round(2)
        array([[0.5 , 0.5 ],
               [0.12, 0.88]], dtype=float32)
        >>> layers.forward(X, link=False)
        array([[0., 0.],
               [0., 2.]], dtype=float32)
        """
        cdef Rows rows
        cdef Net net = self.net
        cdef Block low
        cdef int failed, threads = thread_count(n_threads)
        cdef Py_ssize_t m
        cdef void *data
        kept = self.read_rows(X, scale, &rows)
        if self.is_low:
            low = self.low_weights()
            net.low_precision = <const LowPrecision *>low.data
        m = rows.count
        out = self.output(X, out, m, self.classes)
        kept = kept, pinned(out)
        data = cnp.PyArray_DATA(out)
        failed = self.forward_slices(&net, &rows, m, <char *>data, LINKED if link else LOGITS, False, threads,
                                     deadline, NULL)
        if failed:
            raise_failure(failed)
        return out

    def hidden(self, X, count, *, double scale=1.0, n_threads=None):
        """Output of the first `count` layers, including the activation, for every row of X.

        Parameters
        ----------
        X, scale, n_threads
            As for `forward`.
        count : int
            From 0 to the number of layers; 0 for the inputs of the first layer: scaled, standardised, with their bins.

        Returns
        -------
        ndarray (m, units of the last of them, or inputs)

        Raises
        ------
        ValueError, TypeError
            If X or count cannot be used.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.layers import Layers
        >>> layers = Layers((2, 3, 4, 1), ("relu", "relu", "identity"))
        >>> X = np.zeros((5, 2))
        >>> layers.hidden(X, 1).shape, layers.hidden(X, 2).shape
        ((5, 3), (5, 4))
        """
        cdef Rows rows
        cdef Net whole = self.net
        cdef Block low
        cdef int failed, threads = thread_count(n_threads), depth = operator.index(count)
        cdef Py_ssize_t m, n
        cdef void *data
        if not 0 <= depth <= whole.depth:
            raise ValueError(f"count is {count}; the stack has {whole.depth} layers")
        kept = self.read_rows(X, scale, &rows)  # no-cython-lint: alive until the end
        if depth == 0:
            return read_inputs(self, &rows)
        if self.is_low:
            low = self.low_weights()
            whole.low_precision = <const LowPrecision *>low.data
        m, n = rows.count, whole.layers[depth - 1].n
        out = self.output(X, None, m, n)
        data = cnp.PyArray_DATA(out)
        whole.depth = depth
        failed = self.forward_slices(&whole, &rows, m, <char *>data, LINKED, False, threads, INFINITY, NULL)
        if failed:
            raise_failure(failed)
        return out

    def try_forward(self, X, cnp.ndarray out, int output, double scale, n_threads, Units units=None, /):
        """`forward` for arrays that need no conversion, with as little overhead as possible for a single row.

        Parameters
        ----------
        X, out, scale, n_threads
            As for `forward`.
        output : int
            0 for logits; 1 for the link's output; 2 for both classes of a network of one output p: 1 - p and p.
        units : Units, optional
            Units and type of the outputs. `out` may then be float32 or float64 whatever the type, and a vector (m,) if
            there is one output.

        Returns
        -------
        ndarray (m, n), or (m,) for `Units` with `as_vector`, or None
            None if `forward` would refuse X, or X has no rows, or X or the output has a number that is not finite.
            `out` may then have been written to.

        Raises
        ------
        ValueError
            If out has another shape, dtype or layout, or output another value, or is 2 with `units`.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.layers import Layers
        >>> layers = Layers((1, 1), ("sigmoid",))
        >>> layers.try_forward(np.array([[3.0]]), None, 2, 1.0, 1)  # both classes
        array([[0.5, 0.5]], dtype=float32)
        >>> print(layers.try_forward(np.array([[np.nan]]), None, 1, 1.0, 1))
        None
        """
        cdef Rows rows
        cdef int failed, threads
        cdef Py_ssize_t m
        cdef void *data
        cdef UnitsOfY of_y
        cdef const UnitsOfY *in_units = NULL
        cdef object kept = None
        cdef Net low_net
        cdef const Net *net = &self.net
        cdef Block low, _memory = self.memory, _running = self.running_memory    # kept for the whole call
        cdef Block _scaling = self.scaling, _pieces = self.piece_memory
        if output < LOGITS or output > BOTH_CLASSES or (output == BOTH_CLASSES and self.classes != 1):
            raise ValueError(f"output is {output}; a network of {self.classes} outputs has no such form")
        if output == BOTH_CLASSES and units is not None:
            raise ValueError("output is 2, both classes; units are for networks that predict values")
        threads = thread_count(n_threads)       # may call Python: nothing of X is read before
        if cnp.PyArray_CheckExact(X):
            if (cnp.PyArray_NDIM(<cnp.ndarray>X) != 2 or cnp.PyArray_DIM(<cnp.ndarray>X, 1) != self.columns
                    or number_of(<cnp.ndarray>X) < 0 or not cnp.PyArray_ISALIGNED(<cnp.ndarray>X)):
                return None
            if (<double>self.n_parameters * cnp.PyArray_DIM(<cnp.ndarray>X, 0) >= PINNED_WORK
                    or self.net.call != NULL):
                kept = pinned(<cnp.ndarray>X)
            self.read_dense(<cnp.ndarray>X, scale, &rows)
        elif isinstance(X, SparseRows) and X.shape[1] == self.columns:
            kept = self.read_sparse(X, scale, &rows)
        else:
            return None
        m = rows.count
        if m == 0:
            return None
        if units is None:
            out = self.output(X, out, m, 2 if output == BOTH_CLASSES else self.classes)
        else:
            out = self.output_in(units, X, out, m)
            of_y = units.of_y
            of_y.is_double = cnp.PyArray_TYPE(out) == cnp.NPY_FLOAT64
            if of_y.factor != NULL or cnp.PyArray_TYPE(out) != self.type_number:
                in_units = &of_y
        if kept is not None:
            kept = kept, pinned(out)
        data = cnp.PyArray_DATA(out)
        if self.is_low:
            low, low_net = self.low_weights(), self.net
            low_net.low_precision = <const LowPrecision *>low.data
            net = &low_net
        if <double>self.n_parameters * m < SHORT_WORK:
            failed = self.forward_net(net, &rows, 0, m, data, output, True, 1, in_units)
        else:
            failed = self.forward_slices(net, &rows, m, <char *>data, output, True, threads, INFINITY, in_units)
        if failed < 0:
            raise_failure(failed)
        return None if failed else out

    cdef cnp.ndarray output(self, X, cnp.ndarray out, Py_ssize_t m, Py_ssize_t n):
        """`out` if it is (m, n) and can be written, or a new array."""
        cdef cnp.npy_intp shape[2]
        shape[0], shape[1] = m, n
        if out is None:
            return cnp.PyArray_EMPTY(2, shape, self.type_number, 0)
        if (cnp.PyArray_NDIM(out) != 2 or cnp.PyArray_DIM(out, 0) != m or cnp.PyArray_DIM(out, 1) != n
                or cnp.PyArray_TYPE(out) != self.type_number or not cnp.PyArray_ISCARRAY(out)):
            raise ValueError(
                f"out has shape {(<object>out).shape} and dtype {(<object>out).dtype}; it must be a writable "
                f"C-contiguous array of shape ({m}, {n}) and dtype {self.dtype}")
        self.check_overlap(X, out)
        return out

    cdef cnp.ndarray output_in(self, Units units, X, cnp.ndarray out, Py_ssize_t m):
        """`output` in the type of `units`, or an `out` of either type."""
        cdef cnp.npy_intp shape[2]
        cdef Py_ssize_t n = self.classes
        cdef bint fits
        if units.count >= 0 and units.count != n:
            raise ValueError(f"units are of {units.count} outputs; the network has {n}")
        shape[0], shape[1] = m, n
        if out is None:
            return cnp.PyArray_EMPTY(1 if units.as_vector and n == 1 else 2, shape, units.type_number, 0)
        fits = cnp.PyArray_NDIM(out) == 2 and cnp.PyArray_DIM(out, 1) == n or cnp.PyArray_NDIM(out) == 1 and n == 1
        if (not fits or cnp.PyArray_DIM(out, 0) != m or not cnp.PyArray_ISCARRAY(out)
                or cnp.PyArray_TYPE(out) not in (cnp.NPY_FLOAT32, cnp.NPY_FLOAT64)):
            expected = f"({m},)" if n == 1 else f"({m}, {n})"
            raise ValueError(
                f"out has shape {(<object>out).shape} and dtype {(<object>out).dtype}; it must be a writable "
                f"C-contiguous array of shape {expected} and dtype float32 or float64")
        self.check_overlap(X, out)
        return out

    cdef int check_overlap(self, X, cnp.ndarray out) except -1:
        for part in (X,) if cnp.PyArray_Check(X) else X.arrays:
            if overlap(part, out):
                raise ValueError("out overlaps X")
        if is_in(out, self.memory) or is_in(out, self.running_memory):
            raise ValueError("out overlaps the parameters of the network")
        return 0


include "means.pyx"
