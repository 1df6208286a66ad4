"""scikit-learn's own checks of an estimator."""

import compiled_nn as cnn
import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import is_classifier
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import check_estimator

COUNTS = ("check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data")
# Rows that count double and rows given twice are sums in another order, and the checks compare to 1e-7.
ROUNDED = dict.fromkeys(COUNTS, "rounding of float32; float64 passes")
IN_PARTS = (
    "check_fit_score_takes_y",
    "check_n_features_in_after_fitting",
    "check_estimators_partial_fit_n_features",
)
OTHERS = [
    ({"standardize": True}, {}),
    ({"dropout": 0.2}, dict.fromkeys(COUNTS, "each row is thinned out in its own way")),
    ({"norm": "layer"}, {}),
    ({"norm": "batch"}, {}),
    (
        {"early_stopping": True, "validation_fraction": 0.4},
        dict.fromkeys(COUNTS, "other rows validate")
        | dict.fromkeys(IN_PARTS, "partial_fit refuses early stopping, as scikit-learn's does"),
    ),
    ({"solver": "lbfgs", "alpha": 1.0}, {}),
    ({"class_weight": "balanced"}, {}),
    ({"loss": "focal"}, {}),
    ({"scale_targets": True}, {}),
    ({"standardize": True, "scale_targets": True}, {}),
    ({"averaging": cnn.SWA(0.5)}, dict.fromkeys(IN_PARTS, "partial_fit refuses averaging")),
    ({"optimizer": cnn.RMSprop(), "ema": 0.9, "clip_norm": 1.0}, {}),
]


def failed(estimator, expected):
    results = check_estimator(estimator, expected_failed_checks=expected, on_fail=None, on_skip=None)
    assert sum(one["status"] == "passed" for one in results) > 40
    return [(one["check_name"], one["exception"]) for one in results if one["status"] == "failed"]


def test_an_old_scikit_learn_is_an_error(monkeypatch, rng):
    """Whatever asks for the kind of the estimator, as versions before 1.6 do, or for its tags."""
    import sklearn

    X, y = rng.normal(size=(20, 2)), np.arange(20) % 2
    monkeypatch.setattr(sklearn, "__version__", "1.6.1")
    model = cnn.MLPClassifier(max_iter=2)
    message = "work inside scikit-learn 1.7 or newer; 1.6.1 is installed"
    with pytest.raises(ImportError, match=message):
        getattr(model, "_estimator_type", None)
    for attempt in (
        model.__sklearn_tags__,
        model.get_metadata_routing,
        lambda: cross_val_score(model, X, y, cv=2),
        lambda: is_classifier(model),
    ):
        with pytest.raises(ImportError, match=message):
            attempt()
    with pytest.raises(cnn.NotFittedError):
        model.predict(X)
    assert model.fit(X, y).predict(X).shape == (20,)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("estimator", [cnn.MLPClassifier, cnn.MLPRegressor])
def test_every_check_passes(estimator, dtype):
    assert not failed(estimator(max_iter=100, dtype=dtype), ROUNDED if dtype == "float32" else {})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("parameters", "expected"), OTHERS, ids=[str(how) for how, _ in OTHERS])
@pytest.mark.parametrize("estimator", [cnn.MLPClassifier, cnn.MLPRegressor])
def test_with_other_parameters(estimator, parameters, expected):
    if parameters.keys() - estimator().get_params().keys() or (
        "loss" in parameters and estimator is cnn.MLPRegressor
    ):
        pytest.skip("a parameter of the other estimator")
    assert not failed(estimator(max_iter=30, dtype="float64", **parameters), expected)
