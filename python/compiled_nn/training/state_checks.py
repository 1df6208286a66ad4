"""Checks of states and weights that users pass to a network, before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core.hyperparameters import MOMENTS, NOT_NEGATIVE, read

from ..common import checks
from ..optimizers.base import BOUNDS
from ..spec.layers import Dense, check_weights
from .stacks import states_of
from .weights import LayerState, assign_layers, layer_views

if TYPE_CHECKING:
    from cnn_core.stack import Stack

_OWNER = "the state"
_LAST_STEP = 2**53  # float64 has all counts up to this one


def check_state(state: Any, stack: Stack) -> None:
    """Check a state in the form of ``Network.snapshot`` for a stack.

    Raises
    ------
    TypeError, ValueError
        If the state does not match the stack, or has numbers that are not finite or beyond the range of its dtype.
    """
    _check_keys("state", state, (), ("layers", "average", "optimizer"))
    if not state:
        raise ValueError("state is empty; expected some of 'layers', 'average' and 'optimizer'.")
    if "layers" in state:
        _check_layers("state['layers']", state["layers"], layer_views(stack))
    if "average" in state:
        if stack.average is None:
            raise ValueError("state has an 'average'; the network has none, because it was made without ema.")
        _check_layers("state['average']", state["average"], layer_views(stack, stack.average))
    if "optimizer" in state:
        _check_optimizer(state["optimizer"], stack)


def checked_layers(layers: Sequence[Dense], weights: Any, dtype: str) -> list[LayerState]:
    """Return copies of the weights of ``Network.set_weights`` as states of layers in `dtype`.

    Parameters
    ----------
    layers : sequence of Dense
        Layers of the network.
    weights : list of (W, b or None), or list of dict
        Weights as pairs, or states of layers, in which "norm" is optional.
    dtype : {"float32", "float64"}
        Dtype of the network.

    Raises
    ------
    TypeError, ValueError
        If the weights do not match the layers, or are not finite real numbers.
    """
    if not isinstance(weights, (list, tuple)) or not any(isinstance(state, Mapping) for state in weights):
        return states_of(check_weights(layers, weights, dtype))
    pairs = []
    for i, state in enumerate(weights):
        path = f"weights[{i}]"
        _check_keys(path, state, (), ("weight", "bias", "norm"))
        if "weight" not in state:
            raise ValueError(f"{path} has no 'weight'.")
        pairs.append((state["weight"], state.get("bias")))
    states = states_of(check_weights(layers, pairs, dtype, ("weights[{}]['weight']", "weights[{}]['bias']")))
    for i, (layer, given) in enumerate(zip(layers, weights, strict=True)):
        if "norm" in given:
            states[i]["norm"] = _checked_norm(layer, given["norm"], f"weights[{i}]['norm']", dtype)
    return states


def read_gradients(path: str, layers: Any, views: Sequence[LayerState]) -> None:
    """Write gradients in the form of ``Network.backward`` into views of one vector, rounded to its dtype.

    Raises
    ------
    TypeError, ValueError
        If they do not match the views. A number that is not finite is found only in arrays that are converted.
    """
    if not (type(layers) is list and len(layers) == len(views) and all(map(_is_like, layers, views))):
        _check_layers(path, layers, views)
    with np.errstate(over="ignore"):
        assign_layers(views, layers)


def _is_like(state: Any, view: LayerState) -> bool:
    """Return whether a state has the keys of a view, and arrays of the same dtypes and shapes."""
    if type(state) is not dict or state.keys() != view.keys():
        return False
    for name, value in view.items():
        given = state[name]
        if isinstance(value, dict):
            if not _is_like(given, value):
                return False
        elif type(given) is not np.ndarray or given.dtype != value.dtype or given.shape != value.shape:
            return False
    return True


def _checked_norm(layer: Dense, given: Any, path: str, dtype: str) -> dict[str, Any]:
    if layer.norm is None:
        raise ValueError(f"{path} is given; the layer is not normalised.")
    names = ("gain", "mean", "variance") if layer.norm == "batch" else ("gain",)
    _check_keys(path, given, (), names)
    example = np.empty(layer.units, dtype)
    for name, value in given.items():
        _check_array(f"{path}[{name!r}]", value, example, negative=name != "variance")
    return {name: np.array(value, dtype) for name, value in given.items()}


def _check_optimizer(state: Any, stack: Stack) -> None:
    path = "state['optimizer']"
    _check_keys(path, state, ("name", "hyperparameters", "step", "epoch", "moments"))
    name, moments = state["name"], state["moments"]
    for count in ("step", "epoch"):
        if checks.integer(_OWNER, count, state[count], minimum=0) > _LAST_STEP:
            raise ValueError(f"{path}[{count!r}] is {state[count]}; it must be at most {_LAST_STEP}.")
    if not isinstance(state["hyperparameters"], Mapping):
        raise TypeError(
            f"{path}['hyperparameters'] must be a dict. Got {type(state['hyperparameters']).__name__} instead."
        )
    for key, value in state["hyperparameters"].items():
        checks.real(_OWNER, str(key), value, **BOUNDS.get(str(key), {}))
    if not isinstance(moments, Sequence):
        raise TypeError(f"{path}['moments'] must be a list. Got {type(moments).__name__} instead.")
    if name is not None:
        read(name, state["hyperparameters"])
    expected = 0 if name is None else MOMENTS[name]
    if len(moments) != expected:
        raise ValueError(f"{path}['moments'] has {len(moments)} lists; {name} has {expected} moments.")
    for number, moment in enumerate(moments):
        negative = number not in NOT_NEGATIVE.get(name, ())
        views = layer_views(stack, stack.parameters)
        _check_layers(f"{path}['moments'][{number}]", moment, views, negative=negative)


def _check_layers(path: str, states: Any, views: Sequence[LayerState], *, negative: bool = True) -> None:
    if not isinstance(states, Sequence):
        raise TypeError(
            f"{path} must be a list of dicts, one per layer. Got {type(states).__name__} instead."
        )
    if len(states) != len(views):
        raise ValueError(f"{path} has {len(states)} layers; the network has {len(views)}.")
    for number, (state, view) in enumerate(zip(states, views, strict=True)):
        _check_layer(f"{path}[{number}]", state, view, negative=negative)


def _check_layer(path: str, state: Any, view: LayerState, *, negative: bool) -> None:
    _check_keys(path, state, tuple(view))
    for name, value in view.items():
        if isinstance(value, dict):
            _check_layer(f"{path}[{name!r}]", state[name], value, negative=negative)
        else:
            _check_array(f"{path}[{name!r}]", state[name], value, negative=negative and name != "variance")


def _check_array(path: str, array: Any, view: Any, *, negative: bool) -> None:
    try:
        given = np.asarray(array)
    except ValueError as error:
        raise ValueError(f"{path} is not an array: {error}") from error
    if given.dtype.kind not in "fiub":
        raise TypeError(f"{path} must be an array of real numbers. Got dtype {given.dtype} instead.")
    if given.shape != view.shape:
        raise ValueError(f"{path} has shape {given.shape}; the layer has {view.shape}.")
    if not (abs(given.astype(np.float64)) <= np.finfo(view.dtype).max).all():
        raise ValueError(f"{path} has a number that is not finite in {view.dtype}.")
    if not negative and (given < 0).any():
        raise ValueError(f"{path} has a number below 0.")


def _check_keys(
    path: str, state: Any, names: tuple[str, ...], optional: tuple[str, ...] | None = None
) -> None:
    """Check that `state` is a dict with the keys `names`, or without those, with some of the keys `optional`."""
    if not isinstance(state, Mapping):
        raise TypeError(f"{path} must be a dict. Got {type(state).__name__} instead.")
    keys = sorted(map(str, state))
    if optional is None and keys != sorted(names):
        raise ValueError(f"{path} has the keys {keys}; expected {sorted(names)}.")
    if optional is not None and not set(keys) <= set(optional):
        raise ValueError(f"{path} has the keys {keys}; expected some of {list(optional)}.")
