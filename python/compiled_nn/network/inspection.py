"""A look inside a network: what its hidden layers make of X, and how its outputs follow each number of X."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common import checks
from ..data import samples
from ..data.arrays import Array
from ..data.samples import Samples
from .model import Model


class Inspected(Model):
    """A network that shows what lies between X and its predictions."""

    def transform(self, X: Any, layer: int = -1) -> Array:
        """Return the output of a hidden layer, as predicting has it.

        Parameters
        ----------
        X : array-like (m, k)
            As for ``predict``.
        layer : int, default -1
            Of the hidden layers, from 0 on; negative ones count from the last.

        Returns
        -------
        ndarray (m, units) of the network's dtype
            After activation, and after the sum of a residual layer; nothing is dropped.

        Raises
        ------
        NotFittedError
            Before the network has weights.
        TypeError, ValueError
            When there is no such layer, or X cannot be used.
        """
        X, predictor = self._read(X), self._predicting()
        index = checks.place("layer", layer, len(predictor.sizes) - 2, "hidden layer")
        return predictor.hidden(X, index + 1, scale=self._scale, n_threads=self.n_threads)

    def input_gradient(self, X: Any, *, output: Any = None) -> Array:
        """Return the derivatives of the outputs with respect to the numbers of X.

        Of ``decision_function`` for classes: logits, divided by the temperature of ``calibrate``. Of ``predict``, in
        units of y, for values; of the means for the loss "gaussian_nll". They are per unit of X as it is given,
        whatever scales it within the network; of a table that the network encodes, per unit of the columns that
        ``encoder_`` makes of it. relu'(0) is 0.

        Parameters
        ----------
        X : array-like (m, k)
            As for ``predict``.
        output : label or int, optional
            One of ``classes_``: its logit; of two classes with one output, the first one's is the second one's
            negative. The number of an output where a row has any number of labels, for the loss "ordinal", and for
            values. Default: all outputs.

        Returns
        -------
        ndarray (m, k), or (m, n_outputs, k)
            The former for an `output`, or where there is one only. Of the network's dtype, and dense for a sparse X.

        Raises
        ------
        NotFittedError
            Before the network has weights.
        TypeError, ValueError
            When there is no such output, or X cannot be used.
        """
        X, stack, loss = self._read(X), self._evaluated(), self._configuration.loss
        how: dict[str, Any] = {"scale": self._scale, "n_threads": self.n_threads}
        if loss.classifies:
            sources = np.arange(stack.sizes[-1])[np.newaxis]
            units = np.full(sources.shape[1], 1 / self._calibration.temperature)
        else:
            sources = loss.sources(stack.forward(X, **how))
            scaling = self._known_targets().scaling
            units = np.ones(sources.shape[1]) if scaling is None else scaling.scale
        if output is not None:
            chosen, sign = self._output(output, sources.shape[1])
            sources, units = sources[:, [chosen]], sign * units[[chosen]]
        gradients = np.empty((len(X), len(units), X.shape[1]), stack.dtype)
        for j, unit in enumerate(units):
            shares = np.zeros((len(X), stack.sizes[-1]), stack.dtype)
            shares[np.arange(len(X)), sources[:, j]] = unit
            stack.input_gradient(X, shares, gradients[:, j], link=not loss.classifies, **how)
        return gradients[:, 0] if len(units) == 1 else gradients

    def _read(self, X: Any) -> Samples:
        n_features = self._fitted().sizes[0]
        return samples.read(X, dtype=self._configuration.dtype, n_features=n_features, encoder=self._encoder)

    def _output(self, output: Any, n: int) -> tuple[int, float]:
        """Return which of `n` outputs is meant, and its sign."""
        known = self._known_targets()
        if known.kind == "classes" and known.loss.name != "ordinal":
            labels = self.classes_.tolist()
            if output not in labels:
                raise ValueError(f"output is {output!r}; the classes are {labels}.")
            index = labels.index(output)
            return (index, 1.0) if n > 1 else (0, 2.0 * index - 1)
        return checks.place("output", output, n, "output"), 1.0
