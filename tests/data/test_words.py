"""Messages about text, dates and missing numbers in X and y: column, row, value and remedy."""

import compiled_nn as cnn
import numpy as np
import pytest

M = 6
Y = [0, 1] * 3
TEXT = "Columns of text are encoded with categorical_features='auto'."
MISSING = "With categorical_features='auto', missing numbers are replaced by the mean of their column"


def columns():
    return {
        "id": [f"C{i:05d}" for i in range(M)],
        "n": [0.5, 1.5, float("nan"), 3.5, 4.5, 5.5],
        "when": np.arange("2020-01-01", "2020-01-07", dtype="M8[D]"),
        "k": np.arange(M, dtype=float),
    }


def frame(library, *names):
    """Return the columns with these names as a table of a library."""
    chosen = {name: column for name, column in columns().items() if name in names}
    if library == "pyarrow":
        return pytest.importorskip("pyarrow").table(chosen)
    return pytest.importorskip(library).DataFrame(chosen)


ENTRANCES = {
    "Network": lambda X, y: cnn.Network([cnn.Dense(2)], seed=0).fit(X, y, epochs=1),
    "partial_fit": lambda X, y: cnn.Network([cnn.Dense(2)], seed=0).partial_fit(X, y),
    "stream": lambda X, y: cnn.Network([cnn.Dense(2)], seed=0).fit([(X, y)], epochs=1, classes=[0, 1]),
    "estimator": lambda X, y: cnn.MLPClassifier(max_iter=1).fit(X, y),
    "regressor": lambda X, y: cnn.MLPRegressor(max_iter=1).fit(X, y),
}


@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_columns_of_tables_are_named(entrance, library):
    fit = ENTRANCES[entrance]
    for names in (("id", "k"), ("id",)):
        with pytest.raises(TypeError, match=r"X\['id'\]\[0\] is 'C00000'") as raised:
            fit(frame(library, *names), Y)
        assert TEXT in str(raised.value)
    with pytest.raises(TypeError, match=r"X\['when'\] holds dates; .* days since a date"):
        fit(frame(library, "when", "k"), Y)
    with pytest.raises(ValueError, match="Input X contains NaN: row 2, column 'n'") as raised:
        fit(frame(library, "n", "k"), Y)
    assert MISSING in str(raised.value)


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_places_in_arrays(entrance):
    fit = ENTRANCES[entrance]
    with pytest.raises(TypeError, match=r"X holds text; .* X\[0, 0\] is 'a'") as raised:
        fit(np.array([["a", "b"]] * M), Y)
    assert TEXT in str(raised.value)
    with pytest.raises(TypeError, match=r"X\[1, 0\] is 'a'") as raised:
        fit(np.array([[1.0, 2.0], ["a", 3.0]] * 3, dtype=object), Y)
    assert TEXT in str(raised.value)
    with pytest.raises(ValueError, match="Input X contains NaN: row 1, column 0") as raised:
        fit([[1.0, 2.0], [np.nan, 3.0]] * 3, Y)
    assert MISSING in str(raised.value)
    with pytest.raises(ValueError, match="Input X contains infinity: row 1, column 0") as raised:
        fit([[1.0, 2.0], [np.inf, 3.0]] * 3, Y)
    assert MISSING not in str(raised.value)


def test_the_remedies_work():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(columns())[["id", "n", "k"]]
    for X in (table, np.array([[1.0, np.nan], [2.0, 3.0]] * 3)):
        net = cnn.Network([cnn.Dense(2)], categorical_features="auto", seed=0).fit(X, Y, epochs=1)
        assert np.isfinite(net.predict_proba(X)).all()
        estimator = cnn.MLPClassifier(categorical_features="auto", max_iter=1).fit(X, Y)
        assert np.isfinite(estimator.predict_proba(X)).all()


def test_missing_values_of_y():
    with pytest.raises(
        ValueError, match=r"Input y contains NaN: row 1, column 0\. Leave out rows without a target"
    ):
        cnn.MLPRegressor(max_iter=1).fit([[1.0], [2.0]], [0.0, np.nan])
