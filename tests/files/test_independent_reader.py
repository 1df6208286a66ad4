"""A reader that was written from docs/guide/files.md alone gives the library's predictions, for all kinds of models."""

import io
import subprocess
import sys

import file_reader
import numpy as np
import pytest
from model_kinds import KINDS, TABLE, M

# Relative to the largest output: rounding of the folded layers in float32; of sums in another order in float64.
BOUND = {"float32": 1e-5, "float64": 1e-12}


def read(model):
    buffer = io.BytesIO()
    model.save(buffer)
    return file_reader.Model(buffer.getvalue())


def columns(X):
    """Return rows in the form that the reader takes."""
    return dict(enumerate(X.T.tolist())) if isinstance(X, np.ndarray) and X.dtype == object else X


def compare(model, X, dtype):
    reader, rows = read(model), columns(X)
    if hasattr(model, "classes_"):
        found, expected = reader.probabilities(rows), model.predict_proba(X)
    else:
        found, expected = reader.values(rows), model.predict(X).reshape(-1, reader.values(rows).shape[1])
    difference = np.abs(found - expected).max() / np.abs(expected).max()
    assert difference <= BOUND[dtype]
    if hasattr(model, "classes_"):
        labels, sure = model.predict(X), np.abs(found - 0.5).min(axis=1) > 1e-4
        assert np.array_equal(np.array(reader.labels(rows))[sure], labels[sure])
    assert reader.fingerprint() == model.fingerprint()


@pytest.mark.parametrize("name", KINDS)
def test_predictions_and_fingerprints(name, dtype):
    compare(*KINDS[name](dtype), dtype)


@pytest.mark.parametrize(
    "name", ["table", "embeddings", "table with bins and clip", "ensemble of tables", "TabularClassifier"]
)
def test_rows_beyond_those_of_training(name):
    """Unknown and missing categories, missing numbers and dates, numbers and dates beyond the ranges."""
    model, _ = KINDS[name]("float64")
    rows = {
        "age": [-50.0, 50.0, 0.0, None],
        "a b": [None, float("nan"), 1e3, -1e3],
        "city": ["nowhere", None, "é", ""],
        "code": [9, 0, 1, 2],
        "size": ["XXL", "rare", None, "S"],
        "on": np.array(["1969-12-31T23:59:59", "2031-02-28", "NaT", "2020-02-29T12:30"], "M8[us]"),
        "vip": [True, False, True, None],
        "name": ["a", "b", "c", "d"],
    }
    assert rows.keys() == TABLE.keys()
    compare(model, rows, "float64")


def test_the_reader_imports_nothing_of_the_package(environment):
    code = "import sys, file_reader; print([m for m in sys.modules if m.split('.')[0] in ('compiled_nn', 'cnn_core')])"
    command = [sys.executable, "-c", code]
    assert (
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout == "[]\n"
    )
    assert M > 100
