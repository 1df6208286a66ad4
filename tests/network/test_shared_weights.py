"""Ensembles whose members share weights in training."""

import copy
import pickle

import compiled_nn as cnn
import numpy as np
import pytest

ROWS, MEMBERS = 120, 4


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((ROWS, 5))
    return X, (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(int)


def own_loss(y, z):
    return (z - y).sum(axis=1), z


def network(*hidden, classes=2, **parameters):
    hidden = hidden or (cnn.Dense(16, "relu", norm="layer", dropout=0.1), cnn.Dense(8, "relu"))
    options = {"seed": 0, "standardize": True, "ema": 0.9, "optimizer": cnn.AdamW(0.01, weight_decay=0.01)}
    return cnn.Network([*hidden, cnn.Dense(classes)], **(options | parameters))


def ensemble(net=None, **parameters):
    options = {"n_members": MEMBERS, "shared_weights": True}
    return cnn.Ensemble(net or network(), **(options | parameters))


def weights(member, layer=0):
    return member.get_weights()[layer][0]


def test_members_have_scaled_copies_of_the_shared_weights(table):
    """The quotient of two members' weights is a factor for each row times one for each column: a matrix of rank 1. The
    numbers are rounded to float32 with relative errors of 1e-7."""
    model = ensemble(network(cnn.Dense(6, "tanh"), ema=None)).fit(*table, epochs=5)
    first, *others = model.members_
    for member in others:
        ratio = weights(member).astype(np.float64) / weights(first)
        values = np.linalg.svd(ratio, compute_uv=False)
        assert values[1] < 1e-4 * values[0]
        own = weights(member, 1) / weights(first, 1)
        assert np.linalg.svd(own, compute_uv=False)[1] > 0.01


def test_factors_of_the_inputs_begin_as_signs(table):
    net = network(cnn.Dense(6, "tanh"), ema=None, optimizer=cnn.SGD(1e-30))
    members = ensemble(net, n_members=8).fit(*table, epochs=1).members_
    signs = np.array([(weights(member) / weights(members[0]))[:, 0] for member in members])
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert np.array_equal(weights(members[3]), weights(members[0]) * signs[3][:, np.newaxis])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bits_depend_on_the_seed_only(table, dtype):
    X, y = table
    model = ensemble(network(dtype=dtype), n_threads=1).fit(X, y, epochs=8)
    again = (
        ensemble(network(dtype=dtype), n_threads=2).fit(X, y, epochs=3).fit(X, y, epochs=5, warm_start=True)
    )
    other = ensemble(network(dtype=dtype, seed=1)).fit(X, y, epochs=8)
    assert np.array_equal(model.predict_proba(X), again.predict_proba(X))
    assert np.array_equal(model.oof_, again.oof_, equal_nan=True)
    assert model.history["loss"] == again.history["loss"]
    assert not np.array_equal(model.predict_proba(X), other.predict_proba(X))
    assert model.history["loss"][-1] < model.history["loss"][0]


def test_all_members_have_the_best_epoch_of_their_mean(table):
    net = network(ema=None, optimizer=cnn.Adam(0.1))
    model = ensemble(net).fit(*table, epochs=40, patience=5)
    losses = np.array([member.history["val_loss"] for member in model.members_])
    assert set(model.best_epochs_) == {1 + int(losses.mean(axis=0).argmin())}
    assert losses.shape[1] == model.best_epochs_[0] + 5
    assert model.stop_reason_ == "early_stopping"
    assert (model.validation_masks_ == model.validation_masks_[0]).all()


@pytest.mark.parametrize("kind", ["classes", "values", "greedy", "validation data", "refit"])
def test_everything_after_training_is_that_of_other_ensembles(table, kind, tmp_path):
    X, y = table
    net = (
        network()
        if kind != "values"
        else network(classes=1, loss="mse", numeric_embeddings="piecewise_linear")
    )
    model = ensemble(net, combine="greedy" if kind == "greedy" else "mean")
    options = (
        {"validation_data": (X[:30], y[:30])} if kind == "validation data" else {"refit": kind == "refit"}
    )
    model.fit(X, y if kind != "values" else X[:, 0] ** 2, epochs=30, **options)
    predict = model.predict if kind == "values" else model.predict_proba
    alone = [m.predict(X) if kind == "values" else m.predict_proba(X) for m in model.members_]
    np.testing.assert_allclose(predict(X), np.average(alone, axis=0, weights=model.weights_), atol=1e-6)
    assert model.score(X, y if kind != "values" else X[:, 0] ** 2) > 0.75
    model.save(tmp_path / "model.safetensors")
    for other in (
        cnn.load(tmp_path / "model.safetensors"), pickle.loads(pickle.dumps(model)), copy.deepcopy(model)
    ):  # fmt: skip
        assert np.array_equal(other.predict(X), model.predict(X))
    assert "shared_weights=True" in repr(model)


def test_divergence_of_the_shared_weights_is_that_of_all(table):
    net = network(cnn.Dense(8, "relu"), classes=1, loss="mse", ema=None, optimizer=cnn.SGD(1e6))
    model = ensemble(net)
    with pytest.raises(cnn.DivergenceError, match="the last of 4 members diverged"):
        model.fit(table[0], table[0][:, 0], epochs=50)
    assert np.isfinite(model.predict(table[0])).all()


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        ({"validation": "folds"}, "validation='folds' cannot be used with shared_weights=True"),
        ({"halving": (0.5,)}, "halving cannot be used with shared_weights=True"),
        ({"validation": np.eye(MEMBERS, ROWS, dtype=bool)}, "Pass one mask"),
        ({"callbacks": [cnn.callbacks.Checkpoint("x.ckpt.safetensors")]}, "Checkpoint cannot be used"),
    ],
)
def test_arguments_of_fit_that_are_refused(table, fit, message):
    model = ensemble().fit(*table, epochs=1)
    before = model.predict_proba(table[0])
    with pytest.raises(ValueError, match=message):
        model.fit(*table, epochs=1, **fit)
    assert np.array_equal(model.predict_proba(table[0]), before)


def test_training_continues_in_memory_only(table, tmp_path):
    model = ensemble().fit(*table, epochs=2)
    with pytest.raises(ValueError, match="cannot be saved as a checkpoint"):
        model.save_checkpoint(tmp_path / "x.ckpt.safetensors")
    with pytest.raises(ValueError, match="files, pickles and refit=True do not keep"):
        pickle.loads(pickle.dumps(model)).fit(*table, epochs=1, warm_start=True)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        ([network(), network(l2=0.1)], "member 1 differs from member 0"),
        (cnn.Network([cnn.Dense(2)]), "no effect on a network of 1 layer"),
        (network(clip_norm=1.0), "combined with clip_norm"),
        (network(clip_value=1.0), "combined with clip_value"),
        (network(proximal=True, l1=0.1), "combined with proximal=True"),
        (network(numeric_embeddings="periodic"), "combined with numeric_embeddings of the type Periodic"),
        (network(categorical_features=[0], embeddings=2), "combined with embeddings"),
        (
            network(loss=cnn.losses.CustomLoss(lambda y, z: ((z - y).sum(axis=1), z))),
            "combined with a loss that is a function",
        ),
    ],
)
def test_networks_that_cannot_share_weights(net, message):
    with pytest.raises(ValueError, match=message):
        ensemble(net)


def test_the_parameter_is_a_flag():
    with pytest.raises(TypeError, match="shared_weights"):
        ensemble(shared_weights="yes")
    assert "and 31 more" in repr(cnn.Ensemble(network(), shared_weights=True))
