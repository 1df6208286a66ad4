"""Shared parts of the tests of the report: a table with all kinds of columns, models, and a page of them."""

import io
import warnings

import compiled_nn as cnn
import numpy as np

M, TRAINED = 240, 180


def table(names=(), m=M):
    rng = np.random.default_rng(0)
    age = rng.normal(40, 10, m)
    age[::7] = np.nan
    city = np.array(["Ulm", "Rome", "<b>Oslo</b>", None], object)[np.arange(m) % 4]
    columns = {
        "age": age,
        "city": city,
        "since": np.datetime64("2020-01-01", "us") + np.arange(m) % 90 * np.timedelta64(86_400_000_000, "us"),
        "<script>alert(1)</script>": rng.integers(0, 9, m),
        "constant": np.ones(m),
        "customer_id": np.array([f"C{i:05d}" for i in range(m)], object),
    }
    return cnn.datasets.Table(columns | {name: rng.normal(size=m) for name in names})


def report(model, X, y, **options):
    """Return the page of a model that is trained on the first rows and scored on the others."""
    y = np.asarray(y)
    train, test = slice(TRAINED), slice(TRAINED, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cnn.CompiledNNWarning)  # of columns that are left out
        model.fit(X.take(train), y[train])
    if options.get("coverage"):
        model.calibrate_intervals(X.take(train), y[train])
    file = io.BytesIO()
    cnn.report.write(file, model, X.take(test), y[test], X_train=X.take(train), y_train=y[train], **options)
    return file.getvalue().decode()


def classes(X):
    return np.where(np.nan_to_num(X["age"], nan=40.0) + 9 * (X["city"] == "Rome") > 42, "yes", "no")


def classifier(epochs=30):
    options = {"categorical_features": "auto", "standardize": True, "random_state": 0, "max_iter": epochs}
    return cnn.MLPClassifier(hidden_layer_sizes=(16,), **options)


def regressor():
    options = {"categorical_features": "auto", "standardize": True, "random_state": 0, "max_iter": 60}
    return cnn.MLPRegressor(hidden_layer_sizes=(16,), scale_targets=True, **options)
