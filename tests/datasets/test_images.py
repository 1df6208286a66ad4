"""Folders of pictures, and the data sets of the tutorials as pictures."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from compiled_nn.datasets import load_beans, read_image_folder

Image = pytest.importorskip("PIL.Image")
DATA = Path(os.environ.get("COMPILED_NN_DATA", Path(__file__).parents[3] / "shared" / "data"))


def picture(path, pixels, mode=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(pixels, np.uint8))
    (image if mode is None else image.convert(mode)).save(path, **options)
    return path


@pytest.fixture
def leaves(rng, tmp_path):
    """Two classes of RGB pictures of 4 x 6, and the pixels by file."""
    pixels = {}
    for name in ("sick/leaf10.png", "sick/leaf2.png", "healthy/a.png", "sick/leaf1.PNG"):
        pixels[name] = rng.integers(0, 256, (4, 6, 3), np.uint8)
        picture(tmp_path / "leaves" / name, pixels[name])
    return tmp_path / "leaves", pixels


def test_rows_by_class_then_by_number(leaves):
    folder, pixels = leaves
    (folder / "notes.txt").write_text("no picture")
    (folder / "sick" / "Thumbs.db").write_bytes(b"nor this")
    (folder / "sick" / "._leaf3.png").write_bytes(b"nor this")
    (folder / ".cache").mkdir()
    data = read_image_folder(folder)
    order = ["healthy/a.png", "sick/leaf1.PNG", "sick/leaf2.png", "sick/leaf10.png"]
    assert data.X_train.dtype == np.uint8
    assert np.array_equal(data.X_train, np.stack([pixels[name] for name in order]))
    assert data.y_train.tolist() == [0, 1, 1, 1]
    assert data.y_train.dtype == np.int64
    assert data.class_names == ("healthy", "sick")
    assert (data.name, data.input_scale) == ("leaves", 1 / 255)
    assert len(data.X_test) == len(data.X_validation) == 0
    assert data.X_test.shape == (0, 4, 6, 3)


@pytest.mark.parametrize("size", [(5, 3), 7, (4, 6)])
def test_resized_by_pillow(leaves, size):
    folder, pixels = leaves
    height, width = size if isinstance(size, tuple) else (size, size)
    data = read_image_folder(folder, size=size)
    assert data.X_train.shape == (4, height, width, 3)
    expected = Image.fromarray(pixels["healthy/a.png"]).resize((width, height))
    assert np.array_equal(data.X_train[0], np.asarray(expected))


def test_gray(leaves):
    folder, pixels = leaves
    data = read_image_folder(folder, color="gray", size=(2, 2))
    assert data.X_train.shape == (4, 2, 2)
    expected = Image.fromarray(pixels["healthy/a.png"]).convert("L").resize((2, 2))
    assert np.array_equal(data.X_train[0], np.asarray(expected))


@pytest.mark.parametrize(
    ("ending", "modes"),
    [
        ("png", "RGB L P RGBA 1"),
        ("jpg", "RGB L CMYK"),
        ("jpeg", "RGB L CMYK"),
        ("bmp", "RGB L P RGBA 1"),
        ("gif", "RGB L P RGBA 1"),
        ("tif", "RGB L P RGBA 1 CMYK"),
        ("tiff", "RGB L P RGBA 1 CMYK"),
        ("webp", "RGB L P RGBA"),
        ("ppm", "RGB L 1"),
    ],
)
def test_formats_and_modes(tmp_path, ending, modes):
    for mode in modes.split():
        picture(tmp_path / "set" / "a" / f"{mode}.{ending}", np.full((3, 5, 3), 255), mode)
    data = read_image_folder(tmp_path / "set")
    assert data.X_train.shape == (len(modes.split()), 3, 5, 3)
    assert (data.X_train > 250).all()


def test_parts(rng, tmp_path):
    for part, count in (("train", 3), ("val", 2), ("test", 1), ("more", 1)):
        for label in ("a", "b"):
            for i in range(count):
                picture(tmp_path / "set" / part / label / f"{i}.png", rng.integers(0, 256, (2, 2)))
    data = read_image_folder(tmp_path / "set", color="gray")
    assert data.X_train.shape == (6, 2, 2)
    assert data.X_validation.shape == (4, 2, 2)
    assert data.y_validation.tolist() == [0, 0, 1, 1]
    assert data.y_test.tolist() == [0, 1]
    shutil.rmtree(tmp_path / "set" / "test" / "a")  # a part need not have every class
    assert read_image_folder(tmp_path / "set", color="gray").y_test.tolist() == [1]
    shutil.rmtree(tmp_path / "set" / "test" / "b")
    with pytest.raises(ValueError, match="test has no subfolder of any class"):
        read_image_folder(tmp_path / "set")
    (tmp_path / "set" / "valid").mkdir()
    with pytest.raises(ValueError, match="'valid' and 'val' are for the same part"):
        read_image_folder(tmp_path / "set")
    (tmp_path / "set" / "valid").rmdir()
    picture(tmp_path / "set" / "test" / "c" / "0.png", np.zeros((2, 2)))
    with pytest.raises(ValueError, match="c is a class that the training part does not have"):
        read_image_folder(tmp_path / "set")


def test_parts_have_one_size(tmp_path):
    picture(tmp_path / "set" / "train" / "a" / "0.png", np.zeros((2, 2)))
    picture(tmp_path / "set" / "test" / "a" / "0.png", np.zeros((2, 3)))
    with pytest.raises(
        ValueError, match="test has images of 2 x 3 pixels, the training part has images of 2 x 2"
    ):
        read_image_folder(tmp_path / "set")


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "eps"])
def test_a_broken_picture_is_named(leaves, damage):
    folder, _ = leaves
    path = folder / "sick" / "leaf2.png"
    content = path.read_bytes()
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 6\n"
    path.write_bytes({"cut": content[:-40], "text": b"no picture", "empty": b"", "eps": eps}[damage])
    with pytest.raises(ValueError, match=r"leaf2\.png is not a readable image"):
        read_image_folder(folder)


def test_more_than_8_bits_are_refused(tmp_path):
    folder = tmp_path / "set" / "a"
    folder.mkdir(parents=True)
    Image.fromarray(np.full((2, 2), 5000, np.uint16)).save(folder / "x.png")
    with pytest.raises(ValueError, match=r"x\.png is not a readable image: .*more than 8 bits"):
        read_image_folder(tmp_path / "set")


def test_different_sizes_are_named(leaves):
    folder, _ = leaves
    picture(folder / "sick" / "leaf3.png", np.zeros((9, 8, 3)))
    with pytest.raises(ValueError, match=r"leaf3\.png has 9 x 8 pixels, .*a\.png has 4 x 6; pass the size"):
        read_image_folder(folder)


def test_folders_that_are_no_set(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_image_folder(tmp_path / "none")
    with pytest.raises(ValueError, match="has no subfolders"):
        read_image_folder(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty has no images"):
        read_image_folder(tmp_path)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"size": 0}, ValueError),
        ({"size": (1, 2, 3)}, ValueError),
        ({"size": 1.5}, TypeError),
        ({"color": "grey"}, ValueError),
    ],
)
def test_bad_parameters(leaves, options, error):
    with pytest.raises(error, match=next(iter(options))):
        read_image_folder(leaves[0], **options)


def test_without_pillow(leaves, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "PIL.Image", raising=False)
    with pytest.raises(ImportError, match=r'needs Pillow; pip install "compiled-nn\[images\]"'):
        read_image_folder(leaves[0])


# ---- beans


def test_beans_from_files_like_the_real_ones(tmp_path, monkeypatch):
    names = np.array(["angular_leaf_spot", "bean_rust", "healthy"])
    for part, m in (("train", 5), ("validation", 3), ("test", 4)):
        X, y = np.full((m, 2, 2, 3), m, np.uint8), np.arange(m) % 3
        (tmp_path / "beans").mkdir(exist_ok=True)
        np.savez(
            tmp_path / "beans" / f"beans_{part}_100x100.npz", X=X, y=y, class_names=names, file_names=names
        )
    monkeypatch.setenv("COMPILED_NN_DATA", str(tmp_path))
    for data in (load_beans(), load_beans(tmp_path), load_beans(tmp_path / "beans")):
        assert [len(X) for X in (data.X_train, data.X_validation, data.X_test)] == [5, 3, 4]
        assert data.X_validation[0, 0, 0, 0] == 3
        assert data.class_names == tuple(names)
        assert data.input_scale == 1 / 255
    (tmp_path / "beans" / "beans_test_100x100.npz").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"Beans was not found(.|\n)*lacks beans_test_100x100.npz(.|\n)*three"
    ):
        load_beans()


@pytest.mark.skipif(not (DATA / "beans").is_dir(), reason="beans are not on this machine (COMPILED_NN_DATA)")
def test_real_beans():
    data = load_beans(DATA)
    assert data.X_train.shape == (1034, 100, 100, 3)
    assert [np.bincount(y).tolist() for y in (data.y_train, data.y_validation, data.y_test)] == [
        [345, 348, 341],
        [44, 45, 44],
        [43, 43, 42],
    ]
    assert data.class_names == ("angular_leaf_spot", "bean_rust", "healthy")
