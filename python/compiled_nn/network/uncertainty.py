"""Uncertainty of predictions: probabilities, intervals and sets of classes, all calibrated on held-out rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..artefact import refusals
from ..data import dataframes
from ..data.arrays import Array
from ..uncertainty import calibration
from ..uncertainty.calibration import Calibration
from .predicting import Predicting

if TYPE_CHECKING:
    from typing import Self


class Uncertainty(Predicting):
    """Methods of a model that calibrate it on rows that it was not trained on, and use the calibration.

    Training and ``set_weights`` discard the calibration; files store it.
    """

    @property
    def temperature_(self) -> float:
        """Temperature by which logits are divided before they become probabilities; 1.0 before :meth:`calibrate`."""
        self._check_calibration()
        return self._outputs.calibration.temperature

    def calibrate(self, X: Any, y: Any, *, sample_weight: Any = None) -> Self:
        """Fit the temperature that minimises the log loss on held-out rows.

        ``predict_proba`` and ``decision_function`` then use logits / ``temperature_``. Predicting takes no longer,
        because the weights of the last layer of the predictor are divided by it. The most probable class does not
        change, except for ties within rounding. ``loss``, ``gradients`` and ``get_weights`` do not use the temperature.
        The result of an earlier :meth:`calibrate_intervals` is discarded.

        Parameters
        ----------
        X : array-like (m, k)
            Rows that the network was not trained on, as for ``fit``.
        y : array-like
            True labels, as for ``fit``.
        sample_weight : array-like (m,), optional
            Weight of each row. Default: 1 for each row.

        Returns
        -------
        self : Network

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError, ValueError
            If the network predicts values, or an argument cannot be used; the network is then unchanged.

        See Also
        --------
        compiled_nn.calibration.fit_temperature : Temperature for given logits.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> from compiled_nn.metrics import log_loss
        >>> data = cnn.datasets.load_digits()
        >>> net = cnn.Network([cnn.Dense(32, "relu"), cnn.Dense(10)], optimizer="lbfgs", input_scale=1 / 16, seed=0)
        >>> net = net.fit(data.X_train[:150], data.y_train[:150])
        >>> round(log_loss(data.y_test, net.predict_proba(data.X_test)), 1)
        1.0
        >>> net = net.calibrate(data.X_train[150:], data.y_train[150:])
        >>> round(log_loss(data.y_test, net.predict_proba(data.X_test)), 1), net.temperature_ > 1
        (0.4, True)
        """
        if not self._configuration.loss.classifies:
            raise ValueError(
                f"calibrate is for classes; the loss {self._configuration.loss.name} predicts values."
                " Use calibrate_intervals."
            )
        if self._configuration.loss.ordered:
            raise ValueError(
                "calibrate scales the logits of softmax and sigmoid; the loss ordinal has thresholds instead."
                " Use calibrate_intervals."
            )
        X, encoded, _ = self._labelled(X, y, sample_weight)
        logits = self._uncalibrated(X)
        refusals.check_rows(logits, "the outputs before the link")
        temperature = calibration.fit_link_temperature(
            self._configuration.loss.link, logits, encoded, sample_weight
        )
        self._set_calibration(Calibration(temperature))
        return self

    def calibrate_intervals(self, X: Any, y: Any) -> Self:
        """Compute conformal scores of held-out rows, for :meth:`predict_interval` or :meth:`predict_set`.

        Parameters
        ----------
        X : array-like (m, k)
            Rows that the network was not trained on, as for ``fit``. A coverage c needs at least c / (1 - c) rows: 9
            for 0.9.
        y : array-like
            True labels or values, as for ``fit``.

        Returns
        -------
        self : Network

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError, ValueError
            If X or y cannot be used, or a row of y can have several labels; the network is then unchanged.

        See Also
        --------
        predict_interval, predict_set : Intervals and sets for new rows.

        Examples
        --------
        >>> import numpy as np
        >>> import compiled_nn as cnn
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(-1.0, 1.0, (600, 1))
        >>> y = X[:, 0] + rng.normal(0.0, 0.1, 600)
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", optimizer="lbfgs", seed=0).fit(X[:300], y[:300])
        >>> lower, upper = net.calibrate_intervals(X[300:], y[300:]).predict_interval([[0.5]], coverage=0.95)
        >>> lower.round(1), upper.round(1)
        (array([0.3]), array([0.7]))
        """
        from ..uncertainty import conformal

        self._check_calibration()
        X = dataframes.opened(X)  # read twice below
        _, encoded, targets = self._labelled(X, y, scaled=False)
        if targets.kind == "values":
            lower, upper, unit = self._predicting().bounds(X)
            scores = conformal.cqr(lower, upper, encoded) / unit
        else:
            p = self._class_probabilities(X)
            scores = conformal.lac(p, targets.indices(encoded), classes=np.arange(p.shape[1]))
        self._set_calibration(self._outputs.calibration._replace(scores=scores))
        return self

    def predict_interval(self, X: Any, coverage: float = 0.9) -> tuple[Array, Array]:
        """Return intervals that contain the true value of a new row with a probability of at least `coverage`.

        This is split conformal prediction: the margin is the quantile of the scores of :meth:`calibrate_intervals`, at
        the level `coverage` with the correction for their number. The interval is the predicted value plus and minus
        the margin, which is the same for all rows. For the loss "quantile", it is from the lowest quantile minus the
        margin to the highest quantile plus the margin; the margin is negative if the quantiles were too far apart, and
        an interval is empty, with lower > upper, where they are closer than twice that. For "gaussian_nll", the margin
        is a multiple of the predicted standard deviation of each row.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for ``predict``.
        coverage : float, default 0.9
            Probability, between 0 and 1. It holds for each output separately.

        Returns
        -------
        lower, upper : ndarray (m,), or (m, n_outputs)
            Bounds of the intervals, in the dtype of ``predict``.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError, ValueError
            If the network predicts classes, :meth:`calibrate_intervals` was not called or had too few rows, or an
            argument cannot be used.

        See Also
        --------
        calibrate_intervals : Scores of held-out rows, which the intervals need.
        predict_distribution : Standard deviation of each row.

        Examples
        --------
        >>> import numpy as np
        >>> import compiled_nn as cnn
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(-1.0, 1.0, (900, 1))
        >>> y = X[:, 0] + rng.normal(0.0, 0.1, 900)
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", optimizer="lbfgs", seed=0).fit(X[:300], y[:300])
        >>> net = net.calibrate_intervals(X[300:600], y[300:600])
        >>> lower, upper = net.predict_interval(X[600:], coverage=0.9)
        >>> round(float(((lower <= y[600:]) & (y[600:] <= upper)).mean()), 2)  # share of intervals with the true value
        0.91
        """
        from ..artefact import regions  # imported here to keep `import compiled_nn` fast
        from ..uncertainty import conformal

        if self._configuration.loss.classifies:
            raise ValueError(
                f"predict_interval is for values; the loss {self._configuration.loss.name} predicts classes."
                " Use predict_set."
            )
        margin = conformal.threshold(self._scores(), coverage)
        return regions.interval(self._predicting(), X, margin)

    def predict_set(self, X: Any, coverage: float = 0.9) -> Array:
        """Return sets of classes that contain the true class of a new row with a probability of at least `coverage`.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for ``predict``.
        coverage : float, default 0.9
            Probability, between 0 and 1.

        Returns
        -------
        ndarray (m, n_classes) of bool
            Whether each class of ``classes_`` is in the set of a row. A set is empty if no class is probable enough.

        Raises
        ------
        NotFittedError
            If the network has no weights yet.
        TypeError, ValueError
            If the network predicts values, :meth:`calibrate_intervals` was not called or had too few rows, or an
            argument cannot be used.

        See Also
        --------
        calibrate_intervals : Scores of held-out rows, which the sets need.
        calibrate : Temperature that corrects probabilities.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> X, y = data.X_train, data.y_train
        >>> net = cnn.Network([cnn.Dense(10)], input_scale=1 / 16, seed=0).fit(X[:1000], y[:1000], epochs=30)
        >>> sets = net.calibrate_intervals(X[1000:], y[1000:]).predict_set(data.X_test, coverage=0.95)
        >>> round(float(sets[range(len(sets)), data.y_test].mean()), 2)  # share of sets with the true class
        0.97
        >>> round(float(sets.sum(axis=1).mean()), 1)  # mean number of classes in a set
        1.3
        """
        from ..artefact import regions  # imported here to keep `import compiled_nn` fast
        from ..uncertainty import conformal

        if not self._configuration.loss.classifies:
            raise ValueError(
                f"predict_set is for classes; the loss {self._configuration.loss.name} predicts values."
                " Use predict_interval."
            )
        margin = conformal.threshold(self._scores(), coverage)
        return regions.class_set(self._class_probabilities(X), margin)

    def _class_probabilities(self, X: Any) -> Array:
        """Return the probabilities of the classes in float64."""
        if self._known_targets().kind == "indicator":
            raise ValueError(
                f"Prediction sets need one class per row; this {self._noun} was fitted on any number of labels per"
                " row."
            )
        return self._predicting().predict_proba(X).astype(np.float64)

    def _scores(self) -> Array:
        self._fitted()
        self._check_calibration()
        scores = self._outputs.calibration.scores
        if scores is None:
            raise ValueError(
                f"The {self._noun} has no conformal scores: call calibrate_intervals with held-out rows first."
            )
        return scores
