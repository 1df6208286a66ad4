"""Schedules: tables of rates against formulas and torch's schedulers, their unit of time, files, refusals."""

import math

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import schedules
from compiled_nn.schedules import (
    SCHEDULES,
    Cosine,
    Exponential,
    InverseScaling,
    Linear,
    MultiStep,
    OneCycle,
    Polynomial,
    Step,
    WarmUp,
)
from small import bits, blobs, classifier

TIMES = range(40)
EXAMPLES = {
    "step": Step(0.1, 7, 0.5),
    "multi_step": MultiStep(0.1, [5, 11], 0.2),
    "exponential": Exponential(0.1, 0.9),
    "linear": Linear(0.1, 20, 0.01),
    "polynomial": Polynomial(0.1, 20, 1.5),
    "cosine": Cosine(0.1, 10, 0.001, restarts=True, growth=2),
    "warm_up": WarmUp(Cosine(0.1, 20), 5, start=0.25),
    "one_cycle": OneCycle(0.1, 30),
    "inverse_scaling": InverseScaling(0.1, 0.6),
}


def by_hand(name, t):
    """The rate of an example at time t, written from the definition."""
    match name:
        case "step":
            return 0.1 / 2 ** (t // 7)
        case "multi_step":
            return 0.1 if t < 5 else 0.02 if t < 11 else 0.004
        case "exponential":
            return 0.1 * math.exp(t * math.log(0.9))
        case "linear":
            return max(0.1 - t * 0.09 / 20, 0.01)
        case "polynomial":
            return 0.1 * max(1 - t / 20, 0) ** 1.5
        case "cosine":
            start, length = (0, 10) if t < 10 else (10, 20) if t < 30 else (30, 40)
            return 0.001 + 0.099 * math.cos(math.pi * (t - start) / length / 2) ** 2
        case "warm_up":
            if t < 5:
                return 0.025 + 0.075 * t / 5
            return 0.1 * math.cos(math.pi * min(t - 5, 20) / 20 / 2) ** 2
        case "one_cycle":
            if t <= 8:
                return 0.004 + 0.096 * math.sin(math.pi * t / 8 / 2) ** 2
            return 4e-7 + (0.1 - 4e-7) * math.cos(math.pi * min(t - 8, 21) / 21 / 2) ** 2
        case "inverse_scaling":
            return 0.1 / (t + 1) ** 0.6


def test_every_schedule_has_an_example():
    assert {name: type(schedule) for name, schedule in EXAMPLES.items()} == SCHEDULES


@pytest.mark.parametrize("name", EXAMPLES)
def test_table(name):
    assert [EXAMPLES[name](t) for t in TIMES] == pytest.approx([by_hand(name, t) for t in TIMES], rel=1e-12)


def test_cosine_stays_at_its_end_and_restarts_alike():
    assert Cosine(0.1, 10, 0.02)(10) == Cosine(0.1, 10, 0.02)(99) == 0.02
    assert Cosine(0.1, 10, restarts=True)(10**9 * 10 + 3) == Cosine(0.1, 10)(3)


@pytest.mark.parametrize("name", [*EXAMPLES, "plain_cosine"])
def test_same_as_torch(name):
    torch = pytest.importorskip("torch")
    kinds = torch.optim.lr_scheduler
    warm = [
        lambda o: kinds.LinearLR(o, start_factor=0.25, total_iters=5),
        lambda o: kinds.CosineAnnealingLR(o, 20),
    ]
    makers = {
        "step": lambda o: kinds.StepLR(o, 7, 0.5),
        "multi_step": lambda o: kinds.MultiStepLR(o, [5, 11], 0.2),
        "exponential": lambda o: kinds.ExponentialLR(o, 0.9),
        "linear": lambda o: kinds.LinearLR(o, 1.0, 0.1, 20),
        "polynomial": lambda o: kinds.PolynomialLR(o, 20, 1.5),
        "cosine": lambda o: kinds.CosineAnnealingWarmRestarts(o, 10, 2, 0.001),
        "warm_up": lambda o: kinds.SequentialLR(o, [make(o) for make in warm], [5]),
        "one_cycle": lambda o: kinds.OneCycleLR(o, 0.1, 30),
        "inverse_scaling": lambda o: kinds.LambdaLR(o, lambda t: (t + 1) ** -0.6),
        "plain_cosine": lambda o: kinds.CosineAnnealingLR(o, 40, 0.01),
    }
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = makers[name](optimizer)
    theirs = []
    for _ in range(25):
        theirs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    ours = EXAMPLES.get(name, Cosine(0.1, 40, 0.01))
    assert [ours(t) for t in range(25)] == pytest.approx(theirs, rel=1e-9)


def test_per_step_and_per_epoch():
    X, y = blobs()
    for per, unit in (("step", 3), ("epoch", 1)):
        net = classifier(optimizer=cnn.SGD(Exponential(0.1, 0.5, per=per))).fit(X, y, epochs=4)
        last_step = 2 if per == "step" else 0
        expected = [0.1 * 0.5 ** (epoch * unit + last_step) for epoch in range(4)]
        assert net.history["learning_rate"] == pytest.approx(expected)


@pytest.mark.parametrize("per", ["step", "epoch"])
def test_many_epochs_in_one_call_take_the_rates_of_each(per):
    X, y = blobs()
    optimizer = cnn.SGD(Linear(0.1, 50, per=per))
    together = classifier(optimizer=optimizer).fit(X, y, epochs=40, shuffle=False)
    single = classifier(optimizer=optimizer).fit(X, y, epochs=40, shuffle=False, callback=lambda *_: None)
    assert together.history["learning_rate"] == single.history["learning_rate"]
    assert bits(together) == bits(single)


def test_epochs_are_counted_on_through_partial_fit_and_other_batches():
    X, y = blobs()
    net = classifier(optimizer=cnn.SGD(Step(0.1, 1, 0.5, per="epoch"))).fit(X, y, epochs=2)
    net.partial_fit(X, y, batch_size=7).fit(X, y, epochs=1, batch_size="full", warm_start=True)
    assert net.history["learning_rate"] == pytest.approx([0.1, 0.05, 0.0125])


@pytest.mark.parametrize("name", EXAMPLES)
def test_files_keep_it(name, tmp_path):
    X, y = blobs()
    net = classifier(optimizer=cnn.Adam(EXAMPLES[name])).fit(X, y, epochs=1)
    net.save(tmp_path / "net.safetensors")
    assert cnn.load(tmp_path / "net.safetensors").optimizer == net.optimizer


def test_a_function_is_not_saved_within_a_schedule_either(tmp_path):
    X, y = blobs()
    net = classifier(optimizer=cnn.Adam(WarmUp(lambda t: 0.1, 3))).fit(X, y, epochs=1)
    net.save(tmp_path / "net.safetensors")
    again = cnn.load(tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match="was a Python function"):
        again.fit(X, y, epochs=1)


@pytest.mark.parametrize(
    "config", [{}, {"name": "stepp"}, {"name": "step", "initial": 1}, {"name": ["step"]}, None, "x", -1, True]
)
def test_files_with_anything_else_are_refused(config):
    with pytest.raises((TypeError, ValueError)):
        schedules.from_config(config)


def test_warm_up_has_the_unit_of_what_follows():
    assert WarmUp(Cosine(0.1, 5, per="epoch"), 3).per == "epoch"
    assert WarmUp(0.1, 3).per == "step"
    assert WarmUp(0.1, 3, per="epoch").per == "epoch"
    with pytest.raises(ValueError, match=r"per='step'; its 'then' has per='epoch'"):
        WarmUp(Cosine(0.1, 5, per="epoch"), 3, per="step")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: Step(0.0, 3),
            ValueError,
            r"'initial' parameter of Step must be a finite number > 0\. Got 0\.0",
        ),
        (lambda: Step(0.1, 0), ValueError, "'every' parameter of Step must be an int >= 1"),
        (lambda: Step(0.1, 1.5), TypeError, "'every'"),
        (lambda: MultiStep(0.1, []), TypeError, "'milestones'"),
        (lambda: MultiStep(0.1, [3, 2]), ValueError, r"must be in increasing order\. Got \(3, 2\)"),
        (lambda: Cosine(0.1, 10, growth=2), ValueError, "needs restarts=True"),
        (lambda: OneCycle(0.1, 3), ValueError, "rising=0.3 and over=3"),
        (lambda: WarmUp("x", 3), TypeError, "'then'"),
        (lambda: Linear(0.1, 3, per="epochs"), ValueError, "Did you mean 'epoch'"),
        (lambda: InverseScaling(np.nan), ValueError, "'initial'"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
