"""Narrow precisions of the estimators: the parameter, reports of fit, quantisation, files, and scikit-learn's tools."""

import copy
import pickle

import compiled_nn as cnn
import numpy as np
import pytest

rng = np.random.default_rng(0)
X = rng.normal(size=(240, 5))
SIGNAL = X @ rng.normal(size=5) + X[:, 0] * X[:, 1]
Y = {"classifier": np.where(SIGNAL > 0, "yes", "no"), "regressor": 50 * SIGNAL}
TABLE = {"size": X[:, 0], "kind": rng.choice(["a", "b"], 240), "age": X[:, 1]}
PLAIN = {"hidden_layer_sizes": (24,), "max_iter": 15, "learning_rate_init": 0.01, "random_state": 0}
TABULAR = {"n_members": 2, "max_iter": 5, "random_state": 0}
KINDS = {
    cnn.MLPClassifier: PLAIN,
    cnn.MLPRegressor: PLAIN,
    cnn.TabularClassifier: TABULAR,
    cnn.TabularRegressor: TABULAR,
}
ALL = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def made(kind, **parameters):
    return kind(**KINDS[kind], **parameters)


def target(kind):
    return Y["classifier" if "Classifier" in kind.__name__ else "regressor"]


@ALL
def test_the_parameter_trains_in_bfloat16(kind):
    narrow, exact = (made(kind, **given).fit(X, target(kind)) for given in ({"precision": "bfloat16"}, {}))
    assert (narrow.precision_, exact.precision_) == ("bfloat16", "float32")
    assert narrow.fingerprint() != exact.fingerprint()
    assert narrow.score(X, target(kind)) == pytest.approx(exact.score(X, target(kind)), abs=0.05)
    report = narrow.compare_precision(X, target(kind))
    assert report.score == pytest.approx(narrow.score(X, target(kind)), abs=1e-6)
    assert report.mean_difference > 0
    with pytest.raises(ValueError, match="predicts with float32"):
        exact.compare_precision(X)


@ALL
def test_values_of_the_parameter_are_checked(kind):
    with pytest.raises(ValueError, match="precision"):
        made(kind, precision="int8").fit(X, target(kind))
    with pytest.raises(ValueError, match="float32"):
        made(kind, precision="bfloat16", dtype="float64").fit(X, target(kind))
    model = made(kind).set_params(precision="bfloat16")
    assert model.get_params()["precision"] == "bfloat16"
    assert "precision='bfloat16'" in repr(model)


def test_lbfgs_refuses_it():
    with pytest.raises(ValueError, match=r"precision='bfloat16' is not supported by solver='lbfgs'"):
        cnn.MLPClassifier(solver="lbfgs", precision="bfloat16").fit(X, Y["classifier"])


def test_a_warm_start_refuses_a_change():
    model = made(cnn.MLPRegressor, warm_start=True).fit(X, SIGNAL)
    with pytest.raises(ValueError, match="precision"):
        model.set_params(precision="bfloat16").fit(X, SIGNAL)


@pytest.mark.parametrize("restore_best", [True, False])
def test_the_report_of_fit_is_that_of_the_final_weights(restore_best):
    stop = {"early_stopping": True, "restore_best": restore_best, "n_iter_no_change": 5}
    model = made(cnn.MLPClassifier, precision="bfloat16", **stop).fit(X, Y["classifier"])
    report = model.precision_report_
    assert (report.precision, report.rows) == ("bfloat16", 24)
    expected = max(model.validation_scores_) if restore_best else model.validation_scores_[-1]
    assert report.score == pytest.approx(expected)
    held_out = X[:50], Y["classifier"][:50]
    model.set_params(early_stopping=False, restore_best=True, n_iter_no_change=10)
    model.fit(X, Y["classifier"], validation_data=held_out)
    assert model.precision_report_ == model.compare_precision(*held_out)
    model.fit(X, Y["classifier"])
    assert not hasattr(model, "precision_report_")


@ALL
def test_quantize(kind):
    model = made(kind).fit(X, target(kind))
    before = model.fingerprint()
    small = model.quantize(X[:150], target(kind)[:150])
    assert model.fingerprint() == before
    assert (model.precision_, small.precision_) == ("float32", "int8")
    report = small.precision_report_
    assert (report.precision, report.rows) == ("int8", 150)
    assert report.score == pytest.approx(small.score(X[:150], target(kind)[:150]), abs=1e-6)
    assert report.score_float32 == pytest.approx(model.score(X[:150], target(kind)[:150]), abs=1e-6)
    spread = 1.0 if report.equal_labels is not None else target(kind).std()
    assert 0 < report.mean_difference < 0.03 * spread
    assert repr(small) == f"{model!r}.quantize(...)"
    for method in ("fit", "partial_fit"):
        if hasattr(small, method):
            with pytest.raises(RuntimeError, match=f"{kind.__name__} is quantised to int8 and only predicts"):
                getattr(small, method)(X, target(kind))
    with pytest.raises(ValueError, match="is quantised already"):
        small.quantize(X)
    with pytest.raises(ValueError, match="5"):
        model.quantize(X[:, :4])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.quantize(X, target(kind)[:10])
    with pytest.raises(cnn.NotFittedError):
        made(kind).quantize(X)


@ALL
@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_copies_have_the_same_bits(kind, precision, tmp_path):
    model = made(kind, precision="float32" if precision == "int8" else precision).fit(X, target(kind))
    model = model.quantize(X) if precision == "int8" else model
    method = "predict_proba" if "Classifier" in kind.__name__ else "predict"
    model.save(tmp_path / "model.safetensors")
    loaded = kind.load(tmp_path / "model.safetensors")
    for other in (loaded, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.precision_ == precision
        assert (getattr(other, method)(X) == getattr(model, method)(X)).all()
    assert (loaded.get_params()["precision"] == "bfloat16") == (precision == "bfloat16")
    assert cnn.load(tmp_path / "model.safetensors").precision_ == precision


def test_columns_are_matched_by_name():
    model = made(cnn.MLPRegressor, categorical_features="auto", standardize=True).fit(TABLE, SIGNAL)
    small = model.quantize({name: TABLE[name] for name in ("age", "kind", "size")})
    assert (small.predict(TABLE) == model.quantize(TABLE).predict(TABLE)).all()
    with pytest.raises(ValueError, match="age"):
        model.quantize({"size": TABLE["size"], "kind": TABLE["kind"]})


def test_weights_of_a_quantised_estimator_are_read_only():
    small = made(cnn.MLPRegressor).fit(X, SIGNAL).quantize(X)
    with pytest.raises(ValueError, match="read-only"):
        small.coefs_[0][...] = 0
    with pytest.raises(RuntimeError, match="only predicts"):
        small.coefs_ = [W * 2 for W in small.coefs_]


def test_a_write_into_the_weights_changes_predictions_of_bfloat16():
    model = made(cnn.MLPRegressor, precision="bfloat16").fit(X, SIGNAL)
    before = model.predict(X)
    weights = model.coefs_
    weights[-1][...] *= 2
    assert np.abs(model.predict(X) - before).max() > 0.1
    assert model.compare_precision(X).largest_difference < 0.1


def test_tools_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn", reason="tests of scikit-learn's tools need it")
    from sklearn.base import clone
    from sklearn.model_selection import cross_val_score

    assert sklearn.__version__
    small = made(cnn.MLPClassifier, precision="bfloat16").fit(X, Y["classifier"]).quantize(X)
    again = clone(small)
    assert again.get_params() == small.get_params()
    assert again.fit(X, Y["classifier"]).precision_ == "bfloat16"
    assert cross_val_score(small, X, Y["classifier"], cv=2).min() > 0.7
    with pytest.raises(ValueError, match="predicts with int8"):
        small.to_sklearn()
    with pytest.warns(cnn.CompiledNNWarning, match="no counterpart of precision"):
        theirs = again.to_sklearn()
    assert np.abs(theirs.predict_proba(X) - again.predict_proba(X)).max() < 0.02


def test_search_trains_candidates_of_both_precisions():
    space = {"precision": ["float32", "bfloat16"]}
    best = cnn.search(
        made(cnn.MLPClassifier), X, Y["classifier"], space=space, n_candidates=2, random_state=0
    )
    assert best.precision_ == best.get_params()["precision"]
    precisions = (
        [each["precision"] for each in best.results_.params] if hasattr(best.results_, "params") else None
    )
    assert precisions is None or set(precisions) == {"float32", "bfloat16"}
