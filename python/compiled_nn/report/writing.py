"""Writing of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._version import __version__
from ..common import checks
from ..files import places
from ..metrics.scorers import MetricLike
from . import page, pictures, predictions, scores, sections, subject

_WITHOUT_PICTURES = 'The pictures need matplotlib, which is not installed: pip install "compiled-nn[plot]"'


def write(
    path: Any,
    model: Any,
    X: Any,
    y: Any,
    *,
    X_train: Any = None,
    y_train: Any = None,
    coverage: float | None = None,
    metrics: MetricLike | Sequence[MetricLike] = (),
    class_names: Sequence[str] | None = None,
    title: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write a page about a model: scores, importances, pictures of the predictions, columns, training and layers.

    The page is one HTML file that loads no other file and runs no script. It follows the light or dark scheme of the
    reader, and can be printed. The same model and rows give the same bytes. Its pictures need matplotlib; without it
    the page has the tables only. Importances and partial dependence are computed on at most 5,000 rows, which are drawn
    with a fixed seed.

    Parameters
    ----------
    path : str, os.PathLike or binary file object
        File to write; an existing one is replaced.
    model : Network, Ensemble, MLPClassifier, MLPRegressor, TabularClassifier or TabularRegressor
        Fitted model.
    X : array-like or table (m, k)
        Rows on which the model is scored, best those that it was not trained on. If there are none, the training rows
        are scored, and the page says so.
    y : array-like (m,)
        True labels or values.
    X_train, y_train : array-like, optional
        Rows on which the model was trained, for the description of the columns and the constant prediction with which
        the scores are compared. Default: X and y.
    coverage : float, optional
        Coverage of prediction intervals to show, after `calibrate_intervals`. Default: no intervals.
    metrics : str, Metric or callable, or list of these, optional
        Metrics to show in addition to the usual ones, as for :func:`compiled_nn.metrics.resolve`. The importances are
        those of the first one; by default, of the metric of ``score``.
    class_names : sequence of str (n_classes,), optional
        Names of the classes, in the order of `classes_`.
    title : str, optional
        Heading. Default: the class of the model.
    details : dict of str, optional
        Further facts for the head of the page, for example ``{"data": "churn.csv", "seed": 0}``.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError, ValueError
        If an argument has an invalid type, shape or value.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> X = np.random.default_rng(0).normal(size=(80, 2))
    >>> y = 2 * X[:, 0] - X[:, 1]
    >>> model = cnn.MLPRegressor(max_iter=20, random_state=0).fit(X[:60], y[:60])
    >>> cnn.report.write("report.html", model, X[60:], y[60:], X_train=X[:60], y_train=y[:60], title="Two columns")
    >>> with open("report.html") as file:
    ...     file.read(15)
    '<!DOCTYPE html>'
    """
    about = subject.make(model, X, y, X_train, y_train, class_names, metrics)
    heading = title if title else _article(type(model).__name__)
    text = compose(about, f"Report of {heading}", coverage, details or {})
    places.write(path, [text.encode()])


def compose(about: subject.Subject, heading: str, coverage: float | None, details: Mapping[str, Any]) -> str:
    """Return the page about a subject; the parameters are those of :func:`write`."""
    if coverage is not None:
        coverage = checks.real("write", "coverage", coverage, above=0, below=1)
    found = scores.compute(about)
    note = "" if pictures.available() else _WITHOUT_PICTURES
    return page.page(
        heading,
        sections.lead(about, found),
        page.paragraph(note, "note"),
        sections.score_table(about, found, predictions.coverage_text(about, coverage)),
        sections.importance(about),
        predictions.section(about, coverage),
        sections.data(about),
        sections.made(about, {**details, "version": f"compiled-nn {__version__}"}),
        sections.training(about),
        sections.model(about),
    )


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOM' and name.startswith('MLP') else 'a'} {name}"
