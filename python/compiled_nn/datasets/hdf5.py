"""Reader for HDF5 files. h5py is imported when the first file is read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import optional
from .dataset import Dataset

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_hdf5"]

# Names of (X_train, y_train, X_test, y_test) in each convention; "" if the convention has no test part
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
_MOST_EXPANSION = (
    1100  # largest ratio of array to stored bytes; deflate, the strongest usual filter, reaches 1032
)


def read_hdf5(path: str | os.PathLike[str], X: str | None = None, y: str | None = None) -> Dataset:
    """Read samples and labels from an HDF5 file.

    Parameters
    ----------
    path : path-like
        HDF5 file.
    X, y : str, optional
        Names of the two datasets in the file, with groups separated by `/`. Default: the only one of these pairs that
        the file has: `train_set_x` and `train_set_y` (with `test_set_x` and `test_set_y` as the test part if the file
        has them, or these two alone), `X_train` and `y_train` (with a test part in the same way, also spelled with a
        lower-case `x`), `X` and `y`, `x` and `y`, `data` and `target`, `images` and `labels`. `X` without `y` reads
        the samples only; `y_train` then has zero rows.

    Returns
    -------
    Dataset
        Arrays in the dtypes of the file and in native byte order. Labels of shape (m, 1) or (1, m) become (m,).
        `class_names` from `list_classes` or `class_names` if the file has them; `input_scale` 1/255 for 8-bit images,
        else 1; `name` is the file name without its extension.

    Raises
    ------
    ValueError
        If the file is not an HDF5 file or is damaged, if names are missing or ambiguous, or if an array is not numeric
        (labels may be text). Links, arrays stored in other files, and arrays that are larger than the stored data can
        be are rejected.
    ImportError
        If h5py is not installed.

    Examples
    --------
    >>> from compiled_nn.datasets import read_hdf5
    >>> cats = read_hdf5("train_catvnoncat.h5")  # doctest: +SKIP
    """
    path = os.fspath(path)
    if y is not None and X is None:
        raise ValueError(f"y is {y!r}, but X is None; pass both names, or neither")
    h5py = optional.load("h5py", purpose="reading HDF5 files", library="h5py", extra="hdf5")
    # Opened once without h5py, so that FileNotFoundError and similar errors are raised unchanged.
    with open(path, "rb"):
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
        # test_set_x alone is read as the whole data set; beside train_set_x it is the test part.
        if not styles or len({style[0] for style in styles} - {"test_set_x"}) > 1:
            supported = ", ".join(repr(style[0]) for style in _NAMES)
            raise ValueError(f"expected exactly one of {supported}; pass the names of X and y; {holds}")
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
        raise ValueError(f"{X_name!r} is a single number; expected an array")
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
    """Return a dataset that is stored in the file itself and whose dtype kind is in `kinds`; text becomes str."""
    item = file
    for part in name.strip("/").split("/"):
        if not isinstance(item, h5py.Group) or part not in item:
            raise ValueError(f"there is no dataset {name!r}; {holds}")
        if not isinstance(item.get(part, getlink=True), h5py.HardLink):
            raise ValueError(
                f"{name!r} is a link, possibly to another file; pass the name of the linked dataset"
            )
        item = item[part]
    if not isinstance(item, h5py.Dataset):
        raise ValueError(f"{name!r} is a group; pass the name of a dataset in it: {', '.join(item)}")
    if item.is_virtual or item.external:
        raise ValueError(f"the numbers of {name!r} are in another file, which is not read")
    stored = item.id.get_storage_size()
    if item.nbytes > _MOST_EXPANSION * max(stored, 1):
        raise ValueError(
            f"{name!r} has shape {item.shape} and takes {item.nbytes} bytes; the file stores only {stored}"
        )
    text = h5py.check_string_dtype(item.dtype) is not None
    kind = "U" if text else item.dtype.kind
    if kind not in kinds:
        expected = {"U": "text", "buif": "numbers"}.get(kinds, "numbers or text")
        raise ValueError(f"{name!r} has the dtype {item.dtype}; expected {expected}")
    if text:
        return np.array(item.asstr()[()].tolist())
    array = np.asarray(item[()])
    return array.astype(array.dtype.newbyteorder("="), copy=False)
