"""Curves. matplotlib is optional: without it, only its absence is tested."""

import subprocess
import sys

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.callbacks import TrainingScore
from compiled_nn.common import axes
from compiled_nn.plotting import LossCurveDisplay, ScoreCurveDisplay


@pytest.fixture
def figure():
    """A figure made without pyplot, as a user's application may have it."""
    return pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed").Figure()


def trained(*, validation, epochs=4):
    X, y = np.arange(12.0).reshape(6, 2), [0, 1, 0, 1, 0, 1]
    net = cnn.Network([cnn.Dense(1)], loss="binary_cross_entropy", seed=0)
    return net.fit(X, y, epochs=epochs, validation_data=(X, y) if validation else None)


@pytest.mark.parametrize("validation", [False, True])
def test_curves(figure, validation):
    net = trained(validation=validation)
    display = LossCurveDisplay.from_estimator(net)
    names = ["loss", "val_loss"][: 1 + validation]
    assert [line.get_ydata().tolist() for line in display.lines_] == [net.history[name] for name in names]
    assert display.lines_[0].get_xdata().tolist() == display.epochs == [1, 2, 3, 4]
    assert display.ax_.get_xlabel() == "epoch"
    assert (display.ax_.get_legend() is not None) == validation
    assert display.figure_ is display.ax_.figure


def test_given_axes_and_style(figure):
    ax = figure.subplots()
    display = LossCurveDisplay.from_estimator(trained(validation=True), ax, val_label="test", color="red")
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert [line.get_color() for line in display.lines_] == ["red", "red"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training", "test"]


def test_drawn_again_elsewhere(figure):
    display = LossCurveDisplay(epochs=[1, 2, 3], loss=[100.0, 1.0, 0.1])
    first = display.plot().ax_
    assert display.plot(figure.subplots()) is display
    assert display.figure_ is figure
    assert display.ax_ is not first
    assert display.ax_.get_yscale() == "log"
    assert LossCurveDisplay(epochs=[1, 2], loss=[1.0, 0.0]).plot().ax_.get_yscale() == "linear"


def test_one_epoch_is_visible(figure):
    assert LossCurveDisplay.from_estimator(trained(validation=False, epochs=1)).lines_[0].get_marker() == "o"


def test_png(figure, tmp_path):
    path = tmp_path / "loss.png"
    LossCurveDisplay.from_estimator(trained(validation=True)).figure_.savefig(path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size > 5000


def test_display_keeps_the_history_of_its_time(figure):
    net = trained(validation=False)
    display = LossCurveDisplay.from_estimator(net)
    net.fit(np.zeros((2, 2)), [0, 1], epochs=2, warm_start=True)
    assert len(display.loss) == 4


def test_training_and_validation_are_told_apart_in_gray(figure):
    display = LossCurveDisplay.from_estimator(trained(validation=True))
    assert [line.get_linestyle() for line in display.lines_] == ["-", "--"]
    assert display.plot(ls=":").lines_[1].get_linestyle() == ":"


def test_a_cost_by_iteration(figure):
    display = LossCurveDisplay(epochs=[0, 100, 200], loss=[0.7, 0.6, 0.5])
    ax = display.plot(xlabel="iteration", ylabel="cost").ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("iteration", "cost")


class Other:
    """What scikit-learn's networks keep of their training."""

    loss_curve_ = (0.9, 0.5)
    validation_scores_ = (0.25, 0.75)


def test_curves_of_another_library(figure):
    display = LossCurveDisplay.from_estimator(Other())
    assert (display.epochs, display.loss, display.val_loss) == ([1, 2], [0.9, 0.5], None)
    assert ScoreCurveDisplay.from_estimator(Other()).val_score == [0.25, 0.75]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 0.04], True),
        ([1.0, 0.06], False),
        ([1.0, 0.0], False),
        ([1.0, float("nan"), 0.01], True),
        ([float("nan")], False),
        ([], False),
    ],
)
def test_when_a_scale_is_logarithmic(values, expected):
    assert axes.is_logarithmic(values) is expected


# ---- scores


def scored(*, validation=True, training=True, loss="binary_cross_entropy"):
    X, y = np.arange(12.0).reshape(6, 2), [0, 1, 0, 1, 0, 1]
    net = cnn.Network([cnn.Dense(1)], loss=loss, optimizer=cnn.SGD(1e-3), seed=0)
    return net.fit(
        X,
        y,
        epochs=4,
        validation_data=(X[:3], y[:3]) if validation else None,
        callback=TrainingScore(X, y) if training else None,
    )


def test_score_curves(figure, tmp_path):
    net = scored()
    display = ScoreCurveDisplay.from_estimator(net, val_label="test")
    drawn = [line.get_ydata().tolist() for line in display.lines_]
    assert drawn == [net.history["score"], net.history["val_score"]]
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["training", "test"]
    assert display.ax_.get_ylabel() == "accuracy"
    display.figure_.savefig(tmp_path / "score.png")
    assert (tmp_path / "score.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("validation", "training", "label"), [(True, False, "validation"), (False, True, "training")]
)
def test_one_score_curve_is_labelled_too(figure, validation, training, label):
    display = ScoreCurveDisplay.from_estimator(scored(validation=validation, training=training, loss="mse"))
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [label]
    assert display.ax_.get_ylabel() == "R²"


def test_no_score(figure):
    with pytest.raises(ValueError, match=r"Call 'fit' with validation_data=\(X, y\)"):
        ScoreCurveDisplay.from_estimator(scored(validation=False, training=False))
    with pytest.raises(ValueError, match="needs score, val_score or both"):
        ScoreCurveDisplay(epochs=[1])
    with pytest.raises(cnn.NotFittedError, match="no history to draw"):
        ScoreCurveDisplay.from_estimator(cnn.Network([cnn.Dense(1)], loss="mse"))


# ---- no history, no matplotlib, no pyplot


def test_no_history():
    net = cnn.Network([cnn.Dense(1)], loss="mse")
    with pytest.raises(cnn.NotFittedError, match="no history to draw"):
        LossCurveDisplay.from_estimator(net)


def test_matplotlib_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.ticker", None)
    with pytest.raises(ImportError, match=r'pip install "compiled-nn\[plot\]"'):
        LossCurveDisplay.from_estimator(trained(validation=False))


def test_pyplot_stays_untouched(figure):
    code = """
import sys
from compiled_nn.plotting import LossCurveDisplay
assert "matplotlib" not in sys.modules
LossCurveDisplay(epochs=[1, 2], loss=[2.0, 1.0]).plot().figure_.savefig(sys.stdout.buffer, format="png")
assert "matplotlib.pyplot" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.startswith(b"\x89PNG")
