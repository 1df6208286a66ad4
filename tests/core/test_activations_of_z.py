"""Networks of activations whose derivative is taken from the input: gradients, training, threads; a user's own."""

import networks
import numpy as np
import pytest
import reference

from cnn_core.gram import make_gram_stack
from cnn_core.layers import Layers
from cnn_core.stack import Objective, Stack

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}
unfused = pytest.mark.parametrize("activation", networks.UNFUSED)


def draw(rng, sizes, activation, **kwargs):
    """A case of small pre-activations: exp of larger ones is another network in each rounding."""
    case = networks.draw(rng, sizes, activation, "mse", **kwargs)
    if activation == "exp":
        case.network = networks.rounded(reference.combine(lambda w: w / 8, case.network), kwargs["dtype"])
        networks.write(case.stack, case.network)
    return case


@unfused
def test_oracle_and_core_equal_central_differences(rng, activation):
    case = networks.draw(rng, (5, 4, 6, 2), activation, "mse", m=4, smooth=True)
    X, y = case.wide
    differences = reference.central_differences(
        lambda: reference.loss(case.network, case.activations, X, y, case.loss), case.network
    )
    assert networks.relative_error(case.oracle_gradient()[2], differences) < 1e-7
    case.stack.gradient(case.X, case.y, Objective(case.loss))
    gradients = networks.widened(case.stack.views(case.stack.gradients))
    assert networks.relative_error(gradients, differences) < 1e-7


@unfused
@pytest.mark.parametrize(
    ("sizes", "m"),
    [
        ((5, 7, 4, 6, 3), 8),
        ((300, 50, 10), 240),
        ((100, 130, 70, 3), 57),
        ((5000, 3, 2), 30),
        ((3, 400, 2), 100),
    ],
)
def test_core_equals_oracle(rng, dtype, activation, sizes, m):
    case = draw(rng, sizes, activation, m=m, dtype=dtype)
    expected, _, expected_gradients = case.oracle_gradient()
    results = []
    for n_threads in (1, 2):
        value = case.stack.gradient(case.X, case.y, Objective(case.loss, n_threads=n_threads))
        assert value[0] == pytest.approx(expected, rel=TOLERANCE[dtype])
        gradients = networks.widened(case.stack.views(case.stack.gradients))
        assert networks.relative_error(gradients, expected_gradients) < TOLERANCE[dtype]
        assert not networks.padding(case.stack, case.stack.gradients).any()
        results.append(case.stack.gradients.copy())
    assert np.array_equal(*results)
    outputs = reference.forward(case.network, case.activations, case.wide[0])
    got = case.stack.forward(case.X)
    assert np.abs(got - outputs).max() <= TOLERANCE[dtype] * np.abs(outputs).max()
    assert np.array_equal(case.stack.forward(case.X, n_threads=2), got)
    assert np.array_equal(case.stack.try_forward(case.X[:1], None, 1, 1.0, 1), case.stack.forward(case.X[:1]))


@unfused
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_training_equals_the_oracle(rng, activation, optimizer):
    """Batches of several chunks and of one, shuffled, penalised; small enough for the tile-free way, were it taken."""
    for sizes, m, batch_size in (((4, 6, 5, 2), 30, 8), ((300, 20, 3), 400, 300)):
        case = draw(rng, sizes, activation, m=m, dtype="float64")
        hyper = networks.SMOOTH_HYPER[optimizer]
        order = rng.permutation(m)
        rates = np.full(-(-m // batch_size), 0.001)
        expected, loss, _ = reference.train(
            case.network,
            case.activations,
            *case.wide,
            case.loss,
            reference.OPTIMIZERS[optimizer](**hyper),
            order,
            rates,
            batch_size=batch_size,
            l2=0.1,
        )
        trained = []
        for n_threads in (1, 2):
            networks.write(case.stack, case.network)
            case.stack.set_optimizer(optimizer, **hyper)
            value = case.stack.train(
                case.X,
                case.y,
                Objective(case.loss, l2=0.1, n_threads=n_threads),
                order,
                rates,
                batch_size=batch_size,
            )
            assert value[0] == pytest.approx(loss, rel=1e-11)
            assert networks.relative_error(case.stack.views(), expected) < 1e-11
            assert not networks.padding(case.stack, case.stack.parameters).any()
            trained.append(case.stack.parameters.copy())
        assert np.array_equal(*trained)


def test_each_layer_has_its_own(rng, dtype, n_threads):
    for hidden in (("gelu", "relu", "silu"), ("tanh", "softplus", "sigmoid"), ("mish", "identity", "elu")):
        case = networks.draw(rng, (9, 20, 33, 7, 3), hidden, m=37, dtype=dtype)
        case.stack.gradient(case.X, case.y, Objective(case.loss, n_threads=n_threads))
        gradients = networks.widened(case.stack.views(case.stack.gradients))
        assert networks.relative_error(gradients, case.oracle_gradient()[2]) < TOLERANCE[dtype]


def test_a_row_does_not_depend_on_its_neighbours(rng, dtype):
    case = networks.draw(rng, (20, 33, 3), "gelu", m=130, dtype=dtype)
    together = case.stack.forward(case.X)
    assert np.array_equal(together, np.concatenate([case.stack.forward(row[None]) for row in case.X]))


def test_in_the_span_of_the_rows(rng):
    """Full-batch descent leaves X aside, and comes to the same weights."""
    case = networks.draw(rng, (200, 6, 2), "silu", "mse", m=9)
    case.stack.set_optimizer("momentum")
    inner = make_gram_stack(case.stack, case.X)
    rates = np.full(5, 0.01)
    arguments = {"epochs": 5, "batch_size": 9}
    inner.train_epochs(inner.gram, case.y, Objective("mse"), None, rates, **arguments)
    inner.write_back()
    folded = case.stack.parameters.copy()
    networks.write(case.stack, case.network)
    case.stack.set_optimizer("momentum")
    case.stack.train_epochs(case.X, case.y, Objective("mse"), None, rates, **arguments)
    assert np.allclose(folded, case.stack.parameters, rtol=1e-10, atol=1e-12)


# -- a user's own ----------------------------------------------------------------------------------


def scaled(Z):
    return Z * 2


def two(Z):
    return np.full_like(Z, 2)


def user_stack(case, pairs):
    """The network of a case, with pairs of functions in place of its hidden activations."""
    stack = Stack(case.stack.sizes, (*pairs, case.activations[-1]), dtype=case.dtype)
    for (W, b), (V, c) in zip(stack.views(), case.network, strict=True):
        W[...], b[...] = V, c
    return stack


@pytest.mark.parametrize(
    ("sizes", "m"), [((5, 7, 4, 3), 10), ((300, 50, 20, 10), 500), ((5000, 3, 3, 3), 30)]
)
def test_a_custom_identity_gives_the_bits_of_the_built_in(rng, dtype, n_threads, sizes, m):
    case = networks.draw(rng, sizes, "identity", m=m, dtype=dtype)
    own = user_stack(case, [(np.copy, np.ones_like)] * 2)
    assert np.array_equal(own.forward(case.X, n_threads=n_threads), case.stack.forward(case.X))
    for stack in (own, case.stack):
        stack.gradient(case.X, case.y, Objective(case.loss, n_threads=n_threads))
    assert np.array_equal(own.gradients, case.stack.gradients)
    for stack in (own, case.stack):
        stack.set_optimizer("adam")
        stack.train(
            case.X,
            case.y,
            Objective(case.loss, n_threads=n_threads),
            None,
            np.full(10, 0.01),
            batch_size=-(-m // 10),
        )
    assert np.array_equal(own.parameters, case.stack.parameters)


def test_own_functions_beside_the_built_in(rng, dtype):
    case = networks.draw(rng, (6, 5, 4, 3), ("tanh", "silu"), m=20, dtype=dtype)
    own = user_stack(case, [(np.tanh, lambda Z: 1 - np.tanh(Z) ** 2), "silu"])
    own.gradient(case.X, case.y, Objective(case.loss))
    gradients = networks.widened(own.views(own.gradients))
    assert networks.relative_error(gradients, case.oracle_gradient()[2]) < TOLERANCE[dtype]


def test_own_functions_may_keep_what_they_get_and_not_change_it(rng, dtype):
    kept = []

    def keep(Z):
        kept.append(Z)
        return np.tanh(Z)

    case = networks.draw(rng, (6, 5, 3), "tanh", m=200, dtype=dtype)
    own = user_stack(case, [(keep, two)])
    own.forward(case.X)
    W, b = case.network[0]
    z = np.concatenate(kept)
    assert z.dtype == dtype
    assert np.allclose(z, case.X @ W + b, rtol=1e-5, atol=1e-5)
    in_place = user_stack(case, [(lambda Z: np.tanh(Z, out=Z), two)])
    with pytest.raises(ValueError, match="read-only"):
        in_place.forward(case.X)


def test_own_functions_must_return_what_fits(rng, dtype):
    case = networks.draw(rng, (6, 5, 3), "tanh", m=10, dtype=dtype)
    for f, words in [
        (
            lambda Z: Z[:, :2],
            rf"<lambda> was called with.*\(10, 5\) and dtype {dtype}; it returned shape \(10, 2\)",
        ),
        (lambda Z: Z.astype(np.int64), "returned shape .10, 5. and dtype int64"),
        (lambda Z: None, "it returned NoneType"),
    ]:
        with pytest.raises(ValueError, match=words):
            user_stack(case, [(f, two)]).forward(case.X)
        with pytest.raises(ValueError, match=words):
            user_stack(case, [(scaled, f)]).gradient(case.X, case.y, Objective(case.loss))


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, SystemExit])
def test_what_own_functions_raise_ends_training_between_two_steps(rng, dtype, error):
    calls = []

    def fails_at_the_sixth(Z):
        calls.append(len(Z))
        if len(calls) == 6:
            raise error("boom")
        return Z * 2

    case = networks.draw(rng, (6, 5, 3), "tanh", m=50, dtype=dtype)
    own, good = (user_stack(case, [(f, two)]) for f in (fails_at_the_sixth, scaled))
    for stack in (own, good):
        stack.set_optimizer("adam")
    with pytest.raises(error, match="boom"):
        own.train_epochs(
            case.X,
            case.y,
            Objective(case.loss, n_threads=2),
            None,
            np.full(20, 0.01),
            epochs=4,
            batch_size=10,
        )
    good.train(case.X, case.y, Objective(case.loss), None, np.full(5, 0.01), batch_size=10)
    assert len(calls) == 6
    assert own.steps == good.steps == 5
    assert np.array_equal(own.parameters, good.parameters)
    for stack in (own, good):  # and on
        stack.train(case.X, case.y, Objective(case.loss), None, np.full(5, 0.01), batch_size=10)
    assert np.array_equal(own.parameters, good.parameters)


def test_what_own_functions_raise_in_predicting(rng, dtype):
    def fails(Z):
        raise OSError("no such number")

    case = networks.draw(rng, (6, 5, 3), "tanh", m=10, dtype=dtype)
    own = user_stack(case, [(fails, two)])
    for call in (
        lambda: own.forward(case.X),
        lambda: own.try_forward(case.X[:1], None, 1, 1.0, 1),
        lambda: own.loss(case.X, case.y, Objective(case.loss)),
        lambda: own.gradient(case.X, case.y, Objective(case.loss)),
    ):
        with pytest.raises(OSError, match="no such number"):
            call()


def test_what_is_no_pair_of_functions_is_refused():
    for activation in (("tanh", "tanh"), (np.tanh,), np.tanh, (np.tanh, two, two)):
        with pytest.raises(ValueError, match="must be one of 'identity'"):
            Layers((2, 3), (activation,))
