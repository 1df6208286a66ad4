"""Losses of networks: what they learn and predict, in files and copies, in the words of the user."""

import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from command_line import outcome
from compiled_nn import losses, metrics
from compiled_nn.losses import LOSSES, Loss
from small import bits

from cnn_core.stack import Objective

# The units of the last layer and the columns of y where they differ, for losses of values.
SHAPES = {"quantile": (3, 1), "gaussian_nll": (4, 2)}


def network(loss, units, hidden=8, **parameters):
    layers = [cnn.Dense(hidden, "tanh")] if hidden else []
    parameters = {"optimizer": cnn.Adam(0.01), "seed": 0, **parameters}
    return cnn.Network([*layers, cnn.Dense(units)], loss=loss, **parameters)


def problem(loss, rng, m=120):
    """X, y and the units of the last layer for a loss."""
    X = rng.standard_normal((m, 3))
    if not loss.classifies:
        units, columns = SHAPES.get(loss.name, (2, 2))
        return X, np.exp(X[:, :columns] / 2 + 0.1 * rng.standard_normal((m, columns))), units
    y = np.array(["high", "low", "mid"])[np.digitize(X[:, 0], [-0.5, 0.5])]
    return X, y, loss.n_outputs(3)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_learns_and_is_saved(rng, dtype, name, tmp_path):
    loss = LOSSES[name]
    X, y, units = problem(loss, rng)
    net = network(name, units, dtype=dtype).fit(X, y, epochs=60, validation_data=(X, y))
    assert net.history["loss"][-1] < 0.9 * net.history["loss"][0] or net.history["loss"][-1] < 0.02
    assert net.history["val_loss"][-1] == net.loss(X, y)
    assert net.history["val_score"][-1] == net.score(X, y) > 0.3
    assert net.predict(X).shape == (y.shape if name != "quantile" else (120, 3))
    assert repr(name) in repr(net) or name == "softmax_cross_entropy"
    net.save(tmp_path / "net.safetensors")
    again = cnn.load(tmp_path / "net.safetensors")
    copy = pickle.loads(pickle.dumps(net))
    for other in (again, copy):
        assert np.array_equal(other.predict(X), net.predict(X))
        assert other.loss(X, y) == net.loss(X, y)
    if loss.classifies:
        assert set(net.predict(X)) <= {"high", "low", "mid"}
        proba = net.predict_proba(X)
        assert proba.shape == (120, 3)
        if loss.link != "sigmoid":
            assert np.allclose(proba.sum(axis=1), 1, atol=1e-6)


WITH_PARAMETERS = [
    losses.BinaryCrossEntropy(pos_weight=[1.0, 2, 3], label_smoothing=0.1),
    losses.BinaryCrossEntropy(pos_weight=4),
    losses.SoftmaxCrossEntropy(label_smoothing=0.2),
    losses.Focal(1.5),
    losses.Focal(link="sigmoid"),
    losses.Huber(0.3),
    losses.Tweedie(1.7),
    losses.Quantile([0.2, 0.4, 0.8]),
]


@pytest.mark.parametrize("loss", WITH_PARAMETERS, ids=repr)
def test_parameters_are_in_the_file_and_in_the_repr(rng, loss, tmp_path):
    X, y, units = problem(loss, rng)
    if loss.name == "binary_cross_entropy":
        y = (X > 0).astype(float)
    net = network(loss, units).fit(X, y, epochs=3)
    assert repr(loss) in repr(net)
    net.save(tmp_path / "net.safetensors")
    again = cnn.load(tmp_path / "net.safetensors")
    assert repr(again) == repr(net)
    assert bits(again.fit(X, y, epochs=2)) == bits(network(loss, units).fit(X, y, epochs=2))


# -- what each is for ------------------------------------------------------------------------------


def test_absolute_error_finds_the_median(rng):
    y = rng.exponential(3.0, 501)
    net = network("mae", 1, hidden=0, optimizer=cnn.SGD(0.01), dtype="float64")
    net.fit(np.zeros((501, 1)), y, epochs=3000, batch_size="full")
    assert net.predict([[0.0]])[0] == pytest.approx(np.median(y), abs=0.02)


def test_quantiles_cover_what_they_say(rng):
    X = rng.uniform(-1, 1, (30_000, 1))
    y = X[:, 0] + (0.3 + 0.5 * np.abs(X[:, 0])) * rng.standard_normal(30_000)
    adam = cnn.Adam(lambda step: 0.01 * 0.995**step)
    net = network(losses.Quantile((0.1, 0.5, 0.9)), 3, 16, optimizer=adam)
    net.fit(X[:10_000], y[:10_000], epochs=20, batch_size=200)
    predicted = net.predict(X[10_000:])
    assert (np.diff(predicted, axis=1) >= 0).all()
    coverage = (y[10_000:, np.newaxis] <= predicted).mean(axis=0)
    assert np.abs(coverage - (0.1, 0.5, 0.9)).max() < 0.02
    assert 0.2 < net.score(X[10_000:], y[10_000:]) < 0.7


def test_crossed_quantiles_are_predicted_in_order():
    net = network("quantile", 3, hidden=0)
    net.set_weights([(np.zeros((1, 3)), np.array([5.0, -1.0, 2.0]))])
    assert net.predict([[0.0]]).tolist() == [[-1.0, 2.0, 5.0]]


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_of_quantiles_is_that_of_predictions(scaled, weighted, rng):
    """One step from weights whose outputs cross, also in units of y; the sum over the quantiles, as in training."""
    X, y = rng.normal(size=(50, 1)), 100 + 5 * rng.normal(size=50)
    loss = losses.Quantile((0.1, 0.5, 0.9))
    net = network(loss, 3, hidden=0, dtype="float64", scale_targets=scaled, optimizer=cnn.SGD(1e-9))
    weights = rng.random(50) if weighted else None
    net.fit(X, y, epochs=1, batch_size="full")
    net.set_weights([(np.array([[1.0, -1.0, 0.5]]), np.array([2.0, -1.0, 0.0]))])
    assert (np.diff(net.decision_function(X), axis=1) < 0).any()
    predicted = net.predict(X)
    expected = sum(
        metrics.pinball(y, column, weights, quantile=q)
        for column, q in zip(predicted.T, loss.quantiles, strict=True)
    )
    assert net.loss(X, y, weights) == pytest.approx(expected, rel=1e-12)  # float64: rounding of sums


def test_gaussian_finds_mean_and_deviation(rng):
    X = rng.uniform(-1, 1, (5000, 1))
    sigma = np.exp(X[:, 0])
    y = 2 * X[:, 0] + sigma * rng.standard_normal(5000)
    net = network("gaussian_nll", 2, 16).fit(X, y, epochs=40, batch_size=100)
    grid = np.linspace(-0.9, 0.9, 19)[:, np.newaxis]
    mean, std = net.predict_distribution(grid)
    assert np.array_equal(mean, net.predict(grid))
    assert np.abs(std / np.exp(grid[:, 0]) - 1).max() < 0.1
    assert np.abs(mean - 2 * grid[:, 0]).max() < 0.25
    both = network("gaussian_nll", 4).fit(X, np.column_stack([y, y]), epochs=1)
    assert [part.shape for part in both.predict_distribution(grid)] == [(19, 2), (19, 2)]


def test_an_order_of_classes_helps(rng):
    X = rng.standard_normal((400, 6))
    latent = X @ rng.standard_normal(6) + rng.logistic(size=400)
    y = np.digitize(latent, np.quantile(latent, [0.15, 0.3, 0.5, 0.7, 0.85]))
    error = {}
    for loss in ("ordinal", "softmax_cross_entropy"):
        units = LOSSES[loss].n_outputs(6)
        net = network(loss, units, hidden=0).fit(X[:100], y[:100], epochs=150)
        error[loss] = np.abs(net.predict(X[100:]) - y[100:]).mean()
    assert error["ordinal"] < error["softmax_cross_entropy"]


def test_ordinal_probabilities_fall_with_rank(rng):
    net = network("ordinal", 4, hidden=0, dtype="float64")
    net.set_weights([(3 * rng.standard_normal((5, 4)), rng.standard_normal(4))])
    X = 3 * rng.standard_normal((200, 5))
    proba = net.predict_proba(X)
    assert proba.shape == (200, 5)
    assert (proba >= 0).all()
    assert np.allclose(proba.sum(axis=1), 1)
    above = 1 - np.cumsum(proba, axis=1)[:, :-1]
    assert np.array_equal(net.predict(X), (above >= 0.5).sum(axis=1))
    out = np.empty((200, 5))
    assert net.predict_proba(X, out=out) is out
    assert np.array_equal(out, proba)
    with pytest.raises(ValueError, match="out has shape"):
        net.predict_proba(X, out=np.empty((200, 4)))


@pytest.mark.parametrize("name", ["poisson", "gamma", "tweedie"])
def test_log_links_predict_means(rng, name):
    X = rng.uniform(-1, 1, (3000, 2))
    mean = np.exp(1 + X[:, 0])
    y = rng.poisson(mean) if name == "poisson" else rng.gamma(2.0, mean / 2)
    net = network(name, 1, 16).fit(X, y, epochs=30, batch_size=50)
    grid = np.column_stack([np.linspace(-0.8, 0.8, 9), np.zeros(9)])
    assert np.abs(net.predict(grid) / np.exp(1 + grid[:, 0]) - 1).max() < 0.15
    assert np.allclose(np.exp(net.decision_function(grid)), net.predict(grid), rtol=1e-5)


@pytest.mark.parametrize(
    "loss", [losses.SoftmaxCrossEntropy(0.1), losses.BinaryCrossEntropy(label_smoothing=0.1)]
)
def test_smoothed_labels_are_soft_labels(rng, loss):
    X, y = rng.standard_normal((60, 3)), np.arange(60) % 3
    n = 3 if loss.link == "softmax" else 2
    hard = np.eye(3)[y]
    soft = hard * 0.9 + 0.1 / n
    one = network(loss, 3, dtype="float64").fit(X, hard, epochs=3, validation_data=(X, hard))
    other = network(loss.name, 3, dtype="float64").fit(X, soft, epochs=3)
    for (W, b), (V, c) in zip(one.get_weights(), other.get_weights(), strict=True):
        assert np.allclose(W, V, atol=1e-7)
        assert np.allclose(b, c, atol=1e-7)
    assert one.history["loss"] == pytest.approx(other.history["loss"], rel=1e-7)
    plain = network(loss.name, 3, dtype="float64")
    plain.set_weights(one.get_weights())
    assert one.history["val_loss"][-1] == one.loss(X, hard) == plain.loss(X, hard)


@pytest.mark.parametrize("link", ["softmax", "sigmoid"])
def test_focal_loss_without_gamma_is_cross_entropy(rng, link):
    X, y = rng.standard_normal((60, 3)), np.arange(60) % 3
    plain = "softmax_cross_entropy" if link == "softmax" else "binary_cross_entropy"
    nets = [network(loss, 3, dtype="float64").fit(X, y) for loss in (losses.Focal(0.0, link), plain)]
    for (W, _), (V, _) in zip(nets[0].get_weights(), nets[1].get_weights(), strict=True):
        assert np.allclose(W, V, atol=1e-9)


def test_a_weight_of_the_positive_class_is_a_weight_of_its_rows(rng):
    X, y = rng.standard_normal((50, 3)), rng.random(50) < 0.2
    net = network(losses.BinaryCrossEntropy(pos_weight=5.0), 1, dtype="float64").fit(X, y)
    plain = network("binary_cross_entropy", 1, dtype="float64").fit(X, y)
    plain.set_weights(net.get_weights())
    w = np.where(y, 5.0, 1.0)
    assert net.loss(X, y) == pytest.approx(plain.loss(X, y, w) * w.sum() / 50, rel=1e-12)


# -- losses of one's own ---------------------------------------------------------------------------


def squares(y, z):
    return ((z - y).astype(float) ** 2).sum(axis=1), 2 * (z - y)


def test_a_custom_square_is_mse(rng, dtype, tmp_path):
    X, y, units = problem(LOSSES["mse"], rng)
    own = losses.CustomLoss(squares, name="squares")
    nets = [
        network(loss, units, dtype=dtype).fit(X, y, epochs=5, sample_weight=y[:, 0]) for loss in (own, "mse")
    ]
    assert bits(nets[0]) == bits(nets[1])
    assert nets[0].score(X, y) == nets[1].score(X, y)
    with pytest.raises(ValueError, match="'squares' is a Python function, which a file does not hold"):
        nets[0].save(tmp_path / "net.safetensors")
    assert not list(tmp_path.iterdir())
    assert bits(pickle.loads(pickle.dumps(nets[0]))) == bits(nets[0])


def test_a_custom_loss_has_a_link(rng):
    def poisson(y, z):
        return (np.exp(z) - y * z).sum(axis=1), np.exp(z) - y

    X, y, units = problem(LOSSES["poisson"], rng)
    own, built_in = (
        network(loss, units, dtype="float64").fit(X, y, epochs=5)
        for loss in (losses.CustomLoss(poisson, link="exp"), "poisson")
    )
    assert np.allclose(own.predict(X), built_in.predict(X), rtol=1e-9)
    assert (own.predict(X) > 0).all()


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_an_error_in_a_custom_loss_is_raised(rng, error):
    calls = []

    def failing(y, z):
        calls.append(1)
        if len(calls) == 7:
            raise error
        return squares(y, z)

    X, y, units = problem(LOSSES["mse"], rng)
    net = network(losses.CustomLoss(failing), units)
    with pytest.raises(error):
        net.fit(X, y, batch_size=30)
    assert len(net.history["epoch"]) == 1
    assert np.isfinite(net.predict(X)).all()
    assert bits(net) != bits(network("mse", units).fit(X, y, batch_size=30, epochs=1))


# -- refusals --------------------------------------------------------------------------------------

DOMAINS = {
    "poisson": (losses.Poisson(), -1.0, "HalfPoissonLoss", ">= 0"),
    "gamma": (losses.Gamma(), 0.0, "HalfGammaLoss", "> 0"),
    "tweedie": (losses.Tweedie(1.5), -1.0, "HalfTweedieLoss", ">= 0"),
    "tweedie 3": (losses.Tweedie(3.0), 0.0, "HalfTweedieLoss", "> 0"),
}


@pytest.mark.parametrize("case", DOMAINS)
def test_values_out_of_range(case):
    loss, bad, name, valid = DOMAINS[case]
    y = np.ones((4, 2))
    y[2, 1] = bad
    words = (
        rf"Some value\(s\) of y are out of the valid range of the loss '{name}'\. {loss.name} takes y {valid};"
        rf" row 2, column 1 is {bad:g}"
    )
    net = network(loss, 2)
    with pytest.raises(ValueError, match=words):
        net.fit(np.ones((4, 3)), y)
    with pytest.raises(ValueError, match=words):
        net.fit(np.ones((4, 3)), np.ones((4, 2)), validation_data=(np.ones((4, 3)), y))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: losses.Huber(0), ValueError, "'delta' parameter of Huber must be a finite number > 0"),
        (lambda: losses.Tweedie(0.5), ValueError, "'power' parameter of Tweedie"),
        (lambda: losses.Focal(-1), ValueError, "'gamma' parameter of Focal"),
        (lambda: losses.Focal(link="identity"), ValueError, "'link' parameter of Focal"),
        (lambda: losses.Quantile((0.5, 0.1)), ValueError, "must be in increasing order"),
        (lambda: losses.Quantile((0.0, 0.1)), ValueError, "'quantiles' parameter of Quantile"),
        (lambda: losses.Quantile(0.5), TypeError, "must be a sequence of numbers"),
        (lambda: losses.SoftmaxCrossEntropy(1.0), ValueError, "'label_smoothing'"),
        (lambda: losses.BinaryCrossEntropy([1, -1]), ValueError, "'pos_weight'"),
        (lambda: losses.CustomLoss(3), TypeError, "must be callable"),
        (lambda: losses.CustomLoss(squares, link="relux"), ValueError, "Did you mean 'relu'"),
        (lambda: network("hubber", 1), ValueError, "Did you mean 'huber'"),
        (lambda: network(squares, 1), TypeError, "losses.CustomLoss"),
        (lambda: network("quantile", 2), ValueError, "3 quantiles, one per output; the last layer has 2"),
        (lambda: network("gaussian_nll", 3), ValueError, "the last layer has 3 outputs"),
        (lambda: network("focal", 1), ValueError, r"use Focal\(link='sigmoid'\)"),
        (
            lambda: network(losses.BinaryCrossEntropy([1, 2]), 3),
            ValueError,
            "has 2 numbers; the last layer has 3",
        ),
        (lambda: network("mse", 1).fit([[0.0]], [1.0]).predict_distribution([[0.0]]), ValueError, "is mse"),
        (
            lambda: network("mse", 1).fit([[0.0]], [1.0]).predict_proba([[0.0]]),
            ValueError,
            "mse predicts values",
        ),
        (lambda: network("ordinal", 2).fit(np.ones((4, 1)), np.eye(4)), ValueError, "one label per sample"),
        (
            lambda: network("ordinal", 2).fit(np.ones((4, 1)), [0, 1, 2, 3]),
            ValueError,
            "2 outputs, for 3 classes",
        ),
        (lambda: network("gaussian_nll", 4).fit(np.ones((4, 1)), np.ones(4)), ValueError, "y has 1 column"),
    ],
)
def test_refusals(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize(
    "config",
    [
        {"name": "hubber"},
        {"name": "huber"},
        {"name": "huber", "delta": 1, "more": 2},
        {"delta": 1.0},
        {"name": 3},
    ],
)
def test_files_with_other_losses_are_refused(config):
    with pytest.raises(ValueError, match=r"loss"):
        losses.from_config(config)


def test_names_are_keys():
    assert all(isinstance(loss, Loss) and loss.name == name for name, loss in LOSSES.items())


@pytest.mark.parametrize("loss", ["huber", "quantile", "poisson"])
def test_the_command_line_has_the_outputs_of_the_loss(rng, tmp_path, capsys, loss):
    X = rng.standard_normal((80, 3))
    np.savez(tmp_path / "data.npz", X=X, y=np.exp(X[:, 0]))
    model = str(tmp_path / "net.safetensors")
    data = str(tmp_path / "data.npz")
    code, _, stderr = outcome(capsys, "train", data, "--loss", loss, "--epochs", "3", "--out", model)
    assert code == 0, stderr
    assert cnn.load(model).layers[-1].units == (3 if loss == "quantile" else 1)
    assert outcome(capsys, "info", model)[0] == 0


# -- other libraries -------------------------------------------------------------------------------


def test_half_deviances_equal_scikit_learn(rng):
    sklearn = pytest.importorskip("sklearn._loss")
    y, z = rng.gamma(2.0, 1.0, 50), rng.normal(0, 1.5, 50)
    net = cnn.Network([cnn.Dense(1)], loss="poisson", dtype="float64")
    for loss, theirs in (
        ("poisson", sklearn.HalfPoissonLoss()),
        ("gamma", sklearn.HalfGammaLoss()),
        (losses.Tweedie(1.3), sklearn.HalfTweedieLoss(power=1.3)),
        ("squared_error", sklearn.HalfSquaredError()),
        ("mae", sklearn.AbsoluteError()),
        (losses.Quantile((0.3,)), sklearn.PinballLoss(quantile=0.3)),
        (losses.Huber(0.7), sklearn.HuberLoss(delta=0.7)),
    ):
        net = cnn.Network([cnn.Dense(1)], loss=loss, dtype="float64")
        net.set_weights([(np.ones((1, 1)), np.zeros(1))])
        constant = theirs.constant_to_optimal_zero(y) if hasattr(theirs, "constant_to_optimal_zero") else 0
        expected = np.mean(theirs.loss(y_true=y, raw_prediction=z) + constant)
        assert net.loss(z[:, np.newaxis], y) == pytest.approx(expected, rel=1e-10), loss


def test_losses_equal_torch(rng):
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    z, y = rng.normal(0, 2, (30, 4)), rng.normal(0, 2, (30, 4))
    labels, flags = np.arange(30) % 4, rng.integers(0, 2, (30, 4)).astype(float)
    w = np.array([0.5, 1.0, 2.0, 3.0])
    T = torch.tensor
    expected = {
        losses.MeanAbsoluteError(): (y, F.l1_loss(T(z), T(y), reduction="sum")),
        losses.Huber(0.8): (y, F.huber_loss(T(z), T(y), reduction="sum", delta=0.8)),
        losses.Poisson(): (
            np.exp(y),
            F.poisson_nll_loss(T(z), T(np.exp(y)), reduction="sum")
            + float((np.exp(y) * y - np.exp(y)).sum()),
        ),
        losses.GaussianNLL(): (
            y[:, :2].copy(),
            F.gaussian_nll_loss(T(z[:, :2]), T(y[:, :2]), T(np.exp(z[:, 2:])), full=True, reduction="sum"),
        ),
        losses.SoftmaxCrossEntropy(0.1): (
            labels,
            F.cross_entropy(T(z), T(labels), reduction="sum", label_smoothing=0.1),
        ),
        losses.BinaryCrossEntropy(tuple(w.tolist())): (
            flags,
            F.binary_cross_entropy_with_logits(T(z), T(flags), reduction="sum", pos_weight=T(w)),
        ),
    }
    for loss, (target, total) in expected.items():
        net = cnn.Network([cnn.Dense(4)], loss=loss, dtype="float64")
        net.set_weights([(np.eye(4), np.zeros(4))])
        core = net._fitted().loss(z, target, Objective(loss.core))[0]
        assert core == pytest.approx(float(total) / 30, rel=1e-12), loss


@pytest.mark.parametrize(
    "array", [np.array([1, 2, 3]), np.array([1.0, 2.0, 3.0], np.float32), (1, 2.0, np.int64(3))]
)
def test_numbers_of_a_loss_may_be_an_array(array):
    loss, quantile = losses.BinaryCrossEntropy(pos_weight=array), losses.Quantile(np.asarray(array) / 4)
    assert loss == losses.BinaryCrossEntropy(pos_weight=[1.0, 2.0, 3.0])
    assert hash(loss) == hash(losses.BinaryCrossEntropy(pos_weight=(1.0, 2.0, 3.0)))
    assert quantile == losses.Quantile((0.25, 0.5, 0.75))
    X = np.arange(12.0).reshape(6, 2)
    net = network(loss, 3).fit(X, np.eye(3)[[0, 1, 2, 0, 1, 2]], epochs=1)
    assert np.isfinite(net.loss(X, np.eye(3)[[0, 1, 2, 0, 1, 2]]))
    assert losses.from_config(losses.to_config(loss)) == loss


@pytest.mark.parametrize("value", ["2", [], [[1.0]], np.zeros((0,)), np.ones((2, 2)), None])
def test_other_numbers_of_a_loss_are_refused(value):
    with pytest.raises(TypeError, match="'quantiles' parameter of Quantile must be a sequence of numbers"):
        losses.Quantile(value)
    if value is not None:
        with pytest.raises(
            TypeError, match="'pos_weight' parameter of BinaryCrossEntropy must be a sequence"
        ):
            losses.BinaryCrossEntropy(pos_weight=value)


def test_ordinal_probabilities_of_0_have_no_sign():
    net = cnn.Network([cnn.Dense(2)], loss="ordinal")
    net.set_weights([([[0.0, 0.0]], [40.0, 40.0])])  # P(y > 0) is 1 in float32
    probabilities = net.predict_proba([[1.0]])
    assert probabilities[0, 0] == 0
    assert not np.signbit(probabilities).any()
