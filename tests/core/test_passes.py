"""Every way the core has of taking a pass gives the same bits, and the oracle's numbers."""

import networks
import numpy as np
import pytest
import reference

from cnn_core.stack import Objective

LONG = (
    4800  # columns whose rows are long enough to roll, in float32 as in float64, and fill whole cache lines
)


def trained(case, *, order=None, batch_size, optimizer="momentum", epochs=1, together=True, n_threads=1):
    """The parameters after some passes over the case's rows, and the losses."""
    stack = case.stack
    networks.write(stack, case.network)
    stack.set_optimizer(optimizer)
    rows = len(case.X) if order is None else len(order)
    steps = -(-rows // batch_size)
    rates = np.linspace(0.01, 0.001, steps * epochs)
    data = (case.X, case.y, Objective(case.loss, n_threads=n_threads), order)
    if together:
        losses, _ = stack.train_epochs(*data, rates, epochs=epochs, batch_size=batch_size)
    else:
        parts = np.split(rates, epochs)
        losses = [stack.train(*data, part, batch_size=batch_size)[0] for part in parts]
    return stack.parameters.copy(), np.array(losses)


@pytest.mark.parametrize("units", [1, 2, 3, 4])
@pytest.mark.parametrize("rows", [1, 3, 4, 7, 8, 13])
def test_long_rows_read_in_place_or_gathered(rng, dtype, units, rows):
    """In place four rows forward and four backward share a loop; gathered, they do not."""
    case = networks.draw(rng, (LONG, units, 3), "tanh", m=rows, dtype=dtype, biases=[units % 2 == 0, True])
    in_place, losses = trained(case, batch_size=rows, epochs=2)
    gathered, same = trained(case, order=np.arange(rows), batch_size=rows, epochs=2)
    assert np.array_equal(in_place, gathered)
    assert np.array_equal(losses, same)
    networks.write(case.stack, case.network)
    case.stack.gradient(case.X, case.y, Objective(case.loss, l2=0.1, n_threads=1))
    expected = case.oracle_gradient(l2=0.1)[2]
    tolerance = 2000 * networks.EPS[dtype]  # sums of 4,800 products
    assert networks.relative_error(case.stack.views(case.stack.gradients), expected) < tolerance


@pytest.mark.parametrize("units", [1, 4])
def test_long_rows_are_shared_by_threads(rng, dtype, units):
    """Two threads take half of the columns each; more have nothing to do."""
    case = networks.draw(rng, (LONG, units, 2), "tanh", m=391, dtype=dtype)
    expected = trained(case, batch_size=391, epochs=2)
    for n_threads in (2, 3):
        found = trained(case, batch_size=391, epochs=2, n_threads=n_threads)
        assert all(map(np.array_equal, found, expected))
    gathered = trained(case, order=np.arange(391), batch_size=391, epochs=2, n_threads=2)
    assert all(map(np.array_equal, gathered, expected))


def test_long_rows_in_batches(rng, dtype):
    """Batches that are no multiple of four rows, with a last one that is shorter."""
    case = networks.draw(rng, (LONG, 4, 1), "relu", "binary_cross_entropy", m=25, dtype=dtype)
    in_place, _ = trained(case, batch_size=10)
    gathered, _ = trained(case, order=np.arange(25), batch_size=10)
    assert np.array_equal(in_place, gathered)


@pytest.mark.parametrize("optimizer", networks.HYPER)
@pytest.mark.parametrize("sizes", [(2, 3, 1), (6, 8, 7, 3), (40, 30, 2)])
def test_epochs_in_one_call_or_each_in_its_own(rng, dtype, sizes, optimizer):
    loss = "binary_cross_entropy" if sizes[-1] == 1 else "softmax_cross_entropy"
    case = networks.draw(rng, sizes, "sigmoid", loss, m=11, dtype=dtype)
    together, losses = trained(case, batch_size=4, optimizer=optimizer, epochs=5)
    apart, same = trained(case, batch_size=4, optimizer=optimizer, epochs=5, together=False)
    assert np.array_equal(together, apart)
    assert np.array_equal(losses, same)


@pytest.mark.parametrize("optimizer", networks.SMOOTH_HYPER)
def test_a_small_network_follows_the_oracle(rng, dtype, optimizer):
    """Few rows, few inputs, few units: the step without tiles."""
    case = networks.draw(rng, (5, 4, 6, 2), "tanh", "mse", m=7, dtype=dtype)
    hyper, order, rates = networks.SMOOTH_HYPER[optimizer], rng.integers(0, 7, 60), np.full(20, 0.02)
    case.stack.set_optimizer(optimizer, **hyper)
    loss, _ = case.stack.train(case.X, case.y, Objective("mse", n_threads=1), order, rates, batch_size=3)
    oracle = reference.OPTIMIZERS[optimizer](**hyper)
    expected, expected_loss, _ = reference.train(
        case.network, case.activations, *case.wide, "mse", oracle, order, rates, batch_size=3
    )
    assert loss == pytest.approx(expected_loss, rel=1000 * networks.EPS[dtype])
    assert networks.relative_error(case.stack.views(), expected) < 1000 * networks.EPS[dtype]
