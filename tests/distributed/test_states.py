"""Weighted means of states: their numbers, bits, and errors."""

import compiled_nn as cnn
import numpy as np
import pytest


def states_of(n=3, **parameters):
    """Return states of networks with the same layers after different training."""
    rng = np.random.default_rng(0)
    states = []
    for seed in range(n):
        X = rng.normal(size=(40, 3))
        net = cnn.Network(
            [cnn.Dense(4, "relu", norm="batch"), cnn.Dense(1)],
            optimizer=cnn.Adam(0.1),
            seed=seed,
            **parameters,
        )
        states.append(net.fit(X, X[:, 0], epochs=seed + 1).get_state())
    return net, states


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, (*path, key))
    elif isinstance(value, (list, tuple)):
        for i, each in enumerate(value):
            yield from leaves(each, (*path, i))
    else:
        yield path, value


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_number_is_the_weighted_mean(dtype):
    net, states = states_of(loss="mse", ema=0.9, dtype=dtype)
    weights = [3, 0, 1.5]
    merged = cnn.merge_states(states, weights)
    arrays = 0
    for (path, value), *others in zip(leaves(merged), *map(leaves, states), strict=True):
        assert {each for each, _ in others} == {path}
        values = [each for _, each in others]
        if isinstance(value, np.ndarray):
            mean = np.average(np.array(values, np.float64), axis=0, weights=weights)
            np.testing.assert_allclose(
                value, mean, rtol=1e-6 if dtype == "float32" else 1e-14
            )  # of the dtype
            assert value.dtype == dtype
            arrays += 1
        else:
            assert value == (max(values) if path[-1] in ("step", "epoch") else values[0])
    assert arrays == 7 + 5 + 2 * 5  # of the layers, the average and the moments
    net.set_state(merged)
    for (path, value), (_, expected) in zip(leaves(net.get_state()), leaves(merged), strict=True):
        np.testing.assert_array_equal(value, expected, err_msg=str(path))


def test_equal_states_give_the_same_bits_for_any_weights():
    _, (state, *_) = states_of(1, loss="mse", dtype="float64")
    merged = cnn.merge_states([state] * 7, np.random.default_rng(0).uniform(size=7))
    for (_, value), (_, expected) in zip(leaves(merged), leaves(state), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_results_are_copies():
    _, (state, _) = states_of(2, loss="mse")
    merged = cnn.merge_states([state], [2.0])
    W = merged["layers"][0]["weight"]
    W += 1
    assert (state["layers"][0]["weight"] != W).all()


def test_layers_alone_and_pairs_are_merged():
    net, states = states_of(2, loss="mse")
    layers = cnn.merge_states([state["layers"] for state in states])
    np.testing.assert_array_equal(layers[0]["bias"], cnn.merge_states(states)["layers"][0]["bias"])
    pairs = cnn.merge_states([net.get_weights(), net.get_weights()])
    assert type(pairs[0]) is type(net.get_weights()[0])
    np.testing.assert_array_equal(pairs[0][0], net.get_weights()[0][0])
    plain = cnn.Network([cnn.Dense(1, bias=False)], loss="mse", seed=0).fit([[1.0], [2]], [1, 2], epochs=1)
    assert cnn.merge_states([plain.get_weights()] * 2)[0][1] is None


def test_huge_weights_and_numbers_do_not_overflow():
    W = np.array([1e38], "float32")
    merged = cnn.merge_states([[{"weight": W}], [{"weight": W * 2}]], [1e300, 1e300])
    np.testing.assert_allclose(merged[0]["weight"], 1.5e38, rtol=1e-6)


STATE = {"layers": [{"weight": np.zeros((2, 1))}], "optimizer": {"name": "sgd", "step": 1}}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"layers": STATE["layers"]}, r"state has other keys.*State 0 has \['layers', 'optimizer'\]"),
        (STATE | {"layers": []}, r"state\['layers'\] differs.*State 0 has 1, state 1 has 0"),
        (STATE | {"layers": [{"weight": np.zeros(2)}]}, r"\['weight'\] has another shape.*\(2, 1\).*\(2,\)"),
        (STATE | {"layers": [{"weight": None}]}, r"\['weight'\] has another shape.*NoneType"),
        (STATE | {"optimizer": {"name": "adam", "step": 1}}, r"\['name'\] differs.*'sgd'.*'adam'"),
        ([], "state is not a dict in all states"),
    ],
)
def test_states_that_differ_are_an_error_that_names_the_place(other, message):
    with pytest.raises(ValueError, match=message):
        cnn.merge_states([STATE, other])


@pytest.mark.parametrize(
    ("states", "weights", "message"),
    [
        ([], None, "at least one state"),
        ([STATE], [1, 2], "1 state, but 2 weights"),
        ([STATE], [0], "All weights"),
        ([STATE], [-1], r"weights\[0\] is -1"),
        ([STATE, STATE], [1, np.nan], r"weights\[1\] is nan"),
        ([STATE], ["a"], r"weights\[0\] is 'a'"),
    ],
)
def test_weights_that_cannot_be_used_are_an_error(states, weights, message):
    with pytest.raises(ValueError, match=message):
        cnn.merge_states(states, weights)


@pytest.mark.parametrize(
    ("states", "weights", "message"),
    [
        (STATE, None, r"'states' parameter of merge_states must be a list of states.*Got dict"),
        (3, None, r"'states' parameter of merge_states.*Got int"),
        ([STATE, None], None, r"states\[1\] is NoneType. Pass results of Network\.get_state\(\)"),
        ([STATE], 2.0, "'weights' parameter of merge_states must be a list of numbers. Got float"),
        ([STATE], {0: 1}, "'weights' parameter of merge_states must be a list of numbers. Got dict"),
        ([STATE], "1", "'weights' parameter of merge_states must be a list of numbers. Got str"),
        (
            [[{"weight": np.zeros(1)}], [{"weight": np.zeros(1, int)}]],
            None,
            r"state\[0\]\['weight'\] of state 1",
        ),
        ([[{"weight": np.array(["a"])}]], None, r"of state 0 is not an array of floats"),
        ([{"step": 1}, {"step": "2"}], None, r"state\['step'\] of state 1 is not a whole number: '2'"),
    ],
)
def test_what_is_no_state_or_weight_is_an_error(states, weights, message):
    with pytest.raises(TypeError, match=message):
        cnn.merge_states(states, weights)
