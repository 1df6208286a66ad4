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
from ...common.exclusive import exclusive
from ...data.arrays import Array
from ...training.sharded import Sharded
from .. import inputs
from ..random_draws import random_state
from . import shards
from .fitted import TabularFitted
from .resolution import Resolution
from .table import Table, read_table

if TYPE_CHECKING:
    from typing import Self

    from ...common.engine import Map
    from ...network.ensemble import Ensemble
    from ...network.network import Network
    from ...training.targets import Targets
    from .report import Report
    from .target_kinds import TargetKind

_SHORTEST = 1e-3  # seconds that are left of a time limit, at least


class Prepared(NamedTuple):
    """Ensemble that is not trained yet, with the arguments of its fit.

    Attributes
    ----------
    ensemble : Ensemble
        Members with their initial parameters.
    X : ReadRows or KnownRows
        Rows.
    y : ndarray or None
        Targets; None for sharded rows, which have them.
    options : dict
        Other arguments of ``ensemble.fit``.
    table : Table
        Properties of the table.
    report : Report
        Choices that were made.
    """

    ensemble: Ensemble
    X: Any
    y: Any
    options: dict[str, Any]
    table: Table
    report: Report


class TabularBase(TabularFitted):
    """Estimator of a table: an ensemble of networks whose settings follow from the table."""

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

    @abstractmethod
    def _targets_of(self, y: Array) -> Targets:
        """Return the encoding of y, of which sharded rows have all labels, or some values."""

    @abstractmethod
    def _kind_of_counts(self, y: Array, classes: Array | None, counts: Array | None) -> TargetKind:
        """Return the kind of a y of which there is a sample; `counts` are the rows of each class in all shards."""

    # ---- training

    @suggest_keywords("estimator fit")
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        validation_data: Any = None,
        validation_groups: Any = None,
        map: Map | None = None,
    ) -> Self:
        """Choose the settings that are "auto", and train the members.

        Parameters
        ----------
        X : array-like, data frame, list of dicts or sparse matrix (m, k)
            Rows of numbers, categories and dates, whose values may be missing. X is not changed. Or a
            :class:`compiled_nn.distributed.ShardedRows`, whose parts have y and the weights: y is then left out, all
            members validate the same rows, and there is no ``oof_``.
        y : array-like (m,) or (m, n_outputs)
            Targets. For the classifier labels, or one 0/1 column per label; for the regressor numbers.
        sample_weight : array-like (m,), optional
            Weight of each row, at least 0. None: all rows have weight 1.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Rows by which the best epoch of each member is found, in place of a part of the training rows.
        validation_groups : array-like (m,), optional
            Group of each row: whole groups are held out.
        map : callable or Engine, optional
            Function like the builtin ``map``, or an engine: the members are divided over its workers, with the same
            result, as for :meth:`Ensemble.fit`.

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

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31, 48, None, 60] * 10, "city": ["Ulm", "Bonn", "Ulm", None] * 10}
        >>> model = cnn.TabularClassifier(n_members=2, max_iter=20, random_state=0)
        >>> model.fit(X, ["no", "yes", "no", "yes"] * 10).score(X, ["no", "yes", "no", "yes"] * 10)
        1.0
        """
        return self._train(X, y, sample_weight, validation_data, validation_groups, map)

    @exclusive("")
    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Any = None,
        groups: Any = None,
        map: Map | None = None,
    ) -> Self:
        prepared = self._prepared(X, y, sample_weight, validation_data, groups)
        prepared.ensemble.fit(prepared.X, prepared.y, **prepared.options, map=map)
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
        deadline = math.inf if self.time_limit is None else start + self.time_limit
        if isinstance(X, Sharded):
            shards.check(self, y, sample_weight, groups)
            holds_out = validation_data is None and self.validation is not None
            table = shards.read_shards(
                self,
                X,
                self._targets_of,
                self._kind_of_counts,
                classifies=self._kind == "classifier",
                holds_out=holds_out,
                deadline=deadline,
            )
        else:
            inputs.check_lengths(X, y, sample_weight, groups)
            if validation_data is not None and groups is not None:
                raise ValueError("validation_groups must be None when validation_data is given.")
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
        rows: Any = table.rows_for(networks[0])
        if isinstance(X, Sharded):
            rows, targets = shards.rows_for(networks[0], X, table), None
        else:
            targets = table.y
        return Prepared(ensemble, rows, targets, options, table, resolution.report())

    def _keep(self, prepared: Prepared) -> None:
        """Set the fitted attributes."""
        table = prepared.table
        self.ensemble_, self.report_ = prepared.ensemble, prepared.report
        self.n_features_in_ = prepared.ensemble.n_features_
        several = table.y.ndim == 2 and self._kind == "classifier"
        self._label_dtype = np.dtype(np.int64) if several else table.y.dtype
        self._used, self._n_rows, self._marks = table.used, table.n_given, table.marks

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
            shared_weights=bool(self.shared_weights),
            calibrated=bool(self.calibrated),
            n_threads=self.n_threads,
        )

    def _class_weights(self) -> dict[str, Any]:
        """Return the argument of ``Ensemble.fit`` with the weights of classes."""
        return {}
