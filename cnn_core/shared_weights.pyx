"""Training of several stacks that share weights; a part of `stack`.

Each stack keeps the weights with which it computes, diag(r) W diag(s) in each layer but the last: it predicts, is
validated and copied as any other. What is shared, and the factors r and s, are here; see `kernels/shared_weights.pyx`.
"""

import numpy as np

cimport numpy as cnp
from cpython.mem cimport PyMem_Calloc, PyMem_Free

from cnn_core.kernel_tables cimport DenseKernels
from cnn_core.layers cimport Block, allocate, array_of, thread_count
from cnn_core.stack cimport Objective, Stack
from cnn_core.threads cimport acquire_threads, get_pool, release_threads, run_parallel, wait
from cnn_core.types cimport GRADIENT_ONLY, Layer, Run, Shared


cdef void shared_share(void *shared, int rank, int size) noexcept nogil:
    """The rank's part of the steps of stacks that share weights."""
    (<DenseKernels *>(<Shared *>shared).runs[0].kernels).share_weights(<Shared *>shared, rank, size)


cdef class SharedWeights:
    """Weights that several stacks share in all layers but the last, with factors of each stack's inputs and units.

    Stack k computes with the weights diag(r) W diag(s), which are set here and by each step. Biases, gains, the last
    layer and the running statistics are its own.

    Parameters
    ----------
    stacks : sequence of Stack
        Members with equal layers, at least two of them. W becomes the weights of the first one.
    first : ndarray (members, k)
        Factors r of the first layer's inputs at the beginning; all others are 1.

    Raises
    ------
    ValueError
        If the stacks differ, or one has what shared weights do not allow.

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.stack import SharedWeights, Stack
    >>> stacks = [Stack((2, 3, 1), ("tanh", "identity")) for _ in range(2)]
    >>> stacks[0].views()[0][0][:] = 1.0
    >>> for stack in stacks:
    ...     stack.set_optimizer("sgd")
    >>> shared = SharedWeights(stacks, np.array([[1.0, 1.0], [1.0, -1.0]]))
    >>> stacks[1].views()[0][0].tolist()  # the weights of the first stack, times 1 and -1
    [[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]]
    """

    cdef list stacks
    cdef Block memory, gradient_memory, factors_memory
    cdef tuple moments
    cdef Py_ssize_t size

    def __init__(self, stacks, first):
        cdef Stack stack
        cdef Py_ssize_t i
        self.stacks, self.moments, self.size = list(stacks), (), 0
        check_sharing(self.stacks)
        stack = self.stacks[0]
        for i in range(stack.net.depth - 1):
            self.size += stack.net.layers[i].ldt + stack.net.layers[i].ld
        self.memory = allocate(stack.memory.count, stack.dtype)
        self.gradient_memory = allocate(stack.memory.count, stack.dtype)
        self.factors_memory = allocate(5 * self.size * len(self.stacks), stack.dtype)
        array_of(self.memory)[...] = stack.parameters
        array_of(self.factors_memory).reshape(-1, 5, self.size)[:, 0] = 1
        values = np.asarray(first, stack.dtype)
        if values.shape != (len(self.stacks), stack.sizes[0]):
            raise ValueError(f"first has shape {values.shape}; there are {len(self.stacks)} stacks with "
                             f"{stack.sizes[0]} inputs")
        for i, factors in enumerate(self.factors()):
            factors[0][0][...] = values[i]
        shared = stack.views(self.weights)
        for each, factors in zip(self.stacks, self.factors()):
            with each.changing():
                for (view, _), (W, _), (r, s) in zip(each.views(), shared, factors):
                    view[...] = W * (r[:, np.newaxis] * s)

    @property
    def weights(self):
        """Vector with the layout of `Stack.parameters`; only the weights of all layers but the last are used."""
        return array_of(self.memory)

    def factors(self):
        """Views of the factors of each layer but the last, for each stack.

        Returns
        -------
        list of list of (ndarray (k,), ndarray (n,))
            Factors r of the inputs and s of the units of each layer, by stack.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.stack import SharedWeights, Stack
        >>> stacks = [Stack((2, 3, 1), ("tanh", "identity")) for _ in range(2)]
        >>> for stack in stacks:
        ...     stack.set_optimizer("sgd")
        >>> r, s = SharedWeights(stacks, np.array([[1.0, 1.0], [1.0, -1.0]])).factors()[1][0]
        >>> r.tolist(), s.tolist()
        ([1.0, -1.0], [1.0, 1.0, 1.0])
        """
        cdef Stack stack = self.stacks[0]
        cdef Layer *layer
        cdef Py_ssize_t i, at
        result = []
        for each in array_of(self.factors_memory).reshape(-1, 5, self.size):
            at, pairs = 0, []
            for i in range(stack.net.depth - 1):
                layer = &stack.net.layers[i]
                pairs.append((each[0, at:at + layer.k], each[0, at + layer.ldt:at + layer.ldt + layer.n]))
                at += layer.ldt + layer.ld
            result.append(pairs)
        return result

    def train(self, X, y, objectives, order, rates, *, batch_size, epochs=1, double deadline=INFINITY, n_threads=None):
        """Passes of all stacks over the same rows, in the same order and batches, as `train_together`.

        The function to minimise is the mean over the stacks of the loss and of the penalty of the last layer, plus
        the penalty of the shared weights. Signals and the deadline are checked between two steps.

        Parameters
        ----------
        X, y, order, batch_size, epochs, deadline, n_threads
            As for `train_together`.
        objectives : sequence of Objective
            As for `train_together`, with equal penalties and weights of the rows.
        rates : ndarray of float64 (steps,)
            Learning rate of each step of all epochs. The optimizer is that of the first stack.

        Returns
        -------
        (ndarray (members, epochs), ndarray (members, epochs))
            Losses, and penalties of the shared weights and the own last layer, for each complete epoch.

        Raises
        ------
        ValueError, TypeError, RuntimeError, KeyboardInterrupt
            As for `train_together`, or if the stacks have what shared weights do not allow.

        Examples
        --------
        >>> import numpy as np
        >>> from cnn_core.stack import Objective, SharedWeights, Stack
        >>> stacks = [Stack((2, 3, 1), ("tanh", "identity")) for _ in range(2)]
        >>> for stack in stacks:
        ...     stack.set_optimizer("sgd")
        >>> shared = SharedWeights(stacks, np.array([[1.0, 1.0], [1.0, -1.0]]))
        >>> X, y = np.eye(2), np.ones((2, 1), np.float32)
        >>> losses, _ = shared.train(X, y, [Objective("mse")] * 2, None, np.full(20, 0.1), batch_size=2, epochs=20)
        >>> losses[:, [0, -1]].round(2).tolist()
        [[1.0, 0.02], [1.0, 0.02]]
        """
        cdef Py_ssize_t passes = operator.index(epochs), batch = operator.index(batch_size)
        cdef int threads = thread_count(n_threads)
        members = read_members(self.stacks, objectives, "train")
        check_sharing(self.stacks)
        for each, _ in members:
            if each.optimizer is None or each.optimizer != self.stacks[0].optimizer:
                raise ValueError("the stacks must have equal optimizers: call set_optimizer first")
        if batch < 1 or passes < 1:
            raise ValueError(f"batch_size is {batch} and epochs {passes}; both must be at least 1")
        steps = np.array(rates, np.float64, order="C")
        if steps.ndim != 1 or len(steps) % passes:
            raise ValueError(f"rates has shape {steps.shape}; it must have one number for each step of {passes} epochs")
        if np.ndim(order) not in (0, 1) and (np.ndim(order) != 2 or len(order) != passes):
            raise ValueError(f"order has shape {np.shape(order)}; it must be a vector of rows, or have one for each of "
                             f"{passes} epochs")
        sharing = Sharing(members)
        begun = []
        try:
            for each in sharing.sorted_stacks:
                begin_pass(each, "another pass")
                begun.append(each)
            sharing.begin(self, X, y, order, batch, passes)
            return sharing.train(np.array(np.broadcast_to(steps.reshape(1, passes, -1), (
                len(members), passes, len(steps) // passes))), passes, threads, deadline)
        finally:
            for each in begun:
                end_pass(each)


cdef int check_sharing(list stacks) except -1:
    """Raise ValueError if stacks cannot share weights."""
    cdef Stack stack, first
    if not stacks or not all(isinstance(each, Stack) for each in stacks):
        raise TypeError("stacks must be a sequence of Stack, at least one")
    first = stacks[0]
    if first.net.depth < 2:
        raise ValueError("there is no layer to share: the last layer is each member's own; use at least 2 layers")
    for i, each in enumerate(stacks):
        stack = each
        check_inputs(i, stack, first)
        if (stack.sizes, stack.activations, stack.biases, stack.norms, stack.residuals, stack.units_major) != (
                first.sizes, first.activations, first.biases, first.norms, first.residuals, first.units_major):
            raise ValueError(f"member {i} has other layers than member 0; members that share weights have equal ones")
        if stack.net.call != NULL:
            raise ValueError("activations written in Python are not for shared weights")
        if stack.is_low:
            raise ValueError(f"member {i} has the precision {stack.precision}; shared weights need float32")
        if (stack.mask is not None or stack.proximal or stack.update.clip_norm < INFINITY
                or stack.update.clip_value < INFINITY
                or (stack.rate_factors is not None and not (array_of(stack.rate_factors) == 1).all())):
            raise ValueError(f"member {i} has masks, proximal steps, clipping or factors of layers, which are not for "
                             "shared weights")
        if (stack.average_memory is None) != (first.average_memory is None) or stack.update.decay != first.update.decay:
            raise ValueError(f"member {i} and member 0 have different moving averages")
    return 0


cdef class Sharing(Together):
    """Passes of stacks that share weights."""

    cdef SharedWeights common
    cdef Shared shared
    cdef Run **in_order
    cdef void **averages

    def __cinit__(self, list members):
        cdef Py_ssize_t i
        self.in_order = <Run **>PyMem_Calloc(self.count, sizeof(Run *))
        self.averages = <void **>PyMem_Calloc(self.count, sizeof(void *))
        if self.in_order == NULL or self.averages == NULL:
            raise MemoryError
        for i in range(self.count):
            self.in_order[i] = &self.runs[i]

    def __dealloc__(self):
        PyMem_Free(self.in_order)
        PyMem_Free(self.averages)

    cdef object begin(self, SharedWeights common, X, y, order, Py_ssize_t batch, Py_ssize_t epochs):
        """Fill in the runs, and what they share, but the memory of the runs."""
        cdef Stack stack, first = self.stacks[0]
        cdef Objective objective, its = self.objectives[0]
        cdef Run *run
        cdef Py_ssize_t i
        self.prepare(X, y, order, batch, epochs)
        for i in range(self.count):
            stack, objective, run = self.stacks[i], self.objectives[i], &self.runs[i]
            one, other = self.weights[i], self.weights[0]
            if (one is None) != (other is None) or (one is not None and not np.array_equal(one, other)):
                raise ValueError(f"members {i} and 0 have different weights of the rows; members that share weights "
                                 "have equal ones")
            penalties = objective.l1, objective.l2
            if callable(objective.loss) or objective.penalty_per_row or penalties != (its.l1, its.l2):
                raise ValueError("losses written in Python, penalties for each row, and different penalties are not "
                                 "for shared weights")
            run.update, run.penalty_per_row = NULL, False
            run.step = stack.step
            run.step.method, run.step.l1, run.step.l2 = GRADIENT_ONLY, 0, 0
            if stack.average_memory is not None:
                self.averages[i], self.shared.averages = stack.average_memory.data, self.averages
        self.common = common
        self.begin_moments(first)
        self.shared.runs, self.shared.count, self.shared.step = self.in_order, <int>self.count, first.step
        self.shared.step.l1, self.shared.step.l2 = its.l1, its.l2
        self.shared.weights, self.shared.gradients = common.memory.data, common.gradient_memory.data
        self.shared.factors, self.shared.size = common.factors_memory.data, common.size
        self.shared.reals, self.shared.decay = first.memory.count, first.update.decay
        self.shared.wait = wait

    cdef object begin_moments(self, Stack first):
        """Let the moments of what is shared begin with those of the first stack."""
        if first.step.count == 0 or len(self.common.moments) != len(first.moment_memory):
            made = []
            for _ in first.moment_memory:
                made.append(allocate(first.memory.count, first.dtype))
            self.common.moments = tuple(made)
            array_of(self.common.factors_memory).reshape(-1, 5, self.common.size)[:, 1:] = 0
        moments = self.common.moments
        self.shared.m1 = (<Block>moments[0]).data if len(moments) > 0 else NULL
        self.shared.m2 = (<Block>moments[1]).data if len(moments) > 1 else NULL
        self.shared.m3 = (<Block>moments[2]).data if len(moments) > 2 else NULL

    cdef object share_out(self, int threads):
        """Give each part of the members its memory; returns the work of the largest one for each row."""
        cdef Stack stack = self.stacks[0]
        cdef Py_ssize_t i, part, needed, size
        cdef char *memory
        cdef Shared *shared = &self.shared
        shared.parts = <int>min(threads, self.count)
        if work_per_row(stack) * self.count * self.runs[0].count < SERIAL_WORK:
            shared.parts = 1
        needed = round_up_bytes(workspace_size(stack, &self.runs[0], 1))
        shared.inputs_size = round_up_bytes(self.runs[0].batch * stack.net.layers[0].ldt * stack.itemsize)
        size = shared.parts * (needed + shared.inputs_size) + self.count * addresses_size(stack)
        self.work = take_workspace(stack)
        if self.work is None or len(self.work) < size:
            self.work = aligned_zeros(size, np.dtype("uint8"))
        memory = <char *>cnp.PyArray_DATA(self.work)
        shared.inputs = memory
        memory += shared.parts * shared.inputs_size
        for i in range(self.count):
            workspace_size(self.stacks[i], &self.runs[i], 1)
            part = part_of_member(i, self.count, shared.parts)
            lay_out(self.stacks[i], &self.runs[i], 1, memory + part*needed,
                    <void **>(memory + shared.parts*needed + i*addresses_size(stack)))
        return work_per_row(stack) * ((self.count + shared.parts - 1) // shared.parts)

    cdef void take_slice(self) noexcept nogil:
        """One parallel region."""
        cdef Py_ssize_t i
        cdef int size
        for i in range(self.count):
            enter_slice(<Stack>self.gates[i])
        self.shared.first, self.shared.count_of_rows = self.team.first, self.team.count
        self.shared.rates = self.runs[0].rates
        size = acquire_threads(self.shared.parts, False)
        self.shared.pool = get_pool()
        run_parallel(shared_share, &self.shared, size)
        release_threads(size)
        for i in range(self.count):
            (<Stack>self.owners[i]).step = self.shared.step
        for i in range(self.count):
            leave_slice(<Stack>self.gates[i])

    cdef double penalty_of(self, Py_ssize_t i, double divisor) except? -1:
        """Penalty of the shared weights and a member's own last layer."""
        cdef Stack stack = self.stacks[i]
        cdef Objective objective = self.objectives[i]
        cdef Layer *layer
        cdef Py_ssize_t index, size
        cdef const char *at
        cdef double total = 0
        for index in range(stack.net.depth):
            layer = &stack.net.layers[index]
            size = layer.n*layer.ldt if layer.units_major else layer.k*layer.ld
            at = <const char *>(stack.parameters_data if index == stack.net.depth - 1 else self.common.memory.data)
            total += stack.dense.penalty(objective.l1, objective.l2, size, at + layer.w*stack.itemsize)
        return total


cdef Py_ssize_t part_of_member(Py_ssize_t i, Py_ssize_t count, int parts) noexcept nogil:
    """Part that a member is in: see `members_gradients`."""
    cdef int part = 0
    while i >= count * (part + 1) // parts:
        part += 1
    return part
