"""The description of a predictor has everything that it computes: NumPy computes the same from it, for every kind."""

import compiled_nn as cnn
import described
import numpy as np
import pytest
from compiled_nn.exchange import description, verification
from model_kinds import KINDS


def of(model):
    return model._described_predictor()


@pytest.mark.parametrize("kind", KINDS)
def test_numpy_computes_the_same(kind, dtype, differences):
    model, _ = KINDS[kind](dtype)
    found, predictor = of(model)
    probe = verification.probe_rows(found, predictor)
    ours = verification.answers(found, predictor, probe.X)
    theirs, before = described.answers(found, probe.columns)
    result = verification.check(ours, theirs, dtype, f"numpy {np.__version__}")
    differences("description", kind, dtype, result.largest_difference)
    logits = predictor.forward(probe.X, 0)
    assert verification.largest_difference({"": logits}, {"": before}) <= verification.BOUNDS[dtype]


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_those_of_the_model(kind, dtype):
    model, X = KINDS[kind](dtype)
    found, predictor = of(model)
    ours = verification.answers(found, predictor, X)
    if "label" in ours:
        assert np.array_equal(ours["label"], model.predict(X))
        assert np.array_equal(ours["probabilities"], model.predict_proba(X))
        if found.kind == "classes":
            assert np.array_equal(found.classes, model.classes_)
            assert found.classes.dtype == model.classes_.dtype
    else:
        assert np.array_equal(np.squeeze(ours["values"]), np.squeeze(model.predict(X)))


@pytest.mark.parametrize("kind", ["table", "table without names", "ensemble of tables"])
def test_probe_rows_reach_everything(kind):
    model, _ = KINDS[kind]("float32")
    found, predictor = of(model)
    probe, again = (verification.probe_rows(found, predictor) for _ in range(2))
    reached = 0
    for column, values, same in zip(found.columns, probe.columns, again.columns, strict=True):
        assert np.array_equal(values, same) or values.dtype.kind in "fM"
        if hasattr(column, "categories"):
            assert set(values) == {*column.categories, verification.unknown(column), None}
            reached += 1
        elif hasattr(column, "means"):
            assert (np.isnat(values)).any()
            assert (values < np.datetime64(column.first, "us")).any()
            assert np.datetime64("2020-02-29") in values.astype("datetime64[D]")
            reached += 1
        elif hasattr(column, "mean"):
            assert np.isnan(values).any()
            reached += 1
    assert reached >= 4


def test_numbers_of_probe_rows_are_those_of_training():
    model, X = KINDS["far inputs"]("float32")
    probe = verification.probe_rows(*of(model))
    assert (probe.X.min(axis=0) < X.min(axis=0)).all()
    assert (probe.X.max(axis=0) > X.max(axis=0)).all()
    assert (abs(probe.X - X.mean(axis=0)) < 20 * X.std(axis=0)).all()


def test_numbers_that_are_not_standardised_are_those_of_training_too():
    X = np.random.default_rng(0).normal(size=(90, 2)) * [5, 0.1] + [1000, -3]
    net = cnn.Network([cnn.Dense(2)], seed=0).fit(X, [0, 1] * 45, epochs=1)
    probe = verification.probe_rows(*of(net))
    assert (abs(probe.X - X.mean(axis=0)) < 20 * X.std(axis=0)).all()
    assert (probe.X.std(axis=0) > X.std(axis=0)).all()


def test_probe_rows_are_narrower_where_outputs_overflow():
    net = cnn.Network([cnn.Dense(1)], loss="poisson", dtype="float32")
    net.set_weights([(np.full((1, 1), 60.0), np.zeros(1))])
    probe = verification.probe_rows(*of(net))
    assert 0 < abs(probe.X).max() < 1.5


def test_models_that_predict_nothing_are_refused():
    net = cnn.Network([cnn.Dense(1)], loss="poisson", dtype="float32")
    net.set_weights([(np.zeros((1, 1)), np.full(1, 100.0))])
    with pytest.raises(ValueError, match=r"does not even predict rows at the centre.*beyond the range"):
        verification.probe_rows(*of(net))


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        ({"values": [[1.0], [2.1]]}, "differ by 0.05 of the largest output on 2 probe rows"),
        ({"values": [[1.0], [np.nan]]}, "differ by inf"),
    ],
)
def test_differences_are_refused(theirs, message):
    ours = {"values": np.array([[1.0], [2.0]])}
    with pytest.raises(ArithmeticError, match=message):
        verification.check(ours, theirs, "float64", "numpy")
    with pytest.raises(ValueError, match="shape"):
        verification.check(ours, {"values": [[1.0]]}, "float64", "numpy")
    with pytest.raises(ValueError, match="no 'values'"):
        verification.check(ours, {"label": [[1.0]]}, "float64", "numpy")


def test_other_labels_are_refused_unless_undecided():
    ours = {"label": np.array(["a", "b"]), "probabilities": np.array([[0.5, 0.5], [0.4, 0.6]])}
    tie = {"label": np.array(["b", "b"]), "probabilities": ours["probabilities"]}
    assert verification.check(ours, tie, "float64", "numpy").to_config() == {
        "largest_difference": 0.0,
        "rows": 2,
        "against": "numpy",
    }
    with pytest.raises(ArithmeticError, match=r"has the label 'a' in probe row 1; expected 'b'"):
        verification.check(ours, tie | {"label": np.array(["a", "a"])}, "float64", "numpy")


def test_what_only_python_computes_is_refused():
    activation = cnn.Activation(np.sin, np.cos)
    net = cnn.Network([cnn.Dense(2, activation), cnn.Dense(1)], loss="mse").fit(
        [[0.0], [1.0]], [0, 1], epochs=1
    )
    with pytest.raises(ValueError, match="activation of layer 0 is user-defined"):
        of(net)

    class Doubled(cnn.losses.MeanSquaredError):
        def values(self, outputs):
            return 2 * outputs

    net = cnn.Network([cnn.Dense(1)], loss=Doubled()).fit([[0.0], [1.0]], [0, 1], epochs=1)
    with pytest.raises(ValueError, match="the class Doubled, whose methods only Python"):
        of(net)


@pytest.mark.parametrize("model", [cnn.Network([cnn.Dense(2)]), cnn.MLPClassifier(), cnn.TabularRegressor()])
def test_models_without_fit(model):
    with pytest.raises(cnn.NotFittedError):
        of(model)


def test_members_may_scale_differently():
    """A network whose first layer is normalised scales its rows itself; others have that in W."""
    found, _ = of(KINDS["ensemble"]("float32")[0])
    assert {chain.mean is None for chain in found.networks} == {True, False}
    assert isinstance(found, description.Description)


def test_the_network_of_an_estimator_of_one_class_is_certain(tmp_path):
    cnn.MLPClassifier(max_iter=1).fit([[0.0], [1.0]], ["only"] * 2).save(tmp_path / "one.safetensors")
    net = cnn.load(tmp_path / "one.safetensors")
    assert net.predict([[0.5]]).tolist() == ["only"]
    description, _ = net._described_predictor()
    assert description.is_certain
    assert net.to_c(tmp_path / "one.c").largest_difference == 0
