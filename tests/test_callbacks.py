"""Callbacks of fit."""

import math

import numpy as np
from compiled_nn.callbacks import TrainingScore
from small import blobs, classifier

X, y = blobs()


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
        assert f"  score {score:.6g}  " in line


def test_a_callback_that_stops_still_has_its_line(capsys):
    classifier().fit(X, y, epochs=5, verbose=1, callback=lambda net, epoch, history: epoch == 2)
    assert len(capsys.readouterr().out.splitlines()) == 2
