"""A fitted tabular estimator: its attributes, diagnosis, files and display."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.arrays import Array
from ...data.marks import marks_of
from .. import inputs, sklearn_compat
from ..reading import Reading
from .parameters import TabularParameters

if TYPE_CHECKING:
    from typing import Self

    from ...files.places import Writable
    from ...network.diagnosis.findings import Diagnosis
    from ...network.ensemble import Ensemble
    from ...network.network import Network
    from .report import Report

# Names of the parameters of a network that the estimators have under another name.
_NAMES = {"epochs": "max_iter", "seed": "random_state", "learning_rate": "learning_rate_init"}


class TabularFitted(Reading, TabularParameters, sklearn_compat.SklearnMixin):
    """Base class of the tabular estimators: what is available after fit."""

    ensemble_: Ensemble
    report_: Report
    _label_dtype: np.dtype[Any]
    _used: Array | None  # indices of the rows of fit that have a weight above 0; None for all
    _n_rows: int  # number of rows of fit
    _encodes_arrays_only = True
    _marks: tuple[int, ...] = ()  # of the y of fit

    # ---- uncertainty and diagnosis

    def calibrate_intervals(self, X: Any, y: Any) -> Self:
        """Calibrate prediction sets or intervals on rows that were held out of fit.

        Parameters
        ----------
        X : array-like or None
            Rows that were not used to fit. None: the rows of fit, by their out-of-fold predictions ``oof_``, so that no
            further rows have to be held out; see :meth:`Ensemble.calibrate_intervals`.
        y : array-like
            Targets of these rows, or of all rows of fit.

        Returns
        -------
        self : estimator
            Calibrated estimator.

        Raises
        ------
        TypeError, ValueError
            If X or y is invalid, or y has several labels per row.
        AttributeError
            If X is None and there are no out-of-fold predictions.
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import numpy as np
        >>> import compiled_nn as cnn
        >>> X = np.linspace(0, 1, 80).reshape(-1, 1)
        >>> y = X[:, 0] + 0.1 * (-1.0) ** np.arange(80)  # 0.1 above or below the line
        >>> model = cnn.TabularRegressor(n_members=2, max_iter=30, random_state=0).fit(X, y)
        >>> lower, upper = model.calibrate_intervals(None, y).predict_interval([[0.5]], coverage=0.9)
        >>> (upper - lower).round(1).tolist()
        [0.3]
        """
        if X is not None or not hasattr(self, "ensemble_"):
            return super().calibrate_intervals(X, y)
        n_rows = len(self.oof_)  # raises an error if there are no such predictions
        labels = inputs.read_targets(self._owner, y, n_rows)
        self.ensemble_.calibrate_intervals(None, labels if self._used is None else labels[self._used])
        return self

    def diagnose(self, X: Any, y: Any, *, held_out: bool = False) -> Diagnosis:
        """Search for problems that keep the estimator from learning, and compare it with baselines.

        The findings are described at :meth:`Network.diagnose`; those about units and training are of the first member.
        The last one, "no_better_than_baseline", says that the estimator is not better than the largest class or the
        mean of y, or than a linear model, by more than a standard error on the same held-out rows.

        Parameters
        ----------
        X, y : array-like
            Samples and targets, as for :meth:`fit`; at most 4096 rows are used, drawn at random. For the rows of fit,
            the comparison uses ``oof_``: predictions by members that were trained on other rows.
        held_out : bool, default False
            Whether the rows were not used to fit, so that the comparison uses the predictions for them.

        Returns
        -------
        Diagnosis
            Tuple of findings, which prints as a table. The `change` of a finding has the parameters that carry out its
            remedy: ``estimator.set_params(**finding.change)``.

        Raises
        ------
        TypeError, ValueError
            If X or y has an invalid type, shape or value.
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import numpy as np
        >>> import compiled_nn as cnn
        >>> X, y = np.random.default_rng(0).normal(size=(2, 200, 1))  # y does not depend on X
        >>> model = cnn.TabularRegressor(n_members=2, max_iter=10, random_state=0).fit(X, y[:, 0])
        >>> [finding.name for finding in model.diagnose(X, y[:, 0])]
        ['no_information', 'no_better_than_baseline']
        """
        inputs.check_lengths(X, y)
        rows = self._read_rows(X)
        targets = inputs.read_targets(self._owner, y, None)
        predicted = None
        if held_out:
            predicted = self.predict_proba(rows) if self._kind == "classifier" else self.predict(rows)  # type: ignore[attr-defined]
        elif self._marks == marks_of(targets) and hasattr(self, "oof_"):
            predicted = self.oof_
        if predicted is not None:
            predicted = np.reshape(predicted, (len(targets), -1))
        member = self.members_[0]
        return member._diagnosed(rows, targets, True, self._translated, held_out=predicted)

    def _translated(self, change: Mapping[str, Any]) -> dict[str, Any]:
        """Return a change of a diagnosis as parameters of the estimator; others than its parameters are left out."""
        parameters = {_NAMES.get(name, name): value for name, value in change.items()}
        if "layers" in parameters:
            hidden = parameters.pop("layers")[:-1]
            parameters["hidden_layer_sizes"] = tuple(layer.units for layer in hidden)
        known = self.get_params()
        return {name: value for name, value in parameters.items() if name in known}

    def _with_network(self, network: Any) -> Self:
        other = copy(self)
        other.ensemble_ = network
        return other

    # ---- fitted attributes

    @property
    def network_(self) -> Any:  # type: ignore[override]
        """The ensemble: what all estimators have under this name.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(40)], [3.0 * i for i in range(40)]
        >>> model = cnn.TabularRegressor(n_members=2, max_iter=5, random_state=0).fit(X, y)
        >>> type(model.network_).__name__, len(model.network_.members_)
        ('Ensemble', 2)
        """
        return self.ensemble_

    @property
    def members_(self) -> list[Network]:
        """Networks of the ensemble, each of which predicts alone.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(40)], [3.0 * i for i in range(40)]
        >>> model = cnn.TabularRegressor(n_members=2, max_iter=40, random_state=0).fit(X, y)
        >>> [member.predict([[20.0]]).round().tolist() for member in model.members_]
        [[60.0], [61.0]]
        """
        return list(self.ensemble_.members_)

    @property
    def oof_(self) -> Array:
        """Predictions of each row of X of fit by the members that were not trained on it; NaN where there is none.

        They are probabilities (m, n_classes), or values (m,) or (m, n_outputs) in units of y.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(40)], [3.0 * i for i in range(40)]
        >>> model = cnn.TabularRegressor(n_members=2, validation="folds", max_iter=40, random_state=0).fit(X, y)
        >>> model.oof_.shape, round(cnn.metrics.r2_score(y, model.oof_), 2)
        ((40,), 1.0)
        """
        predicted = self.ensemble_.oof_
        if self._used is None:
            return predicted
        whole = np.full((self._n_rows, *predicted.shape[1:]), np.nan, predicted.dtype)
        whole[self._used] = predicted
        return whole

    @property
    def weights_(self) -> Array:
        """Weight of each member in the predictions (n_members,).

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(40)], [3.0 * i for i in range(40)]
        >>> model = cnn.TabularRegressor(n_members=2, max_iter=5, random_state=0).fit(X, y)
        >>> model.weights_.tolist()
        [0.5, 0.5]
        """
        return self.ensemble_.weights_

    @property
    def best_epochs_(self) -> Array:
        """Epoch of each member with the lowest validation loss (n_members,).

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(40)], [3.0 * i for i in range(40)]
        >>> model = cnn.TabularRegressor(n_members=2, max_iter=5, random_state=0).fit(X, y)
        >>> model.best_epochs_.tolist()
        [5, 5]
        """
        return self.ensemble_.best_epochs_

    @property
    def history_(self) -> dict[str, list[Any]]:
        """Columns of ``Ensemble.history``, with one entry per epoch.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(40)], [3.0 * i for i in range(40)]
        >>> model = cnn.TabularRegressor(n_members=2, max_iter=5, random_state=0).fit(X, y)
        >>> model.history_["epoch"], model.history_["val_loss"][0] > model.history_["val_loss"][-1]
        ([1, 2, 3, 4, 5], True)
        """
        return self.ensemble_.history

    @property
    def n_iter_(self) -> int:
        """Number of epochs of the longest training of a member.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(40)], [3.0 * i for i in range(40)]
        >>> model = cnn.TabularRegressor(n_members=2, max_iter=5, random_state=0).fit(X, y)
        >>> model.n_iter_
        5
        """
        return len(self.ensemble_.history["epoch"])

    @property
    def stop_reason_(self) -> str | None:
        """Reason for the end of training.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(40)], [3.0 * i for i in range(40)]
        >>> model = cnn.TabularRegressor(n_members=2, max_iter=5, random_state=0).fit(X, y)
        >>> model.stop_reason_
        'max_iter'
        """
        return self.ensemble_.stop_reason_

    # ---- files

    def save(self, path: Writable, *, metadata: dict[str, Any] | None = None, mappable: bool = False) -> None:
        """Write parameters, choices and the ensemble to one safetensors file.

        ``compiled_nn.load`` reads the ensemble from it. The file does not contain ``oof_`` and the history; pickle,
        deepcopy and joblib keep them.

        Parameters
        ----------
        path : str, path-like or binary file object
            File to write; an existing file is replaced.
        metadata : dict, optional
            Content of the user in the file, which the loaded estimator has as `metadata_`. Some keys have a fixed form,
            see docs/guide/files.md. Default: that of this estimator.
        mappable : bool, default False
            Whether processes that load the file with ``mmap=True`` share its weights; see :meth:`Network.save`.

        Raises
        ------
        NotFittedError
            Before fit.
        TypeError
            If a parameter is an object that JSON cannot represent, such as a RandomState; or has an invalid type.
        ValueError
            If a parameter has an invalid value, which was set after fit.
        OSError
            If the file cannot be written; an existing file is then unchanged.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(40)], [3.0 * i for i in range(40)]
        >>> model = cnn.TabularRegressor(n_members=2, max_iter=40, random_state=0).fit(X, y)
        >>> model.save("model.safetensors")
        >>> loaded = cnn.TabularRegressor.load("model.safetensors")
        >>> loaded.predict([[20.0]]).tolist() == model.predict([[20.0]]).tolist()
        True
        """
        self._network()  # raises an error before fit
        self._files().write(path, self, self.ensemble_, self.report_, self._label_dtype, metadata, mappable)

    @staticmethod
    def _files() -> Any:
        from . import files  # imported here to keep `import compiled_nn` fast

        return files

    def _restore(self, ensemble: Ensemble, report: Report, label_dtype: np.dtype[Any]) -> None:
        """Set the fitted attributes that a file has."""
        ensemble.n_threads = self.n_threads
        self.ensemble_, self.report_, self._label_dtype = ensemble, report, label_dtype
        self.n_features_in_, self._used, self._n_rows = ensemble.n_features_, None, 0

    # ---- display

    def _repr_html_(self) -> str:
        """Return the HTML for a notebook: the parameters and, after fit, the choices with their reasons."""
        from ...display import notebook  # imported here to keep `import compiled_nn` fast

        report = getattr(self, "report_", None)
        return notebook.estimator_page(
            type(self).__name__,
            self.get_params(),
            self.changed(),
            self.members_[0] if report is not None else None,
            report=None if report is None else report.rows(),
        )
