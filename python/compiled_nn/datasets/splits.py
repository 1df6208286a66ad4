"""Rows of a data set: split into parts, some classes only, other labels. Nothing here changes what it is given."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import checks
from ..common.errors import count, did_you_mean
from .dataset import Dataset

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["only_classes", "relabel", "train_test_split", "train_validation_test_split"]

_PARTS = ("train", "validation", "test")


# ---- splits


def train_test_split(
    X: ArrayLike, y: ArrayLike, *, test_fraction: float = 0.2, seed: int | None = 0, stratify: bool = True
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Split rows at random into a training and a test part.

    The same seed gives the same rows on every machine and with every version of NumPy: the order comes from
    raw PCG64 numbers, a stream that NumPy promises not to change.

    Parameters
    ----------
    X : array-like of shape (m, ...)
    y : array-like of shape (m,) or (m, n)
    test_fraction : float, default 0.2
        Share of the rows that become the test part, between 0 and 1, rounded to whole rows.
    seed : int or None, default 0
        None draws another split each time.
    stratify : bool, default True
        Split class by class, with at least one row of each class in both parts. Pass False for targets that
        are not classes.

    Returns
    -------
    X_train, X_test, y_train, y_test : ndarray
        New arrays, rows in random order. The four come in scikit-learn's order.

    Raises
    ------
    ValueError
        `X` and `y` differ in rows, the fraction is not between 0 and 1, or rows (of a class) are too few.
    """
    X, y = np.asarray(X), np.asarray(y)
    test_fraction = checks.real("train_test_split", "test_fraction", test_fraction, above=0, below=1)
    test, train = split_rows(X, y, [test_fraction], seed, stratify, "train_test_split")
    return X[train], X[test], y[train], y[test]


def train_validation_test_split(
    X: ArrayLike,
    y: ArrayLike,
    *,
    validation_fraction: float = 0.2,
    test_fraction: float = 0.2,
    seed: int | None = 0,
    stratify: bool = True,
    name: str = "",
) -> Dataset:
    """Split rows at random into three parts: to train on, to choose by, and to judge with.

    Parameters
    ----------
    X, y, seed, stratify
        As for :func:`train_test_split`, which has the same test part.
    validation_fraction, test_fraction : float, default 0.2
        Shares of all rows, each above 0, together below 1; rounded to whole rows.
    name : str, default ""
        What to call the data set.

    Returns
    -------
    Dataset
        With all three parts: new arrays, rows in random order.

    Raises
    ------
    ValueError
        As for :func:`train_test_split`, or the fractions leave nothing to train on.
    """
    X, y = np.asarray(X), np.asarray(y)
    owner = "train_validation_test_split"
    test = checks.real(owner, "test_fraction", test_fraction, above=0, below=1)
    validation = checks.real(owner, "validation_fraction", validation_fraction, above=0, below=1)
    if test + validation >= 1:
        raise ValueError(
            f"validation_fraction {validation:g} and test_fraction {test:g} leave no rows to train on"
        )
    of_test, of_validation, of_train = split_rows(X, y, [test, validation], seed, stratify, owner)
    return Dataset(
        X[of_train],
        y[of_train],
        X[of_test],
        y[of_test],
        X_validation=X[of_validation],
        y_validation=y[of_validation],
        name=name,
    )


def split_rows(
    X: NDArray[Any], y: NDArray[Any], fractions: Sequence[float], seed: int | None, stratify: bool, owner: str
) -> list[NDArray[np.intp]]:
    """Rows of a part for each of the fractions, then those that are left: at least one of each class in each."""
    if not X.ndim or not y.ndim or len(X) != len(y):
        raise ValueError(f"X has shape {X.shape}; y has shape {y.shape}: their rows must match")
    if seed is not None:
        seed = checks.integer(owner, "seed", seed, minimum=0)
    if stratify and y.ndim != 1:
        raise ValueError(f"y has {y.ndim} dimensions; stratify takes 1: pass stratify=False")
    m, fewest = len(y), len(fractions) + 1
    if m < fewest:
        raise ValueError(f"X has {count(m, 'row')}; a split takes at least {fewest}")
    strata = y if stratify else np.zeros(m)
    classes, codes, counts = np.unique(strata, return_inverse=True, return_counts=True)
    if counts.min() < fewest:
        raise ValueError(
            f"class {classes[counts.argmin()]} has {count(counts.min(), 'row')}; a stratified split takes at least "
            f"{fewest} of each: "
            "pass stratify=False"
        )
    order = np.argsort(np.random.PCG64(seed).random_raw(m), kind="stable")
    codes = codes[order]
    # In random order, the first rows of each class are the first part: rank is a row's place within its class.
    rank = np.empty(m, np.intp)
    rank[np.argsort(codes, kind="stable")] = np.arange(m) - np.repeat(np.cumsum(counts) - counts, counts)
    part, end = np.full(m, len(fractions)), np.zeros(len(counts))
    for i, fraction in enumerate(fractions):
        start, still_to_come = end, len(fractions) - i
        end = start + np.clip(np.rint(counts * fraction), 1, counts - start - still_to_come)
        part[(start[codes] <= rank) & (rank < end[codes])] = i
    return [order[part == i] for i in range(fewest)]


# ---- labels


def only_classes(data: Dataset, classes: Iterable[Hashable]) -> Dataset:
    """Return the rows of some classes only, in the order they have.

    Parameters
    ----------
    data : Dataset
    classes : iterable
        Labels as in `y_train`, or names as in `class_names`.

    Returns
    -------
    Dataset
        New arrays with the old labels; ``class_names`` are those of the classes left. ``relabel`` makes 0, 1, ... of
        the labels where that is wanted: a network does not need it.

    Raises
    ------
    ValueError
        A class is not in the data, or labels are not one a row.

    Examples
    --------
    >>> from compiled_nn import datasets
    >>> datasets.only_classes(datasets.load_digits(), {1, 2})
    <Dataset 'digits': X_train (288, 8, 8), y_train (288,), X_test (71, 8, 8), y_test (71,)>
    """
    labels, names = _labels(data)
    wanted = np.sort([_place(labels, names, label) for label in dict.fromkeys(classes)]).astype(np.intp)
    if not len(wanted):
        raise ValueError("classes is empty; it takes at least 1")
    changes: dict[str, Any] = {"class_names": tuple(names[i] for i in wanted) if names else ()}
    for part in _PARTS:
        rows = np.isin(getattr(data, f"y_{part}"), labels[wanted])
        for array in (f"X_{part}", f"y_{part}"):
            changes[array] = getattr(data, array)[rows]
    return replace(data, **changes)


def relabel(data: Dataset, new_labels: Mapping[Any, int | str], others: int | str | None = None) -> Dataset:
    """Return the data under other labels, all of them changed at once: their order does not matter.

    Parameters
    ----------
    data : Dataset
    new_labels : mapping
        From labels as in `y_train`, or names as in `class_names`, to their new labels: all int or all str.
    others : int or str, optional
        The new label of every class that `new_labels` does not name. None: each class must be named.

    Returns
    -------
    Dataset
        The same samples; new labels, int64 or text. Where classes had names, those that were joined into one are
        called "a or b".

    Raises
    ------
    ValueError
        A class is not in the data, is not named, or the new labels mix int and str.

    Examples
    --------
    >>> from compiled_nn import datasets
    >>> data = datasets.relabel(datasets.load_digits(), {"7": 1}, others=0)
    >>> data.y_train.mean().round(2).item()
    0.1
    """
    labels, names = _labels(data)
    places = {_place(labels, names, label): new for label, new in new_labels.items()}
    unnamed = [label for i, label in enumerate(labels.tolist()) if i not in places]
    if unnamed and others is None:
        raise ValueError(f"class {unnamed[0]!r} has no new label: name it, or pass others")
    new = [places.get(i, others) for i in range(len(labels))]
    types = {type(label) for label in new}
    if types not in ({int}, {str}):
        listed = ", ".join(sorted(kind.__name__ for kind in types))
        raise ValueError(f"the new labels are of type {listed}; they must all be int, or all str")
    changes: dict[str, Any] = {"class_names": _joined(new, names)}
    table = np.array(new)
    for part in _PARTS:
        y = getattr(data, f"y_{part}")
        changes[f"y_{part}"] = table[np.searchsorted(labels, y)]
    return replace(data, **changes)


def _labels(data: Dataset) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The sorted labels of all parts and the name of each of them; () where these are not known."""
    parts = [getattr(data, f"y_{part}") for part in _PARTS]
    if any(y.ndim != 1 for y in parts) or not len(data.y_train):
        raise ValueError(f"y_train has shape {data.y_train.shape}; it takes one label a row, and rows")
    labels = np.unique(np.concatenate([y for y in parts if len(y)]))
    if len(labels) == len(data.class_names):
        return labels, data.class_names
    # A class that has no row: labels that are places in class_names tell which it is.
    if (
        data.class_names
        and labels.dtype.kind in "iu"
        and labels[0] >= 0
        and labels[-1] < len(data.class_names)
    ):
        return labels, tuple(data.class_names[i] for i in labels)
    return labels, ()


def _place(labels: NDArray[Any], names: tuple[str, ...], label: Hashable) -> int:
    """Where a label, or the name of one, stands among the labels."""
    known: list[Any] = labels.tolist()
    if label in known:
        return known.index(label)
    if label in names:
        return names.index(str(label))
    listed = ", ".join(map(repr, [*known[:20], *names[:20]]))
    hint = did_you_mean(label, names) if isinstance(label, str) else ""
    raise ValueError(f"there is no class {label!r} in the data; it has {listed}.{hint}")


def _joined(new: Sequence[Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the sorted new labels."""
    distinct = sorted(set(new))
    if isinstance(distinct[0], str):
        return tuple(distinct)
    if not names:
        return ()
    return tuple(
        " or ".join(name for name, label in zip(names, new, strict=True) if label == one) for one in distinct
    )
