"""The container of a data set: training and test parts with what belongs to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Samples and labels: to train on, to test with, and where there are such, to choose by (validation).

    A part that does not exist has zero rows: ``len(data.X_test) == 0`` when there is no test part,
    ``len(data.y_train) == 0`` when there are no labels.

    Attributes
    ----------
    X_train, X_test, X_validation : ndarray of shape (m, ...)
        Samples; images keep their shape, which ``Network`` flattens.
    y_train, y_test, y_validation : ndarray of shape (m,) or (m, n)
        Labels or targets, row by row those of `X_train`, `X_test` and `X_validation`.
    class_names : tuple of str
        Names of the classes in the order of their sorted labels, or () where they are not known.
    feature_names : tuple of str
        Names of the columns of `X_train`, or () where they have none.
    input_scale : float
        What brings the features near 0 to 1, for ``Network(input_scale=...)``: 1/255 for 8-bit images; 1.0
        where not known.
    name : str
        What to call the data set.
    X, y : ndarray
        The whole: training rows, validation rows, test rows. A new array at each use if there is more than
        the first, else `X_train` and `y_train` themselves.
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
        for name in ("X", "y"):
            if not len(getattr(self, f"{name}_validation")):
                object.__setattr__(self, f"{name}_validation", getattr(self, f"{name}_train")[:0])

    @property
    def X(self) -> NDArray[Any]:  # noqa: N802 - a matrix
        return _together(self.X_train, self.X_validation, self.X_test)

    @property
    def y(self) -> NDArray[Any]:
        return _together(self.y_train, self.y_validation, self.y_test)

    def __repr__(self) -> str:
        names = [f"{name}_{part}" for part in ("train", "validation", "test") for name in ("X", "y")]
        arrays = {name: getattr(self, name) for name in names}
        shapes = ", ".join(f"{part} {array.shape}" for part, array in arrays.items() if len(array))
        return f"<Dataset {self.name!r}: {shapes}>"


def _together(first: NDArray[Any], *others: NDArray[Any]) -> NDArray[Any]:
    more = [part for part in others if len(part)]
    return np.concatenate([first, *more]) if more else first
