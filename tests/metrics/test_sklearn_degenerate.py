"""Metrics of degenerate inputs are those of scikit-learn: one class, one row, constant y, weights of 0, no rows."""

import inspect

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import metrics

sk = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

RNG = np.random.default_rng(0)
OF_LABELS = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "matthews": sk.matthews_corrcoef,
    "confusion_matrix": sk.confusion_matrix,
    **{
        f"{name} {average}": getattr(sk, f"{name}_score")
        for name in ("precision", "recall", "f1")
        for average in ("binary", "micro", "macro", "weighted")
    },
}
OF_VALUES = {
    "r2_score": sk.r2_score,
    "mse": sk.mean_squared_error,
    "rmse": getattr(sk, "root_mean_squared_error", None),
    "mae": sk.mean_absolute_error,
    "median_absolute_error": sk.median_absolute_error,
    "mape": sk.mean_absolute_percentage_error,
    "pinball": sk.mean_pinball_loss,
    "poisson_deviance": sk.mean_poisson_deviance,
    "gamma_deviance": sk.mean_gamma_deviance,
    "d2_pinball": lambda y, p, sample_weight: sk.d2_pinball_score(
        y, p, sample_weight=sample_weight, alpha=0.3
    ),
}
OF_PROBABILITIES = {
    "log_loss": sk.log_loss,
    "brier": sk.brier_score_loss,
    "roc_auc": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
}
LABELS = {
    "random": (RNG.integers(0, 3, 20), RNG.integers(0, 3, 20)),
    "two": (RNG.integers(0, 2, 20), RNG.integers(0, 2, 20)),
    "one class": ([1] * 5, [1] * 5),
    "one class, wrong": ([1] * 4, [0] * 4),
    "only zeros": ([0] * 5, [0] * 5),
    "one row": ([1], [1]),
    "one row, wrong": ([0], [1]),
    "no rows": ([], []),
    "y of one class": ([1] * 4, [1, 0, 1, 1]),
    "signs": ([-1, 1, 1], [1, 1, -1]),
    "text": (["a", "b", "a", "c"], ["a", "b", "b", "b"]),
}
VALUES = {
    "random": (RNG.random(20) + 0.1, RNG.random(20) + 0.1),
    "constant": (np.ones(5), RNG.random(5) + 0.1),
    "constant, exact": (np.ones(5), np.ones(5)),
    "tenths": (np.full(7, 0.1), np.full(7, 0.1)),
    "tenths, wrong": (np.full(7, 0.1), np.full(7, 0.2)),
    "one row": ([1.0], [2.0]),
    "one row, exact": ([1.0], [1.0]),
    "two rows": ([1.0, 2.0], [2.0, 2.0]),
    "no rows": ([], []),
    "zeros": (np.zeros(4), np.ones(4)),
    "high level": (1e9 + RNG.random(9), 1e9 + RNG.random(9)),
    "columns": (RNG.random((6, 2)) + 0.1, RNG.random((6, 2)) + 0.1),
    "one row of columns": ([[1.0, 2.0]], [[1.0, 3.0]]),
}
CHANCES = {
    "random": (RNG.integers(0, 2, 20), RNG.random(20)),
    "one class": ([1] * 4, RNG.random(4)),
    "only zeros": ([0] * 4, RNG.random(4)),
    "one row": ([1], [0.4]),
    "certain": ([0, 1], [0.0, 1.0]),
    "certain, wrong": ([0, 1], [1.0, 0.0]),
    "no rows": ([], []),
    "ties": ([0, 1, 0, 1], [0.5] * 4),
    "signs": ([-1, 1, 1], [0.2, 0.3, 0.9]),
}
WEIGHTS = {
    "none": lambda m: None,
    "one zero": lambda m: np.r_[0.0, np.ones(max(m - 1, 0))],
    "zeros": np.zeros,
    "random": np.random.default_rng(1).random,
}


def outcome(function, *args, **kwargs):
    """Return the result, or the string "refused" for an error."""
    try:
        return function(*args, **kwargs)
    except (ValueError, IndexError):  # the latter from scikit-learn's average precision of no rows
        return "refused"


def compare(name, theirs, y, p, w, **ours_only):
    name, _, average = name.partition(" ")
    options = {"average": average} if average else {}
    ours = outcome(getattr(metrics, name), y, p, w, **options, **ours_only)
    expected = outcome(theirs, y, p, sample_weight=w, **options)
    if isinstance(expected, str) or isinstance(ours, str):
        return ours, expected
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-14)  # sums in another order
    return "equal", "equal"


@pytest.mark.filterwarnings("ignore")  # scikit-learn warns of each division by zero, and of text in one class
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("case", LABELS)
@pytest.mark.parametrize("name", OF_LABELS)
def test_labels(name, case, weights):
    y, p = LABELS[case]
    ours, theirs = compare(name, OF_LABELS[name], y, p, WEIGHTS[weights](len(y)))
    assert ours == theirs or weights == "zeros" or (len(y) == 1 and weights == "one zero"), (ours, theirs)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("case", VALUES)
@pytest.mark.parametrize("name", OF_VALUES)
def test_values(name, case, weights):
    y, p = VALUES[case]
    if OF_VALUES[name] is None or (np.ndim(y) == 2 and ("deviance" in name or "d2" in name)):
        pytest.skip("scikit-learn takes one column, or is older than 1.4")
    more = {"quantiles": [0.3]} if name == "d2_pinball" else {}
    ours, theirs = compare(name, OF_VALUES[name], y, p, WEIGHTS[weights](len(y)), **more)
    assert ours == theirs or weights == "zeros" or (len(y) == 1 and weights == "one zero"), (ours, theirs)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("case", CHANCES)
@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_probabilities(name, case, weights):
    y, p = CHANCES[case]
    ours, theirs = compare(name, OF_PROBABILITIES[name], y, p, WEIGHTS[weights](len(y)))
    if name == "log_loss" and theirs == "refused" and case in ("one class", "only zeros", "one row"):
        return  # scikit-learn needs `labels`; here the classes of 0 or 1 are 0 and 1
    if name in ("roc_auc", "average_precision") and ours == "refused":
        return  # documented: an error, where scikit-learn returns NaN or 0 with a warning
    assert ours == theirs or weights == "zeros" or (len(y) == 1 and weights == "one zero"), (ours, theirs)


@pytest.mark.parametrize("family", [OF_LABELS, OF_VALUES, OF_PROBABILITIES])
def test_weights_of_zero_are_refused(family):
    for name in family:
        y = [0, 1] if family is not OF_VALUES else [1.0, 2.0]
        options = {"quantiles": [0.5]} if name == "d2_pinball" else {}
        with pytest.raises(ValueError, match="sample_weight is 0 in every row"):
            getattr(metrics, name.split()[0])(y, y, [0.0, 0.0], **options)


def test_every_function_takes_y_the_prediction_and_the_weights():
    functions = set(metrics.__all__) - {"Metric", "resolve", "confusion"}
    assert len(functions) > 20
    for name in functions:
        y, predicted, weight, *others = inspect.signature(getattr(metrics, name)).parameters.values()
        assert y.name == "y", name
        assert predicted.name in ("predicted", "probabilities", "scores"), name
        assert (weight.name, weight.default) == ("sample_weight", None), name
        assert all(other.kind is other.KEYWORD_ONLY for other in others), name


@pytest.mark.parametrize("loss", ["mse", "quantile"])
def test_the_score_of_one_row_is_nan_with_a_warning(loss):
    X = np.arange(12.0).reshape(6, 2)
    net = cnn.Network([cnn.Dense(3 if loss == "quantile" else 1)], loss=loss, seed=0).fit(
        X, X[:, 0], epochs=1
    )
    with pytest.warns(cnn.CompiledNNWarning, match="is NaN: y has 1 row"):
        assert np.isnan(net.score(X[:1], X[:1, 0]))
    estimator = cnn.MLPRegressor(max_iter=1, random_state=0).fit(X, X[:, 0])
    with pytest.warns(cnn.CompiledNNWarning, match="r2_score is NaN: y has 1 row"):
        assert np.isnan(estimator.score(X[:1], X[:1, 0]))
