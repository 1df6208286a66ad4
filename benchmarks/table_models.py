"""Models that `tables.py` compares, each at its defaults, with categories and gaps as its documentation recommends.

A library is imported when one of its models is made, so that each environment needs only its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Model:
    """A model of a library.

    Attributes
    ----------
    make : callable
        Function of (`classifies`, `seed`) and further parameters of the library's model. It returns an object with
        `fit` and `predict`, and `predict_proba` for classes, of data frames.
    environment : str
        Key of `peers.ENVIRONMENTS`.
    title : str
        Name in the report.
    splits : int
        Largest number of splits. Default 5.
    rows : int or None
        Largest number of rows of a table, for models that take long. None: any. Default None.
    default : bool
        Whether it runs without ``--models``. Default True.
    """

    make: Callable[..., Any]
    environment: str
    title: str
    splits: int = 5
    rows: int | None = None
    default: bool = True


def categories_of(X: pd.DataFrame) -> list[str]:
    """Return the names of the columns of categories.

    Parameters
    ----------
    X : pandas.DataFrame
        Table.

    Returns
    -------
    list of str
    """
    return [name for name, dtype in X.dtypes.items() if isinstance(dtype, pd.CategoricalDtype)]


class Prepared:
    """Model of a library whose `fit` takes the names of the categories, and that takes no gaps in some columns.

    Parameters
    ----------
    model : object
        Model with `fit`, `predict` and perhaps `predict_proba`.
    parameter : str
        Parameter of `fit` for the names of the columns of categories.
    gaps : str
        Columns whose gaps are filled: ``"numbers"``, by the median of the training rows, or ``"categories"``, by one
        more level.
    """

    def __init__(self, model: Any, parameter: str, gaps: str) -> None:
        self.model, self.parameter, self.gaps = model, parameter, gaps

    def prepare(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the table without the gaps that the model does not take."""
        if self.gaps == "numbers":
            return X.fillna(self.medians)
        texts = {name: X[name].astype(object).fillna("missing") for name in categories_of(X)}
        return X.assign(**texts)

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Prepared:
        """Train the model."""
        self.medians = X.drop(columns=categories_of(X)).median()
        self.model.fit(self.prepare(X), y, **{self.parameter: categories_of(X)})
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return predicted values."""
        return self.model.predict(self.prepare(X))

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Return predicted probabilities."""
        return self.model.predict_proba(self.prepare(X))


def scikit_learn_mlp(classifies: bool, seed: int, *, scaled: bool, **parameters: Any) -> Any:
    """Return scikit-learn's MLP behind one-hot categories and medians, with or without a StandardScaler."""
    from sklearn.compose import ColumnTransformer, make_column_selector
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    imputer = SimpleImputer(strategy="median")
    numbers = make_pipeline(imputer, StandardScaler()) if scaled else imputer
    columns = ColumnTransformer(
        [
            ("numbers", numbers, make_column_selector(dtype_include="number")),
            (
                "categories",
                OneHotEncoder(handle_unknown="ignore"),
                make_column_selector(dtype_include="category"),
            ),
        ]
    )
    model = MLPClassifier if classifies else MLPRegressor
    return make_pipeline(columns, model(random_state=seed, **parameters))


def hist_gradient_boosting(classifies: bool, seed: int, **parameters: Any) -> Any:
    """Return scikit-learn's histogram boosting, which finds categories by their dtype."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    model = HistGradientBoostingClassifier if classifies else HistGradientBoostingRegressor
    return model(random_state=seed, **parameters)


def lightgbm(classifies: bool, seed: int, **parameters: Any) -> Any:
    """Return LightGBM, which finds categories by their dtype."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    model = LGBMClassifier if classifies else LGBMRegressor
    return model(random_state=seed, n_jobs=1, verbose=-1, **parameters)


def xgboost(classifies: bool, seed: int, **parameters: Any) -> Any:
    """Return XGBoost with categories by their dtype."""
    from xgboost import XGBClassifier, XGBRegressor

    model = XGBClassifier if classifies else XGBRegressor
    return model(random_state=seed, n_jobs=1, enable_categorical=True, **parameters)


def catboost(classifies: bool, seed: int, **parameters: Any) -> Any:
    """Return CatBoost, with the names of the categories, which are texts without gaps."""
    from catboost import CatBoostClassifier, CatBoostRegressor

    model = CatBoostClassifier if classifies else CatBoostRegressor
    silent = model(random_seed=seed, thread_count=1, verbose=False, allow_writing_files=False, **parameters)
    return Prepared(silent, "cat_features", "categories")


def pytabkit(classifies: bool, seed: int, *, name: str, **parameters: Any) -> Any:
    """Return a model of pytabkit, with the names of the categories, and numbers without gaps."""
    import pytabkit as library

    model = getattr(library, f"{name}_{'Classifier' if classifies else 'Regressor'}")
    return Prepared(
        model(random_state=seed, n_threads=1, device="cpu", **parameters), "cat_col_names", "numbers"
    )


def tabular(classifies: bool, seed: int, **parameters: Any) -> Any:
    """Return our estimator for tables."""
    import compiled_nn as cnn

    model: Any = cnn.TabularClassifier if classifies else cnn.TabularRegressor
    return model(random_state=seed, **parameters)


def plain(classifies: bool, seed: int, *, scaled: bool, **parameters: Any) -> Any:
    """Return our estimator with scikit-learn's defaults, with encoded categories and medians."""
    import compiled_nn as cnn

    model: Any = cnn.MLPClassifier if classifies else cnn.MLPRegressor
    parameters |= {"categorical_features": "auto"} | ({"standardize": True} if scaled else {})
    parameters |= {} if classifies or not scaled else {"scale_targets": True}
    return model(random_state=seed, **parameters)


# In the order in which they run: first the models that the goals compare with, then by time.
MODELS = {
    "ours": Model(tabular, "ours", "compiled-nn"),
    "lightgbm": Model(lightgbm, "boosting", "LightGBM"),
    "hgb": Model(hist_gradient_boosting, "boosting", "HistGradientBoosting"),
    "xgboost": Model(xgboost, "boosting", "XGBoost", splits=2),
    "realmlp": Model(
        functools.partial(pytabkit, name="RealMLP_TD"), "pytabkit", "RealMLP-TD", splits=1, rows=3000
    ),
    "mlp": Model(functools.partial(scikit_learn_mlp, scaled=True), "boosting", "scikit-learn MLP, scaled"),
    "catboost": Model(catboost, "boosting", "CatBoost", splits=2),
    "tabm": Model(functools.partial(pytabkit, name="TabM_D"), "pytabkit", "TabM", splits=1, rows=1500),
    "mlp-raw": Model(functools.partial(scikit_learn_mlp, scaled=False), "boosting", "scikit-learn MLP"),
    "plain": Model(functools.partial(plain, scaled=True), "ours", "MLPClassifier, scaled", default=False),
    "plain-raw": Model(functools.partial(plain, scaled=False), "ours", "MLPClassifier", default=False),
}


@dataclass(frozen=True)
class Ablation:
    """Our model with one change.

    Attributes
    ----------
    parameters : dict
        Parameters that are changed.
    classes, values : bool
        Whether it is measured on tables of classes, and of values. Default True.
    """

    parameters: dict[str, Any]
    classes: bool = True
    values: bool = True


# By the name in the rows and in the report.
ABLATIONS = {
    "1 member": Ablation({"n_members": 1}),
    "5 members": Ablation({"n_members": 5}),
    "no encoding of numbers": Ablation({"numeric_embeddings": None}),
    "no smooth clip": Ablation({"standardize": True}),
    "no scaling of columns": Ablation({"standardize": False}),
    "no scaling of targets": Ablation({"scale_targets": False}, classes=False),
    "squared error": Ablation({"loss": "mse"}, classes=False),
    "a temperature for each member": Ablation({"calibrated": True}, values=False),
    "no validation, last weights": Ablation({"validation": None}),
    "validation rows drawn at random": Ablation({"validation": "random"}),
    "best epoch by score": Ablation({"monitor": "val_score"}),
    "no dropout": Ablation({"dropout": 0.0}, values=False),
    "no norm": Ablation({"norm": None}, values=False),
    "no early end": Ablation({"n_iter_no_change": None}),
    "no average of weights": Ablation({"ema": None}),
    "no weight decay": Ablation({"weight_decay": 0.0}),
    "relu": Ablation({"activation": "relu"}),
    "greedy choice of members": Ablation({"combine": "greedy"}),
    "refit on all rows": Ablation({"refit": True}),
    "a quarter of the work": Ablation({"budget": 0.25}),
    "four times the work": Ablation({"budget": 4.0}),
}
