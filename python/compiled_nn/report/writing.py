"""Writing of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._version import __version__
from ..common import checks
from ..files import places
from . import page, sections, subject


def write(
    path: Any,
    model: Any,
    X: Any,
    y: Any,
    *,
    X_train: Any = None,
    y_train: Any = None,
    coverage: float | None = None,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write a page about a model: columns, training, scores, pictures, importances and layers.

    The page is one HTML file that loads no other file and runs no script. It follows the light or dark scheme of the
    reader, and can be printed. The same model and rows give the same bytes. Its pictures need matplotlib;
    without it the page has the tables only.

    Parameters
    ----------
    path : str, os.PathLike or binary file object
        File to write; an existing one is replaced.
    model : Network, MLPClassifier or MLPRegressor
        Fitted model.
    X : array-like or table (m, k)
        Rows on which the model is scored, best those that it was not trained on. If there are none, the training rows
        are scored, and the page says so.
    y : array-like (m,)
        True labels or values.
    X_train, y_train : array-like, optional
        Rows on which the model was trained, for the description of the columns and the baseline. Default: X and y.
    coverage : float, optional
        Coverage of prediction intervals to show, after `calibrate_intervals`. Default: no intervals.
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
    >>> import io
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_digits()
    >>> net = cnn.MLPClassifier(max_iter=2, random_state=0).fit(data.X_train, data.y_train)
    >>> file = io.BytesIO()
    >>> cnn.report.write(file, net, data.X_test[:50], data.y_test[:50])  # doctest: +SKIP
    """
    if coverage is not None:
        coverage = checks.real("write", "coverage", coverage, above=0, below=1)
    about = subject.make(model, X, y, X_train, y_train, class_names)
    heading = f"Report of {title}" if title else f"Report of {_article(type(model).__name__)}"
    predictions = sections.class_table(about) if about.classifies else sections.value_table(about, coverage)
    text = page.page(
        heading,
        sections.made(about, {**(details or {}), "version": f"compiled-nn {__version__}"}),
        sections.score_table(about),
        predictions,
        sections.importance(about),
        sections.training(about),
        sections.data(about),
        sections.model(about),
    )
    places.write(path, [text.encode()])


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOM' and name.startswith('MLP') else 'a'} {name}"
