"""A stack of dense layers: the arena of its parameters, the checks, and the calls into the kernels.

(a) One arena: all parameters are one flat vector, layer after layer, W (inputs x units) then b; so are the gradient
    and each moment of the optimizer. Rows are padded to 64 bytes, and to an odd number of them where they would lie
    a multiple of 1024 bytes apart, which would put them into the same few cache sets. Padding is always zero.
(b) Everything is checked here, once; below, no kernel allocates or raises.
(c) A call takes its own workspace, so that any number of threads may predict with one stack.
"""

import operator

import numpy as np

from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_RawFree, PyMem_RawMalloc
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int64_t, uintptr_t
from libc.string cimport memset

cimport numpy as cnp

from importlib import import_module

from cnn_core import isa
from cnn_core.dense cimport DenseKernels
from cnn_core.threads cimport begin, end, the_team, wait, work_together
from cnn_core.types cimport (
    ADAM, ADAMW, BINARY_CROSS_ENTROPY, FLOAT32, FLOAT64, GRADIENT_ONLY, IDENTITY, INT8, INT16, INT32, INT64, MOMENTUM,
    MSE, NESTEROV, RELU, SGD, SIGMOID, SOFTMAX, SOFTMAX_CROSS_ENTROPY, TANH, UINT8, UINT16, UINT32, UINT64, Layer,
    Net, Rows, Run, Step, loss_fn, step_fn)

from cnn_core.threads import get_num_threads

cnp.import_array()

cdef dict _activations = {
    "identity": IDENTITY, "relu": RELU, "sigmoid": SIGMOID, "tanh": TANH, "softmax": SOFTMAX}
cdef dict _losses = {
    "binary_cross_entropy": BINARY_CROSS_ENTROPY, "softmax_cross_entropy": SOFTMAX_CROSS_ENTROPY, "mse": MSE}
cdef dict _methods = {"sgd": SGD, "momentum": MOMENTUM, "nesterov": NESTEROV, "adam": ADAM, "adamw": ADAMW}
cdef dict _moments = {"sgd": 0, "momentum": 1, "nesterov": 1, "adam": 2, "adamw": 2}
cdef dict _defaults = {
    "sgd": {}, "momentum": {"momentum": 0.9}, "nesterov": {"momentum": 0.9},
    "adam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
    "adamw": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "weight_decay": 0.01}}
cdef dict _numbers = {
    "f4": FLOAT32, "f8": FLOAT64, "u1": UINT8, "b1": UINT8, "i1": INT8, "u2": UINT16, "i2": INT16, "u4": UINT32,
    "i4": INT32, "u8": UINT64, "i8": INT64}

ACTIVATIONS = tuple(_activations)
LOSSES = tuple(_losses)
OPTIMIZERS = tuple(_methods)

cdef enum:
    ROW_GROUP = 16                  # buffers hold a multiple of this many rows
    MOST_NARROW = 144               # `narrow` layers have fewer units
    CHUNK_BYTES = 512 * 1024        # what a thread's rows of a chunk may take of the level-2 cache
    SMALL_CHUNK = 4
    MOST_CHUNK = 128
    LARGE_CHUNK = 512
    FORWARD_BLOCK = 64
    SMALL_WORK = 8192               # bytes of workspace that a call takes from the C stack
    SERIAL_FLOPS = 2000000          # less work than this is not shared out
cdef double SLICE_FLOPS = 2e9       # signals are looked for after so much work


cdef void *kernels_of(str concept, str type_name, const char *capsule) except NULL:
    return PyCapsule_GetPointer(import_module(f"cnn_core.{isa}.{concept}_{type_name}").kernels, capsule)


cdef DenseKernels *dense_kernels[2]
cdef loss_fn loss_kernels[2]
cdef step_fn step_kernels[2]
for _i, _type_name in enumerate(("f32", "f64")):
    dense_kernels[_i] = <DenseKernels *>kernels_of("dense", _type_name, "cnn_core.DenseKernels")
    loss_kernels[_i] = <loss_fn>kernels_of("losses", _type_name, "cnn_core.loss_fn")
    step_kernels[_i] = <step_fn>kernels_of("optimizers", _type_name, "cnn_core.step_fn")


cdef Py_ssize_t padded(Py_ssize_t n, Py_ssize_t itemsize) noexcept nogil:
    """Row stride for n reals."""
    cdef Py_ssize_t line = 64 // itemsize, reals = (n + line - 1) // line * line
    return reals + line if reals * itemsize % 1024 == 0 else reals


cdef bint narrow(Py_ssize_t k, Py_ssize_t n, Py_ssize_t itemsize) noexcept nogil:
    """Whether W is better stored units x inputs: padding the units would waste an eighth or more of the work."""
    cdef Py_ssize_t line = 64 // itemsize, full = (n + line - 1) // line * line
    return k >= 32 if n <= 4 else k >= 256 and full * 8 >= n * 9


cdef Py_ssize_t rounded(Py_ssize_t n) noexcept nogil:
    return (n + ROW_GROUP - 1) // ROW_GROUP * ROW_GROUP


cdef cnp.ndarray aligned_zeros(Py_ssize_t count, dtype):
    """A vector of zeros that starts on a cache line."""
    cdef cnp.ndarray room = np.zeros(count + 64 // dtype.itemsize, dtype)
    cdef Py_ssize_t skip = (64 - <uintptr_t>cnp.PyArray_DATA(room) % 64) % 64 // dtype.itemsize
    return room[skip:skip + count]


cdef int thread_count(n_threads) except -1:
    cdef int count = get_num_threads() if n_threads is None else operator.index(n_threads)
    if count < 1:
        raise ValueError(f"n_threads is {count}; it must be at least 1")
    return count


cdef code_of(str what, dict codes, name):
    try:
        return codes[name]
    except (KeyError, TypeError):
        raise ValueError(f"{what} is {name!r}; it must be one of {', '.join(map(repr, codes))}") from None


cdef struct Forward:                # a region that predicts: each rank a share of the rows
    const Net *net
    const DenseKernels *dense
    const void *parameters
    const Rows *x
    Py_ssize_t count, block
    char *out
    char *work
    Py_ssize_t out_bytes, work_bytes
    bint link


cdef void forward_share(void *argument, int rank, int size) noexcept nogil:
    cdef Forward *f = <Forward *>argument
    cdef Py_ssize_t groups = (f.count + ROW_GROUP - 1) // ROW_GROUP
    cdef Py_ssize_t first = min(f.count, groups * rank // size * ROW_GROUP)
    cdef Py_ssize_t last = min(f.count, groups * (rank + 1) // size * ROW_GROUP)
    f.dense.forward(f.net, f.parameters, f.x, first, last - first, f.out + first*f.out_bytes, f.link, f.block,
                    f.work + rank*f.work_bytes)


cdef void run_share(void *run, int rank, int size) noexcept nogil:
    (<DenseKernels *>(<Run *>run).kernels).run(<Run *>run, rank, size)


cdef class Stack:
    """Dense layers a = f(x W + b), one after another, for one type of real.

    Parameters
    ----------
    sizes : sequence of int
        Inputs of the first layer, then the units of each layer: (k, n_1, ..., n_L).
    activations : sequence of str
        One of `ACTIVATIONS` a layer; "softmax" on the last layer only.
    biases : sequence of bool, optional
        Whether each layer has a bias; all have one by default.
    dtype : {"float32", "float64"}
        The type of parameters, computation and results.

    Raises
    ------
    ValueError
        If a size is less than 1, the lengths differ, or a name is unknown.
    OverflowError
        If the parameters would not fit the address space.
    """

    def __cinit__(self, sizes, activations, biases=None, dtype="float32"):
        cdef Py_ssize_t size = 0, depth, i
        cdef Layer *layer
        self.sizes = tuple(operator.index(size) for size in sizes)
        self.activations = tuple(activations)
        depth = len(self.sizes) - 1
        self.biases = (True,) * max(depth, 0) if biases is None else tuple(bool(b) for b in biases)
        if depth < 1 or min(self.sizes) < 1:
            raise ValueError(f"sizes is {self.sizes}; it must hold two sizes or more, all at least 1")
        if len(self.activations) != depth or len(self.biases) != depth:
            raise ValueError(f"{depth} layers, but {len(self.activations)} activations and {len(self.biases)} biases")
        if "softmax" in self.activations[:depth - 1]:
            raise ValueError("softmax is for the last layer only")
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.dtype("float32"), np.dtype("float64")):
            raise ValueError(f"dtype is {self.dtype}; it must be float32 or float64")
        self.itemsize = self.dtype.itemsize
        if sum((k + 64) * (n + 64) for k, n in zip(self.sizes, self.sizes[1:])) * 16 >= 2**63:
            raise OverflowError(f"a network of sizes {self.sizes} does not fit the address space")
        self.net.layers = <Layer *>PyMem_Malloc(depth * sizeof(Layer))
        if self.net.layers == NULL:
            raise MemoryError
        self.net.depth = <int>depth
        self.net.width = padded(self.sizes[0], self.itemsize)
        for i in range(depth):
            layer = &self.net.layers[i]
            layer.k, layer.n = self.sizes[i], self.sizes[i + 1]
            layer.ld, layer.ldt = padded(layer.n, self.itemsize), padded(layer.k, self.itemsize)
            layer.activation = code_of("activation", _activations, self.activations[i])
            layer.units_major = narrow(layer.k, layer.n, self.itemsize)
            layer.w = size
            size += layer.n * layer.ldt if layer.units_major else layer.k * layer.ld
            layer.b = size if self.biases[i] else -1
            size += layer.ld if self.biases[i] else 0
            self.net.width = max(self.net.width, layer.ld)
            self.n_parameters += layer.k*layer.n + (layer.n if self.biases[i] else 0)
        self.classes = self.sizes[depth]
        i = 0 if self.itemsize == 4 else 1
        self.type_number = cnp.NPY_FLOAT32 if self.itemsize == 4 else cnp.NPY_FLOAT64
        self.dense, self.loss_kernel, self.step_kernel = dense_kernels[i], loss_kernels[i], step_kernels[i]
        self.parameters = aligned_zeros(size, self.dtype)
        self.gradients = aligned_zeros(size, self.dtype)
        self.parameters_data = cnp.PyArray_DATA(self.parameters)
        self.moments = ()

    def __dealloc__(self):
        PyMem_Free(self.net.layers)

    def __reduce__(self):
        raise TypeError("a Stack is not pickled; pickle the Network that owns it")

    @property
    def steps(self):
        """Steps the optimizer has taken since `set_optimizer`."""
        return self.step.count

    @steps.setter
    def steps(self, count):
        self.step.count = operator.index(count)

    def views(self, flat=None):
        """The layers' (W, b) as views on a vector that is laid out like the arena.

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
        ValueError
            If `flat` does not have the arena's length.
        """
        cdef Py_ssize_t i
        cdef Layer *layer
        if flat is None:
            flat = self.parameters
        if flat.shape != (len(self.parameters),):
            raise ValueError(f"a vector of shape {flat.shape}; the arena has shape ({len(self.parameters)},)")
        result = []
        for i in range(self.net.depth):
            layer = &self.net.layers[i]
            if layer.units_major:
                weight = flat[layer.w:layer.w + layer.n*layer.ldt].reshape(layer.n, layer.ldt)[:, :layer.k].T
            else:
                weight = flat[layer.w:layer.w + layer.k*layer.ld].reshape(layer.k, layer.ld)[:, :layer.n]
            result.append((weight, flat[layer.b:layer.b + layer.n] if layer.b >= 0 else None))
        return result

    def set_optimizer(self, name, **hyper):
        """Choose the optimizer and forget what the last one remembered.

        Parameters
        ----------
        name : str
            One of `OPTIMIZERS`.
        **hyper : float
            momentum (0.9) for momentum and nesterov; beta_1 (0.9), beta_2 (0.999), epsilon (1e-8) for adam and
            adamw; weight_decay (0.01) for adamw.

        Raises
        ------
        ValueError
            If the name is unknown.
        TypeError
            If the optimizer has no such hyperparameter.
        """
        method = code_of("optimizer", _methods, name)
        for key in hyper:
            if key not in _defaults[name]:
                raise TypeError(f"optimizer {name!r} has no hyperparameter {key!r}; it has {list(_defaults[name])}")
        moments = tuple(aligned_zeros(len(self.parameters), self.dtype) for _ in range(_moments[name]))
        values = {**_defaults[name], **hyper}
        memset(&self.step, 0, sizeof(Step))
        self.step.momentum = values.get("momentum", 0.0)
        self.step.beta_1, self.step.beta_2 = values.get("beta_1", 0.0), values.get("beta_2", 0.0)
        self.step.epsilon, self.step.weight_decay = values.get("epsilon", 0.0), values.get("weight_decay", 0.0)
        self.step.method = method
        self.moments, self.optimizer = moments, name

    cdef int read_rows(self, cnp.ndarray X, double scale, Rows *rows) except -1:
        """Describe X to the kernels."""
        dtype = (<object>X).dtype
        kind = _numbers.get(dtype.str[1:])
        if kind is None or not dtype.isnative:
            raise TypeError(f"X has dtype {dtype}; the core reads booleans, integers, float32 and float64 of native order")
        if cnp.PyArray_NDIM(X) != 2 or cnp.PyArray_DIM(X, 1) != self.net.layers[0].k:
            raise ValueError(f"X has shape {(<object>X).shape}; the stack takes (m, {self.net.layers[0].k})")
        rows.data = <const char *>cnp.PyArray_DATA(X)
        rows.columns = self.net.layers[0].k
        rows.row_stride, rows.column_stride = cnp.PyArray_STRIDE(X, 0), cnp.PyArray_STRIDE(X, 1)
        rows.kind, rows.scale = kind, scale
        rows.direct = (
            cnp.PyArray_TYPE(X) == self.type_number and scale == 1
            and (rows.column_stride == self.itemsize or rows.columns == 1)
            and rows.row_stride % self.itemsize == 0 and <uintptr_t>rows.data % self.itemsize == 0
            and (rows.columns * self.itemsize % 64 == 0 or not self.net.layers[0].units_major))
        return 0

    cdef int forward_block(self, const Rows *x, Py_ssize_t m, void *out, bint link, int threads) noexcept nogil:
        cdef Forward f
        cdef char small[SMALL_WORK + 64]
        cdef char *room = small
        cdef int size = 1
        if threads > 1 and 2.0 * self.n_parameters * m > SERIAL_FLOPS:
            size = begin(threads)
        f.net, f.dense, f.parameters, f.x = &self.net, self.dense, self.parameters_data, x
        f.count, f.block, f.link, f.out = m, min(m, FORWARD_BLOCK), link, <char *>out
        f.out_bytes = self.net.layers[self.net.depth - 1].n * self.itemsize
        f.work_bytes = 2 * f.block * self.net.width * self.itemsize
        if f.work_bytes * size > SMALL_WORK:
            room = <char *>PyMem_RawMalloc(f.work_bytes*size + 64)
            if room == NULL:
                end(size)
                return -1
        f.work = room + (64 - <uintptr_t>room % 64)
        work_together(forward_share, &f, size)
        end(size)
        if room != small:
            PyMem_RawFree(room)
        return 0

    cdef int forward_rows(self, const void *x, Py_ssize_t m, void *out) noexcept nogil:
        cdef Rows rows
        rows.data, rows.columns, rows.scale = <const char *>x, self.net.layers[0].k, 1
        rows.kind = FLOAT32 if self.itemsize == 4 else FLOAT64
        rows.direct = rows.columns * self.itemsize % 64 == 0 or not self.net.layers[0].units_major
        rows.row_stride, rows.column_stride = rows.columns*self.itemsize, self.itemsize
        return self.forward_block(&rows, m, out, True, 1)

    def forward(self, cnp.ndarray X not None, cnp.ndarray out=None, *, bint link=True, double scale=1.0,
                n_threads=None):
        """The network's output for every row of X.

        Parameters
        ----------
        X : ndarray (m, k)
            Any strides; float32, float64, integers or booleans of native byte order.
        out : ndarray (m, n), optional
            Where to write: C-contiguous, of the stack's dtype, not overlapping X.
        link : bool
            False leaves out the last layer's activation: logits.
        scale : float
            What X is multiplied by.
        n_threads : int, optional
            At most so many threads; `get_num_threads()` by default.

        Returns
        -------
        ndarray (m, n)
            `out`, or a new array.

        Raises
        ------
        ValueError, TypeError
            If X or out has another shape, dtype or layout.
        """
        cdef Rows rows
        cdef cnp.npy_intp shape[2]
        cdef int threads = thread_count(n_threads), failed
        cdef void *data
        self.read_rows(X, scale, &rows)
        shape[0], shape[1] = cnp.PyArray_DIM(X, 0), self.classes
        if out is None:
            out = cnp.PyArray_EMPTY(2, shape, self.type_number, 0)
        elif (cnp.PyArray_NDIM(out) != 2 or cnp.PyArray_DIM(out, 0) != shape[0] or cnp.PyArray_DIM(out, 1) != shape[1]
                or cnp.PyArray_TYPE(out) != self.type_number or not cnp.PyArray_ISCARRAY(out)):
            raise ValueError(
                f"out has shape {(<object>out).shape} and dtype {(<object>out).dtype}; it must be a writable "
                f"C-contiguous array of shape ({shape[0]}, {shape[1]}) and dtype {self.dtype}")
        elif np.may_share_memory(X, out):
            raise ValueError("out overlaps X")
        data = cnp.PyArray_DATA(out)
        with nogil:
            failed = self.forward_block(&rows, shape[0], data, link, threads)
        if failed:
            raise MemoryError
        return out

    cdef object prepare(self, Run *run, cnp.ndarray X, y, object loss, double scale, Py_ssize_t batch, int threads):
        """Fill in everything that a pass needs but its order and rates; returns what must stay alive meanwhile."""
        cdef cnp.ndarray target
        cdef Py_ssize_t m = len(X)
        memset(run, 0, sizeof(Run))
        self.read_rows(X, scale, &run.x)
        if run.x.row_stride % 1024 == 0:
            run.x.direct = False        # rows in the same cache sets: better gathered into the padded buffer
        run.loss = code_of("loss", _losses, loss)
        if m == 0:
            raise ValueError("X has no rows")
        target = np.asarray(y)
        if run.loss == SOFTMAX_CROSS_ENTROPY and cnp.PyArray_NDIM(target) == 1:
            if cnp.PyArray_TYPE(target) != cnp.NPY_INT64 or not cnp.PyArray_ISCARRAY_RO(target):
                raise TypeError("y must be a contiguous int64 array of class indices")
            if len(target) != m:
                raise ValueError(f"y has {len(target)} labels; X has {m} rows")
            if target.min() < 0 or target.max() >= self.classes:
                raise ValueError(f"y has class indices from {target.min()} to {target.max()}; the stack has "
                                 f"{self.classes} outputs")
            run.target.labels = <const int64_t *>cnp.PyArray_DATA(target)
        else:
            if cnp.PyArray_TYPE(target) != self.type_number or not cnp.PyArray_ISCARRAY_RO(target):
                raise TypeError(f"y must be a C-contiguous array of dtype {self.dtype}")
            if (<object>target).shape != (m, self.classes):
                raise ValueError(f"y has shape {(<object>target).shape}; it must be ({m}, {self.classes})")
            run.target.values = cnp.PyArray_DATA(target)
        run.net, run.kernels = &self.net, self.dense
        run.loss_and_gradient, run.take_step, run.wait = self.loss_kernel, self.step_kernel, wait
        run.parameters, run.gradients = self.parameters_data, cnp.PyArray_DATA(self.gradients)
        run.count, run.batch, run.chunk = m, batch, self.chunk_rows(min(batch, m), threads)
        return (X, target, self.carve(run, threads))

    cdef Py_ssize_t chunk_rows(self, Py_ssize_t batch, int threads):
        """Rows of a batch to take at once, in equal chunks: as many as the caches hold, unless the weights do not fit
        there anyway: then many, so that these are read seldom."""
        cdef Py_ssize_t row = padded(self.sizes[0], self.itemsize), weights = 0, chunks, most, i
        for i in range(self.net.depth):
            row += 2 * self.net.layers[i].ld
        if len(self.parameters) * self.itemsize > CHUNK_BYTES:
            most = LARGE_CHUNK
        else:
            most = CHUNK_BYTES // (row * self.itemsize)
            most = min(max(most, SMALL_CHUNK), MOST_CHUNK) * threads
        chunks = (batch + most - 1) // most
        return (batch + chunks*SMALL_CHUNK - 1) // (chunks*SMALL_CHUNK) * SMALL_CHUNK

    cdef cnp.ndarray carve(self, Run *run, int threads):
        """Cut the workspace of a pass out of one block; the stack keeps the last block for the next pass."""
        cdef Py_ssize_t depth = self.net.depth, reals = 0, widest = 0, needed, i
        cdef Layer *layer
        cdef char *at
        for i in range(depth):
            widest = max(widest, self.net.layers[i].ld)
            reals += 2 * run.chunk * self.net.layers[i].ld
        run.scratch_size = max(ROW_GROUP * widest, MOST_NARROW * 96)
        reals += run.chunk*self.net.layers[0].ldt + threads*run.scratch_size
        needed = reals*self.itemsize + run.chunk*sizeof(double) + rounded(3*depth)*sizeof(void *)
        work, self.workspace = self.workspace, None
        if work is None or len(work) < needed:
            work = aligned_zeros(needed, np.dtype("uint8"))
        if self.transposed is None:
            self.transposed = aligned_zeros(
                sum(rounded(self.net.layers[i].n) * self.net.layers[i].ldt for i in range(1, depth)), self.dtype)
        at = <char *>cnp.PyArray_DATA(work)
        run.inputs = at
        at += run.chunk * self.net.layers[0].ldt * self.itemsize
        run.scratch = at
        at += threads * run.scratch_size * self.itemsize
        run.row_loss = <double *>at
        at += run.chunk * sizeof(double)
        run.a = <void **>at
        run.dz, run.wt = run.a + depth, run.a + 2*depth
        at += rounded(3*depth) * sizeof(void *)
        for i in range(depth):
            layer = &self.net.layers[i]
            run.a[i] = at
            run.dz[i] = at + run.chunk*layer.ld*self.itemsize
            at += 2 * run.chunk * layer.ld * self.itemsize
        at = <char *>cnp.PyArray_DATA(self.transposed)
        for i in range(1, depth):
            run.wt[i] = at
            at += rounded(self.net.layers[i].n) * self.net.layers[i].ldt * self.itemsize
        return work

    cdef int execute(self, Run *run, int threads) except -1:
        """One region over rows run.first, ..., run.first + run.count - 1."""
        cdef int size = 1
        with nogil:
            if threads > 1 and 6.0 * self.n_parameters * run.batch > SERIAL_FLOPS:
                size = begin(threads)
            run.team = the_team()
            work_together(run_share, run, size)
            end(size)
        return 0

    cdef double penalty(self, double l1, double l2):
        """l2/2 sum W^2 + l1 sum |W| over all weights, biases left out."""
        cdef double total = 0
        cdef Py_ssize_t i
        cdef Layer *layer
        if l1 == 0 and l2 == 0:
            return 0
        for i in range(self.net.depth):
            layer = &self.net.layers[i]
            total += self.dense.penalty(
                l1, l2, layer.n*layer.ldt if layer.units_major else layer.k*layer.ld,
                <char *>self.parameters_data + layer.w*self.itemsize)
        return total

    cdef object evaluate(self, cnp.ndarray X, y, loss, double l1, double l2, double scale, n_threads, bint backward):
        cdef Run run
        cdef int threads = thread_count(n_threads)
        alive = self.prepare(&run, X, y, loss, scale, len(X), threads)
        run.backward = backward
        run.step.method, run.step.l1, run.step.l2 = GRADIENT_ONLY, l1, l2
        self.execute(&run, threads)
        self.workspace = alive[2]
        return run.loss_sum / run.count, self.penalty(l1, l2)

    def loss(self, cnp.ndarray X not None, y, loss, *, double l1=0.0, double l2=0.0, double scale=1.0, n_threads=None):
        """Mean loss over the rows of X, and the penalty.

        Parameters
        ----------
        X : ndarray (m, k)
            As for `forward`.
        y : ndarray
            int64 (m,) class indices for softmax_cross_entropy, or C-contiguous (m, n) of the stack's dtype.
        loss : str
            One of `LOSSES`.
        l1, l2 : float
            The penalty is l2/2 sum(W**2) + l1 sum(abs(W)), biases left out.
        scale : float
            What X is multiplied by.
        n_threads : int, optional
            At most so many threads; `get_num_threads()` by default.

        Returns
        -------
        (float, float)
            Loss and penalty.

        Raises
        ------
        ValueError, TypeError
            If an array has another shape, dtype or layout, or the loss is unknown.
        """
        return self.evaluate(X, y, loss, l1, l2, scale, n_threads, False)

    def gradient(self, cnp.ndarray X not None, y, loss, *, double l1=0.0, double l2=0.0, double scale=1.0,
                 n_threads=None):
        """The same as `loss`, and the gradient of loss + penalty in `gradients`."""
        return self.evaluate(X, y, loss, l1, l2, scale, n_threads, True)

    def train(self, cnp.ndarray X not None, y, loss, order, rates, *, batch_size, double l1=0.0, double l2=0.0,
              double scale=1.0, n_threads=None):
        """One pass over the rows, a step of the optimizer after every batch.

        Parameters
        ----------
        X, y, loss, l1, l2, scale, n_threads
            As for `loss`.
        order : ndarray of int64, or None
            The rows in the order to take them (they may repeat or be left out); None for 0, 1, 2, ...
        rates : ndarray of float64
            A learning rate for each of the ceil(rows / batch_size) steps.
        batch_size : int
            Rows a step; the last batch may be shorter.

        Returns
        -------
        (float, float)
            Mean over the rows of the loss before each row's step; the penalty after the last step.

        Raises
        ------
        ValueError, TypeError
            As for `loss`; if order or rates have another length or dtype; if `set_optimizer` was not called.
        KeyboardInterrupt
            Between two steps; the parameters are those of the last whole step.
        """
        cdef Run run
        cdef int threads = thread_count(n_threads)
        cdef Py_ssize_t batch = operator.index(batch_size), count, steps, slice_steps, done = 0
        cdef cnp.ndarray rows, rate
        if self.optimizer is None:
            raise ValueError("no optimizer: call set_optimizer first")
        if batch < 1:
            raise ValueError(f"batch_size is {batch}; it must be at least 1")
        alive = self.prepare(&run, X, y, loss, scale, batch, threads)
        if order is not None:
            rows = order
            if cnp.PyArray_TYPE(rows) != cnp.NPY_INT64 or cnp.PyArray_NDIM(rows) != 1 or not cnp.PyArray_ISCARRAY_RO(rows):
                raise TypeError("order must be a contiguous int64 vector of row indices")
            if len(rows) == 0 or rows.min() < 0 or rows.max() >= len(X):
                raise ValueError(f"order must name rows from 0 to {len(X) - 1}")
            run.order, run.count = <const int64_t *>cnp.PyArray_DATA(rows), len(rows)
        count, steps = run.count, (run.count + batch - 1) // batch
        rate = np.ascontiguousarray(rates, np.float64)
        if (<object>rate).shape != (steps,):
            raise ValueError(f"rates has shape {(<object>rate).shape}; {count} rows in batches of {batch} are {steps} steps")
        run.backward = True
        run.step = self.step
        run.step.l1, run.step.l2 = l1, l2
        run.m1 = cnp.PyArray_DATA(<cnp.ndarray>self.moments[0]) if len(self.moments) > 0 else NULL
        run.m2 = cnp.PyArray_DATA(<cnp.ndarray>self.moments[1]) if len(self.moments) > 1 else NULL
        slice_steps = max(1, <Py_ssize_t>(SLICE_FLOPS / (6.0*self.n_parameters*batch + 1e4)))
        try:
            while done < steps:
                run.first = done * batch
                run.count = min(slice_steps * batch, count - run.first)
                run.rates = <const double *>cnp.PyArray_DATA(rate) + done
                self.execute(&run, threads)
                self.step.count = run.step.count
                done += slice_steps
                PyErr_CheckSignals()
        finally:
            self.workspace = alive[2]
        return run.loss_sum / count, self.penalty(l1, l2)
