"""Uncertainty of predictions: probabilities, intervals and sets of classes, calibrated on held-out rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import arrays
from ..data.arrays import Array
from ..uncertainty import calibration
from ..uncertainty.calibration import Calibration
from .model import Model

if TYPE_CHECKING:
    from typing import Self


class Uncertainty(Model):
    """What a trained network learns from rows that it was not trained on.

    Training again, or ``set_weights``, drops it; files keep it.
    """

    @property
    def temperature_(self) -> float:
        """What logits are divided by before they become probabilities; 1.0 until :meth:`calibrate`."""
        return self._outputs.calibration.temperature

    def calibrate(self, X: Any, y: Any, *, sample_weight: Any = None) -> Self:
        """Learn the temperature at which the probabilities of held-out rows are best.

        ``predict_proba`` and ``decision_function`` then use logits / ``temperature_``, at no cost: the last layer that
        predicts is divided by it. The most probable class stays the same, but for ties within rounding. ``loss``,
        ``gradients`` and ``get_weights`` are of the network without it. What :meth:`calibrate_intervals` learned is
        forgotten.

        Parameters
        ----------
        X, y : array-like
            As for ``fit``; rows that fit has not seen.
        sample_weight : array-like (m,), optional
            How much each row counts. Default: all alike.

        Returns
        -------
        self : Network

        Raises
        ------
        NotFittedError
            Before the network has weights.
        TypeError, ValueError
            For a network that predicts values, or when an argument cannot be used; nothing has then changed.

        See Also
        --------
        compiled_nn.calibration.fit_temperature : the same for logits.
        """
        if not self._configuration.loss.classifies:
            raise ValueError(
                f"calibrate is for classes; the loss {self._configuration.loss.name} has none."
                " Use calibrate_intervals."
            )
        if self._configuration.loss.ordered:
            raise ValueError(
                "calibrate is for probabilities of one link; those of the loss ordinal have a threshold each."
            )
        X, encoded, _ = self._labelled(X, y)
        logits = self._evaluated().forward(
            X, link=False, scale=self._configuration.scale, n_threads=self._n_threads
        )
        if self._configuration.loss.link == "sigmoid":  # each output is a question of its own
            n_outputs = logits.shape[1]
            logits, encoded = logits.reshape(-1, 1), encoded.reshape(-1)
            sample_weight = None if sample_weight is None else np.repeat(sample_weight, n_outputs)
        self._set_calibration(Calibration(calibration.fit_temperature(logits, encoded, sample_weight)))
        return self

    def calibrate_intervals(self, X: Any, y: Any) -> Self:
        """Learn from held-out rows how far off the network is, for :meth:`predict_interval` or :meth:`predict_set`.

        Parameters
        ----------
        X, y : array-like
            As for ``fit``; rows that fit has not seen. A coverage c needs c / (1 - c) of them at least: 9 for 0.9.

        Returns
        -------
        self : Network

        Raises
        ------
        NotFittedError
            Before the network has weights.
        TypeError, ValueError
            When X or y cannot be used, or y has several labels a row; nothing has then changed.
        """
        from ..uncertainty import conformal

        _, encoded, known = self._labelled(X, y)
        if known.kind == "values":
            lower, upper, unit = self._predicting().bounds(X)
            true = arrays.values(y, n_outputs=lower.shape[1], dtype="float64")
            scores = conformal.cqr(lower, upper, true) / unit
        else:
            p = self._class_probabilities(X)
            scores = conformal.lac(p, known.indices(encoded), classes=np.arange(p.shape[1]))
        self._set_calibration(self._outputs.calibration._replace(scores=scores))
        return self

    def predict_interval(self, X: Any, coverage: float = 0.9) -> tuple[Array, Array]:
        """Return bounds that hold the true value of a new row with a probability of at least `coverage`.

        Split conformal prediction: the margin is that within which the share `coverage` of the rows of
        :meth:`calibrate_intervals` lay, with the correction for their number. It is the same for all rows on both sides
        of what is predicted; for the loss "quantile" on the outer sides of the lowest and the highest quantile; and for
        "gaussian_nll" it is a number of each row's own standard deviations.

        Parameters
        ----------
        X : array-like (m, k)
        coverage : float, default 0.9
            Between 0 and 1; of several outputs each one's own.

        Returns
        -------
        lower, upper : ndarray (m,), or (m, n_outputs)
            In the network's dtype.

        Raises
        ------
        NotFittedError
            Before the network has weights.
        TypeError, ValueError
            For a network of classes, before :meth:`calibrate_intervals`, or when it saw too few rows.
        """
        from ..uncertainty import conformal

        if self._configuration.loss.classifies:
            raise ValueError(
                f"predict_interval is for values; the loss {self._configuration.loss.name} has classes."
                " Use predict_set."
            )
        margin = conformal.threshold(self._scores(), coverage)
        low, high, unit = self._predicting().bounds(X)
        bounds = (low - margin * unit, high + margin * unit)
        lower, upper = (bound.astype(self._configuration.dtype) for bound in bounds)
        return (lower[:, 0], upper[:, 0]) if lower.shape[1] == 1 else (lower, upper)

    def predict_set(self, X: Any, coverage: float = 0.9) -> Array:
        """Return which classes are probable enough for the true one to be among them as often as `coverage`.

        Parameters
        ----------
        X : array-like (m, k)
        coverage : float, default 0.9
            Between 0 and 1.

        Returns
        -------
        ndarray (m, n_classes) of bool
            A column a class of ``classes_``. A row may have none, where all classes are less probable than the true
            ones of :meth:`calibrate_intervals` nearly always were.

        Raises
        ------
        NotFittedError
            Before the network has weights.
        TypeError, ValueError
            For a network of values, before :meth:`calibrate_intervals`, or when it saw too few rows.
        """
        from ..uncertainty import conformal

        if not self._configuration.loss.classifies:
            raise ValueError(
                f"predict_set is for classes; the loss {self._configuration.loss.name} has none."
                " Use predict_interval."
            )
        margin = conformal.threshold(self._scores(), coverage)
        improbable = 1 - self._class_probabilities(X)
        among: Array = improbable <= margin
        return among

    def _class_probabilities(self, X: Any) -> Array:
        """Return what the sets are made of: probabilities in float64."""
        if self._known_targets().kind == "indicator":
            raise ValueError("A set is of one class a row; y has any number of labels a row.")
        return self._predicting().predict_proba(X).astype(np.float64)

    def _scores(self) -> Array:
        self._fitted()
        scores = self._outputs.calibration.scores
        if scores is None:
            raise ValueError(
                "The network does not know yet how far off it is: call calibrate_intervals with held-out rows."
            )
        return scores
