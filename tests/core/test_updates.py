"""Steps that wait for the whole gradient: clipped, at a rate a layer, averaged; against the oracle and one another."""

import networks
import numpy as np
import pytest
import reference
from networks import STEP_TOLERANCE

import cnn_core.gram
from cnn_core.stack import Objective, Stack

SHAPES = [
    (9, 13, 6, 4),
    (300, 50, 3),  # weights stored units x inputs
    (200, 130, 10),  # wide enough to be shared between threads
    (3, 4, 2),  # small enough for a step without tiles, which this is not
]
FACTORS = (0.5, 0.0, 1.0, 2.0)


def factors_of(case):
    return FACTORS[: len(case.network)]


def trained(case, optimizer, rates, *, update, hyper, order=None, batch_size=128, n_threads=1, **penalties):
    case.stack.set_optimizer(optimizer, **hyper)
    case.stack.set_update(**update)
    return case.stack.train(
        case.X,
        case.y,
        Objective(case.loss, n_threads=n_threads, **penalties),
        order,
        rates,
        batch_size=batch_size,
    )


@pytest.mark.parametrize("optimizer", networks.SMOOTH_HYPER)
@pytest.mark.parametrize("sizes", SHAPES, ids=str)
def test_everything_at_once_equals_the_oracle(rng, dtype, n_threads, sizes, optimizer):
    m = 600
    case = networks.draw(rng, sizes, "tanh", m=m, dtype=dtype)
    hyper, order, rates = networks.SMOOTH_HYPER[optimizer], rng.permutation(m), rng.uniform(0.005, 0.02, 5)
    update = {"clip_norm": 0.05, "clip_value": 0.01, "ema": 0.8, "factors": factors_of(case)}
    oracle = reference.Updated(optimizer, hyper, **update | {"factors": factors_of(case)})
    penalties = {"l1": 0.0002, "l2": 0.01}
    expected, *losses = reference.train(
        case.network,
        case.activations,
        *case.wide,
        case.loss,
        oracle,
        order,
        rates,
        batch_size=128,
        **penalties,
    )
    got = trained(
        case, optimizer, rates, update=update, hyper=hyper, order=order, n_threads=n_threads, **penalties
    )
    tolerance = 10 * STEP_TOLERANCE[dtype]
    stack = case.stack
    assert got == pytest.approx(losses, rel=tolerance)
    assert networks.relative_error(stack.views(), expected) <= tolerance
    assert networks.relative_error(stack.views(stack.average), oracle.average()) <= tolerance
    assert stack.gradient_norms == pytest.approx([np.mean(oracle.norms)], rel=tolerance)
    assert max(oracle.norms) > 0.05
    assert stack.steps == 5
    for flat in (stack.parameters, stack.average, *stack.moments):
        assert not networks.padding(stack, flat).any()


@pytest.mark.parametrize("sizes", SHAPES, ids=str)
@pytest.mark.parametrize("optimizer", networks.HYPER)
def test_a_limit_that_is_never_reached_changes_no_bit(rng, dtype, n_threads, sizes, optimizer):
    """The way of the gradient is another, its numbers are the same."""
    case = networks.draw(rng, sizes, "relu", m=300, dtype=dtype)
    rates, results = rng.uniform(0.005, 0.02, 3), []
    for update in (
        {},
        {"clip_norm": 1e30, "clip_value": 1e30, "ema": 0.9, "factors": [1.0] * (len(sizes) - 1)},
    ):
        networks.write(case.stack, case.network)
        hyper = networks.HYPER[optimizer]
        value = trained(case, optimizer, rates, update=update, hyper=hyper, n_threads=n_threads, l2=0.01)
        results.append((value, case.stack.parameters.tobytes(), *map(bytes, case.stack.moments)))
    assert results[0] == results[1]


@pytest.mark.parametrize("sizes", SHAPES, ids=str)
def test_threads_and_epochs_in_one_call_change_no_bit(rng, dtype, sizes):
    case = networks.draw(rng, sizes, "tanh", m=300, dtype=dtype)
    rates, results = rng.uniform(0.005, 0.02, 9), []
    stack = case.stack
    for n_threads, together in ((1, True), (2, True), (1, False)):
        networks.write(stack, case.network)
        stack.set_optimizer("adam")
        stack.set_update(clip_norm=0.1, ema=0.7)
        objective = Objective(case.loss, n_threads=n_threads)
        norms = []
        for part in [rates] if together else np.split(rates, 3):
            stack.train_epochs(case.X, case.y, objective, None, part, epochs=len(part) // 3, batch_size=100)
            norms.extend(stack.gradient_norms)
        assert len(norms) == 3
        results.append((norms, stack.parameters.tobytes(), stack.average.tobytes()))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("sizes", SHAPES, ids=str)
def test_the_norm_after_clipping_is_the_limit(rng, dtype, sizes):
    """A step of plain descent at rate 1 shows the gradient that it took."""
    case = networks.draw(rng, sizes, "tanh", m=50, dtype="float64")
    before = case.stack.parameters.copy()
    trained(case, "sgd", np.ones(1), update={"clip_norm": 1e-3}, hyper={})
    assert np.linalg.norm(case.stack.parameters - before) == pytest.approx(1e-3, rel=1e-10)
    (norm,) = case.stack.gradient_norms
    gradients = [g for layer in case.oracle_gradient()[2] for g in layer]
    assert norm == pytest.approx(np.sqrt(sum((g**2).sum() for g in gradients)), rel=1e-12)


def test_a_frozen_layer_keeps_its_bytes(rng, dtype, n_threads):
    case = networks.draw(rng, (20, 12, 9, 4), "relu", m=64, dtype=dtype)
    stack = case.stack
    stack.set_optimizer("adamw")
    rates = np.full(3, 0.01)
    objective = Objective(case.loss, n_threads=n_threads, l2=0.1)
    stack.train(case.X, case.y, objective, None, rates[:2], batch_size=32)  # moments that are not zero

    def layer(index):
        flats = (stack.parameters, *stack.moments)
        return [a.tobytes() for flat in flats for a in stack.views(flat)[index]]

    before = [layer(index) for index in range(3)]
    stack.set_update(factors=[0.0, 1.0, 0.0])
    stack.train(case.X, case.y, objective, None, rates[:2], batch_size=32)
    after = [layer(index) for index in range(3)]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]


def test_a_frozen_first_layer_with_long_rows(rng, dtype):
    """Long rows are read in a way of their own, which gathers the first layer's gradient beside the outputs."""
    case = networks.draw(rng, (4800, 4, 3), "tanh", m=12, dtype=dtype)
    trained(case, "sgd", np.full(1, 0.1), update={"clip_norm": 1e9, "factors": (0, 1)}, hyper={})
    W, b = case.oracle_gradient()[2][1]
    (norm,) = case.stack.gradient_norms
    assert norm == pytest.approx(np.sqrt((W**2).sum() + (b**2).sum()), rel=1e-5)
    assert np.array_equal(case.stack.views()[0][0], case.network[0][0])
    case.stack.set_update(clip_norm=1e9)
    networks.write(case.stack, case.network)
    case.stack.train(case.X, case.y, Objective(case.loss), None, np.full(1, 0.1), batch_size=12)
    gradients = [g for layer in case.oracle_gradient()[2] for g in layer]
    expected = np.sqrt(sum((g**2).sum() for g in gradients))
    assert case.stack.gradient_norms == pytest.approx([expected], rel=1e-5)


def test_a_gradient_of_all_layers_is_not_cut_short(rng):
    """`gradient` gives that of frozen layers too, unclipped."""
    case = networks.draw(rng, (6, 5, 4), "tanh", m=20)
    trained(case, "sgd", np.full(1, 0.1), update={"clip_norm": 1e-6, "factors": (0, 1)}, hyper={})
    networks.write(case.stack, case.network)
    case.stack.gradient(case.X, case.y, Objective(case.loss))
    gradients = case.stack.views(case.stack.gradients)
    assert networks.relative_error(gradients, case.oracle_gradient()[2]) < 1e-12


def test_the_state_goes_on_in_another_stack(rng, dtype):
    case = networks.draw(rng, (9, 13, 4), "relu", m=48, dtype=dtype)
    other = networks.stack_of(case.network, case.activations, dtype)
    rates = np.full(3, 0.01)
    for stack in (case.stack, other):
        stack.set_optimizer("nadam")
        stack.set_update(ema=0.9)
    case.stack.train(case.X, case.y, Objective(case.loss), None, rates, batch_size=16)
    flats = zip(
        (other.parameters, other.average, *other.moments),
        (case.stack.parameters, case.stack.average, *case.stack.moments),
        strict=True,
    )
    for mine, theirs in flats:
        mine[...] = theirs
    other.steps = case.stack.steps
    for stack in (case.stack, other):
        stack.train(case.X, case.y, Objective(case.loss), None, rates, batch_size=16)
    assert other.parameters.tobytes() == case.stack.parameters.tobytes()
    assert other.average.tobytes() == case.stack.average.tobytes()


def test_a_new_optimizer_starts_a_new_average(rng):
    case = networks.draw(rng, (5, 4, 3), "tanh", m=10)
    for _ in range(2):
        trained(case, "sgd", np.full(1, 0.1), update={"ema": 0.9}, hyper={})
        assert np.allclose(case.stack.average, case.stack.parameters, rtol=1e-15, atol=1e-15)
    case.stack.set_update()
    assert case.stack.average is None
    assert case.stack.gradient_norms is None


def test_what_cannot_be_is_refused(rng):
    case = networks.draw(rng, (40, 4, 3), "tanh", m=10)
    with pytest.raises(ValueError, match=r"factors has shape \(3,\); there are 2 layers"):
        case.stack.set_update(factors=[1, 1, 1])
    case.stack.set_optimizer("sgd")
    inner = cnn_core.gram.make_gram_stack(case.stack, case.X)
    inner.set_update(ema=0.5)
    with pytest.raises(ValueError, match="gram training"):
        inner.train(inner.gram, case.y, Objective(case.loss), None, np.full(1, 0.1), batch_size=10)


# -- with what else there is in a pass -------------------------------------------------------------


def normed(rng, dtype, norm, **options):
    stack = Stack((9, 12, 12, 4), ("relu", "tanh", "softmax"), dtype=dtype, norms=(norm, norm, None))
    for W, b in stack.views():
        W[...] = rng.standard_normal(W.shape) / 3
        b[...] = rng.standard_normal(b.shape) / 10
    X, y = rng.standard_normal((300, 9)).astype(dtype), rng.integers(0, 4, 300)
    return stack, X, y, Objective("softmax_cross_entropy", **options)


@pytest.mark.parametrize("norm", ["batch", "layer", "rms"])
def test_gains_take_the_step_too(rng, dtype, n_threads, norm):
    """With norms, dropout, weights of rows (a batch of none among them) and a penalty per row."""
    stack, X, y, objective = normed(rng, dtype, norm, l2=0.1, n_threads=n_threads, penalty_per_row=True)
    start, results = stack.parameters.copy(), []
    weights = rng.uniform(0, 2, 300)
    weights[100:200] = 0
    objective = objective.replace(weights=weights)
    for update in ({}, {"clip_norm": 1e30, "clip_value": 1e30, "ema": 0.9}):
        stack.parameters[...] = start
        for gain, running in zip(stack.gains(), stack.running_statistics(), strict=True):
            if running is not None:
                running[0][...], running[1][...] = 0, 1
            if gain is not None:
                gain[...] = 1
        stack.set_dropout((0.1, 0.2, 0, 0), 7)
        stack.set_optimizer("adam")
        stack.set_update(**update)
        value = stack.train(X, y, objective, None, np.full(3, 0.01), batch_size=100)
        results.append((value, stack.parameters.tobytes(), *map(bytes, stack.moments), stack.steps))
    assert results[0] == results[1]
    assert not np.array_equal(stack.gains()[0], np.ones(12))


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_a_frozen_normalised_layer_keeps_all_of_it(rng, dtype, n_threads, norm):
    """It predicts and trains alike: with the statistics that it has."""
    stack, *data = normed(rng, dtype, norm, n_threads=n_threads)
    stack.set_optimizer("sgd")
    stack.train(*data, None, np.full(3, 0.1), batch_size=100)

    def first_layer():
        statistics = stack.running_statistics()[0] or ()
        return [a.copy() for a in (*stack.views()[0], stack.gains()[0], *statistics)]

    before, gain = first_layer(), stack.gains()[1].copy()
    stack.set_update(factors=(0, 1, 1))
    stack.train(*data, None, np.full(3, 0.1), batch_size=100)
    assert all(np.array_equal(a, b) for a, b in zip(before, first_layer(), strict=True))
    assert not np.array_equal(gain, stack.gains()[1])
    stack.set_update(factors=(0, 0, 0))
    (loss, _), (expected, _) = (
        stack.train(*data, None, np.full(1, 0.1), batch_size=300),
        stack.loss(*data),
    )
    assert loss == pytest.approx(expected, rel=1e-6)
