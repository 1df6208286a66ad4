"""Description of a predictor as plain arrays: what every exporter reads.

It holds everything that a predictor computes, in the order in which it is computed. For m rows of X:

(a) `columns`: without an encoder (None), the rows are numbers (m, n_columns). With an encoder, each column of the table
    becomes numbers: first those of numbers and the parts of dates, in the order of the columns; then the indicators of
    missing numbers and dates; then one column for each category. :class:`preprocessing.Tabular` describes the details.
(b) z = (x - mean) / deviation for all columns if the network has a `mean`, otherwise z = x * scale. Networks that are
    combined differ in this only where nothing is clipped and there are no bins.
(c) `bins`: the positions min(max((z[column] - lower) * factor, low), high) of the bins of some columns, from z before
    the clip. They follow the columns as further inputs of the first layer.
(d) The first `n_clipped` columns are clipped smoothly: z / sqrt(1 + (z / 3)^2).
(e) Each of the `networks`: for every layer u = a W, u = gain * normalised(u) if it has a norm, u = u + b, a' = f(u),
    and a' + a if it is residual. "layer" is (u - mean(u)) / sqrt(var(u) + 1e-5), "rms" u / sqrt(mean(u^2) + 1e-5), both
    over the units of a row. The last u are the *logits*; f of the last layer is the `link`.
(f) The outputs of several networks are combined by their `weights`: by the mean of their outputs after the link, in the
    form that ``loss.to_mean`` and ``loss.from_mean`` describe. For classes that are not ordered, the logits are then
    the logarithms of the mean probabilities (of their odds for a sigmoid), divided by the `temperature`, and the
    probabilities the link of these logits. The temperature of a single network is already in its weights.
(g) Values are outputs * factor + shift, in units of y, and then ``loss.values`` of them; for classes
    ``loss.probabilities`` and ``loss.class_indices``.

The weights are those of the folded layers: batch normalisation, embeddings, temperatures, and in most cases the
standardisation, are parts of W and b.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

import numpy as np

from ..artefact.mean_layers import MeanLayers
from ..artefact.seen import DEVIATION, MEAN
from ..data.arrays import Array
from ..losses import LOSSES, CustomLoss, Loss
from ..preprocessing.columns import Numeric
from ..preprocessing.dates import Date

if TYPE_CHECKING:
    from cnn_core.layers import Layers

    from ..artefact.inputs import Inputs
    from ..artefact.narrowing import Ranges
    from ..artefact.predictor import Predictor
    from ..preprocessing.columns import Column

Kind: TypeAlias = Literal["classes", "indicator", "values"]
EPSILON = 1e-5  # added to the variance of normalised layers
LIMIT = 3.0  # of the smooth clip


class QuantizedWeights(NamedTuple):
    """Numbers by which a layer computes a W with int8.

    The inputs are q = min(max(round(a * factor + shift), 0), 255), and a W is scale * (q weight) + bias.

    Attributes
    ----------
    weight : ndarray (k, n) of int8
        Whole numbers from -127 to 127.
    scale : ndarray (n,) of float32
        Scale of each unit.
    bias : ndarray (n,) of float32
        Sum that cancels the shifts in a W, and b of a layer without a norm.
    factor, shift : ndarray (k,) or (1,) of float32
        Numbers of each input, or of all of them.
    """

    weight: Array
    scale: Array
    bias: Array
    factor: Array
    shift: Array

    def with_zero(self) -> QuantizedWeights:
        """Return the numbers of a layer with one more unit before the others, whose output is 0."""
        weight = np.concatenate([np.zeros((len(self.weight), 1), np.int8), self.weight], axis=1)
        scale, bias = (np.concatenate([np.zeros(1, each.dtype), each]) for each in (self.scale, self.bias))
        return self._replace(weight=weight, scale=scale, bias=bias)

    def in_units(self, factor: Array, shift: Array) -> QuantizedWeights:
        """Return the numbers of a layer whose outputs are multiplied by `factor`, and increased by `shift`."""
        scale, bias = self.scale * factor, self.bias * factor + shift
        return self._replace(scale=scale.astype(np.float32), bias=bias.astype(np.float32))


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """Layer of a network.

    Attributes
    ----------
    weight : ndarray (k, n)
        W, in the dtype of the network.
    bias : ndarray (n,) or None
        b.
    activation : str
        Name of the activation; that of the last layer is the link.
    norm : {"layer", "rms"} or None
        Normalisation of a W; batch normalisation is part of W and b.
    gain : ndarray (n,) or None
        Factors after the normalisation; None without one.
    residual : bool
        Whether the input of the layer is added to its output.
    quantized : QuantizedWeights or None
        Numbers of a W, for a model that predicts with int8.
    """

    weight: Array
    bias: Array | None
    activation: str
    norm: Literal["layer", "rms"] | None = None
    gain: Array | None = None
    residual: bool = False
    quantized: QuantizedWeights | None = None


@dataclass(frozen=True, eq=False)
class Chain:
    """One network.

    Attributes
    ----------
    layers : tuple of DenseLayer
        Layers, in order.
    mean, deviation : ndarray (n_columns,) of float64, or None
        Centre and scale of each column after encoding; None if they are in the weights, or X is not standardised.
    """

    layers: tuple[DenseLayer, ...]
    mean: Array | None
    deviation: Array | None


@dataclass(frozen=True, eq=False)
class Positions:
    """Bins of columns of numbers, all of float64 or int64; their order is that of the inputs of the first layer.

    Attributes
    ----------
    sources : ndarray (n_bins,) of int64
        Column of each bin.
    lower, factor, low, high : ndarray (n_bins,)
        Numbers of the formula of the module.
    """

    sources: Array
    lower: Array
    factor: Array
    low: Array
    high: Array


@dataclass(frozen=True, eq=False)
class Description:
    """Everything that a predictor computes; see the module.

    Attributes
    ----------
    dtype : {"float32", "float64"}
        Dtype of the weights and of the arithmetic.
    titles : tuple of str
        Names of the columns of X, before encoding; "x0", "x1", ... without names.
    named : bool
        Whether X had names, so that rows can be dicts and tables by name.
    columns : tuple of Numeric, Categorical, Date or LeftOut, or None
        Fitted encoder of each column of X; None if X has numbers only, none of them missing.
    shape : tuple of int, or None
        Shape of one image, whose numbers in C order are the columns; None for other rows.
    n_columns : int
        Number of columns after encoding.
    scale : float
        Factor of X; without an effect on networks that have a mean.
    n_clipped : int
        Number of columns that are clipped: the first ones.
    bins : Positions or None
        Bins of the piecewise-linear encoding.
    networks : tuple of Chain
        Networks, with equal numbers of inputs and outputs.
    weights : tuple of float
        Weight of each network in the mean; their sum is 1.
    temperature : float
        Number by which the logits of the mean are divided; 1 for one network.
    loss : Loss
        Loss, which describes what the outputs mean.
    link : str
        Activation of the outputs.
    factor, shift : ndarray (n_outputs,) of float64, or None
        Numbers that convert outputs to units of y; None for classes and for values that are not scaled.
    values_dtype : {"float32", "float64"}
        Dtype of predicted values.
    kind : {"classes", "indicator", "values"}
        Meaning of the outputs: one label per row, several 0/1 labels per row, or values.
    classes : ndarray (n_classes,) or None
        Labels in the order of the probabilities; None for values. A single label, that of a tabular estimator whose y
        had one class only, is certain.
    centre, spread : ndarray (n_columns,) of float64
        Where the numbers of X were in training, after encoding, as far as it is known; only for probe rows.
    ranges : tuple of Ranges
        Ranges of the inputs of the layers of each network, for a model that predicts with int8; otherwise empty.
    """

    dtype: str
    titles: tuple[str, ...]
    named: bool
    columns: tuple[Column, ...] | None
    shape: tuple[int, ...] | None
    n_columns: int
    scale: float
    n_clipped: int
    bins: Positions | None
    networks: tuple[Chain, ...]
    weights: tuple[float, ...]
    temperature: float
    loss: Loss
    link: str
    factor: Array | None
    shift: Array | None
    values_dtype: str
    kind: Kind
    classes: Array | None
    centre: Array
    spread: Array
    ranges: tuple[Ranges, ...] = ()

    @property
    def n_outputs(self) -> int:
        """Number of units of the last layer."""
        return len(self.networks[0].layers[-1].weight[0])

    @property
    def is_certain(self) -> bool:
        """Whether each row has the same label with the probability 1."""
        return self.classes is not None and len(self.classes) == 1

    @property
    def n_features(self) -> int:
        """Number of columns of X, before encoding."""
        return len(self.titles)


def describe(predictor: Predictor, statistics: tuple[Array, Array] | None = None) -> Description:
    """Return the description of a predictor.

    Parameters
    ----------
    predictor : Predictor
        Predictor of a network or an ensemble.
    statistics : tuple of ndarray, optional
        Centre and scale of each column in training, for probe rows. Default: those of the layers, if they have some.

    Raises
    ------
    ValueError
        If the model has a part that only Python can compute.
    """
    inputs, outputs = predictor.inputs, predictor.outputs
    layers: Layers | MeanLayers = predictor.layers
    _check_loss(outputs.loss)
    members: tuple[Layers, ...]
    weights: tuple[float, ...]
    if isinstance(layers, MeanLayers):
        members, weights, temperature = layers.layers, layers.weights, layers.temperature
    else:
        members, weights, temperature = (layers,), (1.0,), 1.0
    first = members[0]
    centre, spread = statistics or layers.statistics or _reached(inputs)
    factor = shift = None
    if not outputs.loss.classifies and outputs.scaling is not None:
        factor, shift = (np.array(numbers, np.float64) for numbers in outputs.loss.in_units(*outputs.scaling))
    targets, classes = outputs.targets, outputs.targets.classes
    if targets.kind == "classes" and classes is not None and len(set(classes.tolist())) == 1:
        classes = classes[:1]  # two equal ones in the network of an estimator that was fitted on one class
    return Description(
        dtype=inputs.dtype,
        titles=inputs.titles,
        named=(inputs.names or inputs.labels) is not None,
        columns=None if inputs.encoder is None else inputs.encoder.columns_,
        shape=inputs.shape,
        n_columns=inputs.n_columns,
        scale=inputs.scale,
        n_clipped=layers.clipped,
        bins=_positions(first.encoding),
        networks=tuple(map(_chain, members)),
        weights=weights,
        temperature=temperature,
        loss=outputs.loss,
        link=str(first.activations[-1]),
        factor=factor,
        shift=shift,
        values_dtype=outputs.dtype or inputs.dtype,
        kind=cast("Kind", targets.kind),
        classes=classes,
        centre=centre,
        spread=spread,
        ranges=predictor.ranges,
    )


def _reached(inputs: Inputs) -> tuple[Array, Array]:
    """Return centre and spread of the numbers of X in training, as far as they are known, if X is not standardised."""
    centre, spread = np.zeros(inputs.n_columns), np.full(inputs.n_columns, 1 / abs(inputs.scale or 1))
    n, summary = inputs.n_numeric, None if inputs.seen is None else inputs.seen.summary
    if summary is not None and summary.numbers.shape[1] in (
        1,
        n,
    ):  # one column for all of them, or one for each
        mean, deviation = summary.numbers[MEAN], summary.numbers[DEVIATION]
        known = np.isfinite(mean) & (deviation > 0)
        centre[:n], spread[:n] = np.where(known, mean, centre[:n]), np.where(known, deviation, spread[:n])
        return centre, spread
    columns = () if inputs.encoder is None else inputs.encoder.columns_
    means = [
        mean
        for column in columns
        for mean in (
            column.means if isinstance(column, Date) else [column.mean] if isinstance(column, Numeric) else []
        )
    ]
    centre[: len(means)] = means
    return centre, np.maximum(spread, np.abs(centre))


def _check_loss(loss: Loss) -> None:
    """Raise ValueError for a class of losses of the user, whose methods only Python can compute."""
    if type(loss) is not CustomLoss and type(loss) not in map(type, LOSSES.values()):
        raise ValueError(
            f"The loss {loss.name!r} is of the class {type(loss).__name__}, whose methods only Python can compute;"
            " other formats have the losses of compiled_nn.losses. Use pickle."
        )


def _chain(layers: Layers) -> Chain:
    """Return one network, with copies of its numbers."""
    mean, deviation = layers.statistics or (None, None)
    found = []
    parts = zip(
        layers.views(), layers.activations, layers.norms, layers.gains(), layers.residuals, strict=True
    )
    for i, ((W, b), activation, norm, gain, residual) in enumerate(parts):
        if not isinstance(activation, str):
            raise ValueError(
                f"The activation of layer {i} is user-defined, a Python function that other formats cannot express."
                " Use pickle, or a built-in activation."
            )
        found.append(
            DenseLayer(
                np.array(W, order="C"),
                None if b is None else np.array(b),
                activation,
                norm,  # type: ignore[arg-type]
                None if norm is None or gain is None else np.array(gain),
                residual,
                _quantized(W, b if norm is None else None, layers.ranges, i),
            )
        )
    return Chain(tuple(found), mean, deviation)


def _quantized(W: Array, b: Array | None, ranges: Any, layer: int) -> QuantizedWeights | None:
    """Return the numbers of a layer with int8; None without ranges of its inputs."""
    if ranges is None:
        return None
    from cnn_core.quantization import quantized  # imported here because most models are not quantised

    low, high = ranges
    return QuantizedWeights(*quantized(W, b, low[layer], high[layer], layer == 0))


def _positions(encoding: tuple[Any, ...] | None) -> Positions | None:
    """Return the bins of ``Layers.encoding``."""
    if encoding is None:
        return None
    columns, counts, *numbers = encoding
    sources = np.repeat(np.asarray(columns, np.int64), counts)
    return Positions(sources, *(np.array(each, np.float64) for each in numbers))
