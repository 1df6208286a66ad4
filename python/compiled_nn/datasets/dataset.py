"""Container for a data set with training, validation and test parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.errors import count
from ..data import rows


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Samples and targets of a training part, a test part and an optional validation part.

    A missing part has zero rows: ``len(data.X_test) == 0`` without a test part, ``len(data.y_train) == 0`` without
    targets.

    Parameters
    ----------
    X_train : ndarray of shape (m, ...), table or sparse matrix
        Samples of the training part. Images keep their shape; ``Network`` flattens them.
    y_train : ndarray of shape (m,) or (m, n), or column of a table
        Labels or targets of the rows of `X_train`.
    X_test, y_test : ndarray, or table and column
        Test part.
    class_names : tuple of str
        Names of the classes in the order of their sorted labels; () if they are not known.
    feature_names : tuple of str
        Names of the columns of `X_train`; () if the columns have no names.
    input_scale : float
        Factor that scales the features to about 0 to 1, for ``Network(input_scale=...)``: 1/255 for 8-bit images, 1.0
        if no factor is known.
    name : str
        Name of the data set.
    X_validation, y_validation : ndarray, or table and column
        Validation part. Default: no rows.

    Attributes
    ----------
    X, y : ndarray, or table
        All rows: training, validation, test. `X_train` and `y_train` themselves if there is no other part, else a new
        array at each access.

    Examples
    --------
    >>> import numpy as np
    >>> from compiled_nn.datasets import Dataset
    >>> X, y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])
    >>> data = Dataset(X[:4], y[:4], X[4:], y[4:], class_names=("no", "yes"), name="six rows")
    >>> data
    <Dataset 'six rows': X_train (4, 2), y_train (4,), X_test (2, 2), y_test (2,)>
    >>> data.X.shape, len(data.X_validation)
    ((6, 2), 0)
    """

    X_train: NDArray[Any]
    y_train: NDArray[Any]
    X_test: NDArray[Any]
    y_test: NDArray[Any]
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    input_scale: float = 1.0
    name: str = ""
    X_validation: NDArray[Any] = field(default_factory=lambda: np.empty(0))
    y_validation: NDArray[Any] = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        for name in ("X_train", "y_train", "X_test", "y_test"):
            if getattr(self, name) is None:
                raise TypeError(f"{name} is None; expected an array, which may be empty.")
        for name in ("X", "y"):
            if not rows.shape(getattr(self, f"{name}_validation"))[0]:
                object.__setattr__(self, f"{name}_validation", getattr(self, f"{name}_train")[:0])

        for part in ("train", "validation", "test"):
            m, n = (rows.shape(getattr(self, f"{name}_{part}"))[0] for name in ("X", "y"))
            if n not in (0, m):  # y is empty if there are no labels
                raise ValueError(f"X_{part} has {count(m, 'row')}; y_{part} has {n}.")

    @property
    def X(self) -> NDArray[Any]:  # noqa: N802 - a matrix
        """All rows: training, validation, test.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> data.X_train.shape, data.X_test.shape, data.X.shape
        ((1438, 8, 8), (359, 8, 8), (1797, 8, 8))
        """
        return _concatenate(self.X_train, self.X_validation, self.X_test)

    @property
    def y(self) -> NDArray[Any]:
        """Targets of all rows: training, validation, test.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> len(data.y_train), len(data.y_test), len(data.y)
        (1438, 359, 1797)
        """
        return _concatenate(self.y_train, self.y_validation, self.y_test)

    def __repr__(self) -> str:
        names = [f"{name}_{part}" for part in ("train", "validation", "test") for name in ("X", "y")]
        arrays = {name: getattr(self, name) for name in names}
        shapes = ", ".join(
            f"{part} {rows.shape(array)}" for part, array in arrays.items() if rows.shape(array)[0]
        )
        return f"<Dataset {self.name!r}: {shapes}>"


def _concatenate(first: NDArray[Any], *others: NDArray[Any]) -> NDArray[Any]:
    not_empty = [part for part in others if rows.shape(part)[0]]
    joined: NDArray[Any] = rows.concatenate([first, *not_empty]) if not_empty else first
    return joined
