"""Label smoothing together with class weights: a class weight is a weight of rows, also of their smoothed part."""

import compiled_nn as cnn
import numpy as np
import pytest

rng = np.random.default_rng(0)
X, y = rng.normal(size=(60, 4)), rng.integers(0, 3, 60)
CLASS_WEIGHT = {0: 1.0, 1: 4.0, 2: 0.5}
SMOOTHING = 0.2


def softmax_loss(z, weights_of_smoothed):
    """Return the mean over the weights; `weights_of_smoothed` (m, n) weight -log p of the uniform part."""
    minus_log_p = np.log(np.exp(z).sum(axis=1, keepdims=True)) - z
    w = np.array([CLASS_WEIGHT[label] for label in y])
    own = w * minus_log_p[np.arange(len(y)), y]
    uniform = (weights_of_smoothed * minus_log_p).mean(axis=1)
    return ((1 - SMOOTHING) * own + SMOOTHING * uniform).sum() / w.sum()


def first_loss(net, **options):
    """Return the loss of the first epoch, which is one batch: the loss of the initial weights."""
    net.optimizer = cnn.SGD(0.0001)
    return net.fit(X, y, epochs=1, batch_size="full", **options).history["loss"][0]


def test_a_class_weight_is_a_weight_of_rows():
    loss = cnn.losses.SoftmaxCrossEntropy(label_smoothing=SMOOTHING)
    net = cnn.Network([cnn.Dense(3)], loss=loss, dtype="float64", seed=0)
    z = cnn.Network([cnn.Dense(3)], dtype="float64", seed=0).fit(X, y, epochs=0).decision_function(X)
    w = np.array([CLASS_WEIGHT[label] for label in y])
    got = first_loss(net, class_weight=CLASS_WEIGHT)
    assert got == pytest.approx(softmax_loss(z, w[:, np.newaxis]), rel=1e-12)
    assert got == first_loss(net, sample_weight=w)
    of_classes = softmax_loss(
        z, np.array(list(CLASS_WEIGHT.values()))
    )  # PyTorch's CrossEntropyLoss(weight=...)
    assert abs(got / of_classes - 1) > 1e-6


def test_each_alone_is_that_of_pytorch():
    """CrossEntropyLoss(weight=w) is the mean over the weights, CrossEntropyLoss(label_smoothing=e) mixes in 1 / n."""
    z = cnn.Network([cnn.Dense(3)], dtype="float64", seed=0).fit(X, y, epochs=0).decision_function(X)
    minus_log_p = np.log(np.exp(z).sum(axis=1, keepdims=True)) - z
    own, w = minus_log_p[np.arange(60), y], np.array([CLASS_WEIGHT[label] for label in y])
    plain = cnn.Network([cnn.Dense(3)], dtype="float64", seed=0)
    assert first_loss(plain, class_weight=CLASS_WEIGHT) == pytest.approx((w * own).sum() / w.sum(), rel=1e-12)
    loss = cnn.losses.SoftmaxCrossEntropy(label_smoothing=SMOOTHING)
    smooth = cnn.Network([cnn.Dense(3)], loss=loss, dtype="float64", seed=0)
    expected = ((1 - SMOOTHING) * own + SMOOTHING * minus_log_p.mean(axis=1)).mean()
    assert first_loss(smooth) == pytest.approx(expected, rel=1e-12)


def test_binary_cross_entropy_and_the_estimator():
    labels = (y > 0).astype(int)
    w = np.where(labels == 1, 4.0, 1.0)
    loss = cnn.losses.BinaryCrossEntropy(label_smoothing=SMOOTHING)
    net = cnn.Network([cnn.Dense(1)], loss=loss, dtype="float64", seed=0, optimizer=cnn.SGD(1e-4))
    net.fit(X, labels, epochs=1, batch_size="full", class_weight={1: 4.0})
    start = cnn.Network([cnn.Dense(1)], loss="binary_cross_entropy", dtype="float64", seed=0)
    z = start.fit(X, labels, epochs=0).decision_function(X)
    target = labels * (1 - SMOOTHING) + SMOOTHING / 2
    rows = np.log1p(np.exp(z)) - z * target
    assert net.history["loss"][0] == pytest.approx((w * rows).sum() / w.sum(), rel=1e-12)
    options = {"hidden_layer_sizes": (4,), "label_smoothing": SMOOTHING, "random_state": 0, "max_iter": 5}
    options |= {"n_iter_no_change": np.inf}
    model = cnn.MLPClassifier(class_weight={1: 4.0}, **options).fit(X, labels)
    other = cnn.MLPClassifier(**options).fit(X, labels, sample_weight=w)
    assert np.array_equal(model.coefs_[0], other.coefs_[0])
