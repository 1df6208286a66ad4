"""Uses of the core that ended the process once: each has a documented result or error.

Every case runs in a child of fork, so that a crash fails one test. A case that the core allows is
compared with the same calls without the attack.
"""

import contextlib
import os
import sys
import traceback

import numpy as np
import pytest
from processes import outcome

from cnn_core import bench, functions, gram, hyperparameters, threads
from cnn_core.layers import Units
from cnn_core.sparse import SparseRows
from cnn_core.stack import Objective, Stack

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
X = np.linspace(-1, 1, 200, dtype="f4").reshape(40, 5)
Y, LABELS, RATES = np.ones((40, 3), "f4"), np.arange(40) % 3, np.full(4, 0.1)
MSE = Objective("mse")
RESIZED = "cannot resize"  # by NumPy, of an array with references
MANY = 400_000  # rows of arrays that the allocator returns to the system as soon as they are freed
CASES = []


def case(function):
    CASES.append(pytest.param(function, id=function.__name__))
    return function


@pytest.mark.parametrize("function", CASES)
def test_the_process_goes_on(function, capfd):
    assert outcome(function) == 0, capfd.readouterr().out


def made(sizes=(5, 8, 3), activations=("relu", "identity"), **options):
    stack = Stack(sizes, activations, None, "float32", **options)
    rng = np.random.default_rng(0)
    for weight, _ in stack.views():
        weight[...] = rng.normal(size=weight.shape) / len(weight)
    return stack


def with_optimizer(name="sgd", **options):
    stack = made(**options)
    stack.set_optimizer(name)
    return stack


def train(stack, X=X, y=Y, objective=MSE, order=None, rates=RATES, **options):
    options = {"epochs": 1, "batch_size": 10, **options}
    return stack.train_epochs(X, y, objective, order, rates, **options)


def churn():
    """Reuse memory that was freed, for other numbers."""
    return [np.full(size, 7, "f4") for size in (100, 1000, 5000, 10_000, 100_000)] * 3


def large():
    """Arrays whose memory is not mapped any more after they were freed."""
    return np.ones((MANY, 5), "f4"), np.ones((MANY, 3), "f4")


def same(one, other):
    """Compare what the core has, which may be more than its arrays show: whoever has one may give it another memory."""
    one, other = one.copy(), other.copy()
    for name in ("parameters", "running"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    assert [moment.tobytes() for moment in one.moments] == [moment.tobytes() for moment in other.moments]
    assert (one.average is None) == (other.average is None)
    assert one.average is None or one.average.tobytes() == other.average.tobytes()


def trains_as(stack, other):
    """Both stacks, which differ only in what was done to the first, train to the same bits."""
    kept = churn()
    train(stack)
    train(other)
    same(stack, other)
    return kept


# -- settings: all or nothing ----------------------------------------------------------------------

MASK, FROZEN = np.arange(40).reshape(5, 8) % 3 > 0, np.zeros((5, 8))


@case
def mask_without_update():
    stack = with_optimizer("adam")
    stack.set_mask(MASK, FROZEN)
    train(stack)
    assert not stack.views()[0][0][~MASK].any()


@case
def second_mask_of_a_wrong_shape():
    stack, other = with_optimizer("adam"), with_optimizer("adam")
    for each in (stack, other):
        each.set_mask(MASK, FROZEN)
    for mask, frozen in ((np.ones((7, 8), bool), FROZEN), (~MASK, np.zeros((5, 9))), (~MASK, "x")):
        with pytest.raises(ValueError, match=r"mask has shape|could not convert"):
            stack.set_mask(mask, frozen)
    trains_as(stack, other)


@case
def update_that_fails_midway():
    stack, other = with_optimizer("adam"), with_optimizer("adam")
    for each in (stack, other):
        each.set_update(ema=0.5)
    for name in ("clip_norm", "clip_value", "ema"):
        with pytest.raises(TypeError):
            stack.set_update(**{"ema": 0.9, name: "x"})
    for options in ({"factors": [1, 2, 3]}, {"clip_norm": -1}, {"ema": 1}, {"factors": [1, np.inf]}):
        with pytest.raises(ValueError, match="factors"):
            stack.set_update(**{"ema": 0.9, **options})
    trains_as(stack, other)


@case
def steps_out_of_range():
    stack, other = with_optimizer("adam"), with_optimizer("adam")
    for steps in (-1, 2**62, 2**63 - 1, 2**200):
        with pytest.raises((ValueError, OverflowError)):
            stack.steps = steps
    trains_as(stack, other)
    stack.steps = 2**62 - 1
    train(stack)
    assert stack.steps == 2**62 + 3


@case
def passes_that_no_memory_holds():
    stack = with_optimizer()
    for epochs in (2**62, 2**63 - 1, 2**60):
        with pytest.raises(ValueError, match="does not fit"):
            train(stack, rates=np.zeros(0), epochs=epochs)
    same(stack, made())


# -- names -----------------------------------------------------------------------------------------


@case
def optimizer_of_a_subclass_of_str():
    class Everything(str):
        def __eq__(self, other):
            return True

        __hash__ = str.__hash__

    for name in hyperparameters.OPTIMIZERS:
        stack = with_optimizer(Everything(name))
        assert type(stack.optimizer) is str
        trains_as(stack, with_optimizer(name))


@case
def optimizer_of_a_changing_name():
    class Changing(str):
        looks = 0

        def __eq__(self, other):
            Changing.looks += 1
            return other == ("sgd" if Changing.looks <= 3 else "adam")

        def __hash__(self):
            return hash("sgd")

    for first in range(-6, 4):
        Changing.looks = first
        stack = made()
        with pytest.raises((ValueError, KeyError)):
            stack.set_optimizer(Changing("zzz"))
        assert stack.optimizer is None


@case
def loss_of_a_subclass_of_str():
    class Everything(str):
        def __eq__(self, other):
            return True

        __hash__ = str.__hash__

    assert made().loss(X, Y, Objective(Everything("mse"))) == made().loss(X, Y, MSE)


@case
def moments_changed_in_the_table():
    hyperparameters.MOMENTS["adam"] = 0
    stack = with_optimizer("adam")
    assert len(stack.moments) == 2
    train(stack)


@case
def quantiles_that_are_none():
    with pytest.raises(ValueError, match="quantiles is None"):
        made().loss(X, Y[:, :1].copy(), Objective(("quantile", {"quantiles": None})))


# -- arrays whose attributes are not those of their memory -----------------------------------------


@case
def lengths_of_subclasses():
    class Long(np.ndarray):
        def __len__(self):
            return 10**7

    assert made().forward(X.view(Long)).tobytes() == made().forward(X).tobytes()
    assert made().loss(X.view(Long), Y, MSE) == made().loss(X, Y, MSE)
    stack = with_optimizer(sizes=(500, 8, 3))
    rows = np.ones((20, 500), "f4")
    assert gram.make_gram_stack(stack, rows.view(Long)).gram.shape == (20, 20)


@case
def bounds_of_subclasses():
    class Small(np.ndarray):
        def min(self, *_):
            return 0

        def max(self, *_):
            return 1

    rows = np.full(40, 10**9).view(Small)
    with pytest.raises(ValueError, match="from 0 to 39"):
        train(with_optimizer(), order=rows)
    with pytest.raises(ValueError, match="class indices from"):
        made().loss(X, rows, Objective("softmax_cross_entropy"))


@case
def shapes_of_subclasses():
    class Wide(np.ndarray):
        shape = property(lambda self: (1000, 1000))

    square = np.ones((1000, 1000))
    with pytest.raises(ValueError, match="out has shape"):
        functions.matmul(square, square, np.ones((1, 1)).view(Wide))

    class Short(np.ndarray):
        shape = property(lambda self: (1,))

    numbers = np.linspace(-1, 1, 10**6)
    assert np.asarray(functions.activate("relu", numbers.view(Short))).sum() == np.maximum(numbers, 0).sum()


@case
def sparse_rows_that_have_changed():
    def rows():
        return SparseRows([0, 1, 2], np.zeros(2, "i4"), np.ones(2, "f4"), 5)

    right = made().forward(rows())
    for name, value in (
        ("indptr", np.array([0, 10**9, 2 * 10**9])),
        ("data", np.ones(1, "f4")),
        ("indices", np.zeros(1, "i4")),
    ):
        changed = rows()
        setattr(changed, name, value)
        with pytest.raises(ValueError, match="no longer describe a matrix"):
            made().forward(changed)
    changed = rows()
    changed.shape = (10**7, 5)
    assert made().forward(changed).tobytes() == right.tobytes()
    data = np.ones(10**7, "f4")
    changed = SparseRows([0, 10**7], np.zeros(10**7, "i4"), data, 5)
    data.resize(1, refcheck=False)
    with pytest.raises(ValueError, match="no longer describe a matrix"):
        made().forward(changed)


# -- arrays that change while they are used --------------------------------------------------------


def refuses_to_resize(array, call):
    """`call(attack)` runs the core with an attack that resizes the array, which NumPy refuses."""

    def attack(*_):
        array.resize((1, *array.shape[1:]), refcheck=False)

    with pytest.raises(ValueError, match=RESIZED):
        call(attack)
    assert len(array) == MANY


@case
def rows_resized_by_a_step():
    for place in (0, 1):
        rows = large()
        refuses_to_resize(
            rows[place],
            lambda attack, r=rows: train(with_optimizer(), *r, batch_size=MANY // 4, on_step=attack),
        )


@case
def rows_and_results_resized_by_an_activation():
    for place in (0, 1):
        rows, results = large()

        def call(attack, rows=rows, results=results):
            def activation(z):
                attack()
                return z

            made(activations=((activation, activation), "identity")).forward(rows, results)

        refuses_to_resize((rows, results)[place], call)


@case
def rows_resized_by_a_conversion():
    rows, targets = large()

    class Converted:
        def __init__(self, attack):
            self.attack = attack

        def __array__(self, *_, **__):
            self.attack()
            return targets

        def __float__(self):
            self.attack()
            return 1.0

    refuses_to_resize(rows, lambda attack: made().loss(rows, Converted(attack), MSE))
    refuses_to_resize(
        rows, lambda a: made().loss(rows, targets, Objective(("huber", {"delta": Converted(a)})))
    )


@case
def rows_resized_by_a_number_of_threads():
    rows, _ = large()

    class Index:
        def __index__(self):
            rows.resize((1, 5), refcheck=False)
            return 1

    right = made().forward(np.ones((1, 5), "f4"))
    assert made().try_forward(rows, None, 0, 1.0, Index()).tobytes() == right.tobytes()


@case
def order_and_labels_overwritten_during_a_pass():
    cross_entropy = Objective("softmax_cross_entropy")

    def trained(objective, order, y, on_step=None):
        stack = with_optimizer()
        train(stack, y=y, objective=objective, order=order, on_step=on_step)
        return stack

    def squares(y, z):
        return (z - y)[:, 0] ** 2, z - y

    def attacked(y, z):
        order[:] = 10**12
        return squares(y, z)

    order = np.arange(40)
    same(trained(Objective(attacked), order, Y), trained(Objective(squares), np.arange(40), Y))
    order, labels = np.arange(40), LABELS.copy()

    def on_step(*_):
        order[:] = labels[:] = 10**12

    same(trained(cross_entropy, order, labels, on_step), trained(cross_entropy, None, LABELS))


@case
def rows_of_a_gram_stack_resized():
    rows, targets = np.ones((2000, 500), "f4"), np.ones((2000, 3), "f4")
    home = with_optimizer(sizes=(500, 8, 3))
    before = home.parameters.copy()
    stack = gram.make_gram_stack(home, rows)
    rows.resize((1, 500), refcheck=False)
    stack.train(stack.gram, targets, MSE, None, [0.01], batch_size=2000)
    with pytest.raises(ValueError, match="X has 1 rows now"):
        stack.write_back()
    assert np.array_equal(home.views()[0][0], made(sizes=(500, 8, 3)).views(before)[0][0])


# -- memory of the core ----------------------------------------------------------------------------

MEMORY = {
    "parameters": lambda stack: stack.parameters,
    "gradients": lambda stack: stack.gradients,
    "first moments": lambda stack: stack.moments[0],
    "second moments": lambda stack: stack.moments[1],
    "average": lambda stack: stack.average,
    "running statistics": lambda stack: stack.running,
}


def settled_stack():
    stack = with_optimizer("adam", norms=("batch", None))
    stack.set_update(ema=0.5, clip_norm=1.0)
    stack.set_mask(MASK, FROZEN)
    return stack


@case
def memory_moved_from_python():
    for name, read in MEMORY.items():
        stack, other = settled_stack(), settled_stack()
        array = read(stack)
        shape = array.shape
        array.shape = (1, -1)
        array.shape = (*shape, 1)
        for target in (array, array.base):
            with pytest.raises((ValueError, AttributeError)):
                target.resize(1, refcheck=False)
        array.__setstate__((1, (1,), np.dtype("f4"), False, b"1234"))
        del array
        trains_as(stack, other)
        assert stack.forward(X).tobytes() == other.forward(X).tobytes(), name
        stack.set_optimizer("adam")  # sizes are those of the memory
        assert [len(moment) for moment in stack.moments] == [len(other.gradients)] * 2, name


@case
def optimizer_after_another_shape():
    stack, other = made(sizes=(300, 800, 3)), made(sizes=(300, 800, 3))
    stack.parameters.shape = (1, -1)
    rows = np.ones((40, 300), "f4")
    for each in (stack, other):
        each.set_optimizer("adam")
        each.set_update(ema=0.5, clip_norm=1.0)
        kept = churn()
        train(each, rows)
    same(stack, other)
    del kept


@case
def statistics_of_standardize_resized():
    sizes, rows = (3_000_000, 1), np.ones((4, 3_000_000), "f4")
    stack = made(sizes, ("identity",))
    stack.standardize(np.zeros(sizes[0]), np.full(sizes[0], 2.0))
    right = stack.forward(rows)
    with contextlib.suppress(ValueError):  # NumPy may refuse; the core has its own copy
        stack.statistics[0].resize(1, refcheck=False)
    assert stack.forward(rows).tobytes() == right.tobytes()


@case
def standardize_in_an_activation():
    rows = np.ones((400, 50_000), "u1")

    def activation(z):
        stack.standardize(np.full(50_000, 1.0), np.full(50_000, 2.0))
        kept.append(churn())
        return z

    def identity(z):
        return z

    kept = []
    stack = made((50_000, 8, 3), ((activation, activation), "identity"))
    other = made((50_000, 8, 3), ((identity, identity), "identity"))
    for each in (stack, other):
        each.standardize(np.zeros(50_000), np.ones(50_000))
    assert stack.forward(rows).tobytes() == other.forward(rows).tobytes()


@case
def gradient_norms_resized_by_a_step():
    stack, other = with_optimizer(), with_optimizer()
    for each in (stack, other):
        each.set_update(clip_norm=1.0)
        train(each)  # norms of an earlier pass

    def on_step(*_):
        if stack.gradient_norms is not None:
            stack.gradient_norms.resize(0, refcheck=False)
        kept.append(churn())

    kept = []
    for each, function in ((stack, on_step), (other, None)):
        train(each, rates=np.full(200, 0.1), epochs=50, on_step=function)
    same(stack, other)
    assert stack.gradient_norms.tobytes() == other.gradient_norms.tobytes()


@case
def locals_of_the_caller_of_a_loss():
    kept = []

    def loss(y, z):
        frame = sys._getframe(1)
        while frame is not None:
            kept.append(dict(frame.f_locals))
            frame = frame.f_back
        raise KeyError("ends the pass")

    def attack():
        stack, rows = made((5_000, 800, 3)), np.ones((4_000, 5_000), "u1")
        with pytest.raises(KeyError, match="ends the pass") as raised:
            stack.gradient(rows, np.ones((4_000, 3), "f4"), Objective(loss))
        for frame, _ in traceback.walk_tb(raised.value.__traceback__):
            kept.append(dict(frame.f_locals))

    attack()
    reused = churn()
    arrays = [value for names in kept for value in names.values() if isinstance(value, np.ndarray)]
    assert len(arrays) > 3
    for array in arrays:  # each has memory that exists as long as it does
        while isinstance(array.base, np.ndarray):
            array = array.base
        assert array.flags.owndata or array.base is not None
    del reused


@case
def results_over_the_input():
    stack = made(sizes=(5, 8, 5))
    right = stack.input_gradient(X, X.copy())
    rows = X.copy()
    with pytest.raises(ValueError, match="overlap"):
        stack.input_gradient(rows, X.copy(), rows)
    assert np.array_equal(rows, X)
    assert stack.input_gradient(X, X.copy(), np.empty_like(X)).tobytes() == right.tobytes()
    for shape in ((39, 5), (40,), (40, 5, 1)):
        with pytest.raises(ValueError, match="out has shape"):
            stack.input_gradient(X, X.copy(), np.empty(shape, "f4"))


@case
def units_of_both_classes():
    stack, rows = made((5, 1), ("sigmoid",)), np.ones((300_000, 5), "f4")
    for _ in range(3):
        with pytest.raises(ValueError, match="both classes"):
            stack.try_forward(rows, None, 2, 1.0, None, Units("float32"))


# -- calls within calls ----------------------------------------------------------------------------


@case
def recursion_of_activations_losses_and_steps():
    sys.setrecursionlimit(10**6)

    def activation(z):
        return within.forward(np.ones((1, 5), "f4"))[:, :1] + z

    def loss(y, z):
        return stack.loss(X, Y, Objective(loss))

    def on_step(*_):
        train(with_optimizer(), on_step=on_step)

    within = made(activations=((activation, activation), "identity"))
    stack = made()
    for call in (
        lambda: within.forward(X),
        lambda: stack.loss(X, Y, Objective(loss)),
        lambda: train(with_optimizer(), on_step=on_step),
    ):
        for _ in range(2):
            with pytest.raises(RecursionError, match="20 times"):
                call()


@case
def steps_that_cannot_be_called():
    for on_step in (1, "x", object()):
        stack = with_optimizer()
        with pytest.raises(TypeError, match="callable"):
            train(stack, on_step=on_step)
        same(stack, made())


# -- threads and measurements ----------------------------------------------------------------------


@case
def numbers_of_threads():
    stack = with_optimizer()
    right = stack.forward(X)
    assert stack.forward(X, n_threads=10**6).tobytes() == right.tobytes()
    train(stack, objective=Objective("mse", n_threads=2**100))
    other = with_optimizer()
    train(other)
    same(stack, other)
    assert not hasattr(threads, "_reset_after_fork")


@case
def sizes_and_seconds_of_measurements():
    for size, count in ((2**62, 16), (2**63 - 1, 2)):
        with pytest.raises((MemoryError, OverflowError)):
            bench.bandwidth(size, n_threads=count)
    for seconds in (float("nan"), float("inf"), 0.0, -1.0):
        with pytest.raises(ValueError, match="seconds"):
            bench.peak("float32", seconds=seconds)
    with pytest.raises((TypeError, ValueError)):
        bench.peak("int32")
    with pytest.raises((TypeError, ValueError)):
        Units("int8")
