"""compiled_nn.functional against the oracle: values, gradients, both orientations, and what is refused."""

import networks
import numpy as np
import pytest
import reference
from compiled_nn import functional as F  # noqa: N812
from compiled_nn.spec import shapes
from small import sealed

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}
ENDS = {"sigmoid": "binary_cross_entropy", "softmax": "softmax_cross_entropy", "identity": "mse"}

orientations = pytest.mark.parametrize("samples_first", [False, True])


def turned(rows, samples_first):
    return rows if samples_first else rows.T


def problem(rng, sizes, hidden="relu", link="sigmoid", m=9, dtype="float64", biases=None):
    """(network and X, y of the oracle as rows; parameters, X, Y for functional as columns)."""
    case = networks.draw(
        rng, sizes, hidden, ENDS[link], m=m, dtype=dtype, biases=biases, smooth=hidden == "relu"
    )
    y = reference.one_hot(case.y, np.empty((m, sizes[-1]))).astype(dtype)
    params = {name: w.astype(dtype) for name, w in shapes.to_dict(case.network).items()}
    return case, y, sealed(params)


def shape_of(case):
    units = [W.shape[1] for W, _ in case.network]
    return [{"nodes": n, "activation": f} for n, f in zip(units, case.activations, strict=True)]


def as_layers(grads, case):
    """dW1, db1, ... as the oracle's [(dW, db), ...]."""
    return [
        (grads[f"dW{i}"].T, None if b is None else grads[f"db{i}"][:, 0])
        for i, (_, b) in enumerate(case.network, 1)
    ]


# ---- activations


@pytest.mark.parametrize("name", ["sigmoid", "relu"])
def test_activations_and_derivatives(name, rng, dtype):
    f, derivative = reference.ACTIVATIONS[name]
    Z = sealed(np.concatenate([rng.normal(size=20) * 10, [0.0, -1e4, 1e4]]).astype(dtype))
    dA = sealed(rng.normal(size=Z.shape).astype(dtype))
    expected, slope = f(Z.astype(float)), derivative(Z.astype(float))
    A, cache = getattr(F, f"{name}_forward")(Z)
    results = [
        (getattr(F, name)(Z), expected),
        (A, expected),
        (getattr(F, f"{name}_deriv")(Z), slope),
        (getattr(F, f"{name}_backward")(dA, cache), dA * slope),
    ]
    assert cache is Z
    for got, wanted in results:
        assert got.dtype == dtype
        np.testing.assert_allclose(
            got, wanted, rtol=TOLERANCE[dtype], atol=1e-7 if dtype == "float32" else 1e-15
        )
    np.testing.assert_array_equal(F.sigmoid_prime(Z), F.sigmoid_deriv(Z))


@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (2, 3, 4)])
def test_activations_take_any_shape(shape, rng):
    Z = rng.normal(size=shape)
    for result in (F.sigmoid(Z), F.relu(Z), F.relu_deriv(Z), F.sigmoid_backward(Z, Z)):
        assert result.shape == shape
    turned_round = rng.normal(size=(4, 3)).T[::-1]
    np.testing.assert_allclose(F.sigmoid(turned_round), reference.sigmoid(turned_round), rtol=1e-14)


def test_integers_become_float64():
    assert F.relu([-1, 2]).dtype == F.softmax([[2, 4]]).dtype == np.float64
    with pytest.raises(TypeError, match="complex128"):
        F.sigmoid([1j])


def test_relu_passes_nothing_on_at_zero():
    assert F.relu_deriv([-1.0, 0.0, 1.0]).tolist() == [0, 0, 1]
    assert F.relu_backward(np.ones(3), np.array([-1.0, 0.0, 1.0])).tolist() == [0, 0, 1]


def test_softmax(rng, dtype):
    np.testing.assert_allclose(
        F.softmax([[2, 4, 6, 8]]), [[0.00214401, 0.0158422, 0.11705891, 0.86495488]], atol=5e-9
    )
    Z = (100 * rng.normal(size=(7, 4))).astype(dtype)
    expected = reference.softmax(Z.astype(float))
    for got in (F.softmax(Z), F.softmax(Z.T, samples_first=False).T, np.stack([F.softmax(z) for z in Z])):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, expected, rtol=200 * TOLERANCE[dtype], atol=1e-12)
    with pytest.raises(ValueError, match=r"\(1, 1, 2\)"):
        F.softmax(np.zeros((1, 1, 2)))


# ---- forward


@orientations
@pytest.mark.parametrize("sizes", [(5, 1), (6, 4, 1), (7, 5, 4, 3)])
def test_l_model_forward(rng, dtype, sizes, samples_first):
    case, _, params = problem(rng, sizes, dtype=dtype)
    X = sealed(turned(case.X, samples_first))
    AL, caches = F.L_model_forward(X, params, samples_first=samples_first)
    zs = reference.pre_activations(case.network, case.activations, case.wide[0])
    assert AL.dtype == dtype
    assert len(caches) == len(zs)
    np.testing.assert_allclose(turned(AL, samples_first), reference.sigmoid(zs[-1]), rtol=TOLERANCE[dtype])
    for (_, Z), z in zip(caches, zs, strict=True):
        np.testing.assert_allclose(turned(Z, samples_first), z, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    assert caches[0][0][0] is X
    assert caches[0][0][1] is params["W1"]


@orientations
@pytest.mark.parametrize("hidden", networks.HIDDEN)
@pytest.mark.parametrize("link", ENDS)
def test_forward_prop(rng, hidden, link, samples_first):
    case, _, params = problem(rng, (6, 4, 5, 3), hidden, link)
    X = turned(case.X, samples_first)
    grads = F.forward_prop(X, params, shape_of(case), samples_first=samples_first)
    assert list(grads) == ["A0", "Z1", "A1", "Z2", "A2", "Z3", "A3"]
    expected = reference.forward(case.network, case.activations, case.X)
    np.testing.assert_allclose(turned(grads["A3"], samples_first), expected, rtol=1e-12)
    outputs = F.predict(X, params, shape_of(case), samples_first=samples_first)
    np.testing.assert_array_equal(outputs, grads["A3"])


def test_both_orientations_have_the_same_bits(rng):
    case, y, params = problem(rng, (6, 4, 1), dtype="float32")
    columns = F.L_model_backward(*((out := F.L_model_forward(case.X.T, params))[0], y, out[1]))
    out = F.L_model_forward(case.X, params, samples_first=True)
    rows = F.L_model_backward(out[0], y, out[1], samples_first=True)
    for name, gradient in rows.items():
        np.testing.assert_array_equal(columns[name], gradient.T if name[:2] == "dA" else gradient)


def test_layers_without_biases(rng):
    case, y, params = problem(rng, (3, 4, 2), "sigmoid", biases=[False, True])
    assert "b1" not in params
    AL, caches = F.L_model_forward(case.X.T, params)
    assert "db1" not in F.L_model_backward(AL, y.T, caches)
    moved = F.update_parameters(params, F.L_model_backward(AL, y.T, caches), 0.1)
    assert moved.keys() == params.keys()


# ---- gradients


@orientations
@pytest.mark.parametrize("sizes", [(5, 1), (6, 4, 1), (5, 4, 4, 4, 1), (6, 5, 4, 3, 2)])
def test_l_model_backward(rng, sizes, samples_first):
    case, y, params = problem(rng, sizes)
    AL, caches = F.L_model_forward(turned(case.X, samples_first), params, samples_first=samples_first)
    grads = F.L_model_backward(
        sealed(AL), sealed(turned(y, samples_first)), sealed(caches), samples_first=samples_first
    )
    _, _, expected = case.oracle_gradient()
    assert networks.relative_error(as_layers(grads, case), expected) < 1e-12
    # dA0 is of each sample's own cost: m times that of the mean.
    X = case.X.copy()
    slopes = reference.central_differences(
        lambda: reference.loss(case.network, case.activations, X, y, case.loss), [(X, None)]
    )
    np.testing.assert_allclose(turned(grads["dA0"], samples_first) / len(X), slopes[0][0], atol=1e-9)


@orientations
@pytest.mark.parametrize("hidden", networks.HIDDEN)
@pytest.mark.parametrize("link", ENDS)
def test_gradients(rng, hidden, link, samples_first):
    case, y, params = problem(rng, (6, 4, 5, 3), hidden, link)
    X, Y, shape = turned(case.X, samples_first), turned(y, samples_first), shape_of(case)
    grads = sealed(F.forward_prop(X, params, shape, samples_first=samples_first))
    got = F.gradients(X, Y, params, grads, shape, samples_first=samples_first)
    _, _, expected = case.oracle_gradient()
    assert networks.relative_error(as_layers(got, case), expected) < 1e-12
    assert got["dZ2"].shape == got["dA2"].shape == grads["A2"].shape
    moved = F.back_prop(X, Y, params, grads, shape, 0.3, samples_first=samples_first)
    for name, p in params.items():
        np.testing.assert_allclose(moved[name], p - 0.3 * got[f"d{name}"], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "identity", "linear"])
def test_a_layer_by_itself(rng, name):
    A, W, b = rng.normal(size=(4, 7)), rng.normal(size=(3, 4)), rng.normal(size=(3, 1))
    out, cache = F.linear_activation_forward(A, W, b, name)
    dA = rng.normal(size=out.shape)
    dA_prev, dW, db = F.linear_activation_backward(dA, cache, name)
    f, derivative = reference.ACTIVATIONS["identity" if name == "linear" else name]
    dZ = dA * derivative(W @ A + b)
    np.testing.assert_allclose(out, f(W @ A + b), rtol=1e-12)
    np.testing.assert_allclose(dA_prev, W.T @ dZ, rtol=1e-11)
    np.testing.assert_allclose(dW, dZ @ A.T / 7, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(db, dZ.mean(axis=1, keepdims=True), rtol=1e-11, atol=1e-13)


# ---- initial weights and updates


def test_initial_weights():
    params = F.initialize_parameters(5, 4, 1, seed=0)
    assert {name: p.shape for name, p in params.items()} == {
        "W1": (4, 5),
        "b1": (4, 1),
        "W2": (1, 4),
        "b2": (1, 1),
    }
    assert all(p.dtype == np.float64 for p in params.values())
    assert not params["b1"].any()
    deep = F.initialize_parameters_deep([5, 4, 1], seed=0)
    assert all((deep[name] == params[name]).all() for name in params)
    wide = F.initialize_parameters_deep([400, 300, 200], seed=1, dtype="float32")
    assert wide["W1"].dtype == np.float32
    assert wide["W1"].std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    assert wide["W2"].std() == pytest.approx(np.sqrt(2 / 500), rel=0.02)
    lecun = F.initialize_parameters_deep([400, 300], init="lecun_normal", seed=1)
    assert lecun["W1"].std() == pytest.approx(1 / 20, rel=0.02)
    assert (F.initialize_parameters(5, 4, 1)["W1"] != F.initialize_parameters(5, 4, 1)["W1"]).any()


def test_initial_weights_of_a_shape(rng, dtype):
    shape = [{"nodes": 4, "activation": "relu"}, {"nodes": 1, "activation": "sigmoid", "init": "zeros"}]
    X = rng.normal(size=(6, 9)).astype(dtype)
    params = F.initialise_parameters(X, shape, seed=3)
    assert params["W1"].shape == (4, 6)
    assert params["W1"].dtype == dtype
    assert not params["W2"].any()
    same = F.initialise_parameters(X.T, shape, seed=3, samples_first=True)
    np.testing.assert_array_equal(params["W1"], same["W1"])
    np.testing.assert_array_equal(params["W1"], F.initialise_parameters(6, shape, seed=3, dtype=dtype)["W1"])


def test_update_parameters_keeps_dtypes_and_arrays(dtype):
    params = sealed({"W1": np.ones((2, 3), dtype), "b1": np.zeros((2, 1), dtype)})
    grads = {"dW1": np.ones((2, 3)), "db1": np.ones((2, 1)), "dA0": None}
    moved = F.update_parameters(params, grads, np.float64(0.5))
    assert moved["W1"].tolist() == [[0.5] * 3] * 2
    assert moved["b1"].tolist() == [[-0.5]] * 2
    assert moved["W1"].dtype == moved["b1"].dtype == dtype
    with pytest.raises(ValueError, match="lacks db1"):
        F.update_parameters(params, {"dW1": np.ones((2, 3))}, 0.1)
    with pytest.raises(ValueError, match=r"dW1 has shape \(3, 2\); W1 has \(2, 3\)"):
        F.update_parameters(params, {**grads, "dW1": np.ones((3, 2))}, 0.1)
    with pytest.raises(ValueError, match="learning_rate"):
        F.update_parameters(params, grads, float("nan"))


def test_the_dtype_is_that_of_the_data(rng):
    X = rng.normal(size=(5, 8)).astype("float32")
    AL, caches = F.L_model_forward(X, F.initialize_parameters(5, 4, 1, seed=0))  # float64 weights
    assert AL.dtype == np.float32
    assert {g.dtype.name for g in F.L_model_backward(AL, np.ones(8, int), caches).values()} == {"float32"}
    pixels = (X > 0).astype("uint8")
    assert F.L_model_forward(pixels, F.initialize_parameters(5, 4, 1, dtype="float32"))[0].dtype == np.float32


# ---- costs and scores


def test_cost(rng, dtype):
    z = rng.normal(size=(12, 3)).astype(dtype)
    y = rng.integers(0, 2, (12, 3))
    A = reference.sigmoid(z)
    expected = reference.binary_cross_entropy(z.astype(float), y)
    for cost in (
        F.compute_cost(A.T, y.T),
        F.compute_cost(A, y, samples_first=True),
        F.compute_cost(y.T, A.T, 12),
        F.compute_cost(A.T, y.T, logits=z.T),
    ):
        assert isinstance(cost, float)
        assert cost == pytest.approx(expected, rel=TOLERANCE[dtype])


def test_cost_of_one_output(rng):
    A = reference.sigmoid(rng.normal(size=7))
    y = np.array([1, 0, 0, 1, 1, 0, 1], np.uint8)
    expected = -np.mean(np.where(y, np.log(A), np.log(1 - A)))
    for Y in (y, y[None], y[:, None]):
        for AL in (A, A[None]):
            assert F.compute_cost(AL, Y) == pytest.approx(expected, rel=1e-14)
        assert F.compute_cost(Y, A[None], 7) == pytest.approx(expected, rel=1e-14)
    assert F.compute_cost([0.25], [0.5]) == pytest.approx(-0.5 * np.log(0.25 * 0.75), rel=1e-14)


@pytest.mark.parametrize("m", [1, 2, 133, 209, 1034, 12700])
def test_cost_of_answers_of_one_half(m):
    Y = np.arange(m) % 2
    assert F.compute_cost(np.full((1, m), 0.5), Y) == 0.6931471805599453


def test_cost_is_refused():
    A = np.full((1, 4), 0.5)
    with pytest.raises(
        ValueError, match=r"\(3,\); expected \(4,\) or \(1, 4\) or \(4, 1\) for 4 samples and 1 output\."
    ):
        F.compute_cost(A, np.ones(3))
    with pytest.raises(ValueError, match="m is 5; there are 4"):
        F.compute_cost(np.ones(4), A, 5)
    with pytest.raises(ValueError, match=r"from 0\.5 to 1\.5"):
        F.compute_cost([0.5, 1.5], [0, 1])
    with pytest.raises(ValueError, match="nan"):
        F.compute_cost([0.5, np.nan], [0, 1])
    with pytest.raises(ValueError, match=r"logits has shape \(1, 3\); AL has \(1, 4\)"):
        F.compute_cost(A, np.ones(4), logits=np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"\(2, 4\)"):
        F.compute_cost(np.full((2, 4), 0.5), np.ones(4))


def test_cross_entropy(rng):
    z, y = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    p, Y = F.softmax(z), F.one_hot(y, 4)
    expected = [reference.softmax_cross_entropy(z[i : i + 1], y[i : i + 1]) for i in range(6)]
    np.testing.assert_allclose(F.cross_entropy(p, Y), expected, rtol=1e-13)
    np.testing.assert_allclose(F.cross_entropy(p.T, Y.T, samples_first=False), expected, rtol=1e-13)
    assert F.cross_entropy([[0.0, 1.0]], [[1, 0]])[0] == pytest.approx(708.4, abs=0.1)


def test_one_hot():
    assert F.one_hot([2, 0], 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert F.one_hot([[2], [0]], 3, samples_first=False, dtype="float32").T.tolist() == [[0, 0, 1], [1, 0, 0]]
    with pytest.raises(ValueError, match="from 0 to 3; the labels of 3 classes are 0 to 2"):
        F.one_hot([0, 3], 3)
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        F.one_hot([[0, 1], [1, 0]], 2)
    with pytest.raises(TypeError, match="float64"):
        F.one_hot([0.0, 1.0], 2)


def test_accuracy():
    p = np.array([0.2, 0.5, 0.9, 0.4])
    y = np.array([0, 1, 0, 1])
    for Y in (y, y[None], y[:, None]):
        for predicted in (p, p[None], p[:, None]):
            assert F.accuracy(Y, predicted) == 0.5  # 0.5 is class 1
    outputs = np.array([[0.1, 0.7, 0.2], [0.6, 0.3, 0.1]])
    assert F.accuracy([1, 1], outputs, samples_first=True) == 0.5
    assert F.accuracy([1, 1], outputs.T) == 0.5
    assert F.accuracy(F.one_hot([1, 0], 3).T, outputs.T) == 1.0
    with pytest.raises(ValueError, match=r"\(3,\)"):
        F.accuracy([1, 1, 0], outputs.T)


# ---- what is refused


def test_what_does_not_fit_is_refused(rng):
    params = F.initialize_parameters(5, 4, 1, seed=0)
    X = rng.normal(size=(5, 8))
    AL, caches = F.L_model_forward(X, params)
    shape = [{"nodes": 4, "activation": "relu"}, {"nodes": 1, "activation": "sigmoid"}]
    refused = {
        r"A has 8 features; W of shape \(4, 5\) takes 5": lambda: F.L_model_forward(X.T, params),
        r"A has shape \(5,\)": lambda: F.L_model_forward(X[:, 0], params),
        r"b has shape \(4,\)": lambda: F.linear_forward(X, params["W1"], np.zeros(4)),
        r"without gaps": lambda: F.L_model_forward(X, {"W1": params["W1"], "W3": params["W2"]}),
        r"W2 has shape \(1, 3\)": lambda: F.L_model_forward(X, {**params, "W2": np.ones((1, 3))}),
        r"Y has shape \(7,\)": lambda: F.L_model_backward(AL, np.ones(7), caches),
        r"dZ has 3 units and 8 samples; the cache has 4 and 8": lambda: F.linear_backward(
            np.ones((3, 8)), caches[0][0]
        ),
        r"dA has 3 units": lambda: F.linear_activation_backward(np.ones((3, 8)), caches[0], "relu"),
        r"dA has shape \(2,\); the cache has \(3,\)": lambda: F.relu_backward(np.ones(2), np.ones(3)),
        r"'rel'.*Did you mean 'relu'": lambda: F.linear_activation_forward(
            X, params["W1"], params["b1"], "rel"
        ),
        r"'sigmoidal'.*'sigmoid'": lambda: F.linear_activation_backward(AL, caches[1], "sigmoidal"),
        r"layers of \[4, 1\] nodes; params has \[4\]": lambda: F.forward_prop(X, {"W1": params["W1"]}, shape),
        r"layer_dims is \[5\]": lambda: F.initialize_parameters_deep([5]),
        r"softmax, which is for the last layer only": lambda: F.forward_prop(
            X, params, [{"nodes": 4, "activation": "softmax"}, shape[1]]
        ),
    }
    for message, call in refused.items():
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="complex"):
        F.linear_forward(X * 1j, params["W1"], params["b1"])
