"""Stochastic weight averaging: the mean of late epochs, and going on from what was averaged."""

import copy

import compiled_nn as cnn
import numpy as np
import pytest
from small import bits, blobs, classifier

X, y = blobs()


def each_epoch(epochs, **parameters):
    """The weights after every epoch."""
    kept = []
    classifier(**parameters).fit(
        X, y, epochs=epochs, callbacks=[lambda net, *_: kept.append(net.get_weights())]
    )
    return kept


def mean(weights):
    layers = range(len(weights[0]))
    return [
        [np.mean([w[i][j].astype(np.float64) for w in weights], axis=0) for j in range(2)] for i in layers
    ]


@pytest.mark.parametrize(("start", "first"), [(0.75, 6), (0.5, 4), (0, 0), (7, 7), (0.0, 0)])
def test_the_mean_of_late_epochs(start, first, dtype):
    net = classifier(dtype=dtype).fit(X, y, epochs=8, averaging=cnn.SWA(start))
    for got, expected in zip(net.get_weights(), mean(each_epoch(8, dtype=dtype)[first:]), strict=True):
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_everything_is_that_of_the_mean(tmp_path):
    net = classifier(standardize=True).fit(X, y, epochs=8, averaging=cnn.SWA())
    net.save(tmp_path / "net.safetensors")
    twin = cnn.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(net.predict_proba(X), twin.predict_proba(X))
    assert net.loss(X, y) == twin.loss(X, y)
    assert bits(net) != bits(classifier(standardize=True).fit(X, y, epochs=8))


def test_two_calls_are_one(tmp_path):
    averaging = cnn.SWA(3)
    whole = classifier().fit(X, y, epochs=12, averaging=averaging)
    parts = classifier().fit(X, y, epochs=6, averaging=averaging)
    parts.save_checkpoint(tmp_path / "net.ckpt.safetensors")
    for net in (copy.deepcopy(parts), cnn.load_checkpoint(tmp_path / "net.ckpt.safetensors"), parts):
        assert bits(net.fit(X, y, epochs=6, warm_start=True, averaging=averaging)) == bits(whole)


def test_going_on_without_it_is_going_on_from_the_last_epoch():
    plain = classifier().fit(X, y, epochs=8)
    net = classifier().fit(X, y, epochs=5, averaging=cnn.SWA(0.2)).fit(X, y, epochs=3, warm_start=True)
    assert bits(net) == bits(plain)
    net = classifier().fit(X, y, epochs=5, averaging=cnn.SWA(0.2)).partial_fit(X, y)
    assert bits(net) == bits(classifier().fit(X, y, epochs=5).partial_fit(X, y))


def test_a_later_start_begins_a_new_mean():
    net = classifier().fit(X, y, epochs=4, averaging=cnn.SWA(2))
    net.fit(X, y, epochs=4, warm_start=True, averaging=cnn.SWA(7))
    assert bits(net) == bits(classifier().fit(X, y, epochs=8))


def test_set_weights_forgets_it():
    net = classifier().fit(X, y, epochs=4, averaging=cnn.SWA(0))
    weights = each_epoch(1)[0]
    net.set_weights(weights)
    twin = classifier()
    twin.set_weights(weights)
    assert bits(net.fit(X, y, epochs=0, warm_start=True)) == bits(twin)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: cnn.SWA(1.0), ValueError, "'start' parameter of SWA"),
        (lambda: cnn.SWA(-1), ValueError, "int >= 0"),
        (lambda: cnn.SWA("late"), TypeError, "'start'"),
        (lambda: classifier().fit(X, y, averaging="swa"), TypeError, "must be an SWA"),
        (
            lambda: classifier().fit(X, y, averaging=cnn.SWA(), early_stopping=True, validation_fraction=0.2),
            ValueError,
            "pass only one of them",
        ),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
