"""Reading of X by a fitted estimator, and the methods of both kinds of estimators that need nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.arrays import Array
from . import inputs, sklearn_compat

if TYPE_CHECKING:
    from typing import Self

    from .network import EstimatorNetwork


_LINKS = {"sigmoid": "logistic"}  # links whose scikit-learn name differs


class Reading:
    """Base class of the estimators: rows for `network_`, which is a network or an ensemble."""

    network_: EstimatorNetwork
    n_features_in_: int

    def _read_rows(self, X: Any) -> Any:
        """Return X checked for `network_`; raise NotFittedError before fit."""
        if not hasattr(self, "network_"):
            sklearn_compat.raise_not_fitted(type(self).__name__)
        net = self.network_
        if type(X) is np.ndarray:
            plain: Array = X
            fits = plain.dtype.kind == "f" and plain.size and plain.shape[1:] == (self.n_features_in_,)
            if fits and (net._inputs is None or net._inputs.names is None):
                return plain  # the network checks that the numbers are finite
        return inputs.read_known(type(self).__name__, X, net._configuration.dtype, net._known_inputs())

    def calibrate_intervals(self, X: Any, y: Any) -> Self:
        """Calibrate prediction sets or intervals on rows that were not used to fit.

        Parameters
        ----------
        X, y : array-like
            Samples and targets, as for :meth:`fit`. A coverage c needs at least c / (1 - c) rows: 9 for 0.9.

        Returns
        -------
        self : estimator
            Calibrated estimator.

        Raises
        ------
        TypeError, ValueError
            If X or y is invalid, or y has several labels per row.
        NotFittedError
            Before fit.
        """
        inputs.check_lengths(X, y)
        rows = self._read_rows(X)
        self.network_.calibrate_intervals(rows, y)
        return self

    def input_gradient(self, X: Any, *, output: Any = None) -> Array:
        """Return the derivatives of the outputs with respect to X.

        They are those of the outputs before the link for the classifier and of ``predict`` for the regressor. For a
        table that is encoded, they refer to the encoded columns. ``input_names_`` has the names of the columns of the
        result; see :meth:`Network.input_gradient`.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.
        output : label or int, optional
            Output to differentiate: a label for the classifier, a column of y for the regressor. None: all outputs.

        Returns
        -------
        ndarray (m, k), or (m, n, k) for all of n > 1 outputs
            Derivatives in the network's dtype.
        """
        rows = self._read_rows(X)
        return self.network_.input_gradient(rows, output=output)

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether the estimator is fitted."""
        return hasattr(self, "network_")

    @property
    def feature_names_in_(self) -> Array:
        """Names of the columns of X (n_features_in_,), if X was a table whose names are texts."""
        if not hasattr(self, "network_"):
            sklearn_compat.raise_not_fitted(type(self).__name__)
        return self.network_.feature_names_in_

    @property
    def input_names_(self) -> Array:
        """Names of the inputs of the first layer, those of the columns of :meth:`input_gradient`; "x0", ... without."""
        if not hasattr(self, "network_"):
            sklearn_compat.raise_not_fitted(type(self).__name__)
        return self.network_.input_names_

    @property
    def out_activation_(self) -> str:
        """Activation of the last layer: "logistic", "softmax", "identity" or "exp"."""
        link = self.network_._configuration.activation_names[-1]
        return _LINKS.get(link, link)
