"""Tabular estimators on sharded rows: choices that follow from all rows, and members that are trained over shards."""

import pickle

import compiled_nn as cnn
import numpy as np
import pytest

SMALL = {
    "n_members": 3,
    "max_iter": 20,
    "hidden_layer_sizes": (8,),
    "random_state": 0,
    "learning_rate_init": 0.02,
}


def sharded(X, y, n_parts=3, **options):
    n = len(y)
    take = (lambda s: X.iloc[s]) if hasattr(X, "iloc") else lambda s: X[s]
    parts = [(take(slice(i, n, n_parts)), y[i::n_parts]) for i in range(n_parts)]
    return cnn.distributed.ShardedRows(parts, **{"n_shards": 2, "steps_per_average": 4} | options)


@pytest.fixture
def rows(rng):
    X = rng.normal(size=(300, 4))
    return X, np.array(["no", "yes"])[(X[:, 0] + X[:, 1] > 0).astype(int)]


@pytest.fixture
def table(rng):
    pandas = pytest.importorskip("pandas")
    city = rng.choice(["Ulm", "Bonn", "Kiel", None], 240)
    size = rng.normal(size=240)
    size[::7] = np.nan
    X = pandas.DataFrame({"city": city, "size": size, "day": pandas.Timestamp("2024-01-01")})
    X["day"] += pandas.to_timedelta(rng.integers(0, 400, 240), unit="D")
    return X, np.where(city == "Ulm", 4.0, 0.0) + np.nan_to_num(size)


def test_a_classifier(rows):
    X, y = rows
    model = cnn.TabularClassifier(**SMALL).fit(sharded(X, y))
    plain = cnn.TabularClassifier(**SMALL).fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.predict(X).dtype == y.dtype
    assert model.n_features_in_ == 4
    assert len(model.members_) == 3
    same = (
        "table",
        "target",
        "loss",
        "numeric_embeddings",
        "standardize",
        "activation",
        "monitor",
        "dropout",
    )
    assert {name: model.report_[name] for name in same} == {name: plain.report_[name] for name in same}
    assert model.report_["shard"] == 160, "two of the three parts, without the validation rows"
    assert model.report_.reason("target") == plain.report_.reason("target")
    assert model.report_["validation"] == "random"
    assert "no oof_" in model.report_.reason("validation")
    assert model.report_["validation_fraction"] == 0.2
    with pytest.raises(AttributeError, match="sharded rows, which are not in this process"):
        _ = model.oof_
    assert not hasattr(model, "oof_")
    with pytest.raises(AttributeError, match="no oof_"):
        model.calibrate_intervals(None, y)
    assert model.calibrate_intervals(X, y).predict_set(X, 0.9).shape == (300, 2)
    assert "no_better_than_baseline" not in [finding.name for finding in model.diagnose(X, y)]


def test_files_pickles_and_clones(rows, tmp_path):
    X, y = rows
    model = cnn.TabularClassifier(**SMALL | {"max_iter": 2}).fit(sharded(X, y))
    expected = model.predict_proba(X)
    model.save(tmp_path / "model.safetensors")
    loaded = cnn.TabularClassifier.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    assert loaded.report_["shard"] == 160
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), expected)
    clone = pytest.importorskip("sklearn.base").clone(model)
    np.testing.assert_array_equal(clone.fit(sharded(X, y)).predict_proba(X), expected)


def test_a_regressor_of_a_table(table):
    X, y = table
    model = cnn.TabularRegressor(**SMALL | {"max_iter": 40}).fit(sharded(X, y))
    plain = cnn.TabularRegressor(**SMALL | {"max_iter": 40}).fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.feature_names_in_.tolist() == ["city", "size", "day"]
    assert model.report_["table"] == plain.report_["table"] == [240, 3]
    for name in ("table", "target", "loss", "numeric_embeddings"):
        assert model.report_.reason(name) == plain.report_.reason(name)
    encoder, known = model.ensemble_.encoder_, plain.ensemble_.encoder_
    assert encoder.column_types_ == known.column_types_
    assert encoder.get_feature_names_out().tolist() == known.get_feature_names_out().tolist()
    missing = X.iloc[[0]].assign(city="Rome", size=np.nan)
    assert np.isfinite(model.predict(missing)).all()
    both = np.stack([y, -y], axis=1)
    assert cnn.TabularRegressor(**SMALL).fit(sharded(X, both)).predict(X).shape == (240, 2)


def test_preset_and_validation_data(rows):
    X, y = rows
    model = cnn.MLPClassifier(preset="tabular", **SMALL)
    model.fit(sharded(X[:200], y[:200]), validation_data=(X[200:], y[200:]))
    assert model.report_["validation"] is None
    assert model.ensemble_.history["val_loss"][-1] < model.ensemble_.history["val_loss"][0]
    last = cnn.TabularClassifier(**SMALL, validation=None).fit(sharded(X, y))
    assert last.best_epochs_.tolist() == [20, 20, 20]
    assert last.report_["shard"] == 200


def test_labels_of_several_columns_and_one_class(rng):
    X = rng.normal(size=(90, 3))
    model = cnn.TabularClassifier(**SMALL).fit(sharded(X, (X > 0).astype(int)))
    assert model.predict(X).shape == (90, 3)
    assert model.report_["target"] == "several labels per row"
    one = cnn.TabularClassifier(**SMALL).fit(sharded(X, np.full(90, "x")))
    assert one.predict(X).tolist() == ["x"] * 90
    assert one.predict_proba(X).shape == (90, 1)
    assert cnn.TabularRegressor(**SMALL).fit(sharded(X, np.full(90, 3.0))).predict(X).tolist() == [3.0] * 90


def test_class_weights_and_time_limit(rows):
    X, y = rows
    rare = np.flatnonzero(y == "yes")[20:]
    X, y = np.delete(X, rare, axis=0), np.delete(y, rare)
    plain, balanced = (
        cnn.TabularClassifier(**SMALL | {"max_iter": 3}, class_weight=weight).fit(sharded(X, y))
        for weight in (None, "balanced")
    )
    assert balanced.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.1
    limited = cnn.TabularClassifier(**SMALL | {"max_iter": 10**6}, time_limit=0.5, n_iter_no_change=None)
    assert limited.fit(sharded(X, y)).stop_reason_ == "time_limit"


@pytest.mark.parametrize(
    ("parameters", "arguments", "message"),
    [
        ({"validation": "folds"}, {}, "validation='folds' cannot be used where X is ShardedRows"),
        ({"shared_weights": True}, {}, "shared_weights=True cannot be used where X is ShardedRows"),
        ({"refit": True}, {}, "refit=True cannot be used where X is ShardedRows"),
        ({}, {"y": np.ones(300)}, "y is given, but X is ShardedRows"),
        ({}, {"sample_weight": np.ones(300)}, "sample_weight is given, but X is ShardedRows"),
        ({}, {"validation_groups": np.ones(300)}, "validation_groups needs X and y in memory"),
        ({"mode": "synchronous"}, {}, 'with mode="averaging" only'),
    ],
    ids=str,
)
def test_refusals(rows, parameters, arguments, message):
    options = {"mode": parameters["mode"]} if "mode" in parameters else {}
    model = cnn.TabularClassifier(**{k: v for k, v in (SMALL | parameters).items() if k != "mode"})
    with pytest.raises(ValueError, match=message):
        model.fit(sharded(*rows, **options), **arguments)
    assert not hasattr(model, "ensemble_")


def test_arrays_still_need_y(rows):
    with pytest.raises(ValueError, match="requires y to be passed"):
        cnn.TabularClassifier().fit(rows[0])
