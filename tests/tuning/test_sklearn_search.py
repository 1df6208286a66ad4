"""SearchCV: the interface of scikit-learn's searches, with and without scikit-learn."""

import pickle

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.tuning import Real, SearchCV

SPACE = {"learning_rate_init": [1e-4, 0.03], "hidden_layer_sizes": [4, (8, 8)]}


@pytest.fixture
def rows(rng):
    X = rng.normal(size=(120, 4))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


def classifier(**parameters):
    return cnn.MLPClassifier(**{"max_iter": 12, "standardize": True, "random_state": 0} | parameters)


def test_attributes(rows):
    X, y = rows
    search = SearchCV(classifier(), SPACE, cv=3, random_state=0).fit(X, y)
    results = search.cv_results_
    splits = np.stack([results[f"split{i}_test_score"] for i in range(3)])
    assert results["params"][search.best_index_] == search.best_params_
    assert (
        results["mean_test_score"].max()
        == search.best_score_
        == results["mean_test_score"][search.best_index_]
    )
    np.testing.assert_allclose(
        splits.mean(axis=0), results["mean_test_score"], rtol=1e-12
    )  # sums of 3 numbers
    assert (splits.std(axis=0) == results["std_test_score"]).all()
    assert results["rank_test_score"][search.best_index_] == 1
    assert search.n_splits_ == 3
    assert search.best_estimator_.get_params() == classifier().get_params() | search.best_params_
    assert (search.predict(X) == search.best_estimator_.predict(X)).all()
    assert search.score(X, y) == search.best_estimator_.score(X, y)
    assert search.classes_.tolist() == [0, 1]
    assert search.n_features_in_ == 4
    assert (pickle.loads(pickle.dumps(search)).predict_proba(X) == search.predict_proba(X)).all()


def test_losses_are_negated(rows):
    X, y = rows
    search = SearchCV(classifier(), SPACE, cv=3, monitor="val_loss", random_state=0).fit(X, y)
    assert search.best_score_ == search.cv_results_["mean_test_score"].max() < 0


def test_not_fitted_and_wrong_arguments(rows):
    X, y = rows
    search = SearchCV(classifier(), SPACE)
    with pytest.raises(cnn.NotFittedError, match=r"This SearchCV instance is not fitted yet"):
        search.predict(X)
    with pytest.raises(
        TypeError, match=r"'estimator' parameter of SearchCV must be MLPClassifier.*Got Network"
    ):
        SearchCV(cnn.Network([cnn.Dense(2)]), SPACE).fit(X, y)
    with pytest.raises(ValueError, match=r"Split 0 of cv has 80 training rows and 20 validation rows of 120"):
        SearchCV(classifier(), SPACE, cv=[(np.arange(80), np.arange(100, 120))]).fit(X, y)
    with pytest.raises(ValueError, match=r"cv has no splits"):
        SearchCV(classifier(), SPACE, cv=[]).fit(X, y)
    with pytest.raises(ValueError, match=r"cv=3 has no effect with TabularClassifier"):
        SearchCV(cnn.TabularClassifier(), {"dropout": [0.1]}, cv=3).fit(X, y)
    assert not hasattr(SearchCV(cnn.MLPRegressor(), {"alpha": [1]}), "predict_proba")


def test_parameters(rows):
    search = SearchCV(classifier(), SPACE, cv=3)
    assert search.get_params(deep=False).keys() == {
        *(
            "estimator",
            "space",
            "n_candidates",
            "cv",
            "monitor",
            "halving",
            "random_state",
            "n_threads",
            "verbose",
        )
    }
    search.set_params(cv=4, estimator__max_iter=3)
    assert search.get_params()["estimator__max_iter"] == search.estimator.max_iter == 3
    assert search.cv == 4
    with pytest.raises(ValueError, match=r"Invalid parameter 'verbos'.*Did you mean 'verbose'"):
        search.set_params(verbos=3)


def test_tabular_estimators(rows):
    X, _ = rows
    model = cnn.TabularRegressor(n_members=2, max_iter=3, hidden_layer_sizes=4)
    search = SearchCV(model, {"dropout": [0.0, 0.5]}, random_state=0).fit(X, X[:, 0])
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()
    assert search.predict(X).shape == (120,)


def test_with_scikit_learn(rows):
    base, model_selection = (
        pytest.importorskip("sklearn.base"),
        pytest.importorskip("sklearn.model_selection"),
    )
    pipeline, preprocessing = (
        pytest.importorskip("sklearn.pipeline"),
        pytest.importorskip("sklearn.preprocessing"),
    )
    X, y = rows
    search = SearchCV(
        classifier(), {"learning_rate_init": Real(1e-3, 0.1, log=True)}, n_candidates=4, random_state=0
    )
    copy = base.clone(search)
    assert repr(copy) == repr(search)
    assert copy.estimator is not search.estimator
    assert base.is_classifier(search)
    assert not base.is_classifier(SearchCV(cnn.MLPRegressor(), SPACE))
    assert len(model_selection.cross_val_score(search, X, y, cv=2, error_score="raise")) == 2
    piped = pipeline.make_pipeline(preprocessing.MinMaxScaler(), search).fit(X, y)
    assert piped.score(X, y) > 0.5
    folds = model_selection.KFold(3, shuffle=True, random_state=0)
    split = search.set_params(cv=folds).fit(X, y)
    masks = np.zeros((3, 120), bool)
    for mask, (_, held_out) in zip(masks, folds.split(X), strict=True):
        mask[held_out] = True
    same = cnn.search(
        classifier(),
        X,
        y,
        space=search.space,
        n_candidates=4,
        random_state=0,
        validation=masks,
        monitor="val_score",
    )
    assert same.best_score_ == split.best_score_
    groups = np.repeat(np.arange(6), 20)
    grouped = search.set_params(cv=model_selection.GroupKFold(3)).fit(X, y, groups=groups)
    assert grouped.n_splits_ == 3


def test_our_distributions_in_a_search_of_scikit_learn(rows):
    model_selection = pytest.importorskip("sklearn.model_selection")
    X, y = rows
    search = model_selection.RandomizedSearchCV(
        classifier(max_iter=2),
        {"alpha": Real(1e-5, 1e-1, log=True), "hidden_layer_sizes": cnn.tuning.Integer(2, 8)},
        n_iter=2,
        cv=2,
        random_state=0,
    ).fit(X, y)
    assert 2 <= search.best_params_["hidden_layer_sizes"] <= 8
