"""Data of the `datasets` library of Hugging Face, or of anything that has its columns; nothing is downloaded here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import checks
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
) -> Dataset:
    """Return the columns of a `datasets.Dataset` or `datasets.DatasetDict` as arrays.

    Parameters
    ----------
    data : datasets.Dataset, datasets.DatasetDict, or alike
        Something with `column_names`, whose columns are ``data[name]``; or a mapping of such by the names `train`,
        `validation` (or `valid`, `val`) and `test`, of which `train` must be there. Other parts are not looked at.
    X : str, or sequence of str
        The column of the pictures (PIL images) or of the vectors; or the columns of numbers, one a feature.
    y : str
        The column of labels or values. ``data.features[y].names``, where there are such, are the names of the classes.
    size : int or (height, width), optional
        Resize every picture to it; None: they must have one size.
    color : {"rgb", "gray"}, default "rgb"
        What to convert pictures to.

    Returns
    -------
    Dataset
        Pictures as by :func:`read_image_folder`, with `input_scale` 1/255, other columns in the dtype NumPy gives
        them; labels as they are, int64 where the classes have names.

    Raises
    ------
    ValueError
        A column is not there, its rows differ in length, or a picture cannot be read; the message names it.

    Examples
    --------
    >>> from datasets import load_dataset  # doctest: +SKIP
    >>> beans = from_hugging_face(load_dataset("beans"), "image", "labels", size=100)  # doctest: +SKIP
    """
    height_width = checked_size("from_hugging_face", size)
    checks.choice("from_hugging_face", "color", color, MODES)
    parts = _parts(data)
    arrays: dict[str, Any] = {}
    for part, columns in parts.items():
        arrays[f"X_{part}"] = _samples(columns, X, height_width, color, part)
        arrays[f"y_{part}"] = _array(columns, y, part)
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
    found: dict[str, Any] = {}
    for name, columns in data.items():
        if name in _PARTS:
            if _PARTS[name] in found:
                raise ValueError(f"two parts are for {_PARTS[name]}: {', '.join(map(repr, data))}")
            found[_PARTS[name]] = columns
    if "train" not in found:
        raise ValueError(f"there is no part 'train'; the data have {', '.join(map(repr, data)) or 'none'}")
    return found


def _feature(columns: Any, name: str) -> Any:
    features = getattr(columns, "features", None)
    return features.get(name) if isinstance(features, Mapping) else None


def _column(columns: Any, name: str, part: str) -> Any:
    known = list(columns.column_names)
    if name not in known:
        raise ValueError(f"{part} has no column {name!r}; it has {', '.join(map(repr, known))}")
    return columns[name]


def _samples(
    columns: Any, X: str | Sequence[str], size: tuple[int, int] | None, color: Color, part: str
) -> NDArray[Any]:
    if not isinstance(X, str):
        features = [_array(columns, name, part) for name in X]
        if any(feature.ndim != 1 for feature in features):
            raise ValueError(f"{part}: several columns are features of one number a row each; {X!r} are not")
        return np.stack(features, axis=1)
    column = _column(columns, X, part)
    if len(column) and hasattr(column[0], "convert"):
        return read_pictures(column, size, color, [f"{part}, {X!r}, row {i}" for i in range(len(column))])
    return _array(columns, X, part)


def _array(columns: Any, name: str, part: str) -> NDArray[Any]:
    try:
        array = np.array(list(_column(columns, name, part)))
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise ValueError(f"{part}: the rows of {name!r} differ in length") from error
    if array.dtype.kind not in "biufU":
        raise ValueError(f"{part}: {name!r} holds {array.dtype}; expected numbers, or labels that are text")
    return array
