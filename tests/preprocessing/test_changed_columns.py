"""Columns permuted, renamed, added or removed between fit and predict: the same answers, or a refusal by name."""

import warnings
from datetime import datetime, timedelta
from functools import cache

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.datasets import Table
from hypothesis import given, settings
from hypothesis import strategies as st

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
pyarrow = pytest.importorskip("pyarrow")

M = 60
rng = np.random.default_rng(0)
START = datetime(2023, 11, 5, 7)
DATA = {
    "id": [f"C{i:05}" for i in range(M)],
    "age": [None if i % 11 == 3 else float(i % 13) for i in range(M)],
    "plan": [None if i % 7 == 5 else ("basic", "gold", "none")[i % 3] for i in range(M)],
    "since": [None if i % 17 == 2 else START + timedelta(days=i * i % 400, hours=i) for i in range(M)],
    "country": ["DE"] * M,
    "note": [f"n{i // 2}{'abc'[i % 3]}" for i in range(M)],
    "rooms": [i * i % 5 for i in range(M)],
    "open": [i % 4 == 1 for i in range(M)],
}
LEFT_OUT = ("id", "country", "note")
USED = tuple(name for name in DATA if name not in LEFT_OUT)
y = rng.integers(0, 2, M)


def as_table(data):
    dtypes = {float: float, int: np.int64, bool: bool, datetime: "datetime64[us]"}
    kinds = {name: dtypes.get(type(values[0]), object) for name, values in data.items()}
    return Table({name: np.array(values, kinds[name]) for name, values in data.items()})


LIBRARIES = {
    "pandas": pandas.DataFrame,
    "pandas object": lambda data: pandas.DataFrame(data, dtype=object),
    "polars": polars.DataFrame,
    "pyarrow": pyarrow.table,
    "Table": as_table,
    "dicts": lambda data: [dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)],
    "dict of columns": lambda data: {name: np.array(values, object) for name, values in data.items()},
}
MODELS = {
    "Network": lambda: cnn.Network(
        [cnn.Dense(4, "tanh"), cnn.Dense(2)], seed=0, standardize=True, categorical_features="auto"
    ),
    "embeddings": lambda: cnn.Network(
        [cnn.Dense(4, "tanh"), cnn.Dense(2)], seed=0, categorical_features="auto", embeddings=2
    ),
    "classifier": lambda: cnn.MLPClassifier(
        hidden_layer_sizes=(4,), random_state=0, max_iter=3, standardize=True, categorical_features="auto"
    ),
    "regressor": lambda: cnn.MLPRegressor(
        hidden_layer_sizes=(4,), random_state=0, max_iter=3, standardize=True, categorical_features="auto"
    ),
}


@cache
def fitted(name, library):
    """Return a fitted model and its answers for the rows of fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cnn.CompiledNNWarning)
        X = LIBRARIES[library](DATA)
        model = MODELS[name]().fit(X, y)
    return model, answers(model, X)


def answers(model, X):
    return (model.predict_proba if hasattr(model, "predict_proba") else model.predict)(X).tolist()


@pytest.mark.parametrize("name", MODELS)
def test_every_library_trains_the_same_model(name):
    expected = fitted(name, "pandas")[1]
    for library in LIBRARIES:
        assert fitted(name, library)[1] == expected, library


@given(
    model=st.sampled_from(list(MODELS)),
    of_fit=st.sampled_from(["pandas", "polars", "Table"]),
    library=st.sampled_from(list(LIBRARIES)),
    order=st.permutations(list(DATA)),
    removed=st.sets(st.sampled_from(list(DATA)), max_size=3),
    renamed=st.sets(st.sampled_from(list(DATA)), max_size=2),
    added=st.sets(st.sampled_from(["Age", "plan ", "extra", "0"]), max_size=2),
    rows=st.integers(1, 40),
)
@settings(max_examples=150, deadline=None)
def test_the_same_answers_or_a_refusal_by_name(model, of_fit, library, order, removed, renamed, added, rows):
    net, expected = fitted(model, of_fit)
    kept = [name for name in order if name not in removed]
    data = {f"{name}_new" if name in renamed else name: DATA[name][:rows] for name in kept}
    data |= {name: [1.5] * rows for name in added}
    if not data:
        return
    missing = [name for name in USED if name not in data]
    unseen = [name for name in data if name not in DATA]
    X = LIBRARIES[library](data)
    if not missing and not unseen:
        assert answers(net, X) == expected[:rows]
        return
    with pytest.raises(ValueError, match="feature names should match") as error:
        answers(net, X)
    for name in (missing + unseen)[:1]:
        assert f"- {name}\n" in str(error.value)
    for name in LEFT_OUT:
        assert f"now missing:\n- {name}\n" not in str(error.value)


@given(order=st.permutations(list(range(len(DATA)))), removed=st.sets(st.sampled_from([0, 4, 5]), max_size=3))
@settings(max_examples=20, deadline=None)
def test_names_that_are_numbers(order, removed):
    """Names of another order than 0, 1, ... are labels, by which a network matches columns."""
    labels = [10 * i for i in range(len(DATA))]
    X = pandas.DataFrame(DATA)
    X.columns = labels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cnn.CompiledNNWarning)
        net = MODELS["Network"]().fit(X, y, epochs=1)
    other = X[[labels[i] for i in order if i not in removed]]
    assert answers(net, other) == answers(net, X)
    with pytest.raises(ValueError, match="- 10\n"):
        net.predict(other.drop(columns=10))
