"""Every parameter of Network and of its fit has an observable effect, is refused, or is in the table of unused ones."""

import inspect

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn import Dense
from compiled_nn.training.averaging import SWA

pytestmark = pytest.mark.filterwarnings("ignore")

rng = np.random.default_rng(0)
N_ROWS = 25
X = rng.normal(size=(N_ROWS, 3))
X[:, 0] = np.arange(N_ROWS) % 7 % 3
LABELS = (X[:, 1] > -0.6).astype(int)
VALUES = 3 * X[:, 1] + X[:, 0]
GROUPS = np.arange(N_ROWS) // 7

BASE = {"seed": 0}
FIT = {"batch_size": 10, "epochs": 4}
LEFT_OUT = object()


def stop(net, epoch, history):
    return True


# Conditions: parameters of Network, and of fit.
CONDITIONS = {
    "plain": ({}, {}),
    "sgd": ({"optimizer": cnn.SGD(0.01)}, {}),
    "l1": ({"l1": 0.05}, {}),
    "all rows": ({}, {"batch_size": "full"}),
    "all rows, sgd": ({"optimizer": cnn.SGD(0.01)}, {"batch_size": None}),
    "n_batches": ({}, {"batch_size": LEFT_OUT, "n_batches": 3}),
    "standardize": ({"standardize": True}, {}),
    "categories": ({"categorical_features": [0]}, {}),
    "validation": ({}, {"validation_fraction": 0.3}),
    "validation data": ({}, {"validation_data": (X, LABELS)}),
    "groups": ({}, {"validation_groups": GROUPS}),
    "ema": ({"ema": 0.9}, {}),
    "averaging": ({}, {"averaging": SWA(0)}),
}
CHANGES = {
    **{"layers": [Dense(5, "relu"), Dense(2)], "optimizer": cnn.SGD(0.1, 0.5), "l1": 0.1, "l2": 0.1},
    **{"input_scale": 2.0, "dtype": "float64", "seed": 1, "n_threads": 2, "standardize": "minmax"},
    **{"scale_targets": True, "categorical_features": [0], "min_frequency": 0.4, "input_dropout": 0.4},
    **{"column_types": {1: "ignore"}, "precision": "bfloat16"},
    **{"clip_norm": 1e-3, "clip_value": 1e-4, "ema": 0.5, "embeddings": 2},
    **{"loss": cnn.losses.Focal(3.0), "proximal": True, "numeric_embeddings": "piecewise_linear"},
}
FIT_CHANGES = {
    **{"epochs": 2, "batch_size": 7, "n_batches": 2, "accumulate": 2, "shuffle": False, "drop_last": True},
    **{"sample_weight": np.arange(1.0, N_ROWS + 1), "class_weight": {0: 5.0}, "validation_data": (X, LABELS)},
    **{"validation_fraction": 0.5, "validation_groups": GROUPS, "metrics": ["f1"]},
    **{"early_stopping": cnn.callbacks.EarlyStopping("loss", patience=1, min_delta=100.0)},
    **{"target": ("loss", 1e9), "time_limit": 1e-9, "averaging": SWA(2), "classes": [0, 1]},
    **{"callbacks": [stop], "callback": stop, "on_interrupt": "return", "warm_start": True},
    **{"gram": True, "verbose": 1},
}
# Tested elsewhere: the effect of an interrupt in test_interrupt, that of labels which y does not have in
# test_classes. Gram training takes the same steps. Without shuffling, short epochs share one call, within any limit.
ELSEWHERE = ("on_interrupt", "classes", "gram")
# What has no effect, in silence: the order of rows in a batch with all of them, and what a first fit cannot continue.
UNUSED = {"all rows": ("shuffle",), "all rows, sgd": ("shuffle",)}


def given(condition):
    network, fit = CONDITIONS[condition]
    merged = FIT | fit
    return BASE | network, {name: value for name, value in merged.items() if value is not LEFT_OUT}


def observed(network, fit, y, capsys, units=2):
    layers = network.pop("layers", [Dense(4, "relu"), Dense(units)])
    net = cnn.Network(layers, **network)
    for _ in range(2):
        net.fit(X, y, **fit)
    history = {name: column for name, column in net.history.items() if name != "seconds"}
    state = [array.tobytes() for pair in net.get_weights() for array in pair if array is not None]
    printed = capsys.readouterr().out
    return repr((state, net.predict(X).tobytes(), history, net.stop_reason_, net.n_threads, printed))


def judge(condition, y, capsys, units=2, loss=None):
    network, fit = given(condition)
    network |= {} if loss is None else {"loss": loss}
    before = observed(dict(network), fit, y, capsys, units)
    wrong, seen = [], set()
    for name, value in (CHANGES | FIT_CHANGES).items():
        if (
            name in ELSEWHERE
            or (name == "time_limit" and "all rows" in condition)
            or (loss is not None and name in ("loss", "layers"))
        ):
            continue
        changed = {**network, name: value} if name in CHANGES else dict(network)
        arguments = {**fit, name: value} if name in FIT_CHANGES else fit
        try:
            after = observed(changed, arguments, y, capsys, units)
        except (ValueError, TypeError):
            continue
        except TimeoutError as error:
            after = repr(error)
        if after != before:
            seen.add(name)
        same = repr((network | fit).get(name)) == repr(value)
        if (after == before) != (same or name in UNUSED.get(condition, ())):
            wrong.append(name)
    assert not wrong
    return seen


def test_every_parameter_is_in_the_table():
    parameters = set(inspect.signature(cnn.Network).parameters)
    assert parameters == set(CHANGES)
    assert set(inspect.signature(cnn.Network.fit).parameters) - {"self", "X", "y"} == set(FIT_CHANGES)


SEEN = {}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_parameter_has_an_effect_or_is_refused(condition, capsys):
    SEEN[condition] = judge(condition, LABELS, capsys)


@pytest.mark.parametrize("condition", ["plain", "all rows", "standardize", "categories"])
def test_a_parameter_for_values_has_an_effect_or_is_refused(condition, capsys):
    SEEN["values", condition] = judge(condition, VALUES, capsys, units=1, loss="mse")


def test_each_parameter_has_an_effect_in_some_condition(capsys):
    missing = [condition for condition in CONDITIONS if condition not in SEEN]
    for condition in missing:
        test_a_parameter_has_an_effect_or_is_refused(condition, capsys)
    if ("values", "plain") not in SEEN:
        test_a_parameter_for_values_has_an_effect_or_is_refused("plain", capsys)
    assert set().union(*SEEN.values()) | set(ELSEWHERE) == set(CHANGES | FIT_CHANGES)
