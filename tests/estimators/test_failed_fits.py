"""A fit that fails before its first step leaves a fitted estimator as it was: its answers, labels and file."""

import io
import json

import compiled_nn as cnn
import numpy as np
import pytest

X = np.random.default_rng(0).normal(size=(60, 3))
POSITIVE = X[:, 0] > 0
HOW = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}

CASES = {
    "bool": (np.where(POSITIVE, 3, 5), POSITIVE, {"categorical_features": ["zz"]}),
    "uint8": (np.where(POSITIVE, 300, 44), POSITIVE.astype(np.uint8), {"coefs_init": [np.ones((9, 9))]}),
    "uint64": (np.where(POSITIVE, -1, 1), POSITIVE.astype(np.uint64), {"n_threads": -4}),
    "text": (POSITIVE.astype(int), np.where(POSITIVE, "a", "b"), {"coefs_init": [np.ones((9, 9))]}),
    "numbers": (np.where(POSITIVE, "p", "q"), POSITIVE.astype(int), {"coefs_init": [np.ones((9, 9))]}),
    "missing": (np.where(POSITIVE, "p", "q"), np.where(POSITIVE, 1.0, np.nan), {}),
    "None": (POSITIVE.astype(int), np.where(POSITIVE, 1, None), {}),
}


def state(model):
    """Return answers, labels and file of a model."""
    file = io.BytesIO()
    model.save(file)
    content = file.getvalue()
    end = 8 + int.from_bytes(content[:8], "little")
    predicted = model.predict(X)
    # The keys of the header are in no fixed order.
    parts = json.loads(content[8:end]), content[end:]
    return predicted.tolist(), predicted.dtype, model.score(X, predicted), parts


@pytest.mark.parametrize("case", CASES)
def test_a_classifier_is_as_before(case):
    labels, others, change = CASES[case]
    model = cnn.MLPClassifier(**HOW).fit(X, labels)
    before, defaults = state(model), {name: getattr(model, name) for name in change}
    classes = model.classes_.tolist()
    with pytest.raises((TypeError, ValueError)):
        model.set_params(**change).fit(X, others)
    model.set_params(**defaults)
    assert state(model) == before
    assert model.classes_.tolist() == classes


@pytest.mark.parametrize("change", [{"coefs_init": [np.ones((9, 9))]}, {"n_threads": -4}])
def test_a_regressor_is_as_before(change):
    model = cnn.MLPRegressor(**HOW).fit(X, X[:, 0])
    before, defaults = state(model), {name: getattr(model, name) for name in change}
    with pytest.raises((TypeError, ValueError)):
        model.set_params(**change).fit(X, np.arange(60))
    model.set_params(**defaults)
    assert state(model) == before
