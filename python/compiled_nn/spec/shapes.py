"""Forms of a network in tutorials: a shape (list of dicts), and parameters (dict of W1, b1, W2, ...)."""

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
from .activations import Activation
from .configuration import DTYPES
from .layers import Dense

if TYPE_CHECKING:
    from ..losses import LossName
    from .initializers import Pair

Shape: TypeAlias = "Sequence[Mapping[str, Any]]"
Parameters: TypeAlias = "Mapping[str, Any]"

_KEYS = ("nodes", "activation", "bias", "init", "loss")
_HINT = " Arrays (inputs, units), such as coefs_ of scikit-learn, must be transposed: W.T."


def layers(shape: Shape) -> list[Dense]:
    """Convert a shape to layers.

    Parameters
    ----------
    shape : list of dict
        One dict per layer, from the first hidden layer to the output. "nodes" is the number of units, "activation" the
        activation; the optional keys "bias" and "init" are those of :class:`Dense`. "loss", in the last dict only, is
        the name of a loss.

    Returns
    -------
    list of Dense
        Layers, each with its activation.

    Raises
    ------
    TypeError, ValueError
        If `shape` does not have this form; the message for an unknown name lists the valid ones.
    """
    if isinstance(shape, (str, Mapping)) or not isinstance(shape, Sequence):
        raise TypeError(
            "A shape must be a list of layers such as [{'nodes': 1, 'activation': 'sigmoid'}]."
            f" Got {shape!r} instead."
        )
    if not shape:
        raise ValueError("A shape must contain at least one layer. Got none.")
    result = [_layer(f"shape[{i}]", entry) for i, entry in enumerate(shape)]
    for i, entry in enumerate(shape[:-1]):
        if "loss" in entry:
            raise ValueError(f"shape[{i}] has the key 'loss', which is for the last layer only.")
    return result


def _layer(owner: str, entry: Any) -> Dense:
    if not isinstance(entry, Mapping):
        raise TypeError(
            f"{owner} must be a dict with the keys {', '.join(map(repr, _KEYS))}. Got {entry!r} instead."
        )
    for key in entry:
        if key not in _KEYS:
            raise ValueError(f"{owner} has the unknown key {key!r}.{did_you_mean(key, _KEYS, 'shape')}")
    for key in ("nodes", "activation"):
        if key not in entry:
            raise ValueError(f"{owner} lacks the key {key!r}.")
    units = checks.integer(owner, "nodes", entry["nodes"], minimum=1)
    activation = activations.resolve(owner, entry["activation"])
    return Dense(units, activation, bias=entry.get("bias", True), init=entry.get("init"))


def loss(shape: Shape) -> LossName:
    """Return the name of the loss of a shape: its "loss", or the one that belongs to the last activation."""
    if "loss" in shape[-1]:
        return cast("LossName", shape[-1]["loss"])
    return default_loss(layers(shape)[-1].activation or "identity")


def default_loss(activation: str | Activation) -> LossName:
    """Return the name of the first loss whose link is this activation of the last layer, else "mse"."""
    return cast(
        "LossName", losses.of_link(str(activation)).name if str(activation) in losses.links() else "mse"
    )


def check_plain(layers_: Sequence[Dense]) -> None:
    """Raise a ValueError for layers that a shape cannot describe: normalised and residual ones."""
    for i, layer in enumerate(layers_):
        if layer.norm is not None or layer.residual:
            kind = "residual" if layer.residual else f"normalised ({layer.norm})"
            raise ValueError(
                f"layers[{i}] is {kind}, which a shape or a dict of weights cannot describe."
                " Use save, or get_weights."
            )


def from_layers(
    layers: Sequence[Dense], activations: Sequence[str], *, activated: bool
) -> list[dict[str, Any]]:
    """Return the shape of a network: "nodes" and "activation" per layer, and "bias" for layers without biases.

    `activated` is whether the last activation is not the link of the loss. The last layer then has the "loss" "mse" if
    another loss belongs to its activation.
    """
    shape: list[dict[str, Any]] = [
        {"nodes": layer.units, "activation": name} | ({} if layer.bias else {"bias": False})
        for layer, name in zip(layers, activations, strict=True)
    ]
    if activated and default_loss(activations[-1]) != "mse":
        shape[-1]["loss"] = "mse"
    return shape


def default(parameters: Parameters) -> list[dict[str, Any]]:
    """Return the default shape for parameters: relu in the hidden layers, sigmoid in the last layer."""
    units = [len(W) for W, _ in arrays(parameters)]
    last = len(units) - 1
    return [{"nodes": n, "activation": "sigmoid" if i == last else "relu"} for i, n in enumerate(units)]


# ---- parameters


def to_dict(pairs: Sequence[Pair]) -> dict[str, Array]:
    """Convert [(W (inputs, units), b (units,) or None), ...] to a dict of W1 (units, inputs), b1 (units, 1), ...

    The arrays are copies.
    """
    parameters = {}
    for i, (W, b) in enumerate(pairs, 1):
        parameters[f"W{i}"] = np.array(W.T, order="C")
        if b is not None:
            parameters[f"b{i}"] = np.array(b).reshape(-1, 1)
    return parameters


def arrays(parameters: Parameters) -> list[tuple[Array, Array | None]]:
    """Return the arrays of a dict of W1, b1, W2, ... as [(W (units, inputs), b (units, 1) or None), ...], not copied.

    A given b may also have the shape (units,).

    Raises
    ------
    TypeError, ValueError
        If `parameters` is not a dict with these names, or the shapes of consecutive layers do not match.
    """
    if not isinstance(parameters, Mapping):
        raise TypeError(
            f"Parameters must be a dict of W1, b1, W2, ... Got {type(parameters).__name__} instead."
        )
    n_layers = sum(str(name).startswith("W") for name in parameters)
    valid = {f"{letter}{i}" for i in range(1, n_layers + 1) for letter in "Wb"}
    unknown = [name for name in parameters if name not in valid]
    if unknown or not n_layers:
        raise ValueError(
            "Parameters must be named W1, b1, W2, ... without gaps."
            f" Got {', '.join(map(str, parameters)) or 'none'}."
        )
    found: list[tuple[Array, Array | None]] = []
    for i in range(1, n_layers + 1):
        W = np.asarray(parameters[f"W{i}"])
        b = None if parameters.get(f"b{i}") is None else np.asarray(parameters[f"b{i}"])
        if b is not None and b.ndim == 1:
            b = b[:, np.newaxis]
        check_layer(W, b, f"W{i}", f"b{i}")
        if found and W.shape[1] != len(found[-1][0]):
            raise ValueError(
                f"W{i} has shape {W.shape}, but layer {i - 1} has {len(found[-1][0])} units:"
                f" W{i} must have {len(found[-1][0])} columns.{_HINT if W.shape[0] == len(found[-1][0]) else ''}"
            )
        found.append((W, b))
    return found


def check_layer(W: Array, b: Array | None, W_name: str = "W", b_name: str = "b") -> None:
    """Raise a ValueError if W is not a matrix (units, inputs), or b does not have the shape (units, 1)."""
    if W.ndim != 2:
        raise ValueError(f"{W_name} has shape {W.shape}; expected (units, inputs).")
    if b is not None and b.shape != (len(W), 1):
        hint = _HINT if b.shape == (W.shape[1], 1) else ""
        raise ValueError(
            f"{b_name} has shape {b.shape}; {W_name} has {count(len(W), 'unit')}, so {b_name} must be ({len(W)}, 1)."
            f"{hint}"
        )


def from_dict(parameters: Parameters) -> list[Pair]:
    """Convert a dict of W1 (units, inputs), b1 (units, 1), ... to [(W (inputs, units), b (units,) or None), ...]."""
    return [(W.T, None if b is None else b[:, 0]) for W, b in arrays(parameters)]


def with_biases(layers: Sequence[Dense], parameters: Parameters) -> list[Dense]:
    """Return `layers` with `bias` set for each layer according to the parameters."""
    pairs = arrays(parameters)
    if len(pairs) != len(layers):
        raise ValueError(f"The parameters have {count(len(pairs), 'layer')}; the shape has {len(layers)}.")
    return [replace(layer, bias=b is not None) for layer, (_, b) in zip(layers, pairs, strict=True)]


def with_dtype(options: dict[str, Any], parameters: Parameters) -> dict[str, Any]:
    """Return the options of a network, with the dtype of W1 if it is a dtype of networks and none is given."""
    dtype = arrays(parameters)[0][0].dtype.name
    return {"dtype": dtype, **options} if dtype in DTYPES else options


def copied(parameters: Parameters) -> dict[str, Array]:
    """Check a dict of W1, b1, ... as :func:`arrays` does, and return copies."""
    return to_dict(from_dict(parameters))
