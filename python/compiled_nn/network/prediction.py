"""Predictions, scores and losses of a network. The arithmetic is the predictor's and the core's."""

from __future__ import annotations

from typing import Any

from ..artefact import folding
from ..data.arrays import Array
from ..training import targets
from ..training.stacks import new_stack
from ..training.weights import copy_layers, layer_views
from .model import Model


class Prediction(Model):
    """What a network predicts, and how good that is on data."""

    def predict(self, X: Any) -> Array:
        """Return the label of each row, or its values.

        Parameters
        ----------
        X : array-like (m, k), or images (m, height, width[, channels])

        Returns
        -------
        ndarray (m,), or (m, n_outputs)
            Labels in the dtype of ``classes_``: the most probable one, and with one sigmoid output
            ``classes_[1]`` from a probability of 0.5 on; for "ordinal" the median class. A 0/1 matrix when y was
            one. For losses of values these, in the network's dtype, (m,) for one column: means for "gaussian_nll",
            for "quantile" a column each, in order.

        Raises
        ------
        NotFittedError
            Before the network has weights; so do all methods below.
        TypeError, ValueError
            When X cannot be used.
        """
        return self._predicting().predict(X)

    def predict_proba(self, X: Any, *, out: Array | None = None) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like (m, k)
        out : ndarray (m, n_classes), optional
            Where to write: C-contiguous, of the network's dtype. Nothing is then allocated for an X that the
            core reads as it is.

        Returns
        -------
        ndarray (m, n_classes) of the network's dtype
            `out`, or a new array. Two columns for one sigmoid output. Several sigmoid outputs are
            independent: their rows need not sum to 1.

        Raises
        ------
        ValueError
            For a network that predicts values, or an `out` of another shape, dtype or layout.
        """
        predictor = self._predictor or self._predicting()
        if predictor.direct is not None and predictor.probabilities is not None:
            # As few steps as there can be: for one row they would cost more than the network.
            outputs = predictor.direct.try_forward(
                X, out, predictor.probabilities, predictor.scale, predictor.n_threads
            )
            if outputs is not None:
                return outputs
        return predictor.predict_proba(X, out)

    def predict_distribution(self, X: Any) -> tuple[Array, Array]:
        """Return mean and standard deviation of each row's normal distribution, for the loss "gaussian_nll".

        Parameters
        ----------
        X : array-like (m, k)

        Returns
        -------
        mean, std : ndarray (m,), or (m, n) for a y of n columns

        Raises
        ------
        ValueError
            For another loss.
        """
        return self._predicting().predict_distribution(X)

    def decision_function(self, X: Any) -> Array:
        """Return the outputs before the link for X (m, k): logits (m, n_outputs), (m,) for one output.

        After :meth:`calibrate` they are divided by the temperature, so that the link makes probabilities of them.
        """
        return self._predicting().decision_function(X)

    # ---- scores, losses, gradients

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy on the samples X (m, k) and targets y, as given to fit, each counting its weight (m,).

        For values R^2; for the loss "quantile" D^2, the share of the pinball loss that is saved against constants.
        """
        X, y, known = self._labelled(X, y, scaled=False)
        weights = targets.weights_of(known, y, sample_weight)
        predictor = self._predicting()
        outputs = predictor.layers.forward(X, scale=predictor.scale, n_threads=self._n_threads)
        return known.score(y, outputs, weights)

    def loss(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the mean loss on the samples X (m, k) and targets y, each counting its weight (m,).

        Without the penalty, and with labels as they are where training smooths them.
        """
        X, y, known = self._labelled(X, y, scaled=False)
        weights = targets.weights_of(known, y, sample_weight)
        stack = self._evaluated()
        if known.scaling is not None:
            layers, statistics = layer_views(stack), stack.statistics
            W, b = folding.unscaled((layers[-1]["weight"], layers[-1].get("bias")), known.scaling)
            stack = new_stack(self._configuration, [*layers[:-1], {**layers[-1], "weight": W, "bias": b}])
            if statistics is not None:
                stack.standardize(*statistics)
        objective = self._objective(smoothed=False).replace(weights=weights)
        return stack.loss(X, y, objective)[0]

    def gradients(self, X: Any, y: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Return the gradients of mean loss plus penalty with respect to all that the optimizer moves.

        Parameters
        ----------
        X : array-like (m, k)
        y : array-like
            As for ``fit``.
        sample_weight : array-like (m,), optional
            Weight of each sample.

        Returns
        -------
        dict
            "layers": one dict per layer with "weight" (inputs, units), "bias" (units,) and "norm", a dict of "gain"
            (units,), in the form of :meth:`snapshot`. With ``standardize`` and ``scale_targets`` they are with respect
            to the weights of the scaled columns and outputs.

        Raises
        ------
        NotFittedError
            Before the network has weights.
        TypeError, ValueError
            When X or y cannot be used.
        """
        X, y, known = self._labelled(X, y)
        stack = self._evaluated()
        objective = self._objective().replace(weights=targets.weights_of(known, y, sample_weight))
        stack.gradient(X, y, objective)
        return {"layers": copy_layers(layer_views(stack, stack.gradients))}
