"""DATA and MODEL of a command line: a `Dataset`, its task and its split; a network."""

from __future__ import annotations

import gzip
import os
import zlib
from argparse import Namespace
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import datasets
from ...common.errors import did_you_mean
from ...datasets import Dataset, read_idx, read_npz
from ...datasets.idx_npz import read_idx_if
from ...losses import LOSSES
from ...network.network import Network
from ...network.network import load as _load_network
from . import record, tables
from .arguments import READING
from .tables import Source, Target, limit_of
from .terminal import UsageError, print_note

_NAMES = ("digits", "xor", "mnist", "fashion-mnist")
_FEWEST_TO_SPLIT = 10
TEST_FRACTION = 0.2  # of the rows, by default
_MOST_CLASSES = 100  # more different integers are values, not classes
_EXACT = 2.0**53  # smaller whole numbers are exact in float64
_ROWS_PER_CLASS = 5  # fewer on average: the integers are values

_OTHER_FORMATS = {
    b"\x93NUMPY": "contains one array only; write samples and labels to one file with numpy.savez(path, X=X, y=y)",
    b"ARROW1": "is an Arrow (Feather) file; write it as Parquet or CSV",
    b"\x89HDF": "is an HDF5 file, which the command line does not read; write it as CSV or .npz",
    b"SQLite ": "is an SQLite database; export a table as CSV",
    b"BZh": "is compressed with bzip2; decompress it, or compress it with gzip",
    b"\xfd7zXZ": "is compressed with xz; decompress it, or compress it with gzip",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd; decompress it, or compress it with gzip",
}
_TABLE_OPTIONS = ("target", *(name for name in READING if name != "max_bytes"))
_IDX_OPTIONS = ("labels", "test_images", "test_labels")
_OPTION_USES = {
    "folder": ("--data", "mnist and fashion-mnist"),
    **{name: ("--" + name.replace("_", "-"), "tables") for name in _TABLE_OPTIONS},
    **{name: ("--" + name.replace("_", "-"), "idx files") for name in _IDX_OPTIONS},
    "max_bytes": ("--max-bytes", "files"),
}


def load_network(options: Namespace) -> Network:
    """Return the network of MODEL, with the number of threads of --threads."""
    net = _load_network(options.model)
    net.n_threads = options.threads
    return net


def load(options: Namespace, *, labels: bool = True, net: Network | None = None) -> Dataset:
    """Return the data set of DATA, for a command that has a model.

    Parameters
    ----------
    options : Namespace
        Options of a command that has the argument DATA.
    labels : bool, default True
        Whether labels are required.
    net : Network, optional
        Network that takes the data: its columns are found in a table by name, and others are not read.

    Raises
    ------
    UsageError
        An option applies only to another kind of data.
    OSError, ValueError
        The data cannot be read.
    """
    return _load(options, labels, net)[0]


def load_training(options: Namespace) -> tuple[Dataset, Target | None]:
    """Return the data set of DATA, and the name and the index of the target column of a table, for training."""
    return _load(options, True, None)


def _load(options: Namespace, labels: bool, net: Network | None) -> tuple[Dataset, Target | None]:
    name = options.data
    if name in _NAMES:
        _refuse(options, (*_TABLE_OPTIONS, *_IDX_OPTIONS, "max_bytes"))
        return _built_in(options), None
    if os.path.isdir(name):
        _refuse(options, ("folder", *_TABLE_OPTIONS, *_IDX_OPTIONS))
        return _scaled(_idx_folder(name, limit_of(options))), None
    if name != "-" and not os.path.exists(name):
        hint = did_you_mean(name, _NAMES)
        known = ", ".join(_NAMES)
        raise FileNotFoundError(f"{name!r} is neither a file nor the name of a data set ({known}).{hint}")
    source = Source.of(name, limit_of(options))
    kind = _kind(source)
    if kind == "npz":
        _refuse(options, ("folder", *_TABLE_OPTIONS, *_IDX_OPTIONS))
        return _scaled(read_npz(name, labels=labels, max_bytes=limit_of(options))), None
    if kind == "idx":
        _refuse(options, ("folder", *_TABLE_OPTIONS))
        return _scaled(_idx_files(options, labels)), None
    _refuse(options, ("folder", *_IDX_OPTIONS))
    return tables.read(source, options, labels, None if net is None else tables.Expected.by(net))


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


def _kind(source: Source) -> str:
    """Return "npz", "idx" or "table" by the first bytes of a file; raise ValueError for known other formats."""
    path = source.path
    with source.open() as file:
        start = file.read(9)
        if start[:2] == b"\x1f\x8b":
            return _kind_of_gzip(source)
        if start[:4] == b"PK\3\4" and b"xl/" in file.read(4096):
            raise ValueError(f"{path} is an Excel workbook; export its sheet as CSV")
    for signature, description in _OTHER_FORMATS.items():
        if start.startswith(signature):
            raise ValueError(f"{path} {description}")
    if start[8:] == b"{" and b"\0" in start[:8]:
        raise ValueError(
            f"{path} is a safetensors file, which contains a network; give a data set or a file of data as DATA"
        )
    kind = "npz" if start[:4] == b"PK\3\4" else "idx" if start[:2] == b"\0\0" else "table"
    if kind != "table" and source.content is not None:
        raise ValueError(
            f"{path} contains an {kind} file, which cannot be read from a pipe; give it as a file"
        )
    return kind


def _kind_of_gzip(source: Source) -> str:
    """Return the kind of a compressed file."""
    with source.open() as file:
        try:
            start = gzip.GzipFile(fileobj=file).read(2)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{source.path} is a damaged gzip file: {error}") from error
    if start != b"\0\0":
        return "table"
    if source.content is not None:
        raise ValueError(
            f"{source.path} contains an idx file, which cannot be read from a pipe; give it as a file"
        )
    return "idx"


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


# ---- parts and targets


def select_part(
    data: Dataset, name: str | None, known: record.Record
) -> tuple[NDArray[Any], NDArray[Any], str]:
    """Return X, y and the name of the part of --part.

    Parameters
    ----------
    data : Dataset
        Data with targets, if the parts are to be found by the record.
    name : {"train", "test", "all"} or None
        Part. None: the rows that train held out, if the data have a test part; else all rows.
    known : Record
        Record of the model.
    """
    own = len(data.X_test) > 0
    if not len(known.trained) or not len(data.y) or name == "all":
        return _own_part(data, name)
    X, y = data.X, data.y
    labels = class_labels(y)
    held, repeated = known.find(X, y if labels is None else labels)
    n_held, n_known = int(held.sum()), len(known.held_out)
    if name is None and not (own and n_held):
        if repeated.any() and not own:
            _note_repeated(n_held)
        return _own_part(data, name)
    if not n_held:
        if own or name == "train":
            return _own_part(data, name)
        reason = (
            f"holds none of the {n_known:,} rows"
            if n_known
            else "has no test part: the model was trained on all rows"
        )
        raise ValueError(f"{data.name} {reason}{' that train held out' * bool(n_known)}; give --part all")
    if n_held < n_known:
        print_note(f"{data.name} holds {n_held:,} of the {n_known:,} rows that train held out")
    chosen = ~held if name == "train" else held
    return X[chosen], y[chosen], name or "test"


def _own_part(data: Dataset, name: str | None) -> tuple[NDArray[Any], NDArray[Any], str]:
    """Return X, y and the name of a part of the data set itself."""
    if name is None:
        name = "test" if len(data.X_test) else "all"
    if name == "test" and not len(data.X_test):
        raise ValueError(f"{data.name} has no test part; give --part all")
    if name == "all":
        return data.X, data.y, name
    return (data.X_test, data.y_test, name) if name == "test" else (data.X_train, data.y_train, name)


def _note_repeated(n_held: int) -> None:
    remedy = f"; --part test uses the {n_held:,} rows that train held out" if n_held else ""
    print_note(
        f"the rows include those that the model was trained on, so that its score on new rows may be lower{remedy}"
    )


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
        fraction = TEST_FRACTION
    X, y = data.X, data.y
    data = replace(data, X_validation=X[:0], y_validation=y[:0])
    if fraction == 0:
        return replace(data, X_train=X, y_train=y, X_test=X[:0], y_test=y[:0])
    if len(X) < 2:
        raise ValueError(
            f"{data.name} has 1 row, which cannot be split into training and test rows; give --test-fraction 0"
        )
    if stratify:
        classes, counts = np.unique(y, return_counts=True)
        if counts.min() < 2:
            raise ValueError(
                f"class {classes[counts.argmin()]} has 1 row, but a split into training and test rows needs at "
                "least 2 rows per class; give --test-fraction 0 to train on all rows, or --task regression if the "
                "target is a quantity"
            )
    X_train, X_test, y_train, y_test = datasets.train_test_split(
        X, y, test_fraction=fraction, seed=record.SEED, stratify=stratify
    )
    return replace(data, X_train=X_train, y_train=y_train, X_test=X_test, y_test=y_test)
