"""Loaders for named data sets: the bundled digits, and the data sets of the tutorials from files on this machine."""

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
_MAX_BYTES = 1 << 28  # more than any of the named data sets has in one file
_SYSTEM_FOLDER = "/usr/share/datasets"  # where Debian's dataset packages install

# Number of training images per class. MNIST and Fashion-MNIST have the same file names; the counts distinguish them.
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
    """Return the four rows of exclusive or, the smallest problem that needs a hidden layer.

    Returns
    -------
    Dataset
        `X_train` of shape (4, 2), float32; `y_train` of shape (4,), int64, with values 0, 1, 1, 0; no test part.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.xor()
    >>> data.X_train.tolist(), data.y_train.tolist()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([0, 1, 1, 0], np.int64)
    return Dataset(X, y, X[:0], y[:0], class_names=("0", "1"), name="xor")


def load_digits() -> Dataset:
    """Load 1,797 handwritten digits of 8 x 8 pixels, which are part of the package.

    The images are the test part of [1]_, licence CC BY 4.0 (see `files/DATA-LICENSE.md` beside this module). Pixels
    are integers from 0 (paper) to 16 (ink).

    Returns
    -------
    Dataset
        1,438 training rows and 359 test rows, split by `train_test_split` with its defaults: the test part has a
        fifth of each class, and the same rows on every machine. Both parts have digits of all 13 writers. `X_train`
        of shape (1438, 8, 8), uint8; `y_train` of shape (1438,), int64; `input_scale` 1/16. ``data.X`` and
        ``data.y`` have all 1,797 rows.

    References
    ----------
    .. [1] E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998.

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
    """Load MNIST, 70,000 handwritten digits of 28 x 28 pixels, from its four idx files on this machine.

    Parameters
    ----------
    path : path-like, optional
        Folder with the four files (`train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
        `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`; plain or with `.gz`), or with a subfolder `mnist`
        that has them. No other folder is searched. Default: the folder named by the environment variable
        COMPILED_NN_DATA (its subfolder `mnist`, then the folder itself), then `/usr/share/datasets/mnist`.

    Returns
    -------
    Dataset
        `X_train` of shape (60000, 28, 28), uint8; `y_train` of shape (60000,), int64; 10,000 test rows;
        `input_scale` 1/255.

    Raises
    ------
    FileNotFoundError
        If none of these folders has the files, or if the labels are those of another data set. Nothing is
        downloaded.
    ValueError
        If a file is damaged.

    See Also
    --------
    load_fashion_mnist : Data set of the same form.
    load_digits : Small digits that need no file.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> cnn.datasets.load_mnist()
    <Dataset 'mnist': X_train (60000, 28, 28), y_train (60000,), X_test (10000, 28, 28), y_test (10000,)>
    """
    hint = "The original files are by Y. LeCun, C. Cortes and C. Burges; any unchanged copy can be used. "
    folder = _find_folder(path, "mnist", "MNIST", _MNIST_COUNTS, hint)
    return _load_folder(folder, "mnist", _DIGITS)


def load_fashion_mnist(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Load Fashion-MNIST, 70,000 images of clothes of 28 x 28 pixels, from its four idx files on this machine.

    Parameters
    ----------
    path : path-like, optional
        Folder with the four files (with the file names of `load_mnist`; plain or with `.gz`), or with a subfolder
        `fashion-mnist` that has them. No other folder is searched. Default: the folder named by the environment
        variable COMPILED_NN_DATA (its subfolder `fashion-mnist`, then the folder itself), then
        `/usr/share/datasets/fashion-mnist`, where the Debian package `dataset-fashion-mnist` installs them.

    Returns
    -------
    Dataset
        `X_train` of shape (60000, 28, 28), uint8; `y_train` of shape (60000,), int64; 10,000 test rows;
        `input_scale` 1/255.

    Raises
    ------
    FileNotFoundError
        If none of these folders has the files, or if the labels are those of another data set. Nothing is
        downloaded.
    ValueError
        If a file is damaged.

    See Also
    --------
    load_mnist : Data set of the same form.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_fashion_mnist()
    >>> data
    <Dataset 'fashion-mnist': X_train (60000, 28, 28), y_train (60000,), X_test (10000, 28, 28), y_test (10000,)>
    >>> data.class_names[:3]
    ('T-shirt/top', 'Trouser', 'Pullover')
    """
    hint = "On Debian and Ubuntu: apt-get install dataset-fashion-mnist. "
    folder = _find_folder(path, "fashion-mnist", "Fashion-MNIST", _FASHION_COUNTS, hint)
    return _load_folder(folder, "fashion-mnist", _FASHION_CLASSES)


def load_beans(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Load Beans, 1,295 photographs of bean leaves in three classes, 100 x 100 pixels, from files on this machine.

    The photographs are by the Makerere AI Lab [1]_, licence MIT. ``read_image_folder(folder, size=100)`` returns the
    same data from a folder of the photographs with subfolders `train`, `validation` and `test`.

    Parameters
    ----------
    path : path-like, optional
        Folder with `beans_train_100x100.npz`, `beans_validation_100x100.npz` and `beans_test_100x100.npz`, each with
        arrays `X`, `y` and `class_names`, or with a subfolder `beans` that has them. No other folder is searched.
        Default: the folder named by the environment variable COMPILED_NN_DATA (its subfolder `beans`, then the
        folder itself), then `/usr/share/datasets/beans`.

    Returns
    -------
    Dataset
        `X_train` of shape (1034, 100, 100, 3), uint8; `y_train` of shape (1034,), int64, with classes
        0 `angular_leaf_spot`, 1 `bean_rust`, 2 `healthy`; 133 validation rows and 128 test rows; `input_scale` 1/255.

    Raises
    ------
    FileNotFoundError
        If none of these folders has the files. Nothing is downloaded.
    ValueError
        If a file is damaged.

    References
    ----------
    .. [1] Makerere AI Lab, "Bean disease dataset", 2020, https://github.com/AI-Lab-Makerere/ibean

    Examples
    --------
    >>> from compiled_nn import datasets
    >>> beans = datasets.load_beans()
    >>> beans.class_names
    ('angular_leaf_spot', 'bean_rust', 'healthy')
    >>> datasets.relabel(beans, {"healthy": 0}, others=1).X_validation.shape
    (133, 100, 100, 3)
    """
    hint = (
        "The photographs are at https://github.com/AI-Lab-Makerere/ibean, in three archives. Unpack them "
        "into one folder, and read it with read_image_folder(folder, size=100). "
    )
    folder = _find(path, "beans", "Beans", _BEAN_FILES, hint=hint)
    train, validation, test = (
        read_npz(os.path.join(folder, name), max_bytes=_MAX_BYTES) for name in _BEAN_FILES
    )
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
    """Load Cat or non-cat, 259 images of 64 x 64 pixels, from its two HDF5 files on this machine.

    The files are part of the first course of the Deep Learning Specialization.

    Parameters
    ----------
    path : path-like, optional
        Folder with `train_catvnoncat.h5` and `test_catvnoncat.h5`, or with a subfolder `catvnoncat` that has them. No
        other folder is searched. Default: the folder named by the environment variable COMPILED_NN_DATA (its
        subfolder `catvnoncat`, then the folder itself), then `/usr/share/datasets/catvnoncat`.

    Returns
    -------
    Dataset
        `X_train` of shape (209, 64, 64, 3), uint8; `y_train` of shape (209,), int64, with classes 0 `non-cat` and
        1 `cat`; 50 test rows; `input_scale` 1/255.

    Raises
    ------
    FileNotFoundError
        If none of these folders has the files. Nothing is downloaded.
    ValueError
        If a file is damaged.
    ImportError
        If h5py is not installed.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> data = cnn.datasets.load_catvnoncat()
    >>> data
    <Dataset 'catvnoncat': X_train (209, 64, 64, 3), y_train (209,), X_test (50, 64, 64, 3), y_test (50,)>
    >>> data.class_names
    ('non-cat', 'cat')
    """
    hint = "They are part of the first course of the Deep Learning Specialization; many repositories have copies. "
    folder = _find(path, "catvnoncat", "Cat or non-cat", _CAT_FILES, hint=hint)
    train, test = (read_hdf5(os.path.join(folder, name), max_bytes=_MAX_BYTES) for name in _CAT_FILES)
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
    """Return the first folder that has the four files, with `counts` training labels of each class."""

    def objection(folder: str) -> str | None:
        path = os.path.join(folder, _find_file(folder, _IDX_FILES[1]) or "")
        labels = read_idx(path, max_bytes=_MAX_BYTES)
        if labels.dtype == np.uint8 and np.array_equal(np.bincount(labels.ravel()), counts):
            return None
        return f"has files with these names, but their labels are not those of {title}"

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
    """Return the first folder that has the files and for which `objection` returns None."""
    if path is not None:
        folders = [os.fspath(path), os.path.join(path, subfolder)]
    else:
        named = os.environ.get("COMPILED_NN_DATA")
        folders = [os.path.join(named, subfolder), named] if named else []
        folders.append(os.path.join(_SYSTEM_FOLDER, subfolder))
    looked = []
    for folder in folders:
        missing = [name for name in files if _find_file(folder, name, endings) is None]
        if not os.path.isdir(folder):
            looked.append(f"{folder}: no such folder")
        elif missing:
            looked.append(f"{folder}: lacks {', '.join(missing)}")
        elif (problem := objection(folder)) is not None:
            looked.append(f"{folder}: {problem}")
        else:
            return folder
    count = {2: "two", 3: "three", 4: "four"}[len(files)]
    formats = ", each plain or with .gz" if len(endings) > 1 else ""
    raise FileNotFoundError(
        f"{title} was not found. Looked in\n  "
        + "\n  ".join(looked)
        + f"\nThe data set consists of the {count} files {', '.join(files)}{formats}. {hint}"
        "Put the files into one folder, and pass the folder as path or set the environment variable "
        "COMPILED_NN_DATA to it."
    )


def _find_file(folder: str, name: str, endings: Sequence[str] = _IDX_ENDINGS) -> str | None:
    """Return the file name with the first ending for which the file exists in the folder; None if there is none."""
    for ending in endings:
        if os.path.isfile(os.path.join(folder, name + ending)):
            return name + ending
    return None


def _load_folder(folder: str, name: str, class_names: tuple[str, ...]) -> Dataset:
    paths = [os.path.join(folder, _find_file(folder, file_name) or file_name) for file_name in _IDX_FILES]
    X_train, y_train, X_test, y_test = (read_idx(path, max_bytes=_MAX_BYTES) for path in paths)
    for X, y, path in ((X_train, y_train, paths[0]), (X_test, y_test, paths[2])):
        if X.shape[:1] != y.shape:
            raise ValueError(f"{path}: images of shape {X.shape}; their labels have shape {y.shape}")
    y_train, y_test = y_train.astype(np.int64), y_test.astype(np.int64)
    return Dataset(X_train, y_train, X_test, y_test, class_names=class_names, input_scale=1 / 255, name=name)
