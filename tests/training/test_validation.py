"""Validation rows: taken out by fraction and by groups; metrics of them in the history."""

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.artefact.inputs import Inputs
from compiled_nn.metrics import Metric
from compiled_nn.training import validation
from compiled_nn.training.plan import Plan
from compiled_nn.training.targets import read_targets
from small import bits, blobs, classifier, regressor, sealed

X, y = blobs()


def chosen(labels, fraction=None, groups=None, seed=0, loss="softmax_cross_entropy", outputs=3):
    """Return the indices of the validation rows and of the training rows; X has them as its only column."""
    net = classifier(outputs, seed=seed, loss=loss)
    rows = np.arange(len(labels), dtype="float32")[:, np.newaxis]
    inputs, design = Inputs.learned(net._configuration, rows)
    encoded, targets = read_targets(net._configuration, design, labels, None)
    plan = Plan(epochs=1, batch_size=32, shuffle=True, validation_fraction=fraction, validation_groups=groups)
    held_out, rest = validation.hold_out(
        plan,
        net._configuration,
        design,
        encoded,
        targets,
        inputs=inputs,
        weights=None,
        given=labels,
        split=net._split_rows,
    )
    return held_out.X[:, 0].astype(int), rest


@pytest.mark.parametrize(("loss", "outputs"), [("softmax_cross_entropy", 2), ("binary_cross_entropy", 1)])
def test_class_by_class(loss, outputs):
    labels = np.array(["a"] * 80 + ["b"] * 20)
    held_out, rest = chosen(labels, 0.25, loss=loss, outputs=outputs)
    assert sorted([*held_out, *rest]) == list(range(100))
    assert (labels[held_out] == "a").sum() == 20
    assert (labels[held_out] == "b").sum() == 5


def test_the_seed_decides():
    assert chosen(y, 0.2)[0].tolist() == chosen(y, 0.2)[0].tolist()
    assert chosen(y, 0.2)[0].tolist() != chosen(y, 0.2, seed=1)[0].tolist()


def test_numbers_are_split_at_random():
    held_out, rest = chosen(np.linspace(0, 1, 50), 0.3, loss="mse", outputs=1)
    assert len(held_out) == 15
    assert len(np.intersect1d(held_out, rest)) == 0


def test_no_group_is_on_both_sides(rng):
    groups = rng.integers(0, 12, 90)
    for fraction in (0.01, 0.1, 0.5, 0.99):
        held_out, rest = chosen(y, fraction, groups)
        assert len(held_out) + len(rest) == 90
        assert not set(groups[held_out]) & set(groups[rest])
    assert set(groups[chosen(y, 0.001, groups)[0]])
    assert 0.3 < len(chosen(y, 0.5, np.arange(90) // 3)[0]) / 90 < 0.6
    assert len(chosen(y, None, np.arange(90).astype(str))[0]) == 9


@pytest.mark.parametrize("shuffle", [False, True])
def test_training_is_that_on_the_other_rows(shuffle):
    """With the rows in order: the same bits as an X without those rows; shuffled: as many steps."""
    _, rest = chosen(y, 0.2)
    net = classifier().fit(sealed(X), sealed(y), epochs=3, shuffle=shuffle, validation_fraction=0.2)
    twin = classifier().fit(X[rest], y[rest], epochs=3, shuffle=shuffle)
    assert bits(net) == bits(twin)


def test_standardisation_is_of_the_training_rows():
    _, rest = chosen(y, 0.2)
    net = classifier(standardize=True).fit(X, y, epochs=1, validation_fraction=0.2)
    np.testing.assert_allclose(net.mean_, X[rest].mean(axis=0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(net.scale_, X[rest].std(axis=0, dtype=np.float64), rtol=1e-12)


def test_the_history_is_that_of_the_held_out_rows():
    held_out, _ = chosen(y, 0.2)
    net = classifier().fit(X, y, epochs=3, validation_fraction=0.2)
    assert net.history["val_loss"][-1] == net.loss(X[held_out], y[held_out])
    assert net.history["val_score"][-1] == net.score(X[held_out], y[held_out])


def test_metrics():
    def errors(true, predicted):
        return int((true != predicted).sum())

    names = np.array(["x", "y", "z"])[y]
    net = classifier().fit(
        X, names, epochs=3, validation_data=(X[:40], names[:40]), metrics=["accuracy", errors]
    )
    assert net.history["val_accuracy"] == net.history["val_score"]
    assert net.history["val_errors"][-1] == (net.predict(X[:40]) != names[:40]).sum()
    assert all(type(value) is float for value in net.history["val_errors"])


def test_metrics_of_probabilities_and_values():
    def spread(true, probabilities, *, classes):
        assert probabilities.shape == (90, len(classes))
        return np.ptp(probabilities)

    for net, labels in ((classifier(), y), (classifier(1, loss="binary_cross_entropy"), y > 0)):
        net.fit(
            X,
            labels,
            epochs=2,
            validation_data=(X, labels),
            metrics=[Metric("spread", spread, "probabilities")],
        )
        assert net.history["val_spread"][-1] == pytest.approx(np.ptp(net.predict_proba(X)), rel=1e-6)
    values = regressor().fit(X, X[:, 0], epochs=2, validation_data=(X, X[:, 0]), metrics=["r2"])
    assert values.history["val_r2"] == pytest.approx(values.history["val_score"])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"metrics": ["accuracy"]}, ValueError, "metrics are computed on validation rows"),
        (
            {"metrics": "accuracy", "validation_data": (X, y)},
            TypeError,
            "'metrics' parameter of fit must be a list",
        ),
        ({"metrics": ["accuracy", "accuracy"], "validation_data": (X, y)}, ValueError, "different names"),
        ({"metrics": ["acuracy"], "validation_data": (X, y)}, ValueError, "Did you mean 'accuracy'"),
        ({"validation_data": (X, y), "validation_fraction": 0.1}, ValueError, "validation_data is given"),
        ({"validation_fraction": 1.0}, ValueError, "'validation_fraction' parameter of fit"),
        ({"validation_groups": [1, 2]}, ValueError, "X has 90 rows; validation_groups has 2"),
        ({"validation_groups": np.zeros(90)}, ValueError, "has 1 group"),
    ],
)
def test_refusals(arguments, error, message):
    with pytest.raises(error, match=message):
        classifier().fit(X, y, **arguments)


def test_a_class_of_one_row_is_named():
    labels = np.array([*"aabbc"])
    with pytest.raises(ValueError, match="Class c has 1 row; validation_fraction needs at least 2 rows"):
        classifier().fit(X[:5], labels, validation_fraction=0.2)


def test_drop_last():
    seen = []
    optimizer = cnn.SGD(lambda step: seen.append(step) or 0.01)
    net = classifier(optimizer=optimizer).fit(X, y, epochs=2, batch_size=40, shuffle=False, drop_last=True)
    assert sorted(set(seen)) == list(range(4))
    assert bits(net) == bits(
        classifier(optimizer=cnn.SGD(0.01)).fit(X[:80], y[:80], epochs=2, batch_size=40, shuffle=False)
    )
    whole = classifier().fit(X, y, epochs=2, batch_size=45)
    assert bits(whole) == bits(classifier().fit(X, y, epochs=2, batch_size=45, drop_last=True))


@pytest.mark.parametrize(
    ("pair", "error", "message"),
    [
        ((X, np.where(np.arange(len(y)) == 4, np.nan, y)), ValueError, "Input y contains NaN: row 4"),
        ((X, ["a", None] * (len(y) // 2)), ValueError, "Input y contains None: row 1"),
        ((X, y[:3]), ValueError, "X has 90 rows; y has 3"),
        ((np.full_like(X, np.inf), y), ValueError, "Input X contains infinity: row 0, column 0"),
        ((X[:, :1], y), ValueError, "X has 1 (feature|column)"),
        ((np.full(X.shape, "a"), y), (TypeError, ValueError), ""),
    ],
)
@pytest.mark.parametrize("estimator", [False, True])
def test_errors_say_that_the_data_are_for_validation(pair, error, message, estimator):
    def fit():
        if estimator:
            cnn.MLPClassifier(max_iter=1).fit(X, y, validation_data=pair)
        else:
            classifier().fit(X, y, epochs=1, validation_data=pair)

    with pytest.raises(error, match=f"^validation_data: {message}"):
        fit()
