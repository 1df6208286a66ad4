"""Layers: frozen dataclasses with the parameters of each layer, and checks of a list of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import numpy as np

from ..common import checks
from ..common.errors import count, suggest_keywords
from ..data import arrays
from . import activations, initializers
from .activations import Activation, ActivationName
from .initializers import Init, InitLike

if TYPE_CHECKING:
    from numpy.random import Generator

    from ..losses import Loss

MOST_LAYERS = 4096  # bounds the memory for a file, in which a layer takes some hundred bytes
NORMS = ("batch", "layer", "rms")
Norm: TypeAlias = Literal["batch", "layer", "rms"]
# Number of columns, and width of their embedding, or 0 to pass them on unchanged.
Block: TypeAlias = tuple[int, int]


@suggest_keywords("Dense")
@dataclass(frozen=True, repr=False)
class Dense:
    """Fully connected layer: f(X W + b) for X (m, k), W (k, n), b (n,).

    Parameters
    ----------
    units : int
        Number of units n, at least 1.
    activation : str or Activation, optional
        Activation f: a name in the table of the page "Activations", such as "relu" or "gelu"; a name registered by
        :func:`register_activation`; or an :class:`Activation`. None means "identity". In the last layer, None means the
        link of the loss ("sigmoid" for "binary_cross_entropy", "softmax" for "softmax_cross_entropy"). A loss with a
        link accepts no other activation there. Losses of values without a link ("mse", "huber", "quantile", ...) accept
        every activation except "softmax"; they compare its outputs with y.
    bias : bool, default True
        Whether the layer has biases.
    init : str, Normal, Uniform, Constant, array (k, n), or pair of weights and biases, optional
        Initial weights. A str is one of "he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal",
        "lecun_uniform", "zeros" and "ones". None means "he_normal" for relu and similar activations, "lecun_normal" for
        selu, and "glorot_uniform" otherwise. Biases start at 0 unless `init` is a pair: of arrays (k, n) and (n,), or
        of an initialiser (or None) and the biases as a number, an array (n,), Normal, Uniform or Constant.
    dropout : float, default 0.0
        Probability, in [0, 1), with which an output is set to 0 in training. The other outputs are divided by
        1 - dropout.
    norm : {"batch", "layer", "rms"}, optional
        Normalisation of X W before bias and activation. "batch": over the rows of a batch in training, and by running
        statistics in prediction. "layer": over the units of each row. "rms": over the units of each row, without
        subtracting their mean. The layer then has a gain (n,) that starts at 1.
    residual : bool, default False
        Whether the input of the layer is added to its output. The layer must have as many units as inputs.
    trainable : bool, default True
        Whether training changes the weights of this layer.
    rate : float, default 1.0
        Factor of the learning rate for this layer, at least 0.
    blocks : tuple of (int, int), optional
        Number of columns and width of each block of an embedding layer. It is set by the parameters `embeddings` and
        `numeric_embeddings` of a network.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or value, or parameters contradict one another.

    See Also
    --------
    Network : Network of such layers.
    Activation : User-defined activation.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> layers = [cnn.Dense(64, "gelu", dropout=0.2), cnn.Dense(64, "relu", residual=True), cnn.Dense(10)]
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network(layers, input_scale=1 / 16, seed=0).fit(data.X_train, data.y_train, epochs=5)
    >>> net.summary()
    layer  inputs  units  activation  dropout  residual  parameters  FLOPs  bytes
        0      64     64        gelu      0.2                  4160   8192  16640
        1      64     64        relu                yes        4160   8192  16640
        2      64     10     softmax                            650   1280   2600
    total                                                      8970  17664  35880
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
            linear = not self.bias and self.activation in (None, "identity")
            if self.norm or not (linear or self.activation == "sine"):
                raise ValueError(
                    "A layer with blocks must be linear. Pass bias=False, and neither activation nor norm; or the"
                    " activation 'sine'."
                )
        init = initializers.resolve(self.init)
        if isinstance(init, initializers.Given) and init.weight.shape[1] != self.units:
            raise ValueError(
                f"init has {count(init.weight.shape[1], 'column')}; the layer has {count(self.units, 'unit')}."
            )
        if isinstance(init, (initializers.Given, initializers.WithBiases)) and init.bias is not None:
            self._check_initial_bias(init.bias)
        object.__setattr__(self, "init", init)

    def _check_initial_bias(self, bias: Any) -> None:
        if not self.bias:
            raise ValueError(
                "init has a bias; the layer has bias=False. Pass bias=True, or init without a bias."
            )
        if isinstance(bias, np.ndarray) and len(bias) != self.units:
            raise ValueError(
                f"The bias in init has {count(len(bias), 'number')}; the layer has {count(self.units, 'unit')}."
            )

    @property
    def rate_factor(self) -> float:
        """Factor of the learning rate for this layer; 0 if it is not trainable."""
        return self.rate if self.trainable else 0.0

    @property
    def is_merged(self) -> bool:
        """Whether prediction merges the layer into the next one: an embedding layer, which is linear."""
        return self.blocks is not None and self.activation in (None, "identity")

    def n_weights(self, n_inputs: int) -> int:
        """Return the number of weights that are not fixed, without biases."""
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
    """Check the parameter `layers` of a network, a non-empty sequence of Dense, and return it as a tuple."""
    if isinstance(layers, Dense) or not isinstance(layers, Sequence):
        raise TypeError(
            f"The 'layers' parameter of Network must be a list of layers. Got {layers!r} instead."
        )
    check_number(len(layers))
    for i, layer in enumerate(layers):
        if not isinstance(layer, Dense):
            raise TypeError(f"layers[{i}] must be a layer such as Dense(128, 'relu'). Got {layer!r} instead.")
    if not layers:
        raise ValueError("The 'layers' parameter of Network must contain at least one layer. Got none.")
    _check_blocks(layers)
    return tuple(layers)


def check_number(n_layers: int) -> None:
    """Raise a ValueError for a network with more layers than any can have."""
    if n_layers > MOST_LAYERS:
        raise ValueError(f"The network has {n_layers} layers; at most {MOST_LAYERS} are allowed.")


def _check_block_sizes(blocks: Any, units: int) -> tuple[Block, ...]:
    """Check the blocks of a layer, and return them as tuples; their widths must add up to its number of units."""
    pairs = isinstance(blocks, Sequence) and not isinstance(blocks, str)
    if not (pairs and all(isinstance(block, (tuple, list)) and len(block) == 2 for block in blocks)):
        raise TypeError(
            f"The 'blocks' parameter of Dense must be a list of pairs (columns, width). Got {blocks!r} instead."
        )
    checked = tuple(
        (checks.integer("Dense", "blocks", n, minimum=1), checks.integer("Dense", "blocks", width, minimum=0))
        for n, width in blocks
    )
    given = sum(width or n for n, width in checked)
    if given != units:
        raise ValueError(
            f"blocks have {count(given, 'column')} in total; the layer has {count(units, 'unit')}."
        )
    return checked


def _check_blocks(layers: Sequence[Dense]) -> None:
    """Check the options of layers that depend on their place: last layer, first layer, and residual layers."""
    for name in ("dropout", "norm", "residual", "blocks"):
        if getattr(layers[-1], name):
            raise ValueError(
                f"The last layer has {name}={getattr(layers[-1], name)!r}, which is allowed in hidden layers only."
            )
    for i, layer in enumerate(layers):
        if layer.blocks and i > 0:
            raise ValueError(f"layers[{i}] has blocks, which are allowed in the first layer only.")
        if layer.residual and i == 0:
            raise ValueError(
                "layers[0] is residual, which is not allowed in the first layer, because its input is X."
            )
        if layer.residual and layer.units != layers[i - 1].units:
            raise ValueError(
                f"layers[{i}] is residual and has {count(layer.units, 'unit')}; its input has {layers[i - 1].units}."
            )


def layer_activations(layers: Sequence[Dense], loss: Loss) -> list[str | Activation]:
    """Return the activation of each layer.

    That of the last layer is the link of the loss, or an activation that is a part of the network; see
    :attr:`Loss.takes_activation`.

    Raises
    ------
    ValueError
        If a hidden layer is softmax, or the activation of the last layer does not match the loss.
    """
    hidden: list[str | Activation] = [layer.activation or "identity" for layer in layers[:-1]]
    if "softmax" in hidden:
        raise ValueError(
            f"layers[{hidden.index('softmax')}] is softmax, which is allowed in the last layer only."
        )
    last = layers[-1].activation
    if last in (None, "identity", loss.link):
        return [*hidden, loss.link]
    if last == "softmax" and loss.takes_activation:
        raise ValueError(
            f"The last layer is softmax, which is the link of softmax_cross_entropy; the loss {loss.name} takes another"
            " activation, or none."
        )
    if last is None or not loss.takes_activation:
        raise ValueError(
            f"The last layer is {last}; the loss requires {loss.link}. Leave its activation out."
        )
    return [*hidden, last]


_MOST_WEIGHTS = 1 << 44  # the number of bytes of weights, gradients and moments then fits 64 bits


def draw_weights(layers: Sequence[Dense], rng: Generator, n_features: int) -> list[initializers.Pair]:
    """Draw the initial weights [(W, b or None), ...] of a network with `n_features` inputs, layer by layer."""
    pairs: list[initializers.Pair] = []
    n_inputs = n_features
    for i, layer in enumerate(layers):
        if n_inputs * layer.units > _MOST_WEIGHTS:
            raise ValueError(
                f"Layer {i} would have {n_inputs} x {layer.units} weights; a layer can have at most {_MOST_WEIGHTS}."
            )
        W, b = initializers.draw(cast("Init", layer.init), str(layer.activation), rng, n_inputs, layer.units)
        if layer.blocks is not None and not layer.is_merged:
            b = initializers.phases(layer.blocks)
        pairs.append((W, b))
        n_inputs = layer.units
    return pairs


def check_weights(
    layers: Sequence[Dense],
    weights: Any,
    dtype: str,
    names: tuple[str, str] = ("weights[{}][0]", "weights[{}][1]"),
) -> list[initializers.Pair]:
    """Check weights [(W (inputs, units), b (units,) or None), ...] given by a user, and return copies in `dtype`.

    `names` are the names of W and b in messages, in which the number of the layer replaces ``{}``.

    Raises
    ------
    TypeError, ValueError
        If their number or shapes do not match the layers, or they are not finite real numbers.
    """
    if not isinstance(weights, (list, tuple)):
        raise TypeError(f"weights must be a list of pairs (W, b). Got {type(weights).__name__} instead.")
    if len(weights) != len(layers):
        raise ValueError(
            f"weights has {count(len(weights), 'pair')}; the network has {count(len(layers), 'layer')}."
        )
    pairs: list[initializers.Pair] = []
    n_inputs = None  # the first layer may have any number of inputs
    for i, (layer, pair) in enumerate(zip(layers, weights, strict=True)):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise TypeError(
                f"weights[{i}] must be a pair (W, b), where b is None for a layer without biases."
                f" Got {type(pair).__name__} instead."
            )
        title, title_of_bias = (name.format(i) for name in names)
        W = arrays.weights(pair[0], title, dtype=dtype, ndim=2)
        expected = (n_inputs or max(1, len(W)), layer.units)
        if W.shape != expected:
            raise ValueError(f"{title} has shape {W.shape}; the layer needs {expected}.")
        pairs.append((W, _check_bias(layer, pair[1], title_of_bias, dtype)))
        n_inputs = layer.units
    return pairs


def _check_bias(layer: Dense, bias: Any, name: str, dtype: str) -> arrays.Array | None:
    if not layer.bias:
        if bias is not None:
            raise ValueError(f"{name} must be None, because the layer has bias=False.")
        return None
    b = arrays.weights(bias, name, dtype=dtype, ndim=1)
    if len(b) != layer.units:
        raise ValueError(f"{name} has {count(len(b), 'number')}; the layer has {count(layer.units, 'unit')}.")
    return b


def to_config(layer: Dense) -> dict[str, Any]:
    """Return `layer` as JSON values; parameters that the first file format did not have only if not the default."""
    config = {name: getattr(layer, name) for name in _ALWAYS}
    config["activation"] = activations.to_config(layer.activation)
    config["init"] = initializers.to_config(cast("Init", layer.init))
    later = {name: getattr(layer, name) for name in _DEFAULTS}
    return config | {name: value for name, value in later.items() if value != _DEFAULTS[name]}


def from_config(config: Any) -> Dense:
    """Return the layer from the JSON values that :func:`to_config` returned."""
    fields: dict[str, Any] = checks.fields("layer", config, _ALWAYS, _DEFAULTS)
    fields["activation"] = activations.from_config(fields["activation"])
    fields["init"] = initializers.from_config(fields["init"])
    return Dense(**fields)
