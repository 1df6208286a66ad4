"""scikit-learn's checks and tools with the tabular estimators."""

import compiled_nn as cnn
import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

COUNTS = ("check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data")
SMALL = {"n_members": 2, "max_iter": 30, "hidden_layer_sizes": (16,)}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", [cnn.TabularClassifier, cnn.TabularRegressor])
def test_every_check_passes(estimator):
    expected = dict.fromkeys(
        COUNTS, "rows that are given twice are other validation rows than rows of weight 2"
    )
    results = check_estimator(estimator(**SMALL), expected_failed_checks=expected, on_fail=None, on_skip=None)
    assert sum(one["status"] == "passed" for one in results) > 40
    assert not [(one["check_name"], one["exception"]) for one in results if one["status"] == "failed"]


def test_tools(rng):
    X = rng.normal(size=(60, 3))
    y = (X[:, 0] > 0).astype(int)
    model = cnn.TabularClassifier(**SMALL | {"max_iter": 200}, random_state=0)
    assert is_classifier(model)
    assert is_regressor(cnn.TabularRegressor())
    copied = clone(model.fit(X, y))
    assert not hasattr(copied, "ensemble_")
    assert copied.get_params() == model.get_params()
    assert cross_val_score(model, X, y, cv=2).mean() > 0.7
    shares = cross_val_predict(make_pipeline(StandardScaler(), model), X, y, cv=2, method="predict_proba")
    assert shares.shape == (60, 2)
    search = GridSearchCV(model, {"hidden_layer_sizes": [(), (8,)]}, cv=2).fit(X, y)
    assert search.best_estimator_.report_["hidden_layer_sizes"] in ([], [8])


def test_a_data_frame_with_gaps_and_categories(rng):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame({"size": rng.normal(size=80), "city": rng.choice(["Ulm", "Bonn"], 80)})
    X.loc[::7, "size"] = np.nan
    y = np.where(X["city"] == "Ulm", "yes", "no")
    model = cnn.TabularClassifier(**SMALL | {"max_iter": 200}, random_state=0)
    assert cross_val_score(model, X, y, cv=2).mean() > 0.9
