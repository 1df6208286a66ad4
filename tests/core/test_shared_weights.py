"""Stacks that share weights: gradients, steps, bits, and what is refused."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
import reference
from instruction_sets import WITH_FMA, WITHOUT_FMA
from processes import run_with_isa

import cnn_core
from cnn_core.sparse import SparseRows
from cnn_core.stack import Objective, SharedWeights, Stack

ROWS, INPUTS, MEMBERS = 23, 6, 3
HIDDEN = [(5,), (5, 4), (200, 7), (30, 20)]  # weights stored by units, and by inputs


def make(hidden, optimizer="sgd", dtype="float64", members=MEMBERS, f="tanh", update=None, **layers):
    """Stacks with random parameters, and their shared weights with random factors."""
    rng, stacks = np.random.default_rng(0), []
    for i in range(members):
        stack = Stack(
            (INPUTS, *hidden, 2), [*[f] * len(hidden), "identity"], dtype=dtype, units_major=True, **layers
        )
        for W, b in stack.views():
            W[...] = rng.standard_normal(W.shape) / np.sqrt(len(W))
            b[...] = 0.1 * rng.standard_normal(b.shape)
        stack.set_optimizer(optimizer)
        stack.set_update(**(update or {}))
        stacks.append(stack)
        stack.set_dropout([0.0, *[0.2 if layers else 0.0] * len(hidden), 0.0], i)
    shared = SharedWeights(stacks, rng.choice([-1, 1], (members, INPUTS)))
    for pairs in shared.factors():
        for r, s in pairs:
            r *= rng.uniform(0.5, 1.5, len(r)).astype(dtype)
            s *= rng.uniform(0.5, 1.5, len(s)).astype(dtype)
    for stack, network in zip(stacks, effective(stacks, shared), strict=True):
        for (W, _), (value, _) in zip(stack.views(), network, strict=True):
            W[...] = value
    return stacks, shared


def effective(stacks, shared):
    """Weights and biases of each member, from the shared weights and its factors."""
    networks = []
    for stack, pairs in zip(stacks, shared.factors(), strict=True):
        own, common = stack.views(), stack.views(shared.weights)
        hidden = [
            (W * np.outer(r, s), b)
            for (W, _), (_, b), (r, s) in zip(common[:-1], own[:-1], pairs, strict=True)
        ]
        networks.append([*hidden, own[-1]])
    return networks


def trained(stacks, shared):
    """Views of what training changes: shared weights, then parameters of the members."""
    common = [W for W, _ in stacks[0].views(shared.weights)[:-1]]
    factors = [part for pairs in shared.factors() for pair in pairs for part in pair]
    return (
        common,
        factors,
        [b for each in stacks for _, b in each.views()],
        [s.views()[-1][0] for s in stacks],
    )


def data(dtype="float64", rows=ROWS):
    rng = np.random.default_rng(1)
    return rng.standard_normal((rows, INPUTS)).astype(dtype), rng.standard_normal((rows, 2)).astype(dtype)


def objective_of(stacks, shared, X, y, l2):
    """Mean over the members of loss and penalty of the last layer, plus the penalty of the shared weights."""
    activations = ["tanh"] * (len(stacks[0].sizes) - 2) + ["identity"]
    common, _, _, last = trained(stacks, shared)
    losses = [
        reference.loss(network, activations, X, y, "mse") + l2 / 2 * (W**2).sum()
        for network, W in zip(effective(stacks, shared), last, strict=True)
    ]
    return np.mean(losses) + l2 / 2 * sum((W**2).sum() for W in common)


def slopes(stacks, shared, X, y, l2):
    """Gradient of `objective_of` with respect to the parts of `trained`, by the chain rule."""
    activations = ["tanh"] * (len(stacks[0].sizes) - 2) + ["identity"]
    common, _, _, last = trained(stacks, shared)
    of_common = [l2 * W for W in common]
    of_factors, of_biases, of_last = [], [], []
    for network, pairs, top in zip(effective(stacks, shared), shared.factors(), last, strict=True):
        _, _, gradient = reference.gradient(network, activations, X, y, "mse")
        for W, sums, (G, _), (r, s) in zip(common, of_common, gradient, pairs, strict=False):
            sums += G * np.outer(r, s) / len(stacks)
            of_factors += [(G * W) @ s / len(stacks), r @ (G * W) / len(stacks)]
        of_biases += [db / len(stacks) for _, db in gradient]
        of_last.append((gradient[-1][0] + l2 * top) / len(stacks))
    return of_common, of_factors, of_biases, of_last


@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_step_follows_the_slope_of_the_mean_loss(hidden):
    """Central differences have errors of about 1e-10 here."""
    stacks, shared = make(hidden)
    X, y = data()
    parts = [part for group in trained(stacks, shared) for part in group]
    rng, expected, chosen = np.random.default_rng(2), [], []
    for part in parts:
        places = [tuple(rng.integers(0, n) for n in part.shape) for _ in range(6)]
        chosen.append(places)
        for place in places:
            value, ends = part[place], []
            for step in (1e-5, -1e-5):
                part[place] = value + step
                ends.append(objective_of(stacks, shared, X, y, 0.01))
            part[place] = value
            expected.append((ends[0] - ends[1]) / 2e-5)
    before = [part.copy() for part in parts]
    losses, penalties = shared.train(
        X, y, [Objective("mse", l2=0.01)] * MEMBERS, None, [1.0], batch_size=ROWS
    )
    found = [(old - part)[p] for old, part, places in zip(before, parts, chosen, strict=True) for p in places]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-9)
    assert losses.shape == penalties.shape == (MEMBERS, 1)


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize(
    ("optimizer", "step"),
    [("sgd", reference.SGD), ("momentum", reference.Momentum), ("adamw", reference.AdamW)],
)
def test_steps_of_optimizers_against_numpy(hidden, optimizer, step):
    """Weights decay, biases and factors do not; float64, so that some steps differ by rounding only."""
    stacks, shared = make(hidden, optimizer)
    X, y = data()
    twins, twin = make(hidden, optimizer)
    of_weights, of_others = step(), step()
    order, weights = np.random.default_rng(4).permutation(ROWS), np.ones(ROWS)
    weights[order[8:16]] = 0  # the second batch is skipped
    for rows in (order[:8], order[16:]):
        common, factors, biases, last = trained(twins, twin)
        dW, df, db, dlast = slopes(twins, twin, X[rows], y[rows], 0.01)
        parts = [(W, None) for W in (*common, *last)], [(g, None) for g in (*dW, *dlast)]
        moved = of_weights.step(*parts, 0.05)
        zeros = [np.zeros((1, 1)) for _ in (*factors, *biases)]
        owned = of_others.step(
            list(zip(zeros, (*factors, *biases), strict=True)),
            list(zip(zeros, (*df, *db), strict=True)),
            0.05,
        )
        for part, (value, _) in zip((*common, *last), moved, strict=True):
            part[...] = value
        for part, (_, value) in zip((*factors, *biases), owned, strict=True):
            part[...] = value
    objectives = [Objective("mse", l2=0.01, weights=weights)] * MEMBERS
    shared.train(X, y, objectives, order, np.full(3, 0.05), batch_size=8)
    for found, expected in zip(trained(stacks, shared), trained(twins, twin), strict=True):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)
    for stack, network in zip(stacks, effective(stacks, shared), strict=True):
        assert stack.steps == 2
        for (W, b), (value, bias) in zip(stack.views(), network, strict=True):
            np.testing.assert_allclose(W, value, rtol=1e-15, atol=0)
            np.testing.assert_array_equal(b, bias)


LAYERS = {
    "plain": {},
    "norms": {"norms": ["layer", "batch", None]},
    "residual": {"norms": ["rms", None, None], "residuals": [False, True, False]},
}


def results(kind, dtype, threads, hidden=(24, 24), calls=1, optimizer="adam"):
    """Everything that some epochs with dropout and an average leave."""
    stacks, shared = make(hidden, optimizer, dtype, 5, "relu", {"ema": 0.9}, **LAYERS[kind])
    X, y = data(dtype, 401)
    orders = np.stack([np.random.default_rng(i).permutation(401) for i in range(4)])
    rates, losses = np.full(4 * 13, 0.01), []
    for part, rate in zip(np.split(orders, calls), np.split(rates, calls), strict=True):
        losses.append(
            shared.train(
                X, y, [Objective("mse", l1=1e-3)] * 5, part, rate, batch_size=32, epochs=len(part), n_threads=threads
            )
        )  # fmt: skip
    parts = [part for group in trained(stacks, shared) for part in group]
    parts += [
        part for stack in stacks for W, b in stack.views() + stack.views(stack.average) for part in (W, b)
    ]
    return [np.concatenate([each[i] for each in losses], axis=1) for i in (0, 1)] + parts


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", LAYERS)
def test_bits_depend_neither_on_threads_nor_on_calls(kind, dtype):
    expected = results(kind, dtype, 1)
    for threads, calls in ((2, 1), (3, 1), (2, 4)):
        for one, other in zip(results(kind, dtype, threads, calls=calls), expected, strict=True):
            np.testing.assert_array_equal(one, other)
    assert (expected[0][:, -1] < expected[0][:, 0]).all()


def digest():
    made = hashlib.sha256()
    for kind in LAYERS:
        for dtype in ("float32", "float64"):
            for part in results(kind, dtype, 2):
                made.update(np.ascontiguousarray(part).tobytes())
    return made.hexdigest()


def test_instruction_sets_of_a_group_have_the_same_bits():
    found = {}
    folders = f"import sys; sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}; "
    for name in cnn_core.available():
        done = run_with_isa(name, "-c", folders + "import test_shared_weights as t; print(t.digest())")
        assert done.returncode == 0, done.stderr
        found[name] = done.stdout
    for group in (WITH_FMA, WITHOUT_FMA):
        assert len({found[name] for name in group if name in found}) <= 1


def test_forms_of_the_rows():
    """Sparse rows, rows in another order, and rows that are read where they are, give the same bits."""
    X, y = data()
    X[np.random.default_rng(5).random(X.shape) < 0.5] = 0
    places = np.nonzero(X)
    starts = np.concatenate([[0], np.cumsum((X != 0).sum(axis=1))])
    forms = {
        "dense": (X, y, None),
        "reversed": (X[::-1].copy(), y[::-1].copy(), np.arange(ROWS)[::-1].copy()),
        "sparse": (
            SparseRows(starts.astype(np.int64), places[1].astype(np.int64), X[places], INPUTS),
            y,
            None,
        ),
    }
    found = []
    for rows, targets, order in forms.values():
        stacks, shared = make((5, 4))
        shared.train(rows, targets, [Objective("mse")] * MEMBERS, order, np.full(6, 0.1), batch_size=4)
        found.append([part.copy() for group in trained(stacks, shared) for part in group])
    for each in found[1:]:
        for one, other in zip(each, found[0], strict=True):
            np.testing.assert_array_equal(one, other)


def test_what_is_refused():
    stacks, shared = make((5,))
    X, y = data()
    objectives = [Objective("mse")] * MEMBERS

    def train(which=objectives, rates=(0.1,), order=None):
        shared.train(X, y, which, order, rates, batch_size=ROWS)

    before = [part.copy() for group in trained(stacks, shared) for part in group]
    with pytest.raises(ValueError, match="different weights of the rows"):
        train([objectives[0].replace(weights=np.ones(ROWS)), *objectives[1:]])
    with pytest.raises(ValueError, match="different penalties"):
        train([objectives[0].replace(l2=0.1), *objectives[1:]])
    with pytest.raises(ValueError, match="losses written in Python"):
        train([Objective(lambda y, z: (z.sum(axis=1), z))] * MEMBERS)
    with pytest.raises(ValueError, match="take 1 steps"):
        train(rates=(0.1, 0.1))
    with pytest.raises(ValueError, match="order has shape"):
        train(order=np.zeros((2, ROWS), np.int64))
    stacks[1].set_update(clip_norm=1.0)
    with pytest.raises(ValueError, match="member 1 has masks, proximal steps, clipping"):
        train()
    stacks[1].set_update()
    stacks[1].set_optimizer("adam")
    with pytest.raises(ValueError, match="equal optimizers"):
        train()
    for one, other in zip(before, [p for group in trained(stacks, shared) for p in group], strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="at least 2 layers"):
        SharedWeights([Stack((2, 1), ("identity",))], np.ones((1, 2)))
    with pytest.raises(ValueError, match="member 1 has other layers"):
        SharedWeights([Stack((2, n, 1), ("tanh", "identity")) for n in (3, 4)], np.ones((2, 2)))
    with pytest.raises(ValueError, match="first has shape"):
        SharedWeights([Stack((2, 3, 1), ("tanh", "identity"))], np.ones((2, 2)))
