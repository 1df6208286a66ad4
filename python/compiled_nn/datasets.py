"""Data sets: digits that come with the package, MNIST and Fashion-MNIST from this machine, users' own files.

Nothing here opens a network connection or a pickle.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from . import checks
from .readers import Dataset, read_idx, read_npz
from .tables import read_csv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Dataset",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "read_csv",
    "read_idx",
    "read_npz",
    "train_test_split",
    "xor",
]

_IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_SYSTEM_FOLDER = "/usr/share/datasets"  # where Debian's dataset packages install

# Training images of each class. The two sets share their file names: unchecked, one passes for the other.
_MNIST_COUNTS = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
_FASHION_COUNTS = (6000,) * 10
_DIGITS = tuple("0123456789")
_FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def xor() -> Dataset:
    """The four rows of exclusive or: the smallest problem that takes a hidden layer.

    Returns
    -------
    Dataset
        `X_train` of shape (4, 2), float32; `y_train` of shape (4,), int64: 0, 1, 1, 0; no test part.
    """
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([0, 1, 1, 0], np.int64)
    return Dataset(X, y, X[:0], y[:0], class_names=("0", "1"), name="xor")


def load_digits() -> Dataset:
    """1,797 handwritten digits of 8 x 8 pixels, which come with the package.

    The test part of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak (1998), UCI
    Machine Learning Repository, licence CC BY 4.0 (see `data/DATA-LICENSE.md` beside this module). A pixel is
    0 (paper) to 16 (ink).

    Returns
    -------
    Dataset
        1,438 rows to train on and 359 to test with, split by `train_test_split` with its defaults: a fifth of
        each class, the same rows on every machine; the 13 writers are in both parts. `X_train` of shape
        (1438, 8, 8), uint8; `y_train` of shape (1438,), int64; `input_scale` 1/16. ``data.X`` and ``data.y``
        are all 1,797.

    Examples
    --------
    >>> from compiled_nn import datasets
    >>> datasets.load_digits()
    <Dataset 'digits': X_train (1438, 8, 8), y_train (1438,), X_test (359, 8, 8), y_test (359,)>
    """
    stored = read_npz(os.path.join(os.path.dirname(__file__), "data", "digits.npz"))
    X_train, X_test, y_train, y_test = train_test_split(stored.X, stored.y.astype(np.int64))
    return Dataset(X_train, y_train, X_test, y_test, class_names=_DIGITS, input_scale=1 / 16, name="digits")


def load_mnist(path: str | os.PathLike[str] | None = None) -> Dataset:
    """MNIST: 70,000 handwritten digits of 28 x 28 pixels, from its four idx files on this machine.

    Parameters
    ----------
    path : path-like, optional
        Folder with the four files (`train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
        `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`; plain or with `.gz`), or with a subfolder `mnist`
        that has them; no other place is tried then. Default: the folder named by the environment variable
        COMPILED_NN_DATA (its subfolder `mnist`, then itself), then `/usr/share/datasets/mnist`.

    Returns
    -------
    Dataset
        `X_train` of shape (60000, 28, 28), uint8; `y_train` of shape (60000,), int64; 10,000 rows to test
        with; `input_scale` 1/255.

    Raises
    ------
    FileNotFoundError
        None of these folders has the files, or their labels are another data set's. Nothing is downloaded.
    ValueError
        A file is damaged.
    """
    folder = _find_folder(path, "mnist", "MNIST", _MNIST_COUNTS, "")
    return _load_folder(folder, "mnist", _DIGITS)


def load_fashion_mnist(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Fashion-MNIST: 70,000 pictures of clothes of 28 x 28 pixels, from its four idx files on this machine.

    Parameters
    ----------
    path : path-like, optional
        Folder with the four files (named as those of `load_mnist`; plain or with `.gz`), or with a subfolder
        `fashion-mnist` that has them; no other place is tried then. Default: the folder named by the
        environment variable COMPILED_NN_DATA (its subfolder `fashion-mnist`, then itself), then
        `/usr/share/datasets/fashion-mnist`, where Debian's package `dataset-fashion-mnist` puts them.

    Returns
    -------
    Dataset
        `X_train` of shape (60000, 28, 28), uint8; `y_train` of shape (60000,), int64; 10,000 rows to test
        with; `input_scale` 1/255.

    Raises
    ------
    FileNotFoundError
        None of these folders has the files, or their labels are another data set's. Nothing is downloaded.
    ValueError
        A file is damaged.
    """
    hint = "On Debian and Ubuntu: apt-get install dataset-fashion-mnist. "
    folder = _find_folder(path, "fashion-mnist", "Fashion-MNIST", _FASHION_COUNTS, hint)
    return _load_folder(folder, "fashion-mnist", _FASHION_CLASSES)


def _find_folder(
    path: str | os.PathLike[str] | None, subfolder: str, title: str, counts: Sequence[int], hint: str
) -> str:
    """The first folder that has the four files with `counts` training labels of each class."""
    if path is not None:
        folders = [os.fspath(path), os.path.join(path, subfolder)]
    else:
        named = os.environ.get("COMPILED_NN_DATA")
        folders = [os.path.join(named, subfolder), named] if named else []
        folders.append(os.path.join(_SYSTEM_FOLDER, subfolder))
    looked = []
    for folder in folders:
        missing = [name for name in _IDX_FILES if _idx_file(folder, name) is None]
        if not os.path.isdir(folder):
            looked.append(f"{folder}: no such folder")
        elif missing:
            looked.append(f"{folder}: lacks {', '.join(missing)}")
        else:
            labels = read_idx(os.path.join(folder, _idx_file(folder, _IDX_FILES[1]) or ""))
            if labels.dtype == np.uint8 and np.array_equal(np.bincount(labels.ravel()), counts):
                return folder
            looked.append(f"{folder}: has files of these names, but not the labels of {title}")
    raise FileNotFoundError(
        f"{title} was not found. Looked in\n  "
        + "\n  ".join(looked)
        + f"\nIt takes the four files {', '.join(_IDX_FILES)}, each plain or with .gz. {hint}"
        "With the files at hand, put them in one folder and give it as path, or name it in the environment "
        "variable COMPILED_NN_DATA."
    )


def _idx_file(folder: str, name: str) -> str | None:
    """The name that the idx file has in the folder, plain before compressed; None where it is absent."""
    for file_name in (name, name + ".gz"):
        if os.path.isfile(os.path.join(folder, file_name)):
            return file_name
    return None


def _load_folder(folder: str, name: str, class_names: tuple[str, ...]) -> Dataset:
    paths = [os.path.join(folder, _idx_file(folder, file_name) or file_name) for file_name in _IDX_FILES]
    X_train, y_train, X_test, y_test = (read_idx(path) for path in paths)
    for X, y, path in ((X_train, y_train, paths[0]), (X_test, y_test, paths[2])):
        if X.shape[:1] != y.shape:
            raise ValueError(f"{path}: images of shape {X.shape}; their labels have shape {y.shape}")
    y_train, y_test = y_train.astype(np.int64), y_test.astype(np.int64)
    return Dataset(X_train, y_train, X_test, y_test, class_names=class_names, input_scale=1 / 255, name=name)


def train_test_split(
    X: ArrayLike, y: ArrayLike, *, test_fraction: float = 0.2, seed: int | None = 0, stratify: bool = True
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Split rows at random into a training and a test part.

    The same seed gives the same rows on every machine and with every version of NumPy: the order comes from
    raw PCG64 numbers, a stream that NumPy promises not to change.

    Parameters
    ----------
    X : array-like of shape (m, ...)
    y : array-like of shape (m,) or (m, n)
    test_fraction : float, default 0.2
        Share of the rows that become the test part, between 0 and 1, rounded to whole rows.
    seed : int or None, default 0
        None draws another split each time.
    stratify : bool, default True
        Split class by class, with at least one row of each class in both parts. Pass False for targets that
        are not classes.

    Returns
    -------
    X_train, X_test, y_train, y_test : ndarray
        New arrays, rows in random order. The four come in scikit-learn's order.

    Raises
    ------
    ValueError
        `X` and `y` differ in rows, the fraction is not between 0 and 1, or rows (of a class) are too few.
    """
    X, y = np.asarray(X), np.asarray(y)
    if not X.ndim or not y.ndim or len(X) != len(y):
        raise ValueError(f"X has shape {X.shape}; y has shape {y.shape}: their rows must match")
    test_fraction = checks.real("train_test_split", "test_fraction", test_fraction, above=0, below=1)
    if seed is not None:
        seed = checks.integer("train_test_split", "seed", seed, minimum=0)
    if stratify and y.ndim != 1:
        raise ValueError(f"y has {y.ndim} dimensions; stratify takes 1: pass stratify=False")
    m = len(y)
    if m < 2:
        raise ValueError(f"X has {m} rows; a split takes at least 2")
    strata = y if stratify else np.zeros(m)
    classes, codes, counts = np.unique(strata, return_inverse=True, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            f"class {classes[counts.argmin()]} has 1 row; a stratified split takes at least 2 of each: "
            "pass stratify=False"
        )

    order = np.argsort(np.random.PCG64(seed).random_raw(m), kind="stable")
    codes = codes[order]
    # In random order, the first rows of each class are the test part: rank is a row's place within its class.
    rank = np.empty(m, np.intp)
    rank[np.argsort(codes, kind="stable")] = np.arange(m) - np.repeat(np.cumsum(counts) - counts, counts)
    n_test = np.clip(np.rint(counts * test_fraction), 1, counts - 1)
    is_test = rank < n_test[codes]
    train, test = order[~is_test], order[is_test]
    return X[train], X[test], y[train], y[test]
