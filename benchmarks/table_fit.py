"""One fit of a model on a split of a table: a program that `tables.py` starts, in the environment of the model.

    python benchmarks/table_fit.py lightgbm OJ 0 --data FOLDER

It prints one line of JSON. Times are seconds of CPU of the complete process, so that further threads count.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
import warnings
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import table_data
from table_models import MODELS

TINY = 1e-15  # smallest probability whose logarithm is taken
VERSIONS = ("compiled-nn", "scikit-learn", "lightgbm", "xgboost", "catboost", "pytabkit", "torch", "numpy")


def main() -> None:
    """Fit, predict, and print the scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("table")
    parser.add_argument("split", type=int)
    parser.add_argument("--data", type=Path, help="folder of the packages (default: environment table-data)")
    parser.add_argument("--parameters", type=json.loads, default={}, help="parameters of the model, as JSON")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    table = table_data.load(options.table, options.data)
    print(json.dumps(measure(options.model, table, options.split, options.parameters)))


def measure(name: str, table: table_data.Table, seed: int, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return sizes, seconds, scores and versions of one fit.

    Parameters
    ----------
    name : str
        Key of `MODELS`.
    table : table_data.Table
        Table.
    seed : int
        Seed of the split and of the model.
    parameters : dict
        Further parameters of the model.

    Returns
    -------
    dict
    """
    train, test = table_data.split(table, seed)
    warm_up(name, classifies=table.classifies)
    model = MODELS[name].make(table.classifies, seed, **parameters)
    X, X_test = table.X.iloc[train].reset_index(drop=True), table.X.iloc[test].reset_index(drop=True)
    start = process_time()
    model.fit(X, table.y[train])
    fitted = process_time()
    predicted = (model.predict_proba if table.classifies else model.predict)(X_test)
    end = process_time()
    score = score_classes if table.classifies else score_values
    return {
        "classifies": table.classifies,
        "rows": len(table.y),
        "tested": len(test),
        "fit": fitted - start,
        "predict": end - fitted,
        **score(table.y[test], np.asarray(predicted, float)),
        "versions": versions(),
    }


def warm_up(name: str, *, classifies: bool) -> None:
    """Fit a small table, so that imports and first calls are not measured; the models of pytabkit import at once.

    Parameters
    ----------
    name : str
        Key of `MODELS`.
    classifies : bool
        Whether the table has classes.
    """
    if MODELS[name].environment == "pytabkit":
        return
    X, y, _ = table_data.load("wine" if classifies else "diabetes")
    X = X.iloc[:, :3].assign(category=np.where(X.iloc[:, 0] > X.iloc[:, 0].median(), "a", "b"))
    X = X.astype({"category": "category"})
    model = MODELS[name].make(classifies, 0, **({"max_iter": 5} if "mlp" in name else {})).fit(X, y)
    (model.predict_proba if classifies else model.predict)(X)


def score_classes(y: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Return the scores of predicted probabilities.

    Parameters
    ----------
    y : ndarray of shape (rows,), int64
        Numbers of the classes.
    probabilities : ndarray of shape (rows, classes)
        Probabilities.

    Returns
    -------
    dict
        Accuracy, number of errors, log loss, and AUC (of more than two classes: mean of each against the rest).
    """
    from sklearn.metrics import roc_auc_score

    errors = int(np.sum(probabilities.argmax(axis=1) != y))
    P = np.maximum(probabilities, TINY)
    P /= P.sum(axis=1, keepdims=True)
    n = P.shape[1]
    areas = [roc_auc_score(y == k, probabilities[:, k]) for k in (range(n) if n > 2 else [1])]
    return {
        "accuracy": 1 - errors / len(y),
        "errors": errors,
        "log_loss": float(-np.log(P[np.arange(len(y)), y]).mean()),
        "auc": float(np.mean(areas)),
    }


def score_values(y: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return R2 and RMSE of predicted values.

    Parameters
    ----------
    y : ndarray of shape (rows,)
        Values.
    predicted : ndarray of shape (rows,) or (rows, 1)
        Predicted values.

    Returns
    -------
    dict
    """
    error = float(np.mean((y - predicted.reshape(y.shape)) ** 2))
    return {"r2": 1 - error / float(np.var(y)), "rmse": error**0.5}


def versions() -> dict[str, str]:
    """Return the versions of the libraries in use that matter here.

    Returns
    -------
    dict of str to str
    """
    loaded = {name.partition(".")[0] for name in sys.modules}
    modules = {"compiled-nn": "compiled_nn", "scikit-learn": "sklearn"}
    return {name: importlib.metadata.version(name) for name in VERSIONS if modules.get(name, name) in loaded}


if __name__ == "__main__":
    main()
