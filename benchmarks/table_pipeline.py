"""Predictions of scikit-learn's MLP in a pipeline made by hand: python table_pipeline.py FOLDER, for tabular.py.

FOLDER has the files train-0.csv, test-0.csv, train-1.csv, ... and source.json, the fields of a `Source`. For each
number the file scikit-learn-0.csv, ... is written: a column ``prediction``, and for classes one of probabilities
for each class.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import warnings
from pathlib import Path

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from table_sources import Source


def read(path: Path, source: Source) -> pd.DataFrame:
    """Read a table: dates as numbers of days, columns that are left out by hand dropped."""
    texts = dict.fromkeys((*source.texts, *([source.target] if source.classifies else [])), str)
    frame = pd.read_csv(path, sep=source.delimiter, decimal=source.decimal, dtype=texts)
    for name, date_format in source.dates.items():
        days = pd.to_datetime(frame[name], format=date_format) - pd.Timestamp("1970-01-01")
        frame[name] = days / pd.Timedelta(days=1)
    return frame.drop(columns=list(source.left_out))


def make_pipeline_of(X: pd.DataFrame, seed: int, *, classifies: bool) -> Pipeline:
    """Return the pipeline: scaled numbers, categories one-hot, gaps filled, and an MLP with its defaults."""
    numbers = X.select_dtypes("number").columns
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            (
                "categories",
                make_pipeline(
                    SimpleImputer(strategy="constant", fill_value="missing"),
                    OneHotEncoder(handle_unknown="ignore"),
                ),
                X.columns.difference(numbers, sort=False),
            ),
        ]
    )
    return make_pipeline(columns, (MLPClassifier if classifies else MLPRegressor)(random_state=seed))


def main(folder: Path) -> None:
    """Train and predict once for each split."""
    fields = json.loads((folder / "source.json").read_text(encoding="utf-8"))
    source = Source(**{each.name: fields[each.name] for each in dataclasses.fields(Source)})
    warnings.simplefilter("ignore", ConvergenceWarning)
    for seed in range(len(list(folder.glob("train-*.csv")))):
        train, test = (read(folder / f"{part}-{seed}.csv", source) for part in ("train", "test"))
        y, X = train.pop(source.target), test.drop(columns=source.target)
        model = make_pipeline_of(train, seed, classifies=source.classifies).fit(train, y)
        output = pd.DataFrame({"prediction": model.predict(X)})
        if source.classifies:
            for name, values in zip(model.classes_, model.predict_proba(X).T, strict=True):
                output[f"probability_{name}"] = values
        output.to_csv(folder / f"scikit-learn-{seed}.csv", index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
