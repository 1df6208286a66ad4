"""Mean ranks of models over tables, and their picture with critical differences; needs SciPy and matplotlib.

Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", Journal of Machine Learning Research 7, 2006:
two models differ at the level of 5 % in the test of Nemenyi if their mean ranks differ by more than the critical
difference q sqrt(k (k + 1) / 6 N) for k models and N tables.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from pathlib import Path

from table_report import title
from table_rows import Results

LEVEL = 0.05


@dataclass(frozen=True)
class Ranks:
    """Mean ranks.

    Attributes
    ----------
    means : dict of str to float
        Mean rank of each model, the best first; 1 is the best rank.
    tables : int
        Number of tables.
    difference : float
        Critical difference.
    """

    means: dict[str, float]
    tables: int
    difference: float

    @property
    def groups(self) -> list[list[str]]:
        """Return the largest groups of two or more models, of which no two differ."""
        names, found = list(self.means), []
        for i, name in enumerate(names):
            group = [each for each in names[i:] if self.means[each] - self.means[name] <= self.difference]
            if len(group) > 1 and not (found and group[-1] == found[-1][-1]):
                found.append(group)
        return found


def rank(results: Results, models: list[str]) -> Ranks:
    """Return the mean ranks over the tables that all models have rows of, by log loss and by RMSE.

    Parameters
    ----------
    results : dict
        Rows by model, table and split.
    models : list of str
        Two models or more.

    Returns
    -------
    Ranks

    Raises
    ------
    ValueError
        If there are fewer than two models, or no table has rows of all of them.
    """
    from scipy.stats import rankdata, studentized_range

    if missing := [name for name in models if name not in results] or (
        ["another one"] if len(models) < 2 else []
    ):
        raise ValueError(f"no rows of {', '.join(missing)}; ranks need two models or more")
    ranks = []
    for table in results[models[0]]:
        splits = set.intersection(*(set(results[name].get(table, {})) for name in models))
        if splits:
            rows = {name: [results[name][table][split] for split in splits] for name in models}
            score = "log_loss" if rows[models[0]][0]["classifies"] else "rmse"
            ranks.append(rankdata([statistics.fmean(row[score] for row in rows[name]) for name in models]))
    if not ranks:
        raise ValueError(f"no table has rows of all of {', '.join(models)}; choose others with --models")
    means = {name: float(statistics.fmean(each[i] for each in ranks)) for i, name in enumerate(models)}
    k, n = len(models), len(ranks)
    q = float(studentized_range.ppf(1 - LEVEL, k, math.inf)) / math.sqrt(2)
    ordered = dict(sorted(means.items(), key=lambda item: item[1]))
    return Ranks(ordered, n, q * math.sqrt(k * (k + 1) / (6 * n)))


def draw(ranks: Ranks, path: Path) -> None:
    """Draw the mean ranks on a line, with the critical difference and a bar over each group.

    Parameters
    ----------
    ranks : Ranks
        Mean ranks.
    path : pathlib.Path
        File to write; its suffix decides the format.
    """
    import matplotlib
    from matplotlib import pyplot

    matplotlib.use("svg" if path.suffix == ".svg" else "agg")
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "benchmark", "font.size": 9}
    names, k = list(ranks.means), len(ranks.means)
    half, bars = (k + 1) // 2, 0.35 * len(ranks.groups)
    figure, axes = pyplot.subplots(figsize=(8, 1.3 + 0.24 * half + 0.3 * bars), layout="constrained")
    axes.plot([1, k], [0, 0], color="black", linewidth=1)
    for tick in range(1, k + 1):
        axes.plot([tick, tick], [0, 0.15], color="black", linewidth=1)
        axes.text(tick, 0.25, str(tick), ha="center", va="bottom")
    margin = 0.12 * (k - 1)
    for i, name in enumerate(names):
        left = i < half
        depth = -(0.7 + bars + 0.6 * (i if left else k - 1 - i))
        edge = 1 - margin if left else k + margin
        axes.plot([ranks.means[name]] * 2 + [edge], [0, depth, depth], color="black", linewidth=0.8)
        words = (
            f"{title(name)}  {ranks.means[name]:.2f}" if left else f"{ranks.means[name]:.2f}  {title(name)}"
        )
        weight = "bold" if name == "ours" else "normal"
        axes.text(edge, depth, f" {words} ", ha="right" if left else "left", va="center", fontweight=weight)
    for i, group in enumerate(ranks.groups):
        ends = [ranks.means[group[0]] - 0.02 * k / 8, ranks.means[group[-1]] + 0.02 * k / 8]
        axes.plot(ends, [-0.35 * (i + 1)] * 2, color="crimson", linewidth=3, solid_capstyle="round")
    axes.plot([1, 1 + ranks.difference], [1.1, 1.1], "|-", color="crimson", linewidth=1.5)
    words = f"critical difference {ranks.difference:.2f} ({ranks.tables} tables, {LEVEL:.0%})"
    axes.text(1 + ranks.difference, 1.1, f"  {words}", va="center")
    axes.set_xlim(1 - 4.2 * margin, k + 4.2 * margin)
    axes.set_ylim(-(0.7 + bars + 0.6 * half), 1.5)
    axes.axis("off")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)
    pyplot.close(figure)
