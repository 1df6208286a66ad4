"""Snapshots: what they hold, that they bring everything back, and which states are refused."""

import ast
import copy
import inspect
import pickle
from pathlib import Path

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.spec import configuration
from small import bits, blobs

X, Y = blobs()


def normalised(**parameters):
    layers = [cnn.Dense(6, "tanh", norm="batch"), cnn.Dense(5, "relu", norm="rms", bias=False), cnn.Dense(3)]
    return cnn.Network(layers, optimizer=cnn.Adam(0.01), seed=0, **parameters)


def everything(state):
    """All arrays of a state, by their path."""
    if isinstance(state, dict):
        return {f".{key}{path}": a for key, each in state.items() for path, a in everything(each).items()}
    if isinstance(state, list):
        return {f"[{i}]{path}": a for i, each in enumerate(state) for path, a in everything(each).items()}
    return {"": state}


def equal(a, b):
    a, b = everything(a), everything(b)
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_the_keys_and_shapes():
    state = normalised(ema=0.9).fit(X, Y, epochs=1).snapshot()
    assert state.keys() == {"layers", "average", "optimizer"}
    first, second, last = state["layers"]
    assert {name: array.shape for name, array in everything(first).items()} == {
        ".weight": (4, 6),
        ".bias": (6,),
        ".norm.gain": (6,),
        ".norm.mean": (6,),
        ".norm.variance": (6,),
    }
    assert {name: array.shape for name, array in everything(second).items()} == {
        ".weight": (6, 5),
        ".norm.gain": (5,),
    }
    assert last.keys() == {"weight", "bias"}
    assert all(layer.get("norm", {}).keys() <= {"gain"} for layer in state["average"])
    optimizer = state["optimizer"]
    assert (optimizer["name"], optimizer["step"], len(optimizer["moments"])) == ("adam", 3, 2)
    assert [layer.keys() for layer in optimizer["moments"][0]] == [layer.keys() for layer in state["average"]]


def test_a_state_is_a_copy():
    net = normalised().fit(X, Y, epochs=1)
    state = net.snapshot()
    before = copy.deepcopy(state)
    net.fit(X, Y, epochs=1, warm_start=True)
    assert equal(state, before)
    assert not equal(net.snapshot(), before)
    net.restore(state)
    state["layers"][0]["weight"][:] = 7
    assert equal(net.snapshot(), before)


@pytest.mark.parametrize("parameters", [{}, {"ema": 0.9}, {"standardize": True, "dtype": "float64"}])
def test_training_goes_on_from_a_restored_state(parameters):
    net = normalised(**parameters).fit(X, Y, epochs=2, shuffle=False)
    state, proba = net.get_state(), net.predict_proba(X)
    net.fit(X, Y, epochs=2, shuffle=False, warm_start=True)
    later = net.predict_proba(X)
    assert (later != proba).any()
    net.set_state(state)
    assert np.array_equal(net.predict_proba(X), proba)
    net.fit(X, Y, epochs=2, shuffle=False, warm_start=True)
    assert np.array_equal(net.predict_proba(X), later)


def test_a_state_without_the_optimizer_leaves_its_moments():
    net = normalised().fit(X, Y, epochs=1)
    state = net.snapshot(optimizer=False)
    assert state.keys() == {"layers"}
    moments = net.fit(X, Y, epochs=1, warm_start=True).snapshot()["optimizer"]
    net.restore(state)
    assert equal(net.snapshot(), {**state, "optimizer": moments})


def test_a_state_goes_to_another_network():
    net, other = normalised().fit(X, Y, epochs=3), normalised().fit(X, Y, epochs=0)
    other.restore(net.snapshot())
    assert np.array_equal(other.predict_proba(X), net.predict_proba(X))
    assert bits(other) == bits(net)


def test_a_new_optimizer_comes_with_the_state():
    net = normalised().fit(X, Y, epochs=1)
    state = net.snapshot()
    net.optimizer = cnn.SGD(0.1, momentum=0.9)
    net.fit(X, Y, epochs=1, warm_start=True)
    net.restore(state)
    assert equal(net.snapshot(), state)


def changed(**values):
    def change(state):
        return state["layers"][0].update(values)

    return change


BAD = {
    "shape": (
        changed(weight=np.zeros((4, 7))),
        ValueError,
        r"\['layers'\]\[0\]\['weight'\].*\(4, 7\).*\(4, 6\)",
    ),
    "keys": (changed(extra=np.zeros(1)), ValueError, r"\['layers'\]\[0\] has the keys.*extra"),
    "text": (changed(bias=np.array(["a"] * 6)), TypeError, r"\['bias'\] must be an array of real numbers"),
    "norm": (changed(norm=np.zeros(6)), TypeError, r"\['norm'\] must be a dict.*ndarray"),
    "layers": (lambda state: state["layers"].pop(), ValueError, r"\['layers'\] has 2 layers.*has 3"),
    "no list": (lambda state: state.update(layers={}), TypeError, "must be a list of dicts"),
    "unknown": (
        lambda state: state.update(weights=1),
        ValueError,
        r"has the keys.*'weights'.*expected some of",
    ),
    "moments": (
        lambda state: state["optimizer"]["moments"].pop(),
        ValueError,
        "has 1 lists; adam has 2 moments",
    ),
    "moment": (
        lambda state: state["optimizer"]["moments"][1][0].update(weight=np.zeros(3)),
        ValueError,
        r"\['moments'\]\[1\]\[0\]\['weight'\] has shape \(3,\)",
    ),
    "optimizer": (
        lambda state: state["optimizer"].pop("step"),
        ValueError,
        r"has the keys.*expected.*'step'",
    ),
    "name": (lambda state: state["optimizer"].update(name="adamm"), ValueError, "adamm"),
    "nan": (
        changed(bias=np.full(6, np.nan)),
        ValueError,
        r"\['bias'\] has a number that is not finite in float32",
    ),
    "range": (
        changed(bias=np.full(6, 1e300)),
        ValueError,
        r"\['bias'\] has a number that is not finite in float32",
    ),
    "ragged": (changed(bias=[[1], [2, 3]]), ValueError, r"\['bias'\] is not an array"),
    "variance": (
        lambda state: state["layers"][0]["norm"].update(variance=np.full(6, -1.0)),
        ValueError,
        r"\['variance'\] has a number below 0",
    ),
    "average": (
        lambda state: state.update(average=state["optimizer"]["moments"][0]),
        ValueError,
        "made without ema",
    ),
    "step": (lambda state: state["optimizer"].update(step=-5), ValueError, "step.*>= 0. Got -5"),
    "late step": (lambda state: state["optimizer"].update(step=2**70), ValueError, r"\['step'\] is 1180"),
    "half a step": (lambda state: state["optimizer"].update(step=1.5), TypeError, "step.*int"),
    "no dict": (lambda state: state.update(optimizer="adam"), TypeError, r"\['optimizer'\] must be a dict"),
    "no moments": (lambda state: state["optimizer"].update(moments=3), TypeError, "must be a list"),
    "hyperparameters": (
        lambda state: state["optimizer"].update(hyperparameters={"beta_1": np.nan}),
        ValueError,
        "beta_1.*finite",
    ),
    "kinds of keys": (lambda state: state.update({1: 2}), ValueError, "has the keys"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_state_is_refused_and_changes_nothing(case):
    change, error, message = BAD[case]
    net = normalised().fit(X, Y, epochs=1)
    before = net.snapshot()
    state = copy.deepcopy(before)
    change(state)
    with pytest.raises(error, match=message):
        net.restore(state)
    assert equal(net.snapshot(), before)


@pytest.mark.parametrize("state", [None, [1], "x"])
def test_a_state_is_a_dict(state):
    with pytest.raises(TypeError, match="state must be a dict"):
        normalised().fit(X, Y, epochs=1).restore(state)


def test_restored_weights_stay_after_averaging():
    net = normalised().fit(X, Y, epochs=4, averaging=cnn.SWA(1))
    state = net.snapshot()
    for layer in state["layers"]:
        layer["weight"][:] = 0
    net.restore(state)
    net.optimizer = cnn.SGD(1e-12)
    net.partial_fit(X, Y)
    assert max(abs(W).max() for W, _ in net.get_weights()) < 1e-9


def test_weights_outside_the_embeddings_stay_fixed(tmp_path):
    rows = [["abc"[i % 3], float(i)] for i in range(30)]
    net = cnn.Network([cnn.Dense(3)], seed=0, categorical_features=[0], embeddings=2)
    net.fit(rows, np.arange(30) % 3, epochs=1)
    state = net.snapshot()
    state["layers"][0]["weight"] += 0.5
    net.restore(state)
    net.save(tmp_path / "net")
    assert np.array_equal(net.predict_proba(rows), cnn.load(tmp_path / "net").predict_proba(rows))


def test_the_time_of_schedules_is_restored():
    def made():
        rate = cnn.schedules.Step(0.05, every=1, factor=0.5, per="epoch")
        return cnn.Network([cnn.Dense(3)], optimizer=cnn.Adam(rate), seed=0)

    late, early = made().fit(X, Y, epochs=3, shuffle=False), made().fit(X, Y, epochs=1, shuffle=False)
    early.restore(late.snapshot())
    assert bits(late.partial_fit(X, Y)) == bits(early.partial_fit(X, Y))


def test_averages_follow_restored_weights():
    net = normalised(ema=0.9).fit(X, Y, epochs=2)
    layers = normalised().fit(X, Y, epochs=1).snapshot(optimizer=False)
    net.restore(layers)
    assert equal(
        net.snapshot()["average"],
        [
            {**each, "norm": {"gain": each["norm"]["gain"]}} if "norm" in each else each
            for each in layers["layers"]
        ],
    )
    new = normalised(ema=0.9)
    new.set_weights([(np.ones((4, 6)), np.zeros(6)), (np.ones((6, 5)), None), (np.ones((5, 3)), np.zeros(3))])
    new.restore(net.snapshot(optimizer=False))
    assert bits(new) == bits(net)  # those of the average, before and after the first step
    new.optimizer = cnn.SGD(1e-12)
    new.partial_fit(X, Y)
    assert np.allclose(new.get_weights()[0][0], net.get_weights()[0][0], atol=1e-6)


@pytest.mark.parametrize("epochs", [0, 2])
def test_weights_that_were_set_have_no_average(epochs):
    net = normalised(ema=0.9).fit(X, Y, epochs=epochs)
    net.set_weights([(np.ones((4, 6)), np.zeros(6)), (np.ones((6, 5)), None), (np.ones((5, 3)), np.zeros(3))])
    state, before = net.snapshot(optimizer=False), bits(net)
    assert state.keys() == {"layers"}
    net.restore(state)
    assert bits(net) == before
    net.partial_fit(X, Y)
    assert bits(net) != before
    net.restore(state)
    assert bits(net) == before


@pytest.mark.parametrize("last", [1, 3])
def test_best_weights_are_restored_after_a_callback_has_set_weights(last):
    seen = {}

    def set_weights(net, epoch, history):
        if epoch == last:
            net.set_weights([(W * np.float32(0.5), b) for W, b in net.get_weights()])
        seen[epoch] = bits(net)

    stopping = cnn.callbacks.EarlyStopping("epoch", mode="min") if last == 1 else True
    net = normalised(ema=0.9)
    net.fit(X, Y, epochs=3, validation_data=(X, Y), callbacks=[set_weights], early_stopping=stopping)
    assert net.best_epoch_ == last
    assert bits(net) == seen[net.best_epoch_]


def test_divergence_after_a_refused_state_returns_to_finite_moments():
    class Restores(cnn.callbacks.Callback):
        def on_epoch_end(self, net, epoch, history):
            if epoch == 2:
                state = net.snapshot()
                other = {"name": "sgd", "hyperparameters": {}, "step": 0, "epoch": 0, "moments": []}
                net.restore({"optimizer": other})
                net.restore(state)
                net.optimizer = cnn.Adam(1e38)

    net = cnn.Network([cnn.Dense(5, "relu"), cnn.Dense(1)], loss="mse", seed=0, optimizer=cnn.Adam(1e-3))
    with pytest.raises(cnn.DivergenceError):
        net.fit(X, Y.astype(float), epochs=20, callbacks=[Restores()])
    assert all(
        np.isfinite(array).all() for array in everything(net.snapshot()["optimizer"]["moments"]).values()
    )
    net.optimizer = cnn.Adam(1e-3)
    net.fit(X, Y.astype(float), epochs=1, warm_start=True)


def test_before_there_are_weights():
    for call in (lambda net: net.snapshot(), lambda net: net.restore({})):
        with pytest.raises(cnn.NotFittedError):
            call(normalised())


def test_gradients_have_the_form_of_what_is_trained():
    net = normalised(dtype="float64").fit(X, Y, epochs=1)
    gradients, state = net.gradients(X, Y), net.snapshot()
    moments = state["optimizer"]["moments"][0]
    assert [layer.keys() for layer in gradients["layers"]] == [layer.keys() for layer in moments]
    # The gain of the second layer, by central differences: its statistics do not depend on the batch.
    place, step, losses = 2, 1e-6, []
    for sign in (1, -1):
        moved = copy.deepcopy(state)
        moved["layers"][1]["norm"]["gain"][place] += sign * step
        net.restore(moved)
        losses.append(net.loss(X, Y))
    slope = (losses[0] - losses[1]) / (2 * step)
    assert gradients["layers"][1]["norm"]["gain"][place] == pytest.approx(slope, rel=1e-6)


# ---- the predictor


def test_a_predictor_is_immutable_and_replaced_when_weights_change():
    net = normalised(standardize=True).fit(X, Y, epochs=1)
    net.predict(X)
    predictor = net._predictor
    for part in (predictor, predictor.inputs, predictor.outputs):
        name = next(iter(vars(part)))
        for change in (
            lambda part=part, name=name: setattr(part, name, None),
            lambda part=part, name=name: delattr(part, name),
        ):
            with pytest.raises(AttributeError, match=f"is immutable: '{name}'"):
                change()
    assert predictor.inputs.replace(scale=2.0).scale == 2.0
    assert predictor.inputs.scale == 1.0
    with pytest.raises(TypeError, match="Inputs has no attribute 'scales'"):
        predictor.inputs.replace(scales=2.0)
    assert net._predicting() is predictor
    for change in (
        lambda: net.fit(X, Y, epochs=1, warm_start=True),
        lambda: net.partial_fit(X, Y),
        lambda: net.set_weights(net.get_weights()),
        lambda: net.restore(net.snapshot()),
        lambda: net.calibrate(X, Y),
        lambda: setattr(net, "n_threads", 1),
    ):
        last = net._predicting()
        change()
        assert net._predicting() is not last


def test_predictions_follow_writes_into_coefs():
    model = cnn.MLPClassifier(hidden_layer_sizes=(4,), random_state=0, max_iter=5, standardize=True)
    model.fit(X, Y)
    for factor in (0.5, 0.0):
        before = model.predict_proba(X)
        model.coefs_[0][...] *= factor
        assert (model.predict_proba(X) != before).any()
        assert np.array_equal(model.predict_proba(X), copy.deepcopy(model).predict_proba(X))


def test_an_old_pickle_is_refused_in_one_sentence(monkeypatch):
    net = normalised().fit(X, Y, epochs=1)
    monkeypatch.setattr("compiled_nn.network.state._PICKLE_VERSION", 0)
    old = pickle.dumps(net)
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"another version of compiled_nn.*save"):
        pickle.loads(old)


# ---- declarations


def test_parameters_are_those_of_the_configuration():
    """`Network` repeats the names and defaults of the table `PARAMETERS` for editors, and nothing else."""
    declared = {name: default for name, (default, _) in configuration.PARAMETERS.items()}
    signature = inspect.signature(cnn.Network).parameters
    extra = {"layers", "loss", "n_threads"}
    assert {name: p.default for name, p in signature.items() if name not in extra} == declared
    assert extra <= signature.keys()
    annotated = configuration.Configuration.__annotations__
    assert list(annotated) == ["layers", "loss", *configuration.PARAMETERS]


def test_callbacks_use_the_public_interface_alone():
    folder = Path(cnn.callbacks.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "net":
                assert not node.attr.startswith("_"), f"{path.name}: net.{node.attr}"
