"""States of networks: as one vector for the exchange with workers, and weighted means of several states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from operator import setitem
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.errors import count
from ..common.together import together
from ..data.arrays import Array

if TYPE_CHECKING:
    from cnn_core.stack import Stack

_BLOCK = 1 << 15  # numbers whose mean is computed together
_LARGEST = ("step", "epoch")  # counts of a state of the optimizer, of which the largest is kept


def pack(stack: Stack) -> Array:
    """Return the state of a stack as one vector: parameters, running statistics, average, moments."""
    return np.concatenate(_arrays(stack))


def unpack(stack: Stack, vector: Array, steps: int) -> None:
    """Set the state of a stack to a vector of :func:`pack`, and its number of steps."""
    with stack.changing():
        arrays = _arrays(stack)
        ends = np.cumsum([array.size for array in arrays])[:-1]
        together(setitem, arrays, repeat(...), np.split(vector, ends))
        stack.steps = steps


def _arrays(stack: Stack) -> list[Array]:
    average = () if stack.average is None else (stack.average,)
    return [stack.parameters, stack.running, *average, *stack.moments]


def mean_of(arrays: Sequence[Array], weights: Sequence[float]) -> Array:
    """Return the weighted mean of arrays of the same shape and dtype, summed in float64 in their order.

    Numbers that are equal in all arrays have the same bits in the result. Arrays of weight 0 are not used.
    """
    used = [(array, weight) for array, weight in zip(arrays, weights, strict=True) if weight]
    first, *others = (array.reshape(-1) for array, _ in used)
    if not others:
        return used[0][0]
    shares = np.array([weight for _, weight in used], np.float64)
    shares /= shares.max()
    whole, mean = shares.sum(), np.empty(first.shape, first.dtype)
    # Blocks stay in the cache; temporary arrays of the size of a state would take most of the time.
    totals, parts, equals = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK, np.bool_)
    for start in range(0, first.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        n = len(first[block])
        total, part, equal = totals[:n], parts[:n], equals[:n]
        np.multiply(first[block], shares[0], out=total)
        equal[:] = True
        for array, share in zip(others, shares[1:], strict=True):
            np.multiply(array[block], share, out=part)
            total += part
            equal &= array[block] == first[block]
        total /= whole
        mean[block] = total
        np.copyto(mean[block], first[block], where=equal)
    return mean.reshape(used[0][0].shape)


def mean_of_numbers(values: Sequence[float], weights: Sequence[float]) -> float:
    """Return the weighted mean of numbers; that of one number is itself."""
    if len(values) == 1:
        return values[0]
    total = sum(value * weight for value, weight in zip(values, weights, strict=True) if weight)
    return total / sum(weights)


def merge_states(states: Sequence[Any], weights: Sequence[float] | None = None) -> Any:
    """Return the weighted mean of states of networks with the same layers.

    Parameters
    ----------
    states : sequence
        States of :meth:`compiled_nn.Network.snapshot`, with weights, running statistics, average and moments; or only
        their "layers", or pairs (W, b) as :meth:`compiled_nn.Network.get_weights` returns them.
    weights : sequence of float, optional
        Weight of each state, at least 0, such as the number of rows it was trained on. States of weight 0 are not used.
        Default: 1 for each.

    Returns
    -------
    dict or list
        State in the same form, with arrays of the dtypes of the first one. Each number is summed in float64, in the
        order of the states; one that is equal in all states has the same bits. The counts "step" and "epoch" are the
        largest ones.

    Raises
    ------
    TypeError, ValueError
        If the states differ in more than their numbers; the message names the place. If the weights are not numbers of
        at least 0, or all of them are 0.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> states = [[{"weight": np.array([[1.0]])}], [{"weight": np.array([[4.0]])}]]
    >>> cnn.merge_states(states, [2, 1])
    [{'weight': array([[2.]])}]
    """
    states = _listed("states", states, "states, such as those of Network.get_state()")
    for i, state in enumerate(states):
        if not isinstance(state, (Mapping, list, tuple, np.ndarray)):
            raise TypeError(
                f"states[{i}] is {type(state).__name__}. Pass results of Network.get_state() or Network.get_weights()."
            )
    if not states:
        raise ValueError("merge_states needs at least one state.")
    given = [1.0] * len(states)
    if weights is not None:
        given = [_weight(i, each) for i, each in enumerate(_listed("weights", weights, "numbers"))]
    if len(given) != len(states):
        raise ValueError(
            f"merge_states has {count(len(states), 'state')}, but {count(len(given), 'weight')}."
        )
    if not any(given):
        raise ValueError("All weights of the states are 0. At least one must be above 0.")
    return _merged("state", states, given)


def _listed(name: str, values: Any, what: str) -> list[Any]:
    if isinstance(values, (Mapping, str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(
            f"The '{name}' parameter of merge_states must be a list of {what}. Got {type(values).__name__} instead."
        )
    return list(values)


def _weight(i: int, value: Any) -> float:
    try:
        number = np.nan if isinstance(value, (str, bytes)) else float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not 0 <= number < np.inf:
        raise ValueError(f"weights[{i}] is {value!r}; it must be a finite number of at least 0.")
    return number


def _merged(path: str, values: list[Any], weights: list[float]) -> Any:
    """Return the mean of values that have the same place in all states, which `path` names."""
    first = values[0]
    if isinstance(first, Mapping):
        types = [type(each).__name__ for each in values]
        _check(path, types, all(isinstance(each, Mapping) for each in values), "is not a dict in all states")
        keys = [sorted(map(str, each)) for each in values]
        _check(path, keys, all(each == keys[0] for each in keys), "has other keys")
        return {
            key: _merged(f"{path}[{key!r}]", [each[key] for each in values], weights)
            if key not in _LARGEST
            else _largest(f"{path}[{key!r}]", [each[key] for each in values])
            for key in first
        }
    if isinstance(first, (list, tuple)):
        same = all(isinstance(each, (list, tuple)) and len(each) == len(first) for each in values)
        sizes = [len(each) if isinstance(each, (list, tuple)) else type(each).__name__ for each in values]
        _check(path, sizes, same, "differs in the number of items")
        merged = [
            _merged(f"{path}[{i}]", list(each), weights) for i, each in enumerate(zip(*values, strict=True))
        ]
        return tuple(merged) if isinstance(first, tuple) else merged
    if isinstance(first, np.ndarray):
        is_array = all(isinstance(each, np.ndarray) for each in values)
        shapes = [each.shape if isinstance(each, np.ndarray) else type(each).__name__ for each in values]
        _check(path, shapes, is_array and len(set(shapes)) == 1, "has another shape")
        _check_each(path, values, [each.dtype.kind == "f" for each in values], "is not an array of floats")
        return np.array(mean_of(values, weights), first.dtype)
    _check(path, values, all(type(each) is type(first) and each == first for each in values), "differs")
    return first


def _largest(path: str, counts: list[Any]) -> Any:
    """Return the largest of counts, one of each state."""
    _check_each(
        path, counts, [isinstance(each, (int, np.integer)) for each in counts], "is not a whole number"
    )
    return max(counts)


def _check_each(path: str, values: Sequence[Any], are_right: Sequence[bool], problem: str) -> None:
    """Raise TypeError with the first state whose value is not right."""
    for i, (value, is_right) in enumerate(zip(values, are_right, strict=True)):
        if not is_right:
            raise TypeError(f"The states cannot be merged: {path} of state {i} {problem}: {value!r}.")


def _check(path: str, found: Sequence[Any], is_same: bool, problem: str) -> None:
    """Raise ValueError with the first state that differs from state 0."""
    if is_same:
        return
    other = next(
        (i for i, each in enumerate(found) if type(each) is not type(found[0]) or each != found[0]), 1
    )
    raise ValueError(
        f"The states cannot be merged: {path} {problem}. State 0 has {found[0]!r}, state {other} has {found[other]!r}."
    )
