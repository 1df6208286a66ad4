"""Weights, biases, gains and running statistics of a stack, layer by layer: views, copies, assignment.

The state of a layer is a dict of arrays: "weight" (inputs, units), "bias" (units,), and "norm", a dict with "gain"
(units,) and, for batch normalisation, the running "mean" and "variance" (units,). A key is absent where the layer has
no such part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..data.arrays import Array

if TYPE_CHECKING:
    from cnn_core.layers import Layers

LayerState: TypeAlias = "dict[str, Any]"  # documented at the head of this module


def layer_views(stack: Layers, flat: Array | None = None) -> list[LayerState]:
    """Return the state of each layer as views on the stack.

    With `flat`, a vector in the order of the parameters (gradients, a moment, an average), the views are on that, and
    there are no running statistics.
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
    """Return copies of states, in another dtype if one is given."""
    return [_copy(state, dtype) for state in states]


def _copy(state: LayerState, dtype: str | None) -> LayerState:
    return {
        name: _copy(value, dtype) if isinstance(value, dict) else np.array(value, dtype or value.dtype)
        for name, value in state.items()
    }


def assign_layers(views: Sequence[LayerState], states: Sequence[LayerState]) -> None:
    """Write states into views of the same form."""
    for (_, view), (_, array) in zip(walk(views), walk(states), strict=True):
        view[...] = array


def walk(states: Sequence[LayerState]) -> Iterator[tuple[str, Array]]:
    """Yield the name of each array, as "layers.0.norm.gain", and the array."""
    for number, state in enumerate(states):
        yield from _walk(f"layers.{number}", state)


def _walk(path: str, state: LayerState) -> Iterator[tuple[str, Array]]:
    for name in ("weight", "bias", "norm", "gain", "mean", "variance"):
        value = state.get(name)
        if isinstance(value, dict):
            yield from _walk(f"{path}.{name}", value)
        elif value is not None:
            yield f"{path}.{name}", value


def check_layers(states: Any, views: Sequence[LayerState], owner: str) -> None:
    """Refuse states that a user gives when they do not have the form of `views`.

    Raises
    ------
    TypeError, ValueError
        Naming the layer, and what it has and should have; `owner` is the part of the state, for the message.
    """
    if not isinstance(states, Sequence):
        raise TypeError(
            f"{owner} must be a list of dicts, one per layer. Got {type(states).__name__} instead."
        )
    if len(states) != len(views):
        raise ValueError(f"{owner} has {len(states)} layers; the network has {len(views)}.")
    for number, (state, view) in enumerate(zip(states, views, strict=True)):
        _check(f"{owner}[{number}]", state, view)


def _check(path: str, state: Any, view: LayerState) -> None:
    if not isinstance(state, Mapping):
        raise TypeError(f"{path} must be a dict. Got {type(state).__name__} instead.")
    if state.keys() != view.keys():
        raise ValueError(f"{path} has the keys {sorted(state)}; the layer has {sorted(view)}.")
    for name, value in view.items():
        if isinstance(value, dict):
            _check(f"{path}[{name!r}]", state[name], value)
            continue
        given = np.asarray(state[name])
        if given.dtype.kind not in "fiub":
            raise TypeError(
                f"{path}[{name!r}] must be an array of real numbers. Got dtype {given.dtype} instead."
            )
        if given.shape != value.shape:
            raise ValueError(f"{path}[{name!r}] has shape {given.shape}; the layer has {value.shape}.")


def dropout_key(seed: int | None) -> int:
    """Return the key that, with the number of steps taken, decides which units are dropped."""
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
