"""Figures. matplotlib is optional: without it, only its absence is tested."""

import subprocess
import sys

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.plotting import LossCurveDisplay


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
