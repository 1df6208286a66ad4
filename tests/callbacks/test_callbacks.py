"""Callbacks of fit: their order, what they may do, scores, progress, other libraries' callbacks."""

import io
import math
import sys

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import callbacks
from compiled_nn.callbacks import Callback, OptunaPruning, ProgressBar, TrainingScore, from_sklearn, progress
from small import bits, blobs, classifier

X, y = blobs()


class Recorder(Callback):
    """Writes down when it is called."""

    def __init__(self, name, calls, *, stop=0, fail=None):
        self.name, self.calls, self.stop, self.fail = name, calls, stop, fail

    def on_train_begin(self, net):
        self.calls.append((self.name, "begin", net.epochs_planned_, net.stop_reason_))
        if self.fail == "begin":
            raise RuntimeError("mine")

    def on_epoch_end(self, net, epoch, history):
        self.calls.append((self.name, epoch, len(history["loss"])))
        if self.fail == epoch:
            raise RuntimeError("mine")
        return epoch == self.stop

    def on_train_end(self, net):
        self.calls.append((self.name, "end", net.stop_reason_))
        if self.fail == "end":
            raise RuntimeError("mine")


def test_the_order():
    calls = []
    net = classifier().fit(X, y, epochs=5, callbacks=[Recorder("a", calls, stop=2), Recorder("b", calls)])
    assert net.stop_reason_ == "callback"
    assert calls == [
        ("a", "begin", 5, None),
        ("b", "begin", 5, None),
        ("a", 1, 1),
        ("b", 1, 1),
        ("a", 2, 2),
        ("b", 2, 2),
        ("b", "end", "callback"),
        ("a", "end", "callback"),
    ]


@pytest.mark.parametrize("when", ["begin", 2, "end"])
def test_an_exception_anywhere_leaves_a_usable_network(when):
    calls = []
    watch = [Recorder("a", calls), Recorder("b", calls, fail=when), Recorder("c", calls)]
    net = classifier()
    with pytest.raises(RuntimeError, match="mine"):
        net.fit(X, y, epochs=3, callbacks=watch)
    assert [call[0] for call in calls if call[1] == "end"] == (["a"] if when == "begin" else ["c", "b", "a"])
    done = {"begin": 0, 2: 2, "end": 3}[when]
    assert net.history["epoch"] == [*range(1, done + 1)]
    net.predict(X)
    assert bits(net.fit(X, y, epochs=3 - done, warm_start=True)) == bits(classifier().fit(X, y, epochs=3))


def test_callbacks_and_functions_change_no_bit():
    watched = classifier().fit(X, y, epochs=3, callbacks=[Callback(), lambda *_: None], callback=Callback())
    assert bits(watched) == bits(classifier().fit(X, y, epochs=3))


@pytest.mark.parametrize(
    "arguments",
    [
        {"callbacks": Callback()},
        {"callbacks": [Callback]},
        {"callbacks": ["x"]},
        {"callback": 3},
        {"callbacks": None},
    ],
)
def test_refusals(arguments):
    with pytest.raises(TypeError, match="callback"):
        classifier().fit(X, y, **arguments)


def test_the_public_names_are_documented():
    assert all(getattr(callbacks, name).__doc__ for name in dir(callbacks))
    with pytest.raises(AttributeError, match="nonsense"):
        callbacks.nonsense  # noqa: B018


# ---- scores


def test_training_score():
    """The score of each epoch's weights, which an equal network of fewer epochs has at its end."""
    history = classifier().fit(X, y, epochs=3, callback=TrainingScore(X, y)).history
    assert history["score"] == [classifier().fit(X, y, epochs=n).score(X, y) for n in (1, 2, 3)]


def test_training_score_changes_no_bit():
    plain = classifier().fit(X, y, epochs=3).get_weights()
    scored = classifier().fit(X, y, epochs=3, callback=TrainingScore(X[:10], y[:10])).get_weights()
    for (a, _), (b, _) in zip(plain, scored, strict=True):
        np.testing.assert_array_equal(a, b)


def test_epochs_without_it_are_nan():
    net = classifier().fit(X, y, epochs=2)
    net.fit(X, y, epochs=2, warm_start=True, callback=TrainingScore(X, y, name="train"))
    net.fit(X, y, epochs=1, warm_start=True)
    assert [math.isnan(score) for score in net.history["train"]] == [True, True, False, False, True]


def test_its_column_is_in_the_line_of_its_epoch(capsys):
    net = classifier().fit(X, y, epochs=2, verbose=1, callback=TrainingScore(X, y))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for line, score in zip(lines, net.history["score"], strict=True):
        assert f"  score {score:.4g}  " in line


def test_a_callback_that_stops_still_has_its_line(capsys):
    classifier().fit(X, y, epochs=5, verbose=1, callback=lambda net, epoch, history: epoch == 2)
    assert len(capsys.readouterr().out.splitlines()) == 2


# ---- progress


def without(monkeypatch, *libraries):
    find = progress.util.find_spec
    monkeypatch.setattr(progress.util, "find_spec", lambda name: None if name in libraries else find(name))


def test_no_output_where_nobody_looks(capfd):
    classifier().fit(X, y, epochs=2, callbacks=[ProgressBar()])
    assert capfd.readouterr() == ("", "")


def test_plain_text(monkeypatch):
    without(monkeypatch, "rich", "tqdm")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    net = classifier().fit(X, y, epochs=2, callbacks=[ProgressBar(always=True)])
    _, first, second = sys.stderr.getvalue().split("\r")
    assert first.startswith(f"[{'#' * 15}{'.' * 15}] 1/2  loss {net.history['loss'][0]:.4g}")
    assert second.startswith(f"[{'#' * 30}] 2/2  loss ")
    assert second.endswith("\n")


@pytest.mark.parametrize("library", ["rich", "tqdm"])
def test_bars_of_libraries(library, monkeypatch):
    pytest.importorskip(library)
    if library == "tqdm":
        without(monkeypatch, "rich")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    classifier().fit(X, y, epochs=2, validation_data=(X, y), callbacks=[ProgressBar(always=True)])
    assert "2/2" in sys.stderr.getvalue()
    assert "val_loss" in sys.stderr.getvalue()


# ---- other libraries


def test_optuna_prunes(monkeypatch):
    """A trial that gives up after the third report, and a library with nothing but its exception."""

    class TrialPruned(Exception):  # noqa: N818 - Optuna's name
        pass

    class Trial:
        reports = ()

        def report(self, value, step):
            self.reports += ((step, value),)

        def should_prune(self):
            return len(self.reports) == 3

    library = type(sys)("optuna")
    library.TrialPruned = TrialPruned
    monkeypatch.setitem(sys.modules, "optuna", library)
    trial, net = Trial(), classifier()
    with pytest.raises(TrialPruned, match="after epoch 3"):
        net.fit(X, y, epochs=9, callbacks=[OptunaPruning(trial, "loss")])
    assert trial.reports == tuple(enumerate(net.history["loss"], 1))


def test_optuna_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r'needs Optuna; pip install "compiled-nn\[optuna\]"'):
        OptunaPruning(None)


def test_callbacks_of_scikit_learn():
    pytest.importorskip("sklearn.callback")
    calls = []

    class Theirs:
        def setup(self, estimator, context):
            calls.append("setup")

        def teardown(self, estimator, context):
            calls.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            calls.append(("begin", context.task_name, context.task_id, context.max_subtasks))

        def on_fit_task_end(self, estimator, context):
            calls.append(("end", context.task_name, context.task_id))
            return context.task_name == "epoch" and context.task_id == 1

    net = classifier().fit(X, y, epochs=5, callbacks=[from_sklearn(Theirs())])
    assert net.stop_reason_ == "callback"
    assert calls == [
        "setup",
        ("begin", "fit", 0, 5),
        ("begin", "epoch", 0, 0),
        ("end", "epoch", 0),
        ("begin", "epoch", 1, 0),
        ("end", "epoch", 1),
        ("end", "fit", 0),
        "teardown",
    ]
    with pytest.raises(TypeError, match="FitCallback"):
        from_sklearn(print)


def test_scikit_learn_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    with pytest.raises(ImportError):
        from_sklearn(None)


def test_the_module_is_part_of_the_package():
    assert cnn.callbacks is callbacks
