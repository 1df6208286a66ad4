"""Labels of classes: missing labels, labels of several kinds, and comparisons of labels, in every entrance."""

from decimal import Decimal
from importlib.util import find_spec

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import metrics
from compiled_nn.data import cells

M = 8
X = np.arange(2.0 * M).reshape(M, 2) % 5
GOOD = ["a", "b"] * (M // 2)


def network():
    return cnn.Network([cnn.Dense(2, "tanh"), cnn.Dense(2)], seed=0)


FITTED = network().fit(X, GOOD, epochs=1)
ESTIMATOR = cnn.MLPClassifier(hidden_layer_sizes=2, max_iter=1, random_state=0).fit(X, GOOD)
ENTRANCES = {
    "fit": lambda y: network().fit(X, y, epochs=1),
    "partial_fit": lambda y: network().partial_fit(X, y),
    "more partial_fit": lambda y: network().fit(X, GOOD, epochs=1).partial_fit(X, y),
    "classes": lambda y: network().fit(X, GOOD, epochs=1, classes=y),
    "score": lambda y: FITTED.score(X, y),
    "loss": lambda y: FITTED.loss(X, y),
    "validation": lambda y: network().fit(X, GOOD, epochs=1, validation_data=(X, y)),
    "stream": lambda y: network().fit([(X, GOOD), (X, y)], epochs=1, classes=["a", "b"]),
    "estimator": lambda y: cnn.MLPClassifier(max_iter=1).fit(X, y),
    "estimator classes": lambda y: cnn.MLPClassifier(max_iter=1).partial_fit(X, GOOD, classes=y),
    "estimator score": lambda y: ESTIMATOR.score(X, y),
    "estimator validation": lambda y: cnn.MLPClassifier(max_iter=1).fit(X, GOOD, validation_data=(X, y)),
    "metric": lambda y: metrics.accuracy(y, GOOD),
    "predicted": lambda y: metrics.f1(GOOD, y, average="macro"),
    "ece": lambda y: metrics.ece(y, np.full((M, 2), 0.5)),
}
NAN = float("nan")


def with_gaps(value, dtype=None):
    """Return labels whose rows 2 and 5 are `value`."""
    labels = list(GOOD)
    labels[2] = labels[5] = value
    return labels if dtype is None else np.array(labels, dtype)


MISSING = {
    "None": (with_gaps(None), "None"),
    "NaN": (with_gaps(NAN), "NaN"),
    "NumPy NaN": (with_gaps(np.float32("nan")), "NaN"),
    "column": ([[label] for label in with_gaps(NAN)], "NaN"),
    "column of None": ([[label] for label in with_gaps(None)], "None"),
    "tuples": (tuple((label,) for label in with_gaps(NAN)), "NaN"),
    "objects": (with_gaps(NAN, object), "NaN"),
    "NaT": (with_gaps(np.datetime64("NaT", "s"), object), "NaT"),
    "decimal": (with_gaps(Decimal("NaN"), object), "NaN"),
    "signalling decimal": (with_gaps(Decimal("sNaN"), object), "NaN"),
    "masked": (with_gaps(np.ma.masked, object), "a masked entry"),
    "StringDType": (np.array(with_gaps(NAN), np.dtypes.StringDType(na_object=NAN)), "NaN"),
    "numbers": ([0.0, 1.0, NAN, 1.0, 0.0, NAN, 0.0, 1.0], "NaN"),
    "integers": ([0, 1, None, 1, 0, None, 0, 1], "None"),
    "booleans": ([True, False, None, True, False, None, True, True], "None"),
    "bytes": ([b"a", b"b", None, b"a", b"a", None, b"b", b"b"], "None"),
}


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize("case", MISSING)
def test_missing_labels_are_refused_with_their_row(case, entrance):
    y, shown = MISSING[case]
    with pytest.raises(ValueError, match=rf"contains {shown}: row 2, and 1 more row\. A missing label"):
        ENTRANCES[entrance](y)


MIXED = {
    "list": ["a", "b", 3] + ["a"] * (M - 3),
    "column": [[label] for label in ["a", "b", 3] + ["a"] * (M - 3)],
    "objects": np.array(["a", "b", 3] + ["a"] * (M - 3), object),
    "boolean": ["a", "b", True] + ["a"] * (M - 3),
    "NumPy": ["a", "b", np.int64(3)] + ["a"] * (M - 3),
}


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize("case", MIXED)
def test_labels_of_several_kinds_are_refused_with_a_row_of_each(case, entrance):
    with pytest.raises(TypeError, match="mixes text with numbers: row 0 is 'a', row 2 is "):
        ENTRANCES[entrance](MIXED[case])


def test_text_and_bytes_are_two_kinds():
    with pytest.raises(TypeError, match="y mixes text with bytes: row 0 is 'a', row 1 is b'b'"):
        network().fit(X[:2], ["a", b"b"])


def test_other_objects_are_named():
    with pytest.raises(TypeError, match=r"y holds Decimal\('1'\) in row 0; labels are text"):
        network().fit(X[:2], [Decimal(1), Decimal(2)])


def missing_of_libraries():
    """Return labels of pandas, polars and Arrow whose row 1 is missing."""
    texts, flags, numbers = ["a", None, "b"], [True, None, False], [0, None, 1]
    found = {}
    if find_spec("pandas"):
        import pandas as pd

        found["pandas objects"] = pd.Series(["a", pd.NA, "b"])
        found["pandas NaT"] = pd.Series(["a", pd.NaT, "b"], dtype=object)
        found["pandas string"] = pd.Series(texts, dtype="string")
        found["pandas category"] = pd.Series(texts, dtype="category")
        found["pandas boolean"] = pd.Series(flags, dtype="boolean")
        found["pandas Int64"] = pd.Series(numbers, dtype="Int64")
        found["pandas frame"] = pd.DataFrame({"y": texts})
        found["pandas index"] = pd.Index(["a", None, "b"])
    if find_spec("polars"):
        import polars as pl

        for name, values in (("text", texts), ("flags", flags), ("numbers", numbers)):
            found[f"polars {name}"] = pl.Series(values)
        found["polars category"] = pl.Series(texts, dtype=pl.Categorical)
        found["polars frame"] = pl.DataFrame({"y": texts})
    if find_spec("pyarrow"):
        import pyarrow as pa

        found["Arrow"] = pa.array(texts)
        found["Arrow flags"] = pa.array(flags)
        found["Arrow chunks"] = pa.chunked_array([texts])
        found["Arrow dictionary"] = pa.array(texts).dictionary_encode()
    return found


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("case", missing_of_libraries())
def test_missing_labels_of_other_libraries_are_refused(case):
    y = missing_of_libraries()[case]
    for entrance in (network().fit, cnn.MLPClassifier().fit):
        with pytest.raises(
            ValueError, match=r"Input y contains (None|NaN|NaT|<NA>): row 1\. A missing label"
        ):
            entrance(X[:3], y)


def test_masked_labels_are_refused_with_their_row():
    y = np.ma.array([0, 1, 0], mask=[False, True, True])
    with pytest.raises(ValueError, match="y has masked entries: row 1, 2 in all"):
        network().fit(X[:3], y)


@pytest.mark.parametrize(
    "value", [None, NAN, np.nan, np.datetime64("NaT", "s"), Decimal("NaN"), np.ma.masked]
)
def test_missing_values(value):
    assert cells.is_missing(value)


@pytest.mark.parametrize(
    "value", ["", "nan", b"", 0, False, np.bool_(False), 0.0, Decimal(0), [NAN], np.zeros(2)]
)
def test_values_that_are_not_missing(value):
    assert not cells.is_missing(value)


# ---- comparison


LABEL_METRICS = {
    "accuracy": metrics.accuracy,
    "balanced_accuracy": metrics.balanced_accuracy,
    "confusion_matrix": metrics.confusion_matrix,
    "classification_report": metrics.classification_report,
    "matthews": metrics.matthews,
    **{
        f.__name__: lambda y, p, f=f: f(y, p, average="macro")
        for f in (metrics.f1, metrics.precision, metrics.recall)
    },
}


@pytest.mark.parametrize("name", LABEL_METRICS)
@pytest.mark.parametrize(
    ("y", "predicted"),
    [
        (["1", "0"], [1, 0]),
        ([1, 0], ["1", "0"]),
        (["1", "0"], [True, False]),
        ([1.0, 0.0], ["1", "0"]),
        ([b"1", b"0"], ["1", "0"]),
        ([b"1", b"0"], [1, 0]),
    ],
)
def test_labels_of_different_kinds_are_not_compared(name, y, predicted):
    with pytest.raises(TypeError, match=r"y has (text|numbers|bytes), such as .*; predicted has"):
        LABEL_METRICS[name](y, predicted)


@pytest.mark.parametrize(
    "y", [[1, 0, 1], [1.0, 0.0, 1.0], [True, False, True], np.array([1, 0, 1], np.uint8)]
)
@pytest.mark.parametrize(
    "predicted", [[1, 0, 0], [1.0, 0.0, 0.0], [True, False, False], np.array([1, 0, 0], object)]
)
def test_equal_numbers_are_equal_labels(y, predicted):
    assert metrics.accuracy(y, predicted) == 2 / 3
    assert metrics.confusion_matrix(y, predicted).tolist() == [[1, 0], [1, 1]]


def test_score_of_text_on_a_model_of_numbers_is_refused():
    texts, numbers = ["1", "0"] * (M // 2), [1, 0] * (M // 2)
    with pytest.raises(ValueError, match=r"classes not in `self.classes_`.*Row 0 is '1'"):
        network().fit(X, numbers, epochs=1).score(X, texts)
    with pytest.raises(TypeError, match="y has text, such as '1'; predicted has numbers"):
        cnn.MLPClassifier(max_iter=1).fit(X, numbers).score(X, texts)


def test_the_unseen_label_is_named_with_its_row():
    labels = [*GOOD[:-1], "zebra"]
    for call in (FITTED.score, FITTED.loss, lambda X, y: network().fit(X, GOOD, validation_data=(X, y))):
        with pytest.raises(ValueError, match=f"Row {M - 1} is 'zebra'"):
            call(X, labels)
