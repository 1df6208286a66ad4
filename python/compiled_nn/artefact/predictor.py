"""Predictor: inputs, folded layers and outputs as one immutable object, which is replaced after training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import checks
from ..common.immutable import Immutable
from ..data.arrays import Array
from .folding import folded
from .inputs import Inputs
from .outputs import Outputs

if TYPE_CHECKING:
    from cnn_core.layers import Layers

LOGITS, LINKED, BOTH_CLASSES = range(3)  # kinds of output of Layers.try_forward


class Predictor(Immutable):
    """Predictor of a network, made from its weights. It is replaced as a whole when they change.

    Attributes
    ----------
    inputs : Inputs
        Description of the inputs.
    layers : cnn_core.layers.Layers
        Folded layers, see :func:`compiled_nn.artefact.folding.folded`.
    outputs : Outputs
        Description of the outputs.
    n_threads : int or None
        Number of threads; None follows :func:`set_num_threads`.
    direct : cnn_core.layers.Layers or None
        The same layers if X needs no encoder, otherwise None.
    probabilities : int or None
        Kind of output of the core that gives the probabilities; None if the loss computes them, or there are none.
    scale : float
        Factor by which X is multiplied.
    """

    inputs: Inputs
    layers: Layers
    outputs: Outputs
    n_threads: int | None
    direct: Layers | None
    probabilities: int | None
    scale: float

    def __init__(
        self, layers: Layers, inputs: Inputs, outputs: Outputs, *, embedded: bool, n_threads: int | None
    ) -> None:
        """Make the predictor of trained layers; `embedded` is whether the first one is an embedding layer."""
        loss = outputs.loss
        probabilities = None
        if loss.classifies and not loss.ordered:
            probabilities = LINKED if outputs.n_outputs > 1 else BOTH_CLASSES
        temperature = outputs.calibration.temperature
        folded_layers = folded(layers, outputs.scaling, temperature, embedded=embedded)
        direct = folded_layers if inputs.encoder is None else None
        self._set(
            inputs=inputs,
            layers=folded_layers,
            outputs=outputs,
            n_threads=n_threads,
            direct=direct,
            probabilities=probabilities,
            scale=inputs.scale,
        )

    def forward(self, X: Any, output: int = LINKED, out: Array | None = None) -> Array:
        """Return the outputs for X.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for ``Network.predict``.
        output : {LOGITS, LINKED, BOTH_CLASSES}, default LINKED
            Kind of output: before the link, after the link, or the probabilities of both classes for one sigmoid
            output.
        out : ndarray, optional
            Array to write to, C-contiguous and in the dtype of the network.

        Returns
        -------
        ndarray (m, n_outputs), or (m, 2) for BOTH_CLASSES
            `out`, or a new array.

        Raises
        ------
        TypeError, ValueError
            If X or `out` cannot be used.
        """
        outputs = None
        if self.direct is not None:
            outputs = self.direct.try_forward(X, out, output, self.scale, self.n_threads)
        if outputs is None:  # the core cannot read X as it is: convert it, or raise the error
            rows = self.inputs.read(X)
            outputs = self.layers.try_forward(rows, out, output, self.scale, self.n_threads)
            if outputs is None:
                raise self.inputs.range_error()
        return outputs

    def predict(self, X: Any) -> Array:
        """Return labels or values; documented in :meth:`compiled_nn.Network.predict`."""
        return self.outputs.targets.decode(self.forward(X))

    def predict_proba(self, X: Any, out: Array | None = None) -> Array:
        """Return probabilities of classes; documented in :meth:`compiled_nn.Network.predict_proba`."""
        if self.probabilities is not None:
            return self.forward(X, self.probabilities, out)
        loss = self.outputs.loss
        if not loss.classifies:
            raise ValueError(
                f"predict_proba is for classes; the loss {loss.name} predicts values. Use predict."
            )
        probabilities = loss.probabilities(self.forward(X))
        if out is None:
            return probabilities
        if out.shape != probabilities.shape:
            raise ValueError(f"out has shape {out.shape}; expected {probabilities.shape}.")
        out[...] = probabilities
        return out

    def predict_distribution(self, X: Any) -> tuple[Array, Array]:
        """Return means and standard deviations; documented in :meth:`compiled_nn.Network.predict_distribution`."""
        loss = self.outputs.loss
        outputs = self.forward(X)
        mean, std = loss.values(outputs), loss.deviations(outputs)
        if std is None:
            raise ValueError(f"predict_distribution needs the loss gaussian_nll; the loss is {loss.name}.")
        return (mean[:, 0], std[:, 0]) if mean.shape[1] == 1 else (mean, std)

    def decision_function(self, X: Any) -> Array:
        """Return logits; documented in :meth:`compiled_nn.Network.decision_function`."""
        logits = self.forward(X, LOGITS)
        return logits[:, 0] if logits.shape[1] == 1 else logits

    def hidden(self, X: Any, layer: int) -> Array:
        """Return the output of a hidden layer; documented in :meth:`compiled_nn.Network.transform`."""
        rows = self.inputs.read(X)
        index = checks.place("layer", layer, len(self.layers.sizes) - 2, "hidden layer")
        return self.layers.hidden(rows, index + 1, scale=self.scale, n_threads=self.n_threads)

    def bounds(self, X: Any) -> tuple[Array, Array, Array | float]:
        """Return the lowest and highest predicted value of each row, and the unit of the margins of intervals.

        Returns
        -------
        lower, upper : ndarray (m, n_columns) of float64
            Both are the predicted value, except for the lowest and the highest quantile for the loss "quantile".
        unit : ndarray (m, n_columns) or float
            Predicted standard deviations for "gaussian_nll", otherwise 1.0.
        """
        loss = self.outputs.loss
        outputs = self.forward(X).astype(np.float64)
        values, deviations = loss.values(outputs), loss.deviations(outputs)
        n = loss.n_columns(
            outputs.shape[1]
        )  # "quantile" has several values per column of y, in increasing order
        return values[:, :n], values[:, -n:], 1.0 if deviations is None else deviations
