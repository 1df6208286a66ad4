"""Training of several stacks on the same rows, in the same order and batches; a part of `stack`.

(a) The rows of some batches are gathered once, for all members. Then each member takes all its steps on them: see
    `kernels/together.pyx`. Members are divided among the threads by their work.
(b) All members are in slices at the same time, and have taken the same steps whenever the core returns to Python.
(c) Members that call Python or are of low precision, or whose batches are so long that they are polled, are trained one
    after another.
"""

import numpy as np

cimport numpy as cnp
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport uintptr_t

from cnn_core.kernel_tables cimport DenseKernels
from cnn_core.layers cimport has_expired, thread_count
from cnn_core.stack cimport Objective, Stack
from cnn_core.threads cimport acquire_threads, release_threads, run_shares
from cnn_core.types cimport SLICE_FLOPS, Bundle, Run, Team

cdef enum:
    GATHERED_TOGETHER = 256 * 1024      # bytes of rows that are gathered at once; or
    GATHERED_PER_STATE = 4              # this times the bytes of a member, which a group reads once, and at most
    MOST_GATHERED = 8 * 1024 * 1024
    FEWEST_IN_BUNDLE = 5                # a bundle has at least 5 / 8 of its lanes; with fewer, it is slower
    SERIAL_WORK = 2000000               # operations that take less time than it takes to wake threads


cdef Py_ssize_t round_up_bytes(Py_ssize_t bytes) noexcept nogil:
    """Whole cache lines."""
    return (bytes + 63) // 64 * 64


cdef void team_share(void *team, int rank, int size) noexcept nogil:
    """The rank's part of a team's passes."""
    (<DenseKernels *>(<Team *>team).rows.kernels).together(<Team *>team, rank, size)


cdef class Together:
    """Passes of several stacks: a run of each, and the team of the runs."""

    cdef list stacks, objectives, kept, sorted_stacks, weights
    cdef Py_ssize_t count, rows     # of members, and of rows of an epoch; the runs' `count` is that of a group
    cdef Run *runs
    cdef Run **by_parts
    cdef int *starts
    cdef Bundle *bundles
    cdef int *first_bundles
    cdef void **owners          # the stacks; and in the order in which their gates are taken
    cdef void **gates
    cdef Team team
    cdef cnp.ndarray orders     # all epochs, one after another; or None
    cdef cnp.ndarray work

    def __cinit__(self, list members):
        cdef Py_ssize_t i
        self.stacks, self.objectives = [each for each, _ in members], [its for _, its in members]
        self.count = len(members)
        self.runs = <Run *>PyMem_Calloc(self.count, sizeof(Run))
        self.by_parts = <Run **>PyMem_Calloc(self.count, sizeof(Run *))
        self.starts = <int *>PyMem_Calloc(self.count + 1, sizeof(int))
        self.bundles = <Bundle *>PyMem_Calloc(self.count, sizeof(Bundle))
        self.first_bundles = <int *>PyMem_Calloc(self.count + 1, sizeof(int))
        self.owners = <void **>PyMem_Calloc(self.count, sizeof(void *))
        self.gates = <void **>PyMem_Calloc(self.count, sizeof(void *))
        if (self.runs == NULL or self.by_parts == NULL or self.starts == NULL or self.bundles == NULL
                or self.first_bundles == NULL or self.owners == NULL or self.gates == NULL):
            raise MemoryError
        # In the order in which `guard` takes the gates before a fork: otherwise each might wait for the other.
        self.sorted_stacks = sorted(self.stacks, key=lambda stack: <uintptr_t><void *>stack)
        for i in range(self.count):
            self.owners[i], self.gates[i] = <void *>self.stacks[i], <void *>self.sorted_stacks[i]

    def __dealloc__(self):
        PyMem_Free(self.runs)
        PyMem_Free(self.by_parts)
        PyMem_Free(self.starts)
        PyMem_Free(self.bundles)
        PyMem_Free(self.first_bundles)
        PyMem_Free(self.owners)
        PyMem_Free(self.gates)

    cdef object prepare(self, X, y, order, Py_ssize_t batch, Py_ssize_t epochs):
        """Fill in the runs but their memory."""
        cdef Stack stack = self.stacks[0]
        cdef Objective objective
        cdef Run *run
        cdef Py_ssize_t i
        cdef Run *first = &self.runs[0]
        targets = {}
        self.weights, self.kept = [], [X, stack.read_rows(X, (<Objective>self.objectives[0]).scale, &first.x)]
        flat = order if order is None or np.ndim(order) == 1 else np.ravel(order)
        for i in range(self.count):
            run, stack, objective = &self.runs[i], self.stacks[i], self.objectives[i]
            run.x = first.x
            own_memory(stack)
            stack.begin_run(run, objective, batch)
            kept = read_loss(&run.loss_spec, objective.loss, stack.classes)
            key = run.loss_spec.loss, stack.classes
            if key in targets:
                run.target = self.runs[<Py_ssize_t>targets[key]].target
                target = None
            else:
                target = read_target(run, y, run.count, stack.classes, stack.dtype)
                targets[key] = i
            run.target.weights = NULL
            self.weights.append(read_weights(run, objective.weights, run.count))
            self.kept.append((kept, target, stack.moment_memory, stack.average_memory,
                              None if target is None else pinned(target)))
            stack.plan_chunks(run, 1)
            stack.begin_steps(run, objective)
        self.orders = read_order(first, flat, first.count)
        if self.orders is not None and np.ndim(order) == 2:
            first.count //= epochs
        self.rows = first.count
        for i in range(self.count):
            run = &self.runs[i]
            run.order, run.count, run.batch = first.order, first.count, min(batch, first.count)

    cdef list tasks(self):
        """Lists of members: a bundle, or a single one."""
        cdef Py_ssize_t i, lanes, at
        cdef Stack stack
        cdef Run *run
        equal = {}
        for i in range(self.count):
            stack, run = self.stacks[i], &self.runs[i]
            lanes = stack.dense.bundle_lanes(run)
            key = (stack.sizes, stack.activations, stack.biases, stack.units_major, run.step.method, run.step.l1 != 0,
                   run.step.l2 != 0, run.loss_spec.loss) if lanes > 0 else i
            equal.setdefault(key, (lanes, []))[1].append(i)
        made = []
        for lanes, members in equal.values():
            at = 0
            while lanes > 0 and (len(members) - at) * 8 >= lanes * FEWEST_IN_BUNDLE:
                made.append(members[at:at + lanes])
                at += lanes
            made.extend([i] for i in members[at:])
        return made

    cdef object share_out(self, int threads):
        """Divide the tasks into parts of about equal work, and give each part its memory."""
        cdef Team *team = &self.team
        cdef Stack stack = self.stacks[0]
        cdef Bundle *bundle
        cdef Py_ssize_t i, part, row_bytes = stack.net.layers[0].ldt * stack.itemsize, needed = 0, size = 0
        cdef Py_ssize_t gathered = GATHERED_TOGETHER
        cdef int runs = 0, bundles = 0
        cdef char *memory
        cdef char *addresses
        tasks = self.tasks()
        work = [work_per_row(self.stacks[task[0]]) * (len(task) if len(task) == 1 else 1 + len(task) / 3)
                for task in tasks]
        team.parts = <int>min(threads, len(tasks))
        if sum(work) * self.runs[0].count < SERIAL_WORK:
            team.parts = 1
        parts, loads = [[] for _ in range(team.parts)], [0.0] * team.parts
        for i in sorted(range(len(tasks)), key=work.__getitem__, reverse=True):
            part = loads.index(min(loads))
            parts[part].append(tasks[i])
            loads[part] += work[i]
        for i in range(self.count):
            stack = self.stacks[i]
            gathered = max(gathered, GATHERED_PER_STATE * stack.memory.count * stack.itemsize * (
                1 + len(stack.moment_memory)))
        team.group = max(1, min(gathered, MOST_GATHERED) // row_bytes // self.runs[0].batch) * self.runs[0].batch
        team.group = min(team.group, self.runs[0].count)
        team.inputs_size = team.group * row_bytes
        for task in tasks:
            stack, i = self.stacks[task[0]], task[0]
            if len(task) > 1:
                size += round_up_bytes(stack.dense.bundle_size(&self.runs[i]))
            else:
                needed = max(needed, round_up_bytes(workspace_size(stack, &self.runs[i], 1)))
                size += addresses_size(stack)
        size += team.parts * (needed + team.inputs_size)
        self.work = take_workspace(self.stacks[0])
        if self.work is None or len(self.work) < size:
            self.work = aligned_zeros(size, np.dtype("uint8"))
        memory = <char *>cnp.PyArray_DATA(self.work)
        team.inputs, team.rows, team.runs, team.starts = memory, &self.runs[0], self.by_parts, self.starts
        team.bundles, team.first_bundles = self.bundles, self.first_bundles
        memory += team.parts * team.inputs_size
        addresses = memory + team.parts * needed
        for part in range(team.parts):
            self.starts[part], self.first_bundles[part] = runs, bundles
            for task in parts[part]:
                stack, i = self.stacks[task[0]], task[0]
                if len(task) == 1:
                    self.by_parts[runs] = &self.runs[i]
                    lay_out(stack, &self.runs[i], 1, memory + part*needed, <void **>addresses)
                    addresses += addresses_size(stack)
                    runs += 1
                    continue
                bundle = &self.bundles[bundles]
                bundle.count, bundle.work = <int>len(task), addresses
                addresses += round_up_bytes(stack.dense.bundle_size(&self.runs[i]))
                for at, i in enumerate(task):
                    bundle.runs[<int>at] = &self.runs[i]
                bundles += 1
        self.starts[team.parts], self.first_bundles[team.parts] = runs, bundles
        return max(loads)

    cdef void take_slice(self) noexcept nogil:
        """One parallel region."""
        cdef Py_ssize_t i
        cdef int size
        for i in range(self.count):
            enter_slice(<Stack>self.gates[i])
        size = acquire_threads(self.team.parts, False)
        run_shares(team_share, &self.team, size, False)
        release_threads(size)
        for i in range(self.count):
            (<Stack>self.owners[i]).step = (
                self.runs[i].step if self.runs[i].update == NULL else self.runs[i].update.step)
        for i in range(self.count):
            leave_slice(<Stack>self.gates[i])

    cdef object train(self, cnp.ndarray rates, Py_ssize_t epochs, int threads, double deadline):
        """All passes; `rates` are (members, epochs, steps)."""
        cdef Py_ssize_t rows = self.rows, batch = self.runs[0].batch, epoch, i, slice_rows, at
        cdef Py_ssize_t steps = (rows + batch - 1) // batch
        cdef cnp.ndarray losses = np.zeros((self.count, epochs)), norms = np.zeros((self.count, epochs))
        if (<object>rates).shape[2] != steps:
            raise ValueError(f"rates has {(<object>rates).shape[2]} numbers for each epoch; {rows} rows in batches of "
                             f"{batch} take {steps} steps")
        penalties, factors = np.zeros((self.count, epochs)), self.divisors(epochs)
        slice_rows = max(1, <Py_ssize_t>(SLICE_FLOPS / (<double>self.share_out(threads) * batch))) * batch
        try:
            for epoch in range(epochs):
                self.begin_epoch(epoch, epochs, rates, losses, norms)
                at = 0
                while at < rows:
                    if has_expired(deadline):
                        return self.results(losses, penalties, norms, factors, epoch, steps)
                    self.team.first, self.team.count = at, min(slice_rows, rows - at)
                    with nogil:
                        self.take_slice()
                    at += self.team.count
                    PyErr_CheckSignals()
                for i in range(self.count):
                    penalties[i, epoch] = self.penalty_of(i, factors[i, epoch])
            return self.results(losses, penalties, norms, factors, epochs, steps)
        finally:
            keep_workspace(self.stacks[0], self.work)

    cdef double penalty_of(self, Py_ssize_t i, double divisor) except? -1:
        """Penalty of a member; `divisor` is that of its loss in this epoch."""
        cdef Objective objective = self.objectives[i]
        if not objective.penalty_per_row:
            divisor = 1
        return (<Stack>self.stacks[i]).penalty(objective.l1 / divisor, objective.l2 / divisor)

    cdef void begin_epoch(self, Py_ssize_t epoch, Py_ssize_t epochs, cnp.ndarray rates, cnp.ndarray losses,
                          cnp.ndarray norms):
        """Point the runs to the order, rates and results of an epoch."""
        cdef Py_ssize_t i, steps = cnp.PyArray_DIM(rates, 2), rows = self.rows
        cdef Run *run
        cdef bint same = self.orders is None or len(self.orders) == rows
        for i in range(self.count):
            run = &self.runs[i]
            if self.orders is not None:
                run.order = <const int64_t *>cnp.PyArray_DATA(self.orders) + (0 if same else epoch*rows)
            run.rates = <const double *>cnp.PyArray_DATA(rates) + (i*epochs + epoch)*steps
            run.passes, run.pass_loss = 1, <double *>cnp.PyArray_DATA(losses) + i*epochs + epoch
            if run.update != NULL:
                run.update.pass_norm = NULL
                if (<Stack>self.stacks[i]).measured:
                    run.update.pass_norm = <double *>cnp.PyArray_DATA(norms) + i*epochs + epoch

    cdef object divisors(self, Py_ssize_t epochs):
        """Divisor of the loss of each member in each epoch."""
        cdef Py_ssize_t i, rows = self.rows
        cdef Py_ssize_t orders = 1 if self.orders is None else len(self.orders) // rows, at
        made = np.zeros((self.count, orders))
        for at in range(orders):
            order = None if self.orders is None else (<object>self.orders)[at*rows:(at + 1)*rows]
            for i in range(self.count):
                made[i, at] = row_count(&self.runs[i], self.weights[i], order)
        return made if orders == epochs else np.repeat(made, epochs, axis=1)

    cdef object results(self, losses, penalties, norms, factors, Py_ssize_t ended, Py_ssize_t steps):
        """Losses and penalties of the complete epochs; norms of gradients are kept by the stacks."""
        cdef Py_ssize_t i
        for i in range(self.count):
            if self.runs[i].update != NULL and (<Stack>self.stacks[i]).measured:
                set_norms(self.stacks[i], norms[i] * (1.0 / steps))
        return (losses / factors)[:, :ended], penalties[:, :ended]


def train_together(stacks, X, y, objectives, order, rates, *, batch_size, epochs=1, double deadline=INFINITY,
                   n_threads=None):
    """Passes of several stacks over the same rows, in the same order and batches.

    Each member gets the same bits as from its own `Stack.train_epochs` for each epoch, whatever the others and the
    number of threads are. A member that diverges does not affect the others.

    Parameters
    ----------
    stacks : sequence of Stack
        Members, each with an optimizer. They have the same number of inputs, dtype, scaling and encoding of the inputs.
    X, y
        Rows and targets of all members, as for `Stack.loss`.
    objectives : sequence of Objective
        Loss, penalty and weights of the rows for each member; `scale` is the same, and `n_threads` is not used. A
        row of weight 0 has no effect on its member, except on the statistics of a batch in batch normalisation.
    order : ndarray of int64, or None
        Row indices in the order of training, for all epochs (n,) or for each of them (epochs, n); None for 0, 1, ...
    rates : ndarray of float64
        Learning rate of each step of all epochs, for all members (steps,) or for each of them (members, steps).
    batch_size : int
        Rows per step; the last batch of an epoch may be shorter.
    epochs : int
        Number of passes.
    deadline : float
        Value of `time.perf_counter` after which training ends between two steps, the same for all members. An epoch
        that is not complete by then is not in the result.
    n_threads : int, optional
        Upper limit of threads; `get_num_threads()` by default.

    Returns
    -------
    (ndarray (members, epochs), ndarray (members, epochs))
        Losses and penalties as `Stack.train_epochs` returns them, for each complete epoch.

    Raises
    ------
    ValueError, TypeError
        As for `Stack.train_epochs`, or if the members differ in what they must share.
    RuntimeError
        If a stack is in use by another pass.
    KeyboardInterrupt
        Between two steps; the parameters of each member are those of its last whole step.

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.stack import Objective, Stack, train_together
    >>> stacks = [Stack((2, n, 1), ("tanh", "sigmoid")) for n in (3, 4)]
    >>> for stack in stacks:
    ...     stack.set_optimizer("sgd")
    >>> X, y = np.eye(2, dtype=np.float32), np.ones((2, 1), np.float32)
    >>> losses, penalties = train_together(
    ...     stacks, X, y, [Objective("binary_cross_entropy")] * 2, None, np.full(3, 0.1), batch_size=2, epochs=3
    ... )
    >>> losses.shape
    (2, 3)
    """
    members = read_members(stacks, objectives, "train_together")
    for i, (each, _) in enumerate(members):
        if each.optimizer is None:
            raise ValueError(f"member {i} has no optimizer: call set_optimizer first")
    cdef Py_ssize_t passes = operator.index(epochs), batch = operator.index(batch_size)
    cdef int threads = thread_count(n_threads)
    cdef cnp.ndarray of_members = np.array(rates, np.float64, order="C")
    if batch < 1 or passes < 1:
        raise ValueError(f"batch_size is {batch} and epochs {passes}; both must be at least 1")
    if cnp.PyArray_NDIM(of_members) == 1:
        of_members = np.array(np.broadcast_to(of_members, (len(members), len(of_members))))
    if (cnp.PyArray_NDIM(of_members) != 2 or len(of_members) != len(members)
            or cnp.PyArray_DIM(of_members, 1) % passes):
        raise ValueError(f"rates has shape {np.shape(rates)}; it must have one number for each step of {passes} "
                         f"epochs, for all or for each of {len(members)} members")
    if np.ndim(order) not in (0, 1) and (np.ndim(order) != 2 or len(order) != passes):
        raise ValueError(f"order has shape {np.shape(order)}; it must be a vector of rows, or have one for each of "
                         f"{passes} epochs")
    of_members = (<object>of_members).reshape(len(members), passes, -1)
    rows = np.shape(order)[np.ndim(order) - 1] if order is not None else getattr(X, "shape", (batch,))[0]
    if trained_in_turn(members, min(batch, rows), threads):
        return train_in_turn(members, X, y, order, of_members, batch, deadline, threads)
    together = Together(members)
    begun = []
    try:
        for each in together.sorted_stacks:
            begin_pass(each, "another pass")
            begun.append(each)
        together.prepare(X, y, order, batch, passes)
        return together.train(of_members, passes, threads, deadline)
    finally:
        for each in begun:
            end_pass(each)
