"""Output of training: lines, the table, the logger; and divergence over several fits."""

import logging

import compiled_nn as cnn
import numpy as np
import pytest
from small import blobs, classifier, regressor

X, y = blobs()
MODELS = {
    "network": lambda verbose: classifier().fit(X, y, epochs=4, verbose=verbose, validation_data=(X, y)),
    "estimator": lambda verbose: cnn.MLPClassifier(max_iter=4, verbose=verbose).fit(
        X, y, validation_data=(X, y)
    ),
    "lbfgs": lambda verbose: cnn.MLPClassifier(solver="lbfgs", max_iter=4, verbose=verbose).fit(
        X, y, validation_data=(X, y)
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_printed_by_default(name, capfd):
    MODELS[name](0)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", MODELS)
def test_a_table_marks_the_best_epoch(name, capsys):
    model = MODELS[name](2)
    history = model.history if name == "network" else model.history_
    head, rule, *rows = capsys.readouterr().out.splitlines()
    titles = ["epoch", "loss", "val_loss", "val_score", "lr"]
    assert (head.split()[:5], head.split()[-1]) == (titles, "dur")
    assert set(rule) == {"-", " "}
    assert [int(row.split()[0]) for row in rows] == [1, 2, 3, 4]
    assert max(map(len, (head, rule, *rows))) <= 79
    best = np.minimum.accumulate(history["val_loss"])
    improved = [True, *(np.diff(best) < 0)]
    assert [row.split()[2].endswith("*") for row in rows] == improved
    assert float(rows[-1].split()[1]) == pytest.approx(history["loss"][-1], rel=1e-3)  # four digits


def test_lines_have_at_most_79_characters(capsys):
    metrics = ["log_loss", "balanced_accuracy"]
    classifier(l2=1.0).fit(X, y, epochs=1000, verbose=500, validation_data=(X, y), metrics=metrics)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 500/1000", "epoch 1000/1000"]
    assert max(map(len, lines)) <= 79


@pytest.mark.parametrize("name", MODELS)
def test_the_logger_has_start_end_and_epochs(name, caplog, capfd):
    with caplog.at_level(logging.DEBUG, "compiled_nn"):
        MODELS[name](0)
    levels = [record.levelname for record in caplog.records if record.name == "compiled_nn"]
    assert levels == ["INFO", *["DEBUG"] * 4, "INFO"]
    assert caplog.messages[0].endswith("training begins, at most 4 epochs")
    assert caplog.messages[-1].endswith("training ended after epoch 4: max_iter")
    assert capfd.readouterr() == ("", "")


def test_the_logger_has_a_divergence(caplog):
    net = regressor(optimizer=cnn.SGD(1e30))
    with caplog.at_level(logging.INFO, "compiled_nn"), pytest.raises(cnn.DivergenceError):
        net.fit(X, y, epochs=3)
    assert "training failed: DivergenceError: Solver produced non-finite" in caplog.messages[-1]


@pytest.mark.parametrize("batch_size", ["full", 16])
@pytest.mark.parametrize("options", [{}, {"ema": 0.9}, {"standardize": True}])
def test_weights_after_divergence_predict(batch_size, options, rng):
    """Also over several fits, and where finite weights would give predictions that are not."""
    rows = rng.normal(size=(200, 3))
    values = 3 * rows[:, 0]
    layers = [cnn.Dense(16, "relu"), cnn.Dense(1)]
    net = cnn.Network(layers, loss="mse", seed=0, optimizer=cnn.SGD(1.0), **options)
    for _ in range(2):
        with pytest.raises(cnn.DivergenceError, match=r"in layer [01]") as caught:
            net.fit(rows, values, epochs=1000, batch_size=batch_size)
        assert ("standardize=True" in str(caught.value)) == ("standardize" not in options)
        assert np.isfinite(net.predict(rows)).all()
        assert np.isfinite(net.loss(rows, values))


ROWS = np.random.default_rng(0).normal(size=(200, 3))
VALUES = 3 * ROWS[:, 0]
WIDE = np.random.default_rng(1).normal(size=(20, 400))


def passes(net, batch_size):
    for _ in range(300):
        net.partial_fit(ROWS, VALUES, batch_size=batch_size)


DIVERGING = {
    "partial_fit": lambda net: passes(net, 16),
    "partial_fit of all rows": lambda net: passes(net, "full"),
    "stream": lambda net: net.fit([(ROWS[i::4], VALUES[i::4]) for i in range(4)], epochs=300),
    "gram": lambda net: net.fit(WIDE, 3 * WIDE[:, 0], epochs=300, batch_size="full", gram=True),
    "averages": lambda net: net.fit(ROWS, VALUES, epochs=300, batch_size="full", averaging=cnn.SWA(2)),
    "averages of batches": lambda net: net.fit(ROWS, VALUES, epochs=300, averaging=cnn.SWA(0.0)),
}


@pytest.mark.parametrize("case", DIVERGING)
def test_weights_after_divergence_predict_in_every_entrance(case):
    """The last finite weights, twice; the message says so, and names the epoch or the pass."""
    layers = [cnn.Dense(16, "relu"), cnn.Dense(1)]
    net = cnn.Network(layers, loss="mse", seed=0, optimizer=cnn.SGD(1.0))
    X = WIDE if case == "gram" else ROWS
    for _ in range(2):
        with pytest.raises(
            cnn.DivergenceError, match=r"learning rate 1, .* keeps its last finite weights"
        ) as caught:
            DIVERGING[case](net)
        assert ("This pass of partial_fit" if "partial" in case else "Epoch ") in str(caught.value)
        assert np.isfinite(net.predict(X)).all()
        assert np.isfinite(net.loss(X, 3 * X[:, 0]))
        assert np.isfinite(net.history["loss"]).all()
