"""The estimators in the hands of scikit-learn's tools, and on the data frames its users have."""

import copy
import pickle

import compiled_nn as cnn
import numpy as np
import pytest

pytest.importorskip("sklearn")

import sklearn
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_predict, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

X, Y = load_iris(return_X_y=True)


def quick(**changes):
    return cnn.MLPClassifier(**{"solver": "lbfgs", "hidden_layer_sizes": 5, "random_state": 0} | changes)


def test_what_it_is():
    assert is_classifier(cnn.MLPClassifier())
    assert is_regressor(cnn.MLPRegressor())
    tags = get_tags(cnn.MLPClassifier())
    assert tags.classifier_tags.multi_label
    assert tags.target_tags.required
    assert get_tags(cnn.MLPRegressor()).target_tags.multi_output


def test_clone_and_copies():
    model = quick(alpha=0.3, callbacks=[print]).fit(X, Y)
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(model), "network_")
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(quick().fit(X, Y)))):
        assert twin.score(X, Y) > 0.95


def test_both_libraries_errors():
    with pytest.raises(NotFittedError) as caught:
        cnn.MLPClassifier().predict(X)
    assert isinstance(caught.value, cnn.NotFittedError)
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), NotFittedError)
    with pytest.raises(NotFittedError):
        check_is_fitted(cnn.MLPClassifier())
    check_is_fitted(quick().fit(X, Y))
    with pytest.warns(ConvergenceWarning) as warned:
        cnn.MLPClassifier(tol=0.0, max_iter=1).fit(X, Y)
    assert issubclass(warned[0].category, cnn.CompiledNNWarning)
    assert warned[0].filename == __file__
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        quick().fit(X, Y[:, np.newaxis])


def test_in_a_pipeline():
    assert make_pipeline(StandardScaler(), quick()).fit(X, Y).score(X, Y) > 0.95


def test_searched():
    search = GridSearchCV(quick(), {"alpha": [1e-3, 1.0], "activation": ["tanh", "relu"]}, cv=3).fit(X, Y)
    assert search.best_score_ > 0.9
    steps = make_pipeline(StandardScaler(), quick())
    found = RandomizedSearchCV(steps, {"mlpclassifier__alpha": [0.1, 1.0]}, n_iter=2, cv=2).fit(X, Y)
    assert found.best_params_["mlpclassifier__alpha"] in (0.1, 1.0)


def test_cross_validated():
    assert cross_val_score(quick(), X, Y, cv=3).mean() > 0.9
    assert cross_val_predict(quick(), X, Y, cv=3, method="predict_proba").shape == (150, 3)
    assert cross_val_score(quick(), X, Y, cv=3, scoring="neg_log_loss").mean() > -1


@pytest.mark.parametrize(
    "make",
    [
        lambda: VotingClassifier([("a", quick()), ("b", LogisticRegression(max_iter=1000))], voting="soft"),
        lambda: StackingClassifier([("a", quick()), ("b", quick(alpha=1.0))], cv=3),
        lambda: BaggingClassifier(quick(), n_estimators=3, random_state=0),
        lambda: CalibratedClassifierCV(quick(), cv=3),
        lambda: OneVsRestClassifier(quick()),
        lambda: AdaBoostClassifier(quick(), n_estimators=2, random_state=0),
    ],
    ids=["voting", "stacking", "bagging", "calibrated", "one vs rest", "boosting"],
)
def test_in_an_ensemble(make):
    assert make().fit(X, Y).score(X, Y) > 0.9


def test_a_regressor_in_a_bag():
    bag = BaggingRegressor(cnn.MLPRegressor(solver="lbfgs", random_state=0), n_estimators=2, random_state=0)
    assert bag.fit(X, X[:, 0]).score(X, X[:, 0]) > 0.9


def test_permutation_importance():
    found = permutation_importance(quick().fit(X, Y), X, Y, n_repeats=2, random_state=0)
    assert found.importances_mean.argmax() in (2, 3)


def test_in_parallel_processes():
    assert cross_val_score(quick(), X, Y, cv=2, n_jobs=2).mean() > 0.8


def test_a_diagram_of_a_pipeline():
    assert "MLPClassifier" in make_pipeline(StandardScaler(), quick())._repr_html_()


def test_weights_are_routed():
    """Weights of zero leave two classes, which only a fit that was handed them can show."""
    weight = np.where(Y == 2, 0.0, 1.0)
    with pytest.raises(RuntimeError, match="only available when metadata routing is enabled"):
        quick().set_fit_request(sample_weight=True)
    with sklearn.config_context(enable_metadata_routing=True):
        model = quick().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        assert clone(model).get_metadata_routing().fit.requests["sample_weight"] is True
        assert quick().get_metadata_routing().fit.requests["sample_weight"] is None
        with pytest.raises(TypeError, match="Unexpected args"):
            quick().set_score_request(validation_data=True)
        search = GridSearchCV(model, {"alpha": [0.1]}, cv=3).fit(X, Y, sample_weight=weight)
        assert 2 not in search.predict(X[:100])
        with pytest.raises(ValueError, match="sample_weight"):
            GridSearchCV(quick(), {"alpha": [0.1]}).fit(X, Y, sample_weight=weight)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_data_frames(library):
    module = pytest.importorskip(library)
    names = ["a", "b", "c", "d"]
    columns = dict(zip(names, X.T, strict=True))
    make = module.table if library == "pyarrow" else module.DataFrame
    model = quick().fit(make(columns), Y)
    assert model.feature_names_in_.tolist() == names
    assert (model.predict(make(columns)) == quick().fit(X, Y).predict(X)).all()
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        model.predict(make({name: columns[name] for name in names[::-1]}))


def test_labels_of_a_series():
    pandas = pytest.importorskip("pandas")
    labels = pandas.Series(np.array(["x", "y", "z"], dtype=object)[Y])
    model = quick().fit(pandas.DataFrame(X), labels)
    assert model.score(pandas.DataFrame(X), labels) > 0.95
    assert not hasattr(model, "feature_names_in_")
    categories = pandas.Series(pandas.Categorical(labels))
    assert quick().fit(X, categories).classes_.tolist() == ["x", "y", "z"]


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("how", [{}, {"early_stopping": True}])
def test_mixed_tables_of_every_library(library, how):
    module = pytest.importorskip(library)
    random = np.random.default_rng(0)
    columns = {"size": random.normal(size=90), "colour": random.choice(["red", "green"], 90).tolist()}
    table = (module.table if library == "pyarrow" else module.DataFrame)(columns)
    y = (columns["size"] > 0) ^ (np.array(columns["colour"]) == "red")
    model = cnn.MLPClassifier(
        categorical_features="auto",
        max_iter=30,
        learning_rate_init=0.02,
        random_state=0,
        n_iter_no_change=30,
        **how,
    )
    model.fit(table, y)
    assert model.score(table, y) > 0.85
    assert model.feature_names_in_.tolist() == ["size", "colour"]
    swapped = dict(reversed(columns.items()))
    swapped = (module.table if library == "pyarrow" else module.DataFrame)(swapped)
    assert model.predict(swapped).tolist() == model.predict(table).tolist()
