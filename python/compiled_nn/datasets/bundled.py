"""Data sets by name: digits that come with the package, and the tutorials' sets on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from .dataset import Dataset
from .hdf5 import read_hdf5
from .idx_npz import read_idx, read_npz
from .splits import train_test_split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_IDX_ENDINGS = ("", ".gz")
_SYSTEM_FOLDER = "/usr/share/datasets"  # where Debian's dataset packages install

# Training images of each class. The two sets share their file names: unchecked, one passes for the other.
_MNIST_COUNTS = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
_FASHION_COUNTS = (6000,) * 10
_DIGITS = tuple("0123456789")
_BEAN_FILES = tuple(f"beans_{part}_100x100.npz" for part in ("train", "validation", "test"))
_CAT_FILES = ("train_catvnoncat.h5", "test_catvnoncat.h5")
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
    Machine Learning Repository, licence CC BY 4.0 (see `files/DATA-LICENSE.md` beside this module). A pixel is
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
    stored = read_npz(os.path.join(os.path.dirname(__file__), "files", "digits.npz"))
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
    hint = "They are the original files of Y. LeCun, C. Cortes and C. Burges, under any copy's address. "
    folder = _find_folder(path, "mnist", "MNIST", _MNIST_COUNTS, hint)
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


def load_beans(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Beans: 1,295 photographs of bean leaves in three classes, 100 x 100 pixels, from three files on this machine.

    Of the Makerere AI Lab (2020), licence MIT. From a folder of the photographs themselves, with sub-folders `train`,
    `validation` and `test`, ``read_image_folder(folder, size=100)`` makes the same.

    Parameters
    ----------
    path : path-like, optional
        Folder with `beans_train_100x100.npz`, `beans_validation_100x100.npz` and `beans_test_100x100.npz`, each with
        arrays `X`, `y` and `class_names`, or with a subfolder `beans` that has them; no other place is tried then.
        Default: the folder named by the environment variable COMPILED_NN_DATA (its subfolder `beans`, then itself),
        then `/usr/share/datasets/beans`.

    Returns
    -------
    Dataset
        `X_train` of shape (1034, 100, 100, 3), uint8; `y_train` of shape (1034,), int64: 0 `angular_leaf_spot`,
        1 `bean_rust`, 2 `healthy`; 133 rows of validation, 128 to test with; `input_scale` 1/255.

    Raises
    ------
    FileNotFoundError
        None of these folders has the files. Nothing is downloaded.
    ValueError
        A file is damaged.

    Examples
    --------
    >>> from compiled_nn import datasets
    >>> sick = datasets.relabel(datasets.load_beans(), {"healthy": 0}, others=1)  # doctest: +SKIP
    """
    hint = (
        "The photographs are at https://github.com/AI-Lab-Makerere/ibean, in three archives; unpacked "
        "into one folder, read_image_folder(folder, size=100) reads them as they are. "
    )
    folder = _find(path, "beans", "Beans", _BEAN_FILES, hint=hint)
    train, validation, test = (read_npz(os.path.join(folder, name)) for name in _BEAN_FILES)
    return Dataset(
        train.X,
        train.y,
        test.X,
        test.y,
        class_names=train.class_names,
        input_scale=1 / 255,
        name="beans",
        X_validation=validation.X,
        y_validation=validation.y,
    )


def load_catvnoncat(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Cat or non-cat: 259 pictures of 64 x 64 pixels, from the two HDF5 files of the course, on this machine.

    Parameters
    ----------
    path : path-like, optional
        Folder with `train_catvnoncat.h5` and `test_catvnoncat.h5`, or with a subfolder `catvnoncat` that has them; no
        other place is tried then. Default: the folder named by the environment variable COMPILED_NN_DATA (its
        subfolder `catvnoncat`, then itself), then `/usr/share/datasets/catvnoncat`.

    Returns
    -------
    Dataset
        `X_train` of shape (209, 64, 64, 3), uint8; `y_train` of shape (209,), int64: 0 `non-cat`, 1 `cat`; 50 rows to
        test with; `input_scale` 1/255.

    Raises
    ------
    FileNotFoundError
        None of these folders has the files. Nothing is downloaded.
    ValueError
        A file is damaged.
    ImportError
        h5py is not installed.
    """
    hint = (
        "They are of the first course of the Deep Learning Specialization, and copied in many repositories. "
    )
    folder = _find(path, "catvnoncat", "Cat or non-cat", _CAT_FILES, hint=hint)
    train, test = (read_hdf5(os.path.join(folder, name)) for name in _CAT_FILES)
    return Dataset(
        train.X,
        train.y,
        test.X,
        test.y,
        class_names=train.class_names,
        input_scale=1 / 255,
        name="catvnoncat",
    )


def _find_folder(
    path: str | os.PathLike[str] | None, subfolder: str, title: str, counts: Sequence[int], hint: str
) -> str:
    """The first folder that has the four files with `counts` training labels of each class."""

    def objection(folder: str) -> str | None:
        labels = read_idx(os.path.join(folder, _held(folder, _IDX_FILES[1]) or ""))
        if labels.dtype == np.uint8 and np.array_equal(np.bincount(labels.ravel()), counts):
            return None
        return f"has files of these names, but not the labels of {title}"

    return _find(path, subfolder, title, _IDX_FILES, _IDX_ENDINGS, hint, objection)


def _find(
    path: str | os.PathLike[str] | None,
    subfolder: str,
    title: str,
    files: Sequence[str],
    endings: Sequence[str] = ("",),
    hint: str = "",
    objection: Callable[[str], str | None] = lambda folder: None,
) -> str:
    """The first folder that has the files, and to which there is no objection."""
    if path is not None:
        folders = [os.fspath(path), os.path.join(path, subfolder)]
    else:
        named = os.environ.get("COMPILED_NN_DATA")
        folders = [os.path.join(named, subfolder), named] if named else []
        folders.append(os.path.join(_SYSTEM_FOLDER, subfolder))
    looked = []
    for folder in folders:
        missing = [name for name in files if _held(folder, name, endings) is None]
        if not os.path.isdir(folder):
            looked.append(f"{folder}: no such folder")
        elif missing:
            looked.append(f"{folder}: lacks {', '.join(missing)}")
        elif (problem := objection(folder)) is not None:
            looked.append(f"{folder}: {problem}")
        else:
            return folder
    count = {2: "two", 3: "three", 4: "four"}[len(files)]
    manner = ", each plain or with .gz" if len(endings) > 1 else ""
    raise FileNotFoundError(
        f"{title} was not found. Looked in\n  "
        + "\n  ".join(looked)
        + f"\nIt takes the {count} files {', '.join(files)}{manner}. {hint}"
        "With the files at hand, put them in one folder and give it as path, or name it in the environment "
        "variable COMPILED_NN_DATA."
    )


def _held(folder: str, name: str, endings: Sequence[str] = _IDX_ENDINGS) -> str | None:
    """The name that the file has in the folder, with the first of the endings that is there; None for none."""
    for ending in endings:
        if os.path.isfile(os.path.join(folder, name + ending)):
            return name + ending
    return None


def _load_folder(folder: str, name: str, class_names: tuple[str, ...]) -> Dataset:
    paths = [os.path.join(folder, _held(folder, file_name) or file_name) for file_name in _IDX_FILES]
    X_train, y_train, X_test, y_test = (read_idx(path) for path in paths)
    for X, y, path in ((X_train, y_train, paths[0]), (X_test, y_test, paths[2])):
        if X.shape[:1] != y.shape:
            raise ValueError(f"{path}: images of shape {X.shape}; their labels have shape {y.shape}")
    y_train, y_test = y_train.astype(np.int64), y_test.astype(np.int64)
    return Dataset(X_train, y_train, X_test, y_test, class_names=class_names, input_scale=1 / 255, name=name)
