"""A stack of dense layers in training: losses, gradients, and passes of an optimizer over the rows.

A pass is one call. Within it, one parallel region runs as many steps as take some hundredths of a second; between
regions signals and the deadline are checked, and within a region that is one long step too: see `long_runs`. Many short
passes are one call too.

This file is longer than others because Cython keeps a class in one file; half of the class is docstrings.
"""

import operator

import numpy as np

from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport INFINITY
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

cimport numpy as cnp

from cnn_core.kernel_tables cimport DenseKernels
from cnn_core.layers cimport (
    Block, Layers, allocate, array_of, enter_user, has_expired, kernels_of, leave_user, pinned, round_up_rows,
    thread_count)
from cnn_core.threads cimport acquire_threads, divide, get_pool, release_threads, run_parallel, wait, work_fn
from cnn_core.types cimport (
    BATCH_NORM, CUSTOM, GRADIENT_ONLY, NORM_BLOCK, SGD, LossSpec, LowPrecision, Layer, Run, Step, Target, loss_fn,
    step_fn)

from cnn_core import hyperparameters
from cnn_core.user_functions import CustomLoss, call_function
from cnn_core.layers import ACTIVATIONS  # no-cython-lint: a name of this module too
from cnn_core.hyperparameters import OPTIMIZERS

cnp.import_array()

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX

include "objective.pyx"
include "loss_spec.pyx"
include "mixed_precision.pyx"
include "workspace.pyx"
include "long_runs.pyx"
include "guard.pyx"
include "states.pyx"

cdef enum:
    SERIAL_STEP_FLOPS = 10000000    # a step with less work uses one thread: others would have to fetch the weights
    LOW_SPEED = 4                   # products of low precision take at most 1 / this of the time, about

MOST_STEPS = 1 << 62
cdef dict _moments = dict(hyperparameters.MOMENTS)

cdef loss_fn loss_kernels[2]
cdef step_fn step_kernels[2]
loss_kernels[0] = <loss_fn>kernels_of("losses", "f32", "cnn_core.loss_fn")
loss_kernels[1] = <loss_fn>kernels_of("losses", "f64", "cnn_core.loss_fn")
step_kernels[0] = <step_fn>kernels_of("optimizers", "f32", "cnn_core.step_fn")
step_kernels[1] = <step_fn>kernels_of("optimizers", "f64", "cnn_core.step_fn")


cdef inline double serial_flops(Stack self) noexcept nogil:
    return LOW_SPEED*SERIAL_STEP_FLOPS if self.is_low else SERIAL_STEP_FLOPS


cdef void run_share(void *run, int rank, int size) noexcept nogil:
    """The rank's part of a run."""
    (<DenseKernels *>(<Run *>run).kernels).run(<Run *>run, rank, size)


cdef void given_gradient(LossSpec *spec, const Layer *last, Py_ssize_t m, const void *z, const Target *target,
                         const int64_t *rows, Py_ssize_t first, double weight, void *dz, void *scratch,
                         double *row_loss) noexcept nogil:
    """A `loss_fn` with the gradient dz = y; its value is not used."""
    cdef Py_ssize_t size = (<Stack>spec.function).itemsize, i
    memset(row_loss, 0, m*sizeof(double))
    memset(dz, 0, m*last.ld*size)
    for i in range(m):
        memcpy(<char *>dz + i*last.ld*size, <const char *>target.values + (first + i)*last.n*size, last.n*size)


cdef void set_steps(Stack self, int64_t count) noexcept nogil:
    self.step.count, self.step.momentum_product, self.step.in_product = count, 1, 0
    self.passes = 0


cdef int set_norms(Stack self, cnp.ndarray norms) except -1:
    with cython.critical_section(self):
        _old, self.norms_array = self.norms_array, norms
    return 0


cdef int begin_dropout(Stack self, Run *run, number) except -1:
    """Let a run drop the units of the step with a number."""
    if self.running_memory.count > 0:
        raise ValueError("number is given, but a layer has batch normalisation, whose running statistics would change")
    run.training, run.input_dropout, run.key = True, self.input_dropout, self.dropout_key
    run.step.count = <int64_t>number
    if self.input_dropout > 0:
        run.x.direct = False        # dropout is applied to the gathered rows
    return 0


cdef class Stack(Layers):
    """Dense layers with a loss and an optimizer; parameters as for :class:`Layers`.

    Attributes
    ----------
    dropout_key : int
        Seed that :meth:`set_dropout` has set; 0 before.
    changes : int
        Number of changes of the parameters, or of what decides predictions, so far.

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.stack import Objective, Stack
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [3.0], [5.0]], np.float32)  # y = 2 x + 1
    >>> stack = Stack((1, 1), ("identity",))
    >>> stack.set_optimizer("sgd")
    >>> losses, penalties = stack.train_epochs(
    ...     X, y, Objective("mse"), None, np.full(200, 0.1), epochs=200, batch_size=3
    ... )
    >>> losses[[0, -1]].round(3).tolist(), stack.forward(np.array([[10.0]])).round(1).item()
    ([11.667, 0.0], 21.0)
    """

    def __cinit__(self, sizes, activations=None, biases=None, dtype="float32", *, bint units_major=True, norms=None,
                  residuals=None, precision="float32"):
        cdef int real = 0 if self.itemsize == 4 else 1
        self.loss_kernel, self.step_kernel = loss_kernels[real], step_kernels[real]
        self.moment_memory = ()
        self.update.clip_norm = self.update.clip_value = INFINITY
        self.spare = []
        make_locks(self)
        self.forks = forks

    def __dealloc__(self):
        free_locks(self)

    cdef bint pause(self) noexcept:
        """Release the gate if this thread has it."""
        if self.runner != PyThread_get_thread_ident():
            return False
        leave_slice(self)
        return True

    cdef void resume(self) noexcept:
        with nogil:
            enter_slice(self)

    def standardize(self, mean, deviation, Py_ssize_t clipped=0):
        """Standardise all rows as by :meth:`Layers.standardize`; raise a RuntimeError while a pass runs."""
        forget_other_threads(self)
        self.changes += 1
        Layers.standardize(self, mean, deviation, clipped)

    def encode(self, columns, bins, lower, factor, low, high):
        """Encode columns of X as by :meth:`Layers.encode`; raise a RuntimeError while a pass runs."""
        forget_other_threads(self)
        self.changes += 1
        Layers.encode(self, columns, bins, lower, factor, low, high)

    def tabulate(self):
        """Raise a TypeError: training changes the weights, and a table would not follow them."""
        raise TypeError("the weights of a Stack change; tabulate is for Layers")

    def set_precision(self, precision):
        """Raise a TypeError: the precision of a stack is an argument of the class."""
        raise TypeError("the weights of a Stack change; set_precision is for Layers, and a Stack takes precision=")

    def quantize(self, low, high):
        """Raise a TypeError: int8 is for prediction."""
        raise TypeError("the weights of a Stack change; quantize is for Layers")

    cdef int check_change(self, str what) except -1:
        return check_free(self, what)

    def present(self, *, bint averaged=False):
        """Stack of the same layers with the present parameters, which later changes of this stack do not reach.

        It has no optimizer. During a pass its parameters are those of the last step before the core returned to Python.
        If no earlier call has copied them since then, the call waits for the next return, which takes some hundredths
        of a second at most, but for a batch of batch normalisation. Memory is shared if no pass runs.

        Parameters
        ----------
        averaged : bool
            Whether the parameters are those in `average`, if it is defined.

        Returns
        -------
        Stack

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.stack import Stack
        >>> stack = Stack((1, 1), ("identity",))
        >>> before = stack.present()
        >>> with stack.changing():
        ...     stack.views()[0][0][:] = 2.0
        >>> before.views()[0][0].item(), stack.views()[0][0].item()
        (0.0, 2.0)
        """
        return present_state(self, averaged)

    def copy(self, *, bint moments=True):
        """Copy of the parameters, the average and the steps, of the same moment as for `present`.

        Parameters
        ----------
        moments : bool
            Whether it has the optimizer and its moments, too.

        Returns
        -------
        Stack
            Copy without dropout, clipping and learning rates of layers.

        Examples
        --------
        >>> from cnn_core.stack import Stack
        >>> stack = Stack((1, 1), ("identity",))
        >>> stack.set_optimizer("momentum")
        >>> stack.copy().optimizer, stack.copy(moments=False).optimizer
        ('momentum', None)
        """
        forget_other_threads(self)
        return copy_state(self, moments)

    def changing(self):
        """Context manager in which only this thread reads or changes parameters, moments and average.

        Views of `parameters` from before are of another vector if a result of `present` exists, which keeps it.

        Returns
        -------
        context manager
            Entering it raises a RuntimeError during a pass.

        Examples
        --------
        >>> from cnn_core.stack import Stack
        >>> stack = Stack((1, 1), ("identity",))
        >>> with stack.changing():
        ...     W, b = stack.views()[0]
        ...     W[:], b[:] = 2.0, 1.0
        >>> stack.views()[0][1].tolist()
        [1.0]
        """
        return Change(self)

    def clear_padding(self):
        """Set the padding of the parameters to zero, after writes to the whole vector `parameters`.

        Calls that read the stack may run: they find zeros before and after.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.stack import Stack
        >>> stack = Stack((1, 1), ("identity",))
        >>> stack.parameters[:] = 1.0  # also the padding
        >>> stack.clear_padding()
        >>> stack.parameters.sum().item(), stack.n_parameters
        (2.0, 2)
        """
        with cython.critical_section(self):
            clear_paddings(self, <char *>self.parameters_data)

    def fix_memory(self):
        """Keep parameters and running statistics in their present memory: later results of `present` are copies.

        Arrays of `parameters` from now on are of this memory as long as the stack exists.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.stack import Stack
        >>> stack = Stack((1, 1), ("identity",))
        >>> stack.fix_memory()
        >>> np.shares_memory(stack.parameters, stack.present().parameters)
        False
        """
        with Change(self):
            self.is_fixed = True

    cdef Block gradient_block(self):
        """Memory of the gradient, which is allocated when it is first needed."""
        with cython.critical_section(self):
            if self.gradient_memory is None:
                self.gradient_memory = allocate(self.memory.count, self.dtype)
            return self.gradient_memory

    @property
    def gradients(self):
        """Gradient of the last `gradient`, laid out like `parameters`."""
        return array_of(self.gradient_block())

    @property
    def moments(self):
        """Vectors of the optimizer's moments, laid out like `parameters`."""
        with cython.critical_section(self):
            blocks = self.moment_memory
        arrays = []         # no comprehension: a failed allocation releases an item twice
        for block in blocks:
            arrays.append(array_of(block))
        return tuple(arrays)

    @property
    def optimizer(self):
        """Name of the optimizer; or None."""
        with cython.critical_section(self):
            return self.optimizer_name

    @property
    def average(self):
        """Moving average of `parameters`, if `set_update` has set one; or None."""
        cdef Block average
        with cython.critical_section(self):
            average = self.average_memory
        return None if average is None else array_of(average)

    @property
    def gradient_norms(self):
        """Mean norm of the gradient in each epoch of the last pass, if gradients are clipped by their norm; or None."""
        with cython.critical_section(self):
            return self.norms_array

    @property
    def steps(self):
        """Steps of the optimizer since `set_optimizer`."""
        return self.step.count

    @steps.setter
    def steps(self, count):
        number = operator.index(count)
        if not 0 <= number < MOST_STEPS:
            raise ValueError(f"steps is {number}; it must be at least 0 and less than {MOST_STEPS}")
        forget_other_threads(self)
        with cython.critical_section(self):
            check_free(self, "a change of steps")
            set_steps(self, number)

    def set_optimizer(self, name, **hyper):
        """Choose the optimizer; its moments and count of steps start from 0.

        Parameters
        ----------
        name : str
            One of `OPTIMIZERS`.
        **hyper : float
            Its hyperparameters in `cnn_core.hyperparameters`; defaults for the others.

        Raises
        ------
        ValueError
            If the name is unknown.
        TypeError
            If the optimizer has no such hyperparameter.

        Examples
        --------
        >>> from cnn_core.stack import Stack
        >>> stack = Stack((2, 1), ("identity",))
        >>> stack.set_optimizer("adam", beta_1=0.8)
        >>> stack.optimizer, len(stack.moments), stack.steps
        ('adam', 2, 0)
        """
        cdef Step step
        name = str.__str__(name) if isinstance(name, str) else name     # the same in all tables, whatever a subclass is
        values = hyperparameters.read(name, hyper)
        blocks = []
        for _ in range(_moments[name]):
            blocks.append(allocate(self.memory.count, self.dtype))
        moments = tuple(blocks)
        memset(&step, 0, sizeof(Step))
        step.momentum = values.get("momentum", 0.0)
        step.beta_1, step.beta_2 = values.get("beta_1", 0.0), values.get("beta_2", values.get("rho", 0.0))
        step.epsilon, step.weight_decay = values.get("epsilon", 0.0), values.get("weight_decay", 0.0)
        step.momentum_decay = values.get("momentum_decay", 0.0)
        step.decrease, step.increase = values.get("decrease", 0.0), values.get("increase", 0.0)
        step.smallest, step.largest = values.get("smallest", 0.0), values.get("largest", 0.0)
        step.epsilon_hat = values.get("epsilon_hat", 0.0) != 0
        step.method = SGD + OPTIMIZERS.index(name)
        forget_other_threads(self)
        with cython.critical_section(self):     # after the check, nothing fails or releases objects
            _old = self.moment_memory, self.optimizer_name
            check_free(self, "set_optimizer")
            self.step = step
            set_steps(self, 0)
            self.moment_memory, self.optimizer_name = moments, name

    def set_update(self, *, clip_norm=None, clip_value=None, ema=None, factors=None, proximal=None):
        """Set clipping, averaging, learning rates of layers and proximal steps; a parameter that is not given is
        switched off.

        Parameters
        ----------
        clip_norm : float, optional
            Largest norm of the gradient over all layers; a longer one is scaled down. `gradient_norms` then has the
            mean norm before clipping of each pass of the last `train_epochs`. Infinite: the norm is only measured.
        clip_value : float, optional
            Largest magnitude of a number of the gradient; applied after `clip_norm`.
        ema : float, optional
            Decay, in [0, 1), of the moving average of the parameters in `average`. It starts with the optimizer, and
            is not defined before the first step.
        factors : sequence of float, optional
            Factor of the learning rate for each layer. With 0 neither parameters nor moments change, and the layer's
            gradient is not part of the norm.
        proximal : bool, optional
            Apply l1 by a separate step after that of the optimizer, which makes weights exactly 0. Not for lion and
            rprop, whose steps do not depend on the size of the gradient: training with them is refused.

        Raises
        ------
        ValueError
            If there are not as many factors as layers, or a number is out of range.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.stack import Objective, Stack
        >>> stack = Stack((1, 1), ("identity",))
        >>> stack.set_optimizer("sgd")
        >>> stack.set_update(clip_norm=1.0)
        >>> X, y = np.array([[1.0]]), np.array([[1000.0]], np.float32)
        >>> _ = stack.train(X, y, Objective("mse"), None, np.array([0.5]), batch_size=1)
        >>> (stack.parameters**2).sum().round(4).item()  # a step of rate 0.5 along a gradient of norm 1
        0.25
        """
        cdef Block average = None, factors_memory = None
        cdef double norm = INFINITY if clip_norm is None else clip_norm
        cdef double value = INFINITY if clip_value is None else clip_value
        cdef double decay = 0 if ema is None else ema
        cdef bint separate = bool(proximal)
        rates = None if factors is None else np.array(factors, np.float64)
        if rates is not None and rates.shape != (self.net.depth,):
            raise ValueError(f"factors has shape {rates.shape}; there are {self.net.depth} layers")
        if not (norm >= 0 and value >= 0 and 0 <= decay < 1
                and (rates is None or ((rates >= 0).all() and (rates < INFINITY).all()))):
            raise ValueError(f"clip_norm is {clip_norm}, clip_value {clip_value}, ema {ema} and factors {factors}; "
                             "clip_norm and clip_value must be at least 0, ema below 1, and factors finite")
        if rates is not None:
            factors_memory = allocate(self.net.depth, rates.dtype)
            array_of(factors_memory)[...] = rates
        if ema is not None:
            average = allocate(self.memory.count, self.dtype)
        given = clip_norm is not None or clip_value is not None or ema is not None or (
            rates is not None and bool((rates != 1).any()))
        forget_other_threads(self)
        with cython.critical_section(self):     # as in `set_optimizer`
            _old = self.rate_factors, self.average_memory, self.norms_array
            check_free(self, "set_update")
            self.changes += 1
            self.rate_factors, self.average_memory = factors_memory, average
            self.norms_array, self.proximal = None, separate
            self.updates = self.mask is not None or given or separate
            self.update.clip_norm, self.update.clip_value = norm, value
            self.update.average, self.update.decay = NULL if average is None else average.data, decay
            self.measured = clip_norm is not None

    def set_mask(self, mask, frozen):
        """Freeze some weights of the first layer in all later steps.

        Parameters
        ----------
        mask : ndarray (k, n) of bool
            True where a weight is trained.
        frozen : ndarray (k, n)
            Values of the other weights, 0 where `mask` is True. They are set at once and have no penalty.

        Raises
        ------
        ValueError
            If one of them has another shape.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.stack import Stack
        >>> stack = Stack((2, 1), ("identity",))
        >>> stack.set_mask(np.array([[True], [False]]), np.array([[0.0], [7.0]], np.float32))
        >>> stack.views()[0][0].tolist()
        [[0.0], [7.0]]
        """
        cdef Block trained, held
        shape = self.sizes[0], self.sizes[1]
        mask, frozen = np.array(mask, bool), np.array(frozen, self.dtype)
        if mask.shape != shape or frozen.shape != shape:
            raise ValueError(f"mask has shape {mask.shape} and frozen {frozen.shape}; the first layer has {shape}")
        trained, held = allocate(self.memory.count, self.dtype), allocate(self.memory.count, self.dtype)
        array_of(trained)[...] = 1
        Layers.views(self, array_of(trained))[0][0][...] = mask
        Layers.views(self, array_of(held))[0][0][...] = frozen
        with Change(self):
            with cython.critical_section(self):
                _old = self.mask, self.frozen
                self.mask, self.frozen = trained, held
                self.update.mask, self.update.frozen = trained.data, held.data
                self.updates = True
            parameters = array_of(self.memory)
            parameters *= array_of(trained)
            parameters += array_of(held)

    cdef object begin_updates(self, Run *run):
        """Let the run compute gradients only, and the update take the steps."""
        if self.offset != NULL:
            raise ValueError("gram training computes no gradient of the first layer's weights: it allows no clipping, "
                             "averages, masks or factors of layers")
        if run.count > 0:       # it has rows, else a given gradient; that of a frozen layer is not written
            memset(self.gradient_memory.data, 0, self.memory.count*self.itemsize)
        if self.squares is None:
            self.squares = allocate((self.memory.count + NORM_BLOCK - 1) // NORM_BLOCK, np.dtype("float64"))
        if self.rate_factors is None:
            factors = allocate(self.net.depth, np.dtype("float64"))
            array_of(factors)[...] = 1
            self.rate_factors = factors
        self.update.factors, self.update.squares = <const double *>self.rate_factors.data, <double *>self.squares.data
        self.update.size = self.memory.count
        if self.average_memory is not None and self.step.count == 0:
            copy_block(self.average_memory, self.memory)
        set_norms(self, None)
        if self.proximal and run.step.l1 > 0 and self.optimizer_name in ("lion", "rprop"):
            raise ValueError(f"proximal steps need an optimizer whose steps depend on the size of the gradient; "
                             f"{self.optimizer_name} uses only its sign")
        self.update.step = run.step
        self.update.step.l1 = self.update.step.l2 = 0
        self.update.l1 = self.update.shrinkage = run.step.l1 if self.proximal else 0
        if self.proximal:
            run.step.l1 = run.l1 = 0
        run.step.method = GRADIENT_ONLY
        run.update = &self.update

    @property
    def dropout(self):
        """Rates of `set_dropout`."""
        cdef Py_ssize_t i
        rates = [self.input_dropout]
        for i in range(self.net.depth):
            rates.append(self.net.layers[i].dropout)
        return rates

    def set_dropout(self, rates, key):
        """Set dropout in training: inputs and outputs become 0 with a probability p, or are divided by 1 - p.

        Parameters
        ----------
        rates : sequence of float
            Probabilities in [0, 1): of the inputs, then of each layer's outputs; 0 for the last layer.
        key : int
            Seed of 64 bits. Together with the number of steps it decides what is dropped.

        Raises
        ------
        ValueError
            If the number of rates is wrong, or one is out of range.

        Examples
        --------
        >>> from cnn_core.stack import Stack
        >>> stack = Stack((4, 8, 1), ("relu", "identity"))
        >>> stack.set_dropout([0.1, 0.5, 0.0], key=0)
        >>> stack.dropout
        [0.1, 0.5, 0.0]
        """
        cdef Py_ssize_t i
        cdef uint64_t seed = key
        values = [float(rate) for rate in rates]
        depth = self.net.depth
        if len(values) != depth + 1 or not all(0 <= rate < 1 for rate in values) or values[depth] != 0:
            raise ValueError(f"rates is {values}; it must hold {depth + 1} numbers from 0 to below 1, the last of them "
                             "0")
        forget_other_threads(self)
        with cython.critical_section(self):
            check_free(self, "set_dropout")
            self.changes += 1
            self.dropout_key = seed
            self.input_dropout = values[0]
            for i in range(self.net.depth):
                self.net.layers[i].dropout = values[i + 1]
                self.net.layers[i].has_epilogue |= values[i + 1] > 0
            self.net.plain = self.net.plain and not any(values)

    cdef object prepare(self, Run *run, X, y, Objective objective, Py_ssize_t batch, int threads, bint by_running):
        """Fill in all of a run but its order and rates; returns the objects that must stay alive during the run."""
        cdef cnp.ndarray target
        cdef CustomCall call
        memset(run, 0, sizeof(Run))
        rows = self.read_rows(X, objective.scale, &run.x)
        self.begin_run(run, objective, batch)
        kept = read_loss(&run.loss_spec, objective.loss, self.classes)
        target = read_target(run, y, run.count, self.classes, self.dtype)
        weights = read_weights(run, objective.weights, run.count)
        run.by_running = by_running
        self.plan_chunks(run, threads)
        if run.loss_spec.loss == CUSTOM:
            call = CustomCall()
            call.loss = CustomLoss(objective.loss, target, weights, self.dtype)
            call.stack, call.type_number, kept = self, self.type_number, call
            run.loss_spec.function, run.loss_and_gradient = <void *>call, call_custom_loss
        return (X, target, allocate_workspace(self, run, threads), weights, kept, rows, pinned(target))

    cdef object begin_run(self, Run *run, Objective objective, Py_ssize_t batch):
        """Fill in what a run that has its rows has of the stack."""
        cdef Py_ssize_t m = run.x.count
        if run.x.row_stride % 1024 == 0:
            run.x.direct = False        # the rows share few cache sets: they are gathered into the padded buffer
        if m == 0:
            raise ValueError("X has no rows")
        if self.offset != NULL and (not run.x.direct or m != self.sizes[0] or batch < m):
            raise ValueError("gram training uses all rows at once: X must be the Gram matrix `gram`, and "
                             "batch_size the number of rows")
        run.net, run.kernels = &self.net, self.dense
        run.take_step, run.wait, run.loss_and_gradient = self.step_kernel, wait, self.loss_kernel
        run.parameters, run.gradients = self.parameters_data, self.gradient_block().data
        run.offset, run.running = self.offset, self.running_memory.data
        if self.is_low:
            if self.copies is None:
                make_copies(self)
            run.low_precision = <const LowPrecision *>self.copies.data
        run.count, run.batch, run.activated = m, batch, objective.activated

    cdef void plan_chunks(self, Run *run, int threads):
        """Set the rows of a chunk."""
        cdef Py_ssize_t batch = min(run.batch, run.count)
        run.chunk = chunk_rows(self, batch, threads, run.activated)
        if run.loss_spec.loss == CUSTOM or (self.running_memory.count > 0 and not run.by_running):
            run.chunk = round_up_rows(batch)      # loss, or statistics, of all rows together

    cdef void execute(self, Run *run, int threads) noexcept nogil:
        """One parallel region over rows run.first, ..., run.first + run.count - 1."""
        cdef int size = 1
        if (threads > 1 and 6.0 * self.n_parameters * min(run.batch, run.count) > serial_flops(self)
                and self.net.call == NULL):
            size = acquire_threads(threads, False)
        run.pool, run.threads = get_pool(), size
        if size > 1 and not self.has_barriers():
            run.divide = divide
            run_share(run, 0, size)
            run.divide = NULL
        else:
            run_parallel(run_share, run, size)
        release_threads(size)

    cdef bint has_barriers(self) noexcept nogil:
        """Whether threads meet within a phase of a step: for the statistics of a batch."""
        cdef int i
        for i in range(self.net.depth):
            if self.net.layers[i].norm == BATCH_NORM:
                return True
        return False

    cdef double penalty(self, double l1, double l2) noexcept nogil:
        """l2/2 sum W^2 + l1 sum |W| over all weights, without biases."""
        cdef double total = 0
        cdef Py_ssize_t i, size
        cdef Layer *layer
        if l1 == 0 and l2 == 0:
            return 0
        for i in range(self.net.depth):
            layer = &self.net.layers[i]
            size = layer.n*layer.ldt if layer.units_major else layer.k*layer.ld
            total += self.dense.penalty(l1, l2, size, <char *>self.parameters_data + layer.w*self.itemsize)
            if i == 0 and self.update.frozen != NULL:
                total -= self.dense.penalty(l1, l2, size, self.update.frozen)
        return total

    cdef object evaluate(self, X, y, Objective objective, bint backward, bint training, double deadline, order,
                         number=None):
        cdef Run run
        cdef Poll poll
        cdef double loss_sum = 0, count, l1 = objective.l1, l2 = objective.l2
        cdef int threads = objective.threads()
        alive = self.prepare(&run, X, y, objective, PY_SSIZE_T_MAX, threads, not training)
        rows = read_order(&run, order, run.count)
        if run.loss_spec.loss == CUSTOM:
            (<CustomCall>alive[4]).loss.order = rows
        run.batch = run.count
        count = row_count(&run, alive[3], rows)
        if objective.penalty_per_row:
            l1, l2 = l1 / count, l2 / count
        run.backward = backward
        run.step.method, run.step.l1, run.step.l2 = GRADIENT_ONLY, l1, l2
        run.passes, run.pass_loss = 1, &loss_sum
        if number is not None:
            begin_dropout(self, &run, number)
        start_polling(self, &run, &poll, deadline)
        with nogil:
            self.execute(&run, threads)
        keep_workspace(self, alive[2])
        if end_of_run(&run, &poll):
            raise TimeoutError("the deadline has passed")
        if backward and self.mask is not None:
            gradients = array_of(self.gradient_memory)
            gradients *= array_of(self.mask)
        return loss_sum / count, self.penalty(l1, l2)

    def loss(self, X, y, Objective objective not None, *, bint training=False, double deadline=INFINITY):
        """Mean loss over the rows of X, and the penalty.

        Parameters
        ----------
        X : ndarray or SparseRows (m, k)
            As for `forward`.
        y : ndarray
            int64 (m,) class indices for softmax_cross_entropy and ordinal (of n + 1 classes), or C-contiguous (m, n) of
            the stack's dtype; (m, 1) for quantile, (m, n / 2) for gaussian_nll, (m, any) for a callable.
        objective : Objective
            Loss, penalty, and weights of the rows.
        training : bool
            True: batch-normalised layers use the statistics of X, as in a step of training, instead of the running
            ones. Dropout is not applied in either case.
        deadline : float
            Value of `time.perf_counter` after which a long computation ends with a TimeoutError.

        Returns
        -------
        (float, float)
            Loss and penalty.

        Raises
        ------
        ValueError, TypeError
            If an array has another shape, dtype or layout, or the loss is unknown.
        TimeoutError
            If the deadline has passed.
        RuntimeError
            If a pass of training runs.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.stack import Objective, Stack
        >>> stack = Stack((1, 3), ("softmax",))
        >>> loss, penalty = stack.loss(np.zeros((4, 1)), np.array([0, 1, 2, 0]), Objective("softmax_cross_entropy"))
        >>> round(loss, 4), penalty  # log(3): all classes have the same probability
        (1.0986, 0.0)
        """
        begin_reading(self, "loss")
        try:
            return self.evaluate(X, y, objective, False, training, deadline, None)
        finally:
            end_reading(self)

    def gradient(self, X, y, Objective objective not None, *, bint training=False, double deadline=INFINITY,
                 number=None):
        """Return the loss and the penalty, and put the gradient of their sum into `gradients`.

        Parameters
        ----------
        X, y, objective, training, deadline
            As for :meth:`loss`.
        number : int, optional
            Number of steps of the training step whose units are dropped. Default: no units are dropped. This is not
            possible with batch normalisation.

        Returns
        -------
        (float, float)
            Loss and penalty, as by :meth:`loss`.

        Raises
        ------
        ValueError, TypeError, TimeoutError, RuntimeError
            As for :meth:`loss`.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.stack import Objective, Stack
        >>> stack = Stack((1, 1), ("identity",))
        >>> X, y = np.array([[1.0], [3.0]]), np.array([[1.0], [2.0]], np.float32)
        >>> stack.gradient(X, y, Objective("mse"))
        (2.5, 0.0)
        >>> dW, db = stack.views(stack.gradients)[0]
        >>> dW.item(), db.item()  # means of 2 (0 - y) x and of 2 (0 - y)
        (-7.0, -3.0)
        """
        begin_pass(self, "gradient")
        try:
            return self.evaluate(X, y, objective, True, training, deadline, None, number)
        finally:
            end_pass(self)

    def input_gradient(self, X, Y, cnp.ndarray out=None, *, bint link=True, double scale=1.0, n_threads=None):
        """Gradient of sum(Y * A) with respect to X, where A = forward(X).

        Parameters
        ----------
        X, link, scale, n_threads
            As for `forward`.
        Y : ndarray (m, n)
            Weight of each output; C-contiguous, of the stack's dtype.
        out : ndarray (m, k), optional
            Output array: of the stack's dtype, each row contiguous.

        Returns
        -------
        ndarray (m, k)
            `out`, or a new array.

        Raises
        ------
        ValueError, TypeError
            If an array has another shape, dtype or layout.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.stack import Stack
        >>> stack = Stack((2, 1), ("identity",))
        >>> stack.views()[0][0][:] = [[2.0], [-3.0]]
        >>> stack.input_gradient(np.zeros((1, 2)), np.ones((1, 1), np.float32))
        array([[ 2., -3.]], dtype=float32)
        """
        from cnn_core.functions import derive_from_inputs   # imported here to keep the import of the core fast
        cdef Run run
        cdef Poll poll
        cdef cnp.npy_intp shape[2]
        cdef double unused = 0
        cdef int threads = thread_count(n_threads)
        cdef Py_ssize_t m, at = 0, stop
        begin_reading(self, "input_gradient")
        try:
            activation = self.activations[self.net.depth - 1]
            if link and activation == "softmax":
                A = self.forward(X, scale=scale, n_threads=threads)
                Y = A * (Y - (A * Y).sum(axis=1, keepdims=True))
            elif link and isinstance(activation, tuple):
                Y = Y * call_function(activation[1], self.forward(X, link=False, scale=scale, n_threads=threads))
            elif link and activation != "identity":
                Y = derive_from_inputs(activation, self.forward(X, link=False, scale=scale, n_threads=threads), Y)
            weights = first_weights(self, scale)
            alive = self.prepare(&run, X, Y, Objective("mse", scale=scale), PY_SSIZE_T_MAX, threads, True)
            m = run.count
            run.loss_and_gradient, run.loss_spec.function = given_gradient, <void *>self
            run.backward, run.gradients, run.pass_loss = True, NULL, &unused
            run.batch, run.passes = run.chunk, 1
            start_polling(self, &run, &poll, INFINITY)
            if out is None:
                out = np.empty((m, self.columns), self.dtype)
            elif cnp.PyArray_NDIM(out) != 2 or cnp.PyArray_DIM(out, 0) != m:
                raise ValueError(f"out has shape {(<object>out).shape}; it must be ({m}, {self.columns})")
            else:
                self.check_overlap(X, out)
            kept = pinned(out)          # no-cython-lint: alive until the end
            shape[1] = self.net.layers[0].ld
            while at < m:
                stop = min(at + run.chunk, m)
                run.first, run.count, shape[0] = at, stop - at, stop - at
                with nogil:
                    self.execute(&run, threads)
                end_of_run(&run, &poll)
                dz = cnp.PyArray_SimpleNewFromData(2, shape, self.type_number, run.dz[0])
                transform_back(self, X, slice(at, stop), scale, weights, dz, (<object>out)[at:stop], None, threads)
                PyErr_CheckSignals()
                at = stop
            keep_workspace(self, alive[2])
            return out
        finally:
            end_reading(self)

    def record(self, X, cnp.ndarray out=None, *, bint training=False, bint activated=False, double scale=1.0,
               n_threads=None, number=None):
        """Outputs for X, and a tape with what `backward` needs.

        Parameters
        ----------
        X : ndarray or SparseRows (m, k)
            As for `forward`. The tape refers to it: it must not change before `backward`.
        out : ndarray (m, n), optional
            Output array: C-contiguous, of the stack's dtype.
        training : bool
            True: units are dropped, and batch-normalised layers use the statistics of X and update the running ones.
            Two calls between two steps drop different units; the first one drops those of the next step of `train`.
        activated : bool
            Whether the outputs are those after the last layer's activation, not softmax; else the logits.
        scale, n_threads
            As for `forward`.
        number : int, optional
            Number that decides, with the key of `set_dropout`, which units are dropped; by default one that follows
            from the steps and calls so far.

        Returns
        -------
        (ndarray (m, n), Tape)
            `out`, or a new array, and the tape.

        Raises
        ------
        ValueError, TypeError
            If an array has another shape, dtype or layout, or `activated` is True for softmax.
        RuntimeError
            If a pass of training runs; with batch normalisation in training also if another call reads the stack.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.stack import Stack
        >>> stack = Stack((1, 1), ("identity",))
        >>> stack.views()[0][0][:] = 2.0
        >>> out, tape = stack.record(np.array([[1.0], [3.0]]))
        >>> out.tolist(), tape.rows
        ([[2.0], [6.0]], 2)
        """
        return record_rows(self, X, out, training, activated, scale, n_threads, number)

    def backward(self, Tape tape not None, cnp.ndarray d not None, cnp.ndarray gradients=None,
                 cnp.ndarray of_rows=None, *, bint parameters=True, bint rows=False, n_threads=None):
        """Gradients of sum(d * out), where out are the outputs of the forward pass of a tape.

        The tape can be used again. Layers with a learning rate of 0 have a gradient of 0.

        Parameters
        ----------
        tape : Tape
            Result of `record`. X, and what `is_valid` tells, are those of that call.
        d : ndarray (m, n)
            Gradient of a function of the outputs; C-contiguous, of the stack's dtype.
        gradients : ndarray, optional
            Vector for the gradient of the parameters, laid out like them; a new one by default.
        of_rows : ndarray (m, k), optional
            Array for the gradient of X, of the stack's dtype, each row contiguous; a new one by default.
        parameters, rows : bool
            Whether the gradients of the parameters, and of X, are computed.
        n_threads : int, optional
            As for `forward`.

        Returns
        -------
        (ndarray or None, ndarray or None)
            Gradient of the parameters; gradient of X.

        Raises
        ------
        ValueError
            If an array has another shape, dtype or layout, or the tape is of another stack.
        RuntimeError
            If the weights have changed since the forward pass, or a pass of training runs.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.stack import Stack
        >>> stack = Stack((1, 1), ("identity",))
        >>> stack.views()[0][0][:] = 2.0
        >>> out, tape = stack.record(np.array([[1.0], [3.0]]))
        >>> gradients, of_rows = stack.backward(tape, np.ones_like(out), rows=True)  # of the sum of the outputs
        >>> stack.views(gradients)[0][0].item(), of_rows.tolist()
        (4.0, [[2.0], [2.0]])
        """
        return play_back(self, tape, d, gradients, parameters or gradients is not None, of_rows,
                         rows or of_rows is not None, n_threads)

    def step_by(self, cnp.ndarray gradients not None, double rate, Objective objective not None):
        """One step of the optimizer with a given gradient, as in `train`: with the penalty, clipping, the average.

        Parameters
        ----------
        gradients : ndarray
            Gradient of the mean loss, laid out like the parameters and not changed; without the penalty.
        rate : float
            Learning rate of the step.
        objective : Objective
            Its penalty and number of threads are used.

        Raises
        ------
        ValueError
            If the vector has another shape or dtype, or `set_optimizer` was not called.
        RuntimeError
            If a pass of training runs.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.stack import Objective, Stack
        >>> stack = Stack((1, 1), ("identity",))
        >>> stack.set_optimizer("sgd")
        >>> out, tape = stack.record(np.array([[1.0], [3.0]]))
        >>> gradients, _ = stack.backward(tape, np.ones_like(out))
        >>> stack.step_by(gradients, 0.5, Objective("mse"))
        >>> stack.views()[0][0].item()  # 0 - 0.5 (1 + 3)
        -2.0
        """
        step_by(self, gradients, rate, objective)

    def train(self, X, y, Objective objective not None, order, rates, *, batch_size):
        """One pass over the rows, a step of the optimizer after every batch.

        Parameters
        ----------
        X, y, objective
            As for `loss`.
        order : ndarray of int64, or None
            Row indices in the order of training (rows may repeat or be missing); None for 0, 1, 2, ...
        rates : ndarray of float64
            Learning rate of each of the ceil(rows / batch_size) steps.
        batch_size : int
            Rows per step; the last batch may be shorter.

        Returns
        -------
        (float, float)
            Mean of the rows' losses, each before its step; penalty after the last step.

        Raises
        ------
        ValueError, TypeError
            As for `loss`; if order or rates have another length or dtype; if `set_optimizer` was not called.
        KeyboardInterrupt
            Between two steps; the parameters are those of the last whole step.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.stack import Objective, Stack
        >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[1.0], [3.0], [5.0], [7.0]], np.float32)
        >>> stack = Stack((1, 1), ("identity",))
        >>> stack.set_optimizer("sgd")
        >>> loss, penalty = stack.train(X, y, Objective("mse"), np.array([3, 1, 0, 2]), np.full(2, 0.1), batch_size=2)
        >>> round(loss, 2), stack.steps
        (14.66, 2)
        """
        losses, penalties = self.train_epochs(X, y, objective, order, rates, epochs=1, batch_size=batch_size)
        return float(losses[0]), float(penalties[0])

    def train_epochs(self, X, y, Objective objective not None, order, rates, *, epochs, batch_size,
                     double deadline=INFINITY, on_step=None):
        """Several passes in one call: `train`, with `rates` for the steps of all of them.

        Parameters
        ----------
        X, y, objective, order, rates, batch_size
            As for `train`.
        epochs : int
            Number of passes.
        deadline : float
            Value of `time.perf_counter` after which training ends between two steps. A pass that is not complete by
            then is not in the result, but its steps have changed the parameters.
        on_step : callable, optional
            Function ``on_step(batch, loss)`` that is called after each step with the number of the batch in its pass,
            from 1, and the mean loss of its rows before the step. Training ends if it returns True. It may read the
            parameters and assign to them, but calls of this stack that change other memory are refused.

        Returns
        -------
        (ndarray (epochs,), ndarray (epochs,))
            What `train` returns, for each complete pass.

        Raises
        ------
        RuntimeError
            If this stack is in use by another pass, or by a call of `loss`.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.stack import Objective, Stack
        >>> X, y = np.array([[0.0], [1.0]]), np.array([[1.0], [3.0]], np.float32)
        >>> stack = Stack((1, 1), ("identity",))
        >>> stack.set_optimizer("adam")
        >>> losses, penalties = stack.train_epochs(
        ...     X, y, Objective("mse"), None, np.full(100, 0.1), epochs=100, batch_size=2
        ... )
        >>> losses.shape, losses[[0, -1]].round(1).tolist()
        ((100,), [5.0, 0.0])
        """
        cdef Run run
        cdef int threads = objective.threads()
        cdef Py_ssize_t batch = operator.index(batch_size), passes = operator.index(epochs)
        if self.optimizer_name is None:
            raise ValueError("no optimizer: call set_optimizer first")
        if on_step is not None and not callable(on_step):
            raise TypeError(f"on_step is of the type {type(on_step).__name__}; it must be callable")
        if batch < 1 or passes < 1:
            raise ValueError(f"batch_size is {batch} and epochs {passes}; both must be at least 1")
        begin_pass(self, "another pass")
        try:
            own_memory(self)
            alive = self.prepare(&run, X, y, objective, batch, threads, False)
            rows = read_order(&run, order, run.count)
            run.batch = min(run.batch, run.count)
            if run.loss_spec.loss == CUSTOM:
                (<CustomCall>alive[4]).loss.order = rows
            rates = read_rates(&run, rates, passes)
            self.begin_steps(&run, objective)
            divisor = row_count(&run, alive[3], rows)
            try:
                return self.run_epochs(&run, passes, rates, threads, divisor, deadline, on_step)
            finally:
                keep_workspace(self, alive[2])
        finally:
            end_pass(self)

    cdef object begin_steps(self, Run *run, Objective objective):
        """Fill in what a run of training has of the optimizer, the penalty and dropout."""
        moments = self.moment_memory
        if self.input_dropout > 0:
            run.x.direct = False        # dropout is applied to the gathered rows
        run.training, run.input_dropout, run.key = True, self.input_dropout, self.dropout_key
        run.backward, run.step = True, self.step
        run.step.l1, run.step.l2 = objective.l1, objective.l2
        run.penalty_per_row, run.l1, run.l2 = objective.penalty_per_row, objective.l1, objective.l2
        run.m1 = (<Block>moments[0]).data if len(moments) > 0 else NULL
        run.m2 = (<Block>moments[1]).data if len(moments) > 1 else NULL
        run.m3 = (<Block>moments[2]).data if len(moments) > 2 else NULL
        if self.updates:
            self.begin_updates(run)

    cdef object run_epochs(self, Run *run, Py_ssize_t epochs, cnp.ndarray rates, int threads, double rows,
                           double deadline, on_step):
        """The passes of `train_epochs`, in regions that are short enough for signals: each has several epochs, or a
        part of one; with `on_step` it has one step."""
        cdef Poll poll
        cdef double before = 0
        cdef cnp.ndarray losses = np.zeros(epochs), penalties = np.zeros(epochs)
        cdef double *loss = <double *>cnp.PyArray_DATA(losses)
        cdef double *penalty = <double *>cnp.PyArray_DATA(penalties)
        cdef double *norm = NULL
        cdef cnp.ndarray norms
        cdef double l1 = run.step.l1 + (run.update.l1 if run.update != NULL else 0), l2 = run.step.l2
        cdef double divisor = rows if run.penalty_per_row else 1
        cdef bint penalized = l1 != 0 or l2 != 0
        cdef Py_ssize_t count = run.count, batch = run.batch, epoch = 0, at = 0
        cdef bint last = False, calls_python = run.loss_spec.loss == CUSTOM or self.net.call != NULL
        cdef void *settled = NULL
        cdef Py_ssize_t batches = max(1, <Py_ssize_t>(SLICE_FLOPS / (work_per_row(self) * run.batch)))
        if on_step is not None or calls_python:
            batches = 1         # Python functions see the state of a whole step
        _kept = self.moment_memory, self.average_memory         # `run` has their addresses
        run.rates = <const double *>cnp.PyArray_DATA(rates)
        if run.update != NULL and self.measured:
            norms = np.zeros(epochs)
            norm = <double *>cnp.PyArray_DATA(norms)
        start_polling(self, run, &poll, deadline)
        if self.running_memory.count > 0 and (run.poll != NULL or calls_python):
            batches, self.settled = 1, allocate(self.running_memory.count, self.dtype)     # None before: see `end_pass`
            settled = self.settled.data
        while epoch < epochs and not (deadline < INFINITY and has_expired(deadline)):
            run.first, run.count = at, min(batches * run.batch, count - at)
            run.passes = 1
            if run.count == count and not penalized and on_step is None:
                run.passes = min(epochs - epoch, max(1, batches * run.batch // count))
            run.pass_loss = loss + epoch
            self.update.pass_norm = norm + epoch if norm != NULL else NULL
            with nogil:
                enter_slice(self)
                begin_batch(self, run, settled)
                self.execute(run, threads)
                end_batch(self, run, settled)
                leave_slice(self)
            if end_of_run(run, &poll):
                break
            run.is_packed = run.renews_copies and on_step is None and not calls_python    # only steps write parameters
            run.rates += run.passes * ((run.count + run.batch - 1) // run.batch)
            at += run.count
            if on_step is not None:
                enter_user()
                try:
                    last = on_step((at + batch - 1) // batch,
                                   (run.pass_loss[0] - before) / weight_of_rows(run)) is True
                finally:
                    leave_user()
                before = run.pass_loss[0]
            if at == count:
                penalty[epoch] = self.penalty(l1 / divisor, l2 / divisor)
                epoch, at, before = epoch + run.passes, 0, 0
            if last:
                break
            PyErr_CheckSignals()
        losses /= rows
        if norm != NULL:
            set_norms(self, norms * (<double>epochs / len(rates)))
        return (losses, penalties) if epoch == epochs else (losses[:epoch], penalties[:epoch])


include "tapes.pyx"
include "members.pyx"
include "together.pyx"
include "shared_weights.pyx"
