"""Real tables that Python packages contain, and a synthetic one, as CSV files."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """Table with a target, and what a user of scikit-learn would do to its columns by hand.

    Attributes
    ----------
    file : str
        Path in the folder of the packages; "" for the synthetic customers of `compiled_nn.datasets.write_churn`.
    target : str
        Name of the target.
    classifies : bool
        Whether the targets are classes. Default True.
    without : tuple of str
        Columns that give the target away; the CSV file does not have them. Default ().
    left_out : tuple of str
        Columns that the pipeline made by hand does not use: identifiers, free text, constants. Default ().
    dates : dict of str to str
        Columns of dates with their formats; the pipeline takes the number of days. Default {}.
    texts : tuple of str
        Columns whose digits are names, such as zip codes. Default ().
    delimiter, decimal : str
        Signs of the CSV file. Default ``","`` and ``"."``.
    """

    file: str
    target: str
    classifies: bool = True
    without: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    dates: dict[str, str] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    delimiter: str = ","
    decimal: str = "."


TABLES = {
    "Default": Source("ISLP/data/Default.csv", "default"),
    "OJ": Source("ISLP/data/OJ.csv", "Purchase"),
    "Caravan": Source("ISLP/data/Caravan.csv", "Purchase"),
    "College": Source("ISLP/data/College.csv", "Private"),
    "penguins": Source("palmerpenguins/data/penguins.csv", "species"),
    "penguins-raw": Source(
        "palmerpenguins/data/penguins-raw.csv",
        "Sex",
        left_out=("Individual ID", "Comments", "Region", "Stage"),
        dates={"Date Egg": "%Y-%m-%d"},
    ),
    "weather": Source("vega_datasets/_data/seattle-weather.csv", "weather", dates={"date": "%Y/%m/%d"}),
    "churn": Source(
        "",
        "churn",
        left_out=("customer_id", "comment"),
        dates={"signup": "%d.%m.%Y"},
        texts=("zip",),
        delimiter=";",
        decimal=",",
    ),
    "Wage": Source(
        "ISLP/data/Wage.csv", "wage", classifies=False, without=("logwage",), left_out=("region",)
    ),
    "Carseats": Source("ISLP/data/Carseats.csv", "Sales", classifies=False),
    "Boston": Source("ISLP/data/Boston.csv", "medv", classifies=False),
    "Hitters": Source("ISLP/data/Hitters.csv", "Salary", classifies=False),
    "Auto": Source("ISLP/data/Auto.csv", "mpg", classifies=False, left_out=("name",)),
    "Bikeshare": Source(
        "ISLP/data/Bikeshare.csv", "bikers", classifies=False, without=("casual", "registered")
    ),
    "Credit": Source("ISLP/data/Credit.csv", "Balance", classifies=False, left_out=("ID",)),
    "cars": Source(
        "vega_datasets/_data/cars.json",
        "Miles_per_Gallon",
        classifies=False,
        left_out=("Name",),
        dates={"Year": "%Y-%m-%d"},
    ),
}


def write(source: Source, packages: Path, path: Path) -> None:
    """Write the CSV file of a table.

    Parameters
    ----------
    source : Source
        Table.
    packages : pathlib.Path
        Folder with the packages of the environment ``table-data``.
    path : pathlib.Path
        File to write.
    """
    if not source.file:
        from compiled_nn.datasets import write_churn

        write_churn(path)
        return
    text = (packages / source.file).read_text(encoding="utf-8-sig")
    if source.file.endswith(".json"):
        records = json.loads(text)
        rows = [list(records[0]), *(["" if x is None else x for x in record.values()] for record in records)]
    else:
        rows = list(csv.reader(text.splitlines()))
    kept = [i for i, name in enumerate(rows[0]) if name not in source.without]
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([row[i] for i in kept] for row in rows)
