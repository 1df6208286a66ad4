"""Weights of samples and classes: 0 is a row left out, k is k copies, equal weights are none; refusals."""

import compiled_nn as cnn
import networks
import numpy as np
import pytest
import reference
from small import gradient_pairs

from cnn_core.stack import Objective, Stack

# Small without tiles, tiled, long rows that roll, and several threads' worth.
SIZES = [(3, 5, 2), (30, 20, 3), (5000, 4, 2), (300, 100, 10)]


def trained(case, rows, weights, optimizer="momentum", *, batch_size=None, epochs=3, order=None, **options):
    """Losses and parameters after some epochs on some of the case's rows."""
    networks.write(case.stack, case.network)
    case.stack.set_optimizer(optimizer)
    count = len(rows) if order is None else len(order)
    batch_size = batch_size or count
    losses, penalties = case.stack.train_epochs(
        np.ascontiguousarray(case.X[rows]),
        np.ascontiguousarray(case.y[rows]),
        Objective(case.loss, weights=weights, **options),
        order,
        np.full(epochs * -(-count // batch_size), 0.01),
        epochs=epochs,
        batch_size=batch_size,
    )
    return losses, penalties, case.stack.parameters.copy()


def close(one, other, dtype):
    size = max(np.abs(np.asarray(array)).max() for array in (*one, *other))
    return all(
        np.abs(np.asarray(a) - b).max() <= 2000 * networks.EPS[dtype] * max(1.0, size)
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("loss", networks.LOSSES)
def test_equal_weights_are_none_to_the_last_bit(rng, dtype, n_threads, sizes, loss):
    case = networks.draw(rng, sizes, loss=loss, m=41, dtype=dtype)
    order = rng.permutation(41)
    for how in ({}, {"batch_size": 16}, {"batch_size": 16, "order": order, "l1": 0.01, "l2": 0.1}):
        none = trained(case, np.arange(41), None, n_threads=n_threads, **how)
        ones = trained(case, np.arange(41), np.ones(41), n_threads=n_threads, **how)
        assert all(np.array_equal(a, b) for a, b in zip(none, ones, strict=True))


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("loss", networks.LOSSES)
def test_gradients_are_those_of_the_oracle(rng, dtype, n_threads, sizes, loss):
    case = networks.draw(rng, sizes, "tanh", loss, m=41, dtype=dtype)
    weights = rng.uniform(0, 3, 41) * (rng.random(41) < 0.8)
    value, _ = case.stack.gradient(case.X, case.y, Objective(loss, weights=weights, n_threads=n_threads))
    X, y = case.wide
    total, expected = 0.0, None
    for i, weight in enumerate(weights / weights.sum()):
        one, _, gradient = reference.gradient(
            case.network, case.activations, X[i : i + 1], y[i : i + 1], loss
        )
        total += weight * one
        gradient = reference.combine(lambda g, weight=weight: weight * g, gradient)
        expected = reference.combine(np.add, expected, gradient) if expected else gradient
    assert value == pytest.approx(total, rel=300 * networks.EPS[dtype])
    assert (
        networks.relative_error(case.stack.views(case.stack.gradients), expected) < 600 * networks.EPS[dtype]
    )
    assert case.stack.loss(case.X, case.y, Objective(loss, weights=weights, n_threads=n_threads))[0] == value


@pytest.mark.parametrize("sizes", SIZES)
def test_zero_leaves_a_row_out(rng, dtype, n_threads, sizes):
    case = networks.draw(rng, sizes, m=30, dtype=dtype)
    kept = np.flatnonzero(rng.random(30) < 0.6)
    weights = np.isin(np.arange(30), kept).astype(float)
    whole = trained(case, np.arange(30), weights, n_threads=n_threads)
    assert close(whole, trained(case, kept, None, n_threads=n_threads), dtype)


@pytest.mark.parametrize("sizes", SIZES)
def test_a_whole_number_is_so_many_copies(rng, dtype, n_threads, sizes):
    case = networks.draw(rng, sizes, m=20, dtype=dtype)
    copies = rng.integers(0, 4, 20)
    whole = trained(case, np.arange(20), copies, n_threads=n_threads)
    assert close(whole, trained(case, np.repeat(np.arange(20), copies), None, n_threads=n_threads), dtype)


@pytest.mark.parametrize("optimizer", networks.HYPER)
def test_a_batch_without_weight_is_no_step(rng, n_threads, optimizer):
    case = networks.draw(rng, (6, 9, 3), m=30)
    weights = np.r_[np.ones(10), np.zeros(10), np.ones(10)]
    rows = np.r_[0:10, 20:30]
    with_gap = trained(case, np.arange(30), weights, optimizer, batch_size=10, l2=0.1, n_threads=n_threads)
    assert case.stack.steps == 6
    without = trained(case, rows, None, optimizer, batch_size=10, l2=0.1, n_threads=n_threads)
    assert all(np.array_equal(a, b) for a, b in zip(with_gap, without, strict=True))


def test_any_number_of_threads_gives_the_same_bits(rng, dtype):
    case = networks.draw(rng, (300, 100, 10), m=200, dtype=dtype)
    weights, order = rng.uniform(0, 2, 200), rng.permutation(200)
    results = [
        trained(case, np.arange(200), weights, "adam", batch_size=64, order=order, n_threads=n)
        for n in (1, 2, 3)
    ]
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))


# -- the penalty per row ---------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_a_penalty_per_row_is_divided_by_the_batch(rng, dtype, n_threads, weighted):
    case = networks.draw(rng, (7, 6, 2), loss="mse", m=25, dtype=dtype)
    weights = rng.uniform(0.5, 2, 25) if weighted else None
    size = 25.0 if weights is None else weights.sum()
    plain = case.stack.gradient(case.X, case.y, Objective("mse", l1=0.3 / size, l2=2 / size, weights=weights))
    gradients = case.stack.gradients.copy()
    options = {"l1": 0.3, "l2": 2, "penalty_per_row": True, "weights": weights, "n_threads": n_threads}
    assert case.stack.gradient(case.X, case.y, Objective("mse", **options)) == plain
    assert np.array_equal(case.stack.gradients, gradients)
    assert case.stack.loss(case.X, case.y, Objective("mse", **options)) == plain
    # Two batches: each step has its own divisor, and the penalty reported that of all rows.
    _, penalties, got = trained(
        case, np.arange(25), weights, "sgd", batch_size=20, epochs=1, l1=0.3, l2=2, penalty_per_row=True
    )
    networks.write(case.stack, case.network)
    for rows in (slice(0, 20), slice(20, 25)):
        part = None if weights is None else weights[rows]
        divisor = len(case.X[rows]) if part is None else part.sum()
        case.stack.set_optimizer("sgd")
        case.stack.train(
            case.X[rows],
            case.y[rows],
            Objective("mse", l1=0.3 / divisor, l2=2 / divisor, weights=part),
            None,
            np.array([0.01]),
            batch_size=25,
        )
    assert np.allclose(got, case.stack.parameters, rtol=20 * networks.EPS[dtype], atol=1e-12)
    W = [W for W, _ in case.stack.views()]
    assert penalties[0] == pytest.approx(
        reference.penalty([(w.astype(float), None) for w in W], 0.3, 2) / size, rel=1e-5
    )


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.ones(4), r"shape \(4,\); X has 3 rows"),
        (np.ones((3, 1)), r"shape \(3, 1\); X has 3 rows"),
        (np.array([1, -1, 1.0]), "at least 0"),
        (np.array([1, np.nan, 1]), "finite"),
        (np.array([1, np.inf, 1]), "finite"),
        (np.zeros(3), "not all of them 0"),
    ],
)
def test_the_core_refuses(weights, words):
    stack = Stack((2, 1), ("identity",))
    with pytest.raises(ValueError, match=words):
        stack.loss(np.zeros((3, 2)), np.zeros((3, 1), "float32"), Objective("mse", weights=weights))


# -- the network -----------------------------------------------------------------------------------


def made(loss="softmax_cross_entropy", units=3, **options):
    return cnn.Network(
        [cnn.Dense(6, "tanh"), cnn.Dense(units)], loss=loss, seed=3, dtype="float64", **options
    )


def samples(rng, m=60):
    X = rng.standard_normal((m, 4))
    return X, np.array(["a", "b", "c"])[np.minimum(np.abs(X[:, 0] * 2).astype(int), 2)]


def bits(net):
    return b"".join(W.tobytes() + b.tobytes() for W, b in net.get_weights())


@pytest.mark.parametrize("sample_weight", [None, "drawn"])
def test_balanced_is_the_weight_by_hand(rng, sample_weight):
    X, y = samples(rng)
    w = np.ones(60) if sample_weight is None else rng.uniform(0, 2, 60)
    indices = np.searchsorted(["a", "b", "c"], y)
    total = np.bincount(indices, w)
    by_hand = w * (total.sum() / (3 * total))[indices]
    balanced = made().fit(X, y, class_weight="balanced", sample_weight=None if sample_weight is None else w)
    manual = made().fit(X, y, sample_weight=by_hand)
    assert bits(balanced) == bits(manual)
    assert balanced.history["loss"] == manual.history["loss"]
    assert bits(balanced) != bits(made().fit(X, y))


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "softmax_cross_entropy"])
def test_weights_by_label(rng, loss):
    X, y = samples(rng)
    y = y == "a"
    units = 1 if loss.startswith("bin") else 2
    by_label = made(loss, units).fit(X, y, class_weight={True: 3.0})
    assert bits(by_label) == bits(made(loss, units).fit(X, y, sample_weight=np.where(y, 3.0, 1.0)))
    one_hot = np.stack([~y, y], axis=1)
    if units == 2:
        assert bits(made(loss, 2).fit(X, one_hot, class_weight={1: 3.0})) == bits(
            made(loss, 2).fit(X, one_hot, sample_weight=np.where(y, 3.0, 1.0))
        )


def test_everything_takes_weights(rng):
    X, y = samples(rng)
    kept = rng.random(60) < 0.5
    w = kept.astype(float)
    net = made().fit(X, y, epochs=2, sample_weight=w, validation_data=(X, y, w))
    assert net.history["val_loss"][-1] == net.loss(X, y, w)
    assert net.history["val_score"][-1] == net.score(X, y, w)
    assert net.loss(X, y, w) == pytest.approx(net.loss(X[kept], y[kept]), rel=1e-13)
    assert net.score(X, y, w) == pytest.approx(net.score(X[kept], y[kept]))
    for (dW, db), (eW, eb) in zip(
        gradient_pairs(net, X, y, w), gradient_pairs(net, X[kept], y[kept]), strict=True
    ):
        assert np.allclose(dW, eW, rtol=1e-12, atol=1e-14)
        assert np.allclose(db, eb, rtol=1e-12, atol=1e-14)
    one = made().partial_fit(X, y, sample_weight=w, batch_size="full", classes=["a", "b", "c"])
    other = made().partial_fit(X[kept], y[kept], batch_size="full", classes=["a", "b", "c"])
    for (W, b), (V, c) in zip(one.get_weights(), other.get_weights(), strict=True):
        assert np.allclose(W, V, atol=1e-12)
        assert np.allclose(b, c, atol=1e-12)


def test_r2_of_copies(rng):
    X, y = rng.standard_normal((20, 4)), rng.standard_normal((20, 2))
    copies = rng.integers(0, 3, 20)
    net = made("mse", 2).fit(X, y)
    assert net.score(X, y, copies) == pytest.approx(
        net.score(np.repeat(X, copies, axis=0), np.repeat(y, copies, axis=0))
    )


def test_the_span_of_the_rows_takes_weights(rng):
    X, y = rng.standard_normal((30, 400)), rng.integers(0, 3, 30)
    how = {"epochs": 30, "batch_size": "full", "sample_weight": rng.uniform(0, 2, 30)}
    nets = [made(optimizer=cnn.SGD(0.05, momentum=0.5)).fit(X, y, gram=gram, **how) for gram in (True, False)]
    for (W, b), (V, c) in zip(nets[0].get_weights(), nets[1].get_weights(), strict=True):
        assert np.allclose(W, V, atol=1e-10)
        assert np.allclose(b, c, atol=1e-10)


BAD = {
    "too few": ({"sample_weight": np.ones(59)}, ValueError, "X has 60 rows; sample_weight has 59"),
    "a matrix": (
        {"sample_weight": np.ones((60, 1))},
        ValueError,
        "sample_weight has 2 dimensions; expected 1",
    ),
    "negative": (
        {"sample_weight": -np.ones(60)},
        ValueError,
        "Negative values in sample_weight: row 0 is -1",
    ),
    "NaN": ({"sample_weight": np.full(60, np.nan)}, ValueError, "Input sample_weight contains NaN: row 0"),
    "nothing": ({"sample_weight": np.zeros(60)}, ValueError, "sample_weight is 0 in every row"),
    "text": ({"sample_weight": ["x"] * 60}, TypeError, "sample_weight holds text"),
    "other name": ({"class_weight": "balance"}, ValueError, "Did you mean 'balanced'"),
    "a number": ({"class_weight": 2.0}, TypeError, "must be 'balanced', a dict or None"),
    "no class": ({"class_weight": {"d": 1}}, ValueError, "'d', which is not a class"),
    "negative class": ({"class_weight": {"a": -1}}, ValueError, "class_weight"),
    "nothing of a class": ({"class_weight": dict.fromkeys("abc", 0)}, ValueError, "class_weight is 0"),
    "validation": ({"validation_data": (1, 2, 3, 4)}, TypeError, r"\(X, y, sample_weight\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_fit_refuses(rng, case):
    how, error, words = BAD[case]
    X, y = samples(rng)
    net = made().fit(X, y, epochs=1)
    before = bits(net)
    with pytest.raises(error, match=words):
        net.fit(X, y, **how)
    assert bits(net) == before


def test_class_weight_is_for_classes(rng):
    with pytest.raises(
        ValueError, match=r"class_weight needs one class per sample, but y has the kind 'values'"
    ):
        made("mse", 1).fit(rng.standard_normal((5, 4)), np.ones(5), class_weight="balanced")


def test_the_callers_weights_are_not_changed(rng):
    X, y = samples(rng)
    w = np.ones(60, dtype="float32")
    w.flags.writeable = False
    made().fit(X, y, sample_weight=w, class_weight="balanced")
    assert (w == 1).all()
