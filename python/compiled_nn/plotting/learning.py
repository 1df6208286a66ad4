"""Picture of the score by the number of training rows."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..common import checks
from ..data import arrays, dataframes, rows
from ..data.arrays import Array
from ..network.network import Network
from . import canvas

_KEPT = 2  # rows of each class that every training part has
_MOST_SCORED = 10_000  # training rows on which a score is computed


class LearningCurveDisplay(canvas.Display):
    """Score on the training rows and on validation rows, over the number of training rows.

    It is created by :meth:`from_estimator`. Where the curve of validation still rises at its end, more rows would help;
    where both curves are flat and close, they would not.

    Parameters
    ----------
    train_sizes : ndarray of int (n,)
        Numbers of training rows.
    train_scores, validation_scores : ndarray (n, n_repeats)
        Scores of each number and repetition.
    score_name : str, default "score"
        Name of the score.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the curves.
    figure_ : matplotlib.figure.Figure
        Figure of `ax_`.
    lines_ : list of matplotlib.lines.Line2D
        Means over the repetitions: training, then validation.

    See Also
    --------
    LossCurveDisplay : Loss of each epoch.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.plotting import LearningCurveDisplay
    >>> data = cnn.datasets.load_digits()
    >>> model = cnn.MLPClassifier(standardize=True, learning_rate_init=0.01, max_iter=5, random_state=0)
    >>> display = LearningCurveDisplay.from_estimator(model, data.X_train, data.y_train)
    >>> display.train_sizes.tolist()
    [115, 374, 632, 891, 1150]
    >>> display.validation_scores.mean(axis=1).round(2)
    array([0.85, 0.92, 0.96, 0.97, 0.97])
    >>> display.figure_.savefig("learning.png")
    """

    def __init__(
        self, *, train_sizes: Array, train_scores: Array, validation_scores: Array, score_name: str = "score"
    ) -> None:
        self.train_sizes = train_sizes
        self.train_scores = train_scores
        self.validation_scores = validation_scores
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls,
        net: Any,
        X: Any,
        y: Any,
        *,
        train_sizes: Sequence[float] = (0.1, 0.325, 0.55, 0.775, 1.0),
        validation_fraction: float = 0.2,
        n_repeats: int = 3,
        random_state: int = 0,
        fit_params: dict[str, Any] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> LearningCurveDisplay:
        """Train copies of an estimator on parts of the rows, and draw their scores.

        The copies start from new weights; `net` is not changed. With the defaults the work is that of eight trainings
        on all rows.

        Parameters
        ----------
        net : Network, MLPClassifier, MLPRegressor, or estimator with `fit` and `score`
            Estimator; it need not be fitted.
        X : array-like or table (m, k)
            Rows.
        y : array-like (m,)
            Labels or values.
        train_sizes : sequence of float (n,), default (0.1, 0.325, 0.55, 0.775, 1.0)
            Shares of the training rows, above 0 to 1. Each part contains the smaller ones, and, of a classifier, at
            least two rows of each class.
        validation_fraction : float, default 0.2
            Share of the rows on which the copies are scored, drawn again in each repetition, with equal shares of the
            classes.
        n_repeats : int, default 3
            Number of repetitions.
        random_state : int, default 0
            Seed of the draws.
        fit_params : dict, optional
            Further arguments of `fit`, such as ``{"epochs": 20}`` of a network.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of :meth:`plot`.

        Returns
        -------
        LearningCurveDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        TypeError, ValueError
            If an argument has an invalid type, shape or value, or there are too few rows.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> from compiled_nn.plotting import LearningCurveDisplay
        >>> data = cnn.datasets.load_digits()
        >>> model = cnn.MLPClassifier(standardize=True, learning_rate_init=0.01, max_iter=5, random_state=0)
        >>> display = LearningCurveDisplay.from_estimator(
        ...     model, data.X_train, data.y_train, train_sizes=(0.2, 1.0), n_repeats=2
        ... )
        >>> display.train_scores.shape, display.ax_.get_xlabel()
        ((2, 2), 'training rows')
        """
        owner = "from_estimator"
        canvas.import_matplotlib("figure")  # before the work of training
        shares = sorted({checks.real(owner, "train_sizes", share, above=0) for share in train_sizes})
        if not shares or shares[-1] > 1:
            raise ValueError(
                f"train_sizes is {train_sizes!r}; expected shares of the training rows, above 0 to 1."
            )
        fraction = checks.real(owner, "validation_fraction", validation_fraction, above=0, below=1)
        n_repeats = checks.integer(owner, "n_repeats", n_repeats, minimum=1)
        X, targets = rows.of(dataframes.opened(X)), arrays.targets(y)
        arrays.check_rows(X, targets)
        classifies = _is_classifier(net, targets)
        sizes: list[int] = []
        scores: list[list[tuple[float, float]]] = []
        for repeat in range(n_repeats):
            rng = np.random.default_rng([random_state, repeat])
            validation, training, fewest = _split(
                targets if classifies else None, len(targets), fraction, rng
            )
            sizes = sorted({max(fewest, round(share * len(training))) for share in shares})
            parts = (training[:size] for size in sizes)
            scores.append(list(_scores(net, X, targets, parts, validation, fit_params or {})))
        table = np.array(scores)  # n_repeats x sizes x (training, validation)
        name = "accuracy" if classifies else "R²"
        train, val = table[..., 0].T, table[..., 1].T
        display = cls(train_sizes=np.array(sizes), train_scores=train, validation_scores=val, score_name=name)
        return display.plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> LearningCurveDisplay:
        """Draw the means of the scores, and bands of one standard deviation.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of matplotlib's ``Axes.plot``, for both curves.

        Returns
        -------
        self : LearningCurveDisplay
            The display, drawn on `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from compiled_nn.plotting import LearningCurveDisplay
        >>> display = LearningCurveDisplay(
        ...     train_sizes=np.array([100, 200]),
        ...     train_scores=np.array([[0.99, 0.98], [0.97, 0.97]]),
        ...     validation_scores=np.array([[0.80, 0.82], [0.88, 0.90]]),
        ... )
        >>> display.plot().lines_[1].get_ydata().tolist()
        [0.81, 0.89]
        """
        ax, style = canvas.axes(ax, 6.4, 4.0), canvas.normalize_line_style(kwargs)
        curves = (
            ("training", self.train_scores, canvas.BLUE, "-"),
            ("validation", self.validation_scores, canvas.VERMILION, "--"),
        )
        self.lines_: list[Any] = []
        for label, scores, colour, dash in curves:
            mean, std = scores.mean(axis=1), scores.std(axis=1)
            look = {"color": colour, "linestyle": dash, "marker": "o", "markersize": 4, "label": label}
            self.lines_ += ax.plot(self.train_sizes, mean, **{**look, **style})
            ax.fill_between(self.train_sizes, mean - std, mean + std, color=colour, alpha=0.15, linewidth=0)
        ax.set(xlabel="training rows", ylabel=self.score_name)
        ticker = canvas.import_matplotlib("ticker")
        canvas.limit_ticks(ax.xaxis, integer=True)
        ax.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
        canvas.open_frame(ax)
        ax.legend(frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _is_classifier(net: Any, y: Array) -> bool:
    """Whether an estimator, fitted or not, learns one class per row."""
    if isinstance(net, Network):
        kind = "classifier" if net._configuration.loss.classifies else "regressor"
    elif hasattr(net, "__sklearn_tags__"):
        kind = net.__sklearn_tags__().estimator_type
    else:
        kind = getattr(net, "_estimator_type", "")
    return kind == "classifier" and y.ndim == 1


def _split(y: Array | None, m: int, fraction: float, rng: np.random.Generator) -> tuple[Array, Array, int]:
    """Return the validation rows, the training rows in the order in which parts take them, and the fewest of a part.

    With classes `y`, every part of the training rows has about the shares of the classes of all rows.
    """
    order = rng.permutation(m)
    groups = np.zeros(m, np.int64) if y is None else np.unique(y[order], return_inverse=True)[1]
    counts = np.bincount(groups)
    by_group = np.argsort(groups, kind="stable")
    rank = np.empty(m, np.int64)
    rank[by_group] = np.concatenate([np.arange(n) for n in counts])
    kept = rank < _KEPT
    ranked = order[np.argsort((rank + 0.5) / counts[groups], kind="stable")]
    first = order[kept]
    others = ranked[~np.isin(ranked, first)]
    n_validation = max(1, round(fraction * m))
    if n_validation > len(others):
        raise ValueError(
            f"X has {m} rows; a learning curve needs more: {_KEPT} of each class to train on, and"
            f" {n_validation} to validate."
        )
    return others[:n_validation], np.concatenate([first, others[n_validation:]]), len(first)


def _scores(
    net: Any, X: Any, y: Array, parts: Iterator[Array], validation: Array, fit_params: dict[str, Any]
) -> Iterator[tuple[float, float]]:
    """Yield the scores of a copy of an estimator that is trained on each part: on the part, and on validation rows."""
    for part in parts:
        clone = copy.deepcopy(net)
        if hasattr(clone, "set_params") and clone.get_params().get("warm_start"):
            clone.set_params(warm_start=False)
        clone.fit(rows.take(X, part), y[part], **fit_params)
        seen = part[:_MOST_SCORED]
        train = clone.score(rows.take(X, seen), y[seen])
        yield float(train), float(clone.score(rows.take(X, validation), y[validation]))
