"""Shapes of images: part of the network, checked wherever it takes X; flat rows of the same width are taken."""

import copy
import pickle
import re

import compiled_nn as cnn
import numpy as np
import pytest
from small import bits

rng = np.random.default_rng(0)
COLOUR, GREY = rng.random((30, 4, 6, 3)), rng.random((30, 4, 6)).astype("float32")
LABELS = np.arange(30) % 3
SHAPES = {"colour": COLOUR, "grey": GREY}
# Arrays with as many numbers per row as COLOUR, and other shapes.
OTHERS = {
    "channels first": COLOUR.transpose(0, 3, 1, 2),
    "width and height": COLOUR.reshape(30, 6, 4, 3),
    "no channels": COLOUR.reshape(30, 8, 9),
}
METHODS = {
    "predict": lambda net, X: net.predict(X),
    "predict_proba": lambda net, X: net.predict_proba(X),
    "decision_function": lambda net, X: net.decision_function(X),
    "score": lambda net, X: net.score(X, LABELS),
    "loss": lambda net, X: net.loss(X, LABELS),
    "gradients": lambda net, X: net.gradients(X, LABELS)["layers"][0]["weight"],
    "input_gradient": lambda net, X: net.input_gradient(X),
    "transform": lambda net, X: net.transform(X),
    "diagnose": lambda net, X: str(net.diagnose(X, LABELS)),
    "calibrate": lambda net, X: net.calibrate(X, LABELS).temperature_,
    "predict_set": lambda net, X: net.calibrate_intervals(X, LABELS).predict_set(X, 0.8),
    "partial_fit": lambda net, X: np.frombuffer(bits(net.partial_fit(X, LABELS)), "uint8"),
    "warm fit": lambda net, X: np.frombuffer(bits(net.fit(X, LABELS, warm_start=True)), "uint8"),
    "stream": lambda net, X: np.frombuffer(bits(net.fit([(X, LABELS)], warm_start=True)), "uint8"),
    "validation_data": lambda net, X: net.fit(COLOUR, LABELS, validation_data=(X, LABELS)).history[
        "val_loss"
    ],
}


def fitted(X):
    return cnn.Network([cnn.Dense(5, "tanh"), cnn.Dense(3)], seed=0).fit(X, LABELS, epochs=2)


@pytest.mark.parametrize("method", METHODS)
def test_the_shape_is_part_of_the_network(method):
    call, flat = METHODS[method], COLOUR.reshape(30, -1)
    expected = call(fitted(flat), flat)
    for X in (COLOUR, COLOUR.tolist(), np.asfortranarray(COLOUR), flat):
        np.testing.assert_array_equal(call(fitted(COLOUR), X), expected)
    for other in OTHERS.values():
        net = fitted(COLOUR)
        words = (
            f"X has images of shape {other.shape[1:]}; the network was fitted on images of shape (4, 6, 3)"
        )
        with pytest.raises(ValueError, match=re.escape(words)):
            call(net, other)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("other", OTHERS)
def test_a_network_of_flat_rows_takes_images(method, other):
    call, X = METHODS[method], OTHERS[other]
    if method != "validation_data":
        expected = call(fitted(COLOUR.reshape(30, -1)), X.reshape(30, -1))
        np.testing.assert_array_equal(call(fitted(COLOUR.reshape(30, -1)), X), expected)


@pytest.mark.parametrize("save", ["save", "save_checkpoint", "pickle", "deepcopy"])
@pytest.mark.parametrize("images", SHAPES)
def test_files_and_copies_keep_the_shape(images, save, tmp_path):
    X = SHAPES[images]
    net = fitted(X)
    if save == "pickle":
        twin = pickle.loads(pickle.dumps(net))
    elif save == "deepcopy":
        twin = copy.deepcopy(net)
    else:
        getattr(net, save)(tmp_path / "a")
        twin = (cnn.load if save == "save" else cnn.load_checkpoint)(tmp_path / "a")
    np.testing.assert_array_equal(twin.predict_proba(X), net.predict_proba(X))
    np.testing.assert_array_equal(twin.predict_proba(X.reshape(30, -1)), net.predict_proba(X))
    with pytest.raises(ValueError, match="images of shape"):
        twin.predict(X.swapaxes(1, 2))


def test_a_single_channel_may_be_left_out():
    net = fitted(GREY)
    np.testing.assert_array_equal(net.predict_proba(GREY[..., None]), net.predict_proba(GREY))
    net = fitted(GREY[..., None])
    np.testing.assert_array_equal(net.predict_proba(GREY), net.predict_proba(GREY[..., None]))
    with pytest.raises(
        ValueError, match=re.escape("shape (1, 4, 6); the network was fitted on images of shape (4, 6, 1)")
    ):
        net.predict(GREY[:, None])


def test_one_image_and_other_dimensions():
    net = fitted(COLOUR)
    np.testing.assert_array_equal(net.predict_proba(COLOUR[:1]), net.predict_proba(COLOUR)[:1])
    with pytest.raises(ValueError, match="images of shape"):
        net.predict(COLOUR[0])  # a single image is not taken for four rows
    for X, words in (
        (COLOUR[None], "5 dimensions"),
        (COLOUR.reshape(-1), "1 dimension"),
        (COLOUR[:0], "0 rows"),
    ):
        with pytest.raises(ValueError, match=words):
            net.predict(X)


def test_a_new_fit_has_a_new_shape():
    net = fitted(COLOUR).fit(GREY, LABELS)
    np.testing.assert_array_equal(net.predict(GREY), net.predict(GREY.reshape(30, -1)))
    net.fit(GREY.reshape(30, -1), LABELS).predict(GREY.reshape(30, 3, 8))


def test_weights_of_another_width_drop_the_shape():
    net = fitted(COLOUR)
    net.set_weights(net.get_weights())
    with pytest.raises(ValueError, match="images of shape"):
        net.predict(OTHERS["channels first"])
    net.set_weights(fitted(GREY).get_weights())
    assert net.predict(GREY.reshape(30, 3, 8)).shape == (30,)
