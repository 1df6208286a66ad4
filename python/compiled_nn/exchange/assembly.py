"""Assembly: operations of another library's network in their order, merged into layers that Dense can describe.

A reader calls one method for each operation. Factors and shifts of units are merged into the weights beside them, in
float64:

(a) before the first product, they are the standardisation of X, or the factor `input_scale`, if they can be;
(b) after a product and before its activation, they are merged into its W and b;
(c) after an activation, they are merged into the next product.

Where two activations or norms follow each other, a layer with the identity matrix comes between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..common import arithmetic
from ..data.arrays import Array
from ..preprocessing.standardization import Statistics
from ..spec.layers import Norm

EPSILON = 1e-5  # added to the variance by normalised layers of the core
_IDENTITIES = 1 << 22  # numbers in all identity matrices together, besides those of the weights: 32 MiB
_SLOPE = 0.01  # of leaky_relu


@dataclass(eq=False)
class PlainLayer:
    """Layer of the result.

    Attributes
    ----------
    weight : ndarray (k, n)
        W.
    bias : ndarray (n,) or None
        b, which follows the norm if there is one.
    activation : str
        Name of the activation.
    norm : {"batch", "layer", "rms"} or None
        Normalisation of X W.
    gain, mean, variance : ndarray (n,) or None
        Parameters of the norm; the last two for "batch".
    dropout : float
        Probability of dropout of the outputs.
    residual : bool
        Whether the input is added to the output.
    """

    weight: Array
    bias: Array | None = None
    activation: str = "identity"
    norm: Norm | None = None
    gain: Array | None = None
    mean: Array | None = None
    variance: Array | None = None
    dropout: float = 0.0
    residual: bool = False


@dataclass(frozen=True, eq=False)
class PlainNetwork:
    """Network of another library, in the terms of this one.

    Attributes
    ----------
    layers : list of PlainLayer
        Layers; the last one has neither norm nor dropout.
    link : {"softmax", "log_softmax"} or None
        Function of the outputs of the last layer, whose activation is then "identity"; None for no such function.
    statistics : Statistics or None
        Centre and scale of each column, by which X is standardised.
    input_scale : float
        Factor of X.
    input_dropout : float
        Probability of dropout of X.
    """

    layers: list[PlainLayer]
    link: Literal["softmax", "log_softmax"] | None
    statistics: Statistics | None
    input_scale: float
    input_dropout: float

    @property
    def n_inputs(self) -> int:
        """Number of columns of X."""
        return len(self.layers[0].weight)

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return len(self.layers[-1].weight[0])


@dataclass(eq=False)
class Assembly:
    """Network in the making.

    Attributes
    ----------
    width : int or None
        Number of units at the present end; None if it is not known yet.
    where : str
        Name of the present operation, for messages.
    """

    width: int | None = None
    where: str = "the network"
    _layers: list[PlainLayer] = field(default_factory=list)
    _open: bool = False  # whether the last layer has no activation yet
    _factor: Array | None = None  # of the outputs of the last layer, or of X, until the next product
    _shift: Array | None = None
    _link: Literal["softmax", "log_softmax"] | None = None
    _statistics: Statistics | None = None
    _scale: float = 1.0
    _input_dropout: float = 0.0
    _n_identities: int = 0  # numbers of identity matrices, and of the given weights
    _n_given: int = 0

    # ---- operations

    def linear(self, weight: Array, bias: Array | None = None) -> None:
        """Multiply by W (k, n), and add b (n,)."""
        self._check_end()
        W = _finite(weight, f"the weights of {self.where}")
        if W.ndim != 2 or 0 in W.shape:
            raise ValueError(f"The weights of {self.where} have shape {W.shape}; expected (inputs, units).")
        if self.width is not None and len(W) != self.width:
            raise ValueError(f"{self.where} takes {len(W)} inputs; what comes before it has {self.width}.")
        self.width, self._n_given = len(W), self._n_given + W.size
        shift = None
        if self._factor is not None or self._shift is not None:
            W, shift = self._with_pending(W)
        self._layers.append(PlainLayer(W))
        self.width, self._open = W.shape[1], True
        for each in (shift, bias):
            if each is not None:
                self.affine(None, each)

    def affine(self, factor: Any | None, shift: Any | None) -> None:
        """Multiply each unit by a factor, then add a shift to it: numbers, or one for each unit; None for neither."""
        self._check_end()
        factor = None if factor is None else self._per_unit(factor, "factors")
        shift = None if shift is None else self._per_unit(shift, "shifts")
        if not self._open:
            if factor is not None:
                self._factor = factor if self._factor is None else self._factor * factor
                self._shift = None if self._shift is None else self._shift * factor
            if shift is not None:
                self._shift = shift if self._shift is None else self._shift + shift
            return
        layer = self._layers[-1]
        n = layer.weight.shape[1]
        if factor is not None:
            if layer.norm is None:
                layer.weight = _finite(layer.weight * np.float64(1) * factor, f"the weights of {self.where}")
            else:
                layer.gain = layer.gain * factor
            layer.bias = None if layer.bias is None else layer.bias * factor
        if shift is not None:
            added = np.broadcast_to(shift, n)
            layer.bias = added.copy() if layer.bias is None else layer.bias + added

    def activation(self, name: str, *, bend: tuple[float, float] = (1.0, 0.0), out: float = 1.0) -> None:
        """Apply an activation: ``out * f(bend[0] * z + bend[1])``."""
        self._check_end()
        if bend != (1.0, 0.0):
            self.affine(bend[0], bend[1] or None)
        if name != "identity":
            if not self._open:
                self._identity()
            self._layers[-1].activation, self._open = name, False
        if out != 1:
            self.affine(out, None)

    def leaky_relu(self, slope: float) -> None:
        """Apply relu with a slope below 0; only that of the core, 0 and 1 can be expressed."""
        if slope == 1:
            return
        if slope and abs(slope - _SLOPE) > 1e-9:
            raise ValueError(
                f"{self.where} is a leaky relu with the slope {slope:g}; that of 'leaky_relu' is {_SLOPE}. Train the"
                f" network with a slope of {_SLOPE}, or register the function with compiled_nn.register_activation and"
                " copy the weights with set_weights."
            )
        self.activation("leaky_relu" if slope else "relu")

    def clip(self, low: float, high: float) -> None:
        """Clip to [low, high], where `high` can be infinite if `low` is 0."""
        if low == 0 and high == np.inf:
            self.activation("relu")
        elif low == 0 and high == 6:
            self.activation("relu6")
        elif np.isfinite((low, high)).all() and low < high:
            half, middle = (high - low) / 2, (high + low) / 2
            self.activation("hard_tanh", bend=(1 / half, -middle / half), out=half)
            if middle:
                self.affine(None, middle)
        else:
            raise ValueError(
                f"{self.where} clips to [{low:g}, {high:g}], which is neither a finite range nor relu. Remove it, or"
                " clip the predictions."
            )

    def end(self, link: Literal["softmax", "log_softmax"]) -> None:
        """Apply softmax, or its logarithm, to the outputs; nothing can follow."""
        self._check_end()
        if not self._open:
            self._identity()
        self._link = link

    def batch_norm(
        self, gain: Any | None, shift: Any | None, mean: Array, variance: Array, epsilon: float
    ) -> None:
        """Normalise each unit by its running statistics."""
        mean = self._per_unit(mean, "running means")
        variance = self._per_unit(variance, "running variances") + epsilon
        if not (np.asarray(variance) > 0).all():
            raise ValueError(f"A running variance of {self.where} is not above 0.")
        gain = 1.0 if gain is None else self._per_unit(gain, "gains")
        shift = None if shift is None else self._per_unit(shift, "shifts")
        layer = self._layers[-1] if self._open else None
        self._check_end()
        if layer is None or layer.norm is not None or (variance <= EPSILON).any():
            factor = gain / np.sqrt(variance)
            self.affine(factor, -mean * factor)
            if shift is not None:
                self.affine(None, shift)
            return
        n = layer.weight.shape[1]
        before = 0.0 if layer.bias is None else layer.bias
        layer.norm, layer.gain = "batch", np.broadcast_to(gain, n).astype(np.float64)
        layer.mean = np.broadcast_to(mean - before, n).astype(np.float64)
        layer.variance = np.broadcast_to(variance - EPSILON, n).astype(np.float64)
        layer.bias = None if shift is None else np.broadcast_to(shift, n).astype(np.float64)

    def row_norm(
        self, norm: Literal["layer", "rms"], gain: Any | None, shift: Any | None, epsilon: float
    ) -> None:
        """Normalise over the units of each row: "layer" subtracts their mean, "rms" does not."""
        if not epsilon > 0:
            raise ValueError(f"{self.where} has epsilon {epsilon:g}; it must be above 0.")
        bias = self._layers[-1].bias if self._open else None
        has_norm = self._open and self._layers[-1].norm is not None
        neutral = bias is None or not (bias - (bias[0] if norm == "layer" else 0)).any()
        if not self._open or has_norm or not neutral:
            self._identity()
        layer = self._layers[-1]
        n = layer.weight.shape[1]
        # With W times c, (c u)^2 + 1e-5 is c^2 (u^2 + epsilon) for c^2 = 1e-5 / epsilon.
        if epsilon != EPSILON:
            layer.weight = layer.weight * np.sqrt(EPSILON / epsilon)
        gain = 1.0 if gain is None else self._per_unit(gain, "gains")
        layer.norm, layer.bias = norm, None
        layer.gain = np.broadcast_to(gain, n).astype(np.float64)
        if shift is not None:
            layer.bias = np.broadcast_to(self._per_unit(shift, "shifts"), n).astype(np.float64)

    def dropout(self, p: float) -> None:
        """Record dropout of the present units, which has no effect on predictions."""
        if not 0 <= p < 1:
            raise ValueError(
                f"{self.where} drops out with the probability {p:g}; it must be at least 0 and below 1."
            )
        if self._layers:
            self._layers[-1].dropout = _either(self._layers[-1].dropout, p)
        else:
            self._input_dropout = _either(self._input_dropout, p)

    def residual(self, operations: Callable[[], None]) -> None:
        """Add the present units to the result of some operations, which must be one layer."""
        before = len(self._layers)
        if self._open:
            self._identity()
        if not self._layers or self._factor is not None or self._shift is not None:
            raise ValueError(f"{self.where} adds X itself, or scaled units; a residual layer adds its input.")
        before = len(self._layers)
        operations()
        layer = self._layers[-1]
        if len(self._layers) != before + 1 or layer.weight.shape[0] != layer.weight.shape[1]:
            raise ValueError(f"{self.where} must contain one layer with as many units as inputs.")
        layer.residual, self._open = True, False

    # ---- the result

    def finish(self) -> PlainNetwork:
        """Return the network."""
        if not self._layers:
            raise ValueError(
                f"{self.where} contains no product with weights: it is not a network of dense layers."
            )
        last = self._layers[-1]
        if self._factor is not None or self._shift is not None or last.residual:
            self._identity()
        elif last.norm == "batch":
            _fold(last)
        elif last.norm is not None:
            self._identity()
        self._layers[-1].dropout = 0.0
        return PlainNetwork(self._layers, self._link, self._statistics, self._scale, self._input_dropout)

    # ---- parts

    def _identity(self) -> None:
        """Append a layer with the identity matrix."""
        if self.width is None:
            raise ValueError(
                f"{self.where} is applied to X, whose number of columns is not known. Put a layer with weights first."
            )
        self._n_identities += self.width**2
        if self._n_identities > _IDENTITIES + self._n_given:
            raise ValueError(
                f"{self.where} is applied to {self.width} units that do not come directly from a product with weights."
                " The layers with identity matrices that express this would be larger than the network."
            )
        self._open = False
        self._n_given -= self.width**2
        self.linear(np.eye(self.width))

    def _with_pending(self, W: Array) -> tuple[Array, Array | None]:
        """Return W and a shift that include the pending factors and shifts, unless X is standardised by them."""
        factor, shift = self._factor, self._shift
        self._factor = self._shift = None
        if not self._layers and self._statistics is None and self._scale == 1:
            if factor is not None and factor.ndim == 0 and factor > 0 and shift is None:
                self._scale = float(factor)
                return W, None
            wide = np.broadcast_to(1.0 if factor is None else factor, len(W))
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                mean = -np.broadcast_to(0.0 if shift is None else shift, len(W)) / wide
                statistics = Statistics(mean + 0.0, 1 / wide)
            if (wide > 0).all() and np.isfinite(statistics).all():
                self._statistics = statistics
                return W, None
        exact = W.astype(np.float64)
        b = (
            None
            if shift is None
            else arithmetic.weighted_sums(np.broadcast_to(shift, len(W)).astype(np.float64), exact)
        )
        if factor is not None:
            exact = np.broadcast_to(factor, len(W))[:, np.newaxis] * exact
        return _finite(exact, f"the weights of {self.where}"), b

    def _per_unit(self, numbers: Any, what: str) -> Array:
        """Return numbers as a float64 scalar, or as an array with one for each unit."""
        with np.errstate(invalid="ignore"):  # a signalling NaN
            exact = np.asarray(numbers, np.float64)
        array = _finite(exact, f"the {what} of {self.where}")
        if array.size == 1:
            return array.reshape(())
        flat = array.reshape(-1)
        if flat.size != max(array.shape):
            raise ValueError(
                f"The {what} of {self.where} have shape {array.shape}; expected one for each unit."
            )
        if self.width is None:
            self.width = flat.size
        if flat.size != self.width:
            raise ValueError(f"{self.where} has {flat.size} {what}; there are {self.width} units.")
        return flat

    def _check_end(self) -> None:
        if self._link is not None:
            raise ValueError(
                f"{self.where} follows a softmax; a softmax is allowed after the last layer only. End the network with"
                " the softmax."
            )


def _fold(layer: PlainLayer) -> None:
    """Include batch normalisation in W and b."""
    assert layer.gain is not None
    assert layer.mean is not None
    assert layer.variance is not None
    factor = layer.gain / np.sqrt(layer.variance + EPSILON)
    layer.weight = layer.weight * factor
    layer.bias = (0.0 if layer.bias is None else layer.bias) - layer.mean * factor
    layer.norm = layer.gain = layer.mean = layer.variance = None


def _either(p: float, q: float) -> float:
    """Return the probability that one of two independent events occurs."""
    return p + q - p * q


def _finite(numbers: Array, what: str) -> Array:
    if not np.isfinite(numbers).all():
        raise ValueError(
            f"{what[:1].upper()}{what[1:]} contain NaN, an infinity, or a number that is too large."
        )
    return numbers
