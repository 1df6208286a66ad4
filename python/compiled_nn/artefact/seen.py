"""Training rows in a few numbers: ranges, means, deviations, missing values, and counts of categories.

(a) Everything follows from the rows as the core reads them: a number that was missing has a 1 in the column of its
    indicator, a missing category has a stored zero. Columns of numbers are those that the encoder puts first; those of
    a date are the days since its first date.
(b) Training must not take longer. Small data are copied, and summarised when the summary is needed. Means and
    deviations are those of a sample of the rows. So are ranges and counts, unless training reads the rows so often that
    the time to compute them is small in comparison; more than `SEPARATE` columns of numbers have one range and one mean
    for all their numbers together, from a sample.
(c) Batches are merged by the formula of Chan, Golub and LeVeque (1979). Rows that are seen twice count twice, except
    for a whole call of fit on the same rows as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnn_core.sparse import SparseRows

from ..common.exclusive import switching
from ..data import samples
from ..data.arrays import Array
from ..data.samples import Samples
from ..preprocessing.columns import Categorical, Numeric
from ..preprocessing.dates import Date

if TYPE_CHECKING:
    from ..preprocessing.tabular import Tabular

SEPARATE = 50  # largest number of columns of numbers that have separate ranges
LOW, HIGH, MEAN, DEVIATION, MISSING = range(5)  # rows of Summary.numbers
_KEPT = 1 << 15  # numbers that are copied before they are summarised
_SAMPLED = 1 << 17  # numbers of a sample for means and deviations
_RANGED = 1 << 20  # numbers of a sample for the range of all columns together
_BLOCK = 1 << 16  # numbers of a block, which stays in the cache
_FOLDED = 256  # numbers in a row of a block whose ranges are computed
_ROUNDED = 1e-5  # relative differences between numbers that are equal after rounding
_GOLDEN = 0.6180339887498949  # its multiples, without their whole parts, are evenly spread over [0, 1)


class Summary(NamedTuple):
    """Summary of rows.

    Attributes
    ----------
    rows : int
        Number of rows.
    ranged : int
        Number of these rows from which ranges, missing values and counts were computed.
    sampled : int
        Number of these rows from which means and deviations were computed.
    numbers : ndarray (5, n) of float64
        Lowest and highest number, mean, deviation, and share of missing values of each column of numbers, or with n = 1
        of all of them together. The first four are NaN if all values are missing.
    counts : ndarray of float64
        Number of rows of each category, of rare ones where the encoder has a column for them, and of missing ones; for
        one column of categories after the other.
    """

    rows: int
    ranged: int
    sampled: int
    numbers: Array
    counts: Array

    def merged(self, other: Summary) -> Summary:
        """Return the summary of the rows of both."""
        a, b = self.numbers, other.numbers
        gaps = (a[MISSING] * self.ranged + b[MISSING] * other.ranged) / (self.ranged + other.ranged)
        n, m = self.sampled * (1 - a[MISSING]), other.sampled * (1 - b[MISSING])
        with np.errstate(all="ignore"):
            share, shift = m / (n + m), b[MEAN] - a[MEAN]
            squares = a[DEVIATION] ** 2 * (1 - share) + b[DEVIATION] ** 2 * share
            deviation = np.sqrt(squares + shift**2 * share * (1 - share))
            mean = a[MEAN] + shift * share
        numbers = np.array([np.fmin(a[LOW], b[LOW]), np.fmax(a[HIGH], b[HIGH]), mean, deviation, gaps])
        for present, absent in ((a, m), (b, n)):
            numbers[:MISSING] = np.where(absent == 0, present[:MISSING], numbers[:MISSING])
        return Summary(
            self.rows + other.rows,
            self.ranged + other.ranged,
            self.sampled + other.sampled,
            numbers,
            self.counts + other.counts,
        )

    def equals(self, other: Summary) -> bool:
        """Whether both are the same numbers; means, deviations and shares are rounded in files."""
        a, b = self.numbers, other.numbers
        same = np.array_equal(a[:MEAN], b[:MEAN], equal_nan=True) and np.array_equal(
            self.counts, other.counts
        )
        near = np.allclose(a[MEAN:], b[MEAN:], rtol=_ROUNDED, atol=0, equal_nan=True)
        return same and near and self[:3] == other[:3]


class Seen:
    """Training rows in a few numbers; more rows can be added.

    Parameters
    ----------
    encoder : Tabular or None
        Encoder of the rows.
    n_columns : int
        Number of columns that the core reads.
    summary : Summary, optional
        Summary of rows that were seen before. Default: no rows.
    """

    __slots__ = ("_known", "_pending", "_rows", "_size", "encoder", "n_columns")

    def __init__(self, encoder: Tabular | None, n_columns: int, summary: Summary | None = None) -> None:
        self.encoder, self.n_columns, self._known = encoder, n_columns, summary
        self._pending: list[Samples] = []
        self._size = self._rows = 0  # numbers in the pending rows, and rows that they were sampled from

    @property
    def summary(self) -> Summary | None:
        """Summary of all rows; None if there were none."""
        with switching:
            pending, rows = self._pending, self._rows
            self._pending, self._size, self._rows = [], 0, 0
            if len(pending) > 1:
                pending = [samples.concatenated(pending)]
            for X in pending:
                self._merge(self._summarised(X, None)._replace(rows=rows))
            return self._known

    @property
    def is_empty(self) -> bool:
        """Whether no rows were added yet."""
        return self._known is None and not self._pending

    @property
    def n_numbers(self) -> int:
        """Number of columns of `numbers` in the summary."""
        return _n_numbers(self.encoder, self.n_columns)

    @property
    def n_counts(self) -> int:
        """Number of `counts` in the summary."""
        return sum(column.width + 1 for column in categorical(self.encoder))

    def copy(self) -> Seen:
        """Return a copy, to which other rows can be added."""
        return Seen(self.encoder, self.n_columns, self.summary)

    def add(
        self, X: Samples, rows: Array | None = None, weights: Array | None = None, *, most: int | None = None
    ) -> None:
        """Add rows, converted for the core: those with these indices, None for all, whose weight is not 0.

        `most` is the number of numbers of the sample that ranges and counts are computed from; None for all.
        """
        chosen = _chosen(rows, weights)
        m = n = len(X) if chosen is None else len(chosen)
        if not m:
            return
        width = X.shape[1] if isinstance(X, np.ndarray) else max(1, len(X.data) // len(X))
        if most is not None and m * width > most:
            step = -(-m * width // most) | 1  # odd, because rows often have a period that is even
            places = slice(self._rows % step % m, None, step)
            if chosen is not None or not isinstance(X, np.ndarray):
                chosen = np.arange(m)[places] if chosen is None else chosen[places]
                n = len(chosen)
            else:
                X = X[places]
                n = len(X)
        with switching:
            if n * width > _KEPT:
                self._merge(self._summarised(X, chosen)._replace(rows=m))
                return
            if self._size + n * width > _KEPT:
                _ = self.summary
            self._pending.append(_copied(X, chosen))
            self._size, self._rows = self._size + n * width, self._rows + m

    def add_again(self, other: Summary | None) -> None:
        """Add the rows of a whole call of fit by their summary, unless they are those that were seen before."""
        with switching:
            known = self.summary
            if other is not None and not (known is not None and known.equals(other)):
                self._merge(other)

    def _merge(self, other: Summary) -> None:
        self._known = other if self._known is None else self._known.merged(other)

    def _summarised(self, X: Samples, rows: Array | None) -> Summary:
        """Return the summary of the rows of X with these indices, None for all."""
        m = len(X) if rows is None else len(rows)
        encoder, counts = self.encoder, np.zeros(0)
        if encoder is None:
            if isinstance(X, SparseRows):
                sampled, numbers = _sparse(X, rows)
                return Summary(m, sampled, sampled, numbers, counts)
            sampled, numbers = _dense(X, rows)
            return Summary(m, sampled if len(numbers[0]) < X.shape[1] else m, sampled, numbers, counts)
        entries = X if isinstance(X, np.ndarray) else X.data.reshape(len(X), -1)
        sampled, numbers = _encoded(encoder, entries, rows)
        if isinstance(X, SparseRows):
            counts = _counts(encoder, X.indices.reshape(len(X), -1), entries, rows)
        return Summary(m, m, sampled, numbers, counts)

    def __getstate__(self) -> tuple[Any, ...]:
        return self.encoder, self.n_columns, self.summary

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.__init__(*state)  # type: ignore[misc]


def rounded(column: list[float]) -> list[float]:
    """Return the numbers of a column as files and schemas have them: all but the range with six digits."""
    return [*column[:MEAN], *(float(f"{number:.6g}") for number in column[MEAN:])]


def categorical(encoder: Tabular | None) -> list[Categorical]:
    """Return the columns of categories that become columns of the encoded rows."""
    columns = () if encoder is None else encoder.columns_
    return [column for column in columns if isinstance(column, Categorical) and column.width]


def numeric(encoder: Tabular) -> list[tuple[int, Numeric | Date, int]]:
    """Return place in X, column, and place in the encoded rows, of the columns of numbers and of dates."""
    found, place = [], 0
    for i, column in enumerate(encoder.columns_):
        if isinstance(column, (Numeric, Date)) and column.n_numbers:
            found.append((i, column, place))
            place += column.n_numbers
    return found


def _n_numbers(encoder: Tabular | None, n_columns: int) -> int:
    n = n_columns if encoder is None else len(numeric(encoder))
    return n if n <= SEPARATE else 1


def _chosen(rows: Array | None, weights: Array | None) -> Array | None:
    """Return the indices of the rows whose weight is not 0; None for all."""
    if weights is None:
        return rows
    used = (weights if rows is None else weights[rows]) != 0
    if used.all():
        return rows
    return np.flatnonzero(used) if rows is None else rows[used]


def _sample(m: int, most: int) -> Array | None:
    """Return the sorted indices of at most `most` of m rows, which are evenly spread; None for all."""
    if m <= most:
        return None
    places = np.arange(most)
    return ((places + places * _GOLDEN % 1.0) * (m / most)).astype(np.int64)  # one in each of `most` parts


def _taken(X: Array, rows: Array | None, most: int) -> Array:
    """Return at most `most` of the rows with these indices."""
    sample = _sample(len(X) if rows is None else len(rows), most)
    if sample is not None:
        rows = sample if rows is None else rows[sample]
    return X if rows is None else X[rows]


def _copied(X: Samples, rows: Array | None) -> Samples:
    """Return the rows with these indices, None for all; they share no memory with X."""
    if isinstance(X, np.ndarray):
        return X.copy() if rows is None else X[rows]
    return X.select(np.arange(len(X)) if rows is None else rows)


# ---- numbers


def _dense(X: Array, rows: Array | None) -> tuple[int, Array]:
    """Return the number of rows in the sample, and the summary of columns of numbers without missing values."""
    k = X.shape[1]
    if k > SEPARATE:
        some = _taken(X, rows, max(1, _RANGED // k))
        few = _taken(some, None, max(1, _SAMPLED // k)).reshape(1, -1)
        return len(some), np.array([[some.min()], [some.max()], *_moments(few.astype(np.float64)), [0.0]])
    some = _taken(X, rows, max(1, _SAMPLED // k))
    columns = np.array(some.T, np.float64, order="C")
    m = len(X) if rows is None else len(rows)
    low, high = (columns.min(axis=1), columns.max(axis=1)) if len(some) == m else _range(X, rows)
    return len(some), np.array([low, high, *_moments(columns), np.zeros(k)])


def _moments(columns: Array) -> tuple[Array, Array]:
    """Return means and deviations of columns (k, m), which are overwritten.

    Where they are beyond the range of float64, they are the middle and half the width of the range.
    """
    low, high = columns.min(axis=1), columns.max(axis=1)
    with np.errstate(all="ignore"):
        mean = columns.mean(axis=1)
        columns -= mean[:, np.newaxis]
        columns *= columns
        deviation = np.sqrt(columns.mean(axis=1))
        usable = np.isfinite(mean) & np.isfinite(deviation)
    return np.where(usable, mean, low / 2 + high / 2), np.where(usable, deviation, high / 2 - low / 2)


def _range(X: Array, rows: Array | None) -> tuple[Array, Array]:
    """Return the lowest and the highest number of each column."""
    m, k = len(X) if rows is None else len(rows), X.shape[1]
    height, lows, highs = max(1, _BLOCK // k), [], []
    for start in range(0, m, height):
        block = X[start : start + height] if rows is None else X[rows[start : start + height]]
        times = _FOLDED // k
        if len(block) >= 2 * times > 2 and block.flags.c_contiguous:  # NumPy is slow for short rows
            whole = len(block) // times * times
            folded, rest = block[:whole].reshape(-1, times * k), block[whole:]
            lows += [*folded.min(axis=0).reshape(times, k), *rest]
            highs += [*folded.max(axis=0).reshape(times, k), *rest]
        else:
            lows.append(block.min(axis=0))
            highs.append(block.max(axis=0))
    return np.min(lows, axis=0), np.max(highs, axis=0)


def _sparse(X: SparseRows, rows: Array | None) -> tuple[int, Array]:
    """Return the number of rows in the sample, and the summary of all columns of sparse rows together or each."""
    m, k = len(X) if rows is None else len(rows), X.shape[1]
    width = max(1, len(X.data) // len(X))
    sample = _sample(m, max(1, _SAMPLED // (width if k > SEPARATE else k)))
    if sample is not None:
        rows = sample if rows is None else rows[sample]
    some = X if rows is None else X.select(rows)
    if k <= SEPARATE:
        full = np.zeros(some.shape, some.dtype)
        row, column, number = some.entries(slice(0, len(some)))
        full[row, column] = number
        return len(some), _dense(full, None)[1]
    stored, n = some.data[: some.indptr[-1]].astype(np.float64), len(some) * k
    with np.errstate(all="ignore"):
        mean = stored.sum() / n
        deviation = np.sqrt((((stored - mean) ** 2).sum() + (n - len(stored)) * mean**2) / n)
        mean, deviation = np.nan_to_num([mean, deviation])
    zeros = [0.0] if len(stored) < n else []
    low, high = min([*zeros, stored.min(initial=np.inf)]), max([*zeros, stored.max(initial=-np.inf)])
    return len(some), np.array([[low], [high], [mean], [deviation], [0.0]])


def _encoded(encoder: Tabular, entries: Array, rows: Array | None) -> tuple[int, Array]:
    """Return the number of rows in the sample, and the summary of the columns of numbers of encoded rows.

    `entries` (m, n) are the stored numbers of each row: numbers, indicators of missing ones, categories.
    """
    columns = numeric(encoder)
    if not columns:
        return len(entries) if rows is None else len(rows), np.zeros((5, 0))
    places = [place for _, _, place in columns]
    indicators: dict[int, int] = {}
    for i, column, _ in columns:
        if column.indicator:
            indicators[i] = encoder.n_numeric_ + len(indicators)
    sampled, numbers = _dense(entries[:, places], rows)
    if numbers.shape[1] < len(columns):
        gaps = sum(float(_of(entries, rows, place).sum()) for place in indicators.values())
        numbers[MISSING] = gaps / (len(columns) * (len(entries) if rows is None else len(rows)))
        return sampled, numbers
    for j, (i, _, place) in enumerate(columns):
        if i in indicators:  # missing numbers have been replaced
            gaps = _of(entries, rows, indicators[i]) != 0
            numbers[MISSING, j] = gaps.mean()
            present = _of(entries, rows, place)[~gaps][:, np.newaxis]
            numbers[:MISSING, j] = _dense(present, None)[1][:MISSING, 0] if len(present) else np.nan
    return sampled, numbers


def _of(entries: Array, rows: Array | None, place: int) -> Array:
    """Return one column of the chosen rows."""
    column: Array = entries[:, place] if rows is None else entries[rows, place]
    return column


def _counts(encoder: Tabular, indices: Array, entries: Array, rows: Array | None) -> Array:
    """Return the number of rows of each category, and of missing ones, one column after the other."""
    columns, found = categorical(encoder), []
    start = encoder.n_columns_ - sum(column.width for column in columns)
    first = entries.shape[1] - len(columns)
    for j, column in enumerate(columns, start=first):
        codes = np.where(_of(entries, rows, j) != 0, _of(indices, rows, j) - start, column.width)
        found.append(np.bincount(codes, minlength=column.width + 1))
        start += column.width
    return np.concatenate(found).astype(np.float64) if found else np.zeros(0)
