"""to_dict and from_dict: the same predictions, also of scaled and calibrated networks, or an error that says why."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import losses
from small import blobs

X, Y = blobs()
X = 100 * X.astype("float64") + 50
V = np.stack([X[:, 0] + X[:, 1], X[:, 2] * X[:, 3] / 100], axis=1)
TOLERANCE = {"float32": 2e-4, "float64": 1e-11}  # of outputs of about 1, with sums of some thousands inside
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE)


def network(outputs=3, hidden="relu", bias=True, **parameters):
    parameters = {"optimizer": cnn.Adam(0.01), "seed": 0, **parameters}
    return cnn.Network([cnn.Dense(8, hidden, bias=bias), cnn.Dense(outputs, bias=bias)], **parameters)


def returned(net):
    return cnn.Network.from_dict(net.to_dict(), net.to_shape())


CLASSES = {
    "plain": {"input_scale": 1.0},
    "input_scale": {"input_scale": 1 / 255},
    "standard": {"standardize": True},
    "robust": {"standardize": "robust"},
    "minmax": {"standardize": "minmax"},
    "no biases": {"standardize": True, "bias": False},
    "ema": {"standardize": True, "ema": 0.9},
    "focal": {"standardize": True, "loss": losses.Focal(1.0)},
    "two": {"standardize": True, "loss": "binary_cross_entropy", "outputs": 1},
    "three sigmoids": {"standardize": True, "loss": "binary_cross_entropy", "outputs": 3},
}


@DTYPES
@pytest.mark.parametrize("calibrated", [False, True])
@pytest.mark.parametrize("case", CLASSES)
def test_probabilities_stay_the_same(case, calibrated, dtype):
    y = Y % 2 if case == "two" else Y
    net = network(**CLASSES[case], dtype=dtype).fit(X[:60], y[:60], epochs=20)
    if calibrated:
        net.calibrate(X[60:], y[60:])
        assert net.temperature_ != 1
    same = returned(net)
    assert np.allclose(same.predict_proba(X), net.predict_proba(X), rtol=0, atol=TOLERANCE[dtype])
    assert (same.predict(X) == net.predict(X)).mean() > 0.98  # equal except for ties within rounding
    if case == "plain" and not calibrated:
        assert same.predict_proba(X).tobytes() == net.predict_proba(X).tobytes()


VALUES = {
    "plain": {"input_scale": 0.01},
    "scaled": {"standardize": True, "scale_targets": True},
    "mae": {"standardize": True, "scale_targets": True, "loss": "mae"},
    "no biases": {"standardize": True, "scale_targets": True, "bias": False},
}


@DTYPES
@pytest.mark.parametrize("case", VALUES)
def test_values_stay_the_same(case, dtype):
    net = network(2, **{"loss": "mse", **VALUES[case]}, dtype=dtype).fit(X, V, epochs=20)
    same = returned(net)
    difference = np.abs(same.predict(X) - net.predict(X)).max(axis=0)
    assert (difference < TOLERANCE[dtype] * V.std(axis=0)).all()
    assert same.score(X, V) == pytest.approx(net.score(X, V), abs=1e-4)


def test_a_poisson_network_keeps_its_values():
    net = network(1, loss="poisson", standardize=True).fit(X, np.abs(V[:, 0]) / 100, epochs=20)
    assert np.allclose(returned(net).predict(X), net.predict(X), rtol=2e-4)


def test_levels_of_y():
    net = network(1, loss="mse", scale_targets=True, standardize=True)
    for level in (0.0, 1e4):
        net.fit(X, level + V[:, 0], epochs=20)
        assert np.allclose(returned(net).predict(X), net.predict(X), rtol=0, atol=1e-3 * V[:, 0].std())
    net.fit(X, 1e9 + V[:, 0], epochs=2)
    with pytest.raises(
        ValueError, match=r"Output 0 has the mean 1e\+09 .* float32 has too few digits.*target_mean_"
    ):
        net.to_dict()
    wide = network(1, loss="mse", scale_targets=True, standardize=True, dtype="float64")
    wide.fit(X, 1e9 + V[:, 0], epochs=20)
    assert np.allclose(returned(wide).predict(X), wide.predict(X), rtol=0, atol=1e-4 * V[:, 0].std())


def test_columns_far_from_zero():
    far = X.copy()
    far[:, 1] += 2e8
    with pytest.raises(
        ValueError, match=r"Column 1 of X has the mean 2e\+08 .*float32 has too few digits.*mean_"
    ):
        network(standardize=True).fit(far, Y, epochs=1).to_dict()
    net = network(standardize=True, dtype="float64").fit(far, Y, epochs=5)
    assert np.allclose(returned(net).predict_proba(far), net.predict_proba(far), rtol=0, atol=1e-5)


def test_numbers_out_of_range():
    net = network(1, loss="mse", scale_targets=True).fit(X, V[:, 0] * 1e35, epochs=1)
    net.set_weights([(100 * W, b) for W, b in net.get_weights()])
    with pytest.raises(ValueError, match="beyond the range of float32 when scale_targets"):
        net.to_dict()
    net = network(input_scale=1e38).fit(X * 1e-38, Y, epochs=0)
    net.set_weights([(100 * W, b) for W, b in net.get_weights()])
    with pytest.raises(ValueError, match="beyond the range of float32 when input_scale"):
        net.to_dict()


OTHERS = {
    "ordinal": ({"outputs": 2, "loss": "ordinal"}, Y),
    "quantile": ({"outputs": 3, "loss": losses.Quantile((0.1, 0.5, 0.9))}, V[:, 0]),
    "gaussian_nll": ({"outputs": 2, "loss": "gaussian_nll"}, V[:, 0]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_losses_that_no_activation_stands_for(name):
    how, y = OTHERS[name]
    net = network(**how).fit(X / 100, y, epochs=1)
    for method in (net.to_shape, net.to_dict):
        with pytest.raises(
            ValueError, match=f"this one predicts with {name}, which a shape or a dict of weights"
        ):
            method()


def test_a_table_with_categories():
    table = [[1.0, "a"], [2.0, "b"]] * 5
    net = cnn.Network([cnn.Dense(2)], categorical_features="auto", seed=0).fit(table, [0, 1] * 5, epochs=1)
    with pytest.raises(ValueError, match="encodes a table with categories"):
        net.to_dict()


def test_biases_in_one_dimension():
    rng = np.random.default_rng(0)
    W1, b1, W2, b2 = rng.normal(size=(5, 4)), rng.normal(size=5), rng.normal(size=(1, 5)), rng.normal(size=1)
    flat = cnn.Network.from_dict({"W1": W1, "b1": b1, "W2": W2, "b2": b2})
    column = cnn.Network.from_dict({"W1": W1, "b1": b1[:, None], "W2": W2, "b2": b2[:, None]})
    assert (flat.predict_proba(X) == column.predict_proba(X)).all()
    rows = X[:5] / 100
    hidden = np.maximum(rows @ W1.T + b1, 0)
    assert np.allclose(flat.predict_proba(rows)[:, 1], 1 / (1 + np.exp(-(hidden @ W2.T + b2)[:, 0])))


def test_matrices_of_scikit_learn_are_named_as_such():
    model = cnn.MLPClassifier(hidden_layer_sizes=(5,), max_iter=1, random_state=0).fit(X, Y)
    given = {
        f"{letter}{i}": a
        for letter, each in (("W", model.coefs_), ("b", model.intercepts_))
        for i, a in enumerate(each, 1)
    }
    with pytest.raises(
        ValueError, match=r"b1 has shape \(5, 1\); W1 has 4 units.*coefs_ of scikit-learn.*W\.T"
    ):
        cnn.Network.from_dict(given)
    with pytest.raises(ValueError, match=r"W2 has shape \(5, 3\), but layer 1 has 4 units"):
        cnn.Network.from_dict({name: given[name] for name in ("W1", "W2")})
    right = {name: a.T for name, a in given.items()}
    shape = [{"nodes": 5, "activation": "relu"}, {"nodes": 3, "activation": "softmax"}]
    assert (cnn.Network.from_dict(right, shape).predict_proba(X) == model.predict_proba(X)).all()
    wrong = {"W1": np.ones((4, 5)), "b1": np.ones(4), "W2": np.ones((4, 3))}
    with pytest.raises(ValueError, match=r"W2 has shape \(4, 3\).*transposed: W\.T"):
        cnn.Network.from_dict(wrong)


@pytest.mark.parametrize("kind", [cnn.MLPClassifier, cnn.MLPRegressor])
def test_estimators_have_the_dict_too(kind):
    with pytest.raises(cnn.NotFittedError, match=kind.__name__):
        kind().to_dict()
    model = kind(hidden_layer_sizes=(5,), standardize=True, max_iter=20, random_state=0)
    model.fit(X, Y if kind is cnn.MLPClassifier else V[:, 0])
    same = cnn.Network.from_dict(model.to_dict(), model.to_shape())
    if kind is cnn.MLPClassifier:
        assert np.allclose(same.predict_proba(X), model.predict_proba(X), rtol=0, atol=2e-4)
    else:
        assert np.allclose(same.predict(X), model.predict(X), rtol=1e-4, atol=1e-3)
