"""Layers: frozen dataclasses that know their sizes and nothing of the arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from ..common import checks
from ..common.errors import count
from ..data import arrays
from . import activations, initializers
from .activations import Activation, ActivationName
from .initializers import Init, InitLike

if TYPE_CHECKING:
    from numpy.random import Generator

NORMS = ("batch", "layer", "rms")
Norm: TypeAlias = Literal["batch", "layer", "rms"]
Block: TypeAlias = tuple[
    int, int
]  # columns, and the width of their embedding; 0: they go through as they are


@dataclass(frozen=True, repr=False)
class Dense:
    """A fully connected layer: f(X W + b) for X (m, k), W (k, n), b (n,).

    Parameters
    ----------
    units : int
        Number of units n.
    activation : str or Activation, optional
        One of "identity" (or "linear"), "relu", "sigmoid", "tanh", "softmax", "exp", "leaky_relu", "elu", "selu",
        "gelu", "gelu_tanh", "silu" (or "swish"), "mish", "softplus", "softsign", "hard_sigmoid", "hard_swish",
        "hard_tanh", "relu6"; the name of one that :func:`register_activation` has registered; or your own. None is
        "identity". On the last layer the loss decides (sigmoid for "binary_cross_entropy", softmax for
        "softmax_cross_entropy", identity for "mse"): leave it out there, or name the same. "softmax" is for the
        last layer only.
    bias : bool, default True
        Whether the layer has biases.
    init : str, Normal, Uniform, array (k, n) or pair of arrays (k, n) and (n,), optional
        Initial weights; one of "he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal",
        "lecun_uniform", "zeros" when a str. None is "he_normal" for relu and those like it (leaky_relu,
        elu, gelu, gelu_tanh, silu, mish, hard_swish, relu6), "lecun_normal" for selu, "glorot_uniform" otherwise.
        Biases start at 0 unless they are given.
    dropout : float, default 0.0
        In training, each output is 0 with this probability, in [0, 1), and divided by 1 - dropout otherwise.
    norm : {"batch", "layer", "rms"}, optional
        Normalise X W before bias and activation: over the rows of a batch (by running statistics when predicting), or
        over the units of a row with or without their mean taken off. The layer then has a gain (n,) that starts at 1.
    residual : bool, default False
        Add the layer's input to its output; it needs as many units as inputs.
    trainable : bool, default True
        False: training leaves the layer as it is.
    rate : float, default 1.0
        At least 0; the learning rate is multiplied by it in this layer.
    blocks : tuple of (int, int), optional
        Of the first layer, which the parameter `embeddings` of a network makes; see :mod:`compiled_nn.embeddings`.

    Raises
    ------
    TypeError, ValueError
        When a parameter is of the wrong type or value.
    """

    units: int
    activation: ActivationName | Activation | None = None
    bias: bool = field(default=True, kw_only=True)
    init: InitLike = field(default=None, kw_only=True)
    dropout: float = field(default=0.0, kw_only=True)
    norm: Norm | None = field(default=None, kw_only=True)
    residual: bool = field(default=False, kw_only=True)
    trainable: bool = field(default=True, kw_only=True)
    rate: float = field(default=1.0, kw_only=True)
    blocks: tuple[Block, ...] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", checks.integer("Dense", "units", self.units, minimum=1))
        if self.activation is not None:
            object.__setattr__(self, "activation", activations.resolve("Dense", self.activation))
        checks.flag("Dense", "bias", self.bias)
        dropout = checks.real("Dense", "dropout", self.dropout, minimum=0, below=1)
        object.__setattr__(self, "dropout", dropout)
        if self.norm is not None:
            checks.choice("Dense", "norm", self.norm, NORMS)
        checks.flag("Dense", "residual", self.residual)
        checks.flag("Dense", "trainable", self.trainable)
        object.__setattr__(self, "rate", checks.real("Dense", "rate", self.rate, minimum=0))
        if self.blocks is not None:
            object.__setattr__(self, "blocks", _check_block_sizes(self.blocks, self.units))
            if self.bias or self.norm or self.activation not in (None, "identity"):
                raise ValueError(
                    "A layer with blocks is linear: bias=False, and neither activation nor norm."
                )
        init = initializers.resolve(self.init)
        if isinstance(init, initializers.Given):
            if init.weight.shape[1] != self.units:
                raise ValueError(
                    f"init has {count(init.weight.shape[1], 'column')}; the layer has {count(self.units, 'unit')}."
                )
            if init.bias is not None and not self.bias:
                raise ValueError("init has a bias; the layer has bias=False.")
        object.__setattr__(self, "init", init)

    @property
    def rate_factor(self) -> float:
        """What the learning rate is multiplied by; 0 where the layer is frozen."""
        return self.rate if self.trainable else 0.0

    def n_weights(self, n_inputs: int) -> int:
        """Return how many weights training moves, biases left out."""
        return n_inputs * self.units if self.blocks is None else sum(n * width for n, width in self.blocks)

    def __repr__(self) -> str:
        values = {name: getattr(self, name) for name in (*_ALWAYS, *_DEFAULTS)}
        shown = [
            f"{name}={value!r}" for name, value in values.items() if value != _DEFAULTS.get(name, _SHOWN)
        ]
        return f"Dense({', '.join(shown)})"


_ALWAYS = ("units", "activation", "bias", "init")
_DEFAULTS = {name: f.default for name, f in Dense.__dataclass_fields__.items() if name not in _ALWAYS}
_SHOWN = object()  # no value equals it


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
    _check_blocks(layers)
    return tuple(layers)


def _check_block_sizes(blocks: Any, units: int) -> tuple[Block, ...]:
    """Return the blocks of a layer as tuples, when they give as many columns as it has units."""
    checked = tuple(
        (checks.integer("Dense", "blocks", n, minimum=1), checks.integer("Dense", "blocks", width, minimum=0))
        for n, width in blocks
    )
    given = sum(width or n for n, width in checked)
    if given != units:
        raise ValueError(f"blocks give {count(given, 'column')}; the layer has {count(units, 'unit')}.")
    return checked


def _check_blocks(layers: Sequence[Dense]) -> None:
    """Refuse a last layer with what is for hidden layers, and residual layers whose sizes differ."""
    for name in ("dropout", "norm", "residual", "blocks"):
        if getattr(layers[-1], name):
            raise ValueError(
                f"The last layer has {name}={getattr(layers[-1], name)!r}, which is for hidden layers."
            )
    for i, layer in enumerate(layers):
        if layer.blocks and i > 0:
            raise ValueError(f"layers[{i}] has blocks, which are for the first layer.")
        if layer.residual and i == 0:
            raise ValueError("layers[0] is residual; the first layer cannot be, its input being X.")
        if layer.residual and layer.units != layers[i - 1].units:
            raise ValueError(
                f"layers[{i}] is residual and has {count(layer.units, 'unit')}; its input has {layers[i - 1].units}."
            )


def layer_activations(layers: Sequence[Dense], link: str) -> list[str | Activation]:
    """Return the activation of every layer, the last one being the link that the loss asks for."""
    hidden: list[str | Activation] = [layer.activation or "identity" for layer in layers[:-1]]
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
            initializers.draw(cast("Init", layer.init), str(layer.activation), rng, n_inputs, layer.units)
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
    """Return `layer` as JSON can hold it; what came after the first format only where it is not the default."""
    config = {name: getattr(layer, name) for name in _ALWAYS}
    config["activation"] = activations.to_config(layer.activation)
    config["init"] = initializers.to_config(cast("Init", layer.init))
    later = {name: getattr(layer, name) for name in _DEFAULTS}
    return config | {name: value for name, value in later.items() if value != _DEFAULTS[name]}


def from_config(config: Any) -> Dense:
    """Return the layer of a configuration that :func:`to_config` made."""
    fields: dict[str, Any] = checks.fields("layer", config, _ALWAYS, _DEFAULTS)
    fields["activation"] = activations.from_config(fields["activation"])
    fields["init"] = initializers.from_config(fields["init"])
    return Dense(**fields)
