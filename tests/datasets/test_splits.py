"""Some classes, other labels, parts of a data set: right whatever the order, and nothing given is changed."""

import itertools

import numpy as np
import pytest
from compiled_nn.datasets import (
    Dataset,
    load_digits,
    only_classes,
    relabel,
    train_test_split,
    train_validation_test_split,
)


def small(labels=(2, 0, 1, 2, 0, 1), names=("ant", "bee", "cat"), dtype=np.int64):
    y = np.array(labels, dtype)
    X = np.arange(len(y) * 2).reshape(-1, 2)
    return Dataset(X, y, X[:3] + 100, y[:3], class_names=names, X_validation=X[3:] + 200, y_validation=y[3:])


def rows(data):
    """{part: [(first feature, label), ...]}"""
    return {
        part: list(
            zip(getattr(data, f"X_{part}")[:, 0].tolist(), getattr(data, f"y_{part}").tolist(), strict=True)
        )
        for part in ("train", "validation", "test")
    }


# ---- classes


@pytest.mark.parametrize("classes", [{0, 2}, [2, 0], ("cat", "ant"), ["ant", 2], (2, 0, 2)])
def test_only_some_classes(classes):
    data = small()
    left = only_classes(data, classes)
    assert rows(left) == {"train": [(0, 2), (2, 0), (6, 2), (8, 0)], "validation": [(206, 2), (208, 0)],
                          "test": [(100, 2), (102, 0)]}  # fmt: skip
    assert left.class_names == ("ant", "cat")
    assert data.y_train.tolist() == [2, 0, 1, 2, 0, 1]


def test_classes_of_text_need_no_names():
    data = small(["b", "a", "c", "b", "a", "c"], (), dtype=str)
    assert only_classes(data, ["c", "b"]).y_train.tolist() == ["b", "c", "b", "c"]
    assert only_classes(data, ["c"]).class_names == ()


def test_names_where_a_class_has_no_rows():
    """Labels are places in class_names; the second class is absent."""
    data = small((2, 0, 2, 0, 2, 0))
    assert only_classes(data, ["cat"]).y_train.tolist() == [2, 2, 2]
    assert only_classes(data, ["cat"]).class_names == ("cat",)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({3}, "there is no class 3 in the data; the classes are 0, 1, 2, 'ant', 'bee', 'cat'"),
        (["cta"], "Did you mean 'cat'"),
        ([], "classes is empty"),
    ],
)
def test_classes_that_are_not_there(classes, message):
    with pytest.raises(ValueError, match=message):
        only_classes(small(), classes)


def test_targets_that_are_no_labels():
    data = Dataset(np.zeros((2, 1)), np.zeros((2, 3)), np.zeros((0, 1)), np.zeros((0, 3)))
    for select in (lambda: only_classes(data, [0]), lambda: relabel(data, {0: 1})):
        with pytest.raises(ValueError, match=r"y_train has shape \(2, 3\)"):
            select()


# ---- labels


def test_b18_relabelling_does_not_depend_on_the_order():
    """The tutorial writes 1 -> 0, then 2 -> 1 into one array; the other way round all labels become 0."""
    y = np.array([1, 2, 2, 1], np.uint8)
    tutorial = y.copy()
    tutorial[tutorial == 2] = 1
    tutorial[tutorial == 1] = 0
    assert tutorial.tolist() == [0, 0, 0, 0]
    data = Dataset(np.zeros((4, 1)), y, np.zeros((0, 1)), y[:0])
    pairs = ((1, 0), (2, 1))
    for order in itertools.permutations(pairs):
        assert relabel(data, dict(order)).y_train.tolist() == [0, 1, 1, 0]
    assert y.tolist() == [1, 2, 2, 1]
    assert relabel(data, {1: 0, 2: -1}).y_train.tolist() == [0, -1, -1, 0]  # where uint8 would wrap


@pytest.mark.parametrize("swap", [{0: 1, 1: 0, 2: 2}, {"bee": 0, "ant": 1, "cat": 2}])
def test_labels_may_be_swapped(swap):
    data = relabel(small(), swap)
    assert data.y_train.tolist() == [2, 1, 0, 2, 1, 0]
    assert data.y_test.tolist() == [2, 1, 0]
    assert data.y_validation.tolist() == [2, 1, 0]
    assert data.class_names == ("bee", "ant", "cat")
    assert data.y_train.dtype == np.int64


def test_one_class_against_the_others():
    data = relabel(small(), {"cat": 0}, others=1)
    assert data.y_train.tolist() == [0, 1, 1, 0, 1, 1]
    assert data.class_names == ("cat", "ant or bee")
    text = relabel(small(), {"cat": "healthy"}, others="sick")
    assert text.y_train.tolist() == ["healthy", "sick", "sick", "healthy", "sick", "sick"]
    assert text.class_names == ("healthy", "sick")
    assert relabel(small(names=()), {2: 0}, others=1).class_names == ()


@pytest.mark.parametrize(
    ("new", "others", "message"),
    [
        ({"cat": 0}, None, "class 0 has no new label; add it to new_labels, or pass others"),
        ({"cow": 0}, 1, "there is no class 'cow'"),
        ({"cat": 0}, "sick", "of type int, str; they must all be int, or all str"),
        ({"cat": 0.5}, 1, "of type float, int"),
    ],
)
def test_labels_that_cannot_be(new, others, message):
    with pytest.raises(ValueError, match=message):
        relabel(small(), new, others)


# ---- three parts


def test_three_parts_are_all_rows_once():
    data = load_digits()
    split = train_validation_test_split(
        data.X, data.y, validation_fraction=0.1, test_fraction=0.2, name="digits"
    )
    parts = [split.y_train, split.y_validation, split.y_test]
    assert [len(part) for part in parts] == [1259, 179, 359]
    counts = np.bincount(data.y)
    for part, share in zip(parts, (0.7, 0.1, 0.2), strict=True):
        assert (np.abs(np.bincount(part) - counts * share) <= 1).all()
    joined = np.concatenate(
        [X.reshape(len(X), -1) for X in (split.X_train, split.X_validation, split.X_test)]
    )
    assert sorted(map(bytes, joined)) == sorted(map(bytes, data.X.reshape(1797, -1)))
    assert split.name == "digits"
    assert len(split.X) == 1797


def test_the_test_part_is_that_of_two_parts():
    X, y = np.arange(40), np.arange(40) % 4
    split = train_validation_test_split(X, y, validation_fraction=0.3, seed=5)
    _, X_test, _, y_test = train_test_split(X, y, seed=5)
    assert split.X_test.tolist() == X_test.tolist()
    assert split.y_test.tolist() == y_test.tolist()
    again = train_validation_test_split(X, y, validation_fraction=0.3, seed=5)
    assert again.X_validation.tolist() == split.X_validation.tolist()


@pytest.mark.parametrize("validation_fraction", [0.01, 0.5, 0.98])
def test_every_part_has_every_class(validation_fraction):
    y = np.arange(9) % 3
    split = train_validation_test_split(y, y, validation_fraction=validation_fraction, test_fraction=0.01)
    assert {tuple(np.unique(part)) for part in (split.y_train, split.y_validation, split.y_test)} == {
        (0, 1, 2)
    }


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        ([0, 0, 1, 1, 1], {}, "class 0 has 2 rows; a stratified split takes at least 3"),
        ([0, 1], {"stratify": False}, "X has 2 rows; a split takes at least 3"),
        ([0] * 9, {"validation_fraction": 0.5, "test_fraction": 0.5}, "leave no rows to train on"),
        ([0] * 9, {"validation_fraction": 0}, "validation_fraction"),
    ],
)
def test_splits_that_cannot_be(y, options, message):
    with pytest.raises(ValueError, match=message):
        train_validation_test_split(np.zeros(len(y)), y, **options)


def test_whole_and_repr_of_three_parts():
    data = small()
    assert data.X[:, 0].tolist() == [0, 2, 4, 6, 8, 10, 206, 208, 210, 100, 102, 104]
    assert data.y.tolist() == [2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1]
    assert "X_validation (3, 2)" in repr(data)
    assert load_digits().X_validation.shape == (0, 8, 8)
    assert load_digits().y_validation.shape == (0,)


@pytest.mark.parametrize("split", [train_test_split, train_validation_test_split])
def test_a_dataset_stands_for_its_rows(split):
    data = split(np.arange(60).reshape(30, 2), np.arange(30) % 3, seed=1)
    if not isinstance(data, Dataset):
        data = Dataset(data[0], data[2], data[1], data[3])
    given, expected = split(data, seed=2), split(data.X, data.y, seed=2)
    if isinstance(given, Dataset):
        given, expected = ([each.X, each.y, each.X_test, each.y_test] for each in (given, expected))
    for a, b in zip(given, expected, strict=True):
        assert np.array_equal(a, b)
    with pytest.raises(
        TypeError, match=r"is a Dataset, which contains y; leave out y, or pass data\.X and y"
    ):
        split(data, data.y)
    with pytest.raises(TypeError, match="needs X and y, or a Dataset in place of both; y is missing"):
        split(data.X)
