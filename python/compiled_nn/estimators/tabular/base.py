"""Training of both tabular estimators: from a table to the choices, the networks and an ensemble of them."""

from __future__ import annotations

import math
from abc import abstractmethod
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.random import Generator, RandomState, SeedSequence

from ...common import clock
from ...common.errors import CompiledNNWarning, suggest_keywords, warn
from ...common.exclusive import exclusive, stored
from ...data.arrays import Array
from .. import inputs, sklearn_compat
from ..random_draws import random_state
from ..reading import Reading
from .parameters import TabularParameters
from .resolution import Resolution
from .table import Table, read_table

if TYPE_CHECKING:
    from typing import Self

    from ...artefact.read_rows import ReadRows
    from ...files.places import Readable, Writable
    from ...network.ensemble import Ensemble
    from ...network.network import Network
    from .report import Report
    from .target_kinds import TargetKind

_SHORTEST = 1e-3  # seconds that are left of a time limit, at least


class Prepared(NamedTuple):
    """Ensemble that is not trained yet, with the arguments of its fit.

    Attributes
    ----------
    ensemble : Ensemble
        Members with their initial parameters.
    X : ReadRows
        Rows.
    y : ndarray
        Targets.
    options : dict
        Other arguments of ``ensemble.fit``.
    table : Table
        Properties of the table.
    report : Report
        Choices that were made.
    """

    ensemble: Ensemble
    X: ReadRows
    y: Array
    options: dict[str, Any]
    table: Table
    report: Report


class TabularBase(Reading, TabularParameters, sklearn_compat.SklearnMixin):
    """Estimator of a table: an ensemble of networks whose settings follow from the table."""

    ensemble_: Ensemble
    report_: Report
    _label_dtype: np.dtype[Any]
    _used: Array | None  # indices of the rows of fit that have a weight above 0; None for all
    _n_rows: int  # number of rows of fit
    _encodes_arrays_only = True

    # ---- overridden by classifier and regressor

    @abstractmethod
    def _kind_of(self, y: Array, given: Any, used: Array | None, classes: Any) -> TargetKind:
        """Return the kind of y.

        Parameters
        ----------
        y : ndarray (m,) or (m, n)
            Targets.
        given : array-like
            Targets as the user has given them.
        used : ndarray of int, or None
            Indices of the rows of a weight above 0; None for all rows.
        classes : array-like or None
            All labels, if y lacks some of them.
        """

    # ---- training

    @suggest_keywords("estimator fit")
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        validation_data: Any = None,
        validation_groups: Any = None,
    ) -> Self:
        """Choose the settings that are "auto", and train the members.

        Parameters
        ----------
        X : array-like, data frame, list of dicts or sparse matrix (m, k)
            Rows of numbers, categories and dates, whose values may be missing. X is not changed.
        y : array-like (m,) or (m, n_outputs)
            Targets. For the classifier labels, or one 0/1 column per label; for the regressor numbers.
        sample_weight : array-like (m,), optional
            Weight of each row, at least 0. None: all rows have weight 1.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Rows by which the best epoch of each member is found, in place of a part of the training rows.
        validation_groups : array-like (m,), optional
            Group of each row: whole groups are held out.

        Returns
        -------
        self : estimator
            Fitted estimator.

        Raises
        ------
        TypeError, ValueError
            If a parameter, X, y or a weight has an invalid type, shape or value.
        TimeoutError
            If `time_limit` passes while the data are read and checked.
        DivergenceError
            If all members diverge.

        Notes
        -----
        After an exception, the estimator is as it was before.
        """
        return self._train(X, y, sample_weight, validation_data, validation_groups)

    @exclusive("")
    def _train(
        self, X: Any, y: Any, sample_weight: Any, validation_data: Any = None, groups: Any = None
    ) -> Self:
        prepared = self._prepared(X, y, sample_weight, validation_data, groups)
        prepared.ensemble.fit(prepared.X, prepared.y, **prepared.options)
        if prepared.ensemble.stop_reason_ == "interrupted":
            warn("Training interrupted by user.", CompiledNNWarning)
        self._keep(prepared)
        return self

    def _prepared(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Any,
        groups: Any,
        *,
        classes: Any = None,
    ) -> Prepared:
        """Return the untrained ensemble and the arguments of its fit; `classes`: all labels, if y lacks some."""
        start = perf_counter()
        self._check()
        inputs.check_lengths(X, y, sample_weight, groups)
        if validation_data is not None and groups is not None:
            raise ValueError("validation_groups must be None when validation_data is given.")
        deadline = math.inf if self.time_limit is None else start + self.time_limit
        table = clock.run_until(
            deadline, read_table, self, self._kind_of, X, y, sample_weight, groups, classes
        )
        resolution = Resolution(self, table, validates_given_rows=validation_data is not None)
        networks = resolution.networks(self._seeds(resolution.plan.n_members))
        options = {
            "sample_weight": table.weights,
            "validation_data": validation_data,
            "validation_groups": table.groups,
            **resolution.fit_options(),
            **self._class_weights(),
        }
        if self.time_limit is not None:
            options["time_limit"] = max(deadline - perf_counter(), _SHORTEST)
        ensemble = self._new_ensemble(networks, resolution)
        return Prepared(ensemble, table.rows_for(networks[0]), table.y, options, table, resolution.report())

    def _keep(self, prepared: Prepared) -> None:
        """Set the fitted attributes."""
        table = prepared.table
        self.ensemble_, self.report_ = prepared.ensemble, prepared.report
        self.n_features_in_ = prepared.ensemble.n_features_
        several = table.y.ndim == 2 and self._kind == "classifier"
        self._label_dtype = np.dtype(np.int64) if several else table.y.dtype
        self._used, self._n_rows = table.used, table.n_given

    def _seeds(self, n_members: int) -> Array:
        """Return a seed for each member."""
        state = self.random_state
        if isinstance(state, (RandomState, Generator)) or state is None:
            entropy = int(random_state(state).randint(1 << 31)) if state is not None else None
        else:
            random_state(state)  # raises an error for anything but an int
            entropy = int(state)
        return SeedSequence(entropy).generate_state(n_members)

    def _new_ensemble(self, networks: list[Network], resolution: Resolution) -> Ensemble:
        from ...network.ensemble import Ensemble  # imported here to keep `import compiled_nn` fast

        return Ensemble(
            networks,
            combine=resolution.combine(),
            calibrated=bool(self.calibrated),
            n_threads=self.n_threads,
        )

    def _class_weights(self) -> dict[str, Any]:
        """Return the argument of ``Ensemble.fit`` with the weights of classes."""
        return {}

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
        """
        if X is not None or not hasattr(self, "ensemble_"):
            return super().calibrate_intervals(X, y)
        self.ensemble_.calibrate_intervals(None, y)
        return self

    # ---- fitted attributes

    @property
    def network_(self) -> Any:  # type: ignore[override]
        """The ensemble: what all estimators have under this name."""
        return self.ensemble_

    @property
    def members_(self) -> list[Network]:
        """Networks of the ensemble, each of which predicts alone."""
        return list(self.ensemble_.members_)

    @property
    def oof_(self) -> Array:
        """Predictions of each row of X of fit by the members that were not trained on it; NaN where there is none.

        They are probabilities (m, n_classes), or values (m,) or (m, n_outputs) in units of y.
        """
        predicted = self.ensemble_.oof_
        if self._used is None:
            return predicted
        whole = np.full((self._n_rows, *predicted.shape[1:]), np.nan, predicted.dtype)
        whole[self._used] = predicted
        return whole

    @property
    def weights_(self) -> Array:
        """Weight of each member in the predictions (n_members,)."""
        return self.ensemble_.weights_

    @property
    def best_epochs_(self) -> Array:
        """Epoch of each member with the lowest validation loss (n_members,)."""
        return self.ensemble_.best_epochs_

    @property
    def history_(self) -> dict[str, list[Any]]:
        """Columns of ``Ensemble.history``, with one entry per epoch."""
        return self.ensemble_.history

    @property
    def n_iter_(self) -> int:
        """Number of epochs of the longest training of a member."""
        return len(self.ensemble_.history["epoch"])

    @property
    def stop_reason_(self) -> str | None:
        """Reason for the end of training."""
        return self.ensemble_.stop_reason_

    @property
    def metadata_(self) -> dict[str, Any]:
        """Content of the user, as in :class:`Network`: anything that JSON can express, by name. Files contain it."""
        return self.ensemble_.metadata

    # ---- files

    def save(self, path: Writable, *, metadata: dict[str, Any] | None = None) -> None:
        """Write parameters, choices and the ensemble to one safetensors file.

        ``compiled_nn.load`` reads the ensemble from it. The file does not contain ``oof_`` and the history; pickle,
        deepcopy and joblib keep them.

        Parameters
        ----------
        path : str, path-like or binary file object
            File to write; an existing file is replaced.
        metadata : dict, optional
            Content of the user in the file, which the loaded estimator has as `metadata_`. Default: that of this
            estimator.

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
        """
        from . import files  # imported here to keep other uses of the estimators fast

        if not hasattr(self, "ensemble_"):
            sklearn_compat.raise_not_fitted(type(self).__name__)
        files.write(path, self, metadata)

    @classmethod
    def load(cls, path: Readable, *, mmap: bool = False) -> Self:
        """Read an estimator written by :meth:`save`; its predictions are bit for bit the same.

        Parameters
        ----------
        path : str, path-like, bytes or binary file object
            File to read, or its content.
        mmap : bool, default False
            Whether the file is mapped into memory while it is read; see :func:`compiled_nn.load`.

        Returns
        -------
        estimator
            Estimator of this class. Its parameters that are sequences are tuples.

        Raises
        ------
        FileNotFoundError
            If the file does not exist.
        ValueError
            If the file is not that of an estimator of this class. Loading never runs code from the file.
        """
        from . import files

        loaded: Self = files.read(path, cls, mmap=mmap)
        return loaded

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

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def __getstate__(self) -> dict[str, Any]:
        return stored(vars(self))
