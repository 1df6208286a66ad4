"""State of each layer of a stack: views, copies and assignment of weights, biases, gains and running statistics.

The state of a layer is a dict of arrays: "weight" (inputs, units), "bias" (units,), and "norm", a dict with "gain"
(units,) and, for batch normalisation, the running "mean" and "variance" (units,). A key is absent if the layer has no
such part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import setitem
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..common.together import together
from ..data.arrays import Array

if TYPE_CHECKING:
    from cnn_core.layers import Layers

LayerState: TypeAlias = "dict[str, Any]"  # documented in the docstring of this module


def layer_views(stack: Layers, flat: Array | None = None) -> list[LayerState]:
    """Return the state of each layer as views of the arrays of the stack.

    With `flat`, a vector in the order of the parameters (gradients, a moment, an average), the views are of that
    vector, and the states have no running statistics.
    """
    states: list[LayerState] = []
    layers = zip(stack.views(flat), stack.gains(flat), stack.running_statistics(), strict=True)
    for (W, b), gain, running in layers:
        state: LayerState = {"weight": W}
        if b is not None:
            state["bias"] = b
        if gain is not None:
            state["norm"] = {"gain": gain}
            if running is not None and flat is None:
                state["norm"] |= {"mean": running[0], "variance": running[1]}
        states.append(state)
    return states


def copy_layers(states: Sequence[LayerState], dtype: str | None = None) -> list[LayerState]:
    """Return copies of states, converted to `dtype` if it is given."""
    return [_copy(state, dtype) for state in states]


def _copy(state: LayerState, dtype: str | None) -> LayerState:
    return {
        name: _copy(value, dtype) if isinstance(value, dict) else np.array(value, dtype or value.dtype)
        for name, value in state.items()
    }


def fill_layers(views: Sequence[LayerState], states: Sequence[LayerState]) -> None:
    """Write states into views of a new stack, one after another, so that one from a file is freed before the next."""
    for i in range(len(views)):
        assign_layers(views[i : i + 1], states[i : i + 1])


def assign_layers(views: Sequence[LayerState], states: Sequence[LayerState]) -> None:
    """Write states into views; parts of a layer that its state does not have stay unchanged.

    Ctrl-C and signal handlers see all of them written, or none.
    """
    pairs = [pair for view, state in zip(views, states, strict=True) for pair in _pairs(view, state)]
    together(setitem, [view for view, _ in pairs], repeat(...), [value for _, value in pairs])


def _pairs(view: LayerState, state: LayerState) -> Iterator[tuple[Array, Any]]:
    """Yield the array to write to and the value of each part of a state."""
    for name, value in state.items():
        if isinstance(value, dict):
            yield from _pairs(view[name], value)
        else:
            yield view[name], value


def walk(states: Sequence[LayerState]) -> Iterator[Array]:
    """Yield the arrays of states, in the same order for states with the same keys."""
    for state in states:
        for name in sorted(state):
            value = state[name]
            if isinstance(value, dict):
                yield from walk([value])
            else:
                yield value


def dropout_key(seed: int | None) -> int:
    """Return the key of the dropout masks, which depend on it and on the number of the step."""
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
