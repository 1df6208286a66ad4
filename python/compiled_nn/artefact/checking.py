"""Comparison of X with the training rows: values outside the ranges, unknown categories, missing values, shifted means.

(a) Rows of the same distribution as the training rows are also outside the ranges now and then: of m rows, one in
    n / m columns has a new maximum. A finding is therefore what happens in at most `RATE` of the calls with such rows,
    by bounds that hold for every distribution or, for (b), for tails that are not heavier than observed ones. `RATE` is
    divided by the number of comparisons.
(b) j of m rows are beyond all n training rows with a probability of at most (m / (m + n))**j. A value by d beyond the
    range is expected m / n * exp(-d / s) times, where s is the deviation, or a quarter of the distance from the mean to
    the end of the range if that is more. If the range has more deviations than that of a normal distribution, tails are
    heavy: a value q times as far from the mean as the end of the range is expected m / n / q**3 times.
(c) The error of the difference of two means has the larger one of the deviations of both, so that a few large values do
    not make a difference.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnn_core.sparse import SparseRows

from ..common.text import printable
from ..data import cells, dataframes
from ..data.arrays import Array
from ..data.coded import coded
from ..preprocessing.columns import Categorical, LeftOut
from ..preprocessing.dates import Date
from ..preprocessing.tables import open_table, where
from .input_report import ColumnReport, Finding, InputReport
from .seen import HIGH, LOW, MEAN, MISSING, Summary, categorical, numeric

if TYPE_CHECKING:
    from ..data.samples import Samples
    from .inputs import Inputs

RATE = 0.01  # of calls with rows of the same distribution that have a finding
_FEWEST = 10  # rows from which means are compared
_SHIFT, _GAPS = 0.1, 0.01  # smallest difference of means in deviations, and of shares of missing values
_TAIL = 4  # part of the distance from the mean to the end of the range that is the scale of a light tail
_LIGHT = (
    0.5  # deviations by which the range of a light tail is longer than that of a normal distribution, at most
)
_POWER = 3  # of distances from the mean, in the share of values of a heavy tail
_ERRORS = 2  # standard errors by which the share of other values may be overestimated
_UNITS = 1.5  # largest ratio to a power of ten by which another unit is recognised


class _Numbers(NamedTuple):
    """Column of numbers, or all columns together (m, k), and the five numbers of the training rows."""

    name: str
    values: Array
    gaps: Array | None
    trained: Array
    first: int | None = None  # of a date


def check(inputs: Inputs, X: Any) -> InputReport:
    """Return the comparison of X with the training rows; documented in :meth:`compiled_nn.Network.check_inputs`."""
    summary = None if inputs.seen is None else inputs.seen.summary
    if type(X) is not np.ndarray:
        X = dataframes.opened(X)
    rows = inputs.read(X)
    if summary is None:
        raise ValueError(
            "It is not known which rows the model was trained on: its weights were set, or an earlier version wrote its"
            " file. Fit it, or train it with partial_fit from the beginning, to compare other rows with them."
        )
    m, outside = len(rows), np.zeros(len(rows), np.bool_)
    columns: list[ColumnReport] = []
    numbers, categories = (
        _encoded(inputs, X, summary) if inputs.encoder else (_plain(inputs, rows, summary), [])
    )
    alpha = RATE / max(1, 7 * len(numbers) + 2 * len(categories))
    for each in numbers:
        columns.append(_check_numbers(each, summary, alpha, outside))
    for name, column, values, counts in categories:
        columns.append(_check_categories(name, column, values, counts, alpha, outside))
    return InputReport(m, summary.rows, np.flatnonzero(outside), tuple(columns))


# ---- columns


def _plain(inputs: Inputs, rows: Samples, summary: Summary) -> list[_Numbers]:
    """Return the columns of rows without an encoder, or all of them together."""
    k, titles = summary.numbers.shape[1], inputs.titles
    if isinstance(rows, SparseRows):
        row, column, number = rows.entries(slice(0, len(rows)))
        if k < rows.shape[1]:  # the largest number of each row, and the smallest one
            low, high = np.zeros(len(rows)), np.zeros(len(rows))
            np.minimum.at(low, row, number)
            np.maximum.at(high, row, number)
            return [_Numbers("all columns", np.column_stack([low, high]), None, summary.numbers[:, 0])]
        full = np.zeros(rows.shape)
        full[row, column] = number
        rows = full
    if k < rows.shape[1]:
        return [_Numbers("all columns", rows, None, summary.numbers[:, 0])]
    return [_Numbers(titles[j], rows[:, j], None, summary.numbers[:, j]) for j in range(k)]


def _encoded(inputs: Inputs, X: Any, summary: Summary) -> tuple[list[_Numbers], list[Any]]:
    """Return the columns of a table: those of numbers and dates, and those of categories."""
    encoder = inputs.encoder
    assert encoder is not None
    order = inputs.order(X)
    table = open_table(X if order is None else inputs.reordered(X, order))
    names, places = encoder._in_order(table)
    titles = inputs.titles
    numbers: list[_Numbers] = []
    categories: list[Any] = []
    counts = np.split(summary.counts, np.cumsum([column.width + 1 for column in categorical(encoder)])[:-1])
    known = dict(zip([i for i, _, _ in numeric(encoder)], summary.numbers.T, strict=False))
    together = summary.numbers.shape[1] < len(numeric(encoder))
    for i, (column, place) in enumerate(zip(encoder.columns_, places, strict=True)):
        if isinstance(column, LeftOut) or place is None:
            continue
        values = table.column(place)
        if isinstance(column, Categorical):
            if column.width:
                distinct = coded(values, where(i, names))
                categories.append((titles[i], column, distinct, counts[len(categories)]))
            continue
        if i not in known and not together:
            continue  # a date without any part
        if isinstance(column, Date):
            parts, gaps = column.fill(values, where(i, names))
            found, first = parts[0], column.first
        else:
            found, gaps = column.fill(values, where(i, names))
            first = None
        trained = summary.numbers[:, 0] if together else known[i]
        numbers.append(_Numbers(titles[i], found, gaps, trained, None if together else first))
    if together and numbers:
        block = np.column_stack(
            [np.where(np.asarray(each.gaps), each.trained[MEAN], each.values) for each in numbers]
        )
        numbers = [_Numbers("all numbers", block, None, summary.numbers[:, 0])]
    return numbers, categories


# ---- numbers


def _check_numbers(column: _Numbers, summary: Summary, alpha: float, outside: Array) -> ColumnReport:
    """Return the report of a column of numbers, and mark the rows outside its range."""
    values, trained, m = column.values, column.trained, len(column.values)
    together = values.ndim == 2
    present = np.ones(m, np.bool_) if column.gaps is None else ~column.gaps
    report = ColumnReport(column.name, trained=_described(column, trained))
    if not math.isnan(trained[LOW]) and present.any():
        low, high = (values.min(axis=1), values.max(axis=1)) if together else (values, values)
        for sign, numbers, end in ((-1, low, LOW), (1, high, HIGH)):
            ends = numbers.astype(np.float64)
            _check_range(report, column, sign, ends, end, present, summary, alpha, outside)
        if not together:
            _check_means(report, column, values[present].astype(np.float64), summary, alpha)
    if column.gaps is not None and not together:
        _check_gaps(report, int(column.gaps.sum()), m, float(trained[MISSING]), summary.ranged, alpha)
    return report


def _described(column: _Numbers, trained: Array) -> str:
    if math.isnan(trained[LOW]):
        return "no values"
    return f"{_shown(column, trained[LOW])} to {_shown(column, trained[HIGH])}"


def _shown(column: _Numbers, value: float) -> str:
    if column.first is None:
        return f"{value:.6g}"
    moment = np.datetime64(column.first, "us") + np.timedelta64(round(float(value) * 86_400_000_000), "us")
    return str(moment.astype("datetime64[s]")).removesuffix("T00:00:00")


def _check_range(
    report: ColumnReport,
    column: _Numbers,
    sign: int,
    ends: Array,
    end: int,
    present: Array,
    summary: Summary,
    alpha: float,
    outside: Array,
) -> None:
    """Compare the values with one end of the range."""
    trained, m = column.trained, int(present.sum())
    limit = trained[end]
    beyond = present & (sign * ends > sign * limit)
    count = int(beyond.sum())
    if not count:
        return
    outside |= beyond
    rows = np.flatnonzero(beyond)
    worst = float(ends[rows[np.argmax(sign * ends[rows])]])
    is_exact = column.values.ndim == 1
    n = summary.ranged if is_exact else summary.sampled
    chance = m / (n + 1) * _share_beyond(trained, worst, end, n)
    if is_exact:
        chance = min(chance, math.exp(count * math.log(m / (m + n))))
    report.rows += rows.tolist()
    side = "above" if sign > 0 else "below"
    ends_at = f"{'up' if sign > 0 else 'down'} to {_shown(column, worst)}"
    text = f"{count:,} of {m:,} {side} {_shown(column, limit)}, {ends_at}"
    report.outside.append(text)
    if chance < alpha:
        report.findings.append(Finding("range", column.name, text, tuple(rows.tolist())))


def _share_beyond(trained: Array, value: float, end: int, n: int) -> float:
    """Return the share of the values beyond one end of the range of n values that are beyond a value."""
    low, high, mean, deviation = (float(each) for each in trained[:MISSING])
    limit = high if end == HIGH else low
    if deviation <= 0 or limit == mean:
        return 1.0
    if max(high - mean, mean - low) <= (math.sqrt(2 * math.log(n + 1)) + _LIGHT) * deviation:
        scale = max(deviation, abs(limit - mean) / _TAIL)
        return math.exp(-min(abs(value - limit) / scale, 700))
    return float((abs(limit - mean) / abs(value - mean)) ** _POWER)


def _check_means(
    report: ColumnReport, column: _Numbers, values: Array, summary: Summary, alpha: float
) -> None:
    """Compare the mean with that of training, and find columns that do not vary."""
    trained, m = column.trained, len(values)
    low, high, before, deviation = (float(each) for each in trained[:MISSING])
    if m < _FEWEST:
        return
    n = summary.sampled * (1 - float(trained[MISSING]))
    with np.errstate(all="ignore"):
        mean, spread = float(values.mean()), float(values.std())
    if values.min() == values.max():
        mean, spread = float(values[0]), 0.0  # not so where the sum is rounded
    report.mean = mean
    if not (math.isfinite(mean) and math.isfinite(spread)):
        return
    if spread == 0 and high > low:
        share = min(1.0, (deviation**2 + (before - mean) ** 2) / (high - low) ** 2)
        share = max(0.0, share - _ERRORS * math.sqrt(share / max(n, 1)))  # of other values, at least
        if share == 1 or m * math.log1p(-share) < math.log(alpha):
            text = f"always {_shown(column, mean)}"
            report.findings.append(Finding("constant", column.name, text, ()))
    scale = max(deviation, spread)
    shift = mean - before
    if not scale or abs(shift) < _SHIFT * deviation:
        return
    error = scale * math.sqrt(1 / m + 1 / max(n, 1))
    if abs(shift) / error <= NormalDist().inv_cdf(1 - alpha / 2):
        return
    text = f"mean {_shown(column, mean)} in place of {_shown(column, before)}"
    if deviation:
        text += f", a shift of {abs(shift) / deviation:.3g} deviations"
    power = _power_of_ten(mean, before, spread, deviation)
    if power and column.first is None:
        text += f"; about 10**{power} times as large: another unit?"
    report.findings.append(Finding("drift", column.name, text, ()))


def _power_of_ten(mean: float, before: float, spread: float, deviation: float) -> int:
    """Return the power of ten by which mean and deviation differ from those of training; 0 if there is none."""
    if not (mean and before and spread and deviation) or mean * before < 0:
        return 0
    power = round(math.log10(spread / deviation))
    off = (abs(math.log10(ratio) - power) for ratio in (mean / before, spread / deviation))
    return power if max(off) < math.log10(_UNITS) else 0


# ---- categories and missing values


def _check_categories(
    name: str, column: Categorical, distinct: Any, counts: Array, alpha: float, outside: Array
) -> ColumnReport:
    """Return the report of a column of categories, and mark the rows with unknown ones."""
    known = set(column.categories)
    n, m, missing = int(counts.sum()), len(distinct), int(counts[-1])
    texts = [printable(str(each)) for each in column.categories[:3]]
    more = ", ..." if len(column.categories) > len(texts) else ""
    report = ColumnReport(name, trained=", ".join(texts) + more)
    codes, rows_of = distinct.codes, distinct.counts().tolist()
    gaps = int((codes < 0).sum())
    others = []
    for place, (value, rows) in enumerate(zip(distinct.values, rows_of, strict=True)):
        if cells.is_missing(value):
            gaps += rows
        elif rows and value not in known:
            others.append(place)
            report.unknown[value] = rows
    if others:
        chosen = np.isin(codes, others)
        outside |= chosen
        report.rows += np.flatnonzero(chosen).tolist()
        u = sum(report.unknown.values())
        ranked = sorted(report.unknown.items(), key=lambda item: -item[1])
        shown = ", ".join(f"{printable(str(value)[:40])} ({rows:,})" for value, rows in ranked[:5])
        text = f"{u:,} of {m:,} unknown: {shown}{', ...' if len(ranked) > 5 else ''}"
        report.outside.append(text)
        single = float((counts[: len(column.categories)] == 1).sum() + (counts[-2] if column.rare else 0))
        if n and _poisson_tail(u, m * single / n) < alpha:
            report.findings.append(Finding("unknown", name, text, tuple(report.rows)))
    _check_gaps(report, gaps, m, missing / n if n else 0.0, n, alpha)
    return report


def _poisson_tail(count: int, mean: float) -> float:
    """Return the probability of at least `count` events; 0 if none are expected."""
    if mean <= 0:
        return 0.0
    if count <= mean:
        return 1.0
    term = math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    total, k = 0.0, count
    while term > total * 1e-12:
        total, k = total + term, k + 1
        term *= mean / k
    return total


def _check_gaps(report: ColumnReport, gaps: int, m: int, share: float, n: int, alpha: float) -> None:
    """Compare the share of missing values with that of training."""
    report.missing = gaps / m
    if gaps / m - share < _GAPS or _tail(gaps, m, round(share * n), n) >= alpha:
        return
    text = f"{gaps / m:.3g} of the values are missing, in training {share:.3g}"
    report.findings.append(Finding("missing", report.name, text, ()))


def _tail(gaps: int, m: int, before: int, n: int) -> float:
    """Return the probability that at least `gaps` of the missing values of m + n rows are in the m ones."""
    total = gaps + before

    def log_choose(a: int, b: int) -> float:
        return math.lgamma(a + 1) - math.lgamma(b + 1) - math.lgamma(a - b + 1)

    everything, found = log_choose(m + n, total), 0.0
    for g in range(gaps, min(m, total) + 1):
        term = math.exp(log_choose(m, g) + log_choose(n, total - g) - everything)
        found += term
        if term < found * 1e-12:
            break
    return found
