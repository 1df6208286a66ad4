"""Networks as tutorials write them: a list of layers, and a dict of W1, b1, W2, ... with W (units, inputs)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from .. import losses
from ..common import checks
from ..common.errors import count, did_you_mean
from ..data.arrays import Array
from . import activations
from .configuration import DTYPES
from .layers import Dense

if TYPE_CHECKING:
    from ..losses import LossName
    from .initializers import Pair

Shape: TypeAlias = "Sequence[Mapping[str, Any]]"
Parameters: TypeAlias = "Mapping[str, Any]"

_KEYS = ("nodes", "activation", "bias", "init")


def layers(shape: Shape) -> list[Dense]:
    """Return the layers of `shape`, each of them with its activation.

    Parameters
    ----------
    shape : list of dict
        From the first hidden layer to the output: "nodes" and "activation", as for :class:`Dense`; and,
        where wanted, "bias" and "init" as for :class:`Dense`.

    Raises
    ------
    TypeError, ValueError
        When it is no such list; a name that is not known is answered by those that are.
    """
    if isinstance(shape, (str, Mapping)) or not isinstance(shape, Sequence):
        raise TypeError(
            f"A shape is a list of layers, as [{{'nodes': 1, 'activation': 'sigmoid'}}]. Got {shape!r} instead."
        )
    if not shape:
        raise ValueError("A shape holds at least one layer. Got none.")
    return [_layer(f"shape[{i}]", entry) for i, entry in enumerate(shape)]


def _layer(owner: str, entry: Any) -> Dense:
    if not isinstance(entry, Mapping):
        raise TypeError(f"{owner} must be a dict of {', '.join(map(repr, _KEYS))}. Got {entry!r} instead.")
    for key in entry:
        if key not in _KEYS:
            raise ValueError(f"{owner} has unknown {key!r}.{did_you_mean(key, _KEYS)}")
    for key in ("nodes", "activation"):
        if key not in entry:
            raise ValueError(f"{owner} lacks {key!r}.")
    units = checks.integer(owner, "nodes", entry["nodes"], minimum=1)
    activation = activations.resolve(owner, entry["activation"])
    return Dense(units, activation, bias=entry.get("bias", True), init=entry.get("init"))


def loss(layers: Sequence[Dense]) -> LossName:
    """Return the name of the loss that the activation of the last layer stands for."""
    return cast("LossName", losses.of_link(str(layers[-1].activation or "identity")).name)


def check_plain(layers_: Sequence[Dense]) -> None:
    """Refuse layers that are more than a product and an activation, which tutorials do not know."""
    for i, layer in enumerate(layers_):
        if layer.norm is not None or layer.residual:
            what = "residual" if layer.residual else f"normalised ({layer.norm})"
            raise ValueError(
                f"layers[{i}] is {what}: shapes and dicts of weights cannot say so. Use save, or get_weights."
            )


def from_layers(layers: Sequence[Dense], activations: Sequence[str]) -> list[dict[str, Any]]:
    """Return the shape of a network: "nodes" and "activation" of each layer, and "bias" where it has none."""
    return [
        {"nodes": layer.units, "activation": name} | ({} if layer.bias else {"bias": False})
        for layer, name in zip(layers, activations, strict=True)
    ]


def default(parameters: Parameters) -> list[dict[str, Any]]:
    """Return the shape that parameters alone imply: relu, and sigmoid at the end."""
    units = [len(W) for W, _ in arrays(parameters)]
    last = len(units) - 1
    return [{"nodes": n, "activation": "sigmoid" if i == last else "relu"} for i, n in enumerate(units)]


# ---- parameters


def to_dict(pairs: Sequence[Pair]) -> dict[str, Array]:
    """Return copies of [(W (inputs, units), b (units,) or None), ...] as W1 (units, inputs), b1 (units, 1), ..."""
    parameters = {}
    for i, (W, b) in enumerate(pairs, 1):
        parameters[f"W{i}"] = np.array(W.T, order="C")
        if b is not None:
            parameters[f"b{i}"] = np.array(b).reshape(-1, 1)
    return parameters


def arrays(parameters: Parameters) -> list[tuple[Array, Array | None]]:
    """Return the arrays of W1, b1, W2, ... as [(W (units, inputs), b (units, 1) or None), ...], not copied.

    Raises
    ------
    TypeError, ValueError
        When `parameters` is no dict of arrays so named, or their shapes do not follow one another.
    """
    if not isinstance(parameters, Mapping):
        raise TypeError(f"Parameters are a dict of W1, b1, W2, ... Got {type(parameters).__name__} instead.")
    n_layers = sum(str(name).startswith("W") for name in parameters)
    known = {f"{letter}{i}" for i in range(1, n_layers + 1) for letter in "Wb"}
    unknown = [name for name in parameters if name not in known]
    if unknown or not n_layers:
        raise ValueError(
            f"Parameters are W1, b1, W2, ... without gaps. Got {', '.join(map(str, parameters)) or 'none'}."
        )
    found: list[tuple[Array, Array | None]] = []
    for i in range(1, n_layers + 1):
        W = np.asarray(parameters[f"W{i}"])
        b = None if parameters.get(f"b{i}") is None else np.asarray(parameters[f"b{i}"])
        check_layer(W, b, f"W{i}", f"b{i}")
        if found and W.shape[1] != len(found[-1][0]):
            raise ValueError(
                f"W{i} has shape {W.shape}; after W{i - 1} of {len(found[-1][0])} units it has that many columns."
            )
        found.append((W, b))
    return found


def check_layer(W: Array, b: Array | None, W_name: str = "W", b_name: str = "b") -> None:
    """Refuse weights that are no matrix (units, inputs), and biases that are not (units, 1)."""
    if W.ndim != 2:
        raise ValueError(f"{W_name} has shape {W.shape}; expected (units, inputs).")
    if b is not None and b.shape != (len(W), 1):
        raise ValueError(f"{b_name} has shape {b.shape}; {W_name} of {len(W)} units takes ({len(W)}, 1).")


def from_dict(parameters: Parameters) -> list[Pair]:
    """Return W1 (units, inputs), b1 (units, 1), ... as [(W (inputs, units), b (units,) or None), ...]."""
    return [(W.T, None if b is None else b[:, 0]) for W, b in arrays(parameters)]


def with_biases(layers: Sequence[Dense], parameters: Parameters) -> list[Dense]:
    """Return `layers`, each with biases where the parameters have them."""
    pairs = arrays(parameters)
    if len(pairs) != len(layers):
        raise ValueError(f"The parameters are of {count(len(pairs), 'layer')}; the shape has {len(layers)}.")
    return [replace(layer, bias=b is not None) for layer, (_, b) in zip(layers, pairs, strict=True)]


def with_dtype(options: dict[str, Any], parameters: Parameters) -> dict[str, Any]:
    """Return the options of a network, the dtype being that of W1 where it can be and none is given."""
    dtype = arrays(parameters)[0][0].dtype.name
    return {"dtype": dtype, **options} if dtype in DTYPES else options


def copied(parameters: Parameters) -> dict[str, Array]:
    """Return copies of W1, b1, ..., once :func:`arrays` finds them in order."""
    return to_dict(from_dict(parameters))
