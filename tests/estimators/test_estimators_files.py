"""Files and copies of estimators: what they keep, and that training goes on."""

import copy
import io
import json
import math
import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from estimators import BOTH, CLASSIFIER, REGRESSOR, flat, three_blobs


@pytest.fixture
def blobs(rng):
    return three_blobs(rng)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def same(a, b):
    return all((u == v).all() for u, v in zip(flat(a), flat(b), strict=True))


KEPT = {
    "hidden_layer_sizes": (5, 5),
    "norm": (None, "batch"),
    "dropout": [0.1, 0.0],
    "residual": True,
    "standardize": "minmax",
    "ema": 0.9,
    "n_iter_no_change": math.inf,
    "random_state": np.int64(3),
    "max_iter": 4,
}


@BOTH
def test_a_file_keeps_all_but_momenta(estimator, blobs, path):
    X, y = blobs
    model = estimator(**KEPT, early_stopping=True).fit(X, y)
    model.save(path)
    loaded = estimator.load(path)
    assert (loaded.predict(X) == model.predict(X)).all()
    assert loaded.get_params() == model.get_params() | {"dropout": (0.1, 0.0)}
    for name in ("n_iter_", "t_", "loss_", "best_validation_score_", "best_iter_", "stop_reason_"):
        assert getattr(loaded, name) == getattr(model, name)
    for name in ("loss_curve_", "validation_scores_"):  # stored in the dtype of the network
        assert getattr(loaded, name) == np.float32(getattr(model, name)).tolist()
    assert loaded.n_features_in_ == 3
    assert same(loaded, model)
    loaded.set_params(early_stopping=False).partial_fit(X, y)
    assert len(loaded.loss_curve_) == len(model.loss_curve_) + 1
    assert cnn.load(path).n_parameters == model.network_.n_parameters


@pytest.mark.parametrize("labels", [["a", "bb", "c"], [0, 1, 2], [1.0, 2.0, 5.0], [False, True, False]])
def test_labels_keep_their_kind_in_a_file(labels, blobs, path):
    X, y = blobs
    named_once = np.array(labels)[y]
    for named in (named_once, named_once.astype(object)):
        model = CLASSIFIER(max_iter=2, class_weight=dict.fromkeys(labels, 2.0)).fit(X, named)
        model.save(path)
        loaded = CLASSIFIER.load(path)
        assert loaded.classes_.dtype == model.classes_.dtype == named.dtype
        assert (loaded.predict(X) == model.predict(X)).all()
        assert loaded.class_weight == model.class_weight


def test_a_table_s_file(path):
    X = np.array([[1.0, "red"], [2.0, "blue"]] * 10, dtype=object)
    model = CLASSIFIER(categorical_features="auto", max_iter=3, random_state=0).fit(X, X[:, 1] == "red")
    model.save(path)
    assert (CLASSIFIER.load(path).predict_proba(X) == model.predict_proba(X)).all()


@pytest.mark.parametrize(
    "parameter",
    [
        {"optimizer": cnn.SGD(lambda step: 0.1)},
        {"callbacks": [print]},
        {"random_state": np.random.RandomState(0)},
    ],
)
def test_objects_are_not_for_files(parameter, blobs, path, capsys):
    model = CLASSIFIER(max_iter=1, **parameter).fit(*blobs)
    with pytest.raises(
        TypeError, match=f"{next(iter(parameter))} is .* which cannot be saved to a file of an"
    ):
        model.save(path)
    assert not path.exists()


def test_files_of_something_else(blobs, path):
    X, y = blobs
    with pytest.raises(cnn.NotFittedError):
        CLASSIFIER().save(path)
    with pytest.raises(FileNotFoundError):
        CLASSIFIER.load(path)
    model = CLASSIFIER(max_iter=1).fit(X, y)
    model.network_.save(path)
    with pytest.raises(ValueError, match="a network without an estimator"):
        CLASSIFIER.load(path)
    model.save(path)
    with pytest.raises(ValueError, match="holds an estimator 'MLPClassifier', not MLPRegressor"):
        REGRESSOR.load(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"max_iter"', '"max_itex"'),
        ('"format_version":2,"estimator"', '"format_version":7,"estimator"'),
        ('"n_iter_"', '"__class"'),
        ('"stale"', '"stalk"'),
        ('"<i8"', '"zzz"'),
    ],
)
def test_a_file_that_was_tampered_with(old, new, blobs, path):
    X, y = blobs
    CLASSIFIER(max_iter=1).fit(X, y.astype("<i8")).save(path)
    content = path.read_bytes()
    old, new = (json.dumps(text)[1:-1].encode() for text in (old, new))
    assert old in content
    path.write_bytes(content.replace(old, new))
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        CLASSIFIER.load(path)


def by_joblib(model):
    joblib = pytest.importorskip("joblib")
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


def by_pickle(model):
    return pickle.loads(pickle.dumps(model))


BY = pytest.mark.parametrize("copied", [copy.deepcopy, by_pickle, by_joblib])
HOW = [{"dropout": 0.3, "norm": "batch"}, {"ema": 0.95, "clip_norm": 1.0}, {"solver": "lbfgs"}]


@BY
@BOTH
@pytest.mark.parametrize("how", HOW)
def test_copies_go_on_as_the_original(estimator, how, copied, blobs):
    X, y = blobs
    state = np.random.RandomState(5)
    model = estimator(max_iter=3, warm_start=True, random_state=state, standardize=True, **how).fit(X, y)
    twin = copied(model)
    assert same(twin.fit(X, y), model.fit(X, y))
    assert (twin.predict(X) == model.predict(X)).all()
