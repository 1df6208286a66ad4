"""Layers of several networks whose outputs are averaged, in place of the layers of one network in a predictor.

The mean is that of the outputs after the link: probabilities of classes, or values. The outputs before the link are
those whose link is this mean: for classes, logarithms of the mean probabilities (one sigmoid output: its logit). They
are computed from logarithms, so that they are finite where a probability rounds to 0. All sums are in float64, in the
order of the networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import arithmetic
from ..common.immutable import Immutable
from ..data.arrays import Array
from ..losses.base import Loss
from .folding import mean_of

if TYPE_CHECKING:
    from cnn_core.layers import Layers, MeanOfLayers, Units

    from ..data.samples import Samples

_LOGITS, _LINKED, _BOTH = range(3)  # kinds of output of Layers.try_forward
_Forward = Callable[["Layers", int], "Array | None"]


class MeanLayers(Immutable):
    """Folded layers of several networks with equal inputs and outputs, whose weighted mean is the output.

    Parameters
    ----------
    layers : sequence of cnn_core.layers.Layers
        Layers of each network, at least one.
    weights : sequence of float
        Weight of each network, above 0; their sum is 1.
    loss : Loss
        Loss of the networks.
    temperature : float, default 1.0
        Number by which the outputs before the link are divided, for classes.

    Attributes
    ----------
    together : cnn_core.layers.MeanOfLayers or None
        The same networks, whose mean the core computes; None if the loss needs another form of the outputs, or the
        networks have user-defined activations.
    """

    layers: tuple[Layers, ...]
    weights: tuple[float, ...]
    loss: Loss
    temperature: float
    together: MeanOfLayers | None

    def __init__(
        self, layers: Sequence[Layers], weights: Sequence[float], loss: Loss, temperature: float = 1.0
    ) -> None:
        kind = type(loss)
        is_linear = (kind.to_mean, kind.from_mean, kind.arranged) == (
            Loss.to_mean,
            Loss.from_mean,
            Loss.arranged,
        )
        self._set(
            layers=tuple(layers),
            weights=tuple(map(float, weights)),
            loss=loss,
            temperature=temperature,
            together=mean_of(layers, weights) if is_linear else None,
        )

    # ---- what a predictor reads from layers

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of inputs and of outputs; no hidden layer is common to the networks."""
        return self.layers[0].sizes[0], self.layers[0].sizes[-1]

    @property
    def activations(self) -> tuple[Any, ...]:
        """Activation of the outputs."""
        return self.layers[0].activations[-1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the networks."""
        return self.layers[0].dtype

    @property
    def parameters(self) -> Array:
        """Copies of all weights and biases, one network after the other."""
        return np.concatenate([layers.parameters for layers in self.layers])

    @property
    def statistics(self) -> tuple[Array, Array] | None:
        """Centre and scale of the columns, if a network scales them."""
        return next((each.statistics for each in self.layers if each.statistics is not None), None)

    @property
    def clipped(self) -> int:
        """Number of columns that are clipped."""
        return max(each.clipped for each in self.layers)

    def forward(
        self,
        X: Samples,
        *,
        link: bool = True,
        scale: float = 1.0,
        n_threads: int | None = None,
    ) -> Array:
        """Return the outputs (m, n) for rows converted for the core; they may have numbers that are not finite."""

        def outputs(layers: Layers, kind: int) -> Array:
            return layers.forward(X, link=kind != _LOGITS, scale=scale, n_threads=n_threads)

        with np.errstate(all="ignore"):
            found = self._mean(outputs, _LINKED if link else _LOGITS)
        assert found is not None
        return found.astype(self.dtype)

    def try_forward(
        self,
        X: Any,
        out: Array | None,
        output: int,
        scale: float,
        n_threads: int | None,
        units: Units | None = None,
        /,
    ) -> Array | None:
        """Return the outputs (m, n), written to `out` if it is given; arguments as for ``Layers.try_forward``.

        None is returned if a network cannot read X as it is, or has an output that is not finite.
        """
        if self.together is None or (output == _LOGITS and self.activations[-1] == "exp"):
            return self._by_network(X, out, output, scale, n_threads, units)
        if self.temperature == 1 and not (output == _LOGITS and self.loss.classifies):
            return self.together.try_forward(X, out, output, scale, n_threads, units)
        found = self.together.try_logits(X, out, output, scale, n_threads)
        if found is None:
            return None
        result, logits = found
        with np.errstate(over="ignore", under="ignore"):
            result[...] = self._linked(logits / self.temperature, output)
        return result if np.isfinite(result).all() else None

    def _by_network(
        self,
        X: Any,
        out: Array | None,
        output: int,
        scale: float,
        n_threads: int | None,
        units: Units | None,
    ) -> Array | None:
        """Return the outputs from those of one network after the other: for means that the core does not compute."""
        # The first call checks `out`; the others have new arrays of the same dtype.
        first = self.layers[0].try_forward(X, out, output, scale, n_threads, units)
        if first is None:
            return None
        dtype, shape = first.dtype, first.shape

        def outputs(layers: Layers, kind: int) -> Array | None:
            if layers is self.layers[0] and kind == output:
                return first
            if units is None:
                return layers.try_forward(X, None, kind, scale, n_threads)
            return layers.try_forward(X, np.empty(shape, dtype), kind, scale, n_threads, units)

        with np.errstate(over="ignore", under="ignore"):
            found = self._mean(outputs, output)
            if found is None:
                return None
            result = first if out is None else out
            result[...] = found
        return result if np.isfinite(result).all() else None

    # ---- means

    def _mean(self, outputs: _Forward, output: int) -> Array | None:
        """Return the mean of one kind of output, from a function of a network and a kind of output."""
        loss = self.loss
        if loss.classifies and not loss.ordered and (output == _LOGITS or self.temperature != 1):
            logits = self._class_logits(outputs)
            return None if logits is None else self._linked(logits, output)
        if output == _LOGITS and self.activations[-1] == "exp":
            linked = self._linear(outputs, _LINKED)
            return None if linked is None else arithmetic.log(np.maximum(linked, np.finfo(self.dtype).tiny))
        return self._linear(outputs, output)

    def _linear(self, outputs: _Forward, output: int) -> Array | None:
        """Return the weighted mean of outputs, in the form of the loss."""
        first = total = None
        for layers, weight in zip(self.layers, self.weights, strict=True):
            found = outputs(layers, output)
            if found is None:
                return None
            first = found.copy() if first is None else first
            part = self.loss.to_mean(found, first) * weight
            total = part if total is None else np.add(total, part, out=total)
        assert first is not None
        assert total is not None
        return self.loss.from_mean(total, first)

    def _class_logits(self, outputs: _Forward) -> Array | None:
        """Return logits whose link is the mean of the probabilities, divided by the temperature."""
        is_softmax = self.loss.link == "softmax"
        true: Array | None = None
        false: Array | None = None
        for layers, weight in zip(self.layers, self.weights, strict=True):
            found = outputs(layers, _LOGITS)
            if found is None:
                return None
            z, share = found.astype(np.float64), math.log(weight)
            if is_softmax:
                z -= z.max(axis=1, keepdims=True)
                z -= arithmetic.log(arithmetic.activate("exp", z).sum(axis=1, keepdims=True))
                true = z + share if true is None else np.logaddexp(true, z + share)
            else:
                p, q = share - np.logaddexp(0, -z), share - np.logaddexp(0, z)
                true = p if true is None else np.logaddexp(true, p)
                false = q if false is None else np.logaddexp(false, q)
        assert true is not None
        logits: Array = true if false is None else true - false
        return logits / self.temperature

    def _linked(self, logits: Array, output: int) -> Array:
        """Return logits, or the probabilities that belong to them."""
        if output == _LOGITS:
            return logits
        if output == _BOTH:
            return arithmetic.activate("sigmoid", np.concatenate([-logits, logits], axis=1))
        return arithmetic.activate(self.loss.link, logits)
