"""Layers: frozen dataclasses that know their sizes and nothing of the arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import arrays, checks, initializers
from .errors import count

if TYPE_CHECKING:
    from numpy.random import Generator

ACTIVATIONS = ("identity", "relu", "sigmoid", "tanh", "softmax", "exp")


@dataclass(frozen=True)
class Dense:
    """A fully connected layer: f(X W + b) for X (m, k), W (k, n), b (n,).

    Parameters
    ----------
    units : int
        Number of units n.
    activation : {"identity", "relu", "sigmoid", "tanh", "softmax"}, optional
        None is "identity". On the last layer the loss decides (sigmoid for "binary_cross_entropy", softmax
        for "softmax_cross_entropy", identity for "mse"): leave it out there, or name the same. "softmax" is
        for the last layer only.
    bias : bool, default True
        Whether the layer has biases.
    init : str, Normal, Uniform, array (k, n) or pair of arrays (k, n) and (n,), optional
        Initial weights; one of "he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal",
        "lecun_uniform", "zeros" when a str. None is "he_normal" for relu and "glorot_uniform" otherwise.
        Biases start at 0 unless they are given.

    Raises
    ------
    TypeError, ValueError
        When a parameter is of the wrong type or value.
    """

    units: int
    activation: str | None = None
    bias: bool = field(default=True, kw_only=True)
    init: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", checks.integer("Dense", "units", self.units, minimum=1))
        if self.activation is not None:
            checks.choice("Dense", "activation", self.activation, ACTIVATIONS)
        checks.flag("Dense", "bias", self.bias)
        init = initializers.resolve(self.init)
        if isinstance(init, initializers.Given):
            if init.weight.shape[1] != self.units:
                raise ValueError(
                    f"init has {count(init.weight.shape[1], 'column')}; the layer has {count(self.units, 'unit')}."
                )
            if init.bias is not None and not self.bias:
                raise ValueError("init has a bias; the layer has bias=False.")
        object.__setattr__(self, "init", init)


def check_layers(layers: Any) -> tuple[Dense, ...]:
    """Return the layers of a network, which must be a non-empty sequence of Dense."""
    if isinstance(layers, Dense) or not isinstance(layers, Sequence):
        raise TypeError(
            f"The 'layers' parameter of Network must be a list of layers. Got {layers!r} instead."
        )
    for i, layer in enumerate(layers):
        if not isinstance(layer, Dense):
            raise TypeError(f"layers[{i}] must be a layer, as Dense(128, 'relu'). Got {layer!r} instead.")
    if not layers:
        raise ValueError("The 'layers' parameter of Network must hold at least one layer. Got none.")
    return tuple(layers)


def layer_activations(layers: Sequence[Dense], link: str) -> list[str]:
    """Return the activation of every layer, the last one being the link that the loss asks for."""
    hidden = [layer.activation or "identity" for layer in layers[:-1]]
    if "softmax" in hidden:
        raise ValueError(f"layers[{hidden.index('softmax')}] is softmax, which is for the last layer only.")
    last = layers[-1].activation
    if last not in (None, "identity", link):
        raise ValueError(f"The last layer is {last}; the loss makes it {link}. Leave its activation out.")
    return [*hidden, link]


_MOST_WEIGHTS = 1 << 44  # their bytes, with all that training keeps beside them, fit 64 bits


def draw_weights(layers: Sequence[Dense], rng: Generator, n_features: int) -> list[initializers.Pair]:
    """Return the initial [(W, b or None), ...] of a network on `n_features` columns, drawn layer by layer."""
    pairs = []
    n_inputs = n_features
    for i, layer in enumerate(layers):
        if n_inputs * layer.units > _MOST_WEIGHTS:
            raise ValueError(
                f"Layer {i} would have {n_inputs} x {layer.units} weights; a layer can have {_MOST_WEIGHTS}."
            )
        pairs.append(
            initializers.draw(layer.init, layer.activation or "identity", rng, n_inputs, layer.units)
        )
        n_inputs = layer.units
    return pairs


def check_weights(layers: Sequence[Dense], weights: Any, dtype: str) -> list[initializers.Pair]:
    """Return copies of a user's [(W (inputs, units), b (units,) or None), ...] when they fit the layers."""
    if not isinstance(weights, (list, tuple)):
        raise TypeError(f"weights must be a list of pairs (W, b). Got {type(weights).__name__} instead.")
    if len(weights) != len(layers):
        raise ValueError(
            f"weights has {count(len(weights), 'pair')}; the network has {count(len(layers), 'layer')}."
        )
    pairs: list[initializers.Pair] = []
    n_inputs = None  # the first layer takes any number of them
    for i, (layer, pair) in enumerate(zip(layers, weights, strict=True)):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise TypeError(f"weights[{i}] must be a pair (W, b), b being None for a layer without biases.")
        W = arrays.weights(pair[0], f"weights[{i}][0]", dtype=dtype, ndim=2)
        expected = (n_inputs or max(1, len(W)), layer.units)
        if W.shape != expected:
            raise ValueError(f"weights[{i}][0] has shape {W.shape}; the layer takes {expected}.")
        pairs.append((W, _check_bias(layer, pair[1], f"weights[{i}][1]", dtype)))
        n_inputs = layer.units
    return pairs


def _check_bias(layer: Dense, bias: Any, name: str, dtype: str) -> arrays.Array | None:
    if not layer.bias:
        if bias is not None:
            raise ValueError(f"{name} is given; the layer has bias=False, so it must be None.")
        return None
    b = arrays.weights(bias, name, dtype=dtype, ndim=1)
    if len(b) != layer.units:
        raise ValueError(f"{name} has {count(len(b), 'number')}; the layer has {count(layer.units, 'unit')}.")
    return b


def to_config(layer: Dense) -> dict[str, Any]:
    """Return `layer` as JSON can hold it."""
    return {
        "units": layer.units,
        "activation": layer.activation,
        "bias": layer.bias,
        "init": initializers.to_config(layer.init),
    }


def from_config(config: Any) -> Dense:
    """Return the layer of a configuration that :func:`to_config` made."""
    fields: dict[str, Any] = checks.fields("layer", config, ("units", "activation", "bias", "init"))
    fields["init"] = initializers.from_config(fields["init"])
    return Dense(**fields)
