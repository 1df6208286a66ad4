"""Arrays from ``.idx`` and ``.npz`` files.

The readers trust no number that a file says about itself: they read on in steps and stop where the data stop,
so that a short file which announces terabytes costs no more than what it holds. Nothing is ever unpickled.
"""

from __future__ import annotations

import math
import os
import sys
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from .dataset import Dataset

if TYPE_CHECKING:
    import zipfile

    from numpy.typing import NDArray

__all__ = ["read_idx", "read_npz"]

_STEP = 1 << 20  # bytes read at a time
_MAX_NDIM = 64  # NumPy's own limit since 2.0
_IDX_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

# (X_train, y_train, X_test, y_test); "" where a style has no test part
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


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an idx file, the format of MNIST, plain or gzipped.

    Parameters
    ----------
    path : path-like
        Whether the file is gzipped is seen from its content, not from its name.

    Returns
    -------
    ndarray
        Of any rank; uint8, int8, int16, int32, float32 or float64 as the file says, in native byte order.

    Raises
    ------
    ValueError
        Not an idx file, or its length is not what its header says. Memory stays within what the file holds.
    """
    path = os.fspath(path)
    with open(path, "rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            if not gzipped:
                return _parse_idx(file)
            import gzip
            import zlib

            try:
                with gzip.GzipFile(fileobj=file) as stream:
                    return _parse_idx(stream)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise ValueError(f"the gzip stream is damaged: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def _parse_idx(stream: _Stream) -> NDArray[Any]:
    magic = _read_up_to(stream, 4)
    if len(magic) < 4:
        raise ValueError(f"not an idx file: it holds {len(magic)} bytes; the magic number takes 4")
    dtype, ndim = _IDX_DTYPES.get(magic[2]), magic[3]
    if magic[:2] != b"\0\0" or dtype is None or ndim > _MAX_NDIM:
        codes = ", ".join(f"0x{code:02x}" for code in _IDX_DTYPES)
        raise ValueError(
            f"not an idx file: it begins with 0x{magic.hex()}; expected 0x0000, a type of {codes}, "
            f"and 0 to {_MAX_NDIM} dimensions"
        )
    sizes = _read_up_to(stream, 4 * ndim)
    if len(sizes) < 4 * ndim:
        raise ValueError(
            f"the header of {ndim} dimensions takes {4 + 4 * ndim} bytes; the file holds {4 + len(sizes)}"
        )
    return _read_array(stream, tuple(np.frombuffer(sizes, ">u4").tolist()), np.dtype(dtype))


def _read_up_to(stream: _Stream, size: int) -> bytearray:
    """`size` bytes, or fewer where the stream ends or breaks off; memory grows with what was really read."""
    data = bytearray()
    try:
        while len(data) < size and (more := stream.read1(min(size - len(data), _STEP))):
            data += more
    except EOFError:  # a compressed stream that breaks off: what came before it counts
        return data
    return data


def _read_array(
    stream: _Stream, shape: tuple[int, ...], dtype: np.dtype[Any], fortran_order: bool = False
) -> NDArray[Any]:
    """The array that fills the rest of the stream exactly, in native byte order."""
    # NumPy multiplies the other dimensions even where one is 0.
    most = math.prod(max(size, 1) for size in shape) * dtype.itemsize
    if most > sys.maxsize or len(shape) > _MAX_NDIM or min(shape, default=0) < 0:
        raise ValueError(
            f"shape {shape} of {dtype.name} takes {most} bytes in {len(shape)} dimensions; "
            f"sizes must not be negative, the limits are {sys.maxsize} and {_MAX_NDIM}"
        )
    n_bytes = math.prod(shape) * dtype.itemsize
    data = _read_up_to(stream, n_bytes)
    held = str(len(data))
    if len(data) == n_bytes and stream.read1(1):
        held = f"at least {n_bytes + 1}"
    if held != str(n_bytes):
        raise ValueError(f"shape {shape} of {dtype.name} takes {n_bytes} bytes; the file holds {held}")
    array: NDArray[Any] = np.ndarray(shape, dtype, buffer=data, order="F" if fortran_order else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)


def read_npz(path: str | os.PathLike[str], *, labels: bool = True) -> Dataset:
    """Read samples and labels from an ``.npz`` file, as ``numpy.savez`` and ``savez_compressed`` write it.

    Parameters
    ----------
    path : path-like
        The arrays are found by name: `X` and `y`, `x` and `y`, `data` and `target`, or `images` and `labels`;
        or, with a test part that may be absent, `X_train`, `y_train`, `X_test`, `y_test`, the same with a
        small `x`, or `train_images`, `train_labels`, `test_images`, `test_labels`. `class_names` and
        `feature_names`, arrays of text, are read where present; other arrays are not looked at.
    labels : bool, default True
        False: read the samples only (to predict); `y_train` and `y_test` get zero rows.

    Returns
    -------
    Dataset
        Arrays in the file's dtypes, in native byte order; `name` is the file's, without its ending.

    Raises
    ------
    ValueError
        Not an npz file, damaged, names missing or ambiguous, or an array that is not numeric (labels may be
        text). Arrays of Python objects are refused. Memory stays within what the file holds, unpacked.
    """
    import zipfile
    import zlib

    path = os.fspath(path)
    name = os.path.splitext(os.path.basename(path))[0]
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _parse_npz(archive, name, labels)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
            raise ValueError(f"{path}: not a readable npz file: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def _parse_npz(archive: zipfile.ZipFile, name: str, labels: bool) -> Dataset:
    held = [member.removesuffix(".npy") for member in archive.namelist()]
    holds = f"the file holds {', '.join(repr(array) for array in held[:20]) or 'no arrays'}"
    if len(set(held)) < len(held):
        raise ValueError(f"two arrays have one name; {holds}")
    styles = [style for style in _NPZ_NAMES if style[0] in held]
    if len(styles) != 1:
        known = ", ".join(repr(style[0]) for style in _NPZ_NAMES)
        raise ValueError(f"it takes exactly one of the arrays {known}; {holds}")
    X_name, y_name, X_test_name, y_test_name = styles[0]
    X_train, y_train = _read_pair(archive, X_name, y_name if labels else "")
    X_test, y_test = X_train[:0], y_train[:0]
    if X_test_name in held:
        X_test, y_test = _read_pair(archive, X_test_name, y_test_name if labels else "")
    class_names, feature_names = (
        tuple(_read_member(archive, text, "U").ravel().tolist()) if text in held else ()
        for text in ("class_names", "feature_names")
    )
    return Dataset(X_train, y_train, X_test, y_test, class_names, feature_names, name=name)


def _read_pair(archive: zipfile.ZipFile, X_name: str, y_name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Samples and their labels; labels of zero rows where `y_name` is empty."""
    X = _read_member(archive, X_name, "buif")
    y = _read_member(archive, y_name, "buifU") if y_name else np.empty(0, np.int64)
    if not X.ndim or (y_name and X.shape[:1] != y.shape[:1]):
        raise ValueError(
            f"array {X_name!r} has shape {X.shape}" + (f"; {y_name!r} has shape {y.shape}" if y_name else "")
        )
    return X, y


def _read_member(archive: zipfile.ZipFile, name: str, kinds: str) -> NDArray[Any]:
    """One array of the archive, the kind of its dtype one of `kinds`."""
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    if name not in members:
        raise ValueError(f"no array {name!r}; the file holds {', '.join(repr(held) for held in members)}")
    # Stored and deflated, as NumPy writes: the other methods take the size of their buffers from the file.
    if members[name].compress_type not in (0, 8):
        raise ValueError(
            f"array {name!r}: compression method {members[name].compress_type}; known are 0 and 8"
        )
    try:
        with archive.open(members[name]) as stream:
            version = np.lib.format.read_magic(stream)
            if version != (1, 0):  # later versions are for structured arrays only
                raise ValueError(f"npy format version {version}; known is (1, 0)")
            try:
                shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
            except Exception as error:  # a header is a Python literal: its parser raises whatever it likes
                raise ValueError(f"its header is damaged: {error!r}") from error
            if dtype.kind not in kinds:
                wanted = {"U": "text", "buif": "numbers"}.get(kinds, "numbers or text")
                raise ValueError(f"its dtype is {dtype}; expected {wanted}")
            return _read_array(cast("_Stream", stream), shape, dtype, fortran_order)
    except ValueError as error:
        raise ValueError(f"array {name!r}: {error}") from error
