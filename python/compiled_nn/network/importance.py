"""Permutation importance: how much worse predictions become if the values of a column are permuted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .. import metrics
from ..artefact import refusals
from ..common import checks
from ..common.errors import count
from ..common.text import shortened
from ..data import arrays, sample_weights
from ..data.arrays import Array
from ..data.mixed_rows import MixedRows
from ..data.samples import Samples, check_lengths
from ..training.targets import read_targets
from .predicting import Predicting

if TYPE_CHECKING:
    from ..artefact.predictor import Predictor
    from ..metrics.scorers import Metric, MetricLike

Measure: TypeAlias = Callable[[Iterator[Samples]], float]  # a metric of the predictions for blocks of rows

_SHOWN = 30  # columns in the repr
_LONGEST = 40  # characters of a name in the repr


class PermutationImportance:
    """Importance of each column of X, by permutation.

    Attributes
    ----------
    importances : ndarray of float64 (k, n_repeats)
        Amount by which the metric became worse when a column was permuted, for each column and repeat.
    importances_mean, importances_std : ndarray of float64 (k,)
        Mean and standard deviation over the repeats.
    feature_names : tuple of str
        Names of the k columns, "x0", "x1", ... if they have none.
    metric : str
        Name of the metric.
    score : float
        Metric of the rows as they are.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> X = np.random.default_rng(0).normal(size=(500, 3))
    >>> y = 2 * X[:, 0] + X[:, 2]
    >>> result = cnn.permutation_importance(cnn.MLPRegressor(random_state=0).fit(X, y), X, y)
    >>> result.importances.shape, result.importances_mean.round(1).tolist()
    ((3, 5), [1.6, 0.0, 0.4])
    """

    def __init__(self, importances: Array, feature_names: tuple[str, ...], metric: str, score: float) -> None:
        self.importances = importances
        self.importances_mean: Array = importances.mean(axis=1)
        self.importances_std: Array = importances.std(axis=1)
        self.feature_names, self.metric, self.score = feature_names, metric, score

    @property
    def order(self) -> Array:
        """Indices of the columns (k,), the most important one first."""
        return np.argsort(-self.importances_mean, kind="stable")

    def rows(self) -> list[tuple[str, str, str]]:
        """Return the header and one row per column, the most important one first: name, mean and deviation."""
        body = [
            (self.feature_names[i], f"{self.importances_mean[i]:.4g}", f"{self.importances_std[i]:.2g}")
            for i in self.order.tolist()
        ]
        return [("column", "importance", "std"), *body]

    def _title(self) -> str:
        repeats = count(self.importances.shape[1], "repeat")
        return (
            f"Permutation importance by {self.metric}, which is {self.score:.4g} for all columns; {repeats}"
        )

    def __repr__(self) -> str:
        """Return a table of the columns, the most important one first."""
        lines = [(shortened(name, _LONGEST), mean, std) for name, mean, std in self.rows()]
        shown, more = lines[: _SHOWN + 1], len(lines) - _SHOWN - 1
        widths = [max(len(line[i]) for line in shown) for i in range(3)]
        table = [
            f"  {name:<{widths[0]}}  {mean:>{widths[1]}}  {std:>{widths[2]}}" for name, mean, std in shown
        ]
        return "\n".join([self._title(), *table, *([f"  and {more:,} more"] if more > 0 else [])])

    def _repr_html_(self) -> str:
        from ..display import notebook  # imported here to keep `import compiled_nn` fast

        return notebook.table_page(self._title(), self.rows())


def permutation_importance(
    model: Any,
    X: Any,
    y: Any,
    *,
    metric: MetricLike | None = None,
    n_repeats: int = 5,
    random_state: int | np.random.Generator | np.random.RandomState | None = 0,
    sample_weight: Any = None,
) -> PermutationImportance:
    """Measure how much worse a model predicts if the values of one column are permuted among the rows.

    The result has one importance for each column of X: of a table, each column before it is encoded, with its
    categories and its indicator of missing values together. A column of which the model makes no use has importance 0.
    Two columns with the same information may both have a small importance, although they are important together.
    Importances on the rows of fit show what the model has learned by heart; use rows that were held out.

    Parameters
    ----------
    model : Network, MLPClassifier or MLPRegressor
        Fitted model. It is not changed.
    X : array-like, table or sparse matrix (m, k), or images
        Rows, as for ``predict``; they are not changed. They are encoded once.
    y : array-like
        Labels or values, as for ``score``.
    metric : str, Metric or callable, optional
        Metric, as for :func:`compiled_nn.metrics.resolve`. Default: the metric of ``score``, which is the accuracy for
        classes and R^2 for values.
    n_repeats : int, default 5
        Number of permutations of each column.
    random_state : int, Generator, RandomState or None, default 0
        Seed of the permutations, or the generator of this seed. All columns have the same permutations, so that their
        importances do not depend on the order of the columns. None: another seed in each call.
    sample_weight : array-like (m,), optional
        Weight of each row in the metric, at least 0.

    Returns
    -------
    PermutationImportance
        Object with `importances_mean`, `importances_std` and `importances`, as that of scikit-learn, and with
        `feature_names`. Importances above 0 mean that the model uses the column: for a metric of which less is better,
        they are increases. It prints as a table, the most important column first.

    Raises
    ------
    NotFittedError
        If the model has no weights yet.
    TypeError, ValueError
        If an argument is invalid, or the metric is not for this model.

    Notes
    -----
    The memory in use, besides X and what it is encoded to, is that of a block of rows and of the predictions.

    References
    ----------
    .. [1] L. Breiman. Random Forests. Machine Learning 45, 2001, section 10.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> X = np.random.default_rng(0).normal(size=(500, 3))
    >>> model = cnn.MLPRegressor(random_state=0).fit(X, 2 * X[:, 0] + X[:, 2])
    >>> cnn.permutation_importance(model, X, 2 * X[:, 0] + X[:, 2]).order.tolist()
    [0, 2, 1]
    """
    owner = "permutation_importance"
    n_repeats = checks.integer(owner, "n_repeats", n_repeats, minimum=1)
    seed = _seed(owner, random_state)
    chosen = None if metric is None else metrics.resolve(metric, owner)
    net = getattr(model, "network_", model)
    if not isinstance(net, Predicting):
        if hasattr(model, "_read_rows"):
            model._read_rows(X)  # raises the error for an estimator that is not fitted
        raise TypeError(
            f"The 'model' parameter of {owner} must be a Network, MLPClassifier or MLPRegressor."
            f" Got {type(model).__name__} instead. For other models, use permutation_importance of scikit-learn."
        )
    check_lengths(X, y=y, sample_weight=sample_weight)
    predictor = net._predicting()
    inputs = predictor.inputs
    rows = inputs.read(X if net is model else model._read_rows(X))
    weights = sample_weights.check(sample_weight, len(rows))
    groups = np.arange(rows.shape[1]) if inputs.encoder is None else inputs.encoder.sources()
    mixed, plain = MixedRows(rows, groups), predictor.of_encoded()
    if chosen is None:
        measure = _score_of(net, plain, rows, y, weights)
    else:
        arrays.check_rows(rows, arrays.targets(y))
        measure = _metric_of(chosen, plain, y, weights, model)
    score = measure(mixed.blocks())
    worse = np.zeros((inputs.n_features, n_repeats))
    for group in np.unique(groups).tolist():
        generator = np.random.default_rng(seed)
        for repeat in range(n_repeats):
            order = generator.permutation(len(rows))
            worse[group, repeat] = score - measure(mixed.blocks(group, order))
    if chosen is not None and not chosen.greater_is_better:
        worse = 0 - worse  # without zeros that are negative
    name = _name_of_score(net) if chosen is None else chosen.name
    return PermutationImportance(worse, inputs.titles, name, score)


def _seed(owner: str, random_state: object) -> int | None:
    """Return a seed from `random_state`; that of a generator is drawn from it."""
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(1 << 63))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(1 << 31))
    if random_state is None:
        return int(np.random.default_rng().integers(1 << 63))
    return checks.integer(owner, "random_state", random_state, minimum=0)


def _joined(blocks: Iterator[Samples], predict: Callable[[Any], Array]) -> Array:
    return np.concatenate([predict(block) for block in blocks])


def _score_of(net: Predicting, plain: Predictor, rows: Samples, y: Any, weights: Array | None) -> Measure:
    """Return the function that computes the score of a network from blocks of rows."""
    encoded, targets = read_targets(net._configuration, rows, y, net._known_targets(), scaled=False)
    loss = targets.loss

    def of_values(blocks: Iterator[Samples]) -> float:
        return refusals.finite_score(loss.score(encoded, _joined(blocks, plain.values), weights))

    def of_labels(blocks: Iterator[Samples]) -> float:
        predicted = _joined(blocks, lambda block: targets.decode(plain.forward(block)))
        return metrics.accuracy(encoded >= 0.5, predicted == 1, weights)

    def of_classes(blocks: Iterator[Samples]) -> float:
        predicted = _joined(blocks, lambda block: loss.class_indices(plain.forward(block)))
        return metrics.accuracy(targets.indices(encoded), predicted, weights)

    return {"values": of_values, "indicator": of_labels}.get(targets.kind, of_classes)


def _metric_of(metric: Metric, plain: Predictor, y: Any, weights: Array | None, model: Any) -> Measure:
    """Return the function that computes a metric from blocks of rows."""
    probabilities = metric.needs == "probabilities"
    predict = plain.predict_proba if probabilities else plain.predict
    classes = model.classes_ if plain.outputs.loss.classifies else None
    return lambda blocks: metric(y, _joined(blocks, predict), sample_weight=weights, classes=classes)


def _name_of_score(net: Predicting) -> str:
    loss = net._configuration.loss
    return "accuracy" if loss.classifies else "d2_pinball" if loss.name == "quantile" else "r2"
