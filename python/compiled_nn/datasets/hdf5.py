"""Reader for HDF5 files. h5py is imported when the first file is read."""

from __future__ import annotations

import os
import zlib
from itertools import islice
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import optional
from . import hdf5_heaps, limits
from .dataset import Dataset
from .texts import Texts, check_characters

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
_FILTERS = (1, 2, 3, 4, 5, 6, 32000)  # those of HDF5 and h5py; for others, HDF5 loads libraries
_TEXTS_TOGETHER = 16, 1 << 26  # fewest texts, and bytes of texts, that are read in one step


def read_hdf5(
    path: str | os.PathLike[str],
    X: str | None = None,
    y: str | None = None,
    *,
    max_bytes: int = limits.MAX_BYTES,
) -> Dataset:
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
    max_bytes : int, default 4 GiB
        Largest number of bytes of all arrays that are read.

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
        (labels may be text). Links, arrays stored in other files, filters that HDF5 loads from other libraries, arrays
        larger than `max_bytes`, and arrays that are larger than the stored data can be are rejected.
    ImportError
        If h5py is not installed.

    See Also
    --------
    read_npz : The same for NumPy's format.

    Examples
    --------
    >>> import h5py
    >>> import numpy as np
    >>> from compiled_nn.datasets import read_hdf5
    >>> with h5py.File("digits.h5", "w") as file:
    ...     file["X"], file["y"] = np.zeros((5, 8, 8), np.uint8), np.arange(5)
    >>> read_hdf5("digits.h5")
    <Dataset 'digits': X_train (5, 8, 8), y_train (5,)>
    """
    budget = limits.Budget.of("read_hdf5", max_bytes)
    path = os.fspath(path)
    if y is not None and X is None:
        raise ValueError(f"y is {y!r}, but X is None; pass both names, or neither")
    h5py = optional.load("h5py", purpose="reading HDF5 files", library="h5py", extra="hdf5")
    # Opened once without h5py, so that FileNotFoundError and similar errors are raised unchanged.
    with open(path, "rb") as opened:
        size = limits.size_of(opened)
    try:
        if size is None:
            raise ValueError("it is a pipe or a device, from which HDF5 cannot be read")
        with h5py.File(path, "r") as file:
            reader = _Reader(h5py, file, path, size, budget)
            return _parse(reader, os.path.splitext(os.path.basename(path))[0], X, y)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, zlib.error) as error:
        raise ValueError(f"{path}: {error}") from error


def _parse(file: _Reader, name: str, X: str | None, y: str | None) -> Dataset:
    if X is None:
        styles = [style for style in _NAMES if style[0] in file]
        # test_set_x alone is read as the whole data set; beside train_set_x it is the test part.
        if not styles or len({style[0] for style in styles} - {"test_set_x"}) > 1:
            supported = ", ".join(repr(style[0]) for style in _NAMES)
            raise ValueError(
                f"expected exactly one of {supported}; pass the names of X and y; {file.content()}"
            )
        style = styles[0]
    else:
        style = (X, y or "", "", "")
    X_train, y_train = _pair(file, style[0], style[1])
    X_test, y_test = X_train[:0], y_train[:0]
    if style[2] in file:
        X_test, y_test = _pair(file, style[2], style[3])
    found = (file.array(key, "U").ravel().tolist() for key in _CLASS_NAMES if key in file)
    class_names = tuple(next(found, ()))
    scale = 1 / 255 if X_train.dtype == np.uint8 and X_train.ndim > 2 else 1.0
    return Dataset(X_train, y_train, X_test, y_test, class_names, input_scale=scale, name=name)


def _pair(file: _Reader, X_name: str, y_name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    X = file.array(X_name, "buif")
    if not X.ndim:
        raise ValueError(f"{X_name!r} is a single number; expected an array")
    if not y_name:
        return X, np.empty(0, np.int64)
    y = file.array(y_name, "buifU")
    if y.ndim == 2 and 1 in y.shape and y.size == len(X):
        y = y.reshape(-1)
    if X.shape[:1] != y.shape[:1]:
        raise ValueError(f"{X_name!r} has shape {X.shape}; {y_name!r} has shape {y.shape}")
    return X, y


class _Reader:
    """Datasets of an open file that are stored in the file itself.

    Links are looked up without following them: ``name in group`` of h5py would open the file of an external link.
    """

    def __init__(self, h5py: Any, file: Any, path: str, size: int, budget: limits.Budget) -> None:
        self._h5py, self._file, self._path, self._size, self._budget = h5py, file, path, size, budget

    def __contains__(self, name: str) -> bool:
        return bool(name) and _has(self._file, name)

    def content(self) -> str:
        """Return the names of the first datasets, for messages."""
        return f"the file holds {', '.join(map(repr, islice(self._file, 20))) or 'nothing'}"

    def array(self, name: str, kinds: str) -> NDArray[Any]:
        """Return a dataset whose dtype kind is in `kinds`; text becomes str."""
        item = self._find(name)
        if item.is_virtual or item.external:  # before anything else, which could open these files
            raise ValueError(f"the numbers of {name!r} are in another file, which is not read")
        self._check_filters(item, name)
        text = self._h5py.check_string_dtype(item.dtype)
        kind = "U" if text is not None else item.dtype.kind
        if kind not in kinds:
            expected = {"U": "text", "buif": "numbers"}.get(kinds, "numbers or text")
            raise ValueError(f"{name!r} has the dtype {item.dtype}; expected {expected}")
        self._check_size(item, name)
        if text is not None:
            return self._texts(item, name)
        self._budget.take(item.nbytes, f"{name!r} of shape {item.shape} and dtype {item.dtype}")
        array = np.asarray(item[()])
        if not array.dtype.isnative:
            array = array.byteswap(inplace=True).view(array.dtype.newbyteorder("="))
        check_characters(array)
        return array

    def _find(self, name: str) -> Any:
        item = self._file
        for part in name.strip("/").split("/"):
            if not isinstance(item, self._h5py.Group) or not _has(item, part):
                raise ValueError(f"there is no dataset {name!r}; {self.content()}")
            if item.id.links.get_info(part.encode()).type != self._h5py.h5l.TYPE_HARD:
                raise ValueError(
                    f"{name!r} is a link, possibly to another file; pass the name of the linked dataset"
                )
            item = item[part]
        if not isinstance(item, self._h5py.Dataset):
            names = ", ".join(islice(item, 20)) if isinstance(item, self._h5py.Group) else "none"
            raise ValueError(f"{name!r} is a group; pass the name of a dataset in it: {names}")
        return item

    def _check_filters(self, item: Any, name: str) -> None:
        properties = item.id.get_create_plist()
        for i in range(properties.get_nfilters()):
            code = properties.get_filter(i)[0]
            if code not in _FILTERS:
                raise ValueError(
                    f"{name!r} is compressed with the filter {code} of another library; write it with gzip or lzf"
                )

    def _check_size(self, item: Any, name: str) -> None:
        """Raise a ValueError if an array, or one of its chunks, is larger than its stored bytes can be."""
        stored = min(item.id.get_storage_size(), self._size)
        chunk = prod(item.chunks or ()) * item.dtype.itemsize if item.chunks else 0
        largest = max(item.nbytes, chunk)
        if largest > _MOST_EXPANSION * max(stored, 1):
            described = f"has shape {item.shape} and" if largest == item.nbytes else "has a chunk that"
            raise ValueError(f"{name!r} {described} takes {largest} bytes; the file stores only {stored}")
        if chunk:
            self._budget.check(chunk, f"a chunk of {name!r}", alone=True)

    def _texts(self, item: Any, name: str) -> NDArray[np.str_]:
        """Return text, read in steps: each of its texts may be as long as the file, at the same place of it."""
        if item.ndim > 2 or (item.ndim == 2 and 1 not in item.shape):
            raise ValueError(f"{name!r} is text of shape {item.shape}; expected one dimension")
        if self._h5py.check_string_dtype(item.dtype).length is None:
            address, length = self._file.id.get_create_plist().get_sizes()
            hdf5_heaps.check(self._path, length)
            hdf5_heaps.check_lengths(self._path, item, address)
        texts, count, source = Texts(), prod(item.shape), item.asstr()
        fewest, together = _TEXTS_TOGETHER
        step = max(fewest, together // max(1, self._size, item.dtype.itemsize))
        for start in range(0, count, step):
            part: tuple[Any, ...] = () if not item.ndim else (slice(start, start + step),)
            if item.ndim == 2:
                part = (slice(None), *part) if item.shape[0] == 1 else (*part, slice(None))
            for text in np.ravel(source[part]):
                texts.append(str(text))
        self._budget.take(
            4 * count * texts.longest, f"{name!r} of {count} texts, one with {texts.longest} characters,"
        )
        return texts.to_array().reshape(item.shape)


def _has(group: Any, name: str) -> bool:
    """Whether a group has a link of this name, which is not followed."""
    return name not in ("", ".") and group.id.links.exists(name.encode())
