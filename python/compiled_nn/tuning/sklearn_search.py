"""SearchCV: a search with the interface of scikit-learn's GridSearchCV and RandomizedSearchCV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..common.errors import suggest_keywords
from ..estimators import sklearn_compat
from ..estimators.base import Perceptron
from ..estimators.parameters import ParameterAccess
from ..estimators.tabular.base import TabularBase
from .searching import search

if TYPE_CHECKING:
    from typing import Self

    from ..common.engine import Map
    from ..data.arrays import Array
    from ..training.together import Monitored
    from .outcomes import Results

_NESTED = "estimator__"


def _lacks(method: str) -> sklearn_compat.AvailableIf:
    """Return the decorator of a method that exists if the estimator has it."""

    def obstacle(search_: Any) -> str | None:
        estimator = getattr(search_, "best_estimator_", search_.estimator)
        if hasattr(type(estimator), method):
            return None
        return f"{type(estimator).__name__} has no method {method}."

    return sklearn_compat.AvailableIf(obstacle)


class SearchCV(ParameterAccess, sklearn_compat.SklearnMixin):
    """Search of hyper-parameters with the interface of scikit-learn's GridSearchCV and RandomizedSearchCV.

    The searches of scikit-learn fit each candidate for each fold by itself. This one trains all of them together, as
    :func:`compiled_nn.search` does, with the same attributes as a result. It works in pipelines and cross-validation of
    scikit-learn, and without scikit-learn.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, TabularClassifier or TabularRegressor
        Estimator whose parameters are searched. A pipeline is not supported: scaling and encoding of columns are
        parameters of the estimator, such as `standardize`. The tabular estimators validate their own members, so that
        `cv` must be None.
    space : dict
        Lists of values or distributions by parameter, as for :func:`compiled_nn.search`.
    n_candidates : int or None, default None
        Number of candidates that are drawn at random; None: all combinations, as GridSearchCV.
    cv : int, splitter, iterable of (rows, validation rows), or None, default None
        Number of folds, an object with the method ``split`` of scikit-learn's splitters, or pairs of indices. The
        validation rows of a split are all rows that are not trained on. None: 5 folds.
    monitor : {"val_score", "val_loss"}, default "val_score"
        Value by which candidates are compared: the accuracy or R², or the negative loss.
    halving : sequence of float, "auto" or None, default "auto"
        Fractions of the epochs after which the worse half of the candidates is dropped; None: all are trained to the
        end, as by GridSearchCV.
    random_state : int, RandomState, Generator or None, default None
        Seed, as for :func:`compiled_nn.search`.
    n_threads : int or None, default None
        Number of threads, which the candidates share.
    verbose : int, default 0
        1: a line is printed whenever candidates are compared.

    Attributes
    ----------
    best_estimator_ : estimator
        Best candidate, trained again on all rows for its best number of epochs.
    best_params_, best_score_, best_index_
        Parameters, mean score over the splits, and index of the best candidate.
    cv_results_ : dict of arrays
        "params", "param_<name>", "split<i>_test_score", "mean_test_score", "std_test_score", "rank_test_score" and
        "mean_fit_time" as in scikit-learn; higher scores are better. "best_epoch", "epochs" and "status" are those of
        :func:`compiled_nn.search`.
    n_splits_ : int
        Number of splits.

    See Also
    --------
    compiled_nn.search : The same as a function.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> model = cnn.MLPClassifier(standardize=True, max_iter=3, random_state=0)
    >>> search = cnn.tuning.SearchCV(model, {"learning_rate_init": [1e-4, 1e-2]}, cv=3, random_state=0)
    >>> search.fit(data.X_train, data.y_train).best_params_
    {'learning_rate_init': 0.01}
    >>> round(search.best_score_, 2), search.cv_results_["split2_test_score"].shape
    (0.95, (2,))
    """

    best_estimator_: Any

    @suggest_keywords("SearchCV")
    def __init__(
        self,
        estimator: Any,
        space: Mapping[str, Any],
        *,
        n_candidates: int | None = None,
        cv: Any = None,
        monitor: Monitored = "val_score",
        halving: Sequence[float] | Literal["auto"] | None = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.space = space
        self.n_candidates = n_candidates
        self.cv = cv
        self.monitor = monitor
        self.halving = halving
        self.random_state = random_state
        self.n_threads = n_threads
        self.verbose = verbose

    # ---- parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool, default True
            Whether the parameters of the estimator are included, as "estimator__<name>".

        Returns
        -------
        dict
            Parameters by name.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> search = cnn.tuning.SearchCV(cnn.MLPClassifier(max_iter=30), {"alpha": [1e-4, 1.0]}, cv=3)
        >>> search.get_params()["cv"], search.get_params()["estimator__max_iter"]
        (3, 30)
        """
        params = super().get_params()
        if deep and hasattr(self.estimator, "get_params"):
            own = self.estimator.get_params()
            params |= {f"{_NESTED}{name}": value for name, value in own.items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name.

        Parameters
        ----------
        **params
            New values; those of the estimator have the names "estimator__<name>".

        Returns
        -------
        self : SearchCV

        Raises
        ------
        ValueError
            If a name is not that of a parameter.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> search = cnn.tuning.SearchCV(cnn.MLPClassifier(), {"alpha": [1e-4, 1.0]})
        >>> search.set_params(cv=5, estimator__max_iter=30).estimator
        MLPClassifier(max_iter=30)
        """
        own = {name: value for name, value in params.items() if not name.startswith(_NESTED)}
        super().set_params(**own)
        nested = {name.removeprefix(_NESTED): params[name] for name in params.keys() - own.keys()}
        if nested:
            self.estimator.set_params(**nested)
        return self

    @property
    def _kind(self) -> str:  # type: ignore[override]
        kind: str = self.estimator._kind
        return kind

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: those of the estimator."""
        return self.estimator.__sklearn_tags__()

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether the search has a result."""
        return hasattr(self, "best_estimator_")

    # ---- training

    @suggest_keywords("estimator fit")
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None, map: Map | None = None
    ) -> Self:
        """Search, and train the best candidate again on all rows.

        Parameters
        ----------
        X, y : array-like
            Rows and targets, as for the fit of the estimator.
        sample_weight : array-like (m,), optional
            Weight of each row, at least 0.
        groups : array-like (m,), optional
            Group of each row. All rows of a group are validated together; a splitter receives the groups.
        map : callable or Engine, optional
            Function like the builtin ``map``, or an engine, over whose workers the candidates and folds are divided,
            as for :func:`compiled_nn.search`.

        Returns
        -------
        self : SearchCV

        Raises
        ------
        TypeError, ValueError, DivergenceError
            As :func:`compiled_nn.search`.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> model = cnn.MLPClassifier(standardize=True, max_iter=3, random_state=0)
        >>> search = cnn.tuning.SearchCV(model, {"hidden_layer_sizes": [2, 32]}, cv=2, random_state=0)
        >>> search.fit(data.X_train, data.y_train).best_estimator_
        MLPClassifier(hidden_layer_sizes=32, max_iter=3, random_state=0, standardize=True)
        """
        if not isinstance(self.estimator, (Perceptron, TabularBase)):
            raise TypeError(
                "The 'estimator' parameter of SearchCV must be MLPClassifier, MLPRegressor, TabularClassifier or"
                f" TabularRegressor. Got {type(self.estimator).__name__} instead."
            )
        best = search(
            self.estimator,
            X,
            y,
            space=self.space,
            n_candidates=self.n_candidates,
            sample_weight=sample_weight,
            monitor=self.monitor,
            halving=self.halving,
            random_state=self.random_state,
            n_threads=self.n_threads,
            verbose=self.verbose,
            map=map,
            **self._splits(X, y, groups),
        )
        self.cv_results_, self.n_splits_ = _cv_results(best.results_, self.monitor)
        self.best_estimator_, self.best_params_ = best, best.best_params_
        self.best_index_ = int(best.results_["rank"].argmin())
        self.best_score_ = float(self.cv_results_["mean_test_score"][self.best_index_])
        return self

    def _splits(self, X: Any, y: Any, groups: Any) -> dict[str, Any]:
        """Return the arguments of search that choose the validation rows."""
        cv = self.cv
        if isinstance(self.estimator, TabularBase):
            if cv is not None:
                raise ValueError(
                    f"cv={cv!r} has no effect with {type(self.estimator).__name__}, which validates its own members;"
                    " leave it out."
                )
            return {"validation_groups": groups}
        if cv is None or isinstance(cv, (int, np.integer)):
            return {
                "validation": "folds",
                "n_folds": None if cv is None else int(cv),
                "validation_groups": groups,
            }
        pairs = list(cv.split(X, y, groups) if hasattr(cv, "split") else cv)
        if not pairs:
            raise ValueError("cv has no splits; expected at least 1 pair of training and validation rows.")
        masks = np.zeros((len(pairs), len(y)), np.bool_)
        for i, (rows, held_out) in enumerate(pairs):
            masks[i, held_out] = True
            trained = np.zeros(len(y), np.bool_)
            trained[rows] = True
            if (trained == masks[i]).any():
                raise ValueError(
                    f"Split {i} of cv has {int(trained.sum())} training rows and {int(masks[i].sum())} validation rows"
                    f" of {len(y)}; each row must be in one of the two parts."
                )
        return {"validation": masks}

    # ---- the best estimator

    @property
    def classes_(self) -> Array:
        """Sorted labels of the best estimator.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(20)], ["low"] * 10 + ["high"] * 10
        >>> search = cnn.tuning.SearchCV(cnn.MLPClassifier(max_iter=3), {"alpha": [1e-4, 1.0]}, cv=2, random_state=0)
        >>> search.fit(X, y).classes_.tolist()
        ['high', 'low']
        """
        classes: Array = self._best().classes_
        return classes

    @property
    def n_features_in_(self) -> int:
        """Number of columns of X.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i), 0.0] for i in range(20)], ["low"] * 10 + ["high"] * 10
        >>> search = cnn.tuning.SearchCV(cnn.MLPClassifier(max_iter=3), {"alpha": [1e-4, 1.0]}, cv=2, random_state=0)
        >>> search.fit(X, y).n_features_in_
        2
        """
        n: int = self._best().n_features_in_
        return n

    @property
    def feature_names_in_(self) -> Array:
        """Names of the columns of X, if they are texts.

        Examples
        --------
        >>> import numpy as np
        >>> import compiled_nn as cnn
        >>> X, y = cnn.datasets.Table({"age": np.arange(20.0), "income": np.ones(20)}), ["low"] * 10 + ["high"] * 10
        >>> search = cnn.tuning.SearchCV(cnn.MLPClassifier(max_iter=3), {"alpha": [1e-4, 1.0]}, cv=2, random_state=0)
        >>> search.fit(X, y).feature_names_in_.tolist()
        ['age', 'income']
        """
        names: Array = self._best().feature_names_in_
        return names

    def _best(self) -> Any:
        if not hasattr(self, "best_estimator_"):
            sklearn_compat.raise_not_fitted("SearchCV")
        return self.best_estimator_

    def predict(self, X: Any) -> Array:
        """Return the predictions of the best estimator.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.

        Returns
        -------
        ndarray (m,) or (m, n_outputs)
            Labels or values, as by the estimator.

        Raises
        ------
        TypeError, ValueError
            If X has an invalid type, shape or value.
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(20)], ["low"] * 10 + ["high"] * 10
        >>> model = cnn.MLPClassifier(hidden_layer_sizes=(), standardize=True, learning_rate_init=0.1, max_iter=30)
        >>> search = cnn.tuning.SearchCV(model, {"alpha": [1e-4, 1.0]}, cv=2, random_state=0)
        >>> search.fit(X, y).predict([[0.0], [19.0]]).tolist()
        ['low', 'high']
        """
        predicted: Array = self._best().predict(X)
        return predicted

    @_lacks("predict_proba")
    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities of the best estimator.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.

        Returns
        -------
        ndarray (m, n_classes)
            Probabilities, with the columns in the order of ``classes_``.

        Raises
        ------
        TypeError, ValueError
            If X has an invalid type, shape or value.
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(20)], ["low"] * 10 + ["high"] * 10
        >>> model = cnn.MLPClassifier(hidden_layer_sizes=(), standardize=True, learning_rate_init=0.1, max_iter=30)
        >>> search = cnn.tuning.SearchCV(model, {"alpha": [1e-4, 1.0]}, cv=2, random_state=0)
        >>> search.fit(X, y).predict_proba([[0.0], [19.0]]).round(1)
        array([[0.3, 0.7],
               [0.7, 0.3]], dtype=float32)
        """
        p: Array = self._best().predict_proba(X)
        return p

    @_lacks("predict_log_proba")
    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of the probabilities of the best estimator.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.

        Returns
        -------
        ndarray (m, n_classes)
            Logarithms, with the columns in the order of ``classes_``.

        Raises
        ------
        TypeError, ValueError
            If X has an invalid type, shape or value.
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(20)], ["low"] * 10 + ["high"] * 10
        >>> model = cnn.MLPClassifier(hidden_layer_sizes=(), standardize=True, learning_rate_init=0.1, max_iter=30)
        >>> search = cnn.tuning.SearchCV(model, {"alpha": [1e-4, 1.0]}, cv=2, random_state=0)
        >>> search.fit(X, y).predict_log_proba([[0.0]]).round(1)
        array([[-1.3, -0.3]], dtype=float32)
        """
        logs: Array = self._best().predict_log_proba(X)
        return logs

    @_lacks("decision_function")
    def decision_function(self, X: Any) -> Array:
        """Return the outputs of the best estimator before the link.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.

        Returns
        -------
        ndarray (m,) or (m, n_outputs)
            Outputs, as by the estimator.

        Raises
        ------
        TypeError, ValueError
            If X has an invalid type, shape or value.
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(20)], ["high"] * 10 + ["low"] * 10
        >>> model = cnn.MLPClassifier(hidden_layer_sizes=(), standardize=True, learning_rate_init=0.1, max_iter=30)
        >>> search = cnn.tuning.SearchCV(model, {"alpha": [1e-4, 1.0]}, cv=2, random_state=0)
        >>> search.fit(X, y).decision_function([[0.0], [19.0]]).round(1)
        array([-1.1,  1.4], dtype=float32)
        """
        outputs: Array = self._best().decision_function(X)
        return outputs

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy or R^2 of the best estimator.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.
        y : array-like (m,) or (m, n)
            True labels or values.
        sample_weight : array-like (m,), optional
            Weight of each row.

        Returns
        -------
        float
            Score, as by the estimator.

        Raises
        ------
        TypeError, ValueError
            If X or y has an invalid type, shape or value.
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> model = cnn.MLPClassifier(standardize=True, learning_rate_init=0.01, max_iter=8, random_state=0)
        >>> search = cnn.tuning.SearchCV(model, {"hidden_layer_sizes": [2, 64]}, cv=2, random_state=0)
        >>> round(search.fit(data.X_train, data.y_train).score(data.X_test, data.y_test), 2)
        0.97
        """
        score: float = self._best().score(X, y, sample_weight)
        return score


def _cv_results(results: Results, monitor: Monitored) -> tuple[dict[str, Any], int]:
    """Return the results in the form of scikit-learn, and the number of splits."""
    sign = -1.0 if monitor == "val_loss" else 1.0
    splits = [sign * column for name, column in results.items() if name.startswith("split")]
    splits = splits or [sign * results[monitor]]
    found: dict[str, Any] = {"params": results["params"].tolist()}
    found |= {name: column for name, column in results.items() if name.startswith("param_")}
    found |= {f"split{i}_test_score": column for i, column in enumerate(splits)}
    found["mean_test_score"] = sign * results[monitor]
    found["std_test_score"] = np.std(splits, axis=0)
    found["rank_test_score"] = results["rank"].astype(np.int32)
    found["mean_fit_time"] = results["seconds"] / len(splits)
    found |= {name: results[name] for name in ("best_epoch", "epochs", "status")}
    return found, len(splits)
