"""Class labels, names and metadata with control characters: nothing of them reaches a terminal as it is."""

import io
import sys
import unicodedata

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.cli.support.terminal import Terminal
from compiled_nn.common.text import printable
from tables import pandas

EVIL = "\x1b]0;title\x07\x1b[2J\r\u202e\x9b31m\x7f\u2028end"
ESCAPED = r"\x1b]0;title\x07\x1b[2J\r\u202e\x9b31m\x7f\u2028end"
SHOWN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def check(text):
    """Check that a text has no character that changes what a terminal shows, beside line breaks."""
    assert not {c for c in text if c != "\n" and unicodedata.category(c) in SHOWN}


class Screen(io.StringIO):
    """Terminal with colours."""

    encoding = "utf-8"

    def isatty(self):
        return True


def test_what_is_printable():
    assert printable(EVIL) == ESCAPED
    for text in ("", "plain", "é 日本 ß·━█ \\n 'x'", "Ärger\u0301"):
        assert printable(text) == text
    assert printable("a\nb\tc\ud800\U000e0041\ue000") == r"a\nb\tc\ud800\U000e0041\ue000"
    for i in range(0x110000):
        c = chr(i)
        if unicodedata.category(c) in SHOWN:
            assert printable(c).isascii()
            assert printable(c).isprintable()


@pytest.mark.parametrize("screen", [Screen, io.StringIO])
def test_a_terminal_escapes_all_but_its_own_styles(monkeypatch, screen):
    stream = screen()
    terminal = Terminal(stream)
    terminal.print(f"{terminal.style(EVIL, 'bold')} {EVIL}", "second")
    bold, end = ("\033[1m", "\033[0m") if screen is Screen else ("", "")
    assert stream.getvalue() == f"{bold}{ESCAPED}{end} {ESCAPED}\nsecond\n"


@pytest.fixture
def model(folder):
    """A model whose labels, columns and metadata have control characters."""
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = np.where(X[:, 0] > 0, f"yes{EVIL}", f"no{EVIL}")
    frame = pandas.DataFrame(X, columns=[f"a{EVIL}", ""])
    net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(1)], loss="binary_cross_entropy", seed=0)
    net.fit(frame, y, epochs=2)
    net.save("evil.safetensors", metadata={f"note{EVIL}": EVIL})
    np.savez("evil.npz", X=X, y=y)
    return "evil.safetensors"


@pytest.mark.parametrize("tty", [True, False])
def test_commands(run, model, folder, monkeypatch, tty):
    (folder / "bad.csv").write_text(f"{EVIL.replace(chr(13), '')},b\n1,2\n3,4\n", encoding="utf-8")
    calls = [
        ("info", model),
        ("evaluate", model, "evil.npz"),
        ("predict", model, "bad.csv"),
        ("predict", model, f"none{EVIL}.csv"),
        ("train", f"none{EVIL}.csv"),
        ("info", f"none{EVIL}"),
        ("train", "evil.npz", "--epochs", "1", "--no-plot", "-o", "two.safetensors"),
        (f"command{EVIL}",),
        ("info", model, f"--option{EVIL}"),
        ("info", model, "--json"),
        ("evaluate", model, "evil.npz", "--json"),
    ]
    for call in calls:
        if tty:
            out, err = Screen(), Screen()
            monkeypatch.setenv("NO_COLOR", "1")
            monkeypatch.setattr(sys, "stdout", out)
            monkeypatch.setattr(sys, "stderr", err)
            run(*call)
            monkeypatch.undo()
            monkeypatch.chdir(folder)
            texts = [out.getvalue(), err.getvalue().replace("\r", "")]  # progress is rewritten
        else:
            texts = list(run(*call)[1:])
        assert any(texts), call
        for text in texts:
            check(text)


def test_what_info_prints(run, model):
    out = run("info", model)[1]
    assert f"columns       a{ESCAPED} ''\n" in out
    assert f"classes       no{ESCAPED[:20]}" in out or f"no{ESCAPED}" in out
    assert f"metadata note{ESCAPED} " in out


def test_predictions_are_exact_in_files_and_pipes(run, model, folder):
    import csv

    labels = {f"yes{EVIL}", f"no{EVIL}"}
    out = run("predict", model, "evil.npz")[1]
    assert {row[0] for row in csv.reader(io.StringIO(out, newline=""))} == labels | {"prediction"}
    run("predict", model, "evil.npz", "-o", "out.csv")
    with open("out.csv", encoding="utf-8", newline="") as file:
        assert {row[0] for row in csv.reader(file)} == labels | {"prediction"}


def test_predictions_on_a_terminal(run, model, monkeypatch):
    out = Screen()
    monkeypatch.setattr(sys, "stdout", out)
    run("predict", model, "evil.npz")
    check(out.getvalue())
    assert len(out.getvalue().splitlines()) == 41


def test_errors_about_names(model):
    net = cnn.load(model)
    with pytest.raises(ValueError, match="feature names should match") as caught:
        net.predict(pandas.DataFrame(np.zeros((2, 2)), columns=[f"z{EVIL}", "b"]))
    check(str(caught.value))


def test_html_and_svg(model):
    X = np.random.default_rng(0).normal(size=(30, 2))
    evil = '<script>alert("1")</script>\x1b'
    y = np.where(X[:, 0] > 0, evil, "b")
    frame = pandas.DataFrame(X, columns=[evil, "b"])
    net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(2)], seed=0).fit(frame, y, epochs=1)
    estimator = cnn.MLPClassifier(hidden_layer_sizes=(4,), max_iter=1, class_weight={evil: 1.0, "b": 2.0})
    estimator.fit(frame, y)
    for text in (net._repr_html_(), estimator._repr_html_(), net.summary()._repr_html_()):
        assert "<script" not in text
        assert "\x1b" not in text
    for text in (repr(net), repr(estimator), str(net.summary()), str(net.diagnose(frame, y))):
        check(text)
