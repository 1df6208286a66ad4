"""Print SHA-256 digests of results with documented bits: `python bits_check.py`, in the environment to be tested.

The output is JSON: {result: digest}. The networks are small, but their sums are long enough for BLAS kernels to differ.
"""

import hashlib
import json

import compiled_nn as cnn
import numpy as np
from compiled_nn import metrics, rates
from compiled_nn.losses import Ordinal

RNG = np.random.default_rng(0)
M, K = 600, 30
X = RNG.normal(3, 2, (M, K))
SCORES = X[:, :3] * X[:, 3:6] + RNG.normal(size=(M, 3))
LABELS = SCORES.argmax(axis=1)
VALUES = SCORES[:, :2] ** 2
WEIGHTS = RNG.uniform(0.1, 3, M)
COLOURS = np.array(["red", "blue", "green", "grey"], object)[RNG.integers(0, 4, M)]
TABLE = np.column_stack([COLOURS, X[:, :9].astype(object)])


def lbfgs(activation):
    """Yield losses, weights and predictions of both estimators."""
    options = {"hidden_layer_sizes": (40, 10), "solver": "lbfgs", "max_iter": 40, "activation": activation}
    for model in (
        cnn.MLPClassifier(random_state=0, **options).fit(X, LABELS),
        cnn.MLPRegressor(random_state=0, **options).fit(X, VALUES),
    ):
        yield from (model.loss_curve_, *model.coefs_, *model.intercepts_, model.predict(X))


def network(units, loss="softmax_cross_entropy", *, rows=X, y=LABELS, norm=None, epochs=5, **parameters):
    """Return a network trained for `epochs` epochs."""
    layers = [cnn.Dense(20, "tanh", norm=norm), cnn.Dense(units)]
    net = cnn.Network(layers, seed=0, loss=loss, **{"optimizer": cnn.Adam(0.01), **parameters})
    return net.fit(rows, y, epochs=epochs, batch_size=50)


def trained(net, rows=X):
    """Yield weights, predictions and losses."""
    yield from (a for pair in net.get_weights() for a in pair if a is not None)
    yield from (net.predict(rows), net.transform(rows), net.history["loss"])
    if net.loss != "mse":
        yield net.decision_function(rows)


def diagnosis():
    """Yield the findings about initial weights that do not suit X, and about too large a learning rate."""
    for norm in (None, "batch"):
        net = network(3, norm=norm, optimizer=cnn.SGD(300.0, momentum=0.5), epochs=0)
        findings = net.diagnose(X, LABELS)
        assert findings
        yield from (repr(finding) for finding in findings)


def of_labels():
    """Yield scores of labels."""
    guessed, hot = np.roll(LABELS, 1), LABELS[:, np.newaxis] == np.arange(3)
    shares = np.abs(SCORES) / np.abs(SCORES).sum(axis=1, keepdims=True)
    for score in (metrics.f1, metrics.precision, metrics.recall):
        yield score(LABELS, guessed, average="weighted", sample_weight=WEIGHTS)
        yield score(hot, np.roll(hot, 1, axis=0), average="weighted", sample_weight=WEIGHTS)
    yield metrics.matthews(LABELS, guessed, WEIGHTS)
    yield metrics.roc_auc(hot, shares, average="weighted", sample_weight=WEIGHTS)
    yield metrics.classification_report(LABELS, guessed, sample_weight=WEIGHTS, digits=15)


def of_values():
    """Yield scores of values."""
    for score in (metrics.r2_score, metrics.mse, metrics.rmse, metrics.mae, metrics.median_absolute_error):
        yield score(VALUES, VALUES + SCORES[:, :2], WEIGHTS)


RESULTS = {
    "lbfgs, relu": lambda: lbfgs("relu"),
    "lbfgs, tanh": lambda: lbfgs("tanh"),
    "embeddings": lambda: trained(network(3, rows=TABLE, categorical_features="auto", embeddings=3), TABLE),
    "embeddings, float64": lambda: trained(
        network(3, rows=TABLE, categorical_features="auto", embeddings=3, dtype="float64"), TABLE
    ),
    "standardize": lambda: trained(network(3, standardize=True)),
    "standardize, float64": lambda: trained(network(3, standardize=True, dtype="float64")),
    "values": lambda: trained(network(2, "mse", y=VALUES, scale_targets=True, dtype="float64")),
    "probabilities": lambda: [network(3).predict_proba(X)],
    "calibrate": lambda: [(net := network(3).calibrate(X, LABELS)).predict_proba(X), net.temperature_],
    "ordinal": lambda: [network(2, Ordinal()).predict_proba(X)],
    "ordinal, float64": lambda: [network(2, Ordinal(), dtype="float64").predict_proba(X)],
    "gaussian": lambda: network(4, "gaussian_nll", y=VALUES).predict_distribution(X),
    "gaussian, float64": lambda: network(4, "gaussian_nll", y=VALUES, dtype="float64").predict_distribution(
        X
    ),
    "log_proba": lambda: [
        cnn.MLPClassifier(max_iter=2, random_state=0, dtype=d).fit(X, y).predict_log_proba(X)
        for d in ("float32", "float64")
        for y in (LABELS, LABELS == 1)
    ],
    "learning rate": lambda: vars(rates.find_learning_rate(network(3, epochs=0), X, LABELS)).values(),
    "diagnosis": diagnosis,
    "metrics of labels": of_labels,
    "metrics of values": of_values,
    "log_loss": lambda: [metrics.log_loss(LABELS, network(3).predict_proba(X))],
}


def digest(results):
    """Return the SHA-256 digest of arrays, numbers and strings."""
    total = hashlib.sha256()
    for result in results:
        total.update(np.asarray(result).tobytes() if not isinstance(result, str) else repr(result).encode())
    return total.hexdigest()


if __name__ == "__main__":
    print(json.dumps({name: digest(compute()) for name, compute in RESULTS.items()}, indent=0))
