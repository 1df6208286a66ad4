"""Arrays from HDF5 files, by h5py, which is imported when the first one is read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import optional
from .dataset import Dataset

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_hdf5"]

# (X_train, y_train, X_test, y_test); "" where a style has no test part
_NAMES = (
    ("train_set_x", "train_set_y", "test_set_x", "test_set_y"),
    ("X_train", "y_train", "X_test", "y_test"),
    ("x_train", "y_train", "x_test", "y_test"),
    ("X", "y", "", ""),
    ("x", "y", "", ""),
    ("data", "target", "", ""),
    ("images", "labels", "", ""),
    ("test_set_x", "test_set_y", "", ""),
)
_CLASS_NAMES = ("list_classes", "class_names")
_MOST_EXPANSION = 1100  # deflate, the strongest of HDF5's usual filters, makes at most 1032 bytes of one


def read_hdf5(path: str | os.PathLike[str], X: str | None = None, y: str | None = None) -> Dataset:
    """Read samples and labels from an HDF5 file.

    Parameters
    ----------
    path : path-like
    X, y : str, optional
        Names of the two datasets in the file, groups separated by `/`. Given neither, they are found by name:
        `train_set_x` and `train_set_y` (with `test_set_x` and `test_set_y` as test part where the file has them, or
        these alone), `X_train` and `y_train` (likewise, also with a small `x`), `X` and `y`, `x` and `y`, `data` and
        `target`, or `images` and `labels`. `X` without `y` reads the samples only; `y_train` then has zero rows.

    Returns
    -------
    Dataset
        Arrays in the file's dtypes, in native byte order, labels that have a second dimension of 1 without it;
        `class_names` from `list_classes` or `class_names` where present; `input_scale` 1/255 for images of 8 bits,
        else 1; `name` is the file's, without its ending.

    Raises
    ------
    ValueError
        Not an HDF5 file, damaged, names missing or ambiguous, or an array that is not numeric (labels may be text).
        Links, arrays kept in other files, and arrays that the file announces but does not hold are refused.
    ImportError
        h5py is not installed.

    Examples
    --------
    >>> from compiled_nn.datasets import read_hdf5
    >>> cats = read_hdf5("train_catvnoncat.h5")  # doctest: +SKIP
    """
    path = os.fspath(path)
    if y is not None and X is None:
        raise ValueError(f"y is {y!r}, but X is None: name both, or neither")
    h5py = optional.load("h5py", purpose="reading HDF5 files", library="h5py", extra="hdf5")
    with open(path, "rb"):  # for the operating system's own errors, in their own classes
        pass
    try:
        with h5py.File(path, "r") as file:
            return _parse(h5py, file, os.path.splitext(os.path.basename(path))[0], X, y)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def _parse(h5py: Any, file: Any, name: str, X: str | None, y: str | None) -> Dataset:
    holds = f"the file holds {', '.join(map(repr, list(file)[:20])) or 'nothing'}"
    if X is None:
        styles = [style for style in _NAMES if style[0] in file]
        # A test part is the whole only where there is no training part beside it.
        if not styles or len({style[0] for style in styles} - {"test_set_x"}) > 1:
            known = ", ".join(repr(style[0]) for style in _NAMES)
            raise ValueError(f"it takes exactly one of {known}, or names for X and y; {holds}")
        style = styles[0]
    else:
        style = (X, y or "", "", "")
    X_train, y_train = _pair(h5py, file, style[0], style[1], holds)
    X_test, y_test = X_train[:0], y_train[:0]
    if style[2] in file:
        X_test, y_test = _pair(h5py, file, style[2], style[3], holds)
    class_names = next((_text(h5py, file, key, holds) for key in _CLASS_NAMES if key in file), ())
    scale = 1 / 255 if X_train.dtype == np.uint8 and X_train.ndim > 2 else 1.0
    return Dataset(X_train, y_train, X_test, y_test, class_names, input_scale=scale, name=name)


def _pair(h5py: Any, file: Any, X_name: str, y_name: str, holds: str) -> tuple[NDArray[Any], NDArray[Any]]:
    X = _array(h5py, file, X_name, "buif", holds)
    if not X.ndim:
        raise ValueError(f"{X_name!r} is a single number")
    if not y_name:
        return X, np.empty(0, np.int64)
    y = _array(h5py, file, y_name, "buifU", holds)
    if y.ndim == 2 and 1 in y.shape and y.size == len(X):
        y = y.reshape(-1)
    if X.shape[:1] != y.shape[:1]:
        raise ValueError(f"{X_name!r} has shape {X.shape}; {y_name!r} has shape {y.shape}")
    return X, y


def _text(h5py: Any, file: Any, name: str, holds: str) -> tuple[str, ...]:
    return tuple(_array(h5py, file, name, "U", holds).ravel().tolist())


def _array(h5py: Any, file: Any, name: str, kinds: str, holds: str) -> NDArray[Any]:
    """A dataset of the file itself, the kind of its dtype one of `kinds`; text becomes str."""
    where = file
    for part in name.strip("/").split("/"):
        if not isinstance(where, h5py.Group) or part not in where:
            raise ValueError(f"there is no {name!r}; {holds}")
        if not isinstance(where.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"{name!r} is a link, which may lead to another file: name what it points to")
        where = where[part]
    if not isinstance(where, h5py.Dataset):
        raise ValueError(f"{name!r} is a group; it takes the name of a dataset in it: {', '.join(where)}")
    if where.is_virtual or where.external:
        raise ValueError(f"{name!r} has its numbers in another file")
    stored = where.id.get_storage_size()
    if where.nbytes > _MOST_EXPANSION * max(stored, 1):
        raise ValueError(
            f"{name!r} has shape {where.shape}, {where.nbytes} bytes; the file holds {stored} of them"
        )
    text = h5py.check_string_dtype(where.dtype) is not None
    kind = "U" if text else where.dtype.kind
    if kind not in kinds:
        wanted = {"U": "text", "buif": "numbers"}.get(kinds, "numbers or text")
        raise ValueError(f"{name!r} has the dtype {where.dtype}; expected {wanted}")
    if text:
        return np.array(where.asstr()[()].tolist())
    array = np.asarray(where[()])
    return array.astype(array.dtype.newbyteorder("="), copy=False)
