"""The tutorials' networks: twenty steps against the oracle, through functions and `Network`; and their two classes."""

import sys

import compiled_nn as cnn
import networks
import numpy as np
import pytest
import reference
import small
from compiled_nn import functional as F  # noqa: N812
from compiled_nn.spec import shapes
from compiled_nn.tutorials import NeuralNet, NNClassifier

STEPS = 20


class Course:
    """A network of a tutorial on small data, at the same initial weights for everybody."""

    def __init__(self, rng, sizes, hidden, link, rate, *, m=40, bias=True, batches=1, l2=0.0):
        self.loss = {link: loss for loss, link in networks.LINKS.items()}[link]
        self.activations = (*[hidden] * (len(sizes) - 2), link)
        self.shape = [{"nodes": n, "activation": f} for n, f in zip(sizes[1:], self.activations, strict=True)]
        self.network = reference.initial_weights(sizes, rng, [bias] * (len(sizes) - 1))
        self.params = shapes.to_dict(self.network)
        self.X = rng.normal(size=(m, sizes[0]))
        self.labels = np.arange(m) % max(2, sizes[-1])
        n = sizes[-1]
        self.y = self.labels[:, None].astype(float) if n == 1 else np.eye(n)[self.labels]
        self.rate, self.rows, self.l2 = rate, m // batches, l2

    def oracle(self):
        network, losses = self.network, []
        for _ in range(STEPS):
            network, loss, _ = reference.train(
                network,
                self.activations,
                self.X,
                self.y,
                self.loss,
                reference.SGD(),
                None,
                np.full(len(self.X) // self.rows, self.rate),
                batch_size=self.rows,
                l2=self.l2,
            )
            losses.append(loss)
        return network, losses

    def batches(self):
        for _ in range(STEPS):
            for start in range(0, len(self.X), self.rows):
                yield self.X[start : start + self.rows], self.y[start : start + self.rows]


COURSES = {
    "beans": ((50, 4, 3, 2, 1), "relu", "sigmoid", 0.05, {}),
    "cat": ((60, 20, 7, 5, 1), "relu", "sigmoid", 0.0075, {}),
    "mnist": ((30, 19, 1), "sigmoid", "sigmoid", 0.1, {}),
    "xor": ((2, 3, 1), "sigmoid", "identity", 0.2, {"m": 4, "bias": False}),
    "fashion": ((30, 8, 10), "sigmoid", "sigmoid", 0.5, {"bias": False, "batches": 4, "l2": 0.05}),
}


@pytest.fixture(params=COURSES)
def course(request, rng):
    sizes, hidden, link, rate, options = COURSES[request.param]
    return Course(rng, sizes, hidden, link, rate, **options)


@pytest.mark.parametrize("samples_first", [False, True])
def test_twenty_steps_through_the_functions(course, samples_first):
    params = course.params
    for X, y in course.batches():
        X, Y = (X, y) if samples_first else (X.T, y.T)
        grads = F.forward_prop(X, params, course.shape, samples_first=samples_first)
        moves = F.gradients(X, Y, params, grads, course.shape, samples_first=samples_first)
        for name, W in params.items():
            if name.startswith("W"):
                moves[f"d{name}"] = moves[f"d{name}"] + course.l2 * W
        params = F.update_parameters(params, moves, course.rate)
    assert networks.relative_error(shapes.from_dict(params), course.oracle()[0]) < 1e-9


def test_twenty_steps_through_whole_models(rng):
    course = Course(rng, (60, 20, 7, 5, 1), "relu", "sigmoid", 0.0075)
    params, costs = course.params, []
    for X, y in course.batches():
        AL, caches = F.L_model_forward(X.T, params)
        costs.append(F.compute_cost(AL, y))
        params = F.update_parameters(params, F.L_model_backward(AL, y, caches), course.rate)
    network, losses = course.oracle()
    assert networks.relative_error(shapes.from_dict(params), network) < 1e-9
    np.testing.assert_allclose(costs, losses, rtol=1e-9)


def test_twenty_steps_of_back_prop(rng):
    course = Course(rng, (50, 4, 3, 2, 1), "relu", "sigmoid", 0.05)
    params = course.params
    for X, _ in course.batches():
        grads = F.forward_prop(X.T, params, course.shape)
        params = F.back_prop(X.T, course.labels, params, grads, course.shape, course.rate)
    assert networks.relative_error(shapes.from_dict(params), course.oracle()[0]) < 1e-9


@pytest.mark.parametrize("gram", [False, "auto"])
def test_twenty_steps_through_a_network(course, gram):
    net = cnn.Network.from_dict(course.params, course.shape, optimizer=cnn.SGD(course.rate), l2=course.l2)
    net.fit(course.X, course.y, epochs=STEPS, batch_size=course.rows, shuffle=False, gram=gram)
    network, losses = course.oracle()
    assert networks.relative_error(net.get_weights(), network) < 1e-9
    np.testing.assert_allclose(net.history["loss"], losses, rtol=1e-9)


# ---- the classes


def test_neural_net_takes_the_steps_of_its_tutorial(rng):
    course = Course(rng, (30, 19, 1), "sigmoid", "sigmoid", 0.1)
    model = NeuralNet([19, 1], init=course.params, dtype="float64")
    assert model.fit(course.X, course.labels, learning_rate=0.1, n_iterations=STEPS) is model
    network, losses = course.oracle()
    assert networks.relative_error(shapes.from_dict(model.parameters), network) < 1e-9
    np.testing.assert_allclose(model.costs, losses, rtol=1e-9)
    probabilities = reference.forward(network, course.activations, course.X)[:, 0]
    np.testing.assert_allclose(model.predict_proba(course.X)[:, 1], probabilities, rtol=1e-9)
    assert model.score(course.X, course.labels) == np.mean((probabilities >= 0.5) == course.labels)
    assert (model.length, model.n, model.classes_.tolist()) == (2, 40, [0, 1])


@pytest.mark.parametrize("l1", [0.0, 0.3])
def test_nn_classifier_takes_the_steps_of_its_tutorial(rng, l1):
    """Sums over the batch, the penalty once a batch: the oracle is in those units."""
    course = Course(rng, (30, 8, 10), "sigmoid", "sigmoid", 0.01, bias=False, batches=4)
    V, W = course.params["W1"], course.params["W2"]
    for X, y in course.batches():
        hidden = reference.sigmoid(X @ V.T)
        top = reference.sigmoid(hidden @ W.T) - y
        below = top @ W * hidden * (1 - hidden)
        V, W = (
            V - 0.01 * (below.T @ X + 0.5 * V + l1 * np.sign(V)),
            W - 0.01 * (top.T @ hidden + 0.5 * W + l1 * np.sign(W)),
        )
    model = NNClassifier(
        n_classes=10,
        n_features=30,
        n_hidden_units=8,
        l2=0.5,
        l1=l1,
        epochs=STEPS,
        learning_rate=0.01,
        n_batches=4,
        random_seed=0,
        init=course.params,
        dtype="float64",
    ).fit(course.X, course.labels)
    weights = model.network_.to_dict()
    np.testing.assert_allclose(weights["W1"], V, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(weights["W2"], W, rtol=1e-9, atol=1e-12)
    logits = reference.sigmoid(course.X @ V.T) @ W.T
    np.testing.assert_allclose(model.predict_proba(course.X), reference.softmax(logits), rtol=1e-8)
    np.testing.assert_array_equal(model.predict(course.X), logits.argmax(axis=1))
    assert len(model.error_) == STEPS


def net_of(**options):
    return NeuralNet([5, 1], **options)


def classifier_of(**options):
    return NNClassifier(
        2, 4, **{"n_hidden_units": 5, "epochs": 4, "n_batches": 3, "random_seed": 1, **options}
    )


def fitted(model, y=small.INDICES % 2):
    return model.fit(small.X, y, n_iterations=4) if isinstance(model, NeuralNet) else model.fit(small.X, y)


models = pytest.mark.parametrize("make", [net_of, classifier_of])


@models
def test_fitting_twice_is_fitting_once(make, capsys):
    before = np.random.get_state(legacy=False)
    model = fitted(make())
    bits = small.bits(model.network_)
    assert small.bits(fitted(model).network_) == bits == small.bits(fitted(make()).network_)
    model.predict(small.X)
    after = np.random.get_state(legacy=False)
    assert (before["state"]["key"] == after["state"]["key"]).all()
    assert before["state"]["pos"] == after["state"]["pos"]
    assert capsys.readouterr().out == ""


@models
def test_labels_may_be_of_any_kind(make):
    words = np.where(small.INDICES % 2, "sick", "healthy")
    model = fitted(make(), words)
    assert model.classes_.tolist() == ["healthy", "sick"]
    labels = model.predict(small.X)
    assert set(labels) <= {"healthy", "sick"}
    assert model.score(small.X, words) == np.mean(labels == words)
    np.testing.assert_allclose(model.predict_proba(small.X).sum(axis=1), 1, rtol=1e-5)
    column = fitted(make(), words[:, None])
    assert small.bits(column.network_) == small.bits(model.network_)


@models
def test_initial_weights_may_be_given(make):
    model = fitted(make())
    first = fitted(make(init=model.network_.to_dict()))
    assert small.bits(first.network_) != small.bits(model.network_)
    given = {name: w.copy() for name, w in first.init.items()}
    model = make(init=given)
    given["W1"][...] = np.nan  # copied when it was given
    assert small.bits(fitted(model).network_) == small.bits(first.network_)
    fitted(make(init={**first.init, "W1": [[0, 0, 0, 0]] * 5}))  # a list of integers does as well
    named = fitted(make(init="glorot_normal"))
    assert small.bits(named.network_) != small.bits(fitted(make()).network_)


@models
def test_before_fit(make):
    model = make()
    for use in (model.predict, model.predict_proba, lambda X: model.score(X, X), lambda X: model.plot_cost()):
        with pytest.raises(cnn.NotFittedError, match=f"This {type(model).__name__} instance is not fitted"):
            use(small.X)
    assert getattr(model, "costs", None) in ([], None)
    assert getattr(model, "error_", None) in ([], None)


@models
def test_a_failed_fit_leaves_all_as_it_was(make):
    model = fitted(make())
    bits = small.bits(model.network_)
    with pytest.raises(ValueError, match="3 classes"):
        fitted(model, small.INDICES)
    assert small.bits(model.network_) == bits


@models
def test_plot_cost(make, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would fail
    model = fitted(make())
    display = model.plot_cost()
    assert len(display.lines_[0].get_xdata()) == 4
    assert display.lines_[0].get_xdata()[0] == 1
    assert model.plot_cost(display.ax_).ax_ is display.ax_


def test_parameters_are_copies():
    sizes = [5, 1]
    model = NeuralNet(sizes)
    assert model.parameters == {}
    fitted(model)
    assert (sizes, model.size_of_layers) == ([5, 1], (5, 1))
    model.parameters["W1"][...] = 0
    assert model.parameters["W1"].any()
    assert NeuralNet([1], init={"W1": [[1.0]], "b1": [[0.0]]}).parameters["W1"].tolist() == [[1.0]]


def test_rows_that_do_not_divide_into_batches():
    model = classifier_of(n_batches=7)  # 30 rows: six batches of five
    assert len(fitted(model).error_) == 4
    assert fitted(classifier_of(n_batches=50)).score(small.X, small.INDICES % 2) >= 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: NeuralNet([]), ValueError, "at least one entry"),
        (lambda: NeuralNet([3, 0]), ValueError, r"size_of_layers\[1\].*>= 1"),
        (lambda: NeuralNet([1], dtype="float16"), ValueError, "float32"),
        (lambda: NeuralNet([1], seed=-1), ValueError, "seed"),
        (lambda: NNClassifier(1, 4), ValueError, "'n_classes'.*>= 2"),
        (lambda: NNClassifier(2, 4, l2=-1), ValueError, "'l2'"),
        (lambda: NNClassifier(2, 4, learning_rate="fast"), TypeError, "'learning_rate'"),
        (
            lambda: NNClassifier(2, 5).fit(small.X, small.INDICES),
            ValueError,
            "4 columns; the network takes 5",
        ),
        (lambda: NeuralNet([1], init={"W2": [[1]]}), ValueError, "without gaps"),
        (
            lambda: fitted(NeuralNet([1], init={"W1": [[1.0]], "b1": [[0.0]]})),
            ValueError,
            "4 columns; the network takes 1",
        ),
        (lambda: fitted(NeuralNet([1], init="lecun_norml")), ValueError, "Did you mean 'lecun_normal'"),
    ],
)
def test_bad_parameters_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
