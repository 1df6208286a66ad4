"""Inspection of a network: its table of layers, a diagnosis, hidden outputs, derivatives with respect to X."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import checks
from ..data import samples
from ..data.arrays import Array
from ..data.samples import Samples
from ..spec import summary
from ..training.stacks import new_stack
from ..training.targets import read_samples
from ..training.weights import layer_views
from .model import Model

if TYPE_CHECKING:
    from cnn_core.stack import Stack

    from ..preprocessing.tabular import Tabular
    from .diagnosis import Diagnosis


class Inspection(Model):
    """What is between X and the predictions of a network."""

    def summary(self) -> str:
        """Return a table of the layers: inputs, units, activation, parameters."""
        n_inputs = None if self._trainer is None else self._trainer.stack.sizes[0]
        return summary.table(self.layers, self.activations, n_inputs)

    def diagnose(self, X: Any, y: Any = None) -> Diagnosis:
        """Look for what keeps the network from learning, or has kept it, and name a remedy for each finding.

        Before fit it looks at the weights that fit would start from on this X; with ``seed=None`` at others of the
        kind. The network is not changed. The findings, from the input to the output:

        - "unscaled_input": a column, as the first layer takes it, has a root mean square above 10, or all are below
          0.01. Sums of such inputs saturate units, and the first layer learns at another speed than the others.
        - "dead_layer": a relu layer is 0 for every row; "dead_units": half of its units or more are.
        - "saturated_units": nine tenths of the derivatives of a sigmoid or tanh layer or more are below a thousandth of
          their maximum.
        - "vanishing_signal": outputs before the link vary less than a thousandth of what the inputs vary.
        - "exploding_rate": with y, the next step is larger than the weights it changes; or the loss of the last epoch
          is above that of the first.
        - "class_collapse": after training, every row is predicted to be of one class.

        Parameters
        ----------
        X : array-like (m, k)
            As for :meth:`fit`; some hundred rows suffice, and of more than 4096 so many are drawn.
        y : array-like, optional
            As for :meth:`fit`.

        Returns
        -------
        Diagnosis
            A tuple of findings with ``name``, ``layer``, ``numbers``, ``text`` and ``remedy``; it prints as a table.
            Empty for a healthy network.

        Raises
        ------
        TypeError, ValueError
            When X or y cannot be used.
        """
        from . import diagnosis

        c, targets, encoded = self._configuration, self._outputs.learned, None
        trained = targets is not None
        n_columns = self._n_columns(self._trainer is not None)
        encoder = self._encoder_for(X, self._trainer is not None)
        if y is None:
            X = samples.read(X, dtype=c.dtype, n_features=n_columns, encoder=encoder)
        else:
            X, encoded, targets = read_samples(c, X, y, n_columns, targets, encoder=encoder)
        stack = self._examined(X, encoder)
        return diagnosis.examine(
            diagnosis.Subject(stack, c, X, encoded, targets, trained, self.history, self._objective())
        )

    def _examined(self, X: Samples, encoder: Tabular | None) -> Stack:
        """Return what diagnose looks at: a stack as training on X would start with it, or go on."""
        stack = (self._trainer or self._drawn(X, encoder)).stack
        if self._lacks_statistics(stack):
            stack = new_stack(self._configuration.embedded(encoder), layer_views(stack))
            stack.standardize(*self._fit_statistics(X, encoder))
        return stack

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
        return self._predicting().hidden(X, layer)

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
        X, stack, loss = self._known_inputs().read(X), self._evaluated(), self._configuration.loss
        how: dict[str, Any] = {"scale": self._configuration.scale, "n_threads": self._n_threads}
        if loss.classifies:
            sources = np.arange(stack.sizes[-1])[np.newaxis]
            units = np.full(sources.shape[1], 1 / self._outputs.calibration.temperature)
        else:
            sources = loss.sources(stack.forward(X, **how))
            scaling = self._outputs.scaling
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

    def _output(self, output: Any, n: int) -> tuple[int, float]:
        """Return which of `n` outputs is meant, and its sign."""
        targets = self._known_targets()
        if targets.kind == "classes" and targets.loss.name != "ordinal":
            labels = self.classes_.tolist()
            if output not in labels:
                raise ValueError(f"output is {output!r}; the classes are {labels}.")
            index = labels.index(output)
            return (index, 1.0) if n > 1 else (0, 2.0 * index - 1)
        return checks.place("output", output, n, "output"), 1.0
