"""Ensembles on sharded rows: members are trained together on workers, and validated by the process that calls fit."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.callbacks import Checkpoint
from compiled_nn.common.errors import CompiledNNWarning, DivergenceError

# Sums of the same products in another order, in float64: 5 epochs of 8 steps carry on their last bits.
CLOSE = {"rtol": 0, "atol": 1e-12 * 40}


def sharded(X, y, n_parts=2, **options):
    parts = list(zip(np.array_split(X, n_parts), np.array_split(y, n_parts), strict=True))
    return cnn.distributed.ShardedRows(parts, steps_per_average=3, **options)


def networks(n=3, **parameters):
    parameters = {"dtype": "float64", "standardize": True} | parameters
    return [cnn.Network([cnn.Dense(4 + i, "relu"), cnn.Dense(3)], seed=i, **parameters) for i in range(n)]


@pytest.fixture
def rows(rng):
    """Rows to train on (160, 3), and to validate on (40, 3), with their labels."""
    y = rng.permutation(np.repeat(["ant", "bee", "cat"], [40, 100, 60]))
    X = rng.normal(size=(200, 3)) + 3 * np.eye(3)[np.searchsorted(["ant", "bee", "cat"], y)]
    return X[:160], y[:160], (X[160:], y[160:])


def weights_of(model):
    return [W for member in model.members_ for W, _ in member.get_weights()]


@pytest.mark.parametrize("ema", [None, 0.9])
def test_one_shard_follows_fit(rows, ema):
    X, y, held_out = rows
    options = {"epochs": 5, "batch_size": 20, "shuffle": False, "validation_data": held_out}
    model = cnn.Ensemble(networks(ema=ema)).fit(sharded(X, y, 3, n_shards=1), **options)
    plain = cnn.Ensemble(networks(ema=ema)).fit(X, y, **options)
    for W, V in zip(weights_of(model), weights_of(plain), strict=True):
        np.testing.assert_allclose(W, V, **CLOSE)
    for name in ("loss", "val_loss", "learning_rate"):
        np.testing.assert_allclose(model.history[name], plain.history[name], rtol=1e-10)
    assert model.history["n_members"] == plain.history["n_members"] == [3] * 5
    assert model.best_epochs_.tolist() == plain.best_epochs_.tolist()
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))


def test_the_bits_do_not_depend_on_where_tasks_run(rows):
    X, y, held_out = rows
    nets = networks(dtype="float32")
    nets[1] = cnn.Network([cnn.Dense(5, "relu", dropout=0.2), cnn.Dense(3)], seed=1, standardize=True)
    with ThreadPoolExecutor(3) as pool:
        found = [
            weights_of(
                cnn.Ensemble(nets).fit(
                    sharded(X, y, 5, n_shards=3, **way), epochs=3, validation_data=held_out
                )
            )
            for way in ({}, {"map": pool.map}, {"in_memory": False})
        ]
    for other in found[1:]:
        assert all(np.array_equal(W, V) for W, V in zip(found[0], other, strict=True))


@pytest.mark.parametrize("options", [{}, {"combine": "greedy"}, {"calibrated": False}], ids=str)
def test_shards_are_as_good_as_joined_rows(rows, options):
    X, y, held_out = rows
    nets = networks(optimizer=cnn.Adam(0.01), dtype="float32")
    model = cnn.Ensemble(nets, **options).fit(
        sharded(X, y), epochs=30, batch_size=20, validation_data=held_out, patience=10
    )
    assert model.score(*held_out) > 0.85
    assert model.validation_masks_ is None
    with pytest.raises(AttributeError, match="sharded rows, which are not in this process"):
        _ = model.oof_
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    before = len(again.history["loss"])
    again.fit(X, y, epochs=1, batch_size=20, validation_data=held_out, warm_start=True)
    assert len(again.history["loss"]) == before + 1


def test_values_are_validated_in_their_units(rng):
    X = rng.normal(size=(120, 2))
    y = 3 + 2 * X[:, 0]
    nets = [cnn.Network([cnn.Dense(1)], loss="mse", optimizer=cnn.Adam(0.1), seed=i) for i in range(2)]
    model = cnn.Ensemble(nets).fit(
        sharded(X[:90], y[:90]), epochs=100, validation_data=(X[90:], y[90:]), monitor="val_score"
    )
    assert model.history["val_score"][-1] > 0.9
    assert max(model.history["val_score"]) == pytest.approx(model.score(X[90:], y[90:]), abs=0.02)
    last = cnn.Ensemble(nets).fit(sharded(X, y), epochs=2, validation=None)
    assert last.best_epochs_.tolist() == [2, 2]


def test_halving_and_a_member_that_diverges(rows):
    X, y, held_out = rows
    nets = [*networks(3, dtype="float32"), networks(1, optimizer=cnn.SGD(1e38), dtype="float32")[0]]
    with pytest.warns(CompiledNNWarning, match="Member 3 of the ensemble has diverged"):
        model = cnn.Ensemble(nets).fit(
            sharded(X, y), epochs=8, validation_data=held_out, halving=(0.5,), batch_size=20
        )
    assert 3 not in model.indices_
    assert len(model.members_) == 2
    with pytest.raises(DivergenceError, match="non-finite"):
        cnn.Ensemble(nets[3:]).fit(sharded(X, y), epochs=2, validation_data=held_out)


def test_a_checkpoint_has_the_members(rows, tmp_path):
    X, y, held_out = rows
    checkpoint = Checkpoint(tmp_path / "members.ckpt.safetensors")
    model = cnn.Ensemble(networks()).fit(
        sharded(X, y), epochs=2, validation_data=held_out, callbacks=[checkpoint]
    )
    again = cnn.load_checkpoint(checkpoint.path)
    assert again.history["loss"] == pytest.approx(model.history["loss"])
    assert len(again.fit(X, y, epochs=1, validation_data=held_out, warm_start=True).history["loss"]) == 3


@pytest.mark.parametrize("on_interrupt", ["raise", "return"])
def test_an_interrupt(rows, on_interrupt):
    X, y, held_out = rows

    def interrupt(model, epoch, history):
        raise KeyboardInterrupt

    model = cnn.Ensemble(networks())
    options = {"validation_data": held_out, "callbacks": [interrupt], "on_interrupt": on_interrupt}
    if on_interrupt == "raise":
        with pytest.raises(KeyboardInterrupt):
            model.fit(sharded(X, y), **options)
    else:
        assert model.fit(sharded(X, y), **options).stop_reason_ == "interrupted"
    assert np.isfinite(model.predict_proba(X)).all()


def test_the_time_limit_ends_between_rounds(rows):
    X, y, held_out = rows
    model = cnn.Ensemble(networks()).fit(
        sharded(X, y), epochs=1_000_000, validation_data=held_out, time_limit=0.3
    )
    assert model.stop_reason_ == "time_limit"


@pytest.mark.parametrize(
    ("parameters", "arguments", "rows_options", "message"),
    [
        ({}, {"validation": "folds"}, {}, "validation is 'folds', but X is ShardedRows"),
        ({}, {"validation": np.zeros(160, bool)}, {}, "validation is an array, but X is ShardedRows"),
        ({}, {"refit": True, "validation": "random"}, {}, "refit=True cannot be used where X is ShardedRows"),
        ({}, {"sample_weight": np.ones(160)}, {}, "sample_weight is given, but X is ShardedRows"),
        ({}, {"y": np.ones(160)}, {}, "y is given, but X is ShardedRows"),
        ({}, {"validation_groups": np.ones(160), "validation": "random"}, {}, "validation_groups needs"),
        ({}, {"validation": None}, {"mode": "synchronous"}, 'with mode="averaging" only'),
    ],
    ids=str,
)
def test_refusals(rows, parameters, arguments, rows_options, message):
    X, y, _ = rows
    model = cnn.Ensemble(networks(), **parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(sharded(X, y, **rows_options), **arguments)
    assert not model._kept
    fitted = copy.deepcopy(model).fit(X, y, epochs=1)
    with pytest.raises(ValueError, match="warm_start=True cannot be used where X is ShardedRows"):
        fitted.fit(sharded(X, y), warm_start=True, validation=None)


def test_shared_weights_are_refused(rows):
    X, y, held_out = rows
    net = cnn.Network([cnn.Dense(4, "relu"), cnn.Dense(3)], seed=0)
    with pytest.raises(ValueError, match="shared_weights=True cannot be used where X is ShardedRows"):
        cnn.Ensemble(net, n_members=2, shared_weights=True).fit(sharded(X, y), validation_data=held_out)
