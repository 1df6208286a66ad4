"""Columns with names that are numbers or tuples: matched by networks, as texts are; by position in estimators."""

import datetime
import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import MLPClassifier
from compiled_nn.data import column_names

pandas = pytest.importorskip("pandas", reason="pandas is not installed")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = (X[:, 0] > X[:, 2]).astype(int)
ORDER = [2, 0, 3, 1]  # a permutation that is not its own inverse
NAMES = {
    "numbers in order": [0, 1, 2, 3],
    "numbers in another order": [3, 1, 0, 2],
    "years": [2001, 2002, 2003, 2004],
    "numpy": list(np.array([7, 5, 9, 1], np.int16)),
    "wavelengths": [400.5, 401.0, 401.5, 402.0],
    "negative and large": [-1, 2**63, -(2**63), 10],
    "tuples": [("a", 1), ("a", 2), ("b", 1), ("b", 2)],
    "tuples of texts and numbers": [(1, "a"), ("a", 1), ("a", "b"), (1.5, 2)],
}


def table(names, values=X):
    return pandas.DataFrame(values, columns=pandas.Index(names, tupleize_cols=False, dtype=object))


def network(**parameters):
    return cnn.Network([cnn.Dense(8, "relu"), cnn.Dense(2)], seed=0, **parameters)


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_columns_in_another_order(names, tmp_path):
    frame = table(names)
    permuted = frame.iloc[:, ORDER]
    net = network().fit(frame, Y, epochs=3)
    expected = network().fit(X, Y, epochs=3).predict_proba(X)
    net.save(tmp_path / "net.safetensors")
    for model in (net, cnn.load(tmp_path / "net.safetensors"), pickle.loads(pickle.dumps(net))):
        for given in (X, frame, permuted):
            np.testing.assert_array_equal(model.predict_proba(given), expected)
        assert model.score(permuted, Y) == model.score(X, Y)
        assert model.loss(permuted, Y) == model.loss(X, Y)
        np.testing.assert_array_equal(model.input_gradient(permuted), model.input_gradient(X))
        np.testing.assert_array_equal(model.transform(permuted), model.transform(X))
        assert hasattr(model, "feature_names_in_") == (names != [0, 1, 2, 3])
        if names != [0, 1, 2, 3]:
            assert model.feature_names_in_.tolist() == names
        model.save(tmp_path / "again.safetensors")
        assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "net.safetensors").read_bytes()


def test_multi_index():
    index = pandas.MultiIndex.from_product([["mean", "max"], ["age", "size"]])
    frame = pandas.DataFrame(X, columns=index)
    net = network().fit(frame, Y, epochs=3)
    np.testing.assert_array_equal(net.predict_proba(frame.sort_index(axis=1)), net.predict_proba(X))


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_every_entrance_of_training(names):
    frame, expected = table(names), network().fit(X, Y, epochs=2, validation_data=(X, Y))
    permuted = frame.iloc[:, ORDER]
    net = network().fit(frame, Y, epochs=2, validation_data=(permuted, Y))
    assert net.history["val_loss"] == expected.history["val_loss"]
    for model, rows in ((net, permuted), (expected, X)):
        model.partial_fit(rows, Y)
        model.fit(rows, Y, epochs=1, warm_start=True)
    np.testing.assert_array_equal(net.predict_proba(X), expected.predict_proba(X))
    assert str(net.diagnose(permuted, Y)) == str(expected.diagnose(X, Y))


def test_a_permuted_table_and_a_network_that_was_fitted_on_an_array():
    net = network().fit(X, Y, epochs=3)
    np.testing.assert_array_equal(net.predict_proba(table(range(4)).iloc[:, ORDER]), net.predict_proba(X))
    for names in (
        [2, 1, 3, 4],
        [True, False, 2, 3],
        [datetime.date(2001, 1, i) for i in (1, 2, 3, 4)],
        "abcd",
    ):
        np.testing.assert_array_equal(net.predict_proba(table(list(names))), net.predict_proba(X))


@pytest.mark.parametrize("names", [NAMES["years"], NAMES["tuples"], NAMES["numbers in another order"]])
def test_other_names_are_refused(names):
    net = network().fit(table(names), Y, epochs=1)
    for others in ([*names[:3], names[3]], ["a", "b", "c", "d"], [7, 8, 9, 10], [("q", i) for i in range(4)]):
        if others != names:
            with pytest.raises(ValueError, match="Feature names unseen at fit time"):
                net.predict(table(others))
    with pytest.raises(ValueError, match="now missing"):
        net.predict(table(names).iloc[:, :3])
    if set(names) != {0, 1, 2, 3}:  # names 0, 1, ... in order are those of an array
        np.testing.assert_array_equal(net.predict(table(range(4))), net.predict(X))
    text = network().fit(table(list("abcd")), Y, epochs=1)
    with pytest.raises(ValueError, match="Feature names unseen at fit time"):
        text.predict(table(names))


@pytest.mark.parametrize(
    ("names", "error"),
    [
        ([1, 2, 1, 3], "several columns named 1: columns 0 and 2"),
        ([1, 2, 1.0, 3], "several columns named 1.0: columns 0 and 2"),
        ([("a", 1), ("b", 1), ("b", 1), ("c", 1)], r"several columns named \('b', 1\)"),
    ],
)
def test_equal_names(names, error):
    with pytest.raises(ValueError, match=error):
        network().fit(table(names), Y)


@pytest.mark.parametrize(
    "names",
    [
        [1, 2, 3, float("nan")],
        [1, 2, 3, float("inf")],
        [1, 2, 3, None],
        [True, False, 2, 3],
        [1, 2, 3, 2**64],
        [1, 2, 3, (4, 5)],
        [(1, 2), (1, 3), (1, 4), (1, None)],
        [(1, 2), (1, 3), (1, 4), (1, (2, 3))],
        [datetime.date(2001, 1, i) for i in (1, 2, 3, 4)],
        [b"a", b"b", b"c", b"d"],
    ],
)
def test_names_that_cannot_be_matched(names):
    net = network()
    with pytest.raises(
        TypeError, match=r"rename them, for example with X.columns = list\(map\(str, X.columns\)\)"
    ):
        net.fit(table(names), Y)
    renamed = table(names)
    renamed.columns = list(map(str, renamed.columns))
    net.fit(renamed, Y, epochs=1)


# ---- tables with categories


def mixed(names):
    frame = table(names)
    frame[names[1]] = np.where(X[:, 1] > 0, "u", "v")
    return frame


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_tables_with_categories(names, tmp_path):
    frame, plain = mixed(names), mixed(list("abcd"))
    net = network(categorical_features="auto").fit(frame, Y, epochs=3)
    expected = network(categorical_features="auto").fit(plain, Y, epochs=3).predict_proba(plain)
    net.save(tmp_path / "net.safetensors")
    for model in (net, cnn.load(tmp_path / "net.safetensors")):
        for given in (frame, frame.iloc[:, ORDER]):
            np.testing.assert_array_equal(model.predict_proba(given), expected)
        model.save(tmp_path / "again.safetensors")
        assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "net.safetensors").read_bytes()
    if names != [0, 1, 2, 3]:
        with pytest.raises(ValueError, match="unseen at fit time"):
            net.predict(mixed(["a", "b", "c", "d"]))


# ---- estimators


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("make", [table, mixed])
def test_estimators_take_columns_by_position_as_scikit_learn(names, make):
    options = {} if make is table else {"categorical_features": [1]}
    frame = make(names)
    model = MLPClassifier(random_state=0, max_iter=2, **options).fit(frame, Y)
    assert not hasattr(model, "feature_names_in_")
    same = frame.set_axis([3, 0, 1, 2], axis=1)
    np.testing.assert_array_equal(model.predict_proba(same), model.predict_proba(frame))
    if make is table:
        np.testing.assert_array_equal(
            model.predict_proba(frame.iloc[:, ORDER]), model.predict_proba(X[:, ORDER])
        )


def test_estimators_refuse_texts_and_numbers_together():
    with pytest.raises(TypeError, match="Feature names are only supported if all of them are str"):
        MLPClassifier().fit(table(["a", 1, 2, 3]), Y)


# ---- files


@pytest.mark.parametrize(
    "names",
    [
        [1, 2, 3],
        [1, 2, 3, 3],
        [1, 2, 3, True],
        [1, 2, 3, "d"],
        [1, 2, 3, None],
        [1, 2, 3, [4]],
        [["a"], ["b"], ["c"], [["d"]]],
        [["a"], ["b"], ["c"], ["a"]],
        {"1": 2},
    ],
)
def test_damaged_names_in_files(names):
    from compiled_nn.files import extras

    with pytest.raises(ValueError, match=r"inputs\.names"):
        extras.read_inputs({"inputs": {"names": names}}, 4)


def test_texts_beside_an_encoder_are_refused():
    from compiled_nn.files import extras

    document = {"encoder": [{}, {}], "inputs": {"names": ["a", "b"]}}
    with pytest.raises(ValueError, match="beside an encoder"):
        extras.read_inputs(document, 5)
    document["inputs"]["names"] = [2001, 2002]
    assert extras.read_inputs(document, 5)["labels"] == (2001, 2002)


def test_labels_keep_their_kind():
    found = column_names.labels([np.int8(3), 2.0, np.float32(0.5), 2**63])
    assert found == (3, 2.0, 0.5, 2**63)
    assert [type(label) for label in found] == [int, float, float, int]


# ---- other entrances


def test_streams():
    names = NAMES["years"]
    frame = table(names)

    def batches(frames):
        return lambda: (
            (each.iloc[i : i + 20], Y[i : i + 20]) for i, each in zip((0, 20, 40), frames, strict=True)
        )

    net = network().fit(batches([frame, frame.iloc[:, ORDER], frame]), epochs=2)
    expected = network().fit(batches([frame] * 3), epochs=2)
    np.testing.assert_array_equal(net.predict_proba(X), expected.predict_proba(X))


def test_the_command_line_matches_numbers_by_the_header(tmp_path, capsys):
    from compiled_nn.cli import main

    frame = table(NAMES["years"])
    net = network().fit(frame, Y, epochs=3)
    net.save(tmp_path / "net.safetensors")
    frame.iloc[:, ORDER].to_csv(tmp_path / "rows.csv", index=False)
    assert main(["predict", str(tmp_path / "net.safetensors"), str(tmp_path / "rows.csv")]) in (None, 0)
    cells = capsys.readouterr().out.split()
    assert [int(cell) for cell in cells if cell in ("0", "1")] == net.predict(X).tolist()
