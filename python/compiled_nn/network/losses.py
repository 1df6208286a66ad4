"""Losses of a network, and their gradients with respect to the weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..artefact.predictor import LINKED, LOGITS
from ..common.exclusive import check_not_quantized
from ..data import arrays
from ..training.stacks import loss_of_outputs, loss_of_values
from ..training.targets import weights_of
from ..training.weights import copy_layers, layer_views
from .model import Model

if TYPE_CHECKING:
    from ..data.arrays import Array
    from ..data.samples import Samples
    from ..training.targets import Targets


class Losses(Model):
    """Methods of a network that compute its loss and the gradients of its loss."""

    def loss(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the mean loss, without penalty and without label smoothing.

        For values it is computed in float64 from y and the outputs in units of y, also with ``scale_targets``, where
        the history has the loss of the scaled y. For "quantile" it is the sum of the mean pinball losses of the
        sorted quantiles that :meth:`predict` returns; the training loss of the history is that of the outputs before
        sorting. The temperature of :meth:`calibrate` is not used.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for :meth:`predict`.
        y : array-like
            True labels or values, as for :meth:`fit`.
        sample_weight : array-like (m,), optional
            Weight of each row, at least 0.

        Returns
        -------
        float
            Mean loss over the rows.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError, ValueError
            If an argument cannot be used, or the loss is not finite.

        See Also
        --------
        score : Accuracy or R^2.
        gradients : Derivatives of the loss.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse")
        >>> net.set_weights([([[2.0]], [1.0])])
        >>> net.loss([[0.0], [1.0]], [1.0, 5.0])  # (0 + (3 - 5) ** 2) / 2
        2.0
        """
        X, y, targets = self._labelled(X, y, sample_weight, scaled=False)
        weights = weights_of(targets, y, sample_weight)
        if self._is_quantized:
            return self._loss_of_outputs(X, y, targets, weights)
        stack = self._evaluated()
        if targets.kind == "values":
            c = self._configuration
            outputs = stack.forward(X, link=c.activated, scale=c.scale, n_threads=self._n_threads)
            loss = loss_of_values(targets.loss, targets.in_units(outputs), y, weights, self._n_threads)
        else:
            loss, _ = stack.loss(X, y, self._objective(smoothed=False).replace(weights=weights))
        return self._checked_loss(loss, X)

    def _loss_of_outputs(self, X: Samples, y: Array, targets: Targets, weights: Array | None) -> float:
        """Return the mean loss of the outputs of the predictor, without the temperature."""
        predictor = self._predicting_in(self.precision_, calibrated=False).of_encoded()
        kind = LINKED if self._configuration.activated else LOGITS
        outputs = predictor.forward(X, kind, exact=targets.kind == "values")
        loss = loss_of_outputs(targets.loss.unsmoothed, outputs, y, weights, self._n_threads)
        return self._checked_loss(loss, X)

    def _checked_loss(self, loss: float, X: Samples) -> float:
        """Return a loss if it is finite; raise the error for the rows otherwise."""
        if not math.isfinite(loss):
            self._predicting().check(X)
            raise ValueError(
                f"The mean loss of these rows is {loss}: the loss of a row is beyond the range of its dtype. Check X, y"
                " and the weights."
            )
        return loss

    def gradients(self, X: Any, y: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Return the gradients of the mean loss plus penalty with respect to the trained parameters.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for :meth:`fit`.
        y : array-like
            Labels or values, as for :meth:`fit`.
        sample_weight : array-like (m,), optional
            Weight of each row, at least 0.

        Returns
        -------
        dict
            "layers" has one dict per layer, with "weight" (inputs, units), "bias" (units,) and "norm", a dict with
            "gain" (units,), as in :meth:`snapshot`. With ``standardize`` and ``scale_targets``, the gradients belong to
            the weights for scaled columns and scaled outputs.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError, ValueError
            If an argument cannot be used, or a gradient is not finite.

        See Also
        --------
        loss : Mean loss.
        backward : Gradients of any function of the outputs.
        input_gradient : Derivatives with respect to X.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse")
        >>> net.set_weights([([[2.0]], [1.0])])
        >>> net.gradients([[0.0], [1.0]], [1.0, 5.0])
        {'layers': [{'weight': array([[-2.]], dtype=float32), 'bias': array([-2.], dtype=float32)}]}
        """
        check_not_quantized(self, "gradients", "Network")
        X, y, targets = self._labelled(X, y, sample_weight)
        stack = self._evaluated()
        objective = self._objective().replace(weights=weights_of(targets, y, sample_weight))
        stack.gradient(X, y, objective)
        if arrays.first_unusable(stack.gradients, stack.gradients.dtype.name) is not None:
            self._predicting().check(X)
            raise ValueError(
                "The gradients for these rows are not finite: the loss of a row, or a derivative, is beyond the range"
                f" of {stack.gradients.dtype}. Check X, y and the weights."
            )
        return {"layers": copy_layers(layer_views(stack, stack.gradients))}
