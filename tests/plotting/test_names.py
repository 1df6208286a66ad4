"""Pictures of models with tables: columns are matched by name, and label the axes."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.plotting import DecisionBoundaryDisplay, ProbabilityBarsDisplay
from tables import pandas, polars, pyarrow

pytest.importorskip("matplotlib").use("Agg")

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 2)) * [1, 5]
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
TABLE = pandas.DataFrame(X, columns=["height", "weight"])
MODELS = {
    "Network": lambda X: cnn.Network([cnn.Dense(4, "tanh"), cnn.Dense(3)], seed=0).fit(X, LABELS, epochs=3),
    "MLPClassifier": lambda X: cnn.MLPClassifier(max_iter=3, random_state=0).fit(X, LABELS),
}
LIBRARIES = {
    "pandas": pandas.DataFrame,
    "polars": polars.from_pandas,
    "pyarrow": pyarrow.Table.from_pandas,
    "record batch": lambda table: pyarrow.Table.from_pandas(table).to_batches()[0],
    "reader": lambda table: pyarrow.Table.from_pandas(table).to_reader(),
}
every_model = pytest.mark.parametrize("fit", MODELS.values(), ids=MODELS)


@every_model
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_boundary_over_a_table(library, fit):
    make = LIBRARIES[library]
    expected = DecisionBoundaryDisplay.from_estimator(fit(X), X, LABELS, resolution=9)
    display = DecisionBoundaryDisplay.from_estimator(fit(make(TABLE)), make(TABLE), LABELS, resolution=9)
    np.testing.assert_array_equal(display.response, expected.response)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("height", "weight")
    assert (expected.ax_.get_xlabel(), expected.ax_.get_ylabel()) == ("x0", "x1")
    named = DecisionBoundaryDisplay.from_estimator(
        fit(make(TABLE)), make(TABLE), resolution=9, feature_names=("cm", "kg")
    )
    assert named.ax_.get_xlabel() == "cm"


def test_a_boundary_over_columns_in_another_order():
    """The axes are exchanged, and with them the plane."""
    net = MODELS["Network"](TABLE)
    display = DecisionBoundaryDisplay.from_estimator(net, TABLE, resolution=9)
    exchanged = DecisionBoundaryDisplay.from_estimator(net, TABLE[["weight", "height"]], resolution=9)
    np.testing.assert_array_equal(exchanged.response, display.response.swapaxes(0, 1))
    assert (exchanged.ax_.get_xlabel(), exchanged.ax_.get_ylabel()) == ("weight", "height")
    with pytest.raises(ValueError, match="must be in the same order"):
        DecisionBoundaryDisplay.from_estimator(MODELS["MLPClassifier"](TABLE), TABLE[["weight", "height"]])


@every_model
@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_probabilities_of_a_row_of_a_table(library, fit):
    make = LIBRARIES[library]
    expected = ProbabilityBarsDisplay.from_estimator(fit(X), X[3]).probabilities
    row = make(TABLE.iloc[3:4].reset_index(drop=True))
    display = ProbabilityBarsDisplay.from_estimator(fit(make(TABLE)), row)
    np.testing.assert_array_equal(display.probabilities, expected)
    with pytest.raises(ValueError, match="x has 40 rows; the probabilities of 1 row are drawn"):
        ProbabilityBarsDisplay.from_estimator(fit(make(TABLE)), make(TABLE))


def test_probabilities_of_columns_in_another_order():
    net = MODELS["Network"](TABLE)
    display = ProbabilityBarsDisplay.from_estimator(net, TABLE.iloc[3:4][["weight", "height"]])
    np.testing.assert_array_equal(display.probabilities, net.predict_proba(X[3:4])[0])
