"""The predictor: inputs, folded layers and outputs, as one immutable object that training makes anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import checks
from ..data.arrays import Array
from .folding import folded
from .inputs import Inputs
from .outputs import Outputs

if TYPE_CHECKING:
    from cnn_core.layers import Layers

LOGITS, LINKED, BOTH_CLASSES = range(3)  # the outputs that Layers.try_forward tells apart


@dataclass(frozen=True, eq=False, slots=True)
class Predictor:
    """What answers for a network: made from its weights, replaced as a whole when they change.

    Attributes
    ----------
    inputs : Inputs
    layers : cnn_core.layers.Layers
        With everything linear around them folded in.
    outputs : Outputs
    n_threads : int or None
    direct : cnn_core.layers.Layers or None
        The layers, where X needs no encoder.
    probabilities : int or None
        Which output of the core the probabilities are; None where the loss computes them, or there are none.
    scale : float
        Factor of every number of X.
    """

    inputs: Inputs
    layers: Layers
    outputs: Outputs
    n_threads: int | None
    direct: Layers | None
    probabilities: int | None
    scale: float

    @classmethod
    def of(
        cls, layers: Layers, inputs: Inputs, outputs: Outputs, *, embedded: bool, n_threads: int | None
    ) -> Predictor:
        """Return the predictor of trained layers; `embedded` is whether the first of them are embeddings."""
        loss = outputs.loss
        probabilities = None
        if loss.classifies and not loss.ordered:
            probabilities = LINKED if outputs.n_outputs > 1 else BOTH_CLASSES
        temperature = outputs.calibration.temperature
        own = folded(layers, outputs.scaling, temperature, embedded=embedded)
        direct = own if inputs.encoder is None else None
        return cls(inputs, own, outputs, n_threads, direct, probabilities, inputs.scale)

    def forward(self, X: Any, output: int = LINKED, out: Array | None = None) -> Array:
        """Return the outputs (m, n_outputs) for X: logits, after the link, or the probabilities of both classes."""
        outputs = None
        if self.direct is not None:
            outputs = self.direct.try_forward(X, out, output, self.scale, self.n_threads)
        if outputs is None:  # X has to be converted, or refused
            rows = self.inputs.read(X)
            outputs = self.layers.try_forward(rows, out, output, self.scale, self.n_threads)
            if outputs is None:
                raise self.inputs.range_error()
        return outputs

    def predict(self, X: Any) -> Array:
        """Return labels or values; documented in ``Network.predict``."""
        return self.outputs.targets.decode(self.forward(X))

    def predict_proba(self, X: Any, out: Array | None = None) -> Array:
        """Return probabilities of classes; documented in ``Network.predict_proba``."""
        if self.probabilities is not None:
            return self.forward(X, self.probabilities, out)
        loss = self.outputs.loss
        if not loss.classifies:
            raise ValueError(f"predict_proba is for classes; the loss {loss.name} has none.")
        probabilities = loss.probabilities(self.forward(X))
        if out is None:
            return probabilities
        if out.shape != probabilities.shape:
            raise ValueError(f"out has shape {out.shape}; it must be {probabilities.shape}.")
        out[...] = probabilities
        return out

    def predict_distribution(self, X: Any) -> tuple[Array, Array]:
        """Return means and standard deviations; documented in ``Network.predict_distribution``."""
        loss = self.outputs.loss
        outputs = self.forward(X)
        mean, std = loss.values(outputs), loss.deviations(outputs)
        if std is None:
            raise ValueError(f"predict_distribution is for gaussian_nll; the loss is {loss.name}.")
        return (mean[:, 0], std[:, 0]) if mean.shape[1] == 1 else (mean, std)

    def decision_function(self, X: Any) -> Array:
        """Return logits; documented in ``Network.decision_function``."""
        logits = self.forward(X, LOGITS)
        return logits[:, 0] if logits.shape[1] == 1 else logits

    def hidden(self, X: Any, layer: int) -> Array:
        """Return the output of a hidden layer; documented in ``Network.transform``."""
        rows = self.inputs.read(X)
        index = checks.place("layer", layer, len(self.layers.sizes) - 2, "hidden layer")
        return self.layers.hidden(rows, index + 1, scale=self.scale, n_threads=self.n_threads)

    def bounds(self, X: Any) -> tuple[Array, Array, Array | float]:
        """Return the lowest and highest predicted value of each row, and the unit that margins are counted in."""
        loss = self.outputs.loss
        outputs = self.forward(X).astype(np.float64)
        values, deviations = loss.values(outputs), loss.deviations(outputs)
        n = loss.n_columns(outputs.shape[1])  # of quantiles there are more values than columns, in order
        return values[:, :n], values[:, -n:], 1.0 if deviations is None else deviations
