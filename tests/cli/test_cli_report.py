"""What the command line shows: it fits in 80 columns, in every encoding, with and without colours."""

import io

import numpy as np
import pytest
from compiled_nn.cli.learning import progress
from compiled_nn.cli.support import report


class Tty(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


class Ascii(io.StringIO):
    encoding = "ascii"


@pytest.fixture(autouse=True)
def environment_of_a_terminal(monkeypatch):
    """No variable of this environment changes what is shown."""
    for name in ("NO_COLOR", "TERM", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def history(epochs, *, test=True):
    loss = np.geomspace(2, 0.001, epochs).tolist()
    columns = {"epoch": list(range(1, epochs + 1)), "loss": loss}
    return columns | ({"val_loss": loss, "val_score": np.linspace(0, 1, epochs).tolist()} if test else {})


@pytest.mark.parametrize("epochs", [1, 2, 7, 56, 1000])
@pytest.mark.parametrize("stream", [io.StringIO, Ascii])
def test_curves_fit(epochs, stream):
    lines = report.curves(history(epochs), "accuracy", report.Terminal(stream()))
    assert len(lines) == 11
    assert max(map(len, lines)) <= 80
    if stream is Ascii:
        "".join(lines).encode("ascii")
    assert f"epoch {epochs}" in lines[-1]


def test_curves_of_odd_losses():
    terminal = report.Terminal(io.StringIO())
    for losses in ([0.0, 0.0], [1.0, 1.0], [1e30, 1e-30], [-1.0, 2.0]):
        assert report.curves({"epoch": [1, 2], "loss": losses}, "R^2", terminal)
    odd = {"epoch": [1, 2], "loss": [1.0, 0.5], "val_loss": [np.inf, np.nan], "val_score": [-np.inf, 0.0]}
    assert report.curves(odd, "R^2", terminal)
    assert report.curves({"epoch": [], "loss": []}, "R^2", terminal) == []


@pytest.mark.parametrize("k", [2, 10, 20, 21, 300])
@pytest.mark.parametrize("length", [1, 30])
@pytest.mark.parametrize("count", [0, 5, 123456])
def test_confusion_fits(k, length, count):
    labels = [f"{i:0{length}d}" for i in range(k)]
    counts = np.full((k, k), count)
    lines = report.confusion(counts, labels, (), report.Terminal(io.StringIO()))
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 24


def test_confusion_names_classes():
    counts = np.array([[3, 1], [0, 4]])
    lines = report.confusion(counts, ["0", "1"], ["cat", "dog"], report.Terminal(io.StringIO()))
    assert [line.split() for line in lines] == [
        ["true", "0", "1", "correct"],
        ["0", "cat", "3", "1", "75.0", "%"],
        ["1", "dog", "·", "4", "100.0", "%"],
    ]


@pytest.mark.parametrize("set_", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours(monkeypatch, set_):
    for name, value in set_.items():
        monkeypatch.setenv(name, value)
    text = "".join(report.curves(history(9), "accuracy", report.Terminal(Tty())))
    assert ("\033[" in text) == (not set_)


def test_progress_rewrites_one_line_on_a_terminal():
    stream = Tty()
    shown = progress.Progress(report.Terminal(stream), 3, 1, "accuracy")
    for epoch in (1, 2, 3):
        shown.on_epoch_end(None, epoch, history(epoch))
    shown.finish()
    text = stream.getvalue()
    assert text.startswith("\repoch 1/3")
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert max(map(len, text.replace("\n", "").split("\r"))) < 80


def test_progress_is_short_elsewhere():
    stream = io.StringIO()
    shown = progress.Progress(report.Terminal(stream), 1000, 1, "accuracy")
    for epoch in range(1, 1001):
        shown.on_epoch_end(None, epoch, history(1, test=False))
    shown.finish()
    assert stream.getvalue().count("\n") == 11


def test_unprintable_names_do_not_stop_a_report():
    stream = Ascii()
    report.Terminal(stream).print("é")
    assert stream.getvalue() == "?\n"
