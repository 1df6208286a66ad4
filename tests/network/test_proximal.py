"""L1 penalties with `proximal=True`: exact zeros in every entrance, and combinations that are refused."""

import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import MLPClassifier, MLPRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 20))
y = X[:, 0] - 2 * X[:, 1]
labels = (y > 0).astype(int)


def network(**parameters):
    parameters = {"optimizer": cnn.Adam(0.01), "seed": 0, "l1": 0.05, "proximal": True, **parameters}
    return cnn.Network([cnn.Dense(16, "relu"), cnn.Dense(1)], loss="mse", **parameters)


def zeros(net):
    return np.mean([(W == 0).mean() for W, _ in net.get_weights()])


@pytest.mark.parametrize(
    "optimizer", [cnn.Adam(0.01), cnn.SGD(0.01), cnn.SGD(0.01, momentum=0.9), cnn.RMSprop(0.01)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_large_l1_gives_exact_zeros(optimizer, dtype):
    how = {
        "epochs": 400,
        "batch_size": "full",
    }  # in small batches, gradients of weights that are not used exceed l1
    net = network(optimizer=optimizer, dtype=dtype, l1=0.2).fit(X, y, **how)
    W = net.get_weights()[0][0]
    assert (W == 0).mean() > 0.7
    assert (W[2:] == 0).all(axis=1).sum() >= 14  # inputs that are not used, of 18
    assert net.score(X, y) > 0.9
    assert not network(optimizer=optimizer, dtype=dtype, l1=50.0).fit(X, y, **how).get_weights()[0][0].any()
    plain = network(optimizer=optimizer, dtype=dtype, l1=0.2, proximal=False).fit(X, y, **how)
    assert zeros(plain) == 0
    assert plain.score(X, y) == pytest.approx(net.score(X, y), abs=0.05)


@pytest.mark.parametrize(("estimator", "target"), [(MLPRegressor, y), (MLPClassifier, labels)])
def test_estimators(estimator, target):
    options = {"l1": 10.0, "alpha": 0.0, "random_state": 0, "max_iter": 100, "learning_rate_init": 0.01}
    model = estimator(hidden_layer_sizes=(16,), proximal=True, **options).fit(X, target)
    assert zeros(model.network_) > 0.5
    assert model.score(X, target) > 0.85
    model.partial_fit(X, target)
    assert zeros(model.network_) > 0.5
    with pytest.raises(ValueError, match=r"proximal=True has no effect with l1=0; pass l1 > 0"):
        estimator(proximal=True).fit(X, target)
    with pytest.raises(ValueError, match=r"proximal=True .*lbfgs"):
        estimator(proximal=True, l1=1.0, solver="lbfgs").fit(X, target)
    for optimizer in ("lion", cnn.Rprop(0.01)):
        with pytest.raises(ValueError, match="uses only its sign"):
            estimator(proximal=True, l1=1.0, optimizer=optimizer).fit(X, target)


def test_refused_where_it_has_no_effect():
    with pytest.raises(ValueError, match=r"proximal=True has no effect with l1=0. Pass l1 > 0"):
        network(l1=0.0).fit(X, y)
    for optimizer, name in (("lion", "Lion"), (cnn.Rprop(0.1), "Rprop")):
        with pytest.raises(
            ValueError, match=f"{name} uses only its sign. Use another optimizer, such as Adam"
        ):
            network(optimizer=optimizer).fit(X, y)
    net = network().fit(X, y, epochs=1)
    net.optimizer = "lion"
    before = net.get_weights()[0][0]
    with pytest.raises(ValueError, match="Lion uses only its sign"):
        net.fit(X, y, epochs=1, warm_start=True)
    assert np.array_equal(net.get_weights()[0][0], before)
    with pytest.raises(TypeError, match="must be a bool"):
        network(proximal="yes")


def test_files_pickles_and_the_repr(tmp_path):
    net = network().fit(X, y, epochs=5)
    net.save(tmp_path / "net.safetensors")
    for again in (cnn.load(tmp_path / "net.safetensors"), pickle.loads(pickle.dumps(net))):
        assert "proximal=True" in repr(again)
        assert np.array_equal(again.predict(X), net.predict(X))
    assert "proximal" not in repr(network(proximal=False))
    assert np.array_equal(
        network().fit(X, y, epochs=3).fit(X, y, epochs=2, warm_start=True).get_weights()[0][0],
        network().fit(X, y, epochs=5).get_weights()[0][0],
    )


def test_history_has_the_penalty_and_gradients_include_it():
    net = network(dtype="float64").fit(X, y, epochs=5)
    weights = [W for W, _ in net.get_weights()]
    assert net.history["penalty"][-1] == pytest.approx(
        0.05 * sum(np.abs(W).sum() for W in weights), rel=1e-12
    )
    plain = cnn.Network(net.layers, loss="mse", dtype="float64")
    plain.set_weights(net.get_weights())
    for W, with_, without in zip(
        weights, *(each.gradients(X, y)["layers"] for each in (net, plain)), strict=True
    ):
        assert np.allclose(with_["weight"] - without["weight"], 0.05 * np.sign(W), atol=1e-12)


def test_streams_and_embeddings():
    net = network().fit([(X[:150], y[:150]), (X[150:], y[150:])], epochs=40)
    assert zeros(net) > 0.3
    towns = np.array(list("abcdefgh"))[rng.integers(0, 8, 300)]
    table = np.column_stack([X[:, :3].astype(object), towns])
    net = network(categorical_features=[3], embeddings=2).fit(table, y, epochs=20)
    assert net.score(table, y) > 0.9
    assert (net.get_weights()[0][0][:3, :3] == np.eye(3)).all()  # columns that are passed on
