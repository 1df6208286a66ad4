"""What stops learning is found before and after training, and the remedy, followed literally, raises the score.

Scores are those of rows that neither training nor diagnosis has seen.
"""

import time

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import MLPClassifier, MLPRegressor
from small import bits

pytestmark = [  # warnings of fit about such a y, and such a time limit
    pytest.mark.filterwarnings("ignore:The root mean square of y"),
    pytest.mark.filterwarnings("ignore:time_limit has passed before the first step"),
]
D = cnn.Dense
OF_FIT = {"epochs", "batch_size", "class_weight", "time_limit"}


def table(seed, m=400):
    return np.random.default_rng(seed).normal(size=(m, 3))


X, TEST = table(0), table(1)


def value(X):
    return 3 * X[:, 0]


def label(X):
    return (X[:, 0] > 0).astype(int)


def noisy(y, share):
    rng = np.random.default_rng(5)
    return np.where(rng.random(len(y)) < share, 1 - y, y)


def values(*hidden, n=1, **parameters):
    return {"layers": [*(hidden or [D(16, "relu")]), D(n)], "loss": "mse", **parameters}


def classes(*hidden, **parameters):
    return {"layers": [*(hidden or [D(16, "relu")]), D(2)], **parameters}


def identity(y):
    return y


def smoothed(loss, n):
    return {"layers": [D(16, "relu"), D(n)], "loss": loss(label_smoothing=0.99)}


def steps(X):
    return np.digitize(X[:, 0], [-1, 0, 1])


def rare(X):
    """2 % positives."""
    return (X[:, 0] + X[:, 1] > 2.9).astype(int)


def heavy(X):
    """Counts most of whose deviance is in few rows: the largest is about 1000 times the median."""
    return np.random.default_rng(len(X)).poisson(np.exp(2 * X[:, 0] + 1))


# Name: parameters, arguments of fit, function of X, change of y for training, finding before fit (None: there is none)
# and after it, and the score that the remedy must reach.
CASES = {
    "deep": (
        values(*[D(16, "sigmoid")] * 50),
        {},
        value,
        identity,
        "vanishing_signal",
        "vanishing_signal",
        0.6,
    ),
    "deep classes": (classes(*[D(16, "sigmoid")] * 50), {}, label, identity, "vanishing_signal", None, 0.85),
    "large y": (values(), {}, lambda X: 1e6 * value(X) + 3e6, identity, "unscaled_target", None, 0.8),
    "small y": (values(), {}, lambda X: 1e-6 * value(X), identity, "unscaled_target", None, 0.8),
    "quantile": (
        *(
            {"layers": [D(16, "relu"), D(3)], "loss": "quantile"},
            {},
            lambda X: 1000 * value(X) + 5000,
            identity,
        ),
        *("unscaled_target", None, 0.6),
    ),
    "normal density": (
        *({"layers": [D(16, "relu"), D(2)], "loss": "gaussian_nll"}, {}, lambda X: 1000 * value(X) + 5000),
        *(identity, "unscaled_target", None, 0.7),
    ),
    "Adam(1e-9)": (values(optimizer=cnn.Adam(1e-9)), {}, value, identity, "small_rate", None, 0.95),
    "l2=100": (values(l2=100.0), {}, value, identity, "strong_penalty", None, 0.7),
    "l2=100 classes": (classes(l2=100.0), {}, label, identity, "strong_penalty", None, 0.9),
    "clip_norm": (values(clip_norm=1e-9), {}, value, identity, "clipped_gradient", None, 0.7),
    "clip_value": (
        *(classes(clip_value=1e-9, optimizer=cnn.SGD(0.1)), {}, label, identity),
        *("clipped_gradient", None, 0.9),
    ),
    "dropout=.99": (values(D(16, "relu", dropout=0.99)), {}, value, identity, "strong_dropout", None, 0.7),
    "input_dropout": (values(input_dropout=0.99), {}, value, identity, "strong_dropout", None, 0.7),
    "SGD(100)": (values(optimizer=cnn.SGD(100.0)), {}, value, identity, "exploding_rate", None, 0.95),
    "SGD(100) classes": (
        classes(optimizer=cnn.SGD(100.0)),
        {},
        label,
        identity,
        "exploding_rate",
        None,
        0.95,
    ),
    "label noise": (
        *(classes(D(128, "relu"), D(128, "relu"), optimizer=cnn.Adam(0.01)), {"epochs": 100}, label),
        *(lambda y: noisy(y, 0.3), "label_noise", None, 0.9),
    ),
    "frozen": (
        *(
            {"layers": [D(16, "relu", trainable=False), D(2, rate=0)]},
            {},
            label,
            identity,
            "frozen",
            None,
            0.9,
        ),
    ),
    "AdamW(weight_decay=100)": (
        *(values(optimizer=cnn.AdamW(weight_decay=100)), {}, value, identity),
        *("strong_decay", None, 0.7),
    ),
    "AdamW(weight_decay=100) classes": (
        *(classes(optimizer=cnn.AdamW(weight_decay=100)), {}, label, identity),
        *("strong_decay", None, 0.85),
    ),
    "label_smoothing=.99": (
        *(smoothed(cnn.losses.SoftmaxCrossEntropy, 4), {}, steps, identity),
        *("strong_smoothing", None, 0.5),
    ),
    "label_smoothing=.99, one output": (
        *(smoothed(cnn.losses.BinaryCrossEntropy, 1), {}, label, identity),
        *("strong_smoothing", None, 0.9),
    ),
    "time_limit": (classes(), {"time_limit": 1e-9}, label, identity, "", "time_limit", 0.9),
    "ema=.99999": (values(ema=0.99999), {"epochs": 3}, value, identity, "", "few_epochs", 0.9),
    "ema=.99999, enough epochs": (classes(ema=0.99999), {}, label, identity, "", "slow_average", 0.85),
    "heavy tails": (
        *({"layers": [D(16, "relu"), D(1)], "loss": "poisson"}, {"epochs": 10}, heavy, identity),
        *("", "few_epochs", 0.5),
    ),
    "few epochs": (classes(), {"epochs": 1}, label, identity, "", "few_epochs", 0.95),
    "low rate": (classes(optimizer=cnn.SGD(1e-4)), {}, label, identity, "", "small_rate", 0.95),
    "xor by a line": (
        *({"layers": [D(2)]}, {}, lambda X: (X[:, 0] * X[:, 1] > 0).astype(int), identity),
        *("", "underfitting", 0.9),
    ),
    "constant output": (
        *(classes(D(8, "relu", init=(-np.ones((3, 8)), np.full(8, -9.0)))), {}, label, identity),
        *("dead_layer", None, 0.9),
    ),
}


def trained(parameters, fit, X, y):
    net = cnn.Network(**{"seed": 0, **parameters})
    try:
        return net.fit(X, y, **{"epochs": 30, **fit})
    except cnn.DivergenceError:
        return net


def score(net, T, t):
    try:
        return net.score(T, t)
    except (cnn.NotFittedError, ValueError):
        return -np.inf  # weights that are not finite


@pytest.mark.parametrize("name", CASES)
def test_the_remedy_works(name):
    parameters, fit, function, spoiled, before, after, enough = CASES[name]
    y, t = spoiled(function(X)), function(TEST)
    fresh = cnn.Network(**{"seed": 0, **parameters})
    found = [finding.name for finding in fresh.diagnose(X, y)]
    assert found == ([before] if before else [])
    net = trained(parameters, fit, X, y)
    start = score(net, TEST, t)
    diagnosis = net.diagnose(X, y)
    finding = diagnosis[0]
    assert finding.name == (after or before)
    of_fit = {key: finding.change[key] for key in finding.change.keys() & OF_FIT}
    others = {key: value for key, value in finding.change.items() if key not in of_fit}
    end = score(trained({**parameters, **others}, {**fit, **of_fit}, X, y), TEST, t)
    assert end >= enough
    assert end > start + 0.05


@pytest.mark.parametrize(
    ("model", "function", "name"),
    [
        (
            MLPRegressor(hidden_layer_sizes=[16] * 50, activation="logistic", max_iter=150),
            value,
            "vanishing_signal",
        ),
        (MLPRegressor(), lambda X: 1e6 * value(X) + 3e6, "unscaled_target"),
        (MLPRegressor(), lambda X: 1e-6 * value(X), "unscaled_target"),
        (MLPRegressor(learning_rate_init=1e-9), value, "small_rate"),
        (MLPClassifier(optimizer=cnn.Adam(1e-9)), label, "small_rate"),
        (MLPRegressor(alpha=20_000.0), value, "strong_penalty"),
        (MLPClassifier(clip_norm=1e-9, solver="sgd"), label, "clipped_gradient"),
        (MLPRegressor(dropout=0.99), value, "strong_dropout"),
        (MLPRegressor(solver="sgd", learning_rate_init=100.0), value, "exploding_rate"),
        (MLPClassifier(hidden_layer_sizes=(128, 128), learning_rate_init=0.01), label, "label_noise"),
        (MLPClassifier(max_iter=1), label, "few_epochs"),
        (MLPRegressor(weight_decay=100.0), value, "strong_decay"),
        (MLPClassifier(optimizer=cnn.AdamW(weight_decay=100.0)), label, "strong_decay"),
        (MLPClassifier(label_smoothing=0.99), label, "strong_smoothing"),
        (
            MLPClassifier(loss=cnn.losses.SoftmaxCrossEntropy(label_smoothing=0.99), max_iter=100),
            label,
            "strong_smoothing",
        ),
        (MLPRegressor(time_limit=1e-9), value, "time_limit"),
        (MLPClassifier(ema=0.99999, max_iter=3), label, "few_epochs"),
        (MLPRegressor(loss="poisson", max_iter=30), heavy, "few_epochs"),
        (MLPClassifier(hidden_layer_sizes=()), lambda X: X[:, 0] * X[:, 1] > 0, "underfitting"),
    ],
)
def test_the_remedy_works_for_estimators(model, function, name):
    model.set_params(random_state=0)
    y, t = function(X), function(TEST)
    if name == "label_noise":
        y = noisy(y, 0.3)
    followed = type(model)(**model.get_params())
    before = model.diagnose(X, y)
    assert not hasattr(model, "network_")
    try:
        start = model.fit(X, y).score(TEST, t)
        finding = model.diagnose(X, y)[0]
    except cnn.DivergenceError:
        start, finding = -np.inf, before[0]
    assert finding.name == name
    if name not in ("few_epochs", "underfitting", "time_limit"):
        assert [each.name for each in before] == [name]
    end = followed.set_params(**finding.change).fit(X, y).score(TEST, t)
    # Fifty layers are still the hardest to train; without the remedy the score is about 0.
    assert end >= (0.6 if name == "vanishing_signal" else 0.8)
    assert end > start + 0.05


def test_words_are_those_of_the_model():
    y = value(X)
    assert MLPRegressor(alpha=2e4).diagnose(X, y)[0].remedy == "alpha=0.0"
    assert cnn.Network(**values(l2=100.0)).diagnose(X, y)[0].remedy == "l2=0.0"
    assert MLPRegressor(learning_rate_init=1e-9).diagnose(X, y)[0].remedy.startswith("learning_rate_init=")
    rate = cnn.Network(**values(optimizer=cnn.Adam(1e-9))).diagnose(X, y)[0]
    assert rate.remedy == f"a learning rate of {rate.change['optimizer'].learning_rate:.2g}"
    dropped = values(D(16, "relu", dropout=0.99))
    assert cnn.Network(**dropped).diagnose(X, y)[0].remedy == "dropout=0.0 in the hidden layers"
    assert MLPRegressor(dropout=0.99).diagnose(X, y)[0].change == {"dropout": 0.0}


# ---- labels


@pytest.mark.parametrize("m", [60, 400])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_random_labels_carry_no_information(m, n_classes):
    rng = np.random.default_rng(m)
    X, y = rng.normal(size=(m, 5)), rng.integers(0, n_classes, m)
    net = cnn.Network([D(8, "relu"), D(n_classes)], seed=0)
    for _ in range(2):
        (finding,) = net.diagnose(X, y)
        assert finding.name == "no_information"
        # The score of random labels has the standard deviation 1 / sqrt((n_classes - 1) m); four of them above the mean
        # of the shuffled ones would happen once in 30,000 cases.
        numbers = finding.numbers
        assert numbers["lowest"] <= numbers["highest"]
        assert numbers["score"] <= numbers["highest"] + 4 / np.sqrt((n_classes - 1) * m)
        net.fit(X, y, epochs=200)  # learns them by heart


def test_rows_with_wrong_labels_are_named():
    y = label(X)
    wrong = noisy(y, 0.2)
    finding = cnn.Network(**classes(), seed=0).diagnose(X, wrong)[0]
    assert finding.name == "label_noise"
    changed = set(np.flatnonzero(wrong != y).tolist())
    first = finding.rows[: len(changed) // 2]
    assert len(changed & set(first)) >= 0.9 * len(first)


@pytest.mark.parametrize("seed", range(3))
def test_classes_that_overlap_are_not_wrong_labels(seed):
    """Two normal distributions, 1.5 standard deviations apart: 23 % of the rows cannot be predicted."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 600)
    X = rng.normal(size=(600, 4))
    X[:, 0] += 1.5 * y
    assert not cnn.Network(**classes(), seed=0).diagnose(X, y)


# ---- other findings


def test_rare_class_that_is_never_predicted():
    rng = np.random.default_rng(0)
    X = np.sign(rng.uniform(-1, 1, (600, 2)))
    y = (rng.random(600) < np.where(X[:, 0] > 0, 0.35, 0.02)).astype(int)
    parameters = {"layers": [D(1)], "loss": "binary_cross_entropy", "optimizer": cnn.SGD(0.1)}
    net = trained(parameters, {}, X, y)
    assert net.predict(X).sum() == 0
    finding = net.diagnose(X, y)[0]
    assert (finding.name, finding.change) == ("class_collapse", {"class_weight": "balanced"})
    assert len(net.diagnose(X, y)) == 1  # no "no_information"
    followed = trained(parameters, finding.change, X, y)
    recalls = [(followed.predict(X)[y == k] == k).mean() for k in (0, 1)]
    assert np.mean(recalls) > 0.6  # 0.5 before


@pytest.mark.parametrize(
    "parameters",
    [
        classes(),
        classes(optimizer=cnn.SGD(0.01)),
        {"layers": [D(16, "relu"), D(1)], "loss": "binary_cross_entropy"},
    ],
)
def test_rare_class_that_the_columns_explain(parameters):
    """With the remedy, the accuracy rises above that of the largest class, and the recall of the rare one above 0."""
    y, t = rare(X), rare(TEST)
    assert not cnn.Network(**parameters, seed=0).diagnose(X, y)
    net = trained(parameters, {}, X, y)
    assert net.predict(X).sum() == 0
    finding = net.diagnose(X, y)[0]
    assert finding.name == "class_collapse"
    assert finding.remedy.endswith(", or class_weight='balanced'")
    for change in (finding.change, {"class_weight": "balanced"}):
        of_fit = {key: change[key] for key in change.keys() & OF_FIT}
        others = {key: value for key, value in change.items() if key not in of_fit}
        followed = trained({**parameters, **others}, of_fit, X, y)
        assert (followed.predict(TEST)[t == 1] == 1).mean() >= 0.4
        if change is finding.change:
            assert followed.score(TEST, t) > net.score(TEST, t)


@pytest.mark.parametrize("model", [MLPClassifier(max_iter=30), MLPClassifier(max_iter=30, solver="sgd")])
def test_rare_class_and_estimators(model):
    y, t = rare(X), rare(TEST)
    model.set_params(random_state=0).fit(X, y)
    start, finding = model.score(TEST, t), model.diagnose(X, y)[0]
    assert finding.name == "class_collapse"
    assert model.set_params(**finding.change).fit(X, y).score(TEST, t) > start


def test_overfitting_is_seen_in_the_history():
    y, t = noisy(label(X), 0.2), label(TEST)
    parameters = classes(D(256, "relu"), optimizer=cnn.Adam(0.02))
    net = trained(parameters, {"epochs": 150, "validation_data": (TEST, t)}, X, y)
    finding = next(each for each in net.diagnose(X, y) if each.name == "overfitting")
    epochs = finding.change["epochs"]
    assert epochs == np.argmin(net.history["val_loss"]) + 1
    followed = trained(parameters, {"epochs": epochs, "validation_data": (TEST, t)}, X, y)
    assert followed.loss(TEST, t) < 0.9 * net.loss(TEST, t)
    stopped = trained(parameters, {"epochs": 150, "validation_data": (TEST, t), "early_stopping": True}, X, y)
    assert "overfitting" not in [each.name for each in stopped.diagnose(X, y)]


def test_running_statistics_that_do_not_fit():
    y = label(X)
    net = trained(classes(D(16, "relu", norm="batch")), {}, X, y)
    assert not net.diagnose(X, y)
    state = net.get_state()
    state["layers"][0]["norm"]["mean"] += 10
    net.set_state(state)
    finding = net.diagnose(X, y)[0]
    assert finding.name == "running_statistics"
    assert finding.numbers["rows"] > 0.9 > finding.numbers["running"] + 0.1


def test_rows_that_are_all_equal():
    finding = cnn.Network(**classes(), seed=0).diagnose(np.ones((50, 3)), np.arange(50) % 2)[0]
    assert finding.name == "constant_input"
    assert finding.change == {}


# ---- healthy models


def digits():
    data = cnn.datasets.load_digits()
    return data.X_train.reshape(len(data.X_train), -1), data.y_train


def product(X):
    return X[:, 0] * X[:, 1] + X[:, 2]


STEEP = {"layers": [D(1)], "loss": "mse", "optimizer": cnn.SGD(0.05)}
HEALTHY = {
    "relu": (classes(optimizer=cnn.Adam(0.01)), {}, label),
    "batch norm and dropout": (
        classes(D(32, "relu", norm="batch", dropout=0.3), l2=1e-4),
        {"epochs": 60},
        label,
    ),
    "layer norm, residual": (
        classes(D(16, "gelu", norm="layer"), D(16, "gelu", norm="layer", residual=True)),
        {"epochs": 60},
        label,
    ),
    "momentum": (classes(optimizer=cnn.SGD(0.1, momentum=0.9)), {}, label),
    "sigmoid": (classes(D(16, "sigmoid"), optimizer=cnn.Adam(0.05)), {}, label),
    "values": (values(D(64, "relu"), D(64, "relu"), ema=0.99), {"epochs": 80}, product),
    "linear": (values(D(1), optimizer=cnn.SGD(0.05)), {}, value),
    "steep": (STEEP, {}, lambda X: 20 * X[:, 0] - 5 * X[:, 1]),
    "quantile": (
        values(D(32, "relu"), n=3) | {"loss": "quantile", "optimizer": cnn.Adam(0.01)},
        {"epochs": 80},
        product,
    ),
    "normal": (values(D(32, "relu"), n=2) | {"loss": "gaussian_nll"}, {"epochs": 200}, product),
    "ordinal": (
        {"layers": [D(16, "relu"), D(3)], "loss": "ordinal", "optimizer": cnn.Adam(0.01)},
        {"epochs": 60},
        steps,
    ),
    "labels": (
        {"layers": [D(16, "relu"), D(3)], "loss": "binary_cross_entropy", "optimizer": cnn.Adam(0.01)},
        {"epochs": 40},
        lambda X: (X > 0).astype(int),
    ),
    "schedule": (classes(optimizer=cnn.Adam(cnn.schedules.Cosine(0.02, over=400))), {}, label),
    "one class in ten": (
        classes(optimizer=cnn.Adam(0.02)),
        {"epochs": 60},
        lambda X: (X[:, 0] > 1.3).astype(int),
    ),
}


def test_large_counts_are_not_called_unrelated():
    """Means of exp(9) are far from the first outputs of a network with the link exp; the columns explain them."""
    y = np.round(np.exp(value(X) / 3 + 9))
    net = cnn.Network([D(16, "relu"), D(1)], loss="poisson", seed=0)
    assert "no_information" not in [finding.name for finding in net.diagnose(X, y)]
    net.fit(X, y, epochs=10)
    found = [finding.name for finding in net.diagnose(X, y)]
    assert found
    assert "no_information" not in found


@pytest.mark.parametrize("loss", ["poisson", "gamma", "mse"])
@pytest.mark.parametrize("deviation", [0.5, 1.0, 1.5])
def test_heavy_tails_are_not_called_unrelated(loss, deviation):
    """Few rows have most of the deviance, so that D^2 and R^2 can be near 0 for any network."""
    rng = np.random.default_rng(1)
    y = rng.poisson(np.exp(value(X) / 3 + 1) * rng.lognormal(0, deviation, len(X))) + 0.1
    net = cnn.Network([D(16, "relu"), D(1)], loss=loss, seed=0)
    assert not net.diagnose(X, y)
    unrelated = net.diagnose(X, rng.permutation(y))
    assert [finding.name for finding in unrelated] == ["no_information"]


@pytest.mark.parametrize("name", HEALTHY)
def test_silent_on_healthy_networks(name):
    parameters, fit, function = HEALTHY[name]
    y = function(X)
    assert not cnn.Network(**parameters, seed=0).diagnose(X, y)
    assert not trained(parameters, fit, X, y).diagnose(X, y)


@pytest.mark.parametrize(
    "model",
    [
        MLPClassifier(max_iter=60),
        MLPClassifier(solver="sgd", learning_rate_init=0.05),
        MLPClassifier(solver="lbfgs", standardize=True),
    ],
)
def test_silent_on_healthy_estimators(model):
    X, y = digits()
    model.set_params(random_state=0)
    model.fit(X / 16, y)
    assert not model.diagnose(X / 16, y)


def test_columns_that_do_not_stop_learning_are_no_findings():
    """Digits from 0 to 16, some pixels of which are always 0."""
    X, y = digits()
    net = cnn.Network([D(32, "relu"), D(10)], seed=0)
    assert [finding.name for finding in net.diagnose(X, y)] == ["unscaled_input"]
    assert not net.fit(X, y, epochs=30).diagnose(X, y)


# ---- manners


@pytest.mark.parametrize("seed", [0, None])
def test_the_model_is_not_changed_and_the_findings_repeat(seed):
    y = 1e6 * value(X)
    net = cnn.Network(**values(optimizer=cnn.SGD(1e-12)), seed=seed)
    assert str(net.diagnose(X, y)) == str(net.diagnose(X, y))
    net.fit(X, y, epochs=3)
    before, state = bits(net), net.get_state()["optimizer"]
    assert str(net.diagnose(X, y)) == str(net.diagnose(X, y))
    assert bits(net) == before
    np.testing.assert_equal(net.get_state()["optimizer"], state)


def test_the_generator_of_the_caller_is_not_moved():
    random = np.random.RandomState(3)
    state = random.get_state()[1].copy()
    MLPClassifier(random_state=random).diagnose(X, label(X))
    np.testing.assert_array_equal(random.get_state()[1], state)


def test_a_large_table_takes_seconds():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20_000, 100)), rng.integers(0, 5, 20_000)
    net = cnn.Network([D(256, "relu"), D(256, "relu"), D(5)], seed=0).fit(X, y, epochs=1)
    start = time.process_time()
    assert [finding.name for finding in net.diagnose(X, y)] == ["no_information"]
    assert time.process_time() - start < 20  # about 2 on one core of a desktop processor


def test_tables_with_categories_and_names():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame({"a": 1000 * X[:, 0], "b": np.where(X[:, 1] > 0, "u", "v")})
    y = (X[:, 0] > 0) & (X[:, 1] > 0)
    options = {"categorical_features": "auto"}
    net = cnn.Network([D(8, "tanh"), D(2)], embeddings=2, seed=0, **options)
    estimator = MLPClassifier(hidden_layer_sizes=8, activation="tanh", random_state=0, **options)
    for model in (net, estimator):
        assert model.diagnose(frame, y)[0].change == {"standardize": True}
        model.fit(frame, y)
        assert [finding.name for finding in model.diagnose(frame, y)] in (
            [],
            ["unscaled_input", "saturated_units"],
        )
