"""Estimators on Dask: their own parameters, fit on shards, and what they take from the fitted plain estimator."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import dask

from ..callbacks.checkpoint import Checkpoint
from ..common import checks
from ..common.errors import suggest_keywords
from ..distributed.cost import MODES, check_steps
from ..distributed.engine import same
from ..distributed.rows import ShardedRows
from ..estimators import sklearn_compat
from ..estimators.parameters import ParameterAccess
from . import memory
from .clients import client_of
from .engine import DaskEngine
from .parts import is_lazy, named_y, parts_of, split_columns
from .prediction import is_collection, predict

if TYPE_CHECKING:
    import os
    from typing import Self

    from ..distributed.cost import Mode
    from ..distributed.pace import Pace

_LOCAL = "model_"  # attribute of the fitted plain estimator


@dataclass(kw_only=True, eq=False, repr=False)
class DaskParameters(ParameterAccess):
    """Parameters that the estimators on Dask have besides those of the plain ones."""

    client: Any = None
    mode: Mode = "averaging"
    n_shards: int | None = None
    steps_per_average: int | Literal["auto"] = "auto"
    in_memory: bool | Literal["auto"] = "auto"
    timeout: float | None = None
    retries: int = 0


@dataclass(kw_only=True, eq=False, repr=False)
class CheckpointParameters(DaskParameters):
    """Parameters of the estimators that train one network."""

    checkpoint: str | os.PathLike[str] | None = None


class DaskEstimator(DaskParameters):
    """Base class of the estimators on Dask: a plain estimator that is trained on shards.

    Attributes
    ----------
    model_ : estimator
        Fitted plain estimator, which needs no Dask.
    pace_ : compiled_nn.distributed.pace.Pace
        Times of the rounds, documented in :class:`compiled_nn.distributed.ShardedRows`.
    """

    _plain: ClassVar[Callable[..., Any]]  # class of the plain estimator
    _lazy: ClassVar[tuple[str, ...]]  # its methods that predict rows
    model_: Any
    pace_: Pace

    @suggest_keywords("estimator fit")
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, validation_data: Any = None) -> Self:
        """Train on shards of rows that are on the workers of a Dask cluster.

        Parameters
        ----------
        X : Dask array or data frame, path, list of delayed objects, array-like or table (m, k)
            Rows. A path, a pattern such as ``rows/*.parquet``, a folder, or a list of them is that of Parquet files,
            which the workers read. Arrays and tables in memory are cut into parts and sent to the workers.
        y : collection, array-like (m,) or (m, n_outputs), or str
            Targets with the partitions of X; or the name of the column of X that has them. Left out where X is a list
            of delayed objects that have pairs (X, y), or triples with weights.
        sample_weight : collection, array-like (m,), or str, optional
            Weight of each row, or the name of the column of X that has it. None: all rows have weight 1.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Rows for validation, which are gathered in this process.

        Returns
        -------
        self : estimator
            Fitted estimator.

        Raises
        ------
        TypeError, ValueError
            If a parameter, X, y or a weight has an invalid type, shape or value, or there is no client. An error of a
            part names it, and its shard.
        TimeoutError
            If a task took longer than `timeout`, after `retries`.
        RuntimeError
            If the workers that ran a task ended, again and again.
        """
        self._check_own_parameters()
        plain = self._begun()
        with client_of(self._owner, self.client) as client:
            engine = DaskEngine(client, timeout=self.timeout, retries=self.retries)
            try:
                with client.as_current():
                    held_out = _gathered(validation_data)
                rows = self._rows(engine, X, y, sample_weight)
                try:
                    plain.fit(rows, validation_data=held_out)
                finally:
                    if hasattr(rows, "pace_"):
                        self.pace_ = rows.pace_
            finally:
                engine.close()
                if getattr(self, "checkpoint", None) is not None:
                    plain.callbacks = self.callbacks  # a model with other callbacks could not be saved
                if plain.__sklearn_is_fitted__():  # also after an exception during training
                    self.model_ = plain
        return self

    def to_local(self) -> Any:
        """Return the fitted plain estimator, which needs no Dask.

        Returns
        -------
        MLPClassifier, MLPRegressor, TabularClassifier or TabularRegressor

        Raises
        ------
        NotFittedError
            Before fit.
        """
        if not self.__sklearn_is_fitted__():
            sklearn_compat.raise_not_fitted(self._owner)
        return self.model_

    def predict(self, X: Any) -> Any:
        """Predict rows: labels of a classifier, values of a regressor.

        Parameters
        ----------
        X : Dask array or data frame, or anything that the plain estimator predicts
            Rows.

        Returns
        -------
        Dask array or series, or ndarray
            Predictions; those of a collection are computed when they are needed, with the model once for each worker.
            :func:`compiled_nn.dask.predict` describes their form.
        """
        return predict(self.to_local(), X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of a classifier, or R^2 of a regressor.

        Parameters
        ----------
        X : Dask array or data frame, or anything that the plain estimator predicts
            Rows. Those of a collection stay on the workers; their predictions are gathered.
        y : collection, array-like, or str
            True labels or values, or the name of their column in X.
        sample_weight : collection or array-like, optional
            Weight of each row.

        Returns
        -------
        float
        """
        model = self.to_local()
        if not is_collection(X):
            X, (y,) = split_columns(X, [y])
            return float(model.score(X, y, sample_weight))
        X, y = named_y(X, y)
        with nullcontext() if self.client is None else self.client.as_current():
            gathered = dask.compute(predict(model, X), y, sample_weight)
        return self._score_of(*gathered)

    def _score_of(self, predicted: Any, y: Any, sample_weight: Any) -> float:
        """Return the score of predictions (m,) or (m, n)."""
        raise NotImplementedError

    # ---- fit

    def _begun(self) -> Any:
        """Return the plain estimator: a new one, or with ``warm_start=True`` the fitted one."""
        own = {field.name for field in fields(CheckpointParameters)}
        parameters = {name: value for name, value in self.get_params().items() if name not in own}
        checkpoint = getattr(self, "checkpoint", None)
        if checkpoint is not None:
            parameters["callbacks"] = [
                *(parameters["callbacks"] or ()),
                Checkpoint(checkpoint, resume=True),
            ]
        if parameters.get("warm_start") and self.__sklearn_is_fitted__():
            return self.model_.set_params(**parameters)
        return type(self)._plain(**parameters)

    def _check_own_parameters(self) -> None:
        """Raise TypeError or ValueError if a parameter that the plain estimator does not have is not valid."""
        owner = self._owner
        checks.choice(owner, "mode", self.mode, MODES)
        check_steps(owner, self.steps_per_average)
        checks.flag_or_choice(owner, "in_memory", self.in_memory, ("auto",))
        if self.timeout is not None:
            checks.real(owner, "timeout", self.timeout, above=0)
        checks.integer(owner, "retries", self.retries, minimum=0)

    def _rows(self, engine: DaskEngine, X: Any, y: Any, sample_weight: Any) -> ShardedRows:
        n_shards = checks.optional_integer(self._owner, "n_shards", self.n_shards, minimum=1)
        n_shards = n_shards or engine.n_workers or 1
        parts = parts_of(X, y, sample_weight, n_shards)
        sources, in_memory = parts.sources, self.in_memory
        if parts.are_local:
            ranks = [number % n_shards for number in range(len(sources))]
            sources = engine.hold(same, [(source,) for source in sources], ranks)
        if in_memory == "auto":
            in_memory = parts.are_local or memory.fits(engine, sources, parts.n_bytes)
        return ShardedRows(
            sources,
            engine=engine,
            n_shards=self.n_shards,
            mode=self.mode,
            steps_per_average=self.steps_per_average,
            in_memory=in_memory,
        )

    # ---- what the fitted plain estimator has

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the fitted plain estimator; methods that predict take collections."""
        if name.startswith("_") or name == _LOCAL:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if name == "partial_fit":
            raise AttributeError(
                f"{type(self).__name__} of compiled_nn.dask has no partial_fit. Use fit, with warm_start=True to"
                " continue, or partial_fit of to_local(), which trains in this process."
            )
        if _LOCAL not in vars(self):
            if hasattr(type(self)._plain, name) and name not in self._lazy:
                sklearn_compat.raise_not_fitted(self._owner)  # which is an AttributeError
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r} before fit")
        return getattr(self.model_, name)

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether the estimator is fitted."""
        return _LOCAL in vars(self)

    def __sklearn_clone__(self) -> Self:
        """Return an estimator with the same parameters that is not fitted; the client is not copied."""
        parameters = self.get_params()
        client = parameters.pop("client")
        return type(self)(client=client, **copy.deepcopy(parameters))

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: those of the plain estimator."""
        return self._begun().__sklearn_tags__()

    def __getstate__(self) -> dict[str, Any]:
        """Return parameters and model without the client, which is a connection."""
        return {**vars(self), "client": None}

    def _repr_html_(self) -> str:
        """Return the HTML for a notebook: the parameters and, after fit, the network."""
        from ..display import notebook  # imported here to keep `import compiled_nn.dask` fast

        net = getattr(vars(self).get(_LOCAL), "network_", None)
        return notebook.estimator_page(self._owner, self.get_params(), self.changed(), net)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def _gathered(validation_data: Any) -> Any:
    """Return validation data in this process; a y that is the name of a column, as its values."""
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
        return validation_data
    if any(is_lazy(each) for each in validation_data):
        validation_data = dask.compute(*validation_data)
    X, others = split_columns(validation_data[0], validation_data[1:])
    return (X, *others)
