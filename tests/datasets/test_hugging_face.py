"""Objects of the `datasets` library, played by a small fake; the library itself where it is installed."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.datasets import from_hugging_face

Image = pytest.importorskip("PIL.Image")


class ClassLabel:
    def __init__(self, names):
        self.names = names


class Columns:
    """What `datasets.Dataset` shows of itself, as far as it is used."""

    def __init__(self, features=None, **columns):
        self.columns, self.features = columns, features or {}
        self.column_names = list(columns)

    def __getitem__(self, name):
        return self.columns[name]


def pictures(rng, m, size=(4, 6, 3)):
    return [Image.fromarray(rng.integers(0, 256, size, np.uint8)) for _ in range(m)]


def beans(rng, m, **columns):
    names = ClassLabel(["angular_leaf_spot", "bean_rust", "healthy"])
    labels = (np.arange(m) % 3).tolist()
    return Columns({"labels": names}, image=pictures(rng, m), labels=labels, **columns)


def test_pictures_of_three_parts(rng):
    parts = {"train": beans(rng, 5), "validation": beans(rng, 3), "test": beans(rng, 2), "extra": None}
    data = from_hugging_face(parts, "image", "labels")
    assert data.X_train.shape == (5, 4, 6, 3)
    assert np.array_equal(data.X_train[2], np.asarray(parts["train"]["image"][2]))
    assert data.y_train.tolist() == [0, 1, 2, 0, 1]
    assert data.y_train.dtype == np.int64
    assert data.X_validation.shape == (3, 4, 6, 3)
    assert data.y_test.tolist() == [0, 1]
    assert data.class_names == ("angular_leaf_spot", "bean_rust", "healthy")
    assert data.input_scale == 1 / 255
    parts["train"]["image"][0].getpixel((0, 0))  # the caller's pictures stay open


def test_one_part_resized_and_gray(rng):
    data = from_hugging_face(beans(rng, 4), "image", "labels", size=(2, 3), color="gray")
    assert data.X_train.shape == (4, 2, 3)
    assert len(data.X_test) == 0


def test_numbers(rng):
    table = Columns(a=[1, 2, 3], b=[0.5, 1.5, 2.5], vector=[[1.0, 2.0]] * 3, y=["no", "yes", "no"])
    data = from_hugging_face(table, ["b", "a"], "y")
    assert data.X_train.tolist() == [[0.5, 1], [1.5, 2], [2.5, 3]]
    assert data.y_train.tolist() == ["no", "yes", "no"]
    assert (data.class_names, data.input_scale) == ((), 1)
    assert from_hugging_face(table, "vector", "a").X_train.shape == (3, 2)
    net = cnn.Network([cnn.Dense(1)], loss="binary_cross_entropy", seed=0).fit(
        data.X_train, data.y_train, epochs=1
    )
    assert net.classes_.tolist() == ["no", "yes"]


def test_what_is_not_there(rng):
    with pytest.raises(ValueError, match="train has no column 'images'; it has 'image', 'labels'"):
        from_hugging_face(beans(rng, 2), "images", "labels")
    with pytest.raises(ValueError, match="there is no part 'train'; the data have 'test'"):
        from_hugging_face({"test": beans(rng, 2)}, "image", "labels")
    with pytest.raises(ValueError, match="two parts of the data are the validation part"):
        from_hugging_face({"val": 0, "valid": 0, "train": 0}, "image", "labels")
    with pytest.raises(ValueError, match="the rows of 'v' differ in length"):
        from_hugging_face(Columns(v=[[1], [1, 2]], y=[0, 1]), "v", "y")
    with pytest.raises(ValueError, match="'v' has 2 rows; 'y' has 1"):
        from_hugging_face(Columns(v=[1, 2], y=[0]), "v", "y")
    with pytest.raises(ValueError, match="'v' has the dtype object; expected numbers"):
        from_hugging_face(Columns(v=[None, 2], y=[0, 1]), "v", "y")
    with pytest.raises(ValueError, match="a sequence of columns must have one number per row"):
        from_hugging_face(Columns(v=[[1], [2]], y=[0, 1]), ["v"], "y")
    odd = beans(rng, 2)
    odd["image"][1] = pictures(rng, 1, (5, 5, 3))[0]
    with pytest.raises(ValueError, match="train, 'image', row 1 has 5 x 5 pixels"):
        from_hugging_face(odd, "image", "labels")


def test_the_real_library(rng):
    library = pytest.importorskip("datasets")
    features = library.Features(
        {"image": library.Image(), "labels": library.ClassLabel(names=["healthy", "sick"])}
    )
    held = pictures(rng, 4)
    one = library.Dataset.from_dict({"image": held, "labels": [0, 1, 1, 0]}, features=features)
    both = library.DatasetDict({"train": one, "test": one.select([0, 1])})
    data = from_hugging_face(both, "image", "labels")
    assert np.array_equal(data.X_train, np.stack([np.asarray(picture) for picture in held]))
    assert data.y_train.tolist() == [0, 1, 1, 0]
    assert data.y_test.tolist() == [0, 1]
    assert data.class_names == ("healthy", "sick")
    table = library.Dataset.from_dict({"a": [1.0, 2.0], "b": [3, 4], "y": [0, 1]})
    assert from_hugging_face(table, ["a", "b"], "y").X_train.tolist() == [[1, 3], [2, 4]]
