"""Conversion from the `datasets` library of Hugging Face, or objects with the same columns; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import checks
from . import limits
from .dataset import Dataset
from .images import MODES, Color, checked_size, read_pictures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["from_hugging_face"]

_PARTS = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}


def from_hugging_face(
    data: Any,
    X: str | Sequence[str],
    y: str,
    *,
    size: int | tuple[int, int] | None = None,
    color: Color = "rgb",
    max_bytes: int = limits.MAX_BYTES,
) -> Dataset:
    """Return the columns of a `datasets.Dataset` or `datasets.DatasetDict` as arrays.

    Parameters
    ----------
    data : datasets.Dataset, datasets.DatasetDict, or similar
        Object with `column_names`, whose columns are ``data[name]``; or a mapping of such objects with the keys
        `train` (required), `validation` (or `valid`, `val`) and `test`. Other keys are ignored.
    X : str, or sequence of str
        Name of the column with images (PIL images) or vectors; or names of columns of numbers, one column per feature.
    y : str
        Name of the column with labels or values. Class names are taken from ``data.features[y].names`` if present.
    size : int or (height, width), optional
        Size in pixels to which every image is resized. Default: no resizing; all images must have the same size.
    color : {"rgb", "gray"}, default "rgb"
        Color mode to which images are converted.
    max_bytes : int, default 4 GiB
        Largest number of bytes of all arrays of the result, and of an image while it is decoded.

    Returns
    -------
    Dataset
        Images as in :func:`read_image_folder`, with `input_scale` 1/255; other columns in the dtype of
        ``numpy.array(list(column))``. Labels have the values of the column.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, a column does not exist, its rows differ in length, an image cannot be read, or the
        arrays are larger than `max_bytes`. The message names the column.
    ImportError
        If Pillow is not installed, and `X` is a column of images.

    Examples
    --------
    >>> import numpy as np
    >>> from compiled_nn.datasets import Table, from_hugging_face
    >>> rows = Table({"age": np.array([31, 48, 25]), "income": np.array([20, 30, 25]), "label": np.array([0, 1, 0])})
    >>> parts = {"train": rows.take([0, 1]), "test": rows.take([2])}  # or the result of datasets.load_dataset
    >>> from_hugging_face(parts, X=["age", "income"], y="label")
    <Dataset '': X_train (2, 2), y_train (2,), X_test (1, 2), y_test (1,)>
    """
    budget = limits.Budget.of("from_hugging_face", max_bytes)
    height_width = checked_size("from_hugging_face", size)
    checks.choice("from_hugging_face", "color", color, MODES)
    parts = _parts(data)
    arrays: dict[str, Any] = {}
    for part, columns in parts.items():
        arrays[f"X_{part}"] = _samples(columns, X, height_width, color, part, budget)
        arrays[f"y_{part}"] = _array(columns, y, part, budget)
        if len(arrays[f"X_{part}"]) != len(arrays[f"y_{part}"]):
            raise ValueError(
                f"{part}: {X!r} has {len(arrays[f'X_{part}'])} rows; {y!r} has {len(arrays[f'y_{part}'])}"
            )
    for name in ("X", "y"):
        arrays.setdefault(f"{name}_test", arrays[f"{name}_train"][:0])
    train = parts["train"]
    class_names = tuple(getattr(_feature(train, y), "names", None) or ())
    pictures = arrays["X_train"].dtype == np.uint8 and arrays["X_train"].ndim > 2
    name = getattr(getattr(train, "info", None), "dataset_name", None) or ""
    return Dataset(**arrays, class_names=class_names, input_scale=1 / 255 if pictures else 1.0, name=name)


def _parts(data: Any) -> dict[str, Any]:
    if not isinstance(data, Mapping) or hasattr(data, "features"):
        return {"train": data}
    parts: dict[str, Any] = {}
    for name, columns in data.items():
        if name in _PARTS:
            if _PARTS[name] in parts:
                raise ValueError(
                    f"two parts of the data are the {_PARTS[name]} part: {', '.join(map(repr, data))}; remove one"
                )
            parts[_PARTS[name]] = columns
    if "train" not in parts:
        raise ValueError(
            f"there is no part 'train'; the data have {', '.join(map(repr, data)) or 'no parts'}"
        )
    return parts


def _feature(columns: Any, name: str) -> Any:
    features = getattr(columns, "features", None)
    return features.get(name) if isinstance(features, Mapping) else None


def _column(columns: Any, name: str, part: str) -> Any:
    if not hasattr(columns, "column_names"):
        raise TypeError(
            f"{part} is of the type {type(columns).__name__}; expected a Dataset or a DatasetDict of the library"
            " datasets."
        )
    names = list(columns.column_names)
    if name not in names:
        raise ValueError(f"{part} has no column {name!r}; it has {', '.join(map(repr, names))}")
    return columns[name]


def _samples(
    columns: Any,
    X: str | Sequence[str],
    size: tuple[int, int] | None,
    color: Color,
    part: str,
    budget: limits.Budget,
) -> NDArray[Any]:
    if not isinstance(X, str):
        features = [_array(columns, name, part, budget) for name in X]
        if any(feature.ndim != 1 for feature in features):
            raise ValueError(f"{part}: a sequence of columns must have one number per row; {X!r} have arrays")
        return np.stack(features, axis=1)
    column = _column(columns, X, part)
    if len(column) and hasattr(column[0], "convert"):
        names = [f"{part}, {X!r}, row {i}" for i in range(len(column))]
        return read_pictures(column, size, color, names, budget)
    return _array(columns, X, part, budget)


def _array(columns: Any, name: str, part: str, budget: limits.Budget) -> NDArray[Any]:
    cells = list(_column(columns, name, part))
    texts = [len(cell) for cell in cells if isinstance(cell, str)]
    if texts:
        described = f"{part}: {name!r} with {len(cells)} texts, one with {max(texts)} characters,"
        budget.take(4 * len(cells) * max(texts), described)
    elif cells:
        described = f"{part}: {name!r} with {len(cells)} rows"
        budget.take(len(cells) * np.asarray(cells[0]).nbytes, described)
    try:
        array = np.array(cells)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise ValueError(f"{part}: the rows of {name!r} differ in length") from error
    if array.dtype.kind not in "biufU":
        raise ValueError(
            f"{part}: {name!r} has the dtype {array.dtype}; expected numbers, or labels that are text"
        )
    return array
