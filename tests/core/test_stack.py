"""The border of the compiled core: what it refuses, in which words, and that a refusal changes nothing."""

import networks
import numpy as np
import pytest

from cnn_core.stack import Objective, Stack


@pytest.fixture
def case(rng):
    drawn = networks.draw(rng, (6, 5, 3), m=10)
    drawn.stack.set_optimizer("adam")
    return drawn


def train(case, *, loss=None, n_threads=None, **changes):
    arguments = {
        "X": case.X,
        "y": case.y,
        "objective": Objective(loss or case.loss, n_threads=n_threads),
        "order": None,
        "rates": np.full(3, 0.1),
        "batch_size": 4,
        **changes,
    }
    return case.stack.train(**arguments)


def test_a_new_stack_is_zero_and_tells_what_it_is(dtype):
    stack = Stack((6, 5, 3), ("relu", "softmax"), dtype=dtype)
    assert (stack.sizes, stack.activations, stack.biases) == ((6, 5, 3), ("relu", "softmax"), (True, True))
    assert stack.dtype == np.dtype(dtype)
    assert stack.n_parameters == 6 * 5 + 5 + 5 * 3 + 3
    assert not stack.parameters.any()
    assert not stack.gradients.any()
    assert stack.optimizer is None
    assert stack.moments == ()
    assert stack.steps == 0


def test_float32_is_the_default():
    assert Stack((2, 1), ("sigmoid",)).dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (((6,), ()), ValueError),
        (((), ()), ValueError),
        (((6, 0), ("relu",)), ValueError),
        (((0, 6), ("relu",)), ValueError),
        (((6, -3), ("relu",)), ValueError),
        (((6, 2.5), ("relu",)), TypeError),
        (((6, "3"), ("relu",)), TypeError),
        (((6, 3), ("relu", "relu")), ValueError),
        (((6, 3, 2), ("relu",)), ValueError),
        (((6, 3, 2), ("softmax", "identity")), ValueError),
        (((6, 3), ("rule",)), ValueError),
        (((6, 3), (None,)), ValueError),
        (((6, 3), ("relu",), [True, False]), ValueError),
        (((6, 3), ("relu",), None, "float16"), ValueError),
        (((6, 3), ("relu",), None, "int32"), ValueError),
        (((6, 3), ("relu",), None, "nonsense"), TypeError),
        (((2**40, 2**40), ("relu",)), (OverflowError, MemoryError, ValueError)),
        (((2**62, 2**62), ("relu",)), (OverflowError, MemoryError, ValueError)),
        (((2**31, 2**31), ("relu",)), (OverflowError, MemoryError, ValueError)),
        (((2**70, 2), ("relu",)), (OverflowError, MemoryError, ValueError)),
    ],
)
def test_an_impossible_stack_is_refused(arguments, error):
    with pytest.raises(error):
        Stack(*arguments)


def test_unknown_names_are_refused_with_the_choices(case):
    with pytest.raises(ValueError, match=r"'rule'.*'relu'"):
        Stack((6, 3), ("rule",))
    with pytest.raises(ValueError, match=r"'hinge'.*'mse'"):
        case.stack.gradient(case.X, case.y, Objective("hinge"))
    with pytest.raises(ValueError, match=r"'lbfgs'.*'adamw'"):
        case.stack.set_optimizer("lbfgs")


@pytest.mark.parametrize(
    ("optimizer", "hyper"),
    [
        ("sgd", {"momentum": 0.9}),
        ("adam", {"momentum": 0.9}),
        ("adam", {"weight_decay": 0.1}),
        ("adamw", {"beta1": 0.9}),
    ],
)
def test_hyperparameters_of_another_optimizer_are_refused(case, optimizer, hyper):
    train(case)
    moments = [moment.copy() for moment in case.stack.moments]
    with pytest.raises(TypeError, match=next(iter(hyper))):
        case.stack.set_optimizer(optimizer, **hyper)
    assert case.stack.optimizer == "adam"
    assert case.stack.steps == 3
    assert all(np.array_equal(a, b) for a, b in zip(case.stack.moments, moments, strict=True))


TARGETS = [
    ("softmax_cross_entropy", np.zeros(9, np.int64), ValueError),
    ("softmax_cross_entropy", np.zeros(11, np.int64), ValueError),
    ("softmax_cross_entropy", np.full(10, 3), ValueError),
    ("softmax_cross_entropy", np.full(10, -1), ValueError),
    ("softmax_cross_entropy", np.r_[np.zeros(9, np.int64), 2**62], ValueError),
    ("softmax_cross_entropy", np.zeros(10, np.int32), TypeError),
    ("softmax_cross_entropy", np.zeros(10, np.uint8), TypeError),
    ("softmax_cross_entropy", np.zeros(10), (TypeError, ValueError)),
    ("softmax_cross_entropy", np.zeros(20, np.int64)[::2], (TypeError, ValueError)),
    ("softmax_cross_entropy", np.zeros((10, 2)), ValueError),
    ("softmax_cross_entropy", np.zeros((9, 3)), ValueError),
    ("softmax_cross_entropy", np.zeros((10, 3), np.int64), TypeError),
    ("mse", np.zeros((10, 3), np.float32), TypeError),
    ("mse", np.zeros((3, 10)).T, (TypeError, ValueError)),
    ("mse", np.zeros(10), ValueError),
    ("mse", np.zeros(30), ValueError),
    ("mse", np.zeros((10, 1)), ValueError),
    ("mse", np.zeros((10, 3, 1)), ValueError),
    ("mse", np.zeros(10, np.int64), (TypeError, ValueError)),
    ("binary_cross_entropy", np.zeros((10, 3), np.uint8), TypeError),
    ("binary_cross_entropy", np.zeros((11, 3)), ValueError),
    ("binary_cross_entropy", None, (TypeError, ValueError)),
]


@pytest.mark.parametrize(("loss", "y", "error"), TARGETS)
def test_wrong_targets_are_refused(case, loss, y, error):
    before = case.stack.parameters.copy()
    for call in (case.stack.gradient, case.stack.loss):
        with pytest.raises(error):
            call(case.X, y, Objective(loss))
    with pytest.raises(error):
        train(case, y=y, loss=loss)
    assert np.array_equal(case.stack.parameters, before)
    assert case.stack.steps == 0


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"X": np.zeros((10, 7))}, ValueError),
        ({"X": np.zeros((9, 6))}, ValueError),
        ({"X": np.zeros(6)}, ValueError),
        ({"X": np.zeros((0, 6)), "y": np.zeros(0, np.int64), "rates": np.zeros(0)}, ValueError),
        ({"X": np.zeros((10, 6), complex)}, TypeError),
        ({"rates": np.zeros(2)}, ValueError),
        ({"rates": np.zeros(4)}, ValueError),
        ({"rates": np.zeros((3, 1))}, ValueError),
        ({"batch_size": 0}, ValueError),
        ({"batch_size": -4}, ValueError),
        ({"batch_size": 2.5}, TypeError),
        ({"order": np.arange(10) + 1}, ValueError),
        ({"order": np.arange(10) - 1}, ValueError),
        ({"order": np.arange(10, dtype=np.int32)}, TypeError),
        ({"order": np.arange(10.0)}, TypeError),
        ({"order": np.zeros((10, 1), np.int64)}, (TypeError, ValueError)),
        ({"order": np.zeros(0, np.int64), "rates": np.zeros(0)}, ValueError),
        ({"n_threads": 0}, ValueError),
    ],
)
def test_wrong_arguments_of_train_are_refused(case, changes, error):
    before = case.stack.parameters.copy()
    with pytest.raises(error):
        train(case, **changes)
    assert np.array_equal(case.stack.parameters, before)
    assert case.stack.steps == 0
    train(case)
    assert case.stack.steps == 3


def test_an_objective_keeps_what_it_is_given(rng):
    weights = rng.random(10)
    given = {"l1": 0.5, "l2": 2.0, "scale": 3.0, "n_threads": 2, "penalty_per_row": True, "weights": weights}
    objective = Objective("mse", **given)
    assert all(
        getattr(objective, name) is value or getattr(objective, name) == value
        for name, value in given.items()
    )
    other = objective.replace(loss="mae", weights=None)
    assert (other.loss, other.weights, other.l1, other.penalty_per_row) == ("mae", None, 0.5, True)
    assert objective.loss == "mse"
    assert objective.weights is weights
    with pytest.raises(AttributeError):
        objective.l1 = 1.0


@pytest.mark.parametrize(
    "options", [{"l1": "0.1"}, {"l2": None}, {"scale": 1j}, {"l3": 0.1}, {"weight": None}], ids=str
)
def test_an_objective_refuses(options):
    with pytest.raises(TypeError):
        Objective("mse", **options)
    with pytest.raises(TypeError):
        Objective("mse").replace(**options)


@pytest.mark.parametrize("objective", ["softmax_cross_entropy", None])
def test_a_call_takes_an_objective(case, objective):
    for call in (case.stack.gradient, case.stack.loss):
        with pytest.raises(TypeError, match="objective"):
            call(case.X, case.y, objective)
    with pytest.raises(TypeError, match="objective"):
        case.stack.train(case.X, case.y, objective, None, np.full(3, 0.1), batch_size=4)
    assert case.stack.steps == 0


def test_training_needs_an_optimizer(rng):
    case = networks.draw(rng, (6, 5, 3), m=10)
    with pytest.raises(ValueError, match="set_optimizer"):
        train(case)


def test_a_batch_larger_than_the_data_is_the_data(rng):
    results = []
    for batch_size in (10, 11, 10**6):
        case = networks.draw(np.random.default_rng(0), (6, 5, 3), m=10)
        case.stack.set_optimizer("adam")
        results.append(
            (train(case, rates=np.array([0.1]), batch_size=batch_size), case.stack.parameters.tobytes())
        )
    assert results[0] == results[1] == results[2]


def test_views_of_another_length_are_refused(case):
    for wrong in (np.zeros(len(case.stack.parameters) - 1), np.zeros(case.stack.n_parameters)):
        with pytest.raises(ValueError, match="flat has shape"):
            case.stack.views(wrong)


def test_a_stack_outlives_its_views_and_its_views_the_stack(rng):
    case = networks.draw(rng, (6, 5, 3), m=10)
    ((W, _), _), expected = case.stack.views(), case.network[0][0]
    del case.stack
    junk = [np.full(1000, np.nan) for _ in range(100)]  # takes the memory if it was given back
    assert np.array_equal(W, expected)
    del junk


def test_the_same_layers_in_the_same_memory():
    norms, residuals = ("batch", None, "layer", None), (False, True, True, False)
    activations = ("tanh", "relu", "gelu", "identity")
    stack = Stack(
        (300, 4, 4, 4, 2), activations, (True, True, False, True), "float64", norms=norms, residuals=residuals
    )
    stack.parameters[:] = np.random.default_rng(0).normal(size=len(stack.parameters))
    X = np.random.default_rng(1).normal(size=(9, 300))
    before = stack.forward(X)
    stack.set_dropout([0, 0, 0.5, 0.5, 0], 3)
    same = Stack(stack)
    for name in ("sizes", "activations", "biases", "dtype", "norms", "residuals", "n_parameters"):
        assert getattr(same, name) == getattr(stack, name)
    assert np.shares_memory(same.parameters, stack.parameters)
    assert np.shares_memory(same.running, stack.running)
    assert [view.shape for pair in same.views() for view in pair if view is not None] == [
        view.shape for pair in stack.views() for view in pair if view is not None
    ]
    assert np.array_equal(same.forward(X), before)
    assert same.dropout == [0] * 5
    assert same.optimizer is None
    assert same.average is None
    stack.parameters[:] *= 2
    after = stack.forward(X)
    del stack
    assert np.array_equal(same.forward(X), after)


def test_the_same_layers_without_dropout_train_as_new_ones(rng):
    """A plain network, which has separate fast paths, is plain again."""
    X, y = rng.normal(size=(20, 5)).astype("f4"), rng.normal(size=(20, 2)).astype("f4")
    results = []
    for with_dropout in (False, True):
        stack = Stack((5, 8, 2), ("tanh", "identity"))
        stack.parameters[:] = np.linspace(-1, 1, len(stack.parameters))
        if with_dropout:
            stack.set_dropout([0.1, 0.5, 0], 3)
            stack = Stack(stack)
        stack.set_optimizer("sgd")
        stack.train(X, y, Objective("mse"), None, np.full(5, 0.1), batch_size=4)
        results.append(stack.parameters.tobytes())
    assert results[0] == results[1]


def test_a_stack_needs_activations():
    with pytest.raises(TypeError, match="activations is None"):
        Stack((3, 2))


def test_gradients_exist_when_they_are_needed():
    stack = Stack((3, 2), ("identity",))
    assert (stack.gradients == 0).all()
    assert np.shares_memory(stack.gradients, stack.gradients)
