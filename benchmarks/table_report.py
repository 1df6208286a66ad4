"""Report of `tables.py` in Markdown: goals, comparisons of our model with each other, and all scores."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from typing import Any

import table_rows
from table_compare import SCORES, Verdict, compare, count, cpu, mean_ratio
from table_data import MADE, TABLES
from table_models import ABLATIONS, MODELS
from table_rows import Results, Row

OURS = "ours"
BEGIN, END = "<!-- benchmarks/tables.py report: begin -->", "<!-- benchmarks/tables.py report: end -->"
# Titles of the tables of all scores: digits after the point, and whether a larger one is better (None: no best one).
LISTED = {
    "log_loss": ("Log loss", 3, False),
    "accuracy": ("Accuracy", 3, True),
    "auc": ("AUC", 3, True),
    "r2": ("R²", 3, True),
    "rmse": ("RMSE", 4, False),
    "fit": ("CPU seconds of fit", 2, None),
    "predict": ("CPU seconds of predict", 3, None),
}


def make_report(rows: list[Row]) -> str:
    """Return the report.

    Parameters
    ----------
    rows : list of dict
        Rows.

    Returns
    -------
    str
    """
    results = table_rows.group(rows)
    models = [name for name in MODELS if name in results]
    lines = [versions_line(rows), ""]
    if OURS in results:
        lines += goals_table(results) + comparisons_table(OURS, models, results)
        lines += ablation_table(results)
    for score in LISTED:
        lines += scores_table(score, models, results)
    failures = [
        f"- {' '.join(map(str, table_rows.key(row)))}: {row['error']}" for row in rows if "error" in row
    ]
    return "\n".join(lines + (["Failed:", "", *failures] if failures else [])).strip() + "\n"


def put(page: str, text: str) -> str:
    """Return a page with the report between its two marks.

    Parameters
    ----------
    page : str
        Page with the lines `BEGIN` and `END`.
    text : str
        Report.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a mark is missing.
    """
    for mark in (BEGIN, END):
        if page.count(mark) != 1:
            raise ValueError(f"the page has {page.count(mark)} lines {mark!r}; it needs 1")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def markdown(header: list[str], lines: Iterable[list[str]]) -> list[str]:
    """Return the lines of a Markdown table.

    Parameters
    ----------
    header : list of str
        Titles of the columns.
    lines : iterable of list of str
        Cells of each line.

    Returns
    -------
    list of str
    """
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return [f"| {' | '.join(cells)} |" for cells in (header, rule, *lines)] + [""]


def title(name: str) -> str:
    """Return the name of a model in the report."""
    return MODELS[name].title if name in MODELS else name


def versions_line(rows: list[Row]) -> str:
    """Return a sentence with the versions of all libraries."""
    found = {f"{name} {version}" for row in rows for name, version in row.get("versions", {}).items()}
    return f"Versions: {', '.join(sorted(found))}."


def times(ratio: float) -> str:
    """Return a ratio with three digits or two decimals; an empty text for NaN."""
    return "" if math.isnan(ratio) else f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.2f}"


def tally(verdicts: list[Verdict]) -> str:
    """Return wins, ties and losses, with slashes."""
    return "/".join(map(str, count(verdicts))) if verdicts else ""


def comparisons_table(ours: str, models: list[str], results: Results) -> list[str]:
    """Return the lines of the comparison of our model with each other."""
    header = ["against", "tables", "log loss", "errors", "RMSE", "w/t/l: log loss", "errors", "AUC", "RMSE"]
    header += ["CPU of fit, s: ours", "theirs", "ratio", "ratio of predict"]
    lines = []
    for name in models:
        if name == ours:
            continue
        found = {score: compare(ours, name, results, score) for score in SCORES}
        if not (tables := len(found["errors"]) + len(found["rmse"])):
            continue
        fit, predict = cpu(ours, name, results), cpu(ours, name, results, "predict")
        ratios = [times(mean_ratio(found[score])) for score in ("log_loss", "errors", "rmse")]
        tallies = [tally(found[score]) for score in ("log_loss", "errors", "auc", "rmse")]
        seconds = [f"{fit[0]:.1f}", f"{fit[1]:.1f}", times(fit[0] / fit[1]), times(predict[0] / predict[1])]
        lines.append([title(name), str(tables), *ratios, *tallies, *seconds])
    return ["### Our model against each of the others", "", *markdown(header, lines)]


def goals_table(results: Results) -> list[str]:
    """Return the lines of the goals, each reached or missed."""
    lines = []
    for text, limit, value in goals(results):
        if not math.isnan(value):
            verdict = (
                "reached"
                if value <= limit
                else f"missed by a factor of {times(value / limit)}"
                if limit
                else "missed"
            )
            lines.append([text, f"{limit:g}", f"{value:.3g}", verdict])
    lost = worse_than("mlp", results)
    if lost is not None:
        verdict = f"missed: {', '.join(lost)}" if lost else "reached"
        lines.append(["worse than scikit-learn's scaled MLP (table and score)", "0", str(len(lost)), verdict])
    return ["### Goals", "", *markdown(["goal", "at most", "measured", ""], lines)] if lines else []


def goals(results: Results) -> list[tuple[str, float, float]]:
    """Return the goals: what is measured, the largest value, and the value (NaN if it was not measured).

    Parameters
    ----------
    results : dict
        Rows by model, table and split.

    Returns
    -------
    list of (str, float, float)
    """
    found = []
    limits = {"lightgbm": (0.85, 0.98, 0.97), "realmlp": (0.85, 0.95, 0.95)}
    for name, each in limits.items():
        for score, word, limit in zip(
            ("log_loss", "errors", "rmse"), ("log loss", "errors", "RMSE"), each, strict=True
        ):
            value = mean_ratio(compare(OURS, name, results, score))
            found.append((f"{word} against {title(name)}", limit, value))
    wins, ties, losses = count(compare(OURS, "lightgbm", results, "auc"))
    share = losses / (wins + ties + losses) if wins + ties + losses else math.nan
    found.append(("share of tables whose AUC is lost to LightGBM", 0.1, share))
    for name, limit in (("realmlp", 0.1), ("lightgbm", 60.0)):
        ours, theirs = cpu(OURS, name, results)
        found.append((f"CPU of fit against {title(name)}", limit, ours / theirs if theirs else math.nan))
    made = [row["fit"] for row in results[OURS].get(MADE, {}).values()]
    found.append(("CPU seconds of fit, 20,000 rows x 20 columns", 5.0, max(made, default=math.nan)))
    return found


def worse_than(name: str, results: Results) -> list[str] | None:
    """Return the tables, with scores, where our model is worse by more than a standard error.

    Parameters
    ----------
    name : str
        Model to compare with.
    results : dict
        Rows by model, table and split.

    Returns
    -------
    list of str, or None if no table was measured
    """
    verdicts = {score: compare(OURS, name, results, score) for score in ("log_loss", "errors", "rmse")}
    if not any(verdicts.values()):
        return None
    return [
        f"{each.table} ({score.replace('_', ' ')})"
        for score, found in verdicts.items()
        for each in found
        if each.result == "loss"
    ]


def ablation_table(results: Results) -> list[str]:
    """Return the lines of the comparison of our model without each part with the complete one."""
    labels = [label for label in (*ABLATIONS, *results) if label in results and label not in MODELS]
    lines = []
    for label in dict.fromkeys(labels):
        found = {score: compare(label, OURS, results, score) for score in SCORES}
        if not (tables := len(found["errors"]) + len(found["rmse"])):
            continue
        ratios = [times(mean_ratio(found[score])) for score in ("log_loss", "errors", "rmse")]
        tallies = [tally(found[score]) for score in ("log_loss", "errors", "rmse")]
        fit = cpu(label, OURS, results)
        lines.append([label, str(tables), *ratios, *tallies, times(fit[0] / fit[1])])
    header = ["", "tables", "log loss", "errors", "RMSE", "w/t/l: log loss", "errors", "RMSE", "CPU of fit"]
    words = "Each line is our model with one change, relative to the complete model: above 1 means that it is worse."
    return ["### Parts of our model", "", words, "", *markdown(header, lines)] if lines else []


def scores_table(score: str, models: list[str], results: Results) -> list[str]:
    """Return the lines of one score of all models: means over their splits, whose number is in the header.

    The best of the models with all splits is in bold.

    Parameters
    ----------
    score : str
        Key of `LISTED`.
    models : list of str
        Models.
    results : dict
        Rows by model, table and split.

    Returns
    -------
    list of str
    """
    name, digits, larger = LISTED[score]
    splits = {model: max(map(len, results[model].values())) for model in models}
    lines = []
    for table in (*TABLES, MADE):
        found = {model: list(results[model].get(table, {}).values()) for model in models}
        means = {
            model: statistics.fmean(row[score] for row in rows)
            for model, rows in found.items()
            if rows and score in rows[0]
        }
        if means:
            most = max(len(found[model]) for model in means)
            complete = [means[model] for model in means if len(found[model]) == most]
            best = None if larger is None else max(complete) if larger else min(complete)
            lines.append([table, *(cell(means.get(model), digits, best) for model in models)])
    header = [f"{title(model)} ({n})" for model, n in splits.items()]
    return [f"### {name}", "", *markdown(["table", *header], lines)] if lines else []


def cell(value: Any, digits: int, best: float | None) -> str:
    """Return a number, in bold if it is the best one; an empty text for None."""
    if value is None:
        return ""
    text = f"{value:.{digits}f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"**{text}**" if value == best else text
