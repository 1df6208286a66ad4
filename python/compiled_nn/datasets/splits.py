"""Functions that split a data set, select classes and change labels. They return new data and modify no argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import checks
from ..common.errors import count, did_you_mean, suggest_keywords
from ..data import class_labels, dataframes, rows
from .dataset import Dataset

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

__all__ = ["only_classes", "relabel", "train_test_split", "train_validation_test_split"]

_PARTS = ("train", "validation", "test")


# ---- splits


@suggest_keywords("split")
def train_test_split(
    X: Any, y: Any = None, *, test_fraction: float = 0.2, seed: int | None = 0, stratify: bool = True
) -> tuple[Any, Any, Any, Any]:
    """Split rows at random into a training and a test part.

    The same seed gives the same rows on every machine and with every version of NumPy, because the order is computed
    from raw PCG64 numbers, a stream that NumPy guarantees not to change.

    Parameters
    ----------
    X : array-like of shape (m, ...), table, sparse matrix, or Dataset
        Samples. A Dataset stands for its `X` and `y`, all of its rows.
    y : array-like of shape (m,) or (m, n), or table
        Labels or targets; omitted if `X` is a Dataset.
    test_fraction : float, default 0.2
        Share of the rows in the test part, above 0 and below 1; rounded to whole rows.
    seed : int or None, default 0
        Seed for the random order, >= 0. None: a different split at each call.
    stratify : bool, default True
        Whether each class is split separately, with at least one row of each class in both parts. Pass False for
        targets that are not classes.

    Returns
    -------
    X_train, X_test, y_train, y_test : ndarray, or objects of the types of X and y
        Rows in random order, returned in the same order as by scikit-learn. Tables and columns of pandas, polars and
        Arrow, and sparse matrices, keep their type, names, dtypes, categories and missing values; other containers
        become arrays.

    Raises
    ------
    TypeError, ValueError
        If `X` and `y` differ in their number of rows, a parameter is invalid, or there are too few rows, in total or
        of a class.

    See Also
    --------
    train_validation_test_split : Split into three parts.

    Examples
    --------
    >>> import numpy as np
    >>> from compiled_nn.datasets import train_test_split
    >>> X, y = np.arange(10).reshape(10, 1), np.array(["a"] * 6 + ["b"] * 4)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, test_fraction=0.5)
    >>> X_test[:, 0].tolist(), y_test.tolist()  # half of each class
    ([3, 2, 1, 8, 6], ['a', 'a', 'a', 'b', 'b'])
    """
    X, y = _pair(X, y, "train_test_split")
    test_fraction = checks.real("train_test_split", "test_fraction", test_fraction, above=0, below=1)
    test, train = split_rows(X, y, [test_fraction], seed, stratify, "train_test_split")
    return rows.take(X, train), rows.take(X, test), rows.take(y, train), rows.take(y, test)


@suggest_keywords("split")
def train_validation_test_split(
    X: Any,
    y: Any = None,
    *,
    validation_fraction: float = 0.2,
    test_fraction: float = 0.2,
    seed: int | None = 0,
    stratify: bool = True,
    name: str = "",
) -> Dataset:
    """Split rows at random into a training, a validation and a test part.

    The test part is the same as that of :func:`train_test_split`.

    Parameters
    ----------
    X : array-like of shape (m, ...), table, sparse matrix, or Dataset
        Samples. A Dataset stands for its `X` and `y`, all of its rows.
    y : array-like of shape (m,) or (m, n), or table
        Labels or targets; omitted if `X` is a Dataset.
    validation_fraction, test_fraction : float, default 0.2
        Shares of all rows in the validation part and in the test part, each above 0, with a sum below 1; rounded to
        whole rows.
    seed : int or None, default 0
        Seed for the random order, >= 0. None: a different split at each call.
    stratify : bool, default True
        Whether each class is split separately, with at least one row of each class in both parts. Pass False for
        targets that are not classes.
    name : str, default ""
        Name of the data set.

    Returns
    -------
    Dataset
        Data set with all three parts, with rows in random order. Tables and sparse matrices keep their type, as in
        :func:`train_test_split`; the names of the columns of a table are its `feature_names`.

    Raises
    ------
    TypeError, ValueError
        Same as in :func:`train_test_split`, or if the fractions leave no rows for training.

    See Also
    --------
    train_test_split : Split into two parts.

    Examples
    --------
    >>> import numpy as np
    >>> from compiled_nn.datasets import train_validation_test_split
    >>> X, y = np.arange(100.0).reshape(50, 2), np.arange(50) % 2
    >>> data = train_validation_test_split(X, y)
    >>> data.X_train.shape, data.X_validation.shape, data.X_test.shape
    ((30, 2), (10, 2), (10, 2))
    """
    owner = "train_validation_test_split"
    X, y = _pair(X, y, owner)
    test = checks.real(owner, "test_fraction", test_fraction, above=0, below=1)
    validation = checks.real(owner, "validation_fraction", validation_fraction, above=0, below=1)
    if test + validation >= 1:
        raise ValueError(
            f"validation_fraction {validation:g} and test_fraction {test:g} leave no rows to train on"
        )
    test_rows, validation_rows, train_rows = split_rows(X, y, [test, validation], seed, stratify, owner)
    return Dataset(
        rows.take(X, train_rows),
        rows.take(y, train_rows),
        rows.take(X, test_rows),
        rows.take(y, test_rows),
        feature_names=rows.names(X),
        X_validation=rows.take(X, validation_rows),
        y_validation=rows.take(y, validation_rows),
        name=name,
    )


def _pair(X: Any, y: Any, owner: str) -> tuple[Any, Any]:
    """Return X and y as objects with rows; those of a Dataset if X is one."""
    if isinstance(X, Dataset):
        if y is not None:
            raise TypeError(
                f"The X of {owner} is a Dataset, which contains y; leave out y, or pass data.X and y."
            )
        X, y = X.X, X.y
    elif y is None:
        raise TypeError(f"{owner} needs X and y, or a Dataset in place of both; y is missing.")
    return rows.of(X), rows.of(y, "y")


def split_rows(
    X: Any, y: Any, fractions: Sequence[float], seed: int | None, stratify: bool, owner: str
) -> list[NDArray[np.intp]]:
    """Return the row indices of one part per fraction, then of the remaining part; each has a row of each class."""
    X_shape, y_shape = rows.shape(X), rows.shape(y)
    if X_shape[:1] != y_shape[:1] or not X_shape:
        raise ValueError(
            f"X has shape {X_shape}; y has shape {y_shape}; both must have the same number of rows"
        )
    if seed is not None:
        seed = checks.integer(owner, "seed", seed, minimum=0)
    m, fewest = y_shape[0], len(fractions) + 1
    if m < fewest:
        raise ValueError(f"X has {count(m, 'row')}; a split takes at least {fewest}")
    strata = _strata(y) if stratify else np.zeros(m)
    classes, codes, counts = np.unique(strata, return_inverse=True, return_counts=True)
    if counts.min() < fewest:
        raise ValueError(
            f"class {classes[counts.argmin()]} has {count(counts.min(), 'row')}; a stratified split takes at least "
            f"{fewest} of each class; pass stratify=False, or leave the class out"
        )
    order = np.argsort(np.random.PCG64(seed).random_raw(m), kind="stable")
    codes = codes[order]
    # `rank` is the position of a row among the rows of its class, in random order: the first ones are the first part.
    rank = np.empty(m, np.intp)
    rank[np.argsort(codes, kind="stable")] = np.arange(m) - np.repeat(np.cumsum(counts) - counts, counts)
    part, end = np.full(m, len(fractions)), np.zeros(len(counts))
    for i, fraction in enumerate(fractions):
        start, still_to_come = end, len(fractions) - i
        end = start + np.clip(np.rint(counts * fraction), 1, counts - start - still_to_come)
        part[(start[codes] <= rank) & (rank < end[codes])] = i
    return [order[part == i] for i in range(fewest)]


def _strata(y: Any) -> NDArray[Any]:
    """Return the label of each row (m,), none of which may be missing."""
    labels = np.asarray(dataframes.decoded(y))
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(f"y has {labels.ndim} dimensions; a stratified split takes 1; pass stratify=False")
    return class_labels.read(labels) if labels.dtype.kind in "OTf" else labels


# ---- labels


def only_classes(data: Dataset, classes: Iterable[Hashable]) -> Dataset:
    """Return the rows of some classes, in their original order.

    Parameters
    ----------
    data : Dataset
        Data set with one label per row.
    classes : iterable
        Classes to keep: labels as in `y_train`, or names as in `class_names`.

    Returns
    -------
    Dataset
        New arrays with unchanged labels; ``class_names`` has the names of the remaining classes. Networks accept labels
        other than 0, 1, ...; :func:`relabel` changes them.

    Raises
    ------
    ValueError
        If a class is not in the data, if `classes` is empty, or if the data do not have one label per row.

    Examples
    --------
    >>> from compiled_nn import datasets
    >>> datasets.only_classes(datasets.load_digits(), {1, 2})
    <Dataset 'digits': X_train (288, 8, 8), y_train (288,), X_test (71, 8, 8), y_test (71,)>
    """
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise TypeError(f"The 'classes' parameter of only_classes must be a list. Got {classes!r} instead.")
    labels, names = _labels(data)
    kept = np.sort([_index(labels, names, label) for label in dict.fromkeys(classes)]).astype(np.intp)
    if not len(kept):
        raise ValueError("classes is empty; expected at least 1 class")
    changes: dict[str, Any] = {"class_names": tuple(names[i] for i in kept) if names else ()}
    for part in _PARTS:
        (chosen,) = np.nonzero(np.isin(np.asarray(getattr(data, f"y_{part}")), labels[kept]))
        for array in (f"X_{part}", f"y_{part}"):
            changes[array] = rows.take(getattr(data, array), chosen)
    return replace(data, **changes)


def relabel(data: Dataset, new_labels: Mapping[Any, int | str], others: int | str | None = None) -> Dataset:
    """Return the data with other labels.

    All labels are replaced at once, so the order of `new_labels` does not matter.

    Parameters
    ----------
    data : Dataset
        Data set with one label per row.
    new_labels : mapping
        New label, int or str, of each class. The keys are labels as in `y_train`, or names as in `class_names`.
    others : int or str, optional
        New label of the classes that are not in `new_labels`. Default: every class must be in `new_labels`.

    Returns
    -------
    Dataset
        The same samples with new labels, int64 or text. If the classes have names, the name of a class that was merged
        from several is "a or b".

    Raises
    ------
    ValueError
        If a class in `new_labels` is not in the data, a class of the data has no new label, or the new labels mix int
        and str.

    Examples
    --------
    >>> from compiled_nn import datasets
    >>> data = datasets.relabel(datasets.load_digits(), {"7": 1}, others=0)
    >>> data.y_train.mean().round(2).item()
    0.1
    """
    if not isinstance(new_labels, Mapping):
        raise TypeError(
            f"The 'new_labels' parameter of relabel must be a dict of new labels by class. Got {new_labels!r} instead."
        )
    labels, names = _labels(data)
    by_index = {_index(labels, names, label): new for label, new in new_labels.items()}
    unnamed = [label for i, label in enumerate(labels.tolist()) if i not in by_index]
    if unnamed and others is None:
        raise ValueError(f"class {unnamed[0]!r} has no new label; add it to new_labels, or pass others")
    new = [by_index.get(i, others) for i in range(len(labels))]
    types = {type(label) for label in new}
    if types not in ({int}, {str}):
        listed = ", ".join(sorted(kind.__name__ for kind in types))
        raise ValueError(f"the new labels are of type {listed}; they must all be int, or all str")
    changes: dict[str, Any] = {"class_names": _joined(new, names)}
    table = np.array(new)
    for part in _PARTS:
        y = np.asarray(getattr(data, f"y_{part}"))
        changes[f"y_{part}"] = table[np.searchsorted(labels, y)]
    return replace(data, **changes)


def _labels(data: Dataset) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return the sorted labels of all parts, and their names; () if the names are not known."""
    if not isinstance(data, Dataset):
        raise TypeError(f"The 'data' parameter must be a Dataset. Got {type(data).__name__} instead.")
    parts = [np.asarray(getattr(data, f"y_{part}")) for part in _PARTS]
    if any(y.ndim != 1 for y in parts) or not len(parts[0]):
        raise ValueError(
            f"y_train has shape {parts[0].shape}; expected at least 1 row, with one label per row"
        )
    labels = np.unique(np.concatenate([y for y in parts if len(y)]))
    if len(labels) == len(data.class_names):
        return labels, data.class_names
    # Some class has no rows. If the labels are indices into class_names, the names of the others are still known.
    if (
        data.class_names
        and labels.dtype.kind in "iu"
        and labels[0] >= 0
        and labels[-1] < len(data.class_names)
    ):
        return labels, tuple(data.class_names[i] for i in labels)
    return labels, ()


def _index(labels: NDArray[Any], names: tuple[str, ...], label: Hashable) -> int:
    """Return the index in `labels` of a label, or of the class with that name."""
    values: list[Any] = labels.tolist()
    if label in values:
        return values.index(label)
    if label in names:
        return names.index(str(label))
    listed = ", ".join(map(repr, [*values[:20], *names[:20]]))
    hint = did_you_mean(label, names) if isinstance(label, str) else ""
    raise ValueError(f"there is no class {label!r} in the data; the classes are {listed}.{hint}")


def _joined(new: Sequence[Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the sorted new labels."""
    distinct = sorted(set(new))
    if isinstance(distinct[0], str):
        return tuple(distinct)
    if not names:
        return ()
    return tuple(
        " or ".join(name for name, label in zip(names, new, strict=True) if label == one) for one in distinct
    )
