"""coefs_ and intercepts_: written in place, assigned one by one or all at once, as in scikit-learn."""

import copy
import gc
import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from estimators import BOTH, CLASSIFIER, REGRESSOR, flat, three_blobs
from small import blobs

# Networks that predict with their own weights, with folded copies of them, and with averages.
KINDS = {
    "plain": {},
    "float64": {"dtype": "float64"},
    "folded inputs": {"standardize": True},
    "folded norm": {"norm": "batch", "standardize": True},
    "layer norm": {"norm": "layer"},
    "no biases": {"use_bias": False},
    "average": {"ema": 0.9, "standardize": True},
    "narrow": {"hidden_layer_sizes": (3,)},
}
KIND = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def data(rng):
    X, y = three_blobs(rng)
    return 5 * X + 20, y


def fitted(data, estimator=CLASSIFIER, **how):
    return estimator(**{"hidden_layer_sizes": (6, 6), "max_iter": 3, "random_state": 0, **how}).fit(*data)


def outputs(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@KIND
@BOTH
def test_assigned_weights_are_those_that_predict(estimator, kind, data):
    X, _ = data
    source, model = (fitted(data, estimator, random_state=seed, **KINDS[kind]) for seed in (1, 2))
    before = outputs(model, X)
    target = copy.deepcopy(model)
    for i, (W, b) in enumerate(zip(source.coefs_, source.intercepts_, strict=True)):
        model.coefs_[i] = W
        model.intercepts_[i] = b
    target.coefs_ = source.coefs_
    target.intercepts_ = [*source.intercepts_]
    assert (outputs(model, X) != before).any()
    assert (outputs(model, X) == outputs(target, X)).all()
    assert all((a == b).all() for a, b in zip(flat(model), flat(source), strict=True))
    if "norm" not in KINDS[kind]:  # gains and running statistics are not in coefs_
        # The statistics of X are those of the same rows, so all that differs between the two is assigned.
        assert (outputs(model, X) == outputs(source, X)).all()


@KIND
def test_assigned_weights_survive_files_and_copies(kind, data, tmp_path):
    X, _ = data
    model = fitted(data, **KINDS[kind])
    model.coefs_[1] = 2 * model.coefs_[1]
    after = outputs(model, X)
    model.save(tmp_path / "model.safetensors")
    for twin in (
        CLASSIFIER.load(tmp_path / "model.safetensors"),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
    ):
        assert (outputs(twin, X) == after).all()


@KIND
def test_a_view_written_to_at_any_time_is_seen(kind, data):
    X, _ = data
    model, other = (fitted(data, **KINDS[kind]) for _ in range(2))
    views = model.coefs_
    row = views[0][0]
    if "ema" in KINDS[kind]:
        with pytest.raises(ValueError, match="read-only"):
            row[...] = 0
        return
    for factor in (2.0, 3.0):
        outputs(model, X)
        row *= factor
        other.coefs_[0] = views[0]
        assert (outputs(model, X) == outputs(other, X)).all()
        assert (model.network_.predict(X) == other.network_.predict(X)).all()
    before = outputs(model, X)
    views[0][...] = 0
    assert (outputs(model, X) != before).any()


def test_predictors_are_kept_once_no_view_is_left(data):
    model = fitted(data, standardize=True)
    row = model.coefs_[0][0]
    gc.collect()
    model.predict(data[0])
    assert model.network_._predictor is None
    del row
    gc.collect()
    model.predict(data[0])
    assert model.network_._predictor is not None


def test_training_goes_on_from_assigned_weights(data):
    for how in ({}, {"ema": 0.5}, {"solver": "lbfgs"}):
        model, twin = (fitted(data, warm_start=True, standardize=True, **how) for _ in range(2))
        model.coefs_ = [np.zeros_like(W) for W in model.coefs_]
        assert not any(W.any() for W in model.coefs_)
        assert any((a != b).any() for a, b in zip(flat(model.fit(*data)), flat(twin.fit(*data)), strict=True))
    model, twin = (
        fitted(data, dtype="float64", solver="sgd", momentum=0.0, learning_rate_init=1e-9) for _ in "ab"
    )
    model.coefs_ = [2 * W for W in model.coefs_]
    model.partial_fit(*data)
    for W, V in zip(model.coefs_, twin.coefs_, strict=True):
        assert np.allclose(W, 2 * V, rtol=0, atol=1e-6)  # one epoch at a rate of 1e-9 changes nothing visible


def test_federated_averaging(data):
    X, y = data
    rows = np.arange(len(y)) % 3
    clients = [
        CLASSIFIER(
            hidden_layer_sizes=(8,), warm_start=True, random_state=0, learning_rate_init=0.01, dtype="float64"
        )
        for _ in range(3)
    ]
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    classes = np.unique(y)
    for _ in range(30):
        for i, client in enumerate(clients):
            client.partial_fit(scaled[rows == i], y[rows == i], classes=classes)
        coefs = [np.mean(each, axis=0) for each in zip(*(c.coefs_ for c in clients), strict=True)]
        intercepts = [np.mean(each, axis=0) for each in zip(*(c.intercepts_ for c in clients), strict=True)]
        for client in clients:
            client.coefs_, client.intercepts_ = coefs, intercepts
    results = [client.predict_proba(scaled) for client in clients]
    assert (results[0] == results[1]).all()
    assert (results[0] == results[2]).all()
    assert clients[0].score(scaled, y) > 0.9
    hidden = np.maximum(scaled @ coefs[0] + intercepts[0], 0)
    z = hidden @ coefs[1] + intercepts[1]
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    assert np.allclose(results[0], p, atol=1e-12)  # float64, some hundred operations per number


def test_pruning(data):
    X, y = data
    model = fitted(data, standardize=True, max_iter=50, learning_rate_init=0.01)
    for W in model.coefs_:
        W[np.abs(W) < np.quantile(np.abs(W), 0.2)] = 0
    assert all((W == 0).mean() >= 0.15 for W in model.coefs_)
    hidden = np.maximum(
        (X - model.network_.mean_) / model.network_.scale_ @ model.coefs_[0] + model.intercepts_[0], 0
    )
    hidden = np.maximum(hidden @ model.coefs_[1] + model.intercepts_[1], 0)
    z = hidden @ model.coefs_[2] + model.intercepts_[2]
    assert np.allclose(model.decision_function(X), z, atol=1e-4)  # float32
    assert (model.predict(X) == y).mean() > 0.8


def test_transfer(data):
    X, y = data
    source = fitted(data, standardize=True, max_iter=50)
    target = REGRESSOR(hidden_layer_sizes=(6, 6), standardize=True, max_iter=1, random_state=3).fit(
        X, y * 1.0
    )
    for i in (0, 1):
        target.coefs_[i], target.intercepts_[i] = source.coefs_[i], source.intercepts_[i]
    assert (target.hidden(X) == source.hidden(X)).all()


def test_slices_and_what_a_list_still_does(data):
    model = fitted(data)
    model.coefs_[:2] = [np.zeros((3, 6)), np.ones((6, 6), int)]
    assert [W.sum() for W in model.coefs_[:2]] == [0, 36]
    model.coefs_[-1] = np.zeros((6, 3)).tolist()
    assert not model.coefs_[2].any()
    model.coefs_[1] += 1
    assert model.coefs_[1].sum() == 72
    assert isinstance(model.coefs_, list)
    twin = pickle.loads(pickle.dumps(model.coefs_))
    assert type(twin) is list
    assert type(copy.deepcopy(model.coefs_)) is list
    twin[0][...] = 9
    assert model.coefs_[0].sum() == 0
    given = np.ones((3, 6), "f4")
    model.coefs_[0] = given
    given[...] = 5
    assert model.coefs_[0].sum() == 18
    assert len(sorted(model.coefs_, key=lambda W: W.size)) == 3


BAD = {
    "shape": (
        lambda m: m.coefs_.__setitem__(0, np.ones((6, 3))),
        ValueError,
        r"coefs_\[0\] has shape \(6, 3\).*\(3, 6\)",
    ),
    "bias": (
        lambda m: m.intercepts_.__setitem__(2, [1.0]),
        ValueError,
        r"intercepts_\[2\] has shape \(1,\).*\(3,\)",
    ),
    "NaN": (
        lambda m: m.coefs_.__setitem__(0, np.full((3, 6), np.nan)),
        ValueError,
        r"coefs_\[0\] contains NaN",
    ),
    "range": (lambda m: m.coefs_.__setitem__(0, np.full((3, 6), 1e300)), ValueError, r"coefs_\[0\]"),
    "text": (lambda m: m.coefs_.__setitem__(0, [["a"] * 6] * 3), TypeError, r"coefs_\[0\] holds text"),
    "None": (lambda m: m.intercepts_.__setitem__(0, None), TypeError, r"intercepts_\[0\]"),
    "complex": (lambda m: m.coefs_.__setitem__(0, np.ones((3, 6), complex)), TypeError, r"coefs_\[0\]"),
    "ragged": (lambda m: m.coefs_.__setitem__(0, [[1], [1, 2], [1]]), ValueError, r"coefs_\[0\]"),
    "layer": (lambda m: m.coefs_.__setitem__(3, np.ones((3, 6))), IndexError, "out of range"),
    "second": (
        lambda m: m.coefs_.__setitem__(slice(0, 2), [np.zeros((3, 6)), np.ones(6)]),
        ValueError,
        r"coefs_\[1\] has 1 dimension; expected 2",
    ),
    "slice": (
        lambda m: m.coefs_.__setitem__(slice(0, 2), [1]),
        ValueError,
        "1 arrays are assigned to 2 layers",
    ),
    "few": (
        lambda m: setattr(m, "coefs_", [np.ones((3, 6))]),
        ValueError,
        "coefs_ has 1 array; the network has 3 layers",
    ),
    "number": (lambda m: setattr(m, "coefs_", 3), TypeError, "coefs_ must be a list of arrays. Got int"),
    "dict": (
        lambda m: setattr(m, "intercepts_", {}),
        TypeError,
        "intercepts_ must be a list of arrays. Got dict",
    ),
    "append": (lambda m: m.coefs_.append(1), TypeError, "number and the order of the layers cannot change"),
    "delete": (
        lambda m: m.coefs_.__delitem__(0),
        TypeError,
        "number and the order of the layers cannot change",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_assigned_changes_nothing(case, data):
    assign, error, words = BAD[case]
    model = fitted(data, standardize=True)
    before = outputs(model, data[0])
    with pytest.raises(error, match=words):
        assign(model)
    assert (outputs(model, data[0]) == before).all()


def test_absent_biases_stay_absent(data):
    model = fitted(data, use_bias=False)
    model.intercepts_[0] = np.zeros(6)
    with pytest.raises(ValueError, match=r"intercepts_\[0\] must be zeros.*use_bias=False"):
        model.intercepts_[0] = np.ones(6)
    with pytest.raises(ValueError, match="read-only"):
        model.intercepts_[0][...] = 1


def test_weights_of_an_estimator_that_is_not_fitted():
    with pytest.raises(cnn.NotFittedError, match="not fitted yet"):
        CLASSIFIER().coefs_ = [np.ones((3, 3))]
    assert not hasattr(CLASSIFIER(), "coefs_")


@pytest.mark.parametrize("way", ["in place", "kept view", "view before", "entry", "list", "intercept"])
def test_every_change_of_weights_discards_the_calibration(way):
    """Writes into a view, too: temperature and conformal scores belong to the previous weights."""
    X, y = blobs(60)
    model = cnn.MLPClassifier(hidden_layer_sizes=8, max_iter=5, random_state=0).fit(X, y)
    early = model.coefs_ if way == "view before" else None
    model.calibrate(X, y).calibrate_intervals(X, y)
    assert model.network_.temperature_ != 1
    model.coefs_[0].sum()  # reading discards nothing
    assert model.network_.temperature_ != 1
    assert model.predict_set(X).any()
    if way == "in place":
        model.coefs_[1][...] *= 2
    elif way == "kept view":
        views = model.coefs_
        model.predict_proba(X)
        views[1][...] *= 2
    elif way == "view before":
        early[1][...] *= 2
    elif way == "entry":
        model.coefs_[1] = 2 * model.coefs_[1]
    elif way == "list":
        model.coefs_ = [model.coefs_[0], 2 * model.coefs_[1]]
    else:
        model.intercepts_[1][...] += 1
    same = cnn.MLPClassifier(hidden_layer_sizes=8, max_iter=5, random_state=0).fit(X, y)
    same.coefs_, same.intercepts_ = list(model.coefs_), list(model.intercepts_)
    assert (model.predict_proba(X) == same.predict_proba(X)).all()
    assert model.network_.temperature_ == 1
    assert (model.input_gradient(X) == same.input_gradient(X)).all()
    with pytest.raises(ValueError, match="no conformal scores"):
        model.predict_set(X)
    model.calibrate_intervals(X, y)
    assert model.network_.temperature_ == 1
