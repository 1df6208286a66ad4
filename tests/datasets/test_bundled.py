"""The data sets: what comes with the package, what is found on the machine, and the split."""

import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from compiled_nn import datasets
from compiled_nn.datasets import bundled, load_digits, load_fashion_mnist, load_mnist, train_test_split, xor

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
SHARED = Path(os.environ.get("COMPILED_NN_SHARED", Path(__file__).parents[3] / "shared"))
REAL_MNIST = SHARED / "data" / "mnist"
REAL_FASHION = Path("/usr/share/datasets/fashion-mnist")


def sha256(content):
    return hashlib.sha256(content).hexdigest()


# bundled


def test_xor():
    data = xor()
    assert data.X.dtype == np.float32
    assert data.y.dtype == np.int64
    assert data.X.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert data.y.tolist() == [0, 1, 1, 0]
    assert data.X_test.shape == (0, 2)
    data.X[0] = 9  # a new array each time
    assert xor().X[0].tolist() == [0, 0]


def test_digits_file():
    path = Path(datasets.__file__).parent / "files" / "digits.npz"
    content = path.read_bytes()
    assert len(content) < 60_000
    assert sha256(content) == "5a9c707399041f713a73ec3d235454b74641465f3e0592a21b867ed92dace5fd"
    with np.load(path, allow_pickle=False) as stored:
        assert (
            sha256(stored["X"].tobytes())
            == "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"
        )
        assert (
            sha256(stored["y"].tobytes())
            == "8ba4f891220f5e4c9c819638d1602d74b83618f167043c6da52a2a247841ddf0"
        )
    licence = path.with_name("DATA-LICENSE.md").read_text(encoding="utf-8")
    assert "Alpaydin" in licence
    assert "Kaynak" in licence
    assert "CC BY 4.0" in licence
    assert sha256(content) in licence


def test_digits():
    data = load_digits()
    assert data.X.shape == (1797, 8, 8)
    assert data.X.dtype == np.uint8
    assert data.y.shape == (1797,)
    assert data.y.dtype == np.int64
    assert (data.X.min(), data.X.max()) == (0, 16)
    assert int(data.X.sum()) == 561718
    assert np.bincount(data.y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(data.y_test).tolist() == [36, 36, 35, 37, 36, 36, 36, 36, 35, 36]
    assert (len(data.X_train), len(data.y_train), len(data.X_test)) == (1438, 1438, 359)
    assert data.class_names == tuple("0123456789")
    assert data.input_scale * 16 == 1
    assert data.name == "digits"


def test_digits_split_is_fixed():
    data = load_digits()
    parts = b"".join(
        part.astype("<i8").tobytes() for part in (data.X_train, data.y_train, data.X_test, data.y_test)
    )
    assert sha256(parts) == "36f34b9fb9721445d9a631f519db6709eca42c9c0ca3a5fb4e814923c50850f7"


def test_digits_repr_in_docstring():
    assert repr(load_digits()) in load_digits.__doc__


# MNIST and Fashion-MNIST on this machine


def idx(array):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def write_set(folder, counts, compressed=()):
    """Four files with labels of these counts and images of one pixel, the label."""
    folder.mkdir(parents=True, exist_ok=True)
    y_train = np.repeat(np.arange(10, dtype=np.uint8), counts)
    y_test = np.arange(10, dtype=np.uint8)
    arrays = (y_train.reshape(-1, 1, 1), y_train, y_test.reshape(-1, 1, 1), y_test)
    for name, array in zip(FILES, arrays, strict=True):
        if name in compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array), 1))
        else:
            (folder / name).write_bytes(idx(array))
    return folder


@pytest.fixture(params=["mnist", "fashion-mnist"])
def which(request, monkeypatch, tmp_path):
    """(loader, folder name, training images of each class), on a machine that has no data sets."""
    monkeypatch.delenv("COMPILED_NN_DATA", raising=False)
    monkeypatch.setattr(bundled, "_SYSTEM_FOLDER", str(tmp_path / "system"))
    if request.param == "mnist":
        return load_mnist, request.param, (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    return load_fashion_mnist, request.param, (6000,) * 10


@pytest.mark.parametrize("compressed", [(), FILES, FILES[:2]], ids=["plain", "gz", "mixed"])
def test_given_folder(which, tmp_path, compressed):
    load, name, counts = which
    write_set(tmp_path / "a" / name, counts, compressed)
    for path in (tmp_path / "a", tmp_path / "a" / name, str(tmp_path / "a")):
        data = load(path)
        assert data.X_train.shape == (60000, 1, 1)
        assert data.X_train.dtype == np.uint8
        assert data.y_train.dtype == data.y_test.dtype == np.int64
        assert np.bincount(data.y_train).tolist() == list(counts)
        assert data.y_test.tolist() == data.X_test.ravel().tolist() == list(range(10))
        assert data.name == name
        assert len(data.class_names) == 10
        assert data.input_scale * 255 == 1


def test_order_of_places(which, tmp_path, monkeypatch):
    load, name, counts = which
    write_set(tmp_path / "system" / name, counts)
    assert len(load().X_train) == 60000
    monkeypatch.setenv("COMPILED_NN_DATA", str(tmp_path / "mine"))
    assert len(load().X_test) == 10  # nothing there: the system's
    for place in (tmp_path / "mine", tmp_path / "mine" / name):
        write_set(place, counts)
        (place / FILES[3]).write_bytes(idx(np.full(10, 7, np.uint8)))
        assert load().y_test.tolist() == [7] * 10
        (place / FILES[3]).write_bytes(idx(np.full(10, 8, np.uint8)))
        assert load().y_test.tolist() == [8] * 10
    with pytest.raises(FileNotFoundError):  # a folder given is the only one looked at
        load(tmp_path / "elsewhere")


def test_absent(which, tmp_path, monkeypatch):
    load, name, counts = which
    write_set(tmp_path / "half" / name, counts)
    (tmp_path / "half" / name / FILES[2]).unlink()
    monkeypatch.setenv("COMPILED_NN_DATA", str(tmp_path / "half"))
    with pytest.raises(FileNotFoundError) as caught:
        load()
    message = str(caught.value)
    assert all(file in message for file in FILES)
    assert "COMPILED_NN_DATA" in message
    assert f"{tmp_path / 'half' / name}: lacks {FILES[2]}\n" in message
    assert f"{tmp_path / 'half'}: lacks {', '.join(FILES)}\n" in message
    assert f"{tmp_path / 'system' / name}: no such folder\n" in message
    assert ("apt-get install dataset-fashion-mnist" in message) == (name == "fashion-mnist")
    assert "http" not in message


def test_one_set_does_not_pass_for_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "_SYSTEM_FOLDER", str(tmp_path / "system"))
    monkeypatch.setenv("COMPILED_NN_DATA", str(write_set(tmp_path / "mine", (6000,) * 10)))
    assert load_fashion_mnist().name == "fashion-mnist"
    with pytest.raises(
        FileNotFoundError, match="mine: has files with these names, but their labels are not those of MNIST"
    ):
        load_mnist()


def test_damaged_files(which, tmp_path):
    load, _, counts = which
    folder = write_set(tmp_path / "a", counts)
    (folder / FILES[0]).write_bytes(idx(np.zeros((59999, 1, 1), np.uint8)))
    with pytest.raises(ValueError, match=r"train-images.*shape \(59999, 1, 1\); .* shape \(60000,\)"):
        load(folder)
    (folder / FILES[0]).write_bytes(b"")
    with pytest.raises(ValueError, match="train-images-idx3-ubyte: not an idx file"):
        load(folder)


@pytest.mark.skipif(not REAL_MNIST.is_dir(), reason="MNIST is not on this machine (COMPILED_NN_SHARED)")
def test_real_mnist():
    data = load_mnist(REAL_MNIST)
    assert data.X_train.shape == (60000, 28, 28)
    assert data.X_test.shape == (10000, 28, 28)
    arrays = (data.X_train, data.y_train.astype(np.uint8), data.X_test, data.y_test.astype(np.uint8))
    # of the original files, unpacked
    assert [sha256(idx(array)) for array in arrays] == [
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ]


@pytest.mark.skipif(
    not REAL_FASHION.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed"
)
def test_real_fashion_mnist(monkeypatch):
    monkeypatch.delenv("COMPILED_NN_DATA", raising=False)
    data = load_fashion_mnist()
    assert data.X_train.shape == (60000, 28, 28)
    assert data.X_test.shape == (10000, 28, 28)
    assert np.bincount(data.y_train).tolist() == [6000] * 10
    assert np.bincount(data.y_test).tolist() == [1000] * 10
    assert data.y_train[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert data.class_names[data.y_train[0]] == "Ankle boot"


# the split


def test_split_parts_and_order():
    X = np.arange(40).reshape(20, 2)
    y = np.arange(20) % 2
    X_train, X_test, y_train, y_test = train_test_split(X, y)
    assert X_train.shape == (16, 2)
    assert X_test.shape == (4, 2)
    assert y_train.shape == (16,)
    assert sorted(X_train[:, 0].tolist() + X_test[:, 0].tolist()) == list(range(0, 40, 2))
    for rows, labels in ((X_train, y_train), (X_test, y_test)):
        np.testing.assert_array_equal(rows[:, 0] // 2 % 2, labels)
        np.testing.assert_array_equal(rows[:, 1], rows[:, 0] + 1)
    assert X_train[:, 0].tolist() != sorted(X_train[:, 0].tolist())
    assert np.bincount(y_test).tolist() == [2, 2]


def test_split_seeds():
    y = np.arange(100) % 4

    def test_rows(seed):
        return train_test_split(np.arange(100), y, seed=seed)[1].tolist()

    assert test_rows(0) == test_rows(0) != test_rows(1)
    assert test_rows(None) != test_rows(None)
    state = np.random.get_state()[1].tolist()
    test_rows(3)
    assert np.random.get_state()[1].tolist() == state  # NumPy's global stream is not touched


def test_split_numbers_do_not_change():
    assert train_test_split(range(12), [0, 1] * 6)[1].tolist() == [11, 2]
    assert train_test_split(range(12), range(12), stratify=False, seed=1)[1].tolist() == [9, 2]


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.25, 0.5, 0.9, 0.99])
def test_split_is_stratified(fraction):
    counts = np.array([2, 3, 10, 55, 130])
    y = np.random.default_rng(0).permutation(np.repeat(np.array(["a", "b", "c", "d", "e"]), counts))
    _, _, y_train, y_test = train_test_split(np.arange(len(y)), y, test_fraction=fraction)
    in_test = np.array([np.count_nonzero(y_test == name) for name in "abcde"])
    in_train = np.array([np.count_nonzero(y_train == name) for name in "abcde"])
    assert (in_test + in_train).tolist() == counts.tolist()
    assert in_test.min() >= 1
    assert in_train.min() >= 1
    assert np.all((np.abs(in_test - counts * fraction) <= 0.5) | (in_test == 1) | (in_train == 1))


def test_split_without_classes():
    y = np.linspace(0, 1, 10)
    parts = train_test_split(np.eye(10), np.column_stack([y, y]), test_fraction=0.3, stratify=False)
    assert [part.shape for part in parts] == [(7, 10), (3, 10), (7, 2), (3, 2)]
    assert [len(part) for part in train_test_split([1, 2], [1, 2], stratify=False)] == [1, 1, 1, 1]


BAD_SPLITS = {
    "rows differ": (([1, 2, 3], [1, 2]), {}, ValueError, r"X has shape \(3,\); y has shape \(2,\)"),
    "scalars": ((1, 1), {}, TypeError, "X is 1; expected an array"),
    "nothing": (([], []), {}, ValueError, "X has 0 rows; a split takes at least 2"),
    "one row": (([1], [1]), {"stratify": False}, ValueError, "X has 1 row; a split takes at least 2"),
    "a class of one": (([1, 2, 3], [0, 0, 7]), {}, ValueError, "class 7 has 1 row; .* stratify=False"),
    "columns": (([1, 2], [[1, 0], [2, 1]]), {}, ValueError, "y has 2 dimensions; a stratified split takes 1"),
    "fraction 0": (([1, 2], [1, 1]), {"test_fraction": 0}, ValueError, "test_fraction"),
    "fraction 1": (([1, 2], [1, 1]), {"test_fraction": 1.0}, ValueError, "test_fraction"),
    "fraction nan": (([1, 2], [1, 1]), {"test_fraction": float("nan")}, ValueError, "test_fraction"),
    "fraction text": (([1, 2], [1, 1]), {"test_fraction": "0.2"}, TypeError, "test_fraction"),
    "seed": (([1, 2], [1, 1]), {"seed": -1}, ValueError, "seed"),
    "seed float": (([1, 2], [1, 1]), {"seed": 1.5}, TypeError, "seed"),
}


@pytest.mark.parametrize("case", BAD_SPLITS)
def test_bad_splits(case):
    arguments, options, error, message = BAD_SPLITS[case]
    with pytest.raises(error, match=message):
        train_test_split(*arguments, **options)


def test_public_names():
    assert all(hasattr(datasets, name) for name in datasets.__all__)
