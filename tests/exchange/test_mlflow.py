"""MLflow's flavour for scikit-learn, with its default format: estimators are written and read back."""

import numpy as np
import pytest
from compiled_nn.exchange.trusted import trusted_types
from model_kinds import KINDS

mlflow = pytest.importorskip("mlflow", reason="this is a test of MLflow")


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor", "TabularClassifier"])
def test_models_are_read_back(kind, tmp_path):
    model, X = KINDS[kind]("float32")
    mlflow.sklearn.save_model(model, tmp_path / "m", skops_trusted_types=trusted_types())
    for load in (mlflow.sklearn.load_model, mlflow.pyfunc.load_model):
        assert np.array_equal(load(str(tmp_path / "m")).predict(X), model.predict(X))
