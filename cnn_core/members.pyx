"""Members of a training together: their checks, passes of one after another, and their losses; a part of `stack`."""

import numpy as np

from cnn_core.layers cimport has_expired, thread_count
from cnn_core.stack cimport Objective, Stack
from cnn_core.types cimport SLICE_FLOPS


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


cdef bint trains_alone(Stack stack, Objective objective, Py_ssize_t batch):
    """Whether a member calls Python, is of low precision, or has batches that are polled: see (c)."""
    return (callable(objective.loss) or stack.net.call != NULL or stack.is_low
            or work_per_row(stack) * batch > SLICE_FLOPS)


cdef bint trained_in_turn(list members, Py_ssize_t batch, int threads) except -1:
    """Whether each member has its own pass: see (c); or has all threads, since there are fewer members."""
    cdef Stack stack
    for stack, objective in members:
        if trains_alone(stack, objective, batch):
            return True
        if len(members) < threads and 6.0*stack.n_parameters*batch > SERIAL_STEP_FLOPS:
            return True
    return False


cdef object train_in_turn(list members, X, y, order, rates, Py_ssize_t batch, double deadline, int threads):
    """`train_together` with calls of `Stack.train_epochs`."""
    epochs = rates.shape[1]
    losses, penalties = np.zeros((len(members), epochs)), np.zeros((len(members), epochs))
    for epoch in range(epochs):
        rows = order[epoch] if np.ndim(order) == 2 else order
        for i, (stack, objective) in enumerate(members):
            if has_expired(deadline):
                return losses[:, :epoch], penalties[:, :epoch]
            loss, penalty = stack.train_epochs(
                X, y, objective.replace(n_threads=threads), rows, rates[i, epoch], epochs=1, batch_size=batch)
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

    Examples
    --------
    >>> import numpy as np
    >>> from cnn_core.stack import Objective, Stack, loss_together
    >>> stacks = [Stack((1, 1), ("identity",)) for _ in range(2)]
    >>> stacks[1].views()[0][1][:] = 3.0  # predicts 3, and the first stack 0
    >>> X, y = np.zeros((2, 1)), np.array([[3.0], [5.0]], np.float32)
    >>> loss_together(stacks, X, y, [Objective("mse")] * 2, [None, np.array([1])])  # all rows, and row 1 only
    array([17.,  4.])
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
