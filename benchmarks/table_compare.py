"""Comparison of two models of `tables.py`, over the tables and splits that both have rows of."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from table_data import MADE
from table_rows import Results, Row

# Scores of classes and of values: whether a larger one is better.
SCORES = {"log_loss": False, "errors": False, "auc": True, "rmse": False}
HALF = 0.5  # error that is added to both sums, so that a model without errors has a ratio


@dataclass(frozen=True)
class Verdict:
    """Comparison for one table and one score.

    Attributes
    ----------
    table : str
        Table.
    ratio : float
        Score of the first model divided by that of the second: of means, or of the sums of errors and a half each.
    difference : float
        Mean difference over splits, above 0 if the first model is better.
    standard_error : float
        Standard error of this mean; NaN with one split.
    """

    table: str
    ratio: float
    difference: float
    standard_error: float

    @property
    def result(self) -> str:
        """Return ``"win"``, ``"loss"``, or ``"tie"`` if the difference is within one standard error.

        With one split a tie is a difference of 0.
        """
        within = 0.0 if math.isnan(self.standard_error) else self.standard_error
        return "tie" if abs(self.difference) <= within else "win" if self.difference > 0 else "loss"


def common(a: str, b: str, results: Results) -> dict[str, list[tuple[Row, Row]]]:
    """Return the pairs of rows of equal splits, by table; the random table is left out.

    Parameters
    ----------
    a, b : str
        Models.
    results : dict
        Rows by model, table and split.

    Returns
    -------
    dict of str to list of (dict, dict)
    """
    first, second = results.get(a, {}), results.get(b, {})
    pairs = {
        table: [
            (first[table][split], second[table][split]) for split in sorted(first[table]) if split in other
        ]
        for table, other in second.items()
        if table in first and table != MADE
    }
    return {table: each for table, each in pairs.items() if each}


def compare(a: str, b: str, results: Results, score: str) -> list[Verdict]:
    """Return one verdict for each table that has the score and rows of both models.

    Parameters
    ----------
    a, b : str
        Models.
    results : dict
        Rows by model, table and split.
    score : str
        Key of `SCORES`.

    Returns
    -------
    list of Verdict
    """
    verdicts = []
    for table, pairs in common(a, b, results).items():
        if score not in pairs[0][0]:
            continue
        values = [(x[score], y[score]) for x, y in pairs]
        sign = 1 if SCORES[score] else -1
        differences = [sign * (x - y) for x, y in values]
        n = len(differences)
        error = statistics.stdev(differences) / math.sqrt(n) if n > 1 else math.nan
        extra = HALF if score == "errors" else 0.0
        ratio = (sum(x for x, _ in values) + extra) / (sum(y for _, y in values) + extra)
        verdicts.append(Verdict(table, ratio, statistics.fmean(differences), error))
    return verdicts


def mean_ratio(verdicts: list[Verdict]) -> float:
    """Return the geometric mean of the ratios; NaN without verdicts.

    Parameters
    ----------
    verdicts : list of Verdict
        One for each table.

    Returns
    -------
    float
    """
    return statistics.geometric_mean(each.ratio for each in verdicts) if verdicts else math.nan


def count(verdicts: list[Verdict]) -> tuple[int, int, int]:
    """Return the numbers of wins, ties and losses.

    Parameters
    ----------
    verdicts : list of Verdict
        One for each table.

    Returns
    -------
    (int, int, int)
    """
    results = [each.result for each in verdicts]
    return results.count("win"), results.count("tie"), results.count("loss")


def cpu(a: str, b: str, results: Results, step: str = "fit") -> tuple[float, float]:
    """Return the seconds of CPU of both models, means over splits, summed over the tables of both.

    Parameters
    ----------
    a, b : str
        Models.
    results : dict
        Rows by model, table and split.
    step : str
        ``"fit"`` or ``"predict"``. Default ``"fit"``.

    Returns
    -------
    (float, float)
    """
    pairs = common(a, b, results).values()
    sums = (sum(statistics.fmean(pair[side][step] for pair in each) for each in pairs) for side in (0, 1))
    return next(sums), next(sums)
