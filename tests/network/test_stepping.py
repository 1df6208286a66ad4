"""forward, backward and step: gradients against differences and `gradients`, steps against partial_fit, refusals."""

import copy
import pickle
import threading

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.schedules import Linear

LAYERS = [cnn.Dense(12, "tanh"), cnn.Dense(12, "silu")]
# Parameters of Network, beside a last layer of two outputs and the loss "mse".
KINDS = {
    "plain": {},
    "float64": {"dtype": "float64"},
    "standardize": {"standardize": "robust_smooth_clip"},
    "scale_targets": {"scale_targets": True, "standardize": True},
    "input_scale": {"input_scale": 0.25},
    "batch norm": {"layers": [cnn.Dense(12, "tanh", norm="batch"), cnn.Dense(12, "relu", norm="layer")]},
    "residual": {"layers": [cnn.Dense(12, "tanh"), cnn.Dense(12, "relu", norm="rms", residual=True)]},
    "dropout": {"layers": [cnn.Dense(12, "tanh", dropout=0.5), *LAYERS], "input_dropout": 0.2},
    "frozen": {"layers": [cnn.Dense(12, "tanh", trainable=False), *LAYERS]},
    "rates": {"layers": [cnn.Dense(12, "tanh", rate=0.1), *LAYERS]},
    "penalty": {"l1": 0.01, "l2": 0.1},
    "proximal": {"l1": 0.01, "proximal": True},
    "clipped": {"clip_norm": 0.1, "clip_value": 0.01},
    "ema": {"ema": 0.9},
    "schedule": {"optimizer": cnn.SGD(Linear(0.1, over=5, final=0.01), momentum=0.9)},
    "bins": {"numeric_embeddings": "piecewise_linear", "standardize": True},
    "embeddings": {"categorical_features": [3], "embeddings": 2},
    "activated": {"last": "tanh"},
}


def new_network(kind, **parameters):
    options = {"layers": LAYERS, "loss": "mse", "seed": 3, **KINDS.get(kind, {}), **parameters}
    last = cnn.Dense(options.pop("outputs", 2), options.pop("last", None))
    return cnn.Network([*options.pop("layers"), last], **options)


def drawn(rng, dtype="float32", m=24):
    """Return X, whose last column has three numbers, and y."""
    X = rng.normal(size=(m, 4)).astype(dtype)
    X[:, 3] = np.arange(m) % 3
    return X, rng.uniform(-0.9, 0.9, size=(m, 2)).astype(dtype)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def state_of(net):
    """Return all of the state but the number of epochs, in which partial_fit is one."""
    state = net.snapshot()
    del state["optimizer"]["epoch"]
    return pickle.dumps(state)


def of_mse(net, out, y):
    """Gradient of the mean squared error, rounded as in the core."""
    real = net.get_weights()[0][0].dtype.type
    return (out - y).astype(real) * real(2) * real(1 / len(y))


def test_steps_are_those_of_partial_fit(kind, rng):
    X, y = drawn(rng)
    if "dtype" in KINDS[kind]:
        y = y.astype("float64")
    nets = [new_network(kind).fit(X, y, epochs=0) for _ in range(2)]
    for step in range(5):
        nets[0].partial_fit(X, y, batch_size="full")
        if kind == "scale_targets":
            out, tape = nets[1].forward(X, training=True)
            scale = nets[1].target_scale_
            nets[1].step(nets[1].backward(tape, (out - y) / scale**2 * 2 / len(X)))
            for a, b in zip(nets[0].get_weights(), nets[1].get_weights(), strict=True):
                # Rounding errors of the outputs in units of y; Adam divides them by small gradients.
                assert abs(a[0] - b[0]).max() < 1e-5 * (step + 1)
        else:
            out, tape = nets[1].forward(X, training=True)
            nets[1].step(nets[1].backward(tape, of_mse(nets[1], out, y)))
            assert state_of(nets[0]) == state_of(nets[1])
    assert nets[0].snapshot()["optimizer"]["step"] == 5
    if kind == "schedule":  # steps of both count for the schedule
        out, tape = nets[0].forward(X, training=True)
        nets[0].step(nets[0].backward(tape, of_mse(nets[0], out, y)))
        assert state_of(nets[0]) == state_of(nets[1].partial_fit(X, y, batch_size="full"))


def test_gradients_of_networks_are_those_of_gradients(kind, rng):
    X, y = drawn(rng)
    net = new_network(kind, l1=0.0, l2=0.0, proximal=False).fit(X, y, epochs=0)
    out, tape = net.forward(X)
    scale = net.target_scale_ if kind == "scale_targets" else 1
    d = (out - y) / scale**2 * 2 / len(X) if kind == "scale_targets" else of_mse(net, out, y)
    found, expected = net.backward(tape, d)["layers"], net.gradients(X, y)["layers"]
    for i, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert a.keys() == b.keys()
        if i == 0 and kind == "frozen":
            assert not a["weight"].any()
        elif kind == "scale_targets":
            np.testing.assert_allclose(
                a["weight"], b["weight"], atol=1e-5
            )  # rounding of y and out in units of y
        else:
            assert all(np.array_equal(a[name], b[name]) for name in a if name != "norm")
            assert "norm" not in a or np.array_equal(a["norm"]["gain"], b["norm"]["gain"])


LINKS = {
    # Link, outputs, y, gradient of the mean loss with respect to out.
    "softmax_cross_entropy": (3, lambda rng: rng.integers(0, 3, 24), lambda p, y: p - np.eye(3)[y]),
    "binary_cross_entropy": (1, lambda rng: np.arange(24) % 2, lambda p, y: p - y[:, np.newaxis]),
    "poisson": (2, lambda rng: rng.poisson(3, (24, 2)).astype(float), lambda p, y: p - y),
}


@pytest.mark.parametrize("loss", LINKS)
@pytest.mark.parametrize("link", [False, True])
def test_outputs_belong_to_the_caller(rng, loss, link):
    """Changes of the outputs, such as ``out -= target``, do not change what backward computes."""
    n, targets, _ = LINKS[loss]
    X = drawn(rng, "float64")[0]
    net = new_network("", loss=loss, dtype="float64", outputs=n).fit(X, targets(rng), epochs=2)
    out, tape = net.forward(X, link=link)
    d = rng.normal(size=out.shape)
    expected = net.backward(tape, d)["layers"][0]["weight"].copy()
    out -= 1
    np.testing.assert_array_equal(net.backward(tape, d)["layers"][0]["weight"], expected)


@pytest.mark.parametrize("loss", LINKS)
def test_outputs_are_before_the_link(rng, loss):
    n, targets, gradient = LINKS[loss]
    X, y = drawn(rng, "float64")[0], targets(rng)
    net = new_network("", loss=loss, dtype="float64", outputs=n).fit(X, y, epochs=2)
    expected = net.gradients(X, y)["layers"]
    out, tape = net.forward(X)
    after, linked = net.forward(X, link=True)
    if loss == "poisson":
        np.testing.assert_allclose(np.exp(out), net.predict(X), rtol=1e-12)
        np.testing.assert_allclose(after, net.predict(X), rtol=1e-12)
    else:
        np.testing.assert_allclose(out.squeeze(), net.decision_function(X), rtol=1e-9)
        np.testing.assert_allclose(after[:, -1], net.predict_proba(X)[:, -1], rtol=1e-12)
    d = gradient(after, y) / len(X)
    found = net.backward(tape, d)["layers"]
    np.testing.assert_allclose(found[0]["weight"], expected[0]["weight"], atol=1e-14)
    # A function of the outputs after the link.
    d = rng.normal(size=after.shape)
    check_differences(
        lambda rows: net.forward(rows, link=True)[0], X, d, net.backward(linked, d, inputs=True)["inputs"]
    )


def check_differences(function, X, d, found, places=((0, 0), (5, 1), (11, 2))):
    """Compare the gradient of sum(d * function(X)) with differences of fourth order, whose error is about 1e-12."""
    for place in places:

        def total(step, place=place):
            moved = X.copy()
            moved[place] += step
            return (d * function(moved)).sum()

        h = 1e-3
        difference = (8 * (total(h) - total(-h)) - (total(2 * h) - total(-2 * h))) / (12 * h)
        assert found[place] == pytest.approx(difference, abs=1e-7 * abs(found).max())


def test_gradient_of_the_inputs(kind, rng):
    X, y = drawn(rng, "float64")
    net = new_network(kind, dtype="float64").fit(X, y * 100 if kind == "scale_targets" else y, epochs=1)
    d = rng.normal(size=y.shape)
    out, tape = net.forward(X)
    if kind != "ema":
        np.testing.assert_allclose(out, net.predict(X), rtol=1e-9, atol=1e-12)
    gradients = net.backward(tape, d, parameters=False, inputs=True)
    assert gradients.keys() == {"inputs"}
    found = gradients["inputs"]
    if kind == "embeddings":  # with respect to the columns into which the table is encoded
        assert found.shape == (24, len(net.input_names_))
        expected = (d[:, :, np.newaxis] * net.input_gradient(X)).sum(axis=1)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    else:
        assert found.shape == X.shape
    check_differences(lambda rows: net.forward(rows)[0], X, d, found)


def test_a_new_network_draws_its_weights(kind, rng):
    X, y = drawn(rng)
    net = new_network(kind)
    if kind == "scale_targets":
        with pytest.raises(ValueError, match="scale_targets=True needs y, which forward does not have"):
            net.forward(X)
        return
    out, tape = net.forward(X)
    if kind != "bins":  # their edges depend on y in fit
        fitted = new_network(kind).fit(X, y, epochs=0)
        assert np.array_equal(out, fitted.forward(X)[0])
    np.testing.assert_allclose(net.predict(X), out, atol=1e-5)  # rounding, of folded weights
    net.step(net.backward(tape, out))
    assert not np.array_equal(net.forward(X)[0], out)
    net.partial_fit(X, y)
    assert net.snapshot()["optimizer"]["step"] == 2, "continues"


def test_labels_are_learned_later(rng):
    X, labels = drawn(rng)[0], np.array(["no", "yes"] * 12)
    net = cnn.Network([cnn.Dense(2)], seed=0)
    net.forward(X)
    assert net.classes_.tolist() == [0, 1]
    assert set(net.partial_fit(X, labels).predict(X)) <= {"no", "yes"}
    table = {"a": X[:, 0], "b": X[:, 1]}
    net = cnn.Network([cnn.Dense(2)], seed=0)
    out, _ = net.forward(table)
    assert net.feature_names_in_.tolist() == ["a", "b"]
    assert np.array_equal(net.forward({"b": X[:, 1], "a": X[:, 0]})[0], out)


def test_a_gradient_passes_through_two_networks(rng):
    """As in adversarial training and for heads on a shared trunk: the gradient of X of one is that of the other's
    outputs."""
    X = rng.normal(size=(30, 3))
    trunk = cnn.Network([cnn.Dense(8, "tanh"), cnn.Dense(6, "relu")], loss="mse", dtype="float64", seed=0)
    heads = [
        cnn.Network([cnn.Dense(5, "tanh"), cnn.Dense(n)], loss="mse", dtype="float64", seed=n) for n in (1, 2)
    ]
    d = [rng.normal(size=(30, n)) for n in (1, 2)]
    hidden, tape = trunk.forward(X)
    tapes = [head.forward(hidden)[1] for head in heads]
    sums = sum(head.backward(t, g, inputs=True)["inputs"] for head, t, g in zip(heads, tapes, d, strict=True))
    found = trunk.backward(tape, sums, inputs=True)["inputs"]

    def both(rows):
        hidden = trunk.forward(rows)[0]
        return np.hstack([head.forward(hidden)[0] for head in heads])

    check_differences(both, X, np.hstack(d), found)


def test_sums_of_gradients_are_gradients(rng):
    """Half batches, with gradients added, take the step of the whole batch."""
    X, y = drawn(rng, "float64")
    nets = [new_network("float64") for _ in range(2)]
    outs, tapes = zip(*[nets[0].forward(X[part]) for part in (slice(12), slice(12, 24))], strict=True)
    first, second = (
        nets[0].backward(tape, (out - y[part]) / 12)
        for out, tape, part in zip(outs, tapes, (slice(12), slice(12, 24)), strict=True)
    )
    total = [
        {name: a[name] + b[name] for name in a}
        for a, b in zip(first["layers"], second["layers"], strict=True)
    ]
    nets[0].step({"layers": total})
    out, tape = nets[1].forward(X)
    nets[1].step(nets[1].backward(tape, (out - y) / 12))
    for a, b in zip(nets[0].get_weights(), nets[1].get_weights(), strict=True):
        np.testing.assert_allclose(a[0], b[0], rtol=1e-9)


def test_a_step_without_the_penalty(rng):
    """With the gradients of the network's own loss, which include it."""
    X, y = drawn(rng)
    nets = [new_network("penalty").fit(X, y, epochs=0) for _ in range(2)]
    nets[0].step(nets[0].gradients(X, y), penalty=False)
    nets[1].partial_fit(X, y, batch_size="full")
    assert state_of(nets[0]) == state_of(nets[1])


def test_the_network_of_an_estimator(rng):
    """The penalty of estimators depends on the number of rows of a batch."""
    X = rng.normal(size=(24, 3))
    model = cnn.MLPRegressor(hidden_layer_sizes=(5,), max_iter=2, random_state=0).fit(X, X[:, 0])
    net = model.network_
    out, tape = net.forward(X)
    gradients, before = net.backward(tape, out), net.get_weights()
    with pytest.raises(ValueError, match=r"divided by the number of rows, .* Pass penalty=False"):
        net.step(gradients)
    np.testing.assert_array_equal(net.get_weights()[0][0], before[0][0])
    net.step(gradients, penalty=False)
    assert abs(model.coefs_[0] - before[0][0]).max() > 1e-6
    np.testing.assert_allclose(model.predict(X), net.forward(X)[0][:, 0], rtol=1e-5, atol=1e-6)  # float32


def test_predictions_follow_the_steps(rng):
    X, y = drawn(rng)
    net = new_network("batch norm").fit(X, y, epochs=1)
    before = net.predict(X)
    out, tape = net.forward(X, training=True)  # moves the running statistics
    moved = net.predict(X)
    assert not np.array_equal(moved, before)
    net.step(net.backward(tape, out))
    assert not np.array_equal(net.predict(X), moved)
    classifier = cnn.Network([cnn.Dense(2)], seed=0).fit(X, y[:, 0] > 0, epochs=1)
    classifier.calibrate(X, y[:, 0] > 0)
    out, tape = classifier.forward(X)
    assert classifier.temperature_ != 1
    classifier.step(classifier.backward(tape, out))
    assert getattr(classifier, "temperature_", 1) == 1


# ---- refusals


def test_bad_arguments_are_refused(rng):
    X, y = drawn(rng)
    net = new_network("").fit(X, y, epochs=1)
    before = state_of(net)
    out, tape = net.forward(X)
    good = net.backward(tape, out)
    for d, message in (
        (out[:5], r"d_out has shape \(5, 2\); the outputs of this tape have \(24, 2\)"),
        (out[:, 0], r"d_out has shape \(24,\)"),
        (np.full_like(out, np.nan), "Input d_out contains NaN: row 0, column 0"),
        (np.full(out.shape, 1e300), "a value too large for float32"),
    ):
        with pytest.raises(ValueError, match=message):
            net.backward(tape, d)
    with pytest.raises(TypeError, match="d_out holds"):
        net.backward(tape, [["a", "b"]] * 24)
    with pytest.raises(TypeError, match=r"tape must be a tape of forward\. Got dict instead"):
        net.backward(good, out)
    with pytest.raises(ValueError, match="The tape is of another network"):
        copy.deepcopy(net).backward(tape, out)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        net.forward(np.full_like(X, np.nan))
    with pytest.raises(ValueError, match="X has 3 columns"):
        net.forward(X[:, :3])
    with pytest.raises(TypeError, match="A tape is not pickled"):
        pickle.dumps(tape)
    with pytest.raises(ValueError, match="The gradients are not finite"):
        net.backward(tape, np.full(out.shape, 3e38))
    layers = good["layers"]
    for gradients, error, message in (
        (layers, TypeError, "gradients must be a dict. Got list instead"),
        ({"inputs": X}, ValueError, "gradients has no key 'layers'; its keys: 'inputs'"),
        ({"layers": layers[:1]}, ValueError, r"gradients\['layers'\] has 1 layers; the network has 3"),
        (
            {"layers": [*layers[:2], {"weight": layers[2]["weight"]}]},
            ValueError,
            r"\['layers'\]\[2\] has the keys",
        ),
        (
            {"layers": [{**layers[0], "weight": X}, *layers[1:]]},
            ValueError,
            r"\[0\]\['weight'\] has shape \(24, 4\)",
        ),
        (
            {"layers": [{**layers[0], "bias": np.full(12, np.inf, "f4")}, *layers[1:]]},
            ValueError,
            "not finite",
        ),
        ({"layers": [{**layers[0], "bias": [np.inf] * 12}, *layers[1:]]}, ValueError, "not finite"),
        ({"layers": [{**layers[0], "bias": ["a"] * 12}, *layers[1:]]}, TypeError, "real numbers"),
    ):
        with pytest.raises(error, match=message):
            net.step(gradients)
    assert state_of(net) == before
    net.step({"layers": [{name: a.tolist() for name, a in state.items()} for state in layers]})
    assert state_of(net) != before
    with pytest.raises(ValueError, match="link=True is not possible for the loss ordinal"):
        cnn.Network([cnn.Dense(2)], loss="ordinal").forward(X, link=True)
    with pytest.raises(cnn.NotFittedError):
        cnn.Network([cnn.Dense(2)]).step(good)
    with pytest.raises(cnn.NotFittedError):
        cnn.Network([cnn.Dense(2)]).backward(tape, out)
    net.optimizer = cnn.LBFGS()
    with pytest.raises(ValueError, match="but LBFGS needs the loss, too"):
        net.step(good)


CHANGES = {
    "step": lambda net, X, y: net.step(net.backward(net.forward(X)[1], y)),
    "partial_fit": lambda net, X, y: net.partial_fit(X, y),
    "set_weights": lambda net, X, y: net.set_weights(net.get_weights()),
    "restore": lambda net, X, y: net.restore(net.snapshot()),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_tape_of_other_weights_is_refused(rng, change):
    X, y = drawn(rng)
    net = new_network("").fit(X, y, epochs=1)
    tape = net.forward(X)[1]
    assert repr(tape) == "<Tape of 24 rows, valid>"
    change(net, X, y)
    assert "not valid" in repr(tape)
    with pytest.raises(RuntimeError, match="have changed since the forward pass of this tape"):
        net.backward(tape, y)
    tape = net.forward(X)[1]
    net.fit(X, y, epochs=1)  # from the initial weights, in new memory
    with pytest.raises(ValueError, match="before it was fitted again"):
        net.backward(tape, y)


def test_during_fit_of_another_thread(rng):
    X, y = drawn(rng)
    net = new_network("").fit(X, y, epochs=0)
    gradients, tape = net.gradients(X, y), net.forward(X)[1]
    begun, go_on = threading.Event(), threading.Event()

    def wait(*_):
        begun.set()
        go_on.wait(10)

    thread = threading.Thread(target=net.fit, args=(X, y), kwargs={"epochs": 1, "callback": wait})
    thread.start()
    begun.wait(10)
    try:
        for call in (lambda: net.forward(X), lambda: net.backward(tape, y), lambda: net.step(gradients)):
            with pytest.raises((RuntimeError, ValueError), match=r"is being trained|of another network"):
                call()
    finally:
        go_on.set()
        thread.join()
    net.forward(X)


def test_in_a_callback_between_epochs(rng):
    """Outputs and gradients can be computed there, but no steps be taken."""
    X, y = drawn(rng)
    found = []

    def callback(net, epoch, history):
        out, tape = net.forward(X)
        found.append(net.backward(tape, out))
        with pytest.raises(RuntimeError, match="is being trained"):
            net.step(found[-1])

    new_network("").fit(X, y, epochs=2, callback=callback)
    assert len(found) == 2
