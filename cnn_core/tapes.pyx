"""Forward passes that keep what backward needs, for callers who compute the loss themselves; a part of `stack`.

(a) A tape owns the memory of its forward pass: outputs, slopes and statistics of each layer for all rows, and the rows
    themselves unless they are read in place. Any number of tapes of a stack may exist. The memory of a tape that is
    gone is kept for the next one, unless it is large, so that a loop allocates nothing.
(b) What only backward needs is the workspace of the stack; backward writes into the caller's vector. So, several
    threads may run forward and backward passes of one stack at once, except for forward passes that update the running
    statistics.
(c) A tape is valid as long as the weights are those of its forward pass: `Stack.changes` counts their changes.
"""

cimport cython
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from cnn_core.layers cimport aligned_zeros, is_in, round_up_rows
from cnn_core.stack cimport Objective, Stack, Tape
from cnn_core.types cimport NO_NORM, Layer, Run, Update

cdef enum:
    MOST_SPARE = 4                      # blocks of memory that a stack keeps for later tapes
    LARGEST_SPARE = 64 << 20            # bytes; beside a pass that needs more, the time to get memory is small
    FORWARD_PLACES = 40                 # bits of the number of steps in the key of dropout, below that of the pass
    SERIAL_STEP_REALS = 50000           # a step on fewer parameters uses one thread


cdef Objective objective_of_logits = Objective("mse"), objective_of_outputs = Objective("mse", activated=True)


cdef void record_share(void *run, int rank, int size) noexcept nogil:
    """The rank's part of a forward pass."""
    (<DenseKernels *>(<Run *>run).kernels).record(<Run *>run, rank, size)


cdef void play_back_share(void *run, int rank, int size) noexcept nogil:
    """The rank's part of a backward pass."""
    (<DenseKernels *>(<Run *>run).kernels).play_back(<Run *>run, rank, size)


cdef void apply_share(void *run, int rank, int size) noexcept nogil:
    """The rank's part of a step."""
    (<DenseKernels *>(<Run *>run).kernels).apply_gradient(<Run *>run, rank, size)


cdef Py_ssize_t tape_size(Stack self, Run *run, Py_ssize_t rows, int threads):
    """Bytes of the buffers that a tape owns, without the addresses of all buffers."""
    cdef Py_ssize_t reals = 0 if run.x.direct else rows * self.net.layers[0].ldt, i
    cdef Layer *layer
    for i in range(self.net.depth):
        layer = &self.net.layers[i]
        reals += (1 + keeps_slope(self, i, run.activated) + (layer.norm != NO_NORM)) * rows * layer.ld
        reals += statistics_size(self, i, rows)
    return reals * self.itemsize + (threads * operands_size(self, 0) if self.is_low else 0)


cdef void lay_out_tape(Stack self, Run *run, Py_ssize_t rows, char *at, void **addresses) noexcept:
    """Point a run to the buffers of its tape, and to no others yet."""
    cdef Py_ssize_t depth = self.net.depth, size, i
    cdef Layer *layer
    memset(addresses, 0, 8*depth*sizeof(void *))
    run.a = addresses
    run.dz, run.wt, run.slope = run.a + depth, run.a + 2*depth, run.a + 3*depth
    run.hat, run.dy, run.inverse, run.skip_gradient = run.a + 4*depth, run.a + 5*depth, run.a + 6*depth, run.a + 7*depth
    if not run.x.direct:
        run.inputs = at
        at += rows * self.net.layers[0].ldt * self.itemsize
    for i in range(depth):
        layer = &self.net.layers[i]
        size = rows * layer.ld * self.itemsize
        run.a[i] = at
        at += size
        if keeps_slope(self, i, run.activated):
            run.slope[i] = at
            at += size
        if layer.norm != NO_NORM:
            run.hat[i], run.inverse[i] = at, at + size
            at += size + statistics_size(self, i, rows)*self.itemsize
    run.operands, run.operands_size = at, operands_size(self, 0)


cdef void lay_out_copies(Stack self, Run *run) noexcept:
    """Point a run to the second copies of the weights."""
    cdef char *at = <char *>cnp.PyArray_DATA(self.transposed)
    cdef Py_ssize_t i
    for i in range(self.net.depth):
        run.wt[i] = at if copy_size(self, i) > 0 else NULL
        at += copy_size(self, i) * self.itemsize


cdef Py_ssize_t backward_size(Stack self, const Run *run, Py_ssize_t rows, Py_ssize_t scratch, int threads):
    """Bytes of the buffers that only backward needs."""
    cdef Py_ssize_t reals = scratch, i
    cdef Layer *layer
    for i in range(self.net.depth):
        layer = &self.net.layers[i]
        reals += (1 + (layer.norm != NO_NORM) + layer.residual) * rows * layer.ld
    return reals * self.itemsize + low_precision_size(self, run.chunk, rows, threads)


cdef void lay_out_backward(Stack self, Run *run, Py_ssize_t rows, Py_ssize_t scratch, int threads, char *at) noexcept:
    cdef Py_ssize_t size, i
    cdef Layer *layer
    run.scratch = at
    at += scratch * self.itemsize
    for i in range(self.net.depth):
        layer = &self.net.layers[i]
        size = rows * layer.ld * self.itemsize
        run.dz[i] = at
        at += size
        if layer.norm != NO_NORM:
            run.dy[i] = at
            at += size
        if layer.residual:
            run.skip_gradient[i] = at
            at += size
    lay_out_low_precision(self, run, rows, threads, at)


cdef void clear_paddings(Stack self, char *flat) noexcept nogil:
    """Set the padding of a vector with the layout of the parameters to zero; kernels write whole vectors only."""
    cdef Py_ssize_t size = self.itemsize, i, row
    cdef Layer *layer
    for i in range(self.net.depth):
        layer = &self.net.layers[i]
        if layer.units_major:
            for row in range(layer.n):
                memset(flat + (layer.w + row*layer.ldt + layer.k)*size, 0, (layer.ldt - layer.k)*size)
        elif layer.ld > layer.n:
            for row in range(layer.k):
                memset(flat + (layer.w + row*layer.ld + layer.n)*size, 0, (layer.ld - layer.n)*size)
        if layer.b >= 0:
            memset(flat + (layer.b + layer.n)*size, 0, (layer.ld - layer.n)*size)
        if layer.g >= 0:
            memset(flat + (layer.g + layer.n)*size, 0, (layer.ld - layer.n)*size)


cdef cnp.ndarray take_spare(Stack self, Py_ssize_t needed):
    """Memory of a tape that is gone, or new memory."""
    cdef cnp.ndarray memory = None, each
    cdef Py_ssize_t i
    with cython.critical_section(self):
        for i in range(len(self.spare)):
            each = self.spare[i]
            if cnp.PyArray_SIZE(each) >= needed:
                memory = self.spare.pop(i)
                break
    return aligned_zeros(needed, np.dtype("uint8")) if memory is None else memory


cdef int give_spare(Stack self, cnp.ndarray memory) except -1:
    """Keep the memory of a tape that is gone, in place of smaller memory if there is enough; large memory is freed."""
    cdef Py_ssize_t i, smallest = 0
    if cnp.PyArray_SIZE(memory) > LARGEST_SPARE:
        return 0
    with cython.critical_section(self):
        if self.spare is None:          # the collector of cycles frees this stack, too
            return 0
        if len(self.spare) < MOST_SPARE:
            self.spare.append(memory)
            return 0
        for i in range(1, MOST_SPARE):
            if len(self.spare[i]) < len(self.spare[smallest]):
                smallest = i
        if len(self.spare[smallest]) < len(memory):
            self.spare[smallest] = memory
    return 0


@cython.final
cdef class Tape:
    """Record of a forward pass of a `Stack`, with what `Stack.backward` needs; made by `Stack.record`.

    Attributes
    ----------
    rows : int
        Number of rows.
    is_valid : bool
        Whether the weights, and what else backward depends on, have not changed since the forward pass.

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.stack import Stack
    >>> stack = Stack((1, 1), ("identity",))
    >>> out, tape = stack.record(np.array([[1.0], [3.0]]))
    >>> tape.rows, tape.is_valid
    (2, True)
    >>> with stack.changing():
    ...     stack.views()[0][0][:] = 2.0
    >>> tape.is_valid
    False
    """

    def __init__(self):
        raise TypeError("tapes are made by Stack.record")

    def __dealloc__(self):
        if self.stack is not None and self.memory is not None:
            give_spare(self.stack, self.memory)

    def __reduce__(self):
        raise TypeError("a Tape is not pickled: it belongs to the memory of its network")

    @property
    def rows(self):
        return self.run.count

    @property
    def is_valid(self):
        return self.changes == self.stack.changes


cdef int64_t key_of_pass(Stack self) except -1:
    """Number that decides which units a forward pass in training drops: that of the step, as in `train`, and from the
    second pass since that step on also the number of the pass."""
    if self.passes_of_step != self.step.count:
        self.passes_of_step, self.passes = self.step.count, 0
    self.passes += 1
    return self.step.count + ((self.passes - 1) << FORWARD_PLACES)


cdef object begin_record(Stack self, Tape tape, X, bint training, bint activated, double scale, int threads, number):
    """Fill in the run of a tape, and its memory."""
    cdef Run *run = &tape.run
    cdef Py_ssize_t rows, size
    memset(run, 0, sizeof(Run))
    tape.kept = X, self.read_rows(X, scale, &run.x)
    if self.offset != NULL:
        raise ValueError("a stack of gram training has no tapes")
    if activated and self.activations[self.net.depth - 1] == "softmax":
        raise ValueError("activated is True, but the last activation is softmax: record the logits")
    self.begin_run(run, objective_of_outputs if activated else objective_of_logits, PY_SSIZE_T_MAX)
    run.gradients = NULL
    run.batch = run.count
    run.chunk = chunk_rows(self, run.count, threads, activated)
    run.training, run.by_running, run.backward = training, not training, True
    if training:
        run.input_dropout, run.key = self.input_dropout, self.dropout_key
        if self.input_dropout > 0:
            run.x.direct = False        # dropout is applied to the gathered rows
        if self.input_dropout > 0 or not self.net.plain:
            run.step.count = key_of_pass(self) if number is None else <int64_t>number
    run.step.method = GRADIENT_ONLY
    if self.rate_factors is not None:   # frozen layers
        self.update.factors = <const double *>self.rate_factors.data
        run.update = &self.update
    if self.transposed is None:
        make_transposed(self)
    rows = round_up_rows(run.count)
    size = tape_size(self, run, rows, wanted_threads(self, run, threads))
    tape.memory = take_spare(self, size + addresses_size(self))
    lay_out_tape(self, run, rows, <char *>cnp.PyArray_DATA(tape.memory),
                 <void **>(<char *>cnp.PyArray_DATA(tape.memory) + size))
    lay_out_copies(self, run)


cdef int wanted_threads(Stack self, Run *run, int threads) noexcept:
    """Threads of a pass, as for a step of training."""
    cdef bint is_large = 6.0 * self.n_parameters * run.count > serial_flops(self)
    return threads if is_large and self.net.call == NULL else 1


cdef void run_region(Run *run, work_fn work, int wanted) noexcept nogil:
    cdef int size = acquire_threads(wanted, False) if wanted > 1 else 1
    run.pool = get_pool()
    run_parallel(work, run, size)
    release_threads(size)


cdef int run_forward(Stack self, Run *run, int threads, bint updates) except -1:
    """Compute a forward pass; `updates`: within a pass of training, since the running statistics change."""
    cdef Poll poll
    cdef void *settled = NULL
    start_polling(self, run, &poll, INFINITY)
    if updates:
        self.settled = allocate(self.running_memory.count, self.dtype)
        settled = self.settled.data
    with nogil:
        if updates:
            enter_slice(self)
            begin_batch(self, run, settled)
        run_region(run, record_share, threads)
        if updates:
            if has_failed(run):
                memcpy(run.running, settled, self.running_memory.count * self.itemsize)
            self.in_batch = False
            leave_slice(self)
    end_of_run(run, &poll)
    run.poll, run.poller = NULL, NULL
    return 0


cdef object record_rows(Stack self, X, cnp.ndarray out, bint training, bint activated, double scale, n_threads,
                        number):
    """See `Stack.record`."""
    cdef Tape tape = Tape.__new__(Tape)
    cdef int threads = thread_count(n_threads)
    cdef bint updates = training and self.running_memory.count > 0
    if updates:
        begin_pass(self, "a forward pass in training")
    else:
        begin_reading(self, "a forward pass")
    try:
        if updates:
            own_arena(self)
        tape.stack, tape.changes = self, self.changes
        begin_record(self, tape, X, training, activated, scale, threads, number)
        tape.X, tape.scale = X, scale
        out = self.output(X, out, tape.run.count, self.classes)
        tape.run.outputs = cnp.PyArray_DATA(out)
        run_forward(self, &tape.run, wanted_threads(self, &tape.run, threads), updates)
        tape.run.outputs = NULL
        return out, tape
    finally:
        if updates:
            end_pass(self)
        else:
            end_reading(self)


cdef int check_tape(Stack self, Tape tape) except -1:
    if tape.stack is not self:
        raise ValueError("the tape is of another stack: pass it to backward of the one whose record returned it")
    if tape.changes != self.changes:
        raise RuntimeError(
            "the weights, or what else the gradient depends on, have changed since the forward pass of this tape: call "
            "backward before the change, or forward again")
    return 0


cdef int check_vector(cnp.ndarray array, str name, Py_ssize_t count, Stack self) except -1:
    if (cnp.PyArray_NDIM(array) != 1 or cnp.PyArray_DIM(array, 0) != count or not cnp.PyArray_ISCARRAY_RO(array)
            or cnp.PyArray_TYPE(array) != self.type_number):
        raise ValueError(f"{name} has shape {(<object>array).shape} and dtype {(<object>array).dtype}; it must be "
                         f"contiguous, of shape ({count},) and dtype {self.dtype}")
    return 0


cdef object play_back(Stack self, Tape tape, cnp.ndarray d, cnp.ndarray gradients, bint parameters, cnp.ndarray of_rows,
                      bint rows_too, n_threads):
    """See `Stack.backward`."""
    cdef Run run
    cdef Poll poll
    cdef int threads = thread_count(n_threads), size
    cdef Py_ssize_t rows, scratch, needed
    cdef bint is_free = False
    cdef cnp.npy_intp length
    begin_reading(self, "a backward pass")
    try:
        check_tape(self, tape)
        if (cnp.PyArray_NDIM(d) != 2 or cnp.PyArray_DIM(d, 0) != tape.run.count
                or cnp.PyArray_DIM(d, 1) != self.classes or cnp.PyArray_TYPE(d) != self.type_number
                or not cnp.PyArray_ISCARRAY_RO(d)):
            raise ValueError(
                f"the gradient of the outputs has shape {(<object>d).shape} and dtype {(<object>d).dtype}; it must be "
                f"C-contiguous, of shape ({tape.run.count}, {self.classes}) and dtype {self.dtype}")
        if gradients is not None:
            check_vector(gradients, "gradients", self.memory.count, self)
            if is_in(gradients, self.memory) or not cnp.PyArray_ISWRITEABLE(gradients):
                raise ValueError("gradients overlaps the parameters, or is read-only")
        elif parameters:
            length = self.memory.count
            gradients = cnp.PyArray_EMPTY(1, &length, self.type_number, 0)
        with cython.critical_section(tape):
            if not tape.is_busy:
                tape.is_busy = is_free = True
        if not is_free:
            raise RuntimeError("another thread computes a backward pass of this tape: use one after the other")
        try:
            size = wanted_threads(self, &tape.run, threads)
            run = tape.run
            run.parameters = self.parameters_data
            rows = round_up_rows(run.count)
            run.scratch_size = scratch_size(self)
            scratch = size * run.scratch_size
            needed = backward_size(self, &run, rows, scratch, size)
            work = take_workspace(self)
            if work is None or len(work) < needed:
                work = aligned_zeros(needed, np.dtype("uint8"))
            lay_out_backward(self, &run, rows, scratch, size, <char *>cnp.PyArray_DATA(work))
            run.gradients = cnp.PyArray_DATA(gradients) if gradients is not None else NULL
            if run.update != NULL and run.gradients != NULL:     # that of a frozen layer is not written
                memset(run.gradients, 0, self.memory.count*self.itemsize)
            run.outputs = cnp.PyArray_DATA(d)
            start_polling(self, &run, &poll, INFINITY)
            with nogil:
                if run.gradients != NULL:
                    clear_paddings(self, <char *>run.gradients)
                run_region(&run, play_back_share, size)
            end_of_run(&run, &poll)
            if run.gradients != NULL and self.mask is not None:
                gradients *= array_of(self.mask)
            if rows_too:
                of_rows = gradient_of_rows(self, tape, &run, of_rows, threads)
            keep_workspace(self, work)
        finally:
            tape.is_busy = False
        return gradients, of_rows
    finally:
        end_reading(self)


cdef object gradient_of_rows(Stack self, Tape tape, Run *run, cnp.ndarray out, int threads):
    """Gradient of X from dZ of the first layer; dropped numbers of X have none."""
    cdef cnp.npy_intp shape[2]
    if out is None:
        out = np.empty((run.count, self.columns), self.dtype)
    elif (cnp.PyArray_NDIM(out) != 2 or cnp.PyArray_DIM(out, 0) != run.count
            or cnp.PyArray_DIM(out, 1) != self.columns or cnp.PyArray_TYPE(out) != self.type_number):
        raise ValueError(f"out has shape {(<object>out).shape} and dtype {(<object>out).dtype}; it must be "
                         f"({run.count}, {self.columns}) and {self.dtype}")
    shape[0], shape[1] = run.count, self.net.layers[0].ld
    dz = cnp.PyArray_SimpleNewFromData(2, shape, self.type_number, run.dz[0])
    kept = None
    if run.input_dropout > 0:           # 0 or 1 / (1 - p)
        kept = np.ones((run.count, self.net.layers[0].ldt), self.dtype)
        self.dense.drop_rows(run, cnp.PyArray_DATA(<cnp.ndarray>kept), self.net.layers[0].ldt)
        kept = (<object>kept)[:, :self.sizes[0]]
    transform_back(self, tape.X, slice(0, run.count), tape.scale, first_weights(self, tape.scale), dz, out, kept,
                   threads)
    return out


cdef object first_weights(Stack self, double scale):
    """W of the first layer, transposed, times the factors by which the rows are scaled."""
    # imported here to keep the import of the core fast
    from cnn_core.encoding import factors_of_bins
    from cnn_core.quantization import rounded
    (W, _), *_ = self.views()
    if self.is_low:
        W = rounded(W)
    factors = self.factors
    if factors is None and (scale != 1 or self.encoding is not None):
        factors = np.full(self.columns, scale)
    if self.encoding is not None:
        factors = factors_of_bins(self.encoding, factors)
    return W.T if factors is None else (W.T * factors).astype(self.dtype)


cdef object transform_back(Stack self, X, rows, double scale, weights, dz, out, kept, int threads):
    """Gradient of some rows of X from dZ of the first layer, through clip and bins; `kept`: what dropout has multiplied
    the inputs by, or None."""
    # imported here to keep the import of the core fast
    from cnn_core.clipping import slopes
    from cnn_core.encoding import add_bins
    from cnn_core.functions import matmul
    from cnn_core.quantization import rounded
    gradient = out
    if self.encoding is not None:
        gradient = np.empty((len(out), self.sizes[0]), self.dtype)
    dz = dz[:, :self.sizes[1]]
    matmul(rounded(dz) if self.is_low else dz, weights, gradient, n_threads=threads)
    if kept is not None:
        gradient *= kept
    if self.clipped:
        gradient[:, :self.clipped] *= slopes(X, rows, self.scaled_by[0], self.factors, self.clipped)
    if self.encoding is not None:
        add_bins(self, X, rows, scale, gradient, out)


cdef bint reads_in_place(Stack self, const Run *run, cnp.ndarray gradients) except -1:
    """Whether a step leaves its gradient unchanged, so that it needs no copy: no penalty, mask and clipping."""
    cdef const Update *update = &self.update
    return (run.step.l1 == 0 and run.step.l2 == 0 and update.step.l1 == 0 and update.step.l2 == 0
            and update.mask == NULL and update.clip_norm == INFINITY and update.clip_value == INFINITY
            and <size_t>cnp.PyArray_DATA(gradients) % 64 == 0 and not is_in(gradients, self.memory))


cdef object step_by(Stack self, cnp.ndarray gradients, double rate, Objective objective):
    """See `Stack.step_by`."""
    cdef Run run
    cdef int threads = objective.threads()
    if self.optimizer_name is None:
        raise ValueError("no optimizer: call set_optimizer first")
    if self.offset != NULL or objective.penalty_per_row:
        raise ValueError("a step with a given gradient is neither of gram training nor has it a penalty for each row")
    check_vector(gradients, "gradients", self.memory.count, self)
    begin_pass(self, "a step")
    try:
        own_memory(self)
        memset(&run, 0, sizeof(Run))
        run.net, run.kernels, run.take_step, run.wait = &self.net, self.dense, self.step_kernel, wait
        run.parameters, run.gradients = self.parameters_data, self.gradient_block().data
        run.rates = &rate
        self.begin_steps(&run, objective)
        if run.update == NULL:
            self.begin_updates(&run)
        if reads_in_place(self, &run, gradients):
            run.gradients = cnp.PyArray_DATA(gradients)
        elif cnp.PyArray_DATA(gradients) != run.gradients:
            memcpy(run.gradients, cnp.PyArray_DATA(gradients), self.memory.count * self.itemsize)
        self.update.pass_norm = NULL
        if self.measured:
            norms = np.zeros(1)
            self.update.pass_norm = <double *>cnp.PyArray_DATA(<cnp.ndarray>norms)
        with nogil:
            enter_slice(self)
            run_region(&run, apply_share, threads if self.memory.count > SERIAL_STEP_REALS else 1)
            self.step = self.update.step
            leave_slice(self)
        if self.measured:
            set_norms(self, norms)
    finally:
        end_pass(self)
