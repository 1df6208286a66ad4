"""What the face refuses, in which words, and that a refusal changes nothing."""

import math

import compiled_nn as cnn
import numpy as np
import pytest
from small import bits, blobs, classifier, regressor

X_GOOD, Y_GOOD = blobs()
BAD_PARAMETERS = {
    "no layers": ({"layers": []}, ValueError, "at least one layer"),
    "a layer alone": ({"layers": cnn.Dense(3)}, TypeError, "must be a list of layers"),
    "a number": ({"layers": [128, cnn.Dense(3)]}, TypeError, r"layers\[0\] must be a layer such as Dense"),
    "hidden softmax": (
        {"layers": [cnn.Dense(3, "softmax"), cnn.Dense(3)]},
        ValueError,
        r"layers\[0\] is softmax",
    ),
    "link": (
        {"layers": [cnn.Dense(3, "sigmoid")]},
        ValueError,
        "is sigmoid; the loss requires softmax",
    ),
    "one softmax": (
        {"layers": [cnn.Dense(1)]},
        ValueError,
        "needs at least 2 outputs.*the last layer has 1",
    ),
    "loss": ({"loss": "softmax_crossentropy"}, ValueError, "Did you mean 'softmax_cross_entropy'"),
    "loss type": ({"loss": 3}, TypeError, "'loss' parameter of Network must be a str among"),
    "optimizer": ({"optimizer": "Adamm"}, ValueError, "Did you mean 'adam'"),
    "optimizer class": ({"optimizer": cnn.Adam}, TypeError, "must be an optimizer, such as SGD"),
    "negative l2": ({"l2": -1}, ValueError, "'l2' parameter of Network must be a finite number >= 0. Got -1"),
    "l1 text": ({"l1": "0"}, TypeError, "'l1' parameter"),
    "l2 NaN": ({"l2": math.nan}, ValueError, "'l2' parameter"),
    "scale": ({"input_scale": 0}, ValueError, "must be a finite number > 0. Got 0"),
    "dtype": ({"dtype": "float16"}, ValueError, "Did you mean 'float"),
    "seed": ({"seed": -1}, ValueError, "'seed' parameter of Network must be an int >= 0. Got -1"),
    "seed type": ({"seed": 1.5}, TypeError, "'seed' parameter"),
    "threads": ({"n_threads": 0}, ValueError, "'n_threads' parameter of Network must be an int >= 1"),
    "threads bool": ({"n_threads": True}, TypeError, "'n_threads' parameter"),
}


@pytest.mark.parametrize("case", BAD_PARAMETERS)
def test_bad_parameters(case):
    parameters, error, words = BAD_PARAMETERS[case]
    with pytest.raises(error, match=words):
        cnn.Network(**{"layers": [cnn.Dense(3)], **parameters})


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: cnn.Dense(0), ValueError, "'units' parameter of Dense must be an int >= 1. Got 0"),
        (lambda: cnn.Dense(2.0), TypeError, "'units' parameter"),
        (lambda: cnn.Dense(2, "Relu"), ValueError, "Got 'Relu' instead. Did you mean 'relu'?"),
        (lambda: cnn.Dense(2, "swoosh"), ValueError, "must be a str among {'identity', 'relu'"),
        (lambda: cnn.Dense(2, bias=1), TypeError, "'bias' parameter of Dense must be a bool"),
        (lambda: cnn.Dense(2, init="he-normal"), ValueError, "Did you mean"),
        (lambda: cnn.Dense(2, init=np.ones((3, 4))), ValueError, "init has 4 columns; the layer has 2 units"),
        (
            lambda: cnn.Dense(2, init=(np.ones((3, 2)), np.ones(3))),
            ValueError,
            "its bias has 3",
        ),
        (lambda: cnn.Dense(2, bias=False, init=(np.ones((3, 2)), np.ones(2))), ValueError, "bias=False"),
        (lambda: cnn.Dense(2, init=[[np.nan, 1]]), ValueError, "init contains NaN"),
        (lambda: cnn.Dense(2, init=object()), TypeError, "init is of the type object"),
        (lambda: cnn.SGD(0), ValueError, "'learning_rate' parameter of SGD must be a finite number > 0"),
        (lambda: cnn.SGD("0.1"), TypeError, "'learning_rate' parameter"),
        (lambda: cnn.SGD(momentum=1), ValueError, ">= 0 and < 1. Got 1 instead"),
        (lambda: cnn.SGD(nesterov=True), ValueError, "needs a momentum above 0"),
        (lambda: cnn.Adam(beta_2=1.0), ValueError, "'beta_2' parameter of Adam"),
        (lambda: cnn.AdamW(epsilon=0), ValueError, "'epsilon' parameter of AdamW"),
        (lambda: cnn.AdamW(weight_decay=-1), ValueError, "'weight_decay' parameter of AdamW"),
        (lambda: cnn.Normal(-1), ValueError, "'sigma' parameter of Normal"),
        (lambda: cnn.Uniform(1, 1), ValueError, "needs low < high"),
        (lambda: cnn.set_num_threads(0), ValueError, "must be an int >= 1"),
        (lambda: cnn.threads("2").__enter__(), TypeError, "must be an int >= 1"),
    ],
)
def test_bad_pieces(make, error, words):
    with pytest.raises(error, match=words.replace("?", r"\?")):
        make()


BAD_FITS = {
    "no X": ({"X": None}, TypeError, "X is None"),
    "no y": ({"y": None}, TypeError, "y is None"),
    "length": ({"y": Y_GOOD[:-1]}, ValueError, "X has 90 rows; y has 89"),
    "NaN": ({"X": np.where(X_GOOD[7, 2] == X_GOOD, np.nan, X_GOOD)}, ValueError, "NaN: row 7, column 2"),
    "one class": ({"y": np.zeros(90)}, ValueError, "y has 1 class; the network has 3 outputs, one per class"),
    "four classes": ({"y": np.arange(90) % 4}, ValueError, "y has 4 classes; the network has 3 outputs"),
    "two columns": ({"y": np.ones((90, 2))}, ValueError, "y has 2 columns; the network has 3 outputs"),
    "shares": ({"y": np.full((90, 3), 0.5)}, ValueError, "Row 0 of y sums to 1.5"),
    "negative": ({"y": np.full((90, 3), -1.0)}, ValueError, "y is -1 in row 0, column 0"),
    "epochs": ({"epochs": -1}, ValueError, "'epochs' parameter of fit must be an int >= 0"),
    "epochs type": ({"epochs": 2.0}, TypeError, "'epochs' parameter"),
    "batch": ({"batch_size": 0}, ValueError, "'batch_size' parameter of fit must be an int >= 1"),
    "batch name": ({"batch_size": "ful"}, ValueError, "Did you mean 'full'"),
    "batch type": ({"batch_size": 1.5}, TypeError, "'batch_size' parameter"),
    "batches": ({"n_batches": 0}, ValueError, "'n_batches' parameter of fit must be an int >= 1"),
    "shuffle": ({"shuffle": 1}, TypeError, "'shuffle' parameter of fit must be a bool"),
    "warm": ({"warm_start": "yes"}, TypeError, "'warm_start' parameter of fit must be a bool"),
    "verbose": ({"verbose": -1}, ValueError, "'verbose' parameter"),
    "callback": ({"callback": 3}, TypeError, "'callback' parameter of fit must be a Callback, or a function"),
    "validation": ({"validation_data": X_GOOD}, TypeError, r"must be a pair \(X, y\)"),
    "validation width": ({"validation_data": (X_GOOD[:, :2], Y_GOOD)}, ValueError, "X has 2 columns"),
    "validation label": ({"validation_data": (X_GOOD[:1], [9])}, ValueError, "has classes not in"),
}


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("case", BAD_FITS)
def test_a_refused_fit_changes_nothing(case, fitted):
    arguments, error, words = BAD_FITS[case]
    net, twin = classifier(), classifier()
    if fitted:
        net.fit(X_GOOD, Y_GOOD, epochs=2)
        twin.fit(X_GOOD, Y_GOOD, epochs=2)
    arguments = {"X": X_GOOD, "y": Y_GOOD, **arguments}
    with pytest.raises(error, match=words):
        net.fit(arguments.pop("X"), arguments.pop("y"), **arguments)
    assert hasattr(net, "classes_") == fitted
    assert net.history["loss"] == twin.history["loss"]
    assert bits(net.fit(X_GOOD, Y_GOOD, epochs=1, warm_start=True)) == bits(
        twin.fit(X_GOOD, Y_GOOD, epochs=1, warm_start=True)
    )


def test_a_schedule_that_cannot_answer_changes_nothing():
    net = classifier().fit(X_GOOD, Y_GOOD, epochs=1)
    before = bits(net)
    for schedule, error in [
        (lambda step: "a", TypeError),
        (lambda step: -1, ValueError),
        (lambda: 1, TypeError),
    ]:
        net.optimizer = cnn.SGD(schedule)
        for refused in (net.fit, net.partial_fit):
            with pytest.raises(error):
                refused(X_GOOD, Y_GOOD)
    assert bits(net) == before


BAD_X = {
    "None": None,
    "text": "abc",
    "object": object(),
    "complex": np.ones((2, 4), complex),
    "NaN": np.full((2, 4), np.nan),
    "infinity": np.full((2, 4), np.inf),
    "empty": np.zeros((0, 4)),
    "narrow": np.ones((2, 3)),
    "vector": np.ones(4),
    "five dimensions": np.ones((1,) * 5),
    "ragged": [[1], [2, 3]],
    "masked": np.ma.array(np.ones((2, 4)), mask=True),
}


@pytest.mark.parametrize("case", BAD_X)
def test_every_method_refuses_bad_samples(case):
    net = classifier().fit(X_GOOD, Y_GOOD, epochs=1)
    before, X = bits(net), BAD_X[case]
    for method in (net.predict, net.predict_proba, net.decision_function):
        with pytest.raises((TypeError, ValueError)):
            method(X)
    for method in (net.score, net.loss, net.gradients, net.partial_fit):
        with pytest.raises((TypeError, ValueError)):
            method(X, [0, 1])
    with pytest.raises((TypeError, ValueError)):
        net.fit(X, [0, 1], warm_start=True)
    assert bits(net) == before


BAD_Y = {
    "None": None,
    "unseen": [0, 7],
    "text": ["a", "b"],
    "length": [0, 1, 2],
    "NaN": [0, np.nan],
    "objects": [object(), object()],
    "complex": [1j, 0],
    "cube": np.zeros((2, 1, 1)),
    "columns": np.zeros((2, 2)),
    "empty": [],
}


@pytest.mark.parametrize("case", BAD_Y)
def test_every_method_refuses_bad_targets(case):
    net = classifier().fit(X_GOOD, Y_GOOD, epochs=1)
    before = bits(net)
    for method in (net.score, net.loss, net.gradients, net.partial_fit):
        with pytest.raises((TypeError, ValueError)):
            method(X_GOOD[:2], BAD_Y[case])
    assert bits(net) == before


def test_going_on_wants_the_same_columns():
    net = classifier().fit(X_GOOD, Y_GOOD, epochs=1)
    with pytest.raises(ValueError, match="X has 3 columns; the network takes 4"):
        net.fit(X_GOOD[:, :3], Y_GOOD, warm_start=True)
    assert net.fit(X_GOOD[:, :3], Y_GOOD, epochs=1).n_features_ == 3  # from the start, any number


def test_labels_do_not_fit_independent_targets():
    y = np.eye(3)[Y_GOOD]
    net = classifier(loss="binary_cross_entropy").fit(X_GOOD, y, epochs=1)
    with pytest.raises(ValueError, match="y has 1 column; the network has 3 outputs"):
        net.score(X_GOOD, Y_GOOD)


@pytest.mark.parametrize(
    "use",
    [
        lambda net: net.predict(X_GOOD),
        lambda net: net.predict_proba(X_GOOD),
        lambda net: net.decision_function(X_GOOD),
        lambda net: net.score(X_GOOD, Y_GOOD),
        lambda net: net.loss(X_GOOD, Y_GOOD),
        lambda net: net.gradients(X_GOOD, Y_GOOD),
        lambda net: net.get_weights(),
        lambda net: net.classes_,
        lambda net: net.n_features_,
        lambda net: net.n_parameters,
        lambda net: net.save("nowhere/unfitted.safetensors"),
    ],
)
def test_not_fitted(use):
    with pytest.raises(cnn.NotFittedError, match=r"^This Network instance is not fitted yet\.") as raised:
        use(classifier())
    assert isinstance(raised.value, (ValueError, AttributeError))
    assert not hasattr(classifier(), "classes_")


def test_values_have_no_classes():
    net = regressor().fit(X_GOOD, Y_GOOD, epochs=1)
    assert not hasattr(net, "classes_")
    with pytest.raises(ValueError, match="the loss mse predicts values"):
        net.predict_proba(X_GOOD)
