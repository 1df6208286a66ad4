"""Readers for ``.idx`` and ``.npz`` files.

The sizes in the header of a file are not trusted. They are compared with `max_bytes`, and those of a plain file with
its size. Data are then read in steps until they end, so that a short file takes no more memory than its content.
Nothing is ever unpickled.
"""

from __future__ import annotations

import math
import os
import sys
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from . import limits
from .dataset import Dataset
from .texts import check_characters

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray

    CheckShape: TypeAlias = Callable[[tuple[int, ...]], None]

__all__ = ["read_idx", "read_npz"]

_STEP = 1 << 20  # bytes per read
_MAX_NDIM = 64  # limit of NumPy since 2.0
_IDX_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

# Names of (X_train, y_train, X_test, y_test) in each convention; "" if the convention has no test part
_NPZ_NAMES = (
    ("X", "y", "", ""),
    ("x", "y", "", ""),
    ("data", "target", "", ""),
    ("images", "labels", "", ""),
    ("X_train", "y_train", "X_test", "y_test"),
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
)


class _Stream(Protocol):
    def read1(self, size: int, /) -> bytes: ...


def read_idx(path: str | os.PathLike[str], *, max_bytes: int = limits.MAX_BYTES) -> NDArray[Any]:
    """Read an array from an idx file, the format of MNIST [1]_.

    Parameters
    ----------
    path : path-like
        File, plain or gzipped. Compression is detected from the content, not from the file name.
    max_bytes : int, default 4 GiB
        Largest number of bytes of the array.

    Returns
    -------
    ndarray
        Array with the shape in the header; uint8, int8, int16, int32, float32 or float64, in native byte order.

    Raises
    ------
    ValueError
        If the file is not an idx file, its length differs from the length in its header, or the array is larger than
        `max_bytes`. Memory use is limited by the content of the file, whatever the header claims.

    See Also
    --------
    load_mnist : Data set of four such files.

    References
    ----------
    .. [1] Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998.

    Examples
    --------
    >>> from pathlib import Path
    >>> from compiled_nn.datasets import read_idx
    >>> _ = Path("labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 9]))  # uint8, 1 axis of 3
    >>> read_idx("labels-idx1-ubyte")
    array([7, 2, 9], dtype=uint8)
    """
    return read_idx_if(path, None, max_bytes=max_bytes)


def read_idx_if(
    path: str | os.PathLike[str], check_shape: CheckShape | None, *, max_bytes: int
) -> NDArray[Any]:
    """Read an array as `read_idx` does, after `check_shape`, which raises ValueError if it must not be read."""
    budget = limits.Budget.of("read_idx", max_bytes)
    path = os.fspath(path)
    with open(path, "rb") as file:
        gzipped = file.peek(2)[:2] == b"\x1f\x8b"
        try:
            if not gzipped:
                return _parse_idx(file, budget, check_shape, limits.size_of(file))
            import gzip
            import zlib

            try:
                with gzip.GzipFile(fileobj=file) as stream:
                    return _parse_idx(stream, budget, check_shape)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise ValueError(f"the gzip stream is damaged: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def _parse_idx(
    stream: _Stream, budget: limits.Budget, check_shape: CheckShape | None, size: int | None = None
) -> NDArray[Any]:
    magic = _read_up_to(stream, 4)
    if len(magic) < 4:
        raise ValueError(f"not an idx file: it holds {len(magic)} bytes; the magic number takes 4")
    dtype, ndim = _IDX_DTYPES.get(magic[2]), magic[3]
    if magic[:2] != b"\0\0" or dtype is None or ndim > _MAX_NDIM:
        codes = ", ".join(f"0x{code:02x}" for code in _IDX_DTYPES)
        raise ValueError(
            f"not an idx file: it begins with 0x{magic.hex()}; expected 0x0000, one of the type codes {codes}, "
            f"and 0 to {_MAX_NDIM} dimensions"
        )
    sizes = _read_up_to(stream, 4 * ndim)
    if len(sizes) < 4 * ndim:
        raise ValueError(
            f"the header of {ndim} dimensions takes {4 + 4 * ndim} bytes; the file holds {4 + len(sizes)}"
        )
    shape = tuple(np.frombuffer(sizes, ">u4").tolist())
    if check_shape is not None:
        check_shape(shape)
    held = None if size is None else size - 4 - 4 * ndim
    return _read_array(stream, shape, np.dtype(dtype), budget, held)


def _read_up_to(stream: _Stream, size: int) -> bytearray:
    """Return `size` bytes, or fewer if the stream ends or is cut; memory grows with the bytes that were read."""
    data = bytearray()
    try:
        while len(data) < size and (more := stream.read1(min(size - len(data), _STEP))):
            data += more
    except (
        EOFError
    ):  # a compressed stream is cut: return the bytes before the cut, so that the error has their number
        return data
    return data


def _read_array(
    stream: _Stream,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    budget: limits.Budget,
    held: int | None,
    fortran_order: bool = False,
) -> NDArray[Any]:
    """Return the array stored in the rest of the stream, in native byte order; its length must match exactly.

    `held` is the largest number of bytes that the rest of the stream may have; None if it is not known.
    """
    # max(size, 1), because NumPy multiplies the other dimensions even if one of them is 0.
    most = math.prod(max(size, 1) for size in shape) * dtype.itemsize
    if most > sys.maxsize or len(shape) > _MAX_NDIM or min(shape, default=0) < 0:
        raise ValueError(
            f"shape {shape} of {dtype.name} takes {most} bytes in {len(shape)} dimensions; "
            f"sizes must be >= 0, and the limits are {sys.maxsize} bytes and {_MAX_NDIM} dimensions"
        )
    n_bytes = math.prod(shape) * dtype.itemsize
    described = f"shape {shape} of {dtype.name}"
    if held is not None and n_bytes > held:
        raise ValueError(f"{described} takes {n_bytes} bytes; the file holds {held}")
    budget.take(most, described)
    data = _read_up_to(stream, n_bytes)
    available = str(len(data))
    if len(data) == n_bytes and stream.read1(1):
        available = f"at least {n_bytes + 1}"
    if available != str(n_bytes):
        raise ValueError(f"{described} takes {n_bytes} bytes; the file holds {available}")
    array: NDArray[Any] = np.ndarray(shape, dtype, buffer=data, order="F" if fortran_order else "C")
    if not dtype.isnative:
        array = array.byteswap(inplace=True).view(dtype.newbyteorder("="))
    check_characters(array)
    return array


def read_npz(
    path: str | os.PathLike[str], *, labels: bool = True, max_bytes: int = limits.MAX_BYTES
) -> Dataset:
    """Read samples and labels from an ``.npz`` file written by ``numpy.savez`` or ``numpy.savez_compressed``.

    Parameters
    ----------
    path : path-like
        File with the arrays `X` and `y`, `x` and `y`, `data` and `target`, or `images` and `labels`; or, with an
        optional test part, `X_train`, `y_train`, `X_test`, `y_test`, the same names with a lower-case `x`, or
        `train_images`, `train_labels`, `test_images`, `test_labels`. The text arrays `class_names` and `feature_names`
        are read if present. Other arrays are ignored.
    labels : bool, default True
        Whether labels are read. With False, for prediction, `y_train` and `y_test` have zero rows.
    max_bytes : int, default 4 GiB
        Largest number of bytes of all arrays that are read.

    Returns
    -------
    Dataset
        Arrays in the dtypes of the file and in native byte order; `name` is the file name without its extension.

    Raises
    ------
    ValueError
        If the file is not an npz file or is damaged, if names are missing or ambiguous, if an array is not numeric
        (labels may be text), or if the arrays are larger than `max_bytes`. Arrays of Python objects are rejected.
        Memory use is limited by the uncompressed content of the file, whatever its headers claim.

    See Also
    --------
    read_hdf5 : The same for HDF5.

    Examples
    --------
    >>> import numpy as np
    >>> from compiled_nn.datasets import read_npz
    >>> np.savez("points.npz", X=np.zeros((4, 2)), y=[0, 1, 1, 0], class_names=["red", "blue"])
    >>> data = read_npz("points.npz")
    >>> data
    <Dataset 'points': X_train (4, 2), y_train (4,)>
    >>> data.class_names
    ('red', 'blue')
    """
    import struct
    import zipfile
    import zlib

    budget = limits.Budget.of("read_npz", max_bytes)
    path = os.fspath(path)
    name = os.path.splitext(os.path.basename(path))[0]
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _parse_npz(archive, name, labels, budget)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, struct.error) as error:
            raise ValueError(f"{path}: not a readable npz file: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def _parse_npz(archive: zipfile.ZipFile, name: str, labels: bool, budget: limits.Budget) -> Dataset:
    names = [member.removesuffix(".npy") for member in archive.namelist()]
    content = f"the file holds {', '.join(repr(array) for array in names[:20]) or 'no arrays'}"
    if len(set(names)) < len(names):
        raise ValueError(f"two arrays have the same name; {content}")
    styles = [style for style in _NPZ_NAMES if style[0] in names]
    if len(styles) != 1:
        supported = ", ".join(repr(style[0]) for style in _NPZ_NAMES)
        raise ValueError(f"expected exactly one of the arrays {supported}; {content}")
    X_name, y_name, X_test_name, y_test_name = styles[0]
    X_train, y_train = _read_pair(archive, X_name, y_name if labels else "", budget)
    X_test, y_test = X_train[:0], y_train[:0]
    if X_test_name in names:
        X_test, y_test = _read_pair(archive, X_test_name, y_test_name if labels else "", budget)
    class_names, feature_names = (
        tuple(_read_member(archive, text, "U", budget).ravel().tolist()) if text in names else ()
        for text in ("class_names", "feature_names")
    )
    return Dataset(X_train, y_train, X_test, y_test, class_names, feature_names, name=name)


def _read_pair(
    archive: zipfile.ZipFile, X_name: str, y_name: str, budget: limits.Budget
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return samples and their labels; the labels have zero rows if `y_name` is empty."""
    X = _read_member(archive, X_name, "buif", budget)
    y = _read_member(archive, y_name, "buifU", budget) if y_name else np.empty(0, np.int64)
    if not X.ndim or (y_name and X.shape[:1] != y.shape[:1]):
        raise ValueError(
            f"array {X_name!r} has shape {X.shape}" + (f"; {y_name!r} has shape {y.shape}" if y_name else "")
        )
    return X, y


def _read_member(archive: zipfile.ZipFile, name: str, kinds: str, budget: limits.Budget) -> NDArray[Any]:
    """Return an array of the archive whose dtype kind is in `kinds`."""
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    if name not in members:
        raise ValueError(f"no array {name!r}; the file holds {', '.join(map(repr, members))}")
    # Only the methods that NumPy writes, stored and deflated: other methods read their buffer sizes from the file.
    if members[name].compress_type not in (0, 8):
        raise ValueError(
            f"array {name!r} has compression method {members[name].compress_type}; supported are 0 and 8"
        )
    try:
        with archive.open(members[name]) as stream:
            version = np.lib.format.read_magic(stream)
            if version != (1, 0):  # NumPy writes later versions for structured arrays only
                raise ValueError(f"it has npy format version {version}; supported is (1, 0)")
            try:
                shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
            except (
                Exception
            ) as error:  # the header is parsed as a Python literal, which can raise many classes
                raise ValueError(f"its header is damaged: {error!r}") from error
            if dtype.kind not in kinds:
                expected = {"U": "text", "buif": "numbers"}.get(kinds, "numbers or text")
                raise ValueError(f"its dtype is {dtype}; expected {expected}")
            shape = tuple(map(int, shape))  # a header may have True as a size
            held = members[name].file_size - stream.tell()
            return _read_array(cast("_Stream", stream), shape, dtype, budget, held, fortran_order)
    except ValueError as error:
        raise ValueError(f"array {name!r}: {error}") from error
