"""numeric_embeddings="periodic": the layer of sines, its gradients, tables, files and combinations."""

import io
import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from small import bits

M = 200
X = np.random.default_rng(0).normal(size=(M, 3)) * [1, 5, 0.1]
Y = np.sin(4 * X[:, 0]) + X[:, 1] / 5


def network(*, encoding="periodic", **parameters):
    parameters = {"seed": 0, "dtype": "float64", "standardize": True, "loss": "mse", **parameters}
    layers = [cnn.Dense(16, "tanh"), cnn.Dense(1)]
    return cnn.Network(layers, numeric_embeddings=encoding, optimizer=cnn.Adam(0.01), **parameters)


def saved(net):
    file = io.BytesIO()
    net.save(file)
    return file.getvalue()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_predictions_by_hand(dtype, n_threads):
    encoding = cnn.Periodic(n_frequencies=3, sigma=0.5)
    net = network(encoding=encoding, dtype=dtype, n_threads=n_threads).fit(X, Y, epochs=3)
    (W, b), (V, c), (U, d) = net.get_weights()
    assert W.shape == (3, 18)
    for column in range(3):  # each column has its own units
        others = np.delete(W[column], np.s_[6 * column : 6 * column + 6])
        assert not others.any()
        assert W[column, 6 * column : 6 * column + 6].all()
    z = (X - net.mean_) / net.scale_
    expected = np.tanh(np.sin(z @ W + b) @ V + c) @ U + d
    np.testing.assert_allclose(
        net.predict(X), expected[:, 0], atol={"float32": 1e-5, "float64": 1e-13}[dtype]
    )
    np.testing.assert_array_equal(net.predict(X[:1]), net.predict(X)[:1])


def test_initial_weights():
    net = network(encoding=cnn.Periodic(n_frequencies=500, sigma=0.7)).fit(X, Y, epochs=0)
    W, b = net.get_weights()[0]
    drawn = W[W != 0]
    assert len(drawn) == 3000
    # The standard deviation of 3000 draws is exact to 1.3 %, times 3.
    assert np.std(drawn) == pytest.approx(2 * np.pi * 0.7, rel=0.04)
    np.testing.assert_allclose(b.reshape(-1, 2), np.tile([0, np.pi / 2], (1500, 1)))
    again = network(encoding=cnn.Periodic(n_frequencies=500, sigma=0.7)).fit(X, Y, epochs=0)
    assert bits(again) == bits(net)


def test_frequencies_and_phases_are_trained():
    start, net = network().fit(X, Y, epochs=0), network().fit(X, Y, epochs=5)
    (W, b), (V, c) = start.get_weights()[0], net.get_weights()[0]
    assert (W != V)[W != 0].all()
    assert (b != c).all()
    assert not V[W == 0].any()
    fast = network(encoding=cnn.Periodic(sigma=0.5)).fit(X, Y, epochs=40)
    assert fast.score(X, Y) > 0.9 > network(encoding=None).fit(X, Y, epochs=40).score(X, Y)


def test_input_gradient():
    net = network(standardize="robust_smooth_clip", scale_targets=True).fit(X, Y, epochs=5)
    found = net.input_gradient(X)
    for k in range(3):
        step = 1e-6 * (np.arange(3) == k)
        # Central differences: rounding errors of 1e-15, divided by 1e-6.
        slope = (net.predict(X + step) - net.predict(X - step)) / 2e-6
        np.testing.assert_allclose(found[:, k], slope, atol=1e-7)
    assert net.input_names_.tolist() == ["x0", "x1", "x2"]


def test_tables():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"a": X[:, 0], "city": np.array(["x", "y", "z"])[np.arange(M) % 3], "b": X[:, 1]})
    table.loc[3, "a"] = np.nan
    net = network(categorical_features="auto").fit(table, Y, epochs=2)
    W = net.get_weights()[0][0]
    assert W.shape == (2 + 1 + 3, 2 * 32 + 4)
    np.testing.assert_array_equal(W[2:, 64:], np.eye(4))  # the indicator, and the cities
    copy = cnn.load(saved(net))
    np.testing.assert_array_equal(copy.predict(table), net.predict(table))
    assert net.input_gradient(table).shape == (M, 6)
    with pytest.raises(AttributeError, match="no embeddings_"):
        print(net.embeddings_)
    assert net.n_parameters == 64 + 68 + 68 * 16 + 16 + 16 + 1


def test_files_and_continued_training(tmp_path):
    net = network(ema=0.9).fit(X, Y, epochs=2)
    net.save_checkpoint(tmp_path / "point")
    others = [cnn.load_checkpoint(tmp_path / "point"), pickle.loads(pickle.dumps(net))]
    copy = cnn.load(saved(net))
    assert repr(copy) == repr(net)
    np.testing.assert_array_equal(copy.predict(X), net.predict(X))
    net.partial_fit(X, Y)
    for other in others:
        assert bits(other.partial_fit(X, Y)) == bits(net)
    copy.fit(X, Y, epochs=0)  # from the beginning, also for a network from a file
    assert bits(copy) == bits(network().fit(X, Y, epochs=0))
    assert bits(network().fit([(X, Y)], epochs=1)) == bits(network().fit(X, Y, epochs=1))


def test_estimators():
    options = {"hidden_layer_sizes": (8,), "standardize": True, "random_state": 0, "max_iter": 20}
    model = cnn.MLPRegressor(numeric_embeddings="periodic", **options).fit(X, Y)
    assert [W.shape for W in model.coefs_] == [(3, 96), (96, 8), (8, 1)]
    np.testing.assert_array_equal(model.fit(X, Y).predict(X), model.predict(X))
    model.partial_fit(X, Y)
    assert "sine" in str(model.network_.summary())
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    net = cnn.Ensemble(network(), n_members=2).fit(X, Y, epochs=1)
    assert np.isfinite(net.predict(X)).all()
    assert network().diagnose(X, Y) is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_frequencies": 0}, "must be an int >= 1"),
        ({"n_frequencies": 4097}, "at most 4096"),
        ({"sigma": 0.0}, "'sigma' parameter of Periodic"),
        ({"sigma": np.nan}, "'sigma' parameter of Periodic"),
    ],
)
def test_encodings_that_cannot_be_made(options, message):
    with pytest.raises(ValueError, match=message):
        cnn.Periodic(**options)


def test_combinations_that_are_refused():
    with pytest.raises(ValueError, match="are both the first layer"):
        network(categorical_features="auto", embeddings=2)
    with pytest.raises(ValueError, match="depend on numeric_embeddings"):
        network().set_weights(network().fit(X, Y, epochs=0).get_weights())
    with pytest.raises(ValueError, match="A layer with blocks must be linear"):
        cnn.Dense(4, "relu", blocks=((1, 4),))
