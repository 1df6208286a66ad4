"""DATA and MODEL of a command line: a `Dataset`, its task and its split; a network."""

from __future__ import annotations

import csv
import os
from argparse import Namespace
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import datasets
from ...common.errors import did_you_mean
from ...datasets import Dataset, read_csv, read_idx, read_npz
from ...losses import LOSSES
from ...network.network import Network
from ...network.network import load as _load_network
from .terminal import UsageError

_NAMES = ("digits", "xor", "mnist", "fashion-mnist")
_FEWEST_TO_SPLIT = 10
_MOST_CLASSES = 100  # more different integers are values, not classes
_ROWS_PER_CLASS = 5  # fewer on average: the integers are values

_CSV_OPTIONS = ("target", "header", "delimiter")
_IDX_OPTIONS = ("labels", "test_images", "test_labels")
_OPTION_USES = {
    "folder": ("--data", "mnist and fashion-mnist"),
    **{name: (f"--{name}", "CSV files") for name in _CSV_OPTIONS},
    **{name: ("--" + name.replace("_", "-"), "idx files") for name in _IDX_OPTIONS},
}


def load_network(options: Namespace) -> Network:
    """Return the network of MODEL, with the number of threads of --threads."""
    net = _load_network(options.model)
    net.n_threads = options.threads
    return net


def load(options: Namespace, *, labels: bool = True, n_features: int | None = None) -> Dataset:
    """Return the data set of DATA.

    Parameters
    ----------
    options : Namespace
        Options of a command that has the argument DATA.
    labels : bool, default True
        Whether labels are required.
    n_features : int, optional
        Number of inputs of the network. If labels are not required, a CSV file with one column more has a target
        column.

    Raises
    ------
    UsageError
        An option applies only to another kind of data.
    OSError, ValueError
        The data cannot be read.
    """
    name = options.data
    if name in _NAMES:
        _refuse(options, _CSV_OPTIONS + _IDX_OPTIONS)
        return _built_in(options)
    if os.path.isdir(name):
        _refuse(options, ("folder", *_CSV_OPTIONS, *_IDX_OPTIONS))
        return _scaled(_idx_folder(name))
    if not os.path.exists(name):
        hint = did_you_mean(name, _NAMES)
        known = ", ".join(_NAMES)
        raise FileNotFoundError(f"{name!r} is neither a file nor the name of a data set ({known}).{hint}")
    kind = _kind(name)
    if kind == "npz":
        _refuse(options, ("folder", *_CSV_OPTIONS, *_IDX_OPTIONS))
        return _scaled(read_npz(name, labels=labels))
    if kind == "idx":
        _refuse(options, ("folder", *_CSV_OPTIONS))
        return _scaled(_idx_files(options, labels))
    _refuse(options, ("folder", *_IDX_OPTIONS))
    return _csv(options, labels, n_features)


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


def _kind(path: str) -> str:
    """Return "npz", "idx" or "csv" by the first bytes of a file; raise ValueError for known other formats."""
    with open(path, "rb") as file:
        start = file.read(9)
    if start[:4] == b"PK\3\4":
        return "npz"
    if start[:6] == b"\x93NUMPY":
        raise ValueError(
            f"{path} contains one array only; write samples and labels to one file with numpy.savez(path, X=X, y=y)"
        )
    if start[8:] == b"{" and b"\0" in start[:8]:
        raise ValueError(
            f"{path} is a safetensors file, which contains a network; give a data set or a file of data as DATA"
        )
    return "idx" if start[:2] in (b"\0\0", b"\x1f\x8b") else "csv"


# ---- files


def _csv(options: Namespace, labels: bool, n_features: int | None) -> Dataset:
    delimiter = options.delimiter or ","
    target = -1 if options.target is None else options.target
    if not labels and options.target is None and _n_columns(options.data, delimiter) != (n_features or 0) + 1:
        target = None
    try:
        return read_csv(options.data, target, header=options.header, delimiter=delimiter)
    except ValueError as error:
        raise ValueError(str(error).replace("pass header=True", "give --header")) from error


def _n_columns(path: str, delimiter: str) -> int:
    """Return the number of columns of the first row that is not blank."""
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        return len(next(filter(None, csv.reader(file, delimiter=delimiter)), []))


def _idx_files(options: Namespace, labels: bool) -> Dataset:
    if labels and options.labels is None:
        raise UsageError(
            f"{options.data} is an idx file of samples; give the file with their labels by --labels FILE"
        )
    test_images, test_labels = getattr(options, "test_images", None), getattr(options, "test_labels", None)
    if (test_images is None) != (test_labels is None):
        raise UsageError("--test-images and --test-labels must be given together")
    name = os.path.basename(options.data).split(".")[0]
    return _idx_dataset(
        name, options.data, options.labels if labels else None, test_images, test_labels, labels=labels
    )


def _idx_folder(folder: str) -> Dataset:
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
    return _idx_dataset(name, images, labels, test_images, test_labels, labels=True)


def _idx_dataset(
    name: str,
    images_path: str,
    labels_path: str | None,
    test_images_path: str | None,
    test_labels_path: str | None,
    *,
    labels: bool,
) -> Dataset:
    X, y = _idx_pair(images_path, labels_path)
    X_test, y_test = X[:0], y[:0]
    if test_images_path is not None:
        X_test, y_test = _idx_pair(test_images_path, test_labels_path if labels else None)
    return Dataset(X, y, X_test, y_test, name=name)


def _idx_pair(images: str, labels: str | None) -> tuple[NDArray[Any], NDArray[Any]]:
    X = read_idx(images)
    if labels is None:
        return X, np.empty(0, np.int64)
    y = read_idx(labels)
    if X.shape[:1] != y.shape:
        raise ValueError(
            f"{images} has shape {X.shape} and {labels} has shape {y.shape}; expected one label per sample"
        )
    return X, y.astype(np.int64) if y.dtype.kind in "iu" else y


def _scaled(data: Dataset) -> Dataset:
    """Return `data` with an input scale that maps 8-bit integers to 0..1; other types are not scaled."""
    if data.X_train.dtype != np.uint8 or not data.X_train.size:
        return data
    return replace(data, input_scale=1 / max(1, int(data.X_train.max())))


# ---- parts and targets


def select_part(data: Dataset, name: str | None) -> tuple[NDArray[Any], NDArray[Any], str]:
    """Return X, y and the name of the part of --part."""
    if name is None:
        name = "test" if len(data.X_test) else "all"
    if name == "test" and not len(data.X_test):
        raise ValueError(f"{data.name} has no test part; give --part all")
    if name == "all":
        return data.X, data.y, name
    return (data.X_test, data.y_test, name) if name == "test" else (data.X_train, data.y_train, name)


def class_labels(y: NDArray[Any]) -> NDArray[Any] | None:
    """Return one label per row: y itself, its only column, or the classes of one-hot rows; None for other shapes."""
    if y.ndim == 2 and y.shape[1] == 1:
        column: NDArray[Any] = y[:, 0]
        return column
    if y.ndim == 2 and y.dtype.kind != "U" and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        places: NDArray[Any] = y.argmax(axis=1)
        return places
    return y if y.ndim == 1 else None


def is_classification(y: NDArray[Any], task: str, loss: str | None) -> bool:
    """Return whether the targets are classes: as the options say, or else by y."""
    if loss is not None:
        return LOSSES[loss].classifies
    if task != "auto":
        return task == "classification"
    labels = class_labels(y)
    if labels is None or labels.dtype.kind not in "biuU":
        return False
    n_different = len(np.unique(labels))
    few = n_different <= _MOST_CLASSES and n_different * _ROWS_PER_CLASS <= max(len(labels), 20)
    return few or labels.dtype.kind == "U"


def split(data: Dataset, fraction: float | None, *, stratify: bool) -> Dataset:
    """Return `data` with the test part of --test-fraction.

    Parameters
    ----------
    data : Dataset
    fraction : float or None
        Share of the rows. None: the test part of the data set; if it has none, a fifth of the rows, or no rows if
        there are fewer than 10.
    stratify : bool
        Whether the targets are classes, which then have the same shares in both parts.
    """
    if fraction is None:
        if len(data.X_test) or len(data.X_train) < _FEWEST_TO_SPLIT:
            return data
        fraction = 0.2
    X, y = data.X, data.y
    data = replace(data, X_validation=X[:0], y_validation=y[:0])
    if fraction == 0:
        return replace(data, X_train=X, y_train=y, X_test=X[:0], y_test=y[:0])
    if stratify:
        classes, counts = np.unique(y, return_counts=True)
        if counts.min() < 2:
            raise ValueError(
                f"class {classes[counts.argmin()]} has 1 row, but a split into training and test rows needs at "
                "least 2 rows per class; give --test-fraction 0 to train on all rows, or --task regression if the "
                "target is a quantity"
            )
    X_train, X_test, y_train, y_test = datasets.train_test_split(
        X, y, test_fraction=fraction, stratify=stratify
    )
    return replace(data, X_train=X_train, y_train=y_train, X_test=X_test, y_test=y_test)
