"""Summary of the layers of a network: sizes, numbers of parameters, operations per row and bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..common.text import html_table
from .layers import Dense

_ALWAYS = ("layer", "inputs", "units", "activation", "parameters", "FLOPs", "bytes")
_TEXT = ("activation", "norm", "dropout", "residual", "trainable")  # columns without a total
_COLUMNS = ("layer", "inputs", "units", *_TEXT, "parameters", "FLOPs", "bytes")


@dataclass(frozen=True)
class LayerSummary:
    """Sizes of a layer; None where they are unknown before fit.

    Attributes
    ----------
    inputs, units : int or None
        Number of inputs and of units.
    activation : str or None
        Name of the activation.
    norm : str or None
        Normalisation.
    dropout : float
        Probability with which an output is set to 0 in training.
    residual : bool
        Whether the input is added to the output.
    trainable : bool
        Whether training changes the layer.
    parameters : int or None
        Number of weights, biases and gains; of an embedding layer, that of the numbers in its vectors.
    flops : int or None
        Number of additions and multiplications per predicted row: two per weight. Biases, activations and normalisation
        are not counted.
    bytes : int or None
        Size of the parameters and of the running statistics in memory.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.xor()
    >>> net = cnn.Network([cnn.Dense(8, "relu"), cnn.Dense(2)], seed=0).fit(data.X_train, data.y_train, epochs=1)
    >>> layer = net.summary().layers[0]
    >>> layer.inputs, layer.units, layer.parameters  # 2 * 8 weights and 8 biases
    (2, 8, 24)
    """

    inputs: int | None
    units: int | None
    activation: str | None
    norm: str | None
    dropout: float
    residual: bool
    trainable: bool
    parameters: int | None
    flops: int | None
    bytes: int | None

    def cells(self, index: int) -> dict[str, str]:
        """Return the text of the row of a table, by column."""
        return {
            "layer": str(index),
            "inputs": _cell(self.inputs),
            "units": _cell(self.units),
            "activation": "?" if self.activation is None else self.activation,
            "norm": self.norm or "",
            "dropout": f"{self.dropout:g}" if self.dropout else "",
            "residual": "yes" if self.residual else "",
            "trainable": "yes" if self.trainable else "no",
            "parameters": _cell(self.parameters),
            "FLOPs": _cell(self.flops),
            "bytes": _cell(self.bytes),
        }


class Summary:
    """Table of the layers of a network, which prints as text and which notebooks show as a table.

    Parameters
    ----------
    layers : sequence of LayerSummary
        Layers, from the first hidden layer to the output.
    precision : {"float32", "bfloat16", "int8"}, default "float32"
        Precision of the products of predictions.

    Attributes
    ----------
    layers : tuple of LayerSummary
        Layers, from the first hidden layer to the output.
    n_parameters, n_trainable, flops, bytes : int or None
        Totals of the layers; None where a layer is unknown. `n_trainable` is the number of parameters of the layers
        that training changes.
    precision : str
        Precision of the products of predictions, which the table has if it is narrow.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.Network([cnn.Dense(100, "relu"), cnn.Dense(10)], seed=0).fit(data.X_train, data.y_train, epochs=1)
    >>> summary = net.summary()
    >>> summary
    layer  inputs  units  activation  parameters  FLOPs  bytes
        0      64    100        relu        6500  12800  26000
        1     100     10     softmax        1010   2000   4040
    total                                   7510  14800  30040
    >>> summary.n_parameters, summary.layers[0].flops
    (7510, 12800)
    """

    def __init__(self, layers: Sequence[LayerSummary], precision: str = "float32") -> None:
        self.layers, self.precision = tuple(layers), precision
        self.n_parameters = _total([layer.parameters for layer in layers])
        self.n_trainable = _total([layer.parameters for layer in layers if layer.trainable])
        self.flops = _total([layer.flops for layer in layers])
        self.bytes = _total([layer.bytes for layer in layers])

    def rows(self) -> list[list[str]]:
        """Return the header, one row per layer, and the rows of totals, as text; unknown numbers are "?"."""
        cells = [layer.cells(i) for i, layer in enumerate(self.layers)]
        used = [name for name in _COLUMNS if name in _ALWAYS or _differs(name, cells)]
        totals = {
            "layer": "total",
            "parameters": _cell(self.n_parameters),
            "FLOPs": _cell(self.flops),
            "bytes": _cell(self.bytes),
        }
        last = [totals]
        if "trainable" in used:
            last.append({"layer": "trainable", "parameters": _cell(self.n_trainable)})
        if self.precision != "float32":
            last.append({"layer": "products", "FLOPs": self.precision})
        return [used, *([row.get(name, "") for name in used] for row in [*cells, *last])]

    def __str__(self) -> str:
        lines = self.rows()
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(str.rjust, row, widths)).rstrip() for row in lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self.rows())


def summarize(
    layers: Sequence[Dense],
    activations: Sequence[str | None],
    n_features: int | None,
    dtype: str,
    *,
    biases: Sequence[bool] | None = None,
    n_outputs_known: bool = True,
    precision: str = "float32",
) -> Summary:
    """Return the summary of layers.

    Parameters
    ----------
    layers : sequence of Dense
        Layers, from the first hidden layer to the output.
    activations : sequence of str or None
        Name of the activation of each layer; None if it is unknown.
    n_features : int or None
        Number of columns that the first layer takes; None if it is unknown.
    dtype : str
        Dtype of the weights.
    biases : sequence of bool, optional
        Whether each layer has biases. Default: the attribute of the layers.
    n_outputs_known : bool, default True
        Whether the number of units of the last layer is known.
    precision : {"float32", "bfloat16", "int8"}, default "float32"
        Precision of the products of predictions.
    """
    size = np.dtype(dtype).itemsize
    known = biases or [layer.bias for layer in layers]
    found: list[LayerSummary] = []
    n_inputs = n_features
    for i, (layer, activation, bias) in enumerate(zip(layers, activations, known, strict=True)):
        units = layer.units if n_outputs_known or i < len(layers) - 1 else None
        parameters = flops = n_bytes = None
        if n_inputs is not None and units is not None:
            weights = layer.n_weights(n_inputs)
            parameters = weights + (bias + (layer.norm is not None)) * units
            flops = 2 * weights
            n_bytes = size * (parameters + 2 * units * (layer.norm == "batch"))
        found.append(
            LayerSummary(
                n_inputs,
                units,
                activation,
                layer.norm,
                layer.dropout,
                layer.residual,
                layer.rate_factor > 0,
                parameters,
                flops,
                n_bytes,
            )
        )
        n_inputs = units
    return Summary(found, precision)


def _differs(name: str, cells: Sequence[dict[str, str]]) -> bool:
    """Return whether a column has an entry other than the default in any row."""
    return any(row[name] != ("yes" if name == "trainable" else "") for row in cells)


def _total(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _cell(number: int | None) -> str:
    return "?" if number is None else str(number)
