"""Training of several stacks on the same rows, in the same order and batches; a part of `stack`."""

import numpy as np

cimport numpy as cnp

from cnn_core.layers cimport has_expired, thread_count
from cnn_core.stack cimport Objective, Stack


cdef list read_members(stacks, objectives, str name):
    """Return pairs of a stack and an objective, checked."""
    cdef Stack stack, first = None
    cdef Objective objective
    stacks, objectives = list(stacks), list(objectives)
    if not stacks or len(stacks) != len(objectives):
        raise ValueError(f"there are {len(stacks)} stacks and {len(objectives)} objectives; {name} needs at least one "
                         "stack, and as many objectives")
    for i, (each, its) in enumerate(zip(stacks, objectives)):
        if not isinstance(each, Stack) or not isinstance(its, Objective):
            raise TypeError(f"member {i} has the types {type(each).__name__} and {type(its).__name__}; they must be "
                            "Stack and Objective")
        stack, objective = each, its
        first = stack if first is None else first
        check_inputs(i, stack, first)
        if objective.scale != (<Objective>objectives[0]).scale:
            raise ValueError(f"member {i} has the scale {objective.scale} and member 0 "
                             f"{(<Objective>objectives[0]).scale}; they must be equal")
    if len({id(each) for each in stacks}) < len(stacks):
        raise ValueError("stacks has the same stack twice")
    return list(zip(stacks, objectives))


cdef int check_inputs(i, Stack stack, Stack first) except -1:
    """Check that two stacks read the rows in the same way."""
    if stack.offset != NULL:
        raise ValueError(f"member {i} is a GramStack, which is trained alone")
    if stack.sizes[0] != first.sizes[0] or stack.dtype != first.dtype:
        raise ValueError(f"member {i} has {stack.sizes[0]} inputs of {stack.dtype} and member 0 {first.sizes[0]} of "
                         f"{first.dtype}; they must be equal")
    one, other = stack.statistics, first.statistics
    if one is not other and (one is None or other is None or stack.clipped != first.clipped
                             or not all(np.array_equal(a, b) for a, b in zip(one, other))):
        raise ValueError(f"member {i} and member 0 standardise the inputs differently; they must have equal means, "
                         "deviations and clipped columns")
    one, other = stack.encoding, first.encoding
    if one is not other and (one is None or other is None or not all(np.array_equal(a, b) for a, b in zip(one, other))):
        raise ValueError(f"member {i} and member 0 encode the inputs differently; they must have equal bins")
    return 0


cdef list orders_of_epochs(order, Py_ssize_t epochs):
    """Return the order of the rows in each epoch."""
    if order is None or np.ndim(order) == 1:
        return [order] * epochs
    if np.ndim(order) != 2 or len(order) != epochs:
        raise ValueError(f"order has shape {np.shape(order)}; it must be a vector of rows, or have one for each of "
                         f"{epochs} epochs")
    return list(order)


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
    cdef Py_ssize_t passes = operator.index(epochs), threads = thread_count(n_threads)
    orders = orders_of_epochs(order, passes)
    shared = np.asarray(rates, np.float64)
    if shared.ndim == 1:
        shared = np.broadcast_to(shared, (len(members), len(shared)))
    if shared.ndim != 2 or len(shared) != len(members) or passes < 1 or shared.shape[1] % passes:
        raise ValueError(f"rates has shape {np.shape(rates)}; it must have one number for each step of {passes} epochs, "
                         f"for all or for each of {len(members)} members")
    shared = shared.reshape(len(members), passes, -1)
    losses, penalties = np.zeros((len(members), passes)), np.zeros((len(members), passes))
    for epoch, rows in enumerate(orders):
        for i, (stack, objective) in enumerate(members):
            if has_expired(deadline):
                return losses[:, :epoch], penalties[:, :epoch]
            loss, penalty = stack.train_epochs(
                X, y, objective.replace(n_threads=threads), rows, shared[i, epoch], epochs=1, batch_size=batch_size)
            losses[i, epoch], penalties[i, epoch] = loss[0], penalty[0]
    return losses, penalties


def loss_together(stacks, X, y, objectives, orders, *, double deadline=INFINITY, n_threads=None):
    """Mean loss of several stacks, each over its own rows.

    Parameters
    ----------
    stacks, X, y, objectives, deadline, n_threads
        As for `train_together`; no optimizer is needed.
    orders : sequence of ndarray of int64, or None
        Row indices of each member; None for all rows.

    Returns
    -------
    ndarray (members,)
        First result of `Stack.loss` for the rows of each member and the weights of these rows.

    Raises
    ------
    ValueError, TypeError
        As for `Stack.loss`, or if the members differ in what they must share.
    TimeoutError
        If the deadline has passed.
    """
    members = read_members(stacks, objectives, "loss_together")
    orders = list(orders)
    if len(orders) != len(members):
        raise ValueError(f"orders has {len(orders)} entries; there are {len(members)} stacks")
    threads = thread_count(n_threads)
    losses = np.zeros(len(members))
    for i, (stack, objective) in enumerate(members):
        if has_expired(deadline):
            raise TimeoutError("the deadline has passed")
        losses[i] = loss_of_rows(stack, X, y, objective.replace(n_threads=threads), orders[i], deadline)
    return losses


cdef double loss_of_rows(Stack stack, X, y, Objective objective, order, double deadline) except? -1:
    """Mean loss over some rows of X."""
    begin_reading(stack, "loss_together")
    try:
        return stack.evaluate(X, y, objective, False, False, deadline, order)[0]
    finally:
        end_reading(stack)
