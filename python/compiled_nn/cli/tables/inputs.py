"""DATA and MODEL of a command line: a source of a table, or a `Dataset` of arrays; a network."""

from __future__ import annotations

import os
from argparse import Namespace
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import datasets
from ...common.errors import did_you_mean
from ...datasets import Dataset, limits, read_idx, read_npz
from ...datasets.idx_npz import read_idx_if
from ...network.loading import load as _load_network
from ..support.arguments import READING
from ..support.results import Model
from ..support.terminal import UsageError
from .source import Source

_NAMES = ("digits", "xor", "mnist", "fashion-mnist")
_EXACT = 2.0**53  # smaller whole numbers are exact in float64

_TABLE_OPTIONS = ("target", *(name for name in READING if name != "max_bytes"))
_IDX_OPTIONS = ("labels", "test_images", "test_labels")
_OPTION_USES = {
    "folder": ("--data", "mnist and fashion-mnist"),
    **{name: ("--" + name.replace("_", "-"), "tables") for name in _TABLE_OPTIONS},
    **{name: ("--" + name.replace("_", "-"), "idx files") for name in _IDX_OPTIONS},
    "max_bytes": ("--max-bytes", "files"),
}


def limit_of(options: Namespace) -> int:
    """Return the number of bytes of --max-bytes."""
    limit: int | None = getattr(options, "max_bytes", None)
    return limits.MAX_BYTES if limit is None else limit


def load_network(options: Namespace) -> Model:
    """Return the network of MODEL, with the number of threads of --threads."""
    net = _load_network(options.model)
    net.n_threads = options.threads
    return net


def source_of(options: Namespace) -> Source | None:
    """Return the source of DATA; None for a built-in data set or a folder.

    Raises
    ------
    UsageError
        An option applies only to another kind of data.
    OSError, ValueError
        The source cannot be read, or has a format that no command reads.
    """
    name = options.data
    if name in _NAMES or os.path.isdir(name):
        return None
    if name != "-" and not os.path.exists(name):
        hint = did_you_mean(name, _NAMES)
        known = ", ".join(_NAMES)
        raise FileNotFoundError(f"{name!r} is neither a file nor the name of a data set ({known}).{hint}")
    source = Source.of(name)
    if source.kind == "table":
        _refuse(options, ("folder", *_IDX_OPTIONS))
    return source


def arrays(options: Namespace, source: Source | None, *, labels: bool = True) -> Dataset:
    """Return the data set of DATA that is not a table.

    Parameters
    ----------
    options : Namespace
        Options of a command that has the argument DATA.
    source : Source or None
        Result of :func:`source_of`.
    labels : bool, default True
        Whether labels are required.

    Raises
    ------
    UsageError
        An option applies only to another kind of data.
    OSError, ValueError
        The data cannot be read.
    """
    name = options.data
    if source is None and name in _NAMES:
        _refuse(options, (*_TABLE_OPTIONS, *_IDX_OPTIONS, "max_bytes"))
        return _built_in(options)
    if source is None:
        _refuse(options, ("folder", *_TABLE_OPTIONS, *_IDX_OPTIONS))
        return _scaled(_idx_folder(name, limit_of(options)))
    if source.kind == "npz":
        _refuse(options, ("folder", *_TABLE_OPTIONS, *_IDX_OPTIONS))
        return _scaled(read_npz(name, labels=labels, max_bytes=limit_of(options)))
    _refuse(options, ("folder", *_TABLE_OPTIONS))
    return _scaled(_idx_files(options, labels))


def _refuse(options: Namespace, names: tuple[str, ...]) -> None:
    for name in names:
        if getattr(options, name, None) is not None:
            option, use = _OPTION_USES[name]
            raise UsageError(f"{option} applies only to {use}, and DATA is {options.data!r}; omit {option}")


def _built_in(options: Namespace) -> Dataset:
    if options.data in ("digits", "xor"):
        _refuse(options, ("folder",))
        return datasets.load_digits() if options.data == "digits" else datasets.xor()
    read = datasets.load_mnist if options.data == "mnist" else datasets.load_fashion_mnist
    try:
        return read(options.folder)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error} On the command line, name the folder with --data DIR.") from error


# ---- files


def _idx_files(options: Namespace, labels: bool) -> Dataset:
    if labels and options.labels is None:
        raise UsageError(
            f"{options.data} is an idx file of samples; give the file with their labels by --labels FILE"
        )
    test_images, test_labels = getattr(options, "test_images", None), getattr(options, "test_labels", None)
    if (test_images is None) != (test_labels is None):
        raise UsageError("--test-images and --test-labels must be given together")
    name = os.path.basename(options.data).split(".")[0]
    paths = (options.data, options.labels if labels else None, test_images, test_labels)
    return _idx_dataset(name, *paths, labels=labels, max_bytes=limit_of(options))


def _idx_folder(folder: str, max_bytes: int) -> Dataset:
    """Read the files of a folder, found by their usual names."""
    held = sorted(os.listdir(folder), key=lambda name: (name.endswith(".gz"), name))  # plain before .gz

    def find(*parts: str) -> str | None:
        stems = [name for name in held if any(part in name for part in parts)]
        if len({name.removesuffix(".gz") for name in stems}) > 1:
            raise ValueError(
                f"{folder} has more than one file named *{parts[0]}*: {', '.join(stems)}; keep one of them"
            )
        return os.path.join(folder, stems[0]) if stems else None

    parts = (
        ("train-images",),
        ("train-labels",),
        ("t10k-images", "test-images"),
        ("t10k-labels", "test-labels"),
    )
    images, labels, test_images, test_labels = (find(*part) for part in parts)
    if images is None or labels is None or (test_images is None) != (test_labels is None):
        raise FileNotFoundError(
            f"{folder} is not a folder of an idx data set: expected files named *train-images* and *train-labels*, "
            "and optionally both *t10k-images* and *t10k-labels*, each with or without .gz"
        )
    name = os.path.basename(os.path.abspath(folder))
    paths = (images, labels, test_images, test_labels)
    return _idx_dataset(name, *paths, labels=True, max_bytes=max_bytes)


def _idx_dataset(
    name: str,
    images_path: str,
    labels_path: str | None,
    test_images_path: str | None,
    test_labels_path: str | None,
    *,
    labels: bool,
    max_bytes: int,
) -> Dataset:
    X, y = _idx_pair(images_path, labels_path, max_bytes)
    X_test, y_test = X[:0], y[:0]
    if test_images_path is not None:
        X_test, y_test = _idx_pair(test_images_path, test_labels_path if labels else None, max_bytes)
    return Dataset(X, y, X_test, y_test, name=name)


def _idx_pair(images: str, labels: str | None, max_bytes: int) -> tuple[NDArray[Any], NDArray[Any]]:
    if labels is None:
        return read_idx(images, max_bytes=max_bytes), np.empty(0, np.int64)
    y = read_idx(labels, max_bytes=max_bytes)

    def check_shape(shape: tuple[int, ...]) -> None:
        if shape[:1] != y.shape:
            raise ValueError(
                f"it has shape {shape} and {labels} has shape {y.shape}; expected one label per sample"
            )

    X = read_idx_if(images, check_shape, max_bytes=max_bytes)
    return X, y.astype(np.int64) if y.dtype.kind in "iu" else y


def _scaled(data: Dataset) -> Dataset:
    """Return `data` with an input scale that maps 8-bit integers to 0..1; other types are not scaled."""
    if data.X_train.dtype != np.uint8 or not data.X_train.size:
        return data
    return replace(data, input_scale=1 / max(1, int(data.X_train.max())))


# ---- targets


def class_labels(y: NDArray[Any]) -> NDArray[Any] | None:
    """Return one label per row: y itself, its only column, or the classes of one-hot rows; None for other shapes.

    Whole numbers that are written as decimals, such as 1.0, become int64.
    """
    if y.ndim == 2 and y.shape[1] == 1:
        return class_labels(y[:, 0])
    if y.ndim == 2 and y.dtype.kind != "U" and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        places: NDArray[Any] = y.argmax(axis=1)
        return places
    if y.ndim != 1:
        return None
    whole = y.dtype.kind == "f" and bool((np.rint(y) == y).all()) and bool((abs(y) < _EXACT).all())
    return y.astype(np.int64) if whole else y
