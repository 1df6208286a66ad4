"""HDF5 files: the layout of the cat set, named datasets, and files that are not to be trusted."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from compiled_nn.datasets import load_catvnoncat, read_hdf5

h5py = pytest.importorskip("h5py")
DATA = Path(os.environ.get("COMPILED_NN_DATA", Path(__file__).parents[3] / "shared" / "data"))
IMAGES = np.arange(3 * 2 * 2 * 3, dtype=np.uint8).reshape(3, 2, 2, 3)
LABELS = np.array([0, 1, 1])


@pytest.fixture
def write(tmp_path):
    def write(name="data.h5", **arrays):
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            for key, array in arrays.items():
                file[key.replace("__", "/")] = array
        return path

    return write


def test_the_layout_of_the_cat_set(write):
    path = write(train_set_x=IMAGES, train_set_y=LABELS, list_classes=np.array([b"non-cat", b"cat"]))
    data = read_hdf5(path)
    assert np.array_equal(data.X_train, IMAGES)
    assert data.X_train.dtype == np.uint8
    assert data.y_train.tolist() == [0, 1, 1]
    assert data.class_names == ("non-cat", "cat")
    assert data.input_scale == 1 / 255
    assert (data.name, len(data.X_test)) == ("data", 0)
    alone = read_hdf5(write("test.h5", test_set_x=IMAGES, test_set_y=LABELS.reshape(1, 3)))
    assert alone.y_train.tolist() == [0, 1, 1]
    both = read_hdf5(
        write("both.h5", train_set_x=IMAGES, train_set_y=LABELS, test_set_x=IMAGES[:1], test_set_y=[1])
    )
    assert (len(both.X_train), both.y_test.tolist()) == (3, [1])


@pytest.mark.parametrize(
    "names", [("X", "y"), ("x_train", "y_train"), ("data", "target"), ("images", "labels")]
)
def test_names_that_are_known(write, names):
    data = read_hdf5(write(**dict(zip(names, (IMAGES, LABELS), strict=True)), other=IMAGES))
    assert np.array_equal(data.X, IMAGES)
    assert data.y.tolist() == [0, 1, 1]


def test_names_that_are_given(write):
    path = write(a__b__pixels=IMAGES.astype(">f4"), kinds=np.array([b"x", b"y", b"x"]), X=IMAGES)
    data = read_hdf5(path, "a/b/pixels", "kinds")
    assert data.X.dtype == np.float32
    assert data.X.dtype.isnative
    assert data.y.tolist() == ["x", "y", "x"]
    assert data.input_scale == 1
    assert len(read_hdf5(path, X="a/b/pixels").y_train) == 0


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float16", "float64"])
@pytest.mark.parametrize("compression", [None, "gzip", "lzf"])
def test_dtypes_and_compression(tmp_path, dtype, compression):
    X = (np.arange(4000).reshape(400, 10) % 2).astype(dtype)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("X", data=X, compression=compression)
        file.create_dataset("y", data=X[:, 0], compression=compression)
    data = read_hdf5(tmp_path / "x.h5")
    assert data.X.dtype == dtype
    assert np.array_equal(data.X, X)


def test_names_that_are_not_there(write):
    path = write(a=IMAGES, b=LABELS)
    with pytest.raises(ValueError, match=r"data\.h5: expected exactly one of .*the file holds 'a', 'b'"):
        read_hdf5(path)
    with pytest.raises(ValueError, match="there is no dataset 'c'; the file holds 'a', 'b'"):
        read_hdf5(path, "a", "c")
    with pytest.raises(ValueError, match="y is 'b', but X is None"):
        read_hdf5(path, y="b")
    with pytest.raises(ValueError, match="expected exactly one of"):
        read_hdf5(write(X=IMAGES, y=LABELS, images=IMAGES, labels=LABELS))
    with pytest.raises(ValueError, match=r"'g' is a group; .*: X"):
        read_hdf5(write(g__X=IMAGES), "g")
    with pytest.raises(ValueError, match=r"'X' has shape \(3, 2, 2, 3\); 'y' has shape \(2,\)"):
        read_hdf5(write(X=IMAGES, y=LABELS[:2]))
    with pytest.raises(ValueError, match=r"'X' has the dtype .*; expected numbers"):
        read_hdf5(write(X=[b"a", b"b"], y=[1, 2]))


def test_files_that_are_none(tmp_path, write):
    with pytest.raises(FileNotFoundError):
        read_hdf5(tmp_path / "none.h5")
    path = write(X=IMAGES, y=LABELS)
    content = path.read_bytes()
    for bad in (b"", b"text", content[:200], content[: len(content) - 30]):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=r"data\.h5: "):
            read_hdf5(path)


def test_what_lies_in_other_files_is_refused(tmp_path, write):
    secret = write("secret.h5", X=IMAGES, y=LABELS)
    (tmp_path / "raw").write_bytes(bytes(24))
    layout = h5py.VirtualLayout((3, 2, 2, 3), np.uint8)
    layout[:] = h5py.VirtualSource(str(secret), "X", (3, 2, 2, 3))
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        file["link"] = h5py.ExternalLink(str(secret), "X")
        file["soft"] = h5py.SoftLink("/link")
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("external", (3, 8), np.uint8, external=[(str(tmp_path / "raw"), 0, 24)])
    for name in ("link", "soft"):
        with pytest.raises(ValueError, match="is a link, possibly to another file"):
            read_hdf5(tmp_path / "bad.h5", name)
    for name in ("virtual", "external"):
        with pytest.raises(ValueError, match=r"the numbers of .* are in another file"):
            read_hdf5(tmp_path / "bad.h5", name)


def test_a_short_file_that_announces_terabytes(tmp_path):
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file.create_dataset("X", (10**9, 10**4), np.float64, chunks=(100, 100), compression="gzip")
        file["y"] = [0]
    with pytest.raises(ValueError, match="80000000000000 bytes; the file stores only 0"):
        read_hdf5(tmp_path / "huge.h5")


def test_without_h5py(write, monkeypatch):
    path = write(X=IMAGES, y=LABELS)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r'needs h5py; pip install "compiled-nn\[hdf5\]"'):
        read_hdf5(path)


def test_cat_or_not(tmp_path, write):
    names = np.array([b"non-cat", b"cat"])
    write("train_catvnoncat.h5", train_set_x=IMAGES, train_set_y=LABELS, list_classes=names)
    write("test_catvnoncat.h5", test_set_x=IMAGES[:2], test_set_y=LABELS[:2], list_classes=names)
    data = load_catvnoncat(tmp_path)
    assert (len(data.X_train), len(data.X_test)) == (3, 2)
    assert data.class_names == ("non-cat", "cat")
    (tmp_path / "test_catvnoncat.h5").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks test_catvnoncat.h5(.|\n)*the two files"):
        load_catvnoncat(tmp_path)


@pytest.mark.skipif(
    not (DATA / "catvnoncat").is_dir(), reason="the cat set is not on this machine (COMPILED_NN_DATA)"
)
def test_the_real_cats():
    data = load_catvnoncat(DATA)
    assert data.X_train.shape == (209, 64, 64, 3)
    assert data.X_test.shape == (50, 64, 64, 3)
    assert (data.y_train.sum(), data.y_test.sum()) == (72, 33)
    assert data.class_names == ("non-cat", "cat")
